//! What the environment says: `SLOWMAP_*`, and the standard `OTEL_*`
//! (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).

use std::{collections::BTreeMap, num::NonZero, path::PathBuf, str::FromStr, time::Duration};

use super::{
    ConfigError,
    alerts::{self, AlertsLayer},
    kubernetes::{ApiServer, KubernetesLayer},
    layer::{
        DetectionLayer, ExportLayer, Layer, LogLayer, MetricsLayer, PrometheusLayer, QueueLayer,
        ResourceLayer, ServicesLayer, ShutdownLayer, SignalsLayer, SpansLayer, TargetsLayer,
    },
    otlp::{Endpoint, OtlpLayer, pairs},
    prometheus::{MetricsExporters, ScrapeAddress},
    value::{MetricInterval, Refused, ScheduleDelay, Timeout},
};
use crate::export::otlp::Headers;

/// slowmap's own variables.
const OWN: [&str; 43] = [
    "SLOWMAP_ALERTS",
    "SLOWMAP_ALERT_WEBHOOK",
    "SLOWMAP_ASSUME_GO",
    "SLOWMAP_BATCH_SIZE",
    "SLOWMAP_BUDGET",
    "SLOWMAP_COMMAND_LINES",
    "SLOWMAP_CONFIG",
    "SLOWMAP_CONTAINERS",
    "SLOWMAP_EXECUTABLES",
    "SLOWMAP_KUBERNETES_ACCOUNT",
    "SLOWMAP_KUBERNETES_NODE",
    "SLOWMAP_KUBERNETES_SERVER",
    "SLOWMAP_LOG",
    "SLOWMAP_LOG_FORMAT",
    "SLOWMAP_LOGS_EXPORTER",
    "SLOWMAP_METRICS_EXPORTER",
    "SLOWMAP_METRIC_INTERVAL",
    "SLOWMAP_METRIC_TEMPORALITY",
    "SLOWMAP_MODE",
    "SLOWMAP_OTLP_CERTIFICATE",
    "SLOWMAP_OTLP_CLIENT_CERTIFICATE",
    "SLOWMAP_OTLP_CLIENT_KEY",
    "SLOWMAP_OTLP_COMPRESSION",
    "SLOWMAP_OTLP_ENDPOINT",
    "SLOWMAP_OTLP_HEADERS",
    "SLOWMAP_OTLP_PROTOCOL",
    "SLOWMAP_OTLP_TIMEOUT",
    "SLOWMAP_PIDS",
    "SLOWMAP_PORTS",
    "SLOWMAP_PROFILES_EXPORTER",
    "SLOWMAP_PROMETHEUS_LISTEN",
    "SLOWMAP_QUEUE_CAPACITY",
    "SLOWMAP_QUEUE_DIRECTORY",
    "SLOWMAP_QUEUE_DIRECTORY_LIMIT",
    "SLOWMAP_RESOURCE_ATTRIBUTES",
    "SLOWMAP_SAMPLING",
    "SLOWMAP_SCHEDULE_DELAY",
    "SLOWMAP_SERVICES",
    "SLOWMAP_SERVICE_ATTRIBUTES",
    "SLOWMAP_SHUTDOWN_GRACE",
    "SLOWMAP_THRESHOLD",
    "SLOWMAP_TRACES_EXPORTER",
    "SLOWMAP_WITHOUT_CONTEXT",
];

/// The variables of a process. An empty one counts as not set, as the OpenTelemetry specification has it.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl std::fmt::Debug for Environment {
    /// Without the values: some are secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        Self(
            variables
                .into_iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect(),
        )
    }
}

impl Environment {
    /// This process's own.
    pub fn read() -> Self {
        std::env::vars_os()
            .map(|(name, value)| {
                (
                    name.to_string_lossy().into_owned(),
                    value.to_string_lossy().into_owned(),
                )
            })
            .collect()
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0
            .get(name)
            .map(|value| value.trim())
            .filter(|value| !value.is_empty())
    }

    fn get<T: FromStr<Err = Refused>>(&self, name: &str) -> Result<Option<T>, ConfigError> {
        self.get_with(name, str::parse)
    }

