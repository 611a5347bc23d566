//! What `slowmap record` goes by.

use std::{ffi::OsString, path::PathBuf};

use crate::{explain::Unit, query::ServerUrl, report::TraceUrl};

use super::{
    ConfigError, Detection, Environment, Layer, Targets,
    alerts::AlertOptions,
    layer::DetectionLayer,
    value::{RecordingDuration, SeriesInterval, Threshold, Tolerance},
};

/// Which processes are recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordTargets {
    Running(Targets),
    /// A program to start and record, with its arguments.
    Command(Vec<OsString>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordOptions {
    pub targets: RecordTargets,
    pub duration: RecordingDuration,
    pub detection: Detection,
    /// The directory of the recording.
    pub output: PathBuf,
    pub page: PageOptions,
    pub alerts: AlertOptions,
}

/// What `slowmap report` goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportOptions {
    pub directory: PathBuf,
    /// A recording from after a change.
    pub compare: Option<PathBuf>,
    pub merged: Option<Merged>,
    pub page: PageOptions,
}

/// What is wanted of the page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PageOptions {
    /// Where it links traces to.
    pub trace_url: Option<TraceUrl>,
    /// Times are those since the process began.
    pub since_start: bool,
    /// How many causes and functions are told of; `None`: a few.
    pub top: Option<u16>,
}

/// What is made of several recordings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merged {
    pub others: Vec<PathBuf>,
    /// The directory of the new one.
    pub output: PathBuf,
}

/// What `slowmap top` goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopOptions {
    pub targets: RecordTargets,
    pub detection: Detection,
    /// What is seen is recorded besides; its duration does not count.
    pub recording: Option<RecordOptions>,
}

impl TopOptions {
    /// Flags win over `SLOWMAP_*`.
    ///
    /// # Errors
    /// A variable or a flag has a value that is not allowed.
    pub fn load(
        targets: RecordTargets,
        detection: DetectionLayer,
        output: Option<PathBuf>,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        let output_or_none = output.clone().unwrap_or_default();
        let layer = Layer {
            detection,
            ..Layer::default()
        };
        let page = PageOptions::default();
        let options = RecordOptions::load(targets, layer, None, output_or_none, page, environment)?;
        Ok(Self {
            targets: options.targets.clone(),
            detection: options.detection,
            recording: output.is_some().then_some(options),
        })
    }
}

/// Where a series is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SeriesSource {
    Prometheus {
        server: ServerUrl,
        query: String,
        /// Of the service's requests a second, to be shown beside it.
        rate_query: Option<String>,
        step: Option<SeriesInterval>,
    },
    Csv(PathBuf),
}

/// What `slowmap correlate` goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorrelateOptions {
    pub directory: PathBuf,
    pub series: SeriesSource,
    /// Which of the recording's services; `None`: that which the series' labels name.
    pub service: Option<String>,
    pub unit: Unit,
    /// Where spikes begin; `None`: the series says.
    pub above: Option<Threshold>,
    pub scrape_interval: Option<SeriesInterval>,
    pub window: Tolerance,
}

impl RecordOptions {
    /// Flags win over `SLOWMAP_*`.
    ///
    /// # Errors
    /// A variable or a flag has a value that is not allowed.
    pub fn load(
        targets: RecordTargets,
        flags: Layer,
        duration: Option<RecordingDuration>,
        output: PathBuf,
        page: PageOptions,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        let layer = flags.over_lower(environment.slowmap()?);
        let duration = duration.unwrap_or(const { RecordingDuration::from_micros(30_000_000) });
        Ok(Self {
            targets,
            duration,
            detection: layer.detection.try_into()?,
            output,
            page,
            alerts: layer.alerts.try_into()?,
        })
    }
}
