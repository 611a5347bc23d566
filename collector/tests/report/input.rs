//! What `slowmap report` is given, good and bad.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use tempfile::TempDir;

use crate::source;

fn report(directory: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_slowmap"))
        .arg("report")
        .arg(directory)
        .env_clear()
        .output()
        .unwrap()
}

fn told(directory: &Path) -> String {
    let output = report(directory);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The one line on stderr.
fn refused(directory: &Path) -> String {
    let output = report(directory);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
    stderr
}

#[test]
fn an_empty_recording_has_reports_that_say_so() {
    let directory = TempDir::new().unwrap();
    source::record(directory.path(), &[]);
    let text = told(directory.path());
    assert!(text.starts_with("0 slow map writes"), "{text}");
    for name in [
        "report.html",
        "calls.csv",
        "calls.parquet",
        "profile.pb.gz",
        "metrics.prom",
        "stacks.folded",
    ] {
        assert!(directory.path().join(name).exists(), "{name}");
    }
    let svg = fs::read_to_string(directory.path().join("flamegraph.svg")).unwrap();
    assert!(svg.contains("No slow map write"), "{svg}");
}

#[test]
fn of_a_recording_that_was_cut_off_everything_readable_is_used_and_the_rest_is_counted() {
    let directory = TempDir::new().unwrap();
    let writes = source::writes();
    source::record(directory.path(), &writes);
    let path = directory.path().join("events.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..text.len() - 40]).unwrap();
    fs::remove_file(directory.path().join("summary.json")).unwrap();
    let text = told(directory.path());
    assert!(text.contains("cut off before its end"), "{text}");
    assert!(text.contains("1 line of events.jsonl, cut off"), "{text}");
    let rows = csv::Reader::from_path(directory.path().join("calls.csv"))
        .unwrap()
        .into_records();
    assert_eq!(rows.count(), writes.len() - 1);
}

#[test]
fn a_directory_that_is_no_recording_is_refused_with_what_to_name() {
    let directory = TempDir::new().unwrap();
    let line = refused(directory.path());
    assert!(
        line.contains("is not a recording") && line.contains("--output"),
        "{line}"
    );
    assert!(refused(&directory.path().join("nowhere")).contains("is not a recording"));
    assert!(
        fs::read_dir(directory.path()).unwrap().next().is_none(),
        "nothing is written"
    );
}

#[test]
fn whatever_reads_a_recording_refuses_what_is_none_or_of_another_format() {
    let directory = TempDir::new().unwrap();
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let [good, future, file, output] = ["good", "future", "file", "output"].map(path);
    source::record(Path::new(&good), &source::writes());
    source::record(Path::new(&future), &[]);
    fs::write(
        format!("{future}/summary.json"),
        r#"{"format": 2, "version": "9.1.0"}"#,
    )
    .unwrap();
    fs::write(&file, "").unwrap();
    for (bad, words) in [
        (&file, "file is not a recording"),
        (&future, "use slowmap 9.1.0"),
    ] {
        for arguments in [
            vec!["report", bad],
            vec!["report", &good, "--compare", bad],
            vec!["report", &good, "--merge", bad, "--output", &output],
            vec!["correlate", "--csv", &file, bad],
        ] {
            let program = env!("CARGO_BIN_EXE_slowmap");
            let told = Command::new(program)
                .args(&arguments)
                .env_clear()
                .output()
                .unwrap();
            let line = String::from_utf8(told.stderr).unwrap();
            assert_eq!(told.status.code(), Some(1), "{arguments:?}: {line}");
            assert!(
                line.contains(words) && line.lines().count() == 1,
                "{arguments:?}: {line}"
            );
            assert!(told.stdout.is_empty() && !Path::new(&output).exists());
        }
    }
}

#[test]
fn a_recording_that_was_cut_off_before_its_first_write_is_one_without_a_time() {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("events.jsonl"), "").unwrap();
    let text = told(directory.path());
    assert!(text.contains("cut off before its end"), "{text}");
    let program = env!("CARGO_BIN_EXE_slowmap");
    let arguments = ["correlate", "--csv", "/dev/null"];
    let told = Command::new(program)
        .args(arguments)
        .arg(directory.path())
        .env_clear()
        .output();
    let told = told.unwrap();
    let line = String::from_utf8(told.stderr).unwrap();
    assert_eq!(told.status.code(), Some(1), "{line}");
    assert!(
        line.contains("cut off before its first slow write") && line.contains("record again"),
        "{line}"
    );
}

#[test]
fn a_recording_of_another_format_is_refused_with_the_version_that_reads_it() {
    let directory = TempDir::new().unwrap();
    source::record(directory.path(), &[]);
    let path = directory.path().join("summary.json");
    fs::write(&path, r#"{"format": 2, "version": "9.1.0"}"#).unwrap();
    let line = refused(directory.path());
    assert!(
        line.contains("format 2") && line.contains("use slowmap 9.1.0"),
        "{line}"
    );
    fs::write(&path, r#"{"version": "0.0.9"}"#).unwrap();
    assert!(
        refused(directory.path()).contains("format 0"),
        "from before there were formats"
    );
    fs::write(&path, "{\"format\": 1, ").unwrap();
    assert!(refused(directory.path()).contains("summary.json is damaged"));
}

#[test]
fn a_directory_that_cannot_be_written_is_named_and_the_recording_stays() {
    let directory = TempDir::new().unwrap();
    source::record(directory.path(), &source::writes());
    // Not even root can write a file where a directory is.
    fs::create_dir(directory.path().join("calls.csv.part")).unwrap();
    let line = refused(directory.path());
    assert!(line.contains("calls.csv cannot be written"), "{line}");
    assert_eq!(line.matches("directory").count(), 1, "told once: {line}");
}
