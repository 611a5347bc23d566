//! `slowmap check`: whether this machine and this user can run slowmap.

use super::{
    answer,
    arguments::{CheckArguments, Format},
    record::start_logging,
};
use crate::{
    attach,
    check::{self, Finding, ProbeCost, Status},
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
    let mut findings = check::check();
    if check::ready(&findings) {
        findings.push(check::probe_cost(measure()));
    }
    let text = match arguments.output.format {
        Format::Text => check::render_text(&findings),
        Format::Json => format!("{}\n", check::render_json(&findings)),
    };
    answer::write(&text)?;
    if check::ready(&findings) {
        return Ok(());
    }
    Err(Failure::NotPermitted(missing(&findings)))
}

/// A hit is tried on this process itself, only where nothing is missing that it takes.
fn measure() -> Result<ProbeCost, String> {
    let cost = attach::hit_cost().map_err(|error| error.to_string())?;
    Ok(ProbeCost {
        emulated: cost.emulated,
        single_stepped: cost.single_stepped,
    })
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
