//! `slowmap correlate`

use super::{
    answer,
    arguments::{CorrelateArguments, Format},
    record::start_logging,
};
use crate::{
    config::{
        CorrelateOptions, Environment, SeriesSource,
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
    let told = pipeline::correlate(&options(arguments)?).await?;
    let text = match format {
        Format::Text => explain::text(&told),
        Format::Json => {
            let json = serde_json::to_string_pretty(&told).map_err(anyhow::Error::from)?;
            json + "\n"
        }
    };
    answer::write(&text)
}

fn options(arguments: CorrelateArguments) -> Result<CorrelateOptions, Failure> {
    let series = match (arguments.csv, arguments.prometheus, arguments.query) {
        (Some(file), ..) => SeriesSource::Csv(file),
        (None, Some(server), Some(query)) => SeriesSource::Prometheus {
            server,
            query,
            rate_query: arguments.rate_query,
            step: arguments.step,
        },
        // clap lets none of these through.
        _ => {
            return Err(Failure::Usage(
                "no series given; allowed: --csv, or --prometheus and --query".into(),
            ));
        }
    };
    Ok(CorrelateOptions {
        directory: arguments.directory,
        series,
        service: arguments.service,
        unit: arguments.unit,
        above: arguments.above,
        scrape_interval: arguments.scrape_interval,
        window: arguments
            .window
            .unwrap_or(const { Tolerance::from_micros(500_000) }),
    })
}
