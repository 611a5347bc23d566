//! What is watched once for the whole machine: context switches, of which the program ignores all but those of targets,
//! the beginnings of interrupts, which lead to them, and processes that begin and end.

use aya::{Ebpf, programs::RawTracePoint};

use super::AttachError;

/// On x86 the vectors that make a thread lose its CPU; on other architectures all of them are handled as devices' are,
/// or as messages from another CPU. None is needed: without, a wait begins with the switch.
/// https://github.com/torvalds/linux/blob/v6.12/arch/x86/include/asm/trace/irq_vectors.h
/// https://github.com/torvalds/linux/blob/v6.12/include/trace/events/ipi.h
const INTERRUPTS: [&str; 5] = [
    "local_timer_entry",
    "reschedule_entry",
    "call_function_single_entry",
    "irq_handler_entry",
    "ipi_entry",
];

const LIVES: [(&str, &str); 2] = [
    ("process_exec", "sched_process_exec"),
    ("process_exit", "sched_process_exit"),
];

pub(super) fn attach(ebpf: &mut Ebpf) -> Result<(), AttachError> {
    let program = raw_tracepoint(ebpf, "sched_switch")?;
    program.load().map_err(AttachError::program)?;
    program
        .attach("sched_switch")
        .map_err(AttachError::program)?;
    let program = raw_tracepoint(ebpf, "interrupt_enter")?;
    program.load().map_err(AttachError::program)?;
    for interrupt in INTERRUPTS {
        if let Err(error) = program.attach(interrupt) {
            tracing::debug!(interrupt, %error, "not watched");
        }
    }
    Ok(())
}

/// On failure discovery has to look by itself, and none may be in place.
pub(super) fn watch_lives(ebpf: &mut Ebpf) -> Result<(), AttachError> {
    for (program, tracepoint) in LIVES {
        raw_tracepoint(ebpf, program)?
            .load()
            .map_err(AttachError::program)?;
        raw_tracepoint(ebpf, program)?
            .attach(tracepoint)
            .map_err(AttachError::program)?;
    }
    Ok(())
}

pub(super) fn raw_tracepoint<'a>(
    ebpf: &'a mut Ebpf,
    program: &'static str,
) -> Result<&'a mut RawTracePoint, AttachError> {
    let program = ebpf
        .program_mut(program)
        .ok_or(AttachError::Object(program))?;
    program.try_into().map_err(AttachError::program)
}
