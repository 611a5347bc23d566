//! `slowmap check`: whether this machine and this user can run slowmap. Nothing goes in but the machine;
//! [`Finding`]s come out, each with what to do about it where something is to be done.
//!
//! Changes nothing, attaches nothing, and makes no system call that could succeed in more than answering.

mod event_sources;
mod kernel;
mod privileges;
mod render;
mod system_calls;

use serde::Serialize;

pub use self::{
    kernel::unsupported as unsupported_kernel,
    privileges::missing_privileges,
    render::{ready, render_json, render_text},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Ok,
    /// slowmap runs, but sees less or costs more.
    Warning,
    /// slowmap cannot run.
    Missing,
}

/// One line of the check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub name: &'static str,
    pub status: Status,
    pub detail: String,
    /// What to do; `None` where nothing is to be done.
    pub remedy: Option<String>,
}

impl Finding {
    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self {
            name,
            status: Status::Ok,
            detail: detail.into(),
            remedy: None,
        }
    }

    fn warning(name: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        let (detail, remedy) = (detail.into(), Some(remedy.into()));
        Self {
            name,
            status: Status::Warning,
            detail,
            remedy,
        }
    }

    fn missing(name: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            status: Status::Missing,
            ..Self::warning(name, detail, remedy)
        }
    }
}

/// What a hit of a probe was measured to cost here, in nanoseconds: on an instruction that the kernel emulates, and
/// on any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProbeCost {
    pub emulated: u64,
    pub single_stepped: u64,
}

/// Looks at the machine.
pub fn check() -> Vec<Finding> {
    let version = kernel::version();
    let mut findings = vec![kernel::architecture()];
    findings.extend(kernel::features(version.as_ref()));
    findings.push(kernel::btf());
    findings.extend(privileges::findings());
    findings.extend(system_calls::findings());
    findings.extend(event_sources::findings());
    findings.push(kernel::memory_lock(version.as_ref()));
    findings
}

/// The line about what a hit costs, or why it could not be measured.
pub fn probe_cost(measured: Result<ProbeCost, String>) -> Finding {
    match measured {
        Ok(cost) => Finding::ok(
            "probe cost",
            format!(
                "{} ns a hit where the kernel emulates the instruction, {} ns elsewhere",
                cost.emulated, cost.single_stepped
            ),
        ),
        Err(error) => Finding::missing(
            "probe cost",
            format!("no probe could be tried: {error}"),
            "see the lines above; as root without a seccomp profile it should work",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Finding> {
        let mut findings = check();
        findings.push(probe_cost(Ok(ProbeCost {
            emulated: 640,
            single_stepped: 17_000,
        })));
        findings
    }

    #[test]
    fn a_probe_that_could_not_be_tried_says_why() {
        let finding = probe_cost(Err("operation not permitted".to_owned()));
        assert_eq!(finding.status, Status::Missing);
        assert!(finding.detail.contains("operation not permitted"));
    }

    #[test]
    fn every_line_that_fails_says_what_to_do_and_no_other_does() {
        for finding in all() {
            assert_eq!(
                finding.status == Status::Ok,
                finding.remedy.is_none(),
                "{finding:?}"
            );
            assert!(
                !finding.detail.is_empty() && !finding.detail.contains('\n'),
                "{finding:?}"
            );
        }
    }

    #[test]
    fn no_two_lines_have_the_same_name() {
        let names: Vec<_> = all().into_iter().map(|finding| finding.name).collect();
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(names.len(), distinct.len(), "{names:?}");
    }
}
