//! A large map that several goroutines write to in turn while it grows.
//!
//! Go lets no two goroutines write to a map at the same time: it ends the program. So something hands it from one to the
//! other, which is a lock as a rule, and whoever wants the map during a growth waits there. That they wait is concluded: a
//! goroutine that waits for a lock has not begun its write.

use std::collections::HashSet;

use super::large_map::Growth;
use crate::model::{
    advice::{Advice, Confidence},
    binary::VirtualAddress,
};

/// A map that is handed on and given back changes hands twice: a part of the program may have another one fill it.
const CHANGES: usize = 3;
/// So often it was the turn of a goroutine that had one before: those that have one each may come one after the other.
const RETURNS_SURE: usize = 10;

/// How goroutines take turns at one map.
#[derive(Debug, Clone, Copy)]
pub struct Turns {
    map: VirtualAddress,
    writers: usize,
    /// Growths in another goroutine than the one before.
    changes: usize,
    /// Whose map is known.
    growths: usize,
}

impl Turns {
    /// Of growths in their order; `None`: they are not known to be of one map that several goroutines share. One that is told
    /// of by a wait within it is not known to be of any map, and does not count; most have to be known.
    pub fn of(growths: &[Growth]) -> Option<Self> {
        let known = || {
            growths
                .iter()
                .filter_map(|growth| Some((growth.map?, growth.goid)))
        };
        let (map, _) = known().next()?;
        let goids: Vec<u64> = known()
            .map(|(other, goid)| goid.filter(|_| other == map))
            .collect::<Option<_>>()?;
        if goids.len() * 2 < growths.len() {
            return None;
        }
        let turns = Self {
            map,
            writers: goids.iter().collect::<HashSet<_>>().len(),
            changes: goids.windows(2).filter(|pair| pair[0] != pair[1]).count(),
            growths: goids.len(),
        };
        (turns.changes >= CHANGES).then_some(turns)
    }

    /// How often it was the turn of a goroutine that had one before.
    fn returns(self) -> usize {
        (self.changes + 1).saturating_sub(self.writers)
    }

    /// What is said of a map of that type and so many entries, beside what is known of it as a large one.
    pub fn advised(self, map_type: &str, entries: u64, large: Advice) -> Advice {
        let Self {
            map,
            writers,
            changes,
            growths,
        } = self;
        let mut evidence = large.evidence;
        evidence.push(format!(
            "It is one map, at {:#x}, to which {writers} goroutines write in turn: {changes} of {} times another one than \
             at the growth before. Go allows no two at the same time, so whoever else wants it waits meanwhile; how many \
             do is not measured.",
            map.0,
            growths - 1
        ));
        let returns_often = self.returns() >= RETURNS_SURE;
        Advice {
            rule: "shared_map",
            advice: format!(
                "Others wait for this map's lock while it grows. Make it with the size that it will have: \
                 make({map_type}, n), with n above {entries}; or split it by a hash of the key into many maps, each with a \
                 lock of its own: a growth then holds up few."
            ),
            evidence,
            confidence: if returns_often {
                large.confidence
            } else {
                Confidence::Medium
            },
            ..large
        }
    }
}
