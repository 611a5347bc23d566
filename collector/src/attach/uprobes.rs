//! How probes get into a process: all of a role by one link where the kernel can, else one by one.

use std::{num::NonZeroU32, path::Path, sync::Arc};

use aya::{
    Ebpf,
    programs::{
        UProbe,
        uprobe::{UProbeAttachLocation, UProbeAttachPoint, UProbeLink, UProbeScope},
    },
};

use super::{
    AttachError, OBJECT, calibrate,
    multi::{MultiLink, MultiPrograms, Point},
    roles,
};
use crate::model::{plan::ProbeRole, process::Pid};

#[derive(Debug)]
pub(super) enum Uprobes {
    Together(MultiPrograms),
    /// By aya; on kernels before Linux 6.6.
    OneByOne,
}

/// A probe that is in place. It is taken out when this is dropped: those of one link together, with the last of them.
#[derive(Debug)]
pub(super) enum ProbeLink {
    Shared { link: Arc<MultiLink> },
    Own { _link: UProbeLink },
}

impl Uprobes {
    /// Loads the programs of those roles.
    ///
    /// # Errors
    /// The kernel refuses, for want of a privilege or a feature.
    pub(super) fn load(ebpf: &mut Ebpf, roles: &[ProbeRole]) -> Result<Self, AttachError> {
        let names = roles.iter().map(|role| roles::program_name(*role));
        match MultiPrograms::load(OBJECT, ebpf, names).map(Self::Together) {
            Ok(together) => match calibrate::is_hit_by_all_threads(&together, ebpf) {
                Ok(true) => return Ok(together),
                Ok(false) => tracing::debug!("probes of one link are hit by one thread only"),
                Err(error @ AttachError::NotPermitted { .. }) => return Err(error),
                // A kernel may load programs for a way of attaching that it does not know: Linux 6.1 does.
                Err(error) => tracing::debug!(%error, "probes cannot be attached together"),
            },
            Err(error) => tracing::debug!(%error, "probes cannot be attached together"),
        }
        for role in roles {
            one(ebpf, *role)?.load().map_err(AttachError::program)?;
        }
        Ok(Self::OneByOne)
    }

    /// Attaches the role's program at points of a file, in one process: a link for each point, in that order. All of
    /// them, or none.
    ///
    /// # Errors
    /// The kernel refuses a point, or the process is gone.
    pub(super) fn attach(
        &self,
        ebpf: &mut Ebpf,
        role: ProbeRole,
        (file, pid): (&Path, Pid),
        points: &[Point],
    ) -> Result<Vec<ProbeLink>, AttachError> {
        if let Self::Together(programs) = self {
            let link = Arc::new(programs.link(roles::program_name(role), file, pid, points)?);
            let shared = |_| ProbeLink::Shared {
                link: Arc::clone(&link),
            };
            return Ok(points.iter().map(shared).collect());
        }
        let process = NonZeroU32::new(pid.0).ok_or(AttachError::Gone(pid))?;
        let program = one(ebpf, role)?;
        let attach = |point: &Point| {
            let point = UProbeAttachPoint {
                location: UProbeAttachLocation::AbsoluteOffset(point.offset),
                cookie: Some(point.cookie),
            };
            let link = program.attach(point, file, UProbeScope::OneProcess(process));
            let link = link.and_then(|link| program.take_link(link));
            Ok(ProbeLink::Own {
                _link: link.map_err(AttachError::program)?,
            })
        };
        points.iter().map(attach).collect()
    }
}

fn one(ebpf: &mut Ebpf, role: ProbeRole) -> Result<&mut UProbe, AttachError> {
    let name = roles::program_name(role);
    let program = ebpf.program_mut(name).ok_or(AttachError::Object(name))?;
    program.try_into().map_err(AttachError::program)
}
