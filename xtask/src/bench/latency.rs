//! How long all map writes take, as mode `sampled` tells it, beside the service's own clock.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, ensure};
use integration::{
    go::Toolchain,
    program::Program,
    slowmap,
    truth::{Distribution, Truth, TruthTarget},
};
use serde::Serialize;
use serde_json::Value;

use super::{HMAP, PATIENCE, SWISS, Scale, run};
use crate::interrupt;

/// Map writes a second.
const LOADS: [u32; 2] = [10_000, 100_000];
const MAPS: [(&str, Toolchain); 2] = [("Swiss", SWISS), ("hmap", HMAP)];
/// Percent of the time.
const SAMPLING: &str = "10";
/// Of ten microseconds each; the last has all above.
pub const BUCKETS: usize = 21;

/// One load on one kind of map.
#[derive(Debug, Serialize)]
pub struct Latency {
    pub maps: &'static str,
    pub writes_per_second: u32,
    /// By the service's own clock, without slowmap.
    pub own: Told,
    /// By slowmap, of the same load.
    pub sampled: Told,
    /// What the probes on a write add to it while they are on.
    pub probes_nano_per_write: f64,
}

/// In microseconds.
#[derive(Debug, Serialize)]
pub struct Told {
    pub writes: u64,
    pub quantiles: [Quantile; 4],
    pub max: f64,
    /// What part of the writes took less than 10 us, 10 to 20 us, and so on; 200 us and more.
    pub by_ten_micros: [f64; BUCKETS],
}

#[derive(Debug, Clone, Copy, Serialize)]
pub struct Quantile {
    pub value: f64,
    /// With 95 % confidence; `None`: every write was measured.
    pub interval: Option<[f64; 2]>,
}

pub const QUANTILES: [&str; 4] = ["p50", "p90", "p99", "p999"];

pub fn measure(scale: Scale) -> Result<Vec<Latency>> {
    let duration = if scale.quick {
        // Eight windows are the least that has intervals.
        Duration::from_secs(30)
    } else {
        Duration::from_secs(60)
    };
    let mut all = Vec::new();
    for (maps, toolchain) in MAPS {
        for rate in LOADS {
            interrupt::check()?;
            eprintln!("latency of all writes: {maps}, {rate} a second");
            all.push(one(maps, toolchain, rate, duration)?);
        }
    }
    Ok(all)
}

fn one(maps: &'static str, toolchain: Toolchain, rate: u32, duration: Duration) -> Result<Latency> {
    let directory = tempfile::tempdir()?;
    let mut target = start(toolchain, rate, duration, directory.path())?;
    target.begin()?;
    let own = finish(target, duration)?;

    interrupt::check()?;
    let mut target = start(toolchain, rate, duration, directory.path())?;
    let output = directory.path().join("out");
    let pid = target.program.pid().to_string();
    let mode = ["--mode", "sampled", "--sampling", SAMPLING];
    let mut record = slowmap::command(["record", "--duration", "10m", "--pid", &pid])?;
    record.args(mode).arg("--output").arg(&output);
    record.env("SLOWMAP_LOG", "info");
    let mut record = Program::start(record)?;
    slowmap::wait_attached_log(&mut record, 1, PATIENCE)?;
    target.begin()?;
    finish(target, duration)?;
    let ended = record.wait(PATIENCE)?;
    ensure!(ended.code() == Some(0), "slowmap record: {}", ended.stderr);
    let summary: Value = serde_json::from_slice(&std::fs::read(output.join("summary.json"))?)?;
    let writes = &summary["writes"];
    let all = own.outcome.all.context("the target counts its writes")?;
    Ok(Latency {
        maps,
        writes_per_second: rate,
        own: by_its_clock(&all),
        sampled: by_slowmap(writes)?,
        probes_nano_per_write: float(&writes["correction"]["cost_per_write_nano"]),
    })
}

fn start(
    toolchain: Toolchain,
    rate: u32,
    duration: Duration,
    directory: &Path,
) -> Result<TruthTarget> {
    let mut command = Command::new(run::executable(toolchain)?);
    command.args(["--mode", "service", "--rate", &rate.to_string()]);
    command.arg(format!("--duration={}s", duration.as_secs()));
    TruthTarget::start(command, directory)
}

fn finish(target: TruthTarget, duration: Duration) -> Result<Truth> {
    let truth = target.finish(duration + PATIENCE)?;
    ensure!(truth.outcome.checksum_ok, "a map was harmed");
    Ok(truth)
}

fn by_its_clock(all: &Distribution) -> Told {
    let quantiles = [all.p50_nano, all.p90_nano, all.p99_nano, all.p999_nano];
    Told {
        writes: all.count,
        quantiles: quantiles.map(|nanos| Quantile {
            value: nanos / 1e3,
            interval: None,
        }),
        max: all.max_nano / 1e3,
        by_ten_micros: all
            .by_ten_micros
            .map(|count| count as f64 / all.count as f64),
    }
}

fn by_slowmap(writes: &Value) -> Result<Told> {
    let latency = &writes["latency"];
    let count = latency["count"].as_u64().context("no write was measured")?;
    let mut by_ten_micros = [0.0; BUCKETS];
    let histogram = writes["histogram"].as_array().context("a histogram")?;
    for bucket in histogram {
        // Below 160 us its buckets are narrower than these.
        let middle = (float(&bucket["from"]) + float(&bucket["until"])) / 2.0;
        let index = ((middle / 10.0) as usize).min(BUCKETS - 1);
        by_ten_micros[index] += float(&bucket["count"]) / count as f64;
    }
    let interval = |name: &str| serde_json::from_value(latency["interval"][name].clone()).ok();
    Ok(Told {
        writes: count,
        quantiles: QUANTILES.map(|name| Quantile {
            value: float(&latency[name]),
            interval: interval(name),
        }),
        max: float(&latency["max"]),
        by_ten_micros,
    })
}

fn float(value: &Value) -> f64 {
    value.as_f64().unwrap_or(f64::NAN)
}
