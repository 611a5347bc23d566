//! The files of a recording, read by what users read them with: all find the same number of writes, and the same time in them.

use std::{collections::BTreeMap, fs::File, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result};
use integration::{
    go::{self, Toolchain},
    machine, ports,
    program::{Program, succeed},
    prometheus::{PROMTOOL, Prometheus},
    python, recording, requirement, slowmap, sources,
};
use serde::Deserialize;
use serde_json::Value;

/// Writes, and nanoseconds in them.
type Total = (u64, u64);

/// What a reader found.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Found {
    total: Total,
    causes: BTreeMap<String, Total>,
}

const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn duckdb_datafusion_pprof_promtool_and_a_json_schema_validator_read_the_files_and_agree()
-> Result<()> {
    let test =
        "duckdb_datafusion_pprof_promtool_and_a_json_schema_validator_read_the_files_and_agree";
    if !requirement::root(test) || requirement::program(test, "python3").is_none() {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let directory = tempfile::tempdir()?;
    let output = directory.path().join("out");
    record(directory.path(), &output)?;

    let expected = by_the_schema(&output)?;
    println!("{expected:?}");
    assert!(expected.total.0 > 100 && expected.causes.len() > 1);
    let summary = recording::read(&output)?.summary;
    assert_eq!(summary["counts"]["writes"], expected.total.0);

    for (reader, found) in by_databases(&output)? {
        assert_eq!(found, expected, "{reader}");
    }
    assert_eq!(by_pprof(&output)?, expected);
    assert_eq!(by_promtool(&output, directory.path())?, expected);
    Ok(())
}

/// A service with requests, so that events have what they can have.
fn record(directory: &Path, output: &Path) -> Result<()> {
    let mut command = slowmap::command(["record", "--duration", "30s", "--threshold", "20us"])?;
    command.arg("--output").arg(output).arg("--");
    command.arg(go::target("correlate", Toolchain::Installed)?);
    command.args(["--requests", "400", "--start-after", "2s", "--output"]);
    command.arg(directory.join("truth.jsonl"));
    // A name that each format has to write in a way of its own.
    command.env("OTEL_SERVICE_NAME", "a \"shop\", at large");
    let ended = Program::run(command, LIMIT)?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    Ok(())
}

fn by_the_schema(output: &Path) -> Result<Found> {
    let schema = std::fs::read_to_string(sources::repository().join("docs/events.schema.json"))?;
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema)?)?;
    let mut writes = Vec::new();
    for line in std::fs::read_to_string(output.join("events.jsonl"))?.lines() {
        let event: Value = serde_json::from_str(line)?;
        if let Err(error) = schema.validate(&event) {
            panic!("not as docs/events.schema.json says: {error}: {event}");
        }
        let cause = event["cause"].as_str().context("a cause")?.to_owned();
        let nanos = event["duration_nano"].as_u64().context("a duration")?;
        writes.push((cause, (1, nanos)));
    }
    Ok(found(writes))
}

fn found(writes: impl IntoIterator<Item = (String, Total)>) -> Found {
    let (mut total, mut causes) = ((0, 0), BTreeMap::new());
    for (cause, (count, nanos)) in writes {
        for sum in [&mut total, causes.entry(cause).or_default()] {
            sum.0 += count;
            sum.1 += nanos;
        }
    }
    Found { total, causes }
}

/// What DuckDB and DataFusion find in each file that they can read.
fn by_databases(output: &Path) -> Result<BTreeMap<String, Found>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/readers/totals.py");
    let answer = succeed(python::with_readers(&script)?.arg(output))?;
    let answers: BTreeMap<String, Found> = serde_json::from_slice(&answer)?;
    assert_eq!(answers.len(), 6, "two readers, three files: {answers:?}");
    Ok(answers)
}

/// By Go's own tool, which prints a line of values for each sample, and a line of its labels below.
fn by_pprof(output: &Path) -> Result<Found> {
    let mut pprof = Toolchain::Installed.command();
    pprof.args(["tool", "pprof", "-symbolize=none", "-raw"]);
    let printed = succeed(pprof.arg(output.join("profile.pb.gz")))?;
    let printed = String::from_utf8(printed)?;
    let (_, samples) = printed.split_once("Samples:").context("samples")?;
    let (samples, _) = samples.split_once("Locations").context("locations")?;
    let (mut writes, mut last) = (Vec::new(), None);
    for line in samples.lines() {
        if let Some((_, rest)) = line.split_once("cause:[") {
            let cause = rest.split(']').next().unwrap_or_default().to_owned();
            writes.push((cause, last.take().context("labels without a sample")?));
        } else if let Some((values, _)) = line.split_once(": ")
            && let Some((count, nanos)) = values.trim().split_once(' ')
        {
            last = Some((count.parse()?, nanos.trim().parse()?));
        }
    }
    Ok(found(writes))
}

/// promtool checks the file, and asks a Prometheus that has scraped it.
fn by_promtool(output: &Path, directory: &Path) -> Result<Found> {
    let promtool = PROMTOOL.executable()?;
    let mut check = Command::new(&promtool);
    check.args(["check", "metrics"]);
    check.stdin(File::open(output.join("metrics.prom"))?);
    succeed(&mut check)?;

    let [port] = ports::free()?;
    let mut server = python::command();
    server.args(["-m", "http.server", "--bind", "127.0.0.1", "--directory"]);
    let _server = Program::start({
        server.arg(output).arg(port.to_string());
        server
    })?;
    let prometheus = Prometheus::reading(directory, port, "/metrics.prom")?;
    let ask = |what: &str| -> Result<BTreeMap<String, f64>> {
        let mut query = Command::new(&promtool);
        query.args(["query", "instant", "--format=json", &prometheus.url()]);
        query.arg(format!(
            "sum by (cause) (slowmap_map_assign_duration_seconds_{what})"
        ));
        let series: Vec<Value> = serde_json::from_slice(&succeed(&mut query)?)?;
        let value = |one: Value| -> Result<(String, f64)> {
            let cause = one["metric"]["cause"].as_str().context("a cause")?;
            let value = one["value"][1].as_str().context("a value")?;
            Ok((cause.to_owned(), value.parse()?))
        };
        series.into_iter().map(value).collect()
    };
    let (counts, sums) = (ask("count")?, ask("sum")?);
    assert_eq!(counts.len(), sums.len());
    let nanos = |cause: &str| {
        sums.get(cause)
            .map(|seconds| (seconds * 1e9).round() as u64)
    };
    let writes = counts.into_iter().map(|(cause, count)| {
        let nanos = nanos(&cause).context("a sum")?;
        Ok((cause, (count as u64, nanos)))
    });
    Ok(found(writes.collect::<Result<Vec<_>>>()?))
}
