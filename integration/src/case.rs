//! The case: services whose P99 spikes now and then while the garbage collector is fine (`integration/targets/intake`), as
//! they are and as slowmap advises, each with a load, a real Prometheus that scrapes it, and a recording.

use std::{
    path::Path,
    process::Command,
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, bail, ensure};

use crate::{
    go::{self, Toolchain},
    load::Load,
    program::{Ended, Program},
    prometheus::Prometheus,
    slowmap::{self, PATIENCE},
};

/// The service's name, and Prometheus' for it.
pub const SERVICE: &str = "intake";

/// Its P99, of the last two seconds.
pub const P99: &str = "histogram_quantile(0.99, \
    sum by (le, job) (rate(http_server_request_duration_seconds_bucket{job=\"intake\"}[2s])))";

const RANGE: Duration = Duration::from_secs(2);
const SCRAPE_INTERVAL: Duration = Duration::from_millis(500);

/// The recordings.
pub const BEFORE: &str = "before";
pub const AFTER: &str = "after";

/// Clients, each with one request at a time.
const CLIENTS: u64 = 64;

#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub toolchain: Toolchain,
    pub requests: Requests,
    /// Ids that are remembered at a time; products that have a price.
    pub entries: u64,
    /// How many times the service has forgotten all ids before it is recorded: the memory of such a map is used again then, as it
    /// is in a service that has been up for a while.
    pub generations: u64,
    pub recorded: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requests {
    /// Batches of so many ids that are all new.
    Ids {
        batch: u64,
        per_second: u64,
    },
    Prices {
        per_second: u64,
    },
}

/// One run of it.
#[derive(Debug)]
pub struct Taken {
    /// What `slowmap record` says at its end on a terminal, and `slowmap report` everywhere.
    pub told: String,
    /// What `slowmap correlate` said of the spikes.
    pub correlated: String,
    /// The service's own P99, oldest first.
    pub p99: Vec<Sample>,
    /// The longest pause by Go's garbage collector.
    pub gc_pause: Duration,
    pub requests: u64,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    /// Since the recording's beginning.
    pub seconds: f64,
    pub millis: f64,
}

impl Taken {
    /// The highest P99, in milliseconds.
    pub fn highest(&self) -> f64 {
        let millis = self.p99.iter().map(|sample| sample.millis);
        millis.fold(0.0, f64::max)
    }

