//! The files, read by what others read them with.

use std::{fs, path::Path, process::Command};

use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::RowAccessor,
};
use slowmap::report;
use tempfile::TempDir;

use crate::source;

fn reported() -> (TempDir, (u64, u64)) {
    let directory = TempDir::new().unwrap();
    let writes = source::writes();
    source::record(directory.path(), &writes);
    let recording = report::Recording::open(directory.path()).unwrap();
    let reported = report::write(&recording, &report::Asked::default(), &mut ()).unwrap();
    assert_eq!(reported.unread, report::Unread::default());
    (directory, source::totals(&writes))
}

#[test]
fn all_files_agree_on_how_many_writes_there_were_and_how_long_they_took() {
    let (directory, expected) = reported();
    let path = directory.path();
    assert_eq!(csv(path), expected, "calls.csv");
    assert_eq!(parquet(path), expected, "calls.parquet");
    assert_eq!(metrics(path), expected, "metrics.prom");
    assert_eq!(pprof(path), expected, "profile.pb.gz");
    assert_eq!(folded(path), expected.1, "stacks.folded");
    let svg = fs::read_to_string(path.join("flamegraph.svg")).unwrap();
    assert!(svg.contains("main.(*shop).fill"), "{svg}");
}

#[test]
fn nothing_unfinished_is_left_and_nothing_recorded_is_changed() {
    let directory = TempDir::new().unwrap();
    source::record(directory.path(), &source::writes());
    let recorded = || {
        ["events.jsonl", "summary.json"].map(|name| fs::read(directory.path().join(name)).unwrap())
    };
    let before = recorded();
    let recording = report::Recording::open(directory.path()).unwrap();
    for _ in 0..2 {
        report::write(&recording, &report::Asked::default(), &mut ()).unwrap();
    }
    assert!(recorded() == before);
    let names = fs::read_dir(directory.path()).unwrap();
    for name in names.map(|entry| entry.unwrap().file_name()) {
        assert!(!name.to_string_lossy().ends_with(".part"), "{name:?}");
    }
}

fn csv(directory: &Path) -> (u64, u64) {
    let mut reader = csv::Reader::from_path(directory.join("calls.csv")).unwrap();
    let headers = reader.headers().unwrap().clone();
    let index = |name| headers.iter().position(|header| header == name).unwrap();
    let (duration, service) = (index("duration_nano"), index("service_name"));
    let (mut count, mut nanos, mut named) = (0, 0, 0);
    for row in reader.records() {
        let row = row.unwrap();
        count += 1;
        nanos += row[duration].parse::<u64>().unwrap();
        named += u64::from(&row[service] == "a \"b\",\nc");
    }
    assert_eq!(
        named, 10,
        "a name with quotes, commas and lines in it stays one cell"
    );
    (count, nanos)
}

fn parquet(directory: &Path) -> (u64, u64) {
    let file = fs::File::open(directory.join("calls.parquet")).unwrap();
    let reader = SerializedFileReader::new(file).unwrap();
    let schema = reader.metadata().file_metadata().schema_descr_ptr();
    let index = |name| {
        schema
            .columns()
            .iter()
            .position(|column| column.name() == name)
            .unwrap()
    };
    let (duration, parent) = (index("duration_nano"), index("parent_goid"));
    let (mut count, mut nanos, mut orphans) = (0, 0, 0);
    for row in reader.get_row_iter(None).unwrap() {
        let row = row.unwrap();
        count += 1;
        nanos += u64::try_from(row.get_long(duration).unwrap()).unwrap();
        orphans += u64::from(row.get_long(parent).is_err());
    }
    assert_eq!(orphans, 1, "what is not known is null");
    (count, nanos)
}

fn metrics(directory: &Path) -> (u64, u64) {
    let text = fs::read_to_string(directory.join("metrics.prom")).unwrap();
    assert!(text.ends_with("\n# EOF\n"));
    let of = |name: &str| -> f64 {
        let name = format!("slowmap_map_assign_duration_seconds_{name}{{");
        let lines = text.lines().filter(|line| line.starts_with(&name));
        lines
            .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
            .sum()
    };
    assert!(
        text.contains(r#"service_name="a \"b\",\nc",cause="growth""#),
        "{text}"
    );
    assert!(text.contains("slowmap_lost_writes{reason=\"ring_buffer_full\"} 3\n"));
    (of("count") as u64, (of("sum") * 1e9).round() as u64)
}

fn folded(directory: &Path) -> u64 {
    let text = fs::read_to_string(directory.join("stacks.folded")).unwrap();
    let first = text
        .lines()
        .find(|line| line.starts_with("main.main;main.(*shop).fill;"));
    assert!(first.is_some(), "outermost first: {text}");
    text.lines()
        .map(|line| line.rsplit(' ').next().unwrap().parse::<u64>().unwrap())
        .sum()
}

/// By Go's own tool.
fn pprof(directory: &Path) -> (u64, u64) {
    let output = Command::new("go")
        .args(["tool", "pprof", "-symbolize=none", "-raw"])
        .arg(directory.join("profile.pb.gz"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("slow_writes/count map_assign/nanoseconds[dflt]"),
        "{text}"
    );
    for label in [
        "cause:[gc_assist]",
        "map_type:[map[string]*main.order]",
        "goid:[7]",
        "pid:[1]",
    ] {
        assert!(text.contains(label), "{label}: {text}");
    }
    let samples = text.lines().filter_map(|line| {
        let (values, _) = line.split_once(": ")?;
        let (count, nanos) = values.trim().split_once(' ')?;
        Some((
            count.parse::<u64>().ok()?,
            nanos.trim().parse::<u64>().ok()?,
        ))
    });
    samples.fold((0, 0), |sum, sample| (sum.0 + sample.0, sum.1 + sample.1))
}
