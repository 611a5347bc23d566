//! How many events a second go to a real Collector, and whether any is lost on the way: a target that does little but
//! grow maps, and slowmap told to find all of that.

use std::{process::Command, time::Duration};

use anyhow::{Context, Result};
use integration::{
    collector::{self, Collector},
    go, ports, slowmap,
    truth::TruthTarget,
    usage::Follower,
};

use super::{
    PATIENCE, SWISS, Scale,
    figure::{Figures, Samples},
};
use crate::interrupt;

/// Map writes a second, of which one in some twenty lets a map grow.
const RATE: &str = "600000";
/// For a steady rate; a shorter one says little.
const AT_LEAST: Duration = Duration::from_secs(5);

pub fn build() -> Result<()> {
    collector::executable()?;
    go::target("truth", SWISS).map(drop)
}

pub fn measure(scale: Scale) -> Result<Figures> {
    let mut samples = Samples::default();
    for round in 1..=scale.repeats {
        eprintln!("throughput, round {round}");
        interrupt::check()?;
        once(scale.load.max(AT_LEAST), &mut samples)?;
    }
    Ok(samples.figures())
}

fn once(duration: Duration, samples: &mut Samples) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let collector = Collector::keeping_traces(ports::free()?)?;
    let mut target = Command::new(go::target("truth", SWISS)?);
    target
        .args(["--mode", "service", "--rate", RATE])
        .args(["--min-entries", "128", "--max-entries", "128"])
        .arg(format!("--duration={}ms", duration.as_millis()));
    let mut target = TruthTarget::start(target, directory.path())?;
    let settings = [
        ("SLOWMAP_PIDS", &*target.program.pid().to_string()),
        ("SLOWMAP_LOG", "info"),
        ("SLOWMAP_THRESHOLD", "1us"),
        ("SLOWMAP_BUDGET", "100"),
        ("SLOWMAP_WITHOUT_CONTEXT", "root"),
        ("SLOWMAP_QUEUE_CAPACITY", "65536"),
        ("SLOWMAP_SHUTDOWN_GRACE", "60s"),
        ("OTEL_LOGS_EXPORTER", "none"),
        ("OTEL_METRICS_EXPORTER", "none"),
    ];
    let mut slowmap = slowmap::run(&collector.grpc_endpoint(), &settings)?;
    slowmap::wait_attached_log(&mut slowmap, 1, PATIENCE)?;
    let agent = Follower::start(slowmap.pid())?;
    target.begin()?;
    target.finish(duration + PATIENCE)?;
    let agent = agent.finish()?;
    let ended = slowmap.stop(PATIENCE)?;
    let taken = collector.finish_ids()?.len() as f64;
    let seconds = duration.as_secs_f64();
    let offered = number(&ended.stderr, " offered=").context("the counts at the end")?;
    samples.add("found_per_second", offered / seconds);
    samples.add("taken_per_second", taken / seconds);
    samples.add("not_delivered_percent", (1.0 - taken / offered) * 100.0);
    let lost = number(&ended.stderr, " lost=").context("the losses at the end")?;
    samples.add("lost_before_percent", lost / (lost + offered) * 100.0);
    samples.add("agent_cpu_percent", agent.cpu_share * 100.0);
    let memory = agent.peak_memory_bytes as f64 / f64::from(1 << 20);
    samples.add("agent_memory_mib", memory);
    Ok(())
}

/// Behind a key in the log's last lines.
fn number(log: &str, key: &str) -> Option<f64> {
    let (_, rest) = log.rsplit_once(key)?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}
