//! Durations of map writes by size: what is kept of a write that is not slow.

/// Each doubling of the duration is divided into this many buckets: a bucket is at most a sixteenth of its values wide.
pub const BUCKETS_PER_DOUBLING: u64 = 1 << SUB_BITS;
const SUB_BITS: u32 = 4;
/// Durations from 2^35 ns (34 s) on are in the last bucket.
const DOUBLINGS: u32 = 35;
/// A power of two: the verifier follows a mask, but not the arithmetic of [`bucket`].
pub const HISTOGRAM_BUCKETS: usize = ((DOUBLINGS - SUB_BITS + 1) << SUB_BITS) as usize;

/// Callers of all functions that have a histogram of their own; what others write is counted under caller 0.
pub const MAX_WRITERS: u32 = 1024;

/// Who writes: a function of the runtime, called from one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct WriterKey {
    pub pid: u32,
    /// `Cookie::function`
    pub function: u32,
    /// The return address; 0: not known, or there was no room for it.
    pub caller: u64,
}

/// Durations in nanoseconds, without what the probes add.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub struct WriteHistogram {
    pub sum: u64,
    pub max: u64,
    pub buckets: [u64; HISTOGRAM_BUCKETS],
}

/// The bucket of a duration: below 16 ns one for each; from there on, 16 for each doubling.
#[inline(always)]
pub const fn bucket(nanos: u64) -> usize {
    if nanos < BUCKETS_PER_DOUBLING {
        return nanos as usize;
    }
    let doublings = 63 - nanos.leading_zeros() - SUB_BITS;
    let within = nanos >> doublings & (BUCKETS_PER_DOUBLING - 1);
    let bucket = ((doublings as usize + 1) << SUB_BITS) + within as usize;
    if bucket < HISTOGRAM_BUCKETS {
        bucket
    } else {
        HISTOGRAM_BUCKETS - 1
    }
}

/// The shortest duration of a bucket. That of the next bucket ends it.
pub const fn bucket_start(bucket: usize) -> u64 {
    let within = bucket as u64 & (BUCKETS_PER_DOUBLING - 1);
    match bucket >> SUB_BITS {
        0 => within,
        doublings => (BUCKETS_PER_DOUBLING + within) << (doublings - 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_follow_each_other_and_none_is_wider_than_a_sixteenth() {
        for number in 0..HISTOGRAM_BUCKETS - 1 {
            let (start, end) = (bucket_start(number), bucket_start(number + 1));
            assert_eq!((bucket(start), bucket(end - 1)), (number, number));
            assert!(end - start == 1 || (end - start) * BUCKETS_PER_DOUBLING <= start);
        }
        assert_eq!(bucket_start(HISTOGRAM_BUCKETS), 1 << DOUBLINGS);
        assert!(HISTOGRAM_BUCKETS.is_power_of_two());
    }

    #[test]
    fn what_is_longer_than_any_bucket_is_in_the_last() {
        for nanos in [1 << 35, 1 << 40, u64::MAX] {
            assert_eq!(bucket(nanos), HISTOGRAM_BUCKETS - 1);
        }
    }
}
