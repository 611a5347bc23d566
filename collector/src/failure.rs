//! How a command ends when it does not end well: the exit codes are part of the public interface.

use std::process::ExitCode;

/// Why a command failed. The message is one line that says what to do next.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Wrong usage or configuration.
    #[error("{0}")]
    Usage(String),
    /// The kernel refuses; names the missing capability.
    #[error("{0}")]
    NotPermitted(String),
    /// No process to attach to; says what was looked at and why each was passed over.
    #[error("{0}")]
    NothingToAttach(String),
    /// All went well, and an alert that was asked for has fired.
    #[error("{0}")]
    Alerted(String),
    #[error("{0:#}")]
    Other(#[from] anyhow::Error),
}

impl Failure {
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Failure::Other(_) => 1,
            Failure::Usage(_) => 2,
            Failure::NotPermitted(_) => 3,
            Failure::NothingToAttach(_) => 4,
            Failure::Alerted(_) => 5,
        })
    }
}

impl From<crate::config::ConfigError> for Failure {
    fn from(error: crate::config::ConfigError) -> Self {
        Failure::Usage(error.to_string())
    }
}
