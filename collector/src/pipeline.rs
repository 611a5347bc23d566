//! (in progress)

use crate::{
    config::{Config, RecordOptions},
    failure::Failure,
};

/// The sidecar: finds Go processes, attaches, exports until SIGTERM or SIGINT.
///
/// # Errors
/// What `Failure` names.
pub async fn run(config: Config) -> Result<(), Failure> {
    let _ = config;
    Err(Failure::Other(anyhow::anyhow!(
        "the pipeline is not built yet"
    )))
}

/// The one-command diagnosis: records to files.
///
/// # Errors
/// What `Failure` names.
pub async fn record(options: RecordOptions) -> Result<(), Failure> {
    let _ = options;
    Err(Failure::Other(anyhow::anyhow!(
        "the pipeline is not built yet"
    )))
}
