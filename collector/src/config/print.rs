//! The effective configuration in the form of the configuration file.

use super::{
    Config,
    alerts::AlertsLayer,
    kubernetes::KubernetesLayer,
    layer::{
        DetectionLayer, ExportLayer, Layer, LogLayer, MetricsLayer, PrometheusLayer, QueueLayer,
        ResourceLayer, ServicesLayer, ShutdownLayer, SignalsLayer, SpansLayer, TargetsLayer,
    },
    otlp::{Endpoint, Otlp, OtlpLayer},
    value::Mode,
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
                sampling: (config.detection.mode == Mode::Sampled)
                    .then_some(config.detection.sampling),
                budget: Some(config.detection.budget),
                assume_go: config.detection.assume_go,
            },
            targets: TargetsLayer::from(config.targets.clone()),
            spans: SpansLayer {
                without_context: Some(config.without_context),
            },
            metrics: MetricsLayer {
                interval: Some(config.metrics.interval),
                temporality: Some(config.metrics.temporality),
            },
            prometheus: PrometheusLayer {
                listen: Some(config.prometheus.clone()),
            },
            export: export(config),
            shutdown: ShutdownLayer {
                grace: Some(config.grace),
            },
            services: ServicesLayer {
                attributes: Some(config.service_attributes.clone()),
            },
            resource: ResourceLayer {
                attributes: Some(config.resource.clone()),
            },
            kubernetes: config
                .kubernetes
                .as_ref()
                .map(KubernetesLayer::from)
                .unwrap_or_default(),
            alerts: AlertsLayer {
                when: Some(config.alerts.when.clone()),
                webhook: config.alerts.webhook.clone(),
            },
            log: LogLayer {
                format: Some(config.log.format),
                level: Some(config.log.level.clone()),
            },
        }
    }
}

fn export(config: &Config) -> ExportLayer {
    ExportLayer {
        signals: SignalsLayer {
            traces: Some(config.traces.exporter),
            logs: Some(config.logs.exporter),
            metrics: Some(config.metrics.otlp.exporter),
            profiles: Some(config.profiles.exporter),
        },
        otlp: OtlpLayer::default(),
        traces: OtlpLayer::from(&config.traces),
        logs: OtlpLayer::from(&config.logs),
        metrics: OtlpLayer::from(&config.metrics.otlp),
        profiles: OtlpLayer::from(&config.profiles),
        queue: QueueLayer {
            capacity: Some(config.queue.capacity),
            batch_size: Some(config.queue.batch_size),
            schedule_delay: Some(config.queue.schedule_delay),
            directory: config.queue.directory.clone(),
            directory_limit: Some(config.queue.directory_limit),
        },
    }
}

impl From<&Otlp> for OtlpLayer {
    fn from(signal: &Otlp) -> Self {
        OtlpLayer {
            endpoint: Some(Endpoint {
                url: signal.endpoint.clone(),
                shared: false,
            }),
            protocol: Some(signal.protocol),
            headers: Some(signal.headers.clone()),
            compression: Some(signal.compression),
            timeout: Some(signal.timeout),
            certificate: signal.certificate.clone(),
            client_certificate: signal.client_certificate.clone(),
            client_key: signal.client_key.clone(),
        }
    }
}
