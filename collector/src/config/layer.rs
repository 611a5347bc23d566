//! What one source (flags, environment, file) says: the form of the configuration file, every key optional.

use std::{collections::BTreeMap, num::NonZero, path::PathBuf};

use super::{
    alerts::AlertsLayer,
    kubernetes::KubernetesLayer,
    otlp::{Exporter, OtlpLayer},
    prometheus::ScrapeAddress,
    value::{
        BatchSize, Budget, ByteSize, ContainerId, Glob, Grace, LogFilter, LogFormat,
        MetricInterval, Mode, QueueCapacity, Sampling, ScheduleDelay, Threshold, WithoutContext,
    },
};

use crate::{export::otlp::Temporality, model::binary::GoMinor};

/// A source that wins over another.
pub trait Over {
    /// What is missing in `self` is taken from `lower`.
    #[must_use]
    fn over(self, lower: Self) -> Self;
}

impl<T> Over for Option<T> {
    fn over(self, lower: Self) -> Self {
        self.or(lower)
    }
}

/// A part of the configuration file in which every key may be missing and no other key may be.
macro_rules! layer {
    ($(#[$meta:meta])* pub struct $name:ident { $(pub $field:ident: $type:ty),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $(
                #[serde(
                    skip_serializing_if = "crate::config::layer::is_default",
                    deserialize_with = "crate::config::layer::null_is_missing"
                )]
                pub $field: $type,
            )+
        }

        impl $crate::config::layer::Over for $name {
            fn over(self, lower: Self) -> Self {
                Self { $($field: self.$field.over(lower.$field)),+ }
            }
        }
    };
}
pub(crate) use layer;

impl Layer {
    /// What is missing is taken from `lower`. A mode that wins over another makes void what was said for that one.
    #[must_use]
    pub fn over_lower(self, mut lower: Self) -> Self {
        let other = |mode: Mode| mode != Mode::Sampled;
        if self.detection.mode.is_some_and(other) {
            lower.detection.sampling = None;
        }
        self.over(lower)
    }
}

pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A section in which everything is commented out is null in YAML.
pub(crate) fn null_is_missing<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + serde::Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    let value: Option<T> = serde::Deserialize::deserialize(deserializer)?;
    Ok(value.unwrap_or_default())
}

layer! {
    pub struct Layer {
        pub detection: DetectionLayer,
        pub targets: TargetsLayer,
        pub spans: SpansLayer,
        pub metrics: MetricsLayer,
        pub prometheus: PrometheusLayer,
        pub export: ExportLayer,
        pub shutdown: ShutdownLayer,
        pub services: ServicesLayer,
        pub resource: ResourceLayer,
        pub alerts: AlertsLayer,
        pub kubernetes: KubernetesLayer,
        pub log: LogLayer,
    }
}

layer! {
    pub struct DetectionLayer {
        pub threshold: Option<Threshold>,
        pub mode: Option<Mode>,
        pub sampling: Option<Sampling>,
        pub budget: Option<Budget>,
        pub assume_go: Option<GoMinor>,
    }
}

layer! {
    pub struct TargetsLayer {
        pub executables: Option<Vec<Glob>>,
        pub command_lines: Option<Vec<Glob>>,
        pub services: Option<Vec<Glob>>,
        pub containers: Option<Vec<ContainerId>>,
        pub ports: Option<Vec<NonZero<u16>>>,
        pub pids: Option<Vec<u32>>,
        pub all: Option<bool>,
    }
}

layer! {
    pub struct SpansLayer {
        pub without_context: Option<WithoutContext>,
    }
}

layer! {
    pub struct MetricsLayer {
        pub interval: Option<MetricInterval>,
        pub temporality: Option<Temporality>,
    }
}

layer! {
    pub struct PrometheusLayer {
        pub listen: Option<ScrapeAddress>,
    }
}

layer! {
    pub struct ExportLayer {
        pub signals: SignalsLayer,
        pub otlp: OtlpLayer,
        pub traces: OtlpLayer,
        pub logs: OtlpLayer,
        pub metrics: OtlpLayer,
        pub profiles: OtlpLayer,
        pub queue: QueueLayer,
    }
}

layer! {
    /// Which signals are exported.
    pub struct SignalsLayer {
        pub traces: Option<Exporter>,
        pub logs: Option<Exporter>,
        pub metrics: Option<Exporter>,
        pub profiles: Option<Exporter>,
    }
}

layer! {
    pub struct QueueLayer {
        pub capacity: Option<QueueCapacity>,
        pub batch_size: Option<BatchSize>,
        pub schedule_delay: Option<ScheduleDelay>,
        pub directory: Option<PathBuf>,
        pub directory_limit: Option<ByteSize>,
    }
}

layer! {
    pub struct ShutdownLayer {
        pub grace: Option<Grace>,
    }
}

layer! {
    pub struct ServicesLayer {
        pub attributes: Option<BTreeMap<String, String>>,
    }
}

layer! {
    pub struct ResourceLayer {
        pub attributes: Option<BTreeMap<String, String>>,
    }
}

layer! {
    pub struct LogLayer {
        pub format: Option<LogFormat>,
        pub level: Option<LogFilter>,
    }
}
