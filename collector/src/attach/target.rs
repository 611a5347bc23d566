//! The description of a target that the BPF programs read, made from its plan.

use aya::{
    Ebpf, Pod,
    maps::{HashMap, MapData},
};
use slowmap_abi::{
    ABSENT, AddressRange, CodeRanges, MAX_ASSIGN_RANGES, MAX_CONTEXT_ITABS, MapKind,
    RuntimeOffsets, SpanSearch, Target, WriteWindow,
};

use super::{AttachError, requests};
use crate::model::{
    binary::VirtualAddress,
    layout::{MapLayout, RuntimeLayout},
    plan::{self, ProbePlan},
};

#[derive(Debug, Clone, Copy)]
#[repr(transparent)]
pub(super) struct TargetEntry(pub Target);

// SAFETY: `repr(C)`, of integers only, and without padding (asserted below).
unsafe impl Pod for TargetEntry {}

const _NO_PADDING: () = assert!(
    size_of::<Target>()
        == 8 * 2
            + 4 * 8
            + 16 * (2 + MAX_ASSIGN_RANGES)
            + 4 * 14
            + 8 * (7 + MAX_CONTEXT_ITABS)
            + 16
            + 4 * 8
            + 16
            + 4 * (6 + 4 + 6)
            + 16
            + 4 * (2 + 6)
);

/// The table of targets, by process.
pub(super) fn table(
    ebpf: &mut Ebpf,
) -> Result<HashMap<&mut MapData, u64, TargetEntry>, AttachError> {
    let map = ebpf
        .map_mut("TARGETS")
        .ok_or(AttachError::Object("TARGETS"))?;
    HashMap::try_from(map).map_err(AttachError::map)
}

pub(super) fn entry(plan: &ProbePlan, bias: u64, threshold: u64, trap: u64) -> Target {
    Target {
        threshold,
        half_trap: trap / 2,
        writes: WriteWindow::default(),
        code: code(plan, bias),
        offsets: offsets(&plan.layout),
        spans: plan
            .span_search
            .as_ref()
            .map(|search| spans(search, bias))
            .unwrap_or_default(),
        requests: plan
            .request_search
            .as_ref()
            .map(|search| requests::search(search, bias))
            .unwrap_or_default(),
        labels: plan
            .label_search
            .as_ref()
            .map(|search| requests::labels(search, bias))
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
        g_defer: layout.g_defer.unwrap_or(ABSENT),
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
        server_transport_itab: or_none(search.server_transport_itab),
        context_itabs,
        itabs,
        start_time: search.layout.start_time,
        end_time: search.layout.end_time,
        span_context: search.layout.span_context,
        trace_id: search.layout.trace_id,
        span_id: search.layout.span_id,
        trace_flags: search.layout.trace_flags,
        non_recording_span_context: search.layout.non_recording_span_context,
        _reserved: 0,
    }
}
