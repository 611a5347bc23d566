//! `slowmap check`: whether this machine and this user can run slowmap. Nothing goes in but the machine;
//! [`Finding`]s come out, each with what to do about it where something is to be done.
//!
//! Changes nothing, attaches nothing, and makes no system call that could succeed in more than answering.

mod event_sources;
mod kernel;
mod privileges;
mod render;
mod system_calls;

use std::time::Duration;

use serde::Serialize;

pub use self::{
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

/// Looks at the machine. `probe_cost` is what a hit of a probe was measured to cost here; without it there is no
/// line about it.
pub fn check(probe_cost: Option<Duration>) -> Vec<Finding> {
    let version = kernel::version();
    let mut findings = vec![kernel::architecture()];
    findings.extend(kernel::features(version.as_ref()));
    findings.push(kernel::btf());
    findings.extend(privileges::findings());
    findings.extend(system_calls::findings());
    findings.extend(event_sources::findings());
    findings.push(kernel::memory_lock(version.as_ref()));
    findings.extend(probe_cost.map(cost));
    findings
}

fn cost(of_a_hit: Duration) -> Finding {
    Finding::ok("probe cost", format!("{} ns a hit", of_a_hit.as_nanos()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_that_fails_says_what_to_do_and_no_other_does() {
        for finding in check(Some(Duration::from_nanos(640))) {
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
        let names: Vec<_> = check(Some(Duration::from_nanos(640)))
            .into_iter()
            .map(|finding| finding.name)
            .collect();
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(names.len(), distinct.len(), "{names:?}");
    }
}
