//! `slowmap report`

use super::{answer, arguments::ReportArguments, record::start_logging};
use crate::{
    config::{Environment, Merged, ReportOptions, value::LogFormat},
    failure::Failure,
    pipeline,
};

pub fn report(
    arguments: ReportArguments,
    log_format: Option<LogFormat>,
    environment: &Environment,
) -> Result<(), Failure> {
    start_logging(log_format, environment)?;
    let options = ReportOptions {
        directory: arguments.directory,
        compare: arguments.compare,
        merged: arguments.output.map(|output| Merged {
            others: arguments.merge,
            output,
        }),
        page: arguments.page.into(),
    };
    answer::write(&pipeline::report(&options)?)
}