    /// What P99 is usual, in milliseconds.
    pub fn median(&self) -> f64 {
        let mut millis: Vec<f64> = self.p99.iter().map(|sample| sample.millis).collect();
        millis.sort_by(f64::total_cmp);
        millis.get(millis.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

impl Case {
    /// Records the service, as it is into `before` or repaired into `after`, both in `directory`.
    pub fn run(&self, repaired: bool, directory: &Path) -> Result<Taken> {
        let output = if repaired { AFTER } else { BEFORE };
        let mut service = Service::start(self, repaired)?;
        let scraped = [(SERVICE, service.address.as_str())];
        let prometheus = Prometheus::scraping(directory, SCRAPE_INTERVAL, scraped)?;
        service.warm_up(self)?;
        let pid = service.program.pid().to_string();
        let mut record = slowmap::command(["record", "--duration", "10m", "--pid", &pid])?;
        record.args(["--output", output]).current_dir(directory);
        record.env("SLOWMAP_LOG", "info");
        let mut record = Program::start(record)?;
        slowmap::wait_attached_log(&mut record, 1, PATIENCE)?;
        let attached = SystemTime::now();
        let requests = service.load(self)?;
        let end = SystemTime::now();
        succeeded(record.stop(PATIENCE)?)?;
        // The quantile is of the time before: of the recording only from here on.
        let begin = attached + RANGE + SCRAPE_INTERVAL;
        let series = prometheus.range(P99, begin, end, Duration::from_millis(250))?;
        ensure!(!series.is_empty(), "Prometheus has no P99 of the service");
        let pause = prometheus.query("max(max_over_time(go_gc_duration_seconds[10m]))")?;
        let pause = pause.first().context("the pauses of the collector")?.value;
        let url = prometheus.url();
        let correlated = said(
            directory,
            &["correlate", "--prometheus", &url, "--query", P99, output],
        )?;
        Ok(Taken {
            told: said(directory, &["report", output])?,
            correlated,
            p99: since(attached, &series)?,
            gc_pause: Duration::from_secs_f64(pause),
            requests,
        })
    }
}

/// What `slowmap report --compare` says when both have been run.
pub fn compared(directory: &Path) -> Result<String> {
    said(directory, &["report", BEFORE, "--compare", AFTER])
}

fn said(directory: &Path, arguments: &[&str]) -> Result<String> {
    let mut command = slowmap::command(arguments)?;
    command.current_dir(directory);
    Ok(succeeded(Program::run(command, PATIENCE)?)?.stdout)
}

fn succeeded(ended: Ended) -> Result<Ended> {
    if ended.code() != Some(0) {
        bail!("slowmap ended with {:?}: {}", ended.code(), ended.stderr);
    }
    Ok(ended)
}

fn since(begin: SystemTime, series: &[(f64, f64)]) -> Result<Vec<Sample>> {
    let begin = begin.duration_since(SystemTime::UNIX_EPOCH)?.as_secs_f64();
    // A rate of nothing has no quantile.
    let known = series.iter().filter(|(_, value)| value.is_finite());
    let sample = |&(time, value): &(f64, f64)| Sample {
        seconds: time - begin,
        millis: value * 1_000.0,
    };
    Ok(known.map(sample).collect())
}

struct Service {
    program: Program,
    address: String,
}

impl Service {
    fn start(case: &Case, repaired: bool) -> Result<Self> {
        // What is told of it is printed: no paths of the machine that built it.
        let executable = go::target_with(SERVICE, case.toolchain, &["-trimpath"])?;
        let mut command = Command::new(executable);
        command.args(["-entries", &case.entries.to_string()]);
        if let Requests::Prices { .. } = case.requests {
            command.args(["-prices", "-every", "12s"]);
        }
        if repaired {
            command.arg("-repaired");
        }
        command.env("OTEL_SERVICE_NAME", SERVICE);
        let mut program = Program::start(command)?;
        let ready = program.line(PATIENCE, |line| line.starts_with("listening on "))?;
        let address = ready.trim_start_matches("listening on ").to_owned();
        Ok(Self { program, address })
    }

    /// Has it forget its ids as often as the case says, as fast as it can.
    fn warm_up(&mut self, case: &Case) -> Result<()> {
        const BATCH: u64 = 4_000;
        if let Requests::Ids { .. } = case.requests {
            let load = Load {
                requests: case.entries * case.generations / BATCH,
                pause: Duration::ZERO,
                clients: 4,
                ..self.requests(0, Duration::from_secs(300))
            };
            let loaded = load.post(|number| ids(1 << 40, number, BATCH));
            ensure!(loaded.failed == 0, "{loaded:?}");
        }
        Ok(())
    }

    /// The load while it is recorded; returns the number of requests.
    fn load(&mut self, case: &Case) -> Result<u64> {
        let loaded = match case.requests {
            Requests::Ids { batch, per_second } => self
                .requests(per_second, case.recorded)
                .post(|number| ids(1 << 50, number, batch)),
            Requests::Prices { per_second } => Load {
                paths: products(case.entries),
                ..self.requests(per_second, case.recorded)
            }
            .run(),
        };
        ensure!(loaded.failed == 0, "{loaded:?}");
        Ok(loaded.requests)
    }

    fn requests(&self, per_second: u64, limit: Duration) -> Load {
        Load {
            base: format!("http://{}", self.address),
            paths: vec!["/".to_owned()],
            requests: u64::MAX,
            clients: CLIENTS,
            pause: Duration::from_secs(CLIENTS) / per_second.max(1) as u32,
            limit,
        }
    }
}

/// Some, from all over the list.
fn products(entries: u64) -> Vec<String> {
    let product = |number: u64| format!("/?product=product-{}", scattered(number) % entries);
    (0..1_000).map(product).collect()
}

/// Ids that no other request has, 16 bytes each.
fn ids(salt: u64, request: u64, count: u64) -> Vec<u8> {
    let mut ids = Vec::with_capacity(16 * count as usize);
    for number in request * count..(request + 1) * count {
        ids.extend_from_slice(&scattered(salt + number).to_le_bytes());
        ids.extend_from_slice(&number.to_le_bytes());
    }
    ids
}

/// A number that looks like a random one, another for each: the finalizer of SplitMix64.
fn scattered(number: u64) -> u64 {
    let mut mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
