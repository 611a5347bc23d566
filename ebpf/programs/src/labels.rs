//! Labels for profiles that name a trace and a span, by the keys that tools in use have for them.

use core::ffi::c_void;

use aya_ebpf::helpers::{bpf_probe_read_user, generated::bpf_probe_read_user as read_user};
use slowmap_abi::{LABEL, STATE_DECIMAL_SPAN, WriteEvent};

use crate::goroutine::read_word;

const fn word(text: &[u8; 8]) -> u64 {
    u64::from_le_bytes(*text)
}

/// Pyroscope; Datadog.
const TRACE_ID: u64 = word(b"trace_id");
const TRACE_ID_SPACED: u64 = word(b"trace id");
/// Parca's `otel.traceid`, in two words that overlap.
const OTEL_TRACE_ID: [u64; 2] = [word(b"otel.tra"), word(b".traceid")];
const OTEL_TRACE_ID_LENGTH: u64 = 12;
/// Without their last letter, which a word of another length cannot be compared by.
const SPAN_ID: [u32; 2] = [u32::from_le_bytes(*b"span"), u32::from_le_bytes(*b"n_id")];
const SPAN_ID_SPACED: u32 = u32::from_le_bytes(*b"n id");
const SPAN_ID_LENGTH: u64 = 7;

/// Keeps a label's value, if its key names a trace or a span.
#[inline(always)]
pub fn take(event: &mut WriteEvent, key: u64, value: u64) -> Option<()> {
    // SAFETY: the helper checks the address and faults nothing in.
    let [text, length] = unsafe { bpf_probe_read_user(key as *const [u64; 2]) }.ok()?;
    match length {
        8 => {
            let key = read_word(text)?;
            (key == TRACE_ID || key == TRACE_ID_SPACED).then_some(())?;
            keep(&mut event.labels[0], value)
        }
        OTEL_TRACE_ID_LENGTH => {
            let key = [read_word(text)?, read_word(text.wrapping_add(4))?];
            (key == OTEL_TRACE_ID).then_some(())?;
            keep(&mut event.labels[0], value)
        }
        SPAN_ID_LENGTH => {
            // SAFETY: as above.
            let (first, last) = unsafe {
                (
                    bpf_probe_read_user(text as *const u32).ok()?,
                    bpf_probe_read_user(text.wrapping_add(3) as *const u32).ok()?,
                )
            };
            let is_spaced = last == SPAN_ID_SPACED;
            (first == SPAN_ID[0] && (last == SPAN_ID[1] || is_spaced)).then_some(())?;
            if is_spaced {
                event.state |= STATE_DECIMAL_SPAN;
            }
            keep(&mut event.labels[1], value)
        }
        _ => None,
    }
}

/// Text that is longer than any id is none.
#[inline(always)]
fn keep(label: &mut [u8; LABEL], value: u64) -> Option<()> {
    // SAFETY: the helper checks the address and faults nothing in.
    let [text, length] = unsafe { bpf_probe_read_user(value as *const [u64; 2]) }.ok()?;
    if length > LABEL as u64 {
        return None;
    }
    // The compiler knows the bound and would drop the mask that the verifier needs.
    let length = core::hint::black_box(length as u32) & (2 * LABEL as u32 - 1);
    if length > LABEL as u32 {
        return None;
    }
    // SAFETY: it writes no more than the label has room for.
    unsafe { read_user(label.as_mut_ptr().cast(), length, text as *const c_void) };
    Some(())
}
