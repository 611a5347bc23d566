//! In: flags, environment, a YAML file. Out: one typed `Config`, or an error that names the key, the value and
//! what is allowed. Flags win over `SLOWMAP_*`, these over the standard `OTEL_*`, these over the file, and
//! that over the defaults. Reads nothing but these sources, and connects to nothing.

pub mod environment;
pub mod error;
pub mod file;
pub mod layer;
pub mod otlp;
mod print;
pub mod record;
mod scalar;
pub mod value;

use std::{collections::BTreeMap, path::Path, time::Duration};

pub use self::{
    environment::Environment,
    error::ConfigError,
    layer::Layer,
    record::{RecordOptions, RecordTargets},
};
use self::{
    layer::{DetectionLayer, LogLayer, Over, QueueLayer, TargetsLayer},
    otlp::Otlp,
    value::{
        BatchSize, Glob, Grace, LogFilter, LogFormat, Mode, QueueCapacity, Sampling, ScheduleDelay,
        Threshold, WithoutContext,
    },
};
use crate::export::otlp::{Settings, TlsFiles};

/// How long a batch is tried again before it is given up: as the Collector's exporters do.
const RETRY_LIMIT: Duration = Duration::from_secs(300);

/// The effective configuration of `slowmap run`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub detection: Detection,
    pub targets: Targets,
    pub without_context: WithoutContext,
    pub traces: Otlp,
    pub queue: Queue,
    /// How long is taken to send what is left, at the end.
    pub grace: Grace,
    /// Of slowmap itself, `service.name` included; never of the services it looks at.
    pub resource: BTreeMap<String, String>,
    pub log: Log,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detection {
    pub threshold: Threshold,
    pub mode: Mode,
    /// Percent; only for `sampled`.
    pub sampling: Sampling,
}

/// Which Go processes are looked at: those that either list names, all where both are empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Targets {
    pub executables: Vec<Glob>,
    pub pids: Vec<u32>,
}

impl Targets {
    pub fn is_all(&self) -> bool {
        self.executables.is_empty() && self.pids.is_empty()
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Queue {
    /// In slow writes.
    pub capacity: QueueCapacity,
    pub batch_size: BatchSize,
    pub schedule_delay: ScheduleDelay,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    pub level: LogFilter,
}

impl Config {
    /// What `slowmap run` goes by.
    ///
    /// # Errors
    /// A source cannot be read, or has an unknown key or a value that is not allowed.
    pub fn load(
        flags: Layer,
        environment: &Environment,
        file: Option<&Path>,
    ) -> Result<Self, ConfigError> {
        let own = environment.slowmap()?;
        let standard = environment.otel()?;
        let file = file.map(file::read).transpose()?.unwrap_or_default();
        Self::from_layers([flags, own, standard, file])
    }

    /// Earlier layers win.
    fn from_layers(layers: impl IntoIterator<Item = Layer>) -> Result<Self, ConfigError> {
        let layer = layers
            .into_iter()
            .map(with_complete_traces)
            .reduce(Over::over)
            .unwrap_or_default();
        Ok(Self {
            detection: Detection::try_from(layer.detection)?,
            targets: Targets::try_from(layer.targets)?,
            without_context: layer.spans.without_context.unwrap_or_default(),
            traces: Otlp::traces(layer.export.traces)?,
            queue: layer.export.queue.into(),
            grace: layer
                .shutdown
                .grace
                .unwrap_or(const { Grace::from_micros(5_000_000) }),
            resource: resource(layer.resource.attributes),
            log: Log::new(layer.log, tracing::Level::INFO),
        })
    }

    /// What the trace exporter has to be told.
    pub fn trace_settings(&self) -> Settings {
        Settings {
            endpoint: self.traces.endpoint.clone(),
            protocol: self.traces.protocol,
            headers: self.traces.headers.clone(),
            compression: self.traces.compression,
            timeout: self.traces.timeout.get(),
            tls: TlsFiles {
                certificate: self.traces.certificate.clone(),
                client_certificate: self.traces.client_certificate.clone(),
                client_key: self.traces.client_key.clone(),
            },
            queue_capacity: self.queue.capacity.get(),
            batch_size: self.queue.batch_size.get(),
            schedule_delay: self.queue.schedule_delay.get(),
            retry_limit: RETRY_LIMIT,
            grace: self.grace.get(),
            roots: self.without_context == WithoutContext::Root,
        }
    }
}

/// Within a source, a key for traces wins over one for all signals; between sources, the source decides.
fn with_complete_traces(mut layer: Layer) -> Layer {
    layer.export.traces = layer.export.traces.completed_by(&layer.export.otlp);
    layer
}

fn resource(attributes: Option<BTreeMap<String, String>>) -> BTreeMap<String, String> {
    let mut attributes = attributes.unwrap_or_default();
    attributes
        .entry("service.name".into())
        .or_insert_with(|| "slowmap".into());
    attributes
}

impl TryFrom<DetectionLayer> for Detection {
    type Error = ConfigError;

    fn try_from(layer: DetectionLayer) -> Result<Self, ConfigError> {
        let mode = layer.mode.unwrap_or_default();
        if mode != Mode::Slowpath {
            let (name, allowed) = ("detection.mode", "slowpath");
            return Err(ConfigError::NotAvailable {
                name,
                value: mode.to_string(),
                allowed,
            });
        }
        Ok(Self {
            threshold: layer
                .threshold
                .unwrap_or(const { Threshold::from_micros(100) }),
            mode,
            sampling: layer.sampling.unwrap_or(const { Sampling::new(100) }),
        })
    }
}

impl TryFrom<TargetsLayer> for Targets {
    type Error = ConfigError;

    fn try_from(layer: TargetsLayer) -> Result<Self, ConfigError> {
        let targets = Self {
            executables: layer.executables.unwrap_or_default(),
            pids: layer.pids.unwrap_or_default(),
        };
        match (layer.all, targets.is_all()) {
            (Some(true), false) => Err(ConfigError::Contradiction(
                "targets: `all` and a choice of executables or pids exclude each other; leave one of them out".into(),
            )),
            (Some(false), true) => Err(ConfigError::Contradiction(
                "targets: `all` is false and nothing is chosen; allowed: all, executables, pids".into(),
            )),
            _ => Ok(targets),
        }
    }
}

impl From<QueueLayer> for Queue {
    fn from(layer: QueueLayer) -> Self {
        Self {
            capacity: layer
                .capacity
                .unwrap_or(const { QueueCapacity::new(2_048) }),
            batch_size: layer.batch_size.unwrap_or(const { BatchSize::new(512) }),
            schedule_delay: layer
                .schedule_delay
                .unwrap_or(const { ScheduleDelay::from_micros(500_000) }),
        }
    }
}

impl Log {
    pub fn new(layer: LogLayer, level: tracing::Level) -> Self {
        Self {
            format: layer.format.unwrap_or_default(),
            level: layer.level.unwrap_or_else(|| LogFilter::level(level)),
        }
    }
}
