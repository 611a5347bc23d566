//! Where this program's own code is in its file: for the probes that measure what probes cost.

use std::path::PathBuf;

use super::{
    AttachError,
    multi::Point,
    uprobes::{ProbeLink, Uprobes},
};
use crate::model::{plan::ProbeRole, process::Pid};
use aya::Ebpf;

/// Attaches a role's program to this process, `at` bytes into one of its functions.
pub(super) fn attach(
    (uprobes, ebpf): (&Uprobes, &mut Ebpf),
    role: ProbeRole,
    (function, at): (unsafe extern "C" fn(), u64),
    cookie: u64,
) -> Result<ProbeLink, AttachError> {
    let (file, offset) = place(function as usize as u64)
        .ok_or_else(|| AttachError::Load("own code was not found".to_owned()))?;
    let point = Point {
        offset: offset + at,
        cookie,
    };
    let own = Pid(std::process::id());
    let mut links = uprobes.attach(ebpf, role, (&file, own), &[point])?;
    links.pop().ok_or(AttachError::Gone(own))
}

/// This program's file, and where in it what is loaded at an address begins.
fn place(address: u64) -> Option<(PathBuf, u64)> {
    let mut search = Search {
        address,
        offset: None,
    };
    // SAFETY: the callback is given what is handed over here, and no other reference to it is used meanwhile.
    unsafe { libc::dl_iterate_phdr(Some(visit), (&raw mut search).cast()) };
    Some((std::env::current_exe().ok()?, search.offset?))
}

struct Search {
    address: u64,
    offset: Option<u64>,
}

/// Called for the program itself first, and then for its libraries, of which none is looked at.
unsafe extern "C" fn visit(
    object: *mut libc::dl_phdr_info,
    _size: libc::size_t,
    search: *mut libc::c_void,
) -> libc::c_int {
    const STOP: libc::c_int = 1;
    // SAFETY: the linker's description and the caller's search, both alive and used by nobody else.
    let (object, search) = unsafe { (&*object, &mut *search.cast::<Search>()) };
    // SAFETY: that many headers are there.
    let segments =
        unsafe { std::slice::from_raw_parts(object.dlpi_phdr, usize::from(object.dlpi_phnum)) };
    let within = search.address.wrapping_sub(object.dlpi_addr);
    let holds = |segment: &&libc::Elf64_Phdr| {
        let end = segment.p_vaddr.saturating_add(segment.p_memsz);
        segment.p_type == libc::PT_LOAD && (segment.p_vaddr..end).contains(&within)
    };
    let segment = segments.iter().find(holds);
    search.offset = segment.map(|segment| within - segment.p_vaddr + segment.p_offset);
    STOP
}
