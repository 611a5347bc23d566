//! In: flags, environment, a YAML file. Out: one typed `Config`, or an error that names the key, the value and
//! what is allowed. Flags win over `SLOWMAP_*`, these over the standard `OTEL_*`, these over the file, and
//! that over the defaults. Reads nothing but these sources, and connects to nothing.

pub mod alerts;
pub mod environment;
pub mod error;
pub mod file;
mod go_release;
mod kubernetes;
pub mod layer;
pub mod otlp;
mod print;
pub mod prometheus;
pub mod record;
mod scalar;
pub mod value;

use std::{
    collections::BTreeMap,
    num::NonZero,
    path::{Path, PathBuf},
    time::Duration,
};

use self::{
    alerts::AlertOptions,
    layer::{DetectionLayer, LogLayer, QueueLayer, TargetsLayer},
    otlp::{Exporter, Otlp},
    prometheus::ScrapeAddress,
    value::{
        BatchSize, Budget, ByteSize, ContainerId, Glob, Grace, LogFilter, LogFormat,
        MetricInterval, Mode, QueueCapacity, Sampling, ScheduleDelay, Threshold, WithoutContext,
    },
};
pub use self::{
    environment::Environment,
    error::ConfigError,
    layer::Layer,
    record::{
        CorrelateOptions, Merged, PageOptions, RecordOptions, RecordTargets, ReportOptions,
        SeriesSource, TopOptions,
    },
};
use crate::{
    export::otlp::{
        ExportSettings, MetricSettings, Settings, SpillSettings, Temporality, TlsFiles,
    },
    model::binary::GoMinor,
};

/// How long a batch is tried again before it is given up: as the Collector's exporters do.
const RETRY_LIMIT: Duration = Duration::from_secs(300);

/// Collections of metrics that wait for their export.
const COLLECTIONS: usize = 8;

/// The effective configuration of `slowmap run`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub detection: Detection,
    pub targets: Targets,
    pub without_context: WithoutContext,
    pub traces: Otlp,
    pub logs: Otlp,
    pub metrics: Metrics,
    /// Where metrics can be scraped.
    pub prometheus: ScrapeAddress,
    pub profiles: Otlp,
    pub queue: Queue,
    /// How long is taken to send what is left, at the end.
    pub grace: Grace,
    /// Of every service that does not have them itself.
    pub service_attributes: BTreeMap<String, String>,
    /// Of slowmap itself, `service.name` included; never of the services it looks at.
    pub resource: BTreeMap<String, String>,
    pub alerts: AlertOptions,
    /// `None`: Kubernetes is not asked for the names of Pods.
    pub kubernetes: Option<crate::kubernetes::Settings>,
    pub log: Log,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Detection {
    pub threshold: Threshold,
    pub mode: Mode,
    /// Percent; only for `sampled`.
    pub sampling: Sampling,
    /// What the probes may cost each target.
    pub budget: Budget,
    /// What executables are taken for whose release is not known.
    pub assume_go: Option<GoMinor>,
}

/// Which Go processes are looked at: those that any list names, all where all are empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Targets {
    pub executables: Vec<Glob>,
    /// Of the arguments, separated by spaces.
    pub command_lines: Vec<Glob>,
    /// Of the names that the processes' own SDKs take from their environment.
    pub services: Vec<Glob>,
    pub containers: Vec<ContainerId>,
    /// TCP ports that they listen on.
    pub ports: Vec<NonZero<u16>>,
    pub pids: Vec<u32>,
}

impl Targets {
    pub fn is_all(&self) -> bool {
        *self == Self::default()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    pub otlp: Otlp,
    pub interval: MetricInterval,
    pub temporality: Temporality,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// In slow writes.
    pub capacity: QueueCapacity,
    pub batch_size: BatchSize,
    pub schedule_delay: ScheduleDelay,
    /// Where writes wait whose endpoint is down.
    pub directory: Option<PathBuf>,
    pub directory_limit: ByteSize,
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
        let cluster = environment.cluster()?;
        Self::from_layers([flags, own, standard, file, cluster])
    }

    /// Earlier layers win.
    fn from_layers(layers: impl IntoIterator<Item = Layer>) -> Result<Self, ConfigError> {
        let layer = layers
            .into_iter()
            .map(with_complete_signals)
            .reduce(Layer::over_lower)
            .unwrap_or_default();
        let signals = layer.export.signals;
        let on = |chosen: Option<Exporter>| chosen.unwrap_or(Exporter::Otlp);
        Ok(Self {
            detection: layer.detection.try_into()?,
            targets: Targets::try_from(layer.targets)?,
            without_context: layer.spans.without_context.unwrap_or_default(),
            traces: Otlp::new(on(signals.traces), layer.export.traces, otlp::TRACES_PATH)?,
            logs: Otlp::new(on(signals.logs), layer.export.logs, otlp::LOGS_PATH)?,
            metrics: Metrics {
                otlp: Otlp::new(
                    on(signals.metrics),
                    layer.export.metrics,
                    otlp::METRICS_PATH,
                )?,
                interval: layer
                    .metrics
                    .interval
                    .unwrap_or(const { MetricInterval::from_micros(60_000_000) }),
                temporality: layer.metrics.temporality.unwrap_or_default(),
            },
            prometheus: layer.prometheus.listen.unwrap_or_default(),
            profiles: Otlp::new(
                // In development: few endpoints take them.
                signals.profiles.unwrap_or(Exporter::None),
                layer.export.profiles,
                otlp::PROFILES_PATH,
            )?,
            queue: layer.export.queue.into(),
            grace: layer
                .shutdown
                .grace
                .unwrap_or(const { Grace::from_micros(5_000_000) }),
            service_attributes: layer.services.attributes.unwrap_or_default(),
            resource: resource(layer.resource.attributes),
            alerts: layer.alerts.try_into()?,
            kubernetes: kubernetes::settings(layer.kubernetes)?,
            log: Log::new(layer.log, tracing::Level::INFO),
        })
    }

