//! The slow writes of a recording, by service, and which of them could make a request slow.
//!
//! A request waits for what one goroutine does: itself, or one that holds a lock. So writes of different goroutines are never
//! added up; those of one are, as far as a request of that length can have waited for all of them.

use std::{collections::BTreeMap, sync::Arc};

use crate::model::{
    cause::{Breakdown, Cause},
    recorded::{RecordedWrite, Stack},
    trace::SpanContext,
};

/// What happens to a goroutine whether it writes to a map or not.
const NOT_OF_THE_MAP: [Cause; 5] = [
    Cause::GcAssist,
    Cause::StopTheWorld,
    Cause::GoroutinePreempted,
    Cause::RunQueue,
    Cause::Blocked,
];

/// What is kept of a write. Times in nanoseconds since the Unix epoch.
#[derive(Debug, Clone)]
pub struct Write {
    pub start: i64,
    pub end: i64,
    /// Its duration without what is not the map's.
    pub own_nano: u64,
    pub cause: Cause,
    pub map_type: Option<Arc<str>>,
    pub stack: Arc<Stack>,
    pub context: Option<SpanContext>,
}

/// A process, and a goroutine of it; a thread where the goroutine is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Goroutine {
    pub pid: u32,
    pub goid: Option<u64>,
    tid: u32,
    /// Of which recording, if several were merged.
    recording: Option<u32>,
}

/// The writes of one goroutine, in the order of their starts.
pub type ByGoroutine = BTreeMap<Goroutine, Vec<Write>>;

#[derive(Debug, Default)]
pub struct SlowWrites {
    by_service: BTreeMap<String, ByGoroutine>,
}

impl SlowWrites {
    pub fn add(&mut self, write: &RecordedWrite) {
        let service = write.service_name.as_deref().unwrap_or_default();
        let start = write.time.0.cast_signed();
        let goroutine = Goroutine {
            pid: write.pid,
            goid: write.goid,
            tid: write.goid.map_or(write.tid, |_| 0),
            recording: write.recording,
        };
        let kept = Write {
            start,
            end: start.saturating_add_unsigned(write.duration_nano),
            own_nano: own(write.duration_nano, &write.breakdown),
            cause: write.cause,
            map_type: write.map_type.clone(),
            stack: Arc::clone(&write.stack),
            context: write.context,
        };
        if !self.by_service.contains_key(service) {
            self.by_service
                .insert(service.to_owned(), ByGoroutine::new());
        }
        let Some(goroutines) = self.by_service.get_mut(service) else {
            return;
        };
        goroutines.entry(goroutine).or_default().push(kept);
    }

    /// The writes of a service; none at all where there was none.
    pub fn of(mut self, service: &str) -> ByGoroutine {
        let mut goroutines = self.by_service.remove(service).unwrap_or_default();
        for writes in goroutines.values_mut() {
            writes.sort_by_key(|write| write.start);
        }
        goroutines
    }

    /// When the first began and the last ended.
    pub fn span(&self) -> Option<(i64, i64)> {
        let all = || {
            self.by_service
                .values()
                .flat_map(BTreeMap::values)
                .flatten()
        };
        let first = all().map(|write| write.start).min()?;
        Some((first, all().map(|write| write.end).max()?))
    }

    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.by_service.keys().map(String::as_str)
    }
}

fn own(duration: u64, breakdown: &Breakdown) -> u64 {
    let others = NOT_OF_THE_MAP.iter().map(|&cause| breakdown.get(cause));
    duration.saturating_sub(others.fold(0, u64::saturating_add))
}

/// Writes of one goroutine that a request can have waited for, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Chain<'a> {
    pub goroutine: Goroutine,
    pub writes: &'a [Write],
    pub own_nano: u64,
}

/// Of those that touch the time, the one with the most of the map's own work. `length`: how long a request took.
pub fn longest_chain(
    goroutines: &ByGoroutine,
    (from, until): (i64, i64),
    length: u64,
) -> Option<Chain<'_>> {
    let mut longest: Option<Chain<'_>> = None;
    for (&goroutine, writes) in goroutines {
        let begin = writes.partition_point(|write| write.end < from);
        let end = writes.partition_point(|write| write.start <= until);
        let writes = writes.get(begin..end).unwrap_or_default();
        chains(writes, length, |first, last, own_nano| {
            if longest.is_none_or(|longest| own_nano > longest.own_nano) {
                longest = Some(Chain {
                    goroutine,
                    writes: &writes[first..=last],
                    own_nano,
                });
            }
        });
    }
    longest
}

/// Where a window of this reach has to end for a chain of at least that much work to touch it: intervals that do not
/// overlap, in order. `tolerance` is what the window has at both ends besides.
pub fn reached(
    goroutines: &ByGoroutine,
    needed: u64,
    length: u64,
    reach: i64,
    tolerance: i64,
) -> Vec<(i64, i64)> {
    let mut intervals = Vec::new();
    for writes in goroutines.values() {
        chains(writes, length, |first, last, own_nano| {
            // A shorter chain that ends here and suffices is touched by more windows.
            let (mut first, mut own_nano) = (first, own_nano);
            while first < last && own_nano.saturating_sub(writes[first].own_nano) >= needed {
                own_nano = own_nano.saturating_sub(writes[first].own_nano);
                first += 1;
            }
            let from = writes[last].start.saturating_sub(tolerance);
            let until = writes[first].end.saturating_add(reach + tolerance);
            if own_nano >= needed && from <= until {
                intervals.push((from, until));
            }
        });
    }
    merged(intervals)
}

