//! The check as text for a person and as JSON for a program.

use std::fmt::Write;

use serde::Serialize;

use super::{Finding, Status};

/// Whether slowmap can run: nothing is missing.
pub fn ready(findings: &[Finding]) -> bool {
    findings
        .iter()
        .all(|finding| finding.status != Status::Missing)
}

/// A line for each finding, below it what to do, and a last line with the answer.
pub fn render_text(findings: &[Finding]) -> String {
    let width = findings
        .iter()
        .map(|finding| finding.name.len())
        .max()
        .unwrap_or_default();
    let mut text = String::new();
    let mut before = None;
    for finding in findings {
        let Finding { name, detail, .. } = finding;
        // Writing to a String does not fail.
        let _ = writeln!(text, "{:<8} {name:<width$}  {detail}", word(finding.status));
        let remedy = finding.remedy.as_deref();
        if let Some(remedy) = remedy {
            let shown = if before == Some(remedy) {
                "as above"
            } else {
                remedy
            };
            let _ = writeln!(text, "{:<8} {:<width$}  -> {shown}", "", "");
            before = Some(remedy);
        }
    }
    text.push_str(&verdict(findings));
    text
}

/// `{"ready": …, "findings": [{"name", "status", "detail", "remedy"}]}`
pub fn render_json(findings: &[Finding]) -> String {
    #[derive(Serialize)]
    struct Document<'a> {
        ready: bool,
        findings: &'a [Finding],
    }
    let document = Document {
        ready: ready(findings),
        findings,
    };
    // Strings and booleans with string keys: there is nothing in it that JSON cannot hold.
    serde_json::to_string_pretty(&document).unwrap_or_default()
}

fn word(status: Status) -> &'static str {
    match status {
        Status::Ok => "ok",
        Status::Warning => "warning",
        Status::Missing => "MISSING",
    }
}

fn verdict(findings: &[Finding]) -> String {
    let missing = findings
        .iter()
        .filter(|finding| finding.status == Status::Missing)
        .count();
    match missing {
        0 => "This machine and this user can run slowmap.\n".to_owned(),
        1 => "slowmap cannot run here: one thing is missing.\n".to_owned(),
        count => format!("slowmap cannot run here: {count} things are missing.\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings() -> Vec<Finding> {
        vec![
            Finding::ok("kernel", "6.12.1"),
            Finding::missing("uprobes", "not there", "use another kernel"),
        ]
    }

    #[test]
    fn the_text_puts_the_remedy_below_its_line_and_the_answer_last() {
        let expected = "ok       kernel   6.12.1\n\
                        MISSING  uprobes  not there\n                  -> use another kernel\n\
                        slowmap cannot run here: one thing is missing.\n";
        assert_eq!(render_text(&findings()), expected);
        assert!(render_text(&findings()[..1]).ends_with("can run slowmap.\n"));
    }

    #[test]
    fn the_json_says_whether_slowmap_can_run_and_what_to_do() {
        let json: serde_json::Value =
            serde_json::from_str(&render_json(&findings())).expect("JSON");
        assert_eq!(json["ready"], false);
        assert_eq!(json["findings"][1]["status"], "missing");
        assert_eq!(json["findings"][1]["remedy"], "use another kernel");
        assert!(json["findings"][0]["remedy"].is_null());
    }
}
