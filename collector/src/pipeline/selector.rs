//! The processes that settings ask for.

use crate::{
    config::{Targets, value::Glob},
    discover::Selector,
    model::process::Pid,
};

pub(super) fn of(targets: &Targets) -> Selector {
    let patterns = |globs: &[Glob]| globs.iter().map(|glob| glob.0.clone()).collect();
    Selector {
        pids: targets.pids.iter().copied().map(Pid).collect(),
        executables: patterns(&targets.executables),
        command_lines: patterns(&targets.command_lines),
        services: patterns(&targets.services),
        containers: targets.containers.iter().map(|id| id.0.clone()).collect(),
        ports: targets.ports.clone(),
        all: targets.is_all(),
    }
}
