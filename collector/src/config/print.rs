//! The effective configuration in the form of the configuration file.

use super::{
    Config,
    layer::{
        DetectionLayer, ExportLayer, Layer, LogLayer, QueueLayer, ResourceLayer, ShutdownLayer,
        SpansLayer, TargetsLayer,
    },
    otlp::{Endpoint, Otlp, OtlpLayer},
};

impl Config {
    /// YAML that `--config` reads back to the same configuration, but for secrets, which are masked.
    pub fn to_yaml(&self) -> String {
        serde_saphyr::to_string(&Layer::from(self)).expect("plain keys and scalars are always YAML")
    }
}

impl From<&Config> for Layer {
    fn from(config: &Config) -> Self {
        Layer {
            detection: DetectionLayer {
                threshold: Some(config.detection.threshold),
                mode: Some(config.detection.mode),
                sampling: Some(config.detection.sampling),
            },
            targets: TargetsLayer {
                executables: Some(config.targets.executables.clone()),
                pids: Some(config.targets.pids.clone()),
                all: Some(config.targets.is_all()),
            },
            spans: SpansLayer {
                without_context: Some(config.without_context),
            },
            export: ExportLayer {
                otlp: OtlpLayer::default(),
                traces: OtlpLayer::from(&config.traces),
                queue: QueueLayer {
                    capacity: Some(config.queue.capacity),
                    batch_size: Some(config.queue.batch_size),
                    schedule_delay: Some(config.queue.schedule_delay),
                },
            },
            shutdown: ShutdownLayer {
                grace: Some(config.grace),
            },
            resource: ResourceLayer {
                attributes: Some(config.resource.clone()),
            },
            log: LogLayer {
                format: Some(config.log.format),
                level: Some(config.log.level.clone()),
            },
        }
    }
}

impl From<&Otlp> for OtlpLayer {
    fn from(traces: &Otlp) -> Self {
        OtlpLayer {
            endpoint: Some(Endpoint {
                url: traces.endpoint.clone(),
                shared: false,
            }),
            protocol: Some(traces.protocol),
            headers: Some(traces.headers.clone()),
            compression: Some(traces.compression),
            timeout: Some(traces.timeout),
            certificate: traces.certificate.clone(),
            client_certificate: traces.client_certificate.clone(),
            client_key: traces.client_key.clone(),
        }
    }
}
