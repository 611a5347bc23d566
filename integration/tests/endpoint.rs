//! A backend that is down costs slow writes that are counted, never the service's time.

use std::time::Duration;

use anyhow::{Context, Result};
use integration::{
    kernel, machine, requirement,
    sink::Sink,
    slowmap::{self, PATIENCE},
    trace::slow::SPAN_NAME,
    truth::TruthTarget,
};

#[test]
fn while_the_endpoint_is_down_writes_are_dropped_and_counted_and_then_exported_again() -> Result<()>
{
    if !requirement::root(
        "while_the_endpoint_is_down_writes_are_dropped_and_counted_and_then_exported_again",
    ) {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let directory = tempfile::tempdir()?;
    let target = TruthTarget::serving(directory.path())?;
    let load = target.load(&["/nested", "/middleware"], Duration::from_secs(5));

    // A port on which nothing listens now, and a receiver later.
    let address = Sink::start()?.address();
    let mut slowmap = slowmap::run(
        &format!("http://{address}"),
        &[
            ("SLOWMAP_PIDS", &target.program.pid().to_string()),
            ("SLOWMAP_LOG", "info"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "64"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "32"),
        ],
    )?;
    kernel::wait_attached(&mut slowmap, PATIENCE)?;
    let down = load.run();
    assert!(down.requests > 50, "{down:?}");
    assert_eq!(down.failed, 0, "the service was disturbed");

    let sink = Sink::start_on(address)?;
    let up = load.run();
    assert_eq!(up.failed, 0);
    let received = sink.wait(Duration::from_secs(30), "slow write", |received| {
        !received.spans.is_empty()
    })?;
    assert!(received.spans.iter().all(|span| span.name == SPAN_NAME));

    let ended = slowmap.stop(PATIENCE)?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    let exported = sink.received().spans.len();
    println!("{}", ended.stderr);
    let said = |text: &str| ended.stderr.lines().find(|line| line.contains(text));
    said("cannot be exported").context("that the endpoint is down was not said")?;
    said("exported again").context("that it is back was not said")?;
    let counts = said("signal=\"traces\"").context("the counts at the end")?;
    assert_eq!(
        number(counts, "exported="),
        Some(exported as u64),
        "{counts}"
    );
    assert!(number(counts, "dropped=") > Some(0), "{counts}");
    let accounted = number(counts, "exported=").zip(number(counts, "dropped="));
    assert_eq!(
        accounted.map(|(exported, dropped)| exported + dropped),
        number(counts, "offered="),
        "{counts}"
    );
    let truth = target.stop(PATIENCE)?;
    assert!(truth.outcome.checksum_ok);
    Ok(())
}

/// The number behind a key in a line of the log.
fn number(line: &str, key: &str) -> Option<u64> {
    let (_, rest) = line.split_once(&format!(" {key}"))?;
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}