    fn get_with<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, Refused>,
    ) -> Result<Option<T>, ConfigError> {
        let refuse = |value: &str, refused| ConfigError::Value {
            name: name.into(),
            value: value.into(),
            refused,
        };
        self.text(name)
            .map(|value| parse(value).map_err(|refused| refuse(value, refused)))
            .transpose()
    }

    fn headers(&self, name: &str) -> Result<Option<Headers>, ConfigError> {
        self.secret(name, str::parse)
    }

    /// What is not to be shown where it is refused.
    fn secret<T>(
        &self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, Refused>,
    ) -> Result<Option<T>, ConfigError> {
        let refuse = |refused| ConfigError::Secret {
            name: name.into(),
            refused,
        };
        self.text(name)
            .map(|value| parse(value).map_err(refuse))
            .transpose()
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.text(name).map(PathBuf::from)
    }

    /// `SLOWMAP_CONFIG`
    pub fn config_file(&self) -> Option<PathBuf> {
        self.path("SLOWMAP_CONFIG")
    }

    /// What `SLOWMAP_*` says.
    ///
    /// # Errors
    /// A value that is not allowed, or a variable that slowmap does not know.
    pub fn slowmap(&self) -> Result<Layer, ConfigError> {
        self.refuse_unknown()?;
        Ok(Layer {
            detection: DetectionLayer {
                threshold: self.get("SLOWMAP_THRESHOLD")?,
                mode: self.get("SLOWMAP_MODE")?,
                sampling: self.get("SLOWMAP_SAMPLING")?,
                budget: self.get("SLOWMAP_BUDGET")?,
                assume_go: self.get("SLOWMAP_ASSUME_GO")?,
            },
            targets: self.targets()?,
            spans: SpansLayer {
                without_context: self.get("SLOWMAP_WITHOUT_CONTEXT")?,
            },
            kubernetes: KubernetesLayer {
                node: self.text("SLOWMAP_KUBERNETES_NODE").map(str::to_owned),
                server: self.get("SLOWMAP_KUBERNETES_SERVER")?,
                account: self.path("SLOWMAP_KUBERNETES_ACCOUNT"),
            },
            metrics: MetricsLayer {
                interval: self.get("SLOWMAP_METRIC_INTERVAL")?,
                temporality: self.get("SLOWMAP_METRIC_TEMPORALITY")?,
            },
            prometheus: PrometheusLayer {
                listen: self.get("SLOWMAP_PROMETHEUS_LISTEN")?,
            },
            export: ExportLayer {
                otlp: self.otlp_of_slowmap()?,
                signals: SignalsLayer {
                    traces: self.get("SLOWMAP_TRACES_EXPORTER")?,
                    logs: self.get("SLOWMAP_LOGS_EXPORTER")?,
                    metrics: self.get("SLOWMAP_METRICS_EXPORTER")?,
                    profiles: self.get("SLOWMAP_PROFILES_EXPORTER")?,
                },
                queue: QueueLayer {
                    capacity: self.get("SLOWMAP_QUEUE_CAPACITY")?,
                    batch_size: self.get("SLOWMAP_BATCH_SIZE")?,
                    schedule_delay: self.get("SLOWMAP_SCHEDULE_DELAY")?,
                    directory: self.path("SLOWMAP_QUEUE_DIRECTORY"),
                    directory_limit: self.get("SLOWMAP_QUEUE_DIRECTORY_LIMIT")?,
                },
                ..ExportLayer::default()
            },
            shutdown: ShutdownLayer {
                grace: self.get("SLOWMAP_SHUTDOWN_GRACE")?,
            },
            services: ServicesLayer {
                attributes: self.get_with("SLOWMAP_SERVICE_ATTRIBUTES", pairs)?,
            },
            resource: ResourceLayer {
                attributes: self.get_with("SLOWMAP_RESOURCE_ATTRIBUTES", pairs)?,
            },
            alerts: AlertsLayer {
                when: self.get_with("SLOWMAP_ALERTS", alerts::expressions)?,
                webhook: self.secret("SLOWMAP_ALERT_WEBHOOK", alerts::webhook_url)?,
            },
            log: self.log()?,
        })
    }

    fn targets(&self) -> Result<TargetsLayer, ConfigError> {
        Ok(TargetsLayer {
            executables: self.get_with("SLOWMAP_EXECUTABLES", list)?,
            command_lines: self.get_with("SLOWMAP_COMMAND_LINES", list)?,
            services: self.get_with("SLOWMAP_SERVICES", list)?,
            containers: self.get_with("SLOWMAP_CONTAINERS", list)?,
            ports: self.get_with("SLOWMAP_PORTS", ports)?,
            pids: self.get_with("SLOWMAP_PIDS", pids)?,
            all: None,
        })
    }

    /// `SLOWMAP_LOG` and `SLOWMAP_LOG_FORMAT`.
    ///
    /// # Errors
    /// A value that is not allowed.
    pub fn log(&self) -> Result<LogLayer, ConfigError> {
        Ok(LogLayer {
            format: self.get("SLOWMAP_LOG_FORMAT")?,
            level: self.get("SLOWMAP_LOG")?,
        })
    }

    fn otlp_of_slowmap(&self) -> Result<OtlpLayer, ConfigError> {
        Ok(OtlpLayer {
            endpoint: self.get("SLOWMAP_OTLP_ENDPOINT")?,
            protocol: self.get("SLOWMAP_OTLP_PROTOCOL")?,
            headers: self.headers("SLOWMAP_OTLP_HEADERS")?,
            compression: self.get("SLOWMAP_OTLP_COMPRESSION")?,
            timeout: self.get("SLOWMAP_OTLP_TIMEOUT")?,
            certificate: self.path("SLOWMAP_OTLP_CERTIFICATE"),
            client_certificate: self.path("SLOWMAP_OTLP_CLIENT_CERTIFICATE"),
            client_key: self.path("SLOWMAP_OTLP_CLIENT_KEY"),
        })
    }

    fn refuse_unknown(&self) -> Result<(), ConfigError> {
        let ours = |name: &&String| name.starts_with("SLOWMAP_") && !is_service_link(name);
        match self
            .0
            .keys()
            .filter(ours)
            .find(|name| !OWN.contains(&name.as_str()))
        {
            None => Ok(()),
            Some(name) => Err(ConfigError::UnknownVariable {
                name: name.clone(),
                allowed: OWN.join(", "),
            }),
        }
    }

    /// What a cluster says to each of its Pods.
    ///
    /// # Errors
    /// A value that is not allowed.
    pub fn cluster(&self) -> Result<Layer, ConfigError> {
        let port = self.text("KUBERNETES_SERVICE_PORT").unwrap_or("443");
        let server = |host: &str| ApiServer::in_cluster(host, port);
        let kubernetes = KubernetesLayer {
            server: self.get_with("KUBERNETES_SERVICE_HOST", server)?,
            ..KubernetesLayer::default()
        };
        Ok(Layer {
            kubernetes,
            ..Layer::default()
        })
    }

    /// What the standard `OTEL_*` says.
    ///
    /// # Errors
    /// A value that is not allowed.
    pub fn otel(&self) -> Result<Layer, ConfigError> {
        let metrics: Option<MetricsExporters> = self.get("OTEL_METRICS_EXPORTER")?;
        Ok(Layer {
            metrics: self.standard_metrics()?,
            prometheus: PrometheusLayer {
                listen: match metrics {
                    Some(chosen) if chosen.prometheus => Some(self.standard_scrapes()?),
                    _ => None,
                },
            },
            export: ExportLayer {
                signals: SignalsLayer {
                    traces: self.get("OTEL_TRACES_EXPORTER")?,
                    logs: self.get("OTEL_LOGS_EXPORTER")?,
                    metrics: metrics.map(|chosen| chosen.otlp),
                    // No part of the specification yet.
                    profiles: self.get("OTEL_PROFILES_EXPORTER")?,
                },
                otlp: self.standard_otlp("OTEL_EXPORTER_OTLP")?,
                traces: self.standard_otlp("OTEL_EXPORTER_OTLP_TRACES")?,
                logs: self.standard_otlp("OTEL_EXPORTER_OTLP_LOGS")?,
                metrics: self.standard_otlp("OTEL_EXPORTER_OTLP_METRICS")?,
                profiles: self.standard_otlp("OTEL_EXPORTER_OTLP_PROFILES")?,
                queue: QueueLayer {
                    capacity: self.get("OTEL_BSP_MAX_QUEUE_SIZE")?,
                    batch_size: self.get("OTEL_BSP_MAX_EXPORT_BATCH_SIZE")?,
                    // Meant for a service's own SDK, where five seconds are usual: no error, but no more than
                    // slowmap allows.
                    schedule_delay: self
                        .get_with("OTEL_BSP_SCHEDULE_DELAY", milliseconds)?
                        .map(ScheduleDelay::clamped),
                    ..QueueLayer::default()
                },
            },
            resource: ResourceLayer {
                attributes: self.resource_attributes()?,
            },
            ..Layer::default()
        })
    }

    fn standard_scrapes(&self) -> Result<ScrapeAddress, ConfigError> {
        let port = |text: &str| {
            let port = text.parse();
            port.map_err(|_| Refused("a port, from 0 to 65535".into()))
        };
        let host = self.text("OTEL_EXPORTER_PROMETHEUS_HOST");
        let port = self.get_with("OTEL_EXPORTER_PROMETHEUS_PORT", port)?;
        Ok(ScrapeAddress::standard(host, port))
    }

    fn standard_metrics(&self) -> Result<MetricsLayer, ConfigError> {
        let temporality = "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE";
        Ok(MetricsLayer {
            interval: self
                .get_with("OTEL_METRIC_EXPORT_INTERVAL", milliseconds)?
                .map(MetricInterval::clamped),
            // The specification takes it in any case.
            temporality: self.get_with(temporality, |text| text.to_lowercase().parse())?,
        })
    }

    fn standard_otlp(&self, prefix: &str) -> Result<OtlpLayer, ConfigError> {
        let name = |suffix: &str| format!("{prefix}_{suffix}");
        Ok(OtlpLayer {
            endpoint: self.get_with(&name("ENDPOINT"), |text| {
                self.standard_endpoint(prefix, text)
            })?,
            protocol: self.get(&name("PROTOCOL"))?,
            headers: self.headers(&name("HEADERS"))?,
            compression: self.get(&name("COMPRESSION"))?,
            timeout: self
                .get_with(&name("TIMEOUT"), milliseconds)?
                .map(Timeout::clamped),
            certificate: self.path(&name("CERTIFICATE")),
            client_certificate: self.path(&name("CLIENT_CERTIFICATE")),
            client_key: self.path(&name("CLIENT_KEY")),
        })
    }

    /// `…_INSECURE` decides about TLS where the endpoint has no scheme.
    fn standard_endpoint(&self, prefix: &str, text: &str) -> Result<Endpoint, Refused> {
        let insecure = self
            .text(&format!("{prefix}_INSECURE"))
            .or_else(|| self.text("OTEL_EXPORTER_OTLP_INSECURE"))
            .map(|value| value.eq_ignore_ascii_case("true"));
        match (text.contains("://"), insecure) {
            (false, Some(true)) => format!("http://{text}").parse(),
            (false, Some(false)) => format!("https://{text}").parse(),
            _ => text.parse(),
        }
    }

    fn resource_attributes(&self) -> Result<Option<BTreeMap<String, String>>, ConfigError> {
        let mut attributes = self.get_with("OTEL_RESOURCE_ATTRIBUTES", pairs)?;
        if let Some(service) = self.text("OTEL_SERVICE_NAME") {
            attributes
                .get_or_insert_default()
                .insert("service.name".into(), service.into());
        }
        Ok(attributes)
    }
}

