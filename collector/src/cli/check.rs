//! `slowmap check`

use super::{arguments::CheckArguments, record::start_logging};
use crate::{
    config::{Environment, value::LogFormat},
    failure::Failure,
};

pub fn check(
    arguments: &CheckArguments,
    log_format: Option<LogFormat>,
    environment: &Environment,
) -> Result<(), Failure> {
    start_logging(log_format, environment)?;
    let _ = arguments;
    Err(Failure::Other(anyhow::anyhow!(
        "the check is not built yet"
    )))
}
