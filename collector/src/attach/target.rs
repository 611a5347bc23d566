//! The description of a target that the BPF programs read, made from its plan.

use aya::{Ebpf, Pod, maps::HashMap};
use slowmap_abi::{
    ABSENT, AddressRange, CodeRanges, Descheduled, GoroutineKey, InFlight, MAX_ASSIGN_RANGES,
    MAX_CONTEXT_ITABS, MapKind, RuntimeOffsets, SpanSearch, Target,
};

use crate::model::{
    binary::VirtualAddress,
    layout::{MapLayout, RuntimeLayout},
    plan::{self, ProbePlan},
    process::Pid,
};

#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct TargetEntry(pub Target);

// SAFETY: `repr(C)`, of integers only, and without padding (asserted below).
unsafe impl Pod for TargetEntry {}

const _NO_PADDING: () = assert!(
    size_of::<Target>()
        == 8 + 16 * (2 + MAX_ASSIGN_RANGES) + 4 * 14 + 8 * (6 + MAX_CONTEXT_ITABS) + 16 + 4 * 6
);

/// A key of the programs' tables by goroutine.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Key(GoroutineKey);

// SAFETY: `repr(C)`, two integers of the same size.
unsafe impl Pod for Key {}

/// A value that nobody looks into.
#[derive(Clone, Copy)]
#[repr(transparent)]
struct Opaque<const SIZE: usize>([u8; SIZE]);

// SAFETY: bytes.
unsafe impl<const SIZE: usize> Pod for Opaque<SIZE> {}

/// Removes what was in flight in a process that is detached: goroutines that stay in mid-write would keep their
/// entries, and a later process of the same number would inherit them.
pub(super) fn forget(ebpf: &mut Ebpf, pid: Pid) {
    forget_in::<{ size_of::<InFlight>() }>(ebpf, "IN_FLIGHT", pid);
    forget_in::<{ size_of::<Descheduled>() }>(ebpf, "DESCHEDULED", pid);
}

fn forget_in<const SIZE: usize>(ebpf: &mut Ebpf, table: &str, pid: Pid) {
    let Some(map) = ebpf.map_mut(table) else {
        return;
    };
    let Ok(mut map) = HashMap::<_, Key, Opaque<SIZE>>::try_from(map) else {
        return;
    };
    let stale: Vec<Key> = map
        .keys()
        .filter_map(Result::ok)
        .filter(|key| key.0.pid == u64::from(pid.0))
        .collect();
    for key in stale {
        let _ = map.remove(&key); // It may have ended by itself meanwhile.
    }
}

pub(super) fn entry(plan: &ProbePlan, bias: u64, threshold: u64) -> Target {
    Target {
        threshold,
        code: code(plan, bias),
        offsets: offsets(&plan.layout),
        spans: plan
            .span_search
            .as_ref()
            .map(|search| spans(search, bias))
            .unwrap_or_default(),
    }
}

fn code(plan: &ProbePlan, bias: u64) -> CodeRanges {
    let mut assign = [AddressRange::default(); MAX_ASSIGN_RANGES];
    for (range, (_, start, end)) in assign.iter_mut().zip(&plan.map_assign) {
        *range = AddressRange {
            start: start.wrapping_add(bias),
            end: end.wrapping_add(bias),
        };
    }
    let used = assign.iter().filter(|range| range.end != 0);
    let assign_hull = AddressRange {
        start: used.clone().map(|range| range.start).min().unwrap_or(0),
        end: used.map(|range| range.end).max().unwrap_or(0),
    };
    let text = AddressRange {
        start: plan.text.start.wrapping_add(bias),
        end: plan.text.end.wrapping_add(bias),
    };
    CodeRanges {
        text,
        assign,
        assign_hull,
    }
}

fn offsets(layout: &RuntimeLayout) -> RuntimeOffsets {
    let (map_kind, map_len, map_size, table_capacity) = match layout.map {
        MapLayout::Hmap { count, b } => (MapKind::Hmap, count, b, 0),
        MapLayout::Swiss {
            used,
            dir_len,
            table_capacity,
            ..
        } => (MapKind::Swiss, used, dir_len, table_capacity),
    };
    RuntimeOffsets {
        g_stack_lo: layout.g_stack_lo,
        g_stack_hi: layout.g_stack_hi,
        g_m: layout.g_m,
        g_goid: layout.g_goid,
        g_parent_goid: layout.g_parent_goid.unwrap_or(ABSENT),
        g_sched_sp: layout.g_sched_sp,
        g_sched_pc: layout.g_sched_pc,
        g_sched_bp: layout.g_sched_bp,
        m_curg: layout.m_curg,
        map_kind: map_kind as u32,
        map_len,
        map_size,
        table_capacity,
        _reserved: 0,
    }
}

fn spans(search: &plan::SpanSearch, bias: u64) -> SpanSearch {
    let at = |address: VirtualAddress| address.0.wrapping_add(bias);
    let or_none = |address: Option<VirtualAddress>| address.map_or(0, at);
    let mut context_itabs = [0; MAX_CONTEXT_ITABS];
    for (slot, itab) in context_itabs.iter_mut().zip(&search.context_itabs) {
        *slot = at(*itab);
    }
    let mut known: Vec<u64> = context_itabs
        .iter()
        .copied()
        .filter(|itab| *itab != 0)
        .collect();
    known.extend([at(search.span_itab), at(search.value_context_itab)]);
    known.extend(search.non_recording_itab.map(at));
    let itabs = AddressRange {
        start: known.iter().copied().min().unwrap_or(u64::MAX),
        end: known.iter().copied().max().unwrap_or(0),
    };
    SpanSearch {
        enabled: 1,
        span_itab: at(search.span_itab),
        span_type: at(search.span_type),
        non_recording_itab: or_none(search.non_recording_itab),
        non_recording_type: or_none(search.non_recording_type),
        value_context_itab: at(search.value_context_itab),
        context_itabs,
        itabs,
        end_time: search.layout.end_time,
        span_context: search.layout.span_context,
        trace_id: search.layout.trace_id,
        span_id: search.layout.span_id,
        trace_flags: search.layout.trace_flags,
        non_recording_span_context: search.layout.non_recording_span_context,
    }
}
