//! `slowmap correlate`

use super::{
    answer,
    arguments::{CorrelateArguments, Format},
    record::start_logging,
};
use crate::{
    config::{
        CorrelateOptions, Environment,
        value::{LogFormat, Tolerance},
    },
    explain,
    failure::Failure,
    pipeline,
};

/// # Errors
/// What `Failure` names. That the recording explains nothing is an answer, and none of them.
pub async fn correlate(
    arguments: CorrelateArguments,
    log_format: Option<LogFormat>,
    environment: &Environment,
) -> Result<(), Failure> {
    start_logging(log_format, environment)?;
    let format = arguments.output.format;
    let told = pipeline::correlate(&CorrelateOptions::from(arguments)).await?;
    let text = match format {
        Format::Text => explain::text(&told),
        Format::Json => {
            let json = serde_json::to_string_pretty(&told).map_err(anyhow::Error::from)?;
            json + "\n"
        }
    };
    answer::write(&text)
}

impl From<CorrelateArguments> for CorrelateOptions {
    fn from(arguments: CorrelateArguments) -> Self {
        Self {
            directory: arguments.directory,
            prometheus: arguments.prometheus,
            query: arguments.query,
            service: arguments.service,
            unit: arguments.unit,
            above: arguments.above,
            step: arguments.step,
            scrape_interval: arguments.scrape_interval,
            window: arguments
                .window
                .unwrap_or(const { Tolerance::from_micros(500_000) }),
        }
    }
}
