//! `slowmap report --merge`: several recordings become one that is true, or are refused with the reason.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{sample, source};

const SECOND: u64 = 1_000_000_000;

fn slowmap(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_slowmap"))
        .args(arguments)
        .env_clear()
        .output()
        .unwrap()
}

/// A directory with recordings in it, each of them of 10 s.
struct Recordings(TempDir);

impl Recordings {
    /// `after`: how many seconds after the first each begins. Its writes are half a second apart.
    fn begun(after: &[u64]) -> Self {
        let directory = Self(TempDir::new().unwrap());
        for (number, after) in after.iter().enumerate() {
            let mut writes = source::writes();
            for (index, write) in (0..).zip(&mut writes) {
                write.time.0 = sample::START + after * SECOND + index * SECOND / 2;
            }
            let path = directory.0.path().join(number.to_string());
            source::record(&path, &writes);
            directory.change(number, |summary| {
                summary["started_unix_nano"] = (sample::START + after * SECOND).into();
            });
        }
        directory
    }

    fn path(&self, name: impl ToString) -> String {
        let path = self.0.path().join(name.to_string());
        path.to_str().unwrap().to_owned()
    }

    fn summary(&self, name: impl ToString) -> Value {
        let path = self.path(name) + "/summary.json";
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    }

    fn change(&self, number: usize, change: impl FnOnce(&mut Value)) {
        let mut summary = self.summary(number);
        change(&mut summary);
        let path = self.path(number) + "/summary.json";
        fs::write(path, summary.to_string()).unwrap();
    }

    fn merge(&self, more: &[&str]) -> Output {
        let (first, second, output) = (self.path(0), self.path(1), self.path("merged"));
        let arguments = ["report", &first, "--merge", &second, "--output", &output];
        slowmap(&[&arguments[..], more].concat())
    }

