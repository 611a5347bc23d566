//! The request that a goroutine serves, for services whose spans are not there to be found.
//!
//! The frame of the connection's own function leads to it: as long as it is on the stack, the slot of its first argument
//! holds the connection, with which it goes on after the handler. The connection names the response at work, which has to
//! point back at it, and whose handler has to run: on a connection that is kept alive that is the request of now, or none.
//! No other word of the stack is believed.

use core::ffi::c_void;

use aya_ebpf::helpers::{bpf_probe_read_user, generated::bpf_loop};
use slowmap_abi::{LABEL, RequestSearch, STATE_OWN_LABELS, STATE_TRACEPARENT, Target, WriteEvent};

use crate::{
    goroutine,
    goroutine::read_word,
    registers::{argument_slots, caller_frame},
    string_map,
};

/// Frames from the write to the server's.
const MAX_DEPTH: u32 = 128;

const CONTINUE: i64 = 0;
const STOP: i64 = 1;

#[repr(C)]
struct Walk {
    target: *const Target,
    event: *mut WriteEvent,
    bp: u64,
    /// Where the arguments of the server's function are; 0: it was not found.
    arguments: u64,
}

/// Puts the request's header into the event, if the goroutine serves one that has it, and the goroutine's labels, where
/// there is something to hold them against.
#[inline(never)]
pub fn search(event: &mut WriteEvent, target: &Target, g: u64, bp: u64) -> u64 {
    if target.requests.server.end | u64::from(target.labels.g_labels) == 0 {
        return 0;
    }
    event.labels = [[0; LABEL]; 2];
    let mut walk = Walk {
        target,
        event,
        bp,
        arguments: 0,
    };
    // SAFETY: the callback gets the state of this frame, which outlives the loop.
    unsafe {
        bpf_loop(
            MAX_DEPTH,
            next_frame as *mut c_void,
            (&raw mut walk).cast(),
            0,
        )
    };
    if walk.arguments != 0
        && goroutine::is_on_stack(target, g, walk.arguments)
        && let Some(header) = header_of(&target.requests, walk.arguments)
    {
        string_map::find_traceparent(event, target, header);
    }
    if target.labels.g_labels != 0 && event.state & (STATE_OWN_LABELS | STATE_TRACEPARENT) != 0 {
        string_map::find_labels(event, target, g);
    }
    0
}

unsafe extern "C" fn next_frame(_index: u32, state: *mut c_void) -> i64 {
    // SAFETY: `search` passes its state, with a map value that lives as long as the program runs.
    let (walk, target, event) = unsafe {
        let walk = &mut *state.cast::<Walk>();
        let (target, event) = (&*walk.target, &mut *walk.event);
        (walk, target, event)
    };
    if walk.bp == 0 {
        return STOP;
    }
    // SAFETY: the helper checks the address and faults nothing in.
    let Ok([next, return_address]) = (unsafe { bpf_probe_read_user(walk.bp as *const [u64; 2]) })
    else {
        return STOP;
    };
    walk.bp = next;
    let (server, setter) = (target.requests.server, target.labels.setter);
    if return_address >= setter.start && return_address < setter.end {
        event.state |= STATE_OWN_LABELS;
    }
    if return_address < server.start || return_address >= server.end {
        return CONTINUE;
    }
    walk.arguments = argument_slots(caller_frame(next));
    STOP
}

/// The header of the request that the connection's handler is at.
#[inline(always)]
fn header_of(search: &RequestSearch, arguments: u64) -> Option<u64> {
    let at = |base: u64, offset: u32| base.wrapping_add(u64::from(offset));
    let connection = read_word(arguments)?;
    let response = read_word(at(connection, search.response))?;
    if response == 0 || read_word(at(response, search.connection))? != connection {
        return None;
    }
    let done = at(response, search.handler_done) as *const u8;
    // SAFETY: the helper checks the address and faults nothing in.
    if unsafe { bpf_probe_read_user(done) }.ok()? != 0 {
        return None;
    }
    let request = read_word(at(response, search.request))?;
    read_word(at(request, search.header))
}
