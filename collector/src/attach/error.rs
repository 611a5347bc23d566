//! Why attaching fails.

use aya::{EbpfError, maps::MapError, programs::ProgramError};

use crate::model::{process::Pid, text::with_causes};

#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// For want of a privilege; `what` is the operation.
    #[error("the kernel does not permit to {what}")]
    NotPermitted { what: &'static str },
    #[error("the process {0} is gone")]
    Gone(Pid),
    #[error("other probes are still on their way out")]
    Releasing,
    #[error("another process cannot afford it")]
    Unaffordable,
    #[error("more than {0} probes at once; select fewer processes")]
    TooManyProbes(u32),
    #[error("the BPF object lacks `{0}`; it was built from other sources")]
    Object(&'static str),
    #[error("the BPF programs could not be loaded: {0}")]
    Load(String),
    #[error("a probe could not be attached: {0}")]
    Program(String),
    #[error("a BPF map could not be used: {0}")]
    Map(#[source] MapError),
}

/// The whole chain of causes in a line; the verifier's log is cut to its end, where the reason stands.
fn chain(error: &dyn std::error::Error) -> String {
    const SHOWN: usize = 600;
    let text = with_causes(error);
    let skipped = text.chars().count().saturating_sub(SHOWN);
    let end: String = text.chars().skip(skipped).collect();
    if skipped == 0 {
        end
    } else {
        format!("… {end}")
    }
}

fn is_permission(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let refused = error
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied);
        if refused {
            return true;
        }
        next = error.source();
    }
    false
}

impl AttachError {
    pub(super) fn load(error: EbpfError) -> Self {
        if is_permission(&error) {
            return Self::NotPermitted {
                what: "create BPF maps",
            };
        }
        Self::Load(chain(&error))
    }

    pub(super) fn program(error: ProgramError) -> Self {
        // EACCES of a load is also the verifier's answer: its log then says why.
        let rejected = matches!(&error, ProgramError::LoadError { verifier_log, .. }
            if !verifier_log.to_string().trim().is_empty());
        if is_permission(&error) && !rejected {
            return Self::NotPermitted {
                what: "load or attach BPF programs",
            };
        }
        Self::Program(chain(&error))
    }

    pub(super) fn map(error: MapError) -> Self {
        Self::Map(error)
    }
}
