//! What made a write slow, and how its time divides.

use std::fmt::{self, Formatter};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
    ser::SerializeMap,
};

/// Why a map write was slow. The names are part of the public interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The map allocated a larger table and moved its entries.
    Growth,
    /// An old bucket's entries were moved during an incremental growth (hmap).
    Evacuation,
    /// The collector made the goroutine mark memory, or wait for marking, before it could allocate.
    GcAssist,
    /// A large allocation, zeroing included.
    Allocation,
    /// The world was stopped in mid-write.
    StopTheWorld,
    /// The Go scheduler took the goroutine off its thread and let it wait.
    GoroutinePreempted,
    /// The kernel took the CPU from the thread, which waited in a run queue.
    RunQueue,
    /// The kernel handled page faults of the write.
    PageFault,
    /// The thread slept in the kernel.
    Blocked,
    /// Nothing that was observed explains it.
    Unknown,
}

impl Cause {
    /// In the order in which ties are decided: the more specific first.
    pub const ALL: [Cause; 10] = [
        Cause::StopTheWorld,
        Cause::GcAssist,
        Cause::PageFault,
        Cause::GoroutinePreempted,
        Cause::RunQueue,
        Cause::Blocked,
        Cause::Evacuation,
        Cause::Allocation,
        Cause::Growth,
        Cause::Unknown,
    ];

    /// The name in the public interface.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Growth => "growth",
            Cause::Evacuation => "evacuation",
            Cause::GcAssist => "gc_assist",
            Cause::Allocation => "allocation",
            Cause::StopTheWorld => "stop_the_world",
            Cause::GoroutinePreempted => "goroutine_preempted",
            Cause::RunQueue => "run_queue",
            Cause::PageFault => "page_fault",
            Cause::Blocked => "blocked",
            Cause::Unknown => "unknown",
        }
    }
}

/// Nanoseconds by cause. Parts do not overlap, so their sum never exceeds the duration.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Breakdown(Vec<(Cause, u64)>);

impl Breakdown {
    /// Adds to a part; zero leaves no entry.
    pub fn add(&mut self, cause: Cause, nanos: u64) {
        if nanos == 0 {
            return;
        }
        match self.0.iter_mut().find(|(known, _)| *known == cause) {
            Some((_, sum)) => *sum = sum.saturating_add(nanos),
            None => self.0.push((cause, nanos)),
        }
    }

    /// Nanoseconds of a cause; zero where it had no part.
    pub fn get(&self, cause: Cause) -> u64 {
        self.0
            .iter()
            .find(|(known, _)| *known == cause)
            .map_or(0, |(_, nanos)| *nanos)
    }

    pub fn total(&self) -> u64 {
        self.0.iter().map(|(_, nanos)| nanos).sum()
    }

    pub fn iter(&self) -> impl Iterator<Item = (Cause, u64)> + '_ {
        self.0.iter().copied()
    }

    /// The cause with the largest part, `Unknown` where there is none.
    pub fn largest(&self) -> Cause {
        let mut best = (Cause::Unknown, 0);
        for cause in Cause::ALL {
            let nanos = self.get(cause);
            if nanos > best.1 {
                best = (cause, nanos);
            }
        }
        best.0
    }
}

impl Serialize for Breakdown {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (cause, nanos) in &self.0 {
            map.serialize_entry(cause.name(), nanos)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Breakdown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Parts)
    }
}

struct Parts;

impl<'de> Visitor<'de> for Parts {
    type Value = Breakdown;

    fn expecting(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("nanoseconds by cause")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Breakdown, A::Error> {
        let mut breakdown = Breakdown::default();
        while let Some((cause, nanos)) = map.next_entry()? {
            breakdown.add(cause, nanos);
        }
        Ok(breakdown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_part_is_the_cause_and_nothing_known_is_unknown() {
        let mut parts = Breakdown::default();
        assert_eq!(parts.largest(), Cause::Unknown);
        parts.add(Cause::Growth, 70);
        parts.add(Cause::GcAssist, 50);
        parts.add(Cause::GcAssist, 50);
        assert_eq!(parts.largest(), Cause::GcAssist);
        assert_eq!(parts.total(), 170);
    }
}