/// For each write the longest chain that ends with it: its first, its last, and how much work it is.
fn chains(writes: &[Write], length: u64, mut each: impl FnMut(usize, usize, u64)) {
    let (mut first, mut own) = (0, 0_u64);
    for (last, write) in writes.iter().enumerate() {
        own = own.saturating_add(write.own_nano);
        while first < last && write.end.abs_diff(writes[first].start) > length {
            own = own.saturating_sub(writes[first].own_nano);
            first += 1;
        }
        each(first, last, own);
    }
}

fn merged(mut intervals: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    intervals.sort_unstable();
    let mut merged: Vec<(i64, i64)> = Vec::new();
    for (from, until) in intervals {
        match merged.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(until),
            _ => merged.push((from, until)),
        }
    }
    merged
}

/// How many writes touch the time.
pub fn touching(goroutines: &ByGoroutine, (from, until): (i64, i64)) -> usize {
    let touching = |writes: &Vec<Write>| {
        let begin = writes.partition_point(|write| write.end < from);
        let end = writes.partition_point(|write| write.start <= until);
        end.saturating_sub(begin)
    };
    goroutines.values().map(touching).sum()
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn write(start: i64, own_nano: u64) -> Write {
        Write {
            start,
            end: start + own_nano.cast_signed(),
            own_nano,
            cause: Cause::Growth,
            map_type: None,
            stack: Arc::new(Stack::new(0, Vec::new(), None)),
            context: None,
        }
    }

    pub fn goroutines(writes: &[&[(i64, u64)]]) -> ByGoroutine {
        let of = |(goid, writes): (usize, &&[(i64, u64)])| {
            let goroutine = Goroutine {
                pid: 1,
                goid: Some(goid as u64),
                tid: 0,
                recording: None,
            };
            let writes = writes.iter().map(|&(start, own)| write(start, own));
            (goroutine, writes.collect())
        };
        writes.iter().enumerate().map(of).collect()
    }

    #[test]
    fn writes_of_one_goroutine_add_up_within_a_requests_length_and_those_of_several_do_not() {
        let goroutines = goroutines(&[&[(0, 30), (40, 30), (500, 50)], &[(10, 55)]]);
        let longest = |window, length| longest_chain(&goroutines, window, length).unwrap();
        assert_eq!(longest((0, 1_000), 70).own_nano, 60);
        assert_eq!(longest((0, 1_000), 69).own_nano, 55);
        assert_eq!(longest((200, 1_000), 1_000).own_nano, 50);
        assert!(longest_chain(&goroutines, (600, 900), 100).is_none());
        assert_eq!(touching(&goroutines, (35, 500)), 3);
    }

    #[test]
    fn goroutines_of_merged_recordings_are_not_taken_for_one_by_their_numbers() {
        let mut writes = SlowWrites::default();
        for recording in [0, 1] {
            let write = super::super::verdict::tests::recorded("shop", 1.0, 40);
            writes.add(&RecordedWrite {
                recording: Some(recording),
                ..write
            });
        }
        let longest =
            longest_chain(&writes.of("shop"), (0, i64::MAX), 1_000).map(|chain| chain.own_nano);
        assert_eq!(longest, Some(40));
    }

    #[test]
    fn a_write_longer_than_the_request_counts_by_itself() {
        let goroutines = goroutines(&[&[(0, 500)]]);
        assert_eq!(
            longest_chain(&goroutines, (0, 9), 100).unwrap().own_nano,
            500
        );
    }

    #[test]
    fn a_window_that_ends_where_it_is_said_to_is_touched_and_no_other() {
        let goroutines = goroutines(&[&[(1_000, 30), (1_050, 30), (3_000, 100)], &[(1_100, 5)]]);
        let (needed, length, reach, tolerance) = (60, 200, 300, 20);
        let reached = reached(&goroutines, needed, length, reach, tolerance);
        assert_eq!(reached, [(1_030, 1_350), (2_980, 3_420)]);
        for end in (0..4_000).step_by(10) {
            let window = (end - reach - tolerance, end + tolerance);
            let chain = longest_chain(&goroutines, window, length);
            let explains = chain.is_some_and(|chain| chain.own_nano >= needed);
            let said = reached
                .iter()
                .any(|&(from, until)| (from..=until).contains(&end));
            assert_eq!(explains, said, "{end}");
        }
    }

    #[test]
    fn what_is_not_the_maps_is_none_of_its_work() {
        let mut breakdown = Breakdown::default();
        breakdown.add(Cause::Growth, 100);
        breakdown.add(Cause::RunQueue, 700);
        assert_eq!(own(1_000, &breakdown), 300);
        breakdown.add(Cause::Blocked, 700);
        assert_eq!(own(1_000, &breakdown), 0);
    }
}
