//! What slowmap keeps on disk while its endpoint is down, and what becomes of it.

use std::{
    os::unix::fs::DirBuilderExt,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use integration::{
    collector::Collector,
    kernel, machine, ports,
    program::Program,
    requirement,
    sink::Sink,
    slowmap::{self, PATIENCE},
    trace::slow::SPAN_NAME,
    truth::TruthTarget,
};

/// slowmap on a process; what it cannot send to that port waits in a directory. Its metrics are at the other port.
fn watch(pid: u32, [endpoint, scrapes]: [u16; 2], directory: &Path) -> Result<Program> {
    let settings = [
        ("SLOWMAP_PIDS", pid.to_string()),
        ("SLOWMAP_LOG", "info".into()),
        ("SLOWMAP_QUEUE_DIRECTORY", directory.display().to_string()),
        ("SLOWMAP_PROMETHEUS_LISTEN", scrapes.to_string()),
        ("OTEL_METRICS_EXPORTER", "none".into()),
    ];
    let settings: Vec<_> = settings
        .iter()
        .map(|(key, value)| (*key, &**value))
        .collect();
    let mut slowmap = slowmap::run(&format!("http://127.0.0.1:{endpoint}"), &settings)?;
    kernel::wait_attached(&mut slowmap, PATIENCE)?;
    Ok(slowmap)
}

/// A counter or level of the traces, as it is scraped.
fn scraped(port: u16, name: &str) -> Result<u64> {
    let url = format!("http://127.0.0.1:{port}/metrics");
    let text = ureq::get(url).call()?.body_mut().read_to_string()?;
    let beginning = format!("{name}{{slowmap_signal=\"traces\"");
    let line = text.lines().find(|line| line.starts_with(&beginning));
    let value = line.and_then(|line| line.rsplit(' ').next());
    value.map_or(Ok(0), |value| value.parse().context("a number"))
}

/// What is on disk once that does not change any more.
fn settled_on_disk(port: u16) -> Result<u64> {
    let deadline = Instant::now() + PATIENCE;
    let mut before = 0;
    loop {
        // A batch is on disk half a second after its first write at the latest.
        std::thread::sleep(Duration::from_millis(1_500));
        let now = scraped(port, "slowmap_export_on_disk")?;
        if now > 0 && now == before {
            return Ok(now);
        }
        if Instant::now() > deadline {
            bail!("nothing is on disk, or more and more: {now}");
        }
        before = now;
    }
}

#[test]
fn what_a_killed_slowmap_left_on_disk_the_next_one_gives_to_the_collector_once() -> Result<()> {
    let test = "what_a_killed_slowmap_left_on_disk_the_next_one_gives_to_the_collector_once";
    if !requirement::root(test) {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let directory = tempfile::tempdir()?;
    let queue = directory.path().join("queue");
    let target = TruthTarget::serving(directory.path())?;
    let [grpc, http, scrapes] = ports::free()?;

    let mut slowmap = watch(target.program.pid(), [grpc, scrapes], &queue)?;
    let load = target.load(&["/nested", "/middleware"], Duration::from_secs(2));
    assert_eq!(load.run().failed, 0, "the service was disturbed");
    let on_disk = settled_on_disk(scrapes)?;
    slowmap.signal(libc::SIGKILL)?;
    slowmap.wait(PATIENCE)?;

    let backend = Sink::start()?;
    let collector = Collector::start_on(&backend.address().to_string(), [grpc, http])?;
    let slowmap = watch(target.program.pid(), [grpc, scrapes], &queue)?;
    assert_eq!(scraped(scrapes, "slowmap_export_recovered_total")?, on_disk);
    let delivered = "slowmap_export_delivered_total";
    let deadline = Instant::now() + PATIENCE;
    while scraped(scrapes, delivered)? < on_disk && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(50));
    }
    let ended = slowmap.stop(PATIENCE)?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    let taken = collector.finish()?;
    let slow = taken.spans.iter().filter(|span| span.name == SPAN_NAME);
    let mut ids: Vec<_> = slow.map(|span| &span.span_id).collect();
    println!("{on_disk} on disk, {} taken", ids.len());
    assert!(ids.len() as u64 >= on_disk);
    ids.sort();
    assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "sent twice");
    target.stop(PATIENCE)?;
    Ok(())
}

#[test]
fn a_full_disk_costs_slow_writes_that_are_counted_and_nothing_else() -> Result<()> {
    let test = "a_full_disk_costs_slow_writes_that_are_counted_and_nothing_else";
    if !requirement::root(test) {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let directory = tempfile::tempdir()?;
    let disk = directory.path().join("disk");
    std::fs::DirBuilder::new().mode(0o700).create(&disk)?;
    let target = TruthTarget::serving(directory.path())?;
    let [nobody, scrapes] = ports::free()?;
    let mut slowmap = on_small_disk(&disk, target.program.pid(), [nobody, scrapes])?;
    kernel::wait_attached(&mut slowmap, PATIENCE)?;
    let load = target.load(&["/nested", "/middleware"], Duration::from_secs(3));
    assert_eq!(load.run().failed, 0, "the service was disturbed");
    let on_disk = settled_on_disk(scrapes)?;
    let ended = slowmap.stop(PATIENCE)?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    let said = ended
        .stderr
        .lines()
        .find(|line| line.contains("signal=\"traces\""));
    let said = said.context("the counts at the end")?;
    println!("{said}");
    let number = |key: &str| -> Result<u64> {
        let (_, rest) = said.split_once(key).with_context(|| format!("no {key}"))?;
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
        Ok(digits.unwrap_or_default().parse()?)
    };
    assert!(number("\"disk_full\": ")? > 0, "{said}");
    assert!(number("on_disk=")? >= on_disk);
    let accounted = number("exported=")? + number(" dropped=")? + number("on_disk=")?;
    assert_eq!(number("offered=")?, accounted, "{said}");
    let warnings = ended.stderr.matches("cannot be kept on disk").count();
    assert!(
        (1..=2).contains(&warnings),
        "once for each: {}",
        ended.stderr
    );
    target.stop(PATIENCE)?;
    Ok(())
}

/// slowmap, whose queue directory is a disk of 128 KiB.
fn on_small_disk(disk: &Path, pid: u32, [endpoint, scrapes]: [u16; 2]) -> Result<Program> {
    let settings = [
        ("SLOWMAP_PIDS", &*pid.to_string()),
        ("SLOWMAP_LOG", "info"),
        ("SLOWMAP_QUEUE_DIRECTORY", &disk.display().to_string()),
        ("SLOWMAP_PROMETHEUS_LISTEN", &scrapes.to_string()),
        ("OTEL_METRICS_EXPORTER", "none"),
        // They are larger, and would leave the spans no room on a day when they are first.
        ("OTEL_LOGS_EXPORTER", "none"),
        // A batch is on disk as a whole, or not.
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "8"),
    ];
    let command = slowmap::run_command(&format!("http://127.0.0.1:{endpoint}"), &settings)?;
    Program::start(slowmap::with_small_disk(&command, disk, "128k"))
}
