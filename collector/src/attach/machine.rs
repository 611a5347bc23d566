//! What is watched once for the whole machine: context switches and page faults. The programs ignore all
//! threads but those of targets.

use aya::{
    Ebpf,
    programs::{
        PerfEvent, RawTracePoint,
        perf_event::{PerfEventConfig, PerfEventScope, SamplePolicy, SoftwareEvent},
    },
    util::online_cpus,
};

use super::AttachError;

pub(super) fn attach(ebpf: &mut Ebpf) -> Result<(), AttachError> {
    raw_tracepoint(ebpf, "sched_switch", "sched_switch")?;
    // Faults in mid-write are then not told apart from the rest of the write, which is less, but not wrong.
    if let Err(error) = page_faults(ebpf) {
        tracing::warn!(%error, "page faults are not watched");
    }
    Ok(())
}

fn page_faults(ebpf: &mut Ebpf) -> Result<(), AttachError> {
    let program: &mut PerfEvent = ebpf
        .program_mut("page_fault_exit")
        .ok_or(AttachError::Object("page_fault_exit"))?
        .try_into()
        .map_err(AttachError::program)?;
    program.load().map_err(AttachError::program)?;
    let cpus = online_cpus().map_err(|(_, error)| AttachError::Load(error.to_string()))?;
    for cpu in cpus {
        for event in [SoftwareEvent::PageFaultsMin, SoftwareEvent::PageFaultsMaj] {
            program
                .attach(
                    PerfEventConfig::Software(event),
                    PerfEventScope::AllProcessesOneCpu { cpu },
                    SamplePolicy::Period(1),
                    true,
                )
                .map_err(AttachError::program)?;
        }
    }
    // Last: without an exit, an entry would stay.
    raw_tracepoint(ebpf, "page_fault_enter", "page_fault_user")
}

fn raw_tracepoint(
    ebpf: &mut Ebpf,
    program: &'static str,
    tracepoint: &'static str,
) -> Result<(), AttachError> {
    let program: &mut RawTracePoint = ebpf
        .program_mut(program)
        .ok_or(AttachError::Object(program))?
        .try_into()
        .map_err(AttachError::program)?;
    program.load().map_err(AttachError::program)?;
    program.attach(tracepoint).map_err(AttachError::program)?;
    Ok(())
}
