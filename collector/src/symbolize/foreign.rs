//! Code that is not Go's: C linked in by cgo, shared libraries, the vDSO.

use crate::model::{binary::GoBinary, frame::Frame, process::Pid};

use super::{frames, stack::Place};

#[derive(Debug, Default)]
pub(super) struct ForeignCode {}

impl ForeignCode {
    pub fn frames(&self, _pid: Pid, _binary: &GoBinary, place: Place) -> Vec<Frame> {
        let _ = frames::push_symbol;
        vec![frames::unknown(place.address)]
    }

    pub fn forget(&self, _pid: Pid) {}
}
