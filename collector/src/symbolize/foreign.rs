//! Code that is not Go's: C linked in by cgo, shared libraries, the vDSO. Named by blazesym while the process
//! is there, and remembered, because few such addresses come again and again.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use blazesym::{
    Pid as BlazesymPid,
    symbolize::{
        Input, ProcessMemberInfo, Symbolizer as Blazesym,
        source::{Process, Source},
    },
};

use crate::model::{binary::GoBinary, frame::Frame, process::Pid};

use super::{executable, frames, stack::Place};

/// Addresses remembered of all processes together; then all are forgotten and learnt anew.
const MAX_REMEMBERED: usize = 16 * 1024;

#[derive(Debug, Default)]
pub(super) struct ForeignCode {
    known: Mutex<HashMap<(Pid, Place), Vec<Frame>>>,
}

impl ForeignCode {
    /// The frames of each place.
    pub fn frames(
        &self,
        pid: Pid,
        binary: &GoBinary,
        bias: u64,
        places: &[Place],
    ) -> HashMap<Place, Vec<Frame>> {
        let mut found = HashMap::new();
        let mut unknown = Vec::new();
        {
            let known = self.lock();
            for place in places {
                match known.get(&(pid, *place)) {
                    Some(frames) => {
                        found.insert(*place, frames.clone());
                    }
                    None => unknown.push(*place),
                }
            }
        }
        if !unknown.is_empty() {
            let learnt = ask_blazesym(pid, binary, bias, &unknown);
            self.remember(pid, &learnt);
            found.extend(learnt);
        }
        found
    }

    pub fn forget(&self, pid: Pid) {
        self.lock().retain(|(known, _), _| *known != pid);
    }

    fn remember(&self, pid: Pid, learnt: &HashMap<Place, Vec<Frame>>) {
        let mut known = self.lock();
        if known.len() + learnt.len() > MAX_REMEMBERED {
            known.clear();
        }
        known.extend(
            learnt
                .iter()
                .map(|(place, frames)| ((pid, *place), frames.clone())),
        );
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(Pid, Place), Vec<Frame>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Every place gets a frame, with no more than its address where the process has gone or nothing is known.
fn ask_blazesym(
    pid: Pid,
    binary: &GoBinary,
    bias: u64,
    places: &[Place],
) -> HashMap<Place, Vec<Frame>> {
    let binary = Arc::new(binary.clone());
    let symbolizer = Blazesym::builder()
        .set_process_dispatcher(move |member: ProcessMemberInfo<'_>| {
            Ok(executable::dispatch(&binary, bias, &member))
        })
        .build();
    let mut process = Process::new(BlazesymPid::from(pid.0));
    // A file that the target writes and anyone can fill; Go has no use for it.
    process.perf_map = false;
    let lookups: Vec<u64> = places.iter().map(|place| place.lookup).collect();
    let symbols = symbolizer.symbolize(&Source::Process(process), Input::AbsAddr(&lookups));
    let symbols = symbols.unwrap_or_default();
    places
        .iter()
        .enumerate()
        .map(|(index, place)| {
            let symbol = symbols.get(index).and_then(|symbol| symbol.as_sym());
            (*place, frames::of_symbol(place.address, symbol))
        })
        .collect()
}
