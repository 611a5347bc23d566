//! A slow write with every field set, and small changes to it.

use std::{path::PathBuf, sync::Arc};

use slowmap::model::{
    binary::{BuildIds, Executable, FileOffset, VirtualAddress},
    cause::{Breakdown, Cause},
    frame::Frame,
    process::{GoProcess, Pid, TargetPid},
    time::{Ktime, UnixNanos},
    trace::{Correlation, SpanContext},
    write::{
        AttributedWrite, CorrelatedWrite, EntrySize, GoroutineId, RawStack, SlowWrite,
        SymbolizedWrite,
    },
};

pub const TRACE_ID: [u8; 16] = [0xa1; 16];
pub const SPAN_ID: [u8; 8] = [0xb2; 8];
pub const START: u64 = 1_700_000_000_123_456_789;
pub const DURATION: u64 = 2_500_000;

pub fn process(pid: u32, service: &str) -> Arc<GoProcess> {
    Arc::new(GoProcess {
        pid: Pid(pid),
        target_pid: TargetPid(7),
        start_ticks: 1_000,
        executable: PathBuf::from("/srv/bin/shop"),
        executable_inode: (1, 2),
        command_line: vec!["/srv/bin/shop".into()],
        service_name: Some(service.into()),
        resource_attributes: vec![
            ("service.instance.id".into(), "one".into()),
            ("deployment.environment.name".into(), "test".into()),
        ],
        container_id: Some("c0ffee".into()),
    })
}

fn executable() -> Executable {
    Executable {
        path: "/srv/bin/shop".into(),
        build_ids: BuildIds {
            gnu: Some("abad1dea".into()),
            go: Some("go/build/id".into()),
            htlhash: "00112233445566778899aabbccddeeff".into(),
        },
        code: 0x40_0000..0x50_0000,
        code_offset: FileOffset(0),
        go_code: 0x40_1000..0x48_0000,
    }
}

pub fn write(process: &Arc<GoProcess>) -> CorrelatedWrite {
    let mut breakdown = Breakdown::default();
    breakdown.add(Cause::Growth, 2_000_000);
    breakdown.add(Cause::GcAssist, 300_000);
    let write = SlowWrite {
        process: process.clone(),
        executable: Arc::new(executable()),
        go_version: "go1.26.8".into(),
        tid: 4_712,
        target_tid: 8,
        goid: GoroutineId(34),
        parent_goid: Some(GoroutineId(1)),
        start: Ktime(5_000_000_000),
        duration_nano: DURATION,
        duration_is_lower_bound: false,
        observed: slowmap::model::write::Observed::Growth,
        parts: breakdown.clone(),
        stack: RawStack::default(),
        map_type_address: 0x51_0000,
        map_address: Some(VirtualAddress(0xc0_0001_0040)),
        map_len: Some(1_792),
        map_capacity_before: Some(2_048),
        map_capacity_after: Some(4_096),
        traceparent: None,
        labels: None,
        span_slots: Vec::new(),
    };
    let symbolized = SymbolizedWrite {
        attributed: AttributedWrite {
            write,
            cause: Cause::Growth,
            breakdown,
        },
        function: Some("runtime.mapassign_faststr".into()),
        map_type: Some("map[string]*main.order".into()),
        entry_size: Some(EntrySize { key: 16, value: 8 }),
        stack: stack(),
    };
    CorrelatedWrite {
        symbolized,
        time: UnixNanos(START),
        context: Some(SpanContext {
            trace_id: TRACE_ID,
            span_id: SPAN_ID,
            trace_flags: 1,
        }),
        correlation: Correlation::StackScan,
        unobserved: Vec::new(),
    }
}

fn stack() -> Vec<Frame> {
    vec![
        frame(
            "internal/runtime/maps.(*table).rehash",
            "/go/src/internal/runtime/maps/table.go",
            1_100,
        ),
        frame(
            "runtime.mapassign_faststr",
            "/go/src/internal/runtime/maps/runtime_faststr.go",
            300,
        ),
        frame("main.(*shop).fill", "/src/shop/main.go", 42),
        frame("main.main", "/src/shop/main.go", 12),
    ]
}

fn frame(function: &str, file: &str, line: u32) -> Frame {
    Frame {
        function: Some(function.into()),
        file: Some(file.into()),
        line: Some(line),
        inlined: false,
        address: VirtualAddress(0x40_1000 + u64::from(line)),
    }
}

/// The same with no more known about it than the kernel saw.
pub fn bare(mut write: CorrelatedWrite) -> CorrelatedWrite {
    write.context = None;
    write.correlation = Correlation::None;
    write.symbolized.function = None;
    write.symbolized.map_type = None;
    write.symbolized.entry_size = None;
    write.symbolized.stack.clear();
    let observed = &mut write.symbolized.attributed.write;
    observed.parent_goid = None;
    observed.map_address = None;
    observed.map_len = None;
    observed.map_capacity_before = None;
    observed.map_capacity_after = None;
    let mut process = (*observed.process).clone();
    process.service_name = None;
    process.container_id = None;
    process.resource_attributes.clear();
    observed.process = Arc::new(process);
    write
}
