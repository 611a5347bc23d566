//! `slowmap check`: whether this machine and this user can run slowmap.

use super::{
    arguments::{CheckArguments, Format},
    record::start_logging,
};
use crate::{
    check::{self, Finding, Status},
    config::{Environment, value::LogFormat},
    failure::Failure,
};

/// # Errors
/// `NotPermitted` where something is missing, after the answer was printed.
pub fn check(
    arguments: &CheckArguments,
    log_format: Option<LogFormat>,
    environment: &Environment,
) -> Result<(), Failure> {
    start_logging(log_format, environment)?;
    let findings = check::check(None);
    match arguments.output.format {
        Format::Text => print!("{}", check::render_text(&findings)),
        Format::Json => println!("{}", check::render_json(&findings)),
    }
    if check::ready(&findings) {
        return Ok(());
    }
    Err(Failure::NotPermitted(missing(&findings)))
}

/// The last word, on stderr: what is missing, by name.
fn missing(findings: &[Finding]) -> String {
    let names: Vec<&str> = findings
        .iter()
        .filter(|finding| finding.status == Status::Missing)
        .map(|finding| finding.name)
        .collect();
    format!(
        "cannot run here: {} missing; the lines above say what to do",
        names.join(", ")
    )
}
