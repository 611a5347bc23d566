//! 100,000 slow writes, a real Collector, and everything between them that can go wrong; beside it a disk that fills up.

mod answers;
mod certificates;
mod proxy;

use std::{
    collections::HashMap,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use integration::{
    collector::Collector,
    go::{self, Toolchain},
    kernel, machine, ports,
    program::Program,
    requirement,
    slowmap::{self, PATIENCE},
    truth::TruthTarget,
};
use procfs::process::Process;

use self::proxy::{Answer, Behaviour, Protocol, Proxy};

const EVENTS: u64 = 100_000;
const BATCH: u64 = 512;
/// Of each misbehaviour, and of the time between two.
const PHASE: Duration = Duration::from_millis(1_500);
/// Of an attempt, shorter than a phase.
const TIMEOUT_MILLIS: &str = "1000";
const SLOW: Duration = Duration::from_millis(100);
/// Less than what comes in a phase.
const DISK: &str = "4m";
/// Each attempt is given up before.
const TOO_SLOW: Duration = Duration::from_secs(10);
/// The service writes as much while the Collector is out of reach as right afterwards: half of the times.
const UNDISTURBED: f64 = 0.95;
/// MiB, and no more, may be resident after all that went wrong beyond what was after half of it.
const GROWN: u64 = 4;
/// How often memory is looked at, at least.
const SAMPLES: usize = 2 * (MISBEHAVIOUR.len() + 1);
/// A machine that is busy with other things makes fewer events a second.
const LIMIT: Duration = Duration::from_secs(240);

const MISBEHAVIOUR: [Behaviour; 8] = [
    Behaviour::Refuse,
    Behaviour::Answer(Answer::TooManyRequests),
    Behaviour::Answer(Answer::Unavailable),
    Behaviour::Hang,
    Behaviour::Cut,
    Behaviour::Slow(SLOW),
    Behaviour::Slow(TOO_SLOW),
    Behaviour::Expired,
];

struct Counts {
    offered: u64,
    exported: u64,
    dropped: u64,
    on_disk: u64,
    failures: u64,
}

#[test]
fn whatever_happens_to_the_collector_every_write_is_delivered_counted_or_on_disk() -> Result<()> {
    let test = "whatever_happens_to_the_collector_every_write_is_delivered_counted_or_on_disk";
    endures(test, Protocol::Http)
}

#[test]
fn the_same_by_grpc() -> Result<()> {
    endures("the_same_by_grpc", Protocol::Grpc)
}

fn endures(test: &str, protocol: Protocol) -> Result<()> {
    if !requirement::root(test) {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let directory = tempfile::tempdir()?;
    let [grpc, http, scrapes] = ports::free()?;
    let collector = Collector::keeping_traces([grpc, http])?;
    let authority = directory.path().join("authority.pem");
    let (name, port) = match protocol {
        Protocol::Http => ("http/1.1", http),
        Protocol::Grpc => ("h2", grpc),
    };
    let servers = certificates::issue(&authority, name)?;
    let proxy = Proxy::start(([127, 0, 0, 1], port).into(), protocol, servers)?;
    let mut target = writing(directory.path())?;
    let pid = target.program.pid();
    let slowmap = watch(pid, (&proxy, protocol), scrapes, directory.path())?;
    let begin = Instant::now();
    target.begin()?;

    thread::sleep(PHASE);
    let mut memory = Vec::new();
    let (mut apart, mut in_touch) = (Vec::new(), Vec::new());
    for behaviour in MISBEHAVIOUR {
        apart.push(phase(&proxy, behaviour, scrapes)?);
        memory.push(resident(&slowmap)?);
        in_touch.push(phase(&proxy, Behaviour::Pass, scrapes)?);
    }
    the_service_is_not_disturbed(&apart, &in_touch);
    // With requests in flight, and connections open.
    let mut taken = collector.kill()?;
    thread::sleep(PHASE);
    memory.push(resident(&slowmap)?);
    let collector = Collector::keeping_traces([grpc, http])?;
    // As many samples again, so that the later half of them is of when all had gone wrong once.
    while (events(scrapes)? < EVENTS || memory.len() < SAMPLES) && begin.elapsed() < LIMIT {
        thread::sleep(Duration::from_millis(500));
        memory.push(resident(&slowmap)?);
    }
    target.program.signal(libc::SIGTERM)?;
    let seconds = begin.elapsed().as_secs_f64();
    let ended = slowmap.stop(PATIENCE)?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    taken.extend(collector.finish_ids()?);
    println!("{seconds:.0} s, MiB resident: {memory:?}");
    all_is_accounted_for(&counts(&ended.stderr)?, &taken);
    assert!(is_flat(&memory), "{memory:?}");
    target.stop(PATIENCE)?;
    Ok(())
}

/// Slow writes a second meanwhile: how fast the service's maps grow.
fn phase(proxy: &Proxy, behaviour: Behaviour, scrapes: u16) -> Result<f64> {
    proxy.behave(behaviour);
    let (before, begin) = (events(scrapes)?, Instant::now());
    thread::sleep(PHASE);
    Ok((events(scrapes)? - before) as f64 / begin.elapsed().as_secs_f64())
}

fn the_service_is_not_disturbed(apart: &[f64], in_touch: &[f64]) {
    println!("slow writes a second: {apart:.0?} without the Collector, {in_touch:.0?} with it");
    // Each against its neighbour: a machine that becomes slower does so for both.
    let mut ratios: Vec<f64> = apart.iter().zip(in_touch).map(|(a, b)| a / b).collect();
    ratios.sort_by(f64::total_cmp);
    assert!(ratios[ratios.len() / 2] >= UNDISTURBED, "{ratios:.3?}");
}

fn all_is_accounted_for(counts: &Counts, taken: &[Vec<u8>]) {
    let Counts {
        offered,
        exported,
        dropped,
        on_disk,
        failures,
    } = *counts;
    let mut times: HashMap<&[u8], u64> = HashMap::new();
    for id in taken {
        *times.entry(id).or_default() += 1;
    }
    let unique = times.len() as u64;
    let again = taken.len() as u64 - unique;
    println!(
        "{offered} offered, {exported} exported, {dropped} dropped, {on_disk} on disk, \
         {failures} failed attempts; {unique} taken, {again} of them again"
    );
    assert!(offered >= EVENTS, "{offered}");
    assert_eq!(offered, exported + dropped + on_disk);
    // What was answered was taken; what was not answered may have been, and comes again then.
    assert!(unique >= exported && unique <= offered);
    assert!(again <= failures * BATCH);
    assert!(failures > 0 && exported * 4 >= offered);
    assert!(dropped > 0, "the disk was never full");
}

/// The queue is full after the first time without a Collector. From then on, no time leaves more behind.
fn is_flat(memory: &[u64]) -> bool {
    let (early, late) = memory.split_at(memory.len() / 2);
    let early = early.iter().max().copied().unwrap_or_default();
    late.iter().all(|now| *now <= early + GROWN)
}

/// A service that does little but grow maps.
fn writing(directory: &Path) -> Result<TruthTarget> {
    let mut target = Command::new(go::target("truth", Toolchain::Installed)?);
    target.args(["--mode", "service", "--rate", "200000"]);
    target.args(["--min-entries", "256", "--max-entries", "256"]);
    TruthTarget::start(target, directory)
}

/// With its queue, on a small disk, and the certificate that it trusts in `directory`.
fn watch(
    pid: u32,
    (proxy, protocol): (&Proxy, Protocol),
    scrapes: u16,
    directory: &Path,
) -> Result<Program> {
    let protocol = match protocol {
        Protocol::Http => "http/protobuf",
        Protocol::Grpc => "grpc",
    };
    let in_directory = |name: &str| directory.join(name).display().to_string();
    let settings = [
        ("SLOWMAP_PIDS", &*pid.to_string()),
        ("SLOWMAP_LOG", "info"),
        ("SLOWMAP_THRESHOLD", "1us"),
        ("SLOWMAP_BUDGET", "100"),
        ("SLOWMAP_WITHOUT_CONTEXT", "root"),
        ("SLOWMAP_QUEUE_DIRECTORY", &in_directory("queue")),
        (
            "OTEL_EXPORTER_OTLP_CERTIFICATE",
            &in_directory("authority.pem"),
        ),
        ("SLOWMAP_PROMETHEUS_LISTEN", &scrapes.to_string()),
        ("SLOWMAP_SHUTDOWN_GRACE", "30s"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", protocol),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", TIMEOUT_MILLIS),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", &BATCH.to_string()),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "8192"),
        ("OTEL_LOGS_EXPORTER", "none"),
        ("OTEL_METRICS_EXPORTER", "none"),
    ];
    let queue = directory.join("queue");
    std::fs::create_dir(&queue)?;
    let command = slowmap::run_command(&proxy.endpoint(), &settings)?;
    let mut slowmap = Program::start(slowmap::with_small_disk(&command, &queue, DISK))?;
    kernel::wait_attached(&mut slowmap, PATIENCE)?;
    Ok(slowmap)
}

fn events(scrapes: u16) -> Result<u64> {
    let url = format!("http://127.0.0.1:{scrapes}/metrics");
    let text = ureq::get(url).call()?.body_mut().read_to_string()?;
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix("slowmap_events_total "));
    Ok(value.context("the events")?.parse()?)
}

/// MiB.
fn resident(slowmap: &Program) -> Result<u64> {
    let process = Process::new(i32::try_from(slowmap.pid())?)?;
    let kib = process.status()?.vmrss.context("its memory")?;
    Ok(kib >> 10)
}

fn counts(stderr: &str) -> Result<Counts> {
    let line = stderr
        .lines()
        .find(|line| line.contains("signal=\"traces\""));
    let line = line.context("the counts at the end")?;
    let number = |key: &str| -> Result<u64> {
        let (_, rest) = line
            .split_once(&format!(" {key}="))
            .with_context(|| format!("no {key}: {line}"))?;
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        ensure!(!digits.is_empty(), "{line}");
        Ok(digits.parse()?)
    };
    Ok(Counts {
        offered: number("offered")?,
        exported: number("exported")?,
        dropped: number("dropped")?,
        on_disk: number("on_disk")?,
        failures: number("export_failures")?,
    })
}
