//! Where Go was told to end a program, and where else the map grew then.

use slowmap_abi::{EventKind, WriteEvent};

use super::stack;
use crate::model::{binary::VirtualAddress, time::Ktime, write::RawStack};

/// A goroutine that Go was told to end the program by, or one in which its map grew then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Where the text is that says why, and how long it is; `None`: it is the other goroutine.
    pub text: Option<(VirtualAddress, u64)>,
    pub goid: u64,
    /// 0: not known.
    pub map: u64,
    pub map_type: u64,
    pub stack: RawStack,
    pub time: Ktime,
    /// For how long the map had been growing.
    pub nano: u64,
}

/// `None`: the event is of a write.
pub fn ending(event: &WriteEvent) -> Option<Ending> {
    let fatal = event.kind == EventKind::Fatal as u32;
    if !fatal && event.kind != EventKind::GrowthAtFatal as u32 {
        return None;
    }
    let [address, length, ..] = event.scratch;
    Some(Ending {
        text: fatal.then_some((VirtualAddress(address), length)),
        goid: event.goid,
        map: event.map,
        map_type: event.map_type,
        stack: stack(event),
        time: Ktime(event.end),
        nano: event.end.saturating_sub(event.start),
    })
}
