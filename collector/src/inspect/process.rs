//! Where a process has its executable in memory, and what else it has there that is Go.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use procfs::process::{MMPermissions, MMapPath, MemoryMap, Process};

use crate::{
    golang::image::FileBytes,
    model::{
        binary::{GoBinary, Segment},
        process::Pid,
    },
};

use super::{InspectError, elf::Elf};

/// Of so many libraries at most it is asked whether Go built them.
const LIBRARIES: usize = 256;

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

/// A library in a process that Go built, as programs in other languages load them. `None` too where it may not be
/// asked: the files are opened as the process has them mapped, for a path may lead elsewhere by now.
pub fn go_library(pid: Pid) -> Option<PathBuf> {
    let process = Process::new(i32::try_from(pid.0).ok()?).ok()?;
    let executable = process.exe().ok()?;
    let mut seen = BTreeSet::from([executable]);
    let maps = process.maps().ok()?;
    let code = maps
        .0
        .iter()
        .filter(|mapping| mapping.perms.contains(MMPermissions::EXECUTE));
    for mapping in code {
        let MMapPath::Path(path) = &mapping.pathname else {
            continue;
        };
        if !seen.insert(path.clone()) {
            continue;
        }
        let (start, end) = mapping.address;
        let mapped = format!("/proc/{}/map_files/{start:x}-{end:x}", pid.0);
        if is_go(Path::new(&mapped)) {
            return Some(path.clone());
        }
        if seen.len() > LIBRARIES {
            break;
        }
    }
    None
}

fn is_go(library: &Path) -> bool {
    let Ok(bytes) = FileBytes::map(library) else {
        return false;
    };
    let elf = Elf::parse(bytes.as_slice());
    elf.is_ok_and(|elf| elf.section_address(&[".go.buildinfo"]).is_some())
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
