//! `slowmap run`

use super::{answer, arguments::RunArguments, logging};
use crate::{
    config::{
        Config, Environment, Layer,
        alerts::AlertsLayer,
        layer::{DetectionLayer, ExportLayer, LogLayer, PrometheusLayer, SpansLayer, TargetsLayer},
        otlp::OtlpLayer,
        value::LogFormat,
    },
    failure::Failure,
    pipeline,
};

pub async fn run(
    arguments: RunArguments,
    log_format: Option<LogFormat>,
    environment: &Environment,
) -> Result<(), Failure> {
    let file = arguments
        .config
        .clone()
        .or_else(|| environment.config_file());
    let print = arguments.print_config;
    let config = Config::load(flags(arguments, log_format), environment, file.as_deref())?;
    if print {
        return answer::write(&config.to_yaml());
    }
    logging::start(&config.log);
    pipeline::run(config).await
}

fn flags(arguments: RunArguments, log_format: Option<LogFormat>) -> Layer {
    // A choice on the command line replaces the whole choice of the file and the environment.
    let targets = arguments.targets.choice();
    Layer {
        detection: DetectionLayer::from(arguments.detection),
        targets: targets.map(TargetsLayer::from).unwrap_or_default(),
        spans: SpansLayer {
            without_context: arguments.without_context,
        },
        prometheus: PrometheusLayer {
            listen: arguments.prometheus_listen,
        },
        export: ExportLayer {
            otlp: OtlpLayer {
                endpoint: arguments.otlp_endpoint,
                protocol: arguments.otlp_protocol,
                ..OtlpLayer::default()
            },
            ..ExportLayer::default()
        },
        alerts: AlertsLayer::from(arguments.alerts),
        log: LogLayer {
            format: log_format,
            level: None,
        },
        ..Layer::default()
    }
}
