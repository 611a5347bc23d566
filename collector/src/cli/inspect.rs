//! `slowmap inspect`

use super::{arguments::InspectArguments, record::start_logging};
use crate::{
    config::{Environment, value::LogFormat},
    failure::Failure,
};

pub fn inspect(
    arguments: &InspectArguments,
    log_format: Option<LogFormat>,
    environment: &Environment,
) -> Result<(), Failure> {
    start_logging(log_format, environment)?;
    let _ = arguments;
    Err(Failure::Other(anyhow::anyhow!(
        "the inspection is not built yet"
    )))
}
