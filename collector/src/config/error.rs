use std::{io, path::PathBuf};

use super::value::Refused;

/// What is wrong with the configuration. Each message names where, what, and what is allowed instead.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{name}: `{value}` is not allowed; {refused}")]
    Value {
        name: String,
        value: String,
        refused: Refused,
    },
    /// The value is not shown.
    #[error("{name}: not allowed as it stands; {refused}")]
    Secret { name: String, refused: Refused },
    #[error("{name} is not a variable of slowmap; allowed: {allowed}")]
    UnknownVariable { name: String, allowed: String },
    #[error("{path}: {problem}", path = path.display())]
    File { path: PathBuf, problem: String },
    #[error("{path}: cannot be read: {source}; give the path of a YAML file to --config", path = path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Contradiction(String),
}