    /// What the exporters have to be told.
    pub fn export_settings(&self) -> ExportSettings {
        ExportSettings {
            traces: self.settings_of(&self.traces),
            logs: self.settings_of(&self.logs),
            metrics: self.metric_settings(),
            profiles: self.settings_of(&self.profiles),
            spill: self.spill_settings(),
            scraped: self.prometheus.0.is_some(),
            roots: self.without_context == WithoutContext::Root,
        }
    }

    fn spill_settings(&self) -> Option<SpillSettings> {
        let directory = self.queue.directory.clone()?;
        let limit = self.queue.directory_limit.get();
        Some(SpillSettings { directory, limit })
    }

    fn metric_settings(&self) -> Option<MetricSettings> {
        let export = self.settings_of(&self.metrics.otlp)?;
        Some(MetricSettings {
            export: Settings {
                queue_capacity: COLLECTIONS,
                batch_size: 1,
                schedule_delay: Duration::ZERO,
                ..export
            },
            temporality: self.metrics.temporality,
            resource: self.resource.clone(),
        })
    }

    /// `None`: the signal is off.
    fn settings_of(&self, signal: &Otlp) -> Option<Settings> {
        (signal.exporter == Exporter::Otlp).then(|| Settings {
            endpoint: signal.endpoint.clone(),
            protocol: signal.protocol,
            headers: signal.headers.clone(),
            compression: signal.compression,
            timeout: signal.timeout.get(),
            tls: TlsFiles {
                certificate: signal.certificate.clone(),
                client_certificate: signal.client_certificate.clone(),
                client_key: signal.client_key.clone(),
            },
            queue_capacity: self.queue.capacity.get(),
            batch_size: self.queue.batch_size.get(),
            schedule_delay: self.queue.schedule_delay.get(),
            retry_limit: RETRY_LIMIT,
            grace: self.grace.get(),
        })
    }
}

/// Within a source, a key for one signal wins over one for all; between sources, the source decides.
fn with_complete_signals(mut layer: Layer) -> Layer {
    let export = &mut layer.export;
    let signals = [
        &mut export.traces,
        &mut export.logs,
        &mut export.metrics,
        &mut export.profiles,
    ];
    for signal in signals {
        *signal = std::mem::take(signal).completed_by(&export.otlp);
    }
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
        if let Some(sampling) = layer.sampling
            && mode != Mode::Sampled
        {
            return Err(ConfigError::Contradiction(format!(
                "detection.sampling (--sampling, SLOWMAP_SAMPLING): {sampling} is for mode sampled, and the mode is {mode}; \
                 leave it out, or choose --mode sampled"
            )));
        }
        Ok(Self {
            threshold: layer
                .threshold
                .unwrap_or(const { Threshold::from_micros(100) }),
            mode,
            sampling: layer.sampling.unwrap_or(const { Sampling::new(100) }),
            budget: layer.budget.unwrap_or_default(),
            assume_go: layer.assume_go,
        })
    }
}

impl From<Targets> for TargetsLayer {
    fn from(targets: Targets) -> Self {
        Self {
            all: Some(targets.is_all()),
            executables: Some(targets.executables),
            command_lines: Some(targets.command_lines),
            services: Some(targets.services),
            containers: Some(targets.containers),
            ports: Some(targets.ports),
            pids: Some(targets.pids),
        }
    }
}

impl TryFrom<TargetsLayer> for Targets {
    type Error = ConfigError;

    fn try_from(layer: TargetsLayer) -> Result<Self, ConfigError> {
        let targets = Self {
            executables: layer.executables.unwrap_or_default(),
            command_lines: layer.command_lines.unwrap_or_default(),
            services: layer.services.unwrap_or_default(),
            containers: layer.containers.unwrap_or_default(),
            ports: layer.ports.unwrap_or_default(),
            pids: layer.pids.unwrap_or_default(),
        };
        match (layer.all, targets.is_all()) {
            (Some(true), false) => Err(ConfigError::Contradiction(
                "targets: `all` and a choice of executables, command_lines, services, containers, ports or pids exclude each other; leave one of them out".into(),
            )),
            (Some(false), true) => Err(ConfigError::Contradiction(
                "targets: `all` is false and nothing is chosen; allowed: all, executables, command_lines, services, containers, ports, pids".into(),
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
            directory: layer.directory,
            directory_limit: layer.directory_limit.unwrap_or_default(),
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
