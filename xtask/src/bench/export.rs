//! How long a slow write takes from its end to the OTLP endpoint, and what the sidecar uses meanwhile.

use std::{path::PathBuf, process::Command, time::Duration};

use anyhow::Result;
use integration::{
    go, load::Load, sink::Sink, slowmap, trace::slow::SlowSpan, truth::TruthTarget, usage::Follower,
};

use super::{
    PATIENCE, SWISS, Scale,
    figure::{Figures, Samples, quantile},
};
use crate::interrupt;

/// All that was seen has been sent by then: what is sent only when slowmap ends says nothing of its delay.
const SETTLED: Duration = Duration::from_millis(1500);

pub fn executable() -> Result<PathBuf> {
    go::target("correlate", SWISS)
}

pub fn measure(scale: Scale) -> Result<Figures> {
    let mut samples = Samples::default();
    for round in 1..=scale.repeats {
        eprintln!("export, round {round}");
        interrupt::check()?;
        once(scale.load, &mut samples)?;
    }
    Ok(samples.figures())
}

fn once(duration: Duration, samples: &mut Samples) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let mut command = Command::new(executable()?);
    command.args(["--requests", "0"]);
    let mut target = TruthTarget::start(command, directory.path())?;
    target.begin()?;
    let sink = Sink::start()?;
    let pid = target.program.pid().to_string();
    let mut slowmap = slowmap::run(&sink.endpoint(), &[("SLOWMAP_PIDS", &pid)])?;
    slowmap::wait_attached_log(&mut slowmap, 1, PATIENCE)?;
    let agent = Follower::start(slowmap.pid())?;
    load(&target, duration).run();
    let agent = agent.finish()?;
    interrupt::sleep(SETTLED)?;
    slowmap.stop(PATIENCE)?;
    target.stop(PATIENCE)?;
    let received = sink.received();
    let mut millis: Vec<f64> = received
        .spans
        .iter()
        .filter_map(SlowSpan::of)
        .filter_map(|write| {
            let nano = write
                .span
                .received_unix_nano?
                .saturating_sub(write.span.end_unix_nano);
            Some(nano as f64 / 1e6)
        })
        .collect();
    millis.sort_by(f64::total_cmp);
    samples.add("event_to_sink_p50_ms", quantile(&millis, 0.5));
    samples.add("event_to_sink_p99_ms", quantile(&millis, 0.99));
    samples.add(
        "spans_per_second",
        millis.len() as f64 / duration.as_secs_f64(),
    );
    samples.add("agent_cpu_percent", agent.cpu_share * 100.0);
    let memory = agent.peak_memory_bytes as f64 / f64::from(1 << 20);
    samples.add("agent_memory_mib", memory);
    Ok(())
}

fn load(target: &TruthTarget, limit: Duration) -> Load {
    let paths = ["/nested", "/siblings", "/middleware", "/goroutine-ctx"];
    Load {
        base: format!("http://{}", target.address.as_deref().unwrap_or_default()),
        paths: paths.map(str::to_owned).to_vec(),
        requests: u64::MAX,
        clients: 4,
        pause: Duration::from_millis(20),
        limit,
    }
}
