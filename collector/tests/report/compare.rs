//! `slowmap report --compare`.

use std::{fs, path::Path, process::Command};

use serde_json::Value;
use tempfile::TempDir;

use crate::source;

fn compare(before: &Path, after: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_slowmap"))
        .arg("report")
        .args([before, Path::new("--compare"), after])
        .env_clear()
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What the page has of it.
fn in_the_page(directory: &Path) -> Value {
    let page = fs::read_to_string(directory.join("report.html")).unwrap();
    let data = page.split("id=\"data\">").nth(1).unwrap();
    let data = data.split("</script>").next().unwrap();
    serde_json::from_str::<Value>(data).unwrap()["comparison"].take()
}

#[test]
fn what_is_gone_after_a_fix_is_gone_with_a_bound_and_what_stayed_stays() {
    let (before, after) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let writes = source::writes();
    source::record(before.path(), &writes);
    // The fix: no growth any more.
    let left: Vec<_> = writes
        .iter()
        .filter(|write| write.cause().name() != "growth")
        .cloned()
        .collect();
    source::record(after.path(), &left);
    let text = compare(before.path(), after.path());
    let line = |part: &str| {
        text.lines()
            .find(|line| line.contains(part))
            .unwrap_or_default()
    };
    assert!(
        line("  writes ").contains("31 (186.0 a minute) -> 20 (120.0 a minute)  x 0.645 ("),
        "{text}"
    );
    assert!(
        line("main.(*shop).fill, growth").contains("10 -> 0,"),
        "{text}"
    );
    assert!(
        line("main.(*shop).fill, run_queue").contains("10 -> 10,"),
        "{text}"
    );
    assert!(text.contains("lost: 3 before, 3 after"), "{text}");
    assert!(text.contains("95 % confidence"), "{text}");
    let comparison = in_the_page(before.path());
    let groups = comparison["groups"].as_array().unwrap();
    let group = |cause: &str| {
        groups
            .iter()
            .find(|group| group["cause"] == cause && group["caller"] != "(not known)")
            .unwrap()
    };
    let bounds = |cause: &str| {
        let ratio = &group(cause)["rate_ratio"];
        (
            ratio["low"].as_f64().unwrap(),
            ratio["high"].as_f64().unwrap(),
        )
    };
    assert!(bounds("growth").1 < 0.5, "it cannot be chance");
    assert!(
        bounds("run_queue").0 < 1.0 && bounds("run_queue").1 > 1.0,
        "it can"
    );
    assert!(
        !after.path().join("report.html").exists(),
        "the other one is only read"
    );
}

#[test]
fn a_recording_that_was_cut_off_has_no_rates_to_compare() {
    let (before, after) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    source::record(before.path(), &source::writes());
    source::record(after.path(), &source::writes());
    fs::remove_file(after.path().join("summary.json")).unwrap();
    let text = compare(before.path(), after.path());
    assert!(text.contains("rates are not known"), "{text}");
    assert_eq!(in_the_page(before.path())["rate_ratio"], Value::Null);
}

#[test]
fn a_page_without_a_comparison_has_none() {
    let directory = TempDir::new().unwrap();
    source::record(directory.path(), &source::writes());
    let recording = slowmap::report::Recording::open(directory.path()).unwrap();
    slowmap::report::write(&recording, &slowmap::report::Asked::default(), &mut ()).unwrap();
    assert_eq!(in_the_page(directory.path()), Value::Null);
}
