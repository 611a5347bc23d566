//! `slowmap record`

use super::{
    arguments::{AlertArguments, DetectionArguments, PageArguments, RecordArguments},
    logging,
};
use crate::{
    config::{
        Environment, Layer, Log, PageOptions, RecordOptions, RecordTargets,
        alerts::AlertsLayer,
        layer::{DetectionLayer, LogLayer, Over},
        value::LogFormat,
    },
    failure::Failure,
    pipeline,
};

pub async fn record(
    arguments: RecordArguments,
    log_format: Option<LogFormat>,
    environment: &Environment,
) -> Result<(), Failure> {
    let targets = match arguments.cmd.is_empty() {
        true => RecordTargets::Running(arguments.targets.choice().unwrap_or_default()),
        false => RecordTargets::Command(arguments.cmd),
    };
    let flags = Layer {
        detection: DetectionLayer::from(arguments.detection),
        alerts: AlertsLayer::from(arguments.alerts),
        ..Layer::default()
    };
    let options = RecordOptions::load(
        targets,
        flags,
        arguments.duration,
        arguments.output,
        arguments.page.into(),
        environment,
    )?;
    start_logging(log_format, environment)?;
    pipeline::record(options).await
}

/// For commands that a person looks at: warnings only, unless `SLOWMAP_LOG` asks for more.
pub fn start_logging(
    log_format: Option<LogFormat>,
    environment: &Environment,
) -> Result<(), Failure> {
    let flags = LogLayer {
        format: log_format,
        level: None,
    };
    logging::start(&Log::new(
        flags.over(environment.log()?),
        tracing::Level::WARN,
    ));
    Ok(())
}

impl From<DetectionArguments> for DetectionLayer {
    fn from(arguments: DetectionArguments) -> Self {
        Self {
            threshold: arguments.threshold,
            mode: arguments.mode,
            sampling: arguments.sampling,
            budget: arguments.budget,
            assume_go: arguments.assume_go,
        }
    }
}

impl From<PageArguments> for PageOptions {
    fn from(arguments: PageArguments) -> Self {
        Self {
            trace_url: arguments.trace_url,
            since_start: arguments.since_start,
            top: arguments.top,
        }
    }
}

impl From<AlertArguments> for AlertsLayer {
    fn from(arguments: AlertArguments) -> Self {
        let given = !arguments.alert.is_empty();
        Self {
            when: given.then_some(arguments.alert),
            webhook: arguments.alert_webhook,
        }
    }
}