/// Kubernetes sets `SLOWMAP_SERVICE_HOST`, `SLOWMAP_PORT_4317_TCP` and the like in each pod beside a service
/// whose name begins with `slowmap`.
fn is_service_link(name: &str) -> bool {
    name.ends_with("_SERVICE_HOST")
        || name.contains("_SERVICE_PORT")
        || name.ends_with("_PORT")
        || name.contains("_PORT_")
}

fn milliseconds(text: &str) -> Result<Duration, Refused> {
    text.parse()
        .map(Duration::from_millis)
        .map_err(|_| Refused("a whole number of milliseconds without a unit".into()))
}

fn list<T: FromStr<Err = Refused>>(text: &str) -> Result<Vec<T>, Refused> {
    text.split(',').map(|part| part.trim().parse()).collect()
}

fn pids(text: &str) -> Result<Vec<u32>, Refused> {
    numbers(text, "process ids, separated by commas")
}

fn ports(text: &str) -> Result<Vec<NonZero<u16>>, Refused> {
    numbers(text, "TCP ports, 1 to 65535, separated by commas")
}

fn numbers<T: FromStr>(text: &str, allowed: &'static str) -> Result<Vec<T>, Refused> {
    text.split(',')
        .map(|part| part.trim().parse().map_err(|_| Refused(allowed.into())))
        .collect()
}
