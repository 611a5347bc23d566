//! `slowmap top`

use std::io::IsTerminal;

use super::{arguments::TopArguments, record::start_logging};
use crate::{
    config::{Environment, RecordTargets, TopOptions, layer::DetectionLayer, value::LogFormat},
    failure::Failure,
    pipeline,
};

pub async fn top(
    arguments: TopArguments,
    log_format: Option<LogFormat>,
    environment: &Environment,
) -> Result<(), Failure> {
    let targets = RecordTargets::Running(arguments.targets.choice().unwrap_or_default());
    let detection = DetectionLayer::from(arguments.detection);
    let options = TopOptions::load(targets, detection, arguments.output, environment)?;
    // On the terminal it would stand in the middle of the view.
    if !std::io::stderr().is_terminal() {
        start_logging(log_format, environment)?;
    }
    pipeline::top(options).await
}
