//! Where a process has its executable in memory.

use std::path::Path;

use procfs::process::{MMPermissions, MMapPath, MemoryMap, Process};

use crate::model::{
    binary::{GoBinary, Segment},
    process::Pid,
};

use super::InspectError;

/// What is added to the executable's addresses in a process; zero unless it is position independent.
pub fn load_bias_of(pid: Pid, binary: &GoBinary) -> Result<u64, InspectError> {
    if !binary.position_independent {
        return Ok(0);
    }
    let not_mapped = || InspectError::NotMapped {
        pid: pid.0,
        path: binary.path.clone(),
    };
    let process = i32::try_from(pid.0)
        .ok()
        .and_then(|pid| Process::new(pid).ok())
        .ok_or_else(not_mapped)?;
    let executable = process.exe().map_err(|_| not_mapped())?;
    let maps = process.maps().map_err(|_| not_mapped())?;
    load_bias(&maps.0, &executable, &binary.segments).ok_or_else(not_mapped)
}

/// The difference between run-time and file addresses, from the mapping of the executable's code.
pub fn load_bias(maps: &[MemoryMap], executable: &Path, segments: &[Segment]) -> Option<u64> {
    let code = segments.iter().find(|segment| segment.executable)?;
    let mapping = maps.iter().find(|mapping| {
        let of_executable = matches!(&mapping.pathname, MMapPath::Path(path) if path == executable);
        of_executable
            && mapping.perms.contains(MMPermissions::EXECUTE)
            && mapping.offset <= code.offset.0
            && code.offset.0 - mapping.offset < mapping.address.1.saturating_sub(mapping.address.0)
    })?;
    let at_run_time = mapping
        .address
        .0
        .checked_add(code.offset.0 - mapping.offset)?;
    at_run_time.checked_sub(code.address.0)
}
