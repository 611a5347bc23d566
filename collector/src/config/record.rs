//! What `slowmap record` goes by.

use std::{ffi::OsString, path::PathBuf};

use super::{
    ConfigError, Detection, Environment, Layer,
    layer::{DetectionLayer, Over},
    value::{Glob, Mode, RecordingDuration, Sampling, Threshold},
};

/// Which processes are recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordTargets {
    Pids(Vec<u32>),
    Executables(Vec<Glob>),
    All,
    /// A program to start and record, with its arguments.
    Command(Vec<OsString>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordOptions {
    pub targets: RecordTargets,
    pub duration: RecordingDuration,
    pub threshold: Threshold,
    pub mode: Mode,
    /// Percent; only for `sampled`.
    pub sampling: Sampling,
    /// The directory of the recording.
    pub output: PathBuf,
}

impl RecordOptions {
    /// Flags win over `SLOWMAP_*`.
    ///
    /// # Errors
    /// A variable or a flag has a value that is not allowed.
    pub fn load(
        targets: RecordTargets,
        detection: DetectionLayer,
        duration: Option<RecordingDuration>,
        output: PathBuf,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        let flags = Layer {
            detection,
            ..Layer::default()
        };
        let Detection {
            threshold,
            mode,
            sampling,
        } = flags.over(environment.slowmap()?).detection.try_into()?;
        let duration = duration.unwrap_or(const { RecordingDuration::from_micros(30_000_000) });
        Ok(Self {
            targets,
            duration,
            threshold,
            mode,
            sampling,
            output,
        })
    }
}
