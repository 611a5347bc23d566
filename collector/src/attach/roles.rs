//! Which program a probe of each role runs.

use crate::model::plan::ProbeRole;

pub(super) const ALL: [ProbeRole; 11] = [
    ProbeRole::GrowthEnter,
    ProbeRole::GrowthExit,
    ProbeRole::AssistEnter,
    ProbeRole::AssistExit,
    ProbeRole::Deschedule,
    ProbeRole::Resume,
    ProbeRole::StopWorldEnter,
    ProbeRole::StopWorldExit,
    ProbeRole::WriteEnter,
    ProbeRole::WriteExit,
    ProbeRole::Fatal,
];

pub(super) fn program_name(role: ProbeRole) -> &'static str {
    match role {
        ProbeRole::GrowthEnter => "growth_enter",
        ProbeRole::GrowthExit => "growth_exit",
        ProbeRole::AssistEnter => "assist_enter",
        ProbeRole::AssistExit => "assist_exit",
        ProbeRole::Deschedule => "deschedule",
        ProbeRole::Resume => "resume",
        ProbeRole::StopWorldEnter => "stop_world_enter",
        ProbeRole::StopWorldExit => "stop_world_exit",
        ProbeRole::WriteEnter => "write_enter",
        ProbeRole::WriteExit => "write_exit",
        ProbeRole::Fatal => "fatal",
    }
}