    fn merged(&self) -> String {
        let output = self.merge(&[]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn refused(&self) -> String {
        let output = self.merge(&[]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert_eq!(stderr.trim_end().lines().count(), 1, "{stderr}");
        assert!(!Path::new(&self.path("merged")).exists(), "it was made");
        stderr
    }
}

fn events(directory: &str) -> Vec<Value> {
    let text = fs::read_to_string(format!("{directory}/events.jsonl")).unwrap();
    let event = |line| serde_json::from_str(line).unwrap();
    text.lines().map(event).collect()
}

#[test]
fn of_two_replicas_everything_is_there_in_order_and_losses_and_costs_are_summed() {
    let recordings = Recordings::begun(&[0, 4]);
    let probe = |hits, cost: Option<u64>| json!([{"function": "f", "role": "growth_enter", "hits": hits, "estimated_cost_nano": cost}]);
    recordings.change(0, |summary| summary["probes"] = probe(5, Some(50)));
    recordings.change(1, |summary| summary["probes"] = probe(7, Some(70)));
    let before = events(&recordings.path(1));
    let text = recordings.merged();
    assert!(
        text.starts_with("62 slow map writes (100 us or more) in 14 s"),
        "{text}"
    );
    assert!(text.contains("  merged     2 recordings\n"), "{text}");
    assert!(text.contains("12 probe hits, about 120 ns"), "{text}");

    let merged = events(&recordings.path("merged"));
    let time = |event: &Value| event["time_unix_nano"].as_u64();
    assert!(merged.is_sorted_by_key(time));
    let mut of_the_second: Vec<Value> = merged
        .iter()
        .filter(|event| event["recording"] == 1)
        .cloned()
        .collect();
    for event in &mut of_the_second {
        event.as_object_mut().unwrap().remove("recording");
    }
    assert_eq!((merged.len(), of_the_second), (62, before));

    let summary = recordings.summary("merged");
    assert_eq!(summary["counts"]["writes"], 62);
    assert_eq!(summary["counts"]["by_cause"]["growth"], 22);
    assert_eq!(summary["latency"]["count"], 62);
    assert_eq!(
        summary["losses"],
        json!({"total": 6, "by_reason": {"ring_buffer_full": 6}})
    );
    assert_eq!(summary["estimated_cost_nano"], 120);
    assert_eq!(summary["started_unix_nano"], sample::START);
    assert_eq!(summary["duration_nano"], 14 * SECOND);
    let of: Vec<&Value> = (0..2)
        .map(|index| &summary["targets"][index]["recording"])
        .collect();
    assert_eq!(of, [0, 1]);
    // What is not known of one is not known of both.
    fs::remove_dir_all(recordings.path("merged")).unwrap();
    recordings.change(1, |summary| summary["probes"] = probe(7, None));
    recordings.merged();
    assert_eq!(
        recordings.summary("merged")["estimated_cost_nano"],
        Value::Null
    );
}

#[test]
fn what_was_merged_is_a_recording_for_every_command() {
    let recordings = Recordings::begun(&[0, 4]);
    let output = recordings.merge(&["--compare", &recordings.path(0)]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("  writes     62 (265.7 a minute) -> 31 (186.0 a minute)"),
        "{text}"
    );
    assert!(
        text.contains("different numbers of recordings, 2 and 1"),
        "{text}"
    );
    let merged = recordings.path("merged");
    let again = slowmap(&["report", &merged]);
    assert!(again.stdout.starts_with(b"62 slow map writes"), "{again:?}");
    let mut csv = csv::Reader::from_path(format!("{merged}/calls.csv")).unwrap();
    let column = csv
        .headers()
        .unwrap()
        .iter()
        .position(|name| name == "recording");
    let of_the_second = csv
        .records()
        .filter(|row| row.as_ref().unwrap().get(column.unwrap()) == Some("1"));
    assert_eq!(of_the_second.count(), 31);

    let file = recordings.path("p99.csv");
    let sample = |second: u64| format!("{},{}\n", sample::START / SECOND + second, second % 7);
    fs::write(&file, (1..14).map(sample).collect::<String>()).unwrap();
    let told = slowmap(&[
        "correlate",
        "--csv",
        &file,
        "--service",
        "shop",
        "--window",
        "0s",
        &merged,
    ]);
    let text = String::from_utf8(told.stdout).unwrap();
    assert!(
        text.contains("14 s long, 40 slow writes of shop"),
        "{text}{:?}",
        told.stderr
    );
}

#[test]
fn time_between_two_recordings_is_no_time_of_theirs() {
    let recordings = Recordings::begun(&[0, 3_600]);
    let text = recordings.merged();
    assert!(
        text.starts_with("62 slow map writes (100 us or more) in 20 s"),
        "{text}"
    );
    assert!(
        text.contains("2 recordings, in 3610 s from the first's beginning"),
        "{text}"
    );
    let merged = recordings.path("merged");
    let told = slowmap(&["correlate", "--csv", "none", &merged]);
    let line = String::from_utf8(told.stderr).unwrap();
    assert_eq!(told.status.code(), Some(1));
    assert!(
        line.contains("3590 s between them") && line.contains("each by itself"),
        "{line}"
    );
}

#[test]
fn what_cannot_be_summed_truly_is_refused_with_the_reason() {
    let changed = |field: &str, value: Value| {
        let recordings = Recordings::begun(&[0, 4]);
        recordings.change(1, |summary| summary[field] = value);
        recordings.refused()
    };
    let line = changed("threshold_nano", 50_000.into());
    assert!(
        line.contains("slow from 50 us on") && line.contains("from 100 us on"),
        "{line}"
    );
    let line = changed("mode", "exact".into());
    assert!(line.contains("found in mode exact, those of"), "{line}");
    let line = changed("budget_percent", 5.0.into());
    assert!(
        line.contains("allowed 5 %") && line.contains("--budget"),
        "{line}"
    );
    let writes = json!({"begun": 1, "unfinished": 0, "attached_nano": 1, "share_of_time": 1.0, "slices": 1,
        "correction": null, "latency": null, "by_function": [], "by_caller": [], "callers_not_told_apart": 0,
        "not_followed": []});
    let line = changed("writes", writes);
    assert!(
        line.contains("percentiles") && line.contains("slowpath"),
        "{line}"
    );

    let cut_off = Recordings::begun(&[0, 4]);
    fs::remove_file(cut_off.path(1) + "/summary.json").unwrap();
    let line = cut_off.refused();
    assert!(
        line.contains("/1 cannot be merged: it was cut off"),
        "{line}"
    );
    let line = Recordings::begun(&[0, 0]).refused();
    assert!(
        line.contains("the same recording as") && line.contains("name it once"),
        "{line}"
    );
    assert!(changed("format", 2.into()).contains("format 2"));
}

#[test]
fn what_was_merged_is_not_merged_again_and_no_recording_is_overwritten() {
    let recordings = Recordings::begun(&[0, 4, 8]);
    recordings.merged();
    let output = recordings.merge(&[]);
    let line = String::from_utf8(output.stderr).unwrap();
    assert!(line.contains("merged holds a recording already"), "{line}");
    let [last, merged, other] = [
        recordings.path(2),
        recordings.path("merged"),
        recordings.path("other"),
    ];
    let output = slowmap(&["report", &last, "--merge", &merged, "--output", &other]);
    let line = String::from_utf8(output.stderr).unwrap();
    let parts = format!(
        "name what it is of instead: {}, {}",
        recordings.path(0),
        recordings.path(1)
    );
    assert!(
        output.status.code() == Some(1) && line.contains(&parts),
        "{line}"
    );
    for arguments in [
        &["report", &last, "--merge", &other][..],
        &["report", &last, "--output", &other],
    ] {
        assert_eq!(slowmap(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn lines_that_cannot_be_read_are_counted_as_lost() {
    let recordings = Recordings::begun(&[0, 4]);
    let path = recordings.path(0) + "/events.jsonl";
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("no event\n{}", &text[..text.len() - 40])).unwrap();
    let text = recordings.merged();
    assert!(text.starts_with("61 slow map writes"), "{text}");
    assert!(
        text.contains("lost       8: 6 ring_buffer_full, 2 unreadable_line"),
        "{text}"
    );
    assert_eq!(events(&recordings.path("merged")).len(), 61);
}
