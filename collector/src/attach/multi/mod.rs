//! Links of many probes at once (`BPF_TRACE_UPROBE_MULTI`, Linux 6.6 on): attached by one system call, taken out in one
//! wait, and permitted to CAP_BPF and CAP_PERFMON, where probes one by one need CAP_SYS_ADMIN.
//!
//! aya has them from 0.15 on, which needs a later Rust. Until then this does what is missing: it takes the code that aya
//! would load, with the maps that aya has created, and loads it for this way of attaching. Nothing else goes around aya.

mod code;
mod system_call;

use std::{
    collections::HashMap,
    ffi::CString,
    io,
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::Path,
};

use aya::Ebpf;

use super::AttachError;
use crate::model::process::Pid;

/// Programs that are loaded for links of many probes, by name.
#[derive(Debug)]
pub(super) struct MultiPrograms(HashMap<&'static str, OwnedFd>);

/// Where a probe goes in a file, and what its program is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Point {
    pub offset: u64,
    pub cookie: u64,
}

/// Probes of one program in one process: they end when this is dropped.
#[derive(Debug)]
pub(super) struct MultiLink {
    _fd: OwnedFd,
}

impl MultiPrograms {
    /// Loads the programs of those names with the maps of `ebpf`, all of which it still has.
    ///
    /// # Errors
    /// The kernel refuses: it is older than Linux 6.6, or for want of a privilege.
    pub(super) fn load(
        object: &[u8],
        ebpf: &Ebpf,
        names: impl IntoIterator<Item = &'static str>,
    ) -> Result<Self, AttachError> {
        let object = code::Relocated::parse(object, ebpf)?;
        let programs = names.into_iter().map(|name| {
            let program = object.program(name)?;
            let loaded = system_call::load(name, &program).map_err(refused)?;
            Ok((name, loaded))
        });
        programs.collect::<Result<_, _>>().map(Self)
    }

    /// Attaches a program at all points of a file, in one process. All of them, or none.
    ///
    /// # Errors
    /// The kernel refuses a point, or the process is gone.
    pub(super) fn link(
        &self,
        program: &'static str,
        file: &Path,
        pid: Pid,
        points: &[Point],
    ) -> Result<MultiLink, AttachError> {
        let program = self.0.get(program).ok_or(AttachError::Object(program))?;
        let file = CString::new(file.as_os_str().as_bytes())
            .map_err(|error| AttachError::Program(error.to_string()))?;
        let link = system_call::link(program.as_fd(), &file, pid, points);
        link.map(|fd| MultiLink { _fd: fd }).map_err(refused)
    }
}

fn refused(error: io::Error) -> AttachError {
    match error.kind() {
        io::ErrorKind::PermissionDenied => AttachError::NotPermitted {
            what: "load or attach BPF programs",
        },
        _ => AttachError::Program(format!("uprobe_multi: {error}")),
    }
}
