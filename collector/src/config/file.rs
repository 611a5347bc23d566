//! The configuration file.

use std::{fs, path::Path};

use super::{ConfigError, layer::Layer};

/// Reads a YAML file.
pub fn read(path: &Path) -> Result<Layer, ConfigError> {
    let text = fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse(&text).map_err(|problem| ConfigError::File {
        path: path.to_owned(),
        problem,
    })
}

/// The message names the line, the key and what is allowed.
fn parse(text: &str) -> Result<Layer, String> {
    // A file in which everything is commented out is no document at all.
    if text
        .lines()
        .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
    {
        return Ok(Layer::default());
    }
    let mut key = String::new();
    let options = serde_saphyr::options! { with_snippet: false };
    serde_saphyr::with_deserializer_from_str_with_options(text, options, |yaml| {
        serde_path_to_error::deserialize(yaml).map_err(|error| {
            key = error.path().to_string();
            error.into_inner()
        })
    })
    .map_err(|error| format!("{key}: {}", error.to_string().replace('\n', " ")))
}
