//! A user of a real Jaeger finds the slow map write below the span of the request, under the service's name.

use std::{collections::HashMap, process::Command, thread, time::Duration};

use anyhow::{Context, Result};
use integration::{
    go::{self, Toolchain},
    jaeger::Jaeger,
    kernel, machine, requirement,
    slowmap::{self, PATIENCE},
    trace::{
        slow::{EVENT_NAME, SlowSpan},
        span::Span,
        tree,
    },
    truth::{Truth, TruthTarget},
};

const SERVICE: &str = "correlate-under-test";

/// Jaeger keeps times in microseconds, each cut off.
const PRECISION_NANO: u64 = 1_000;

#[test]
fn jaeger_shows_the_slow_write_as_a_child_of_the_span_that_it_slowed_down() -> Result<()> {
    if !requirement::root("jaeger_shows_the_slow_write_as_a_child_of_the_span_that_it_slowed_down")
    {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let jaeger = Jaeger::start()?;
    let truth = observe(&jaeger)?;
    // It indexes what it has taken a moment later.
    thread::sleep(Duration::from_secs(1));
    let spans = jaeger.latest(SERVICE, 1_000)?;
    let slow = tree::slow_writes_with_parent(&spans);
    let all = spans.iter().filter_map(SlowSpan::of).count();
    println!(
        "{} spans, {all} slow writes, {} below their parent",
        spans.len(),
        slow.len()
    );
    assert!(slow.len() >= 10, "{} slow writes below a span", slow.len());
    assert_eq!(slow.len(), all, "all parents are there");
    let parents: HashMap<&str, &Span> = spans
        .iter()
        .map(|span| (span.span_id.as_str(), span))
        .collect();
    let mut confirmed = 0;
    for write in &slow {
        let parent = write
            .span
            .parent_span_id
            .as_deref()
            .context("it has a parent")?;
        let parent = parents.get(parent).context("the parent was received")?;
        check(write, parent);
        confirmed += usize::from(is_known(write, &truth));
    }
    println!(
        "{confirmed} of {} are slow writes that the service logged for that span",
        slow.len()
    );
    assert!(confirmed * 100 >= slow.len() * 98);
    // The trace by itself, as the page of a trace asks for it.
    let worst = slow.first().context("at least one")?;
    let trace = jaeger.trace(&worst.span.trace_id)?;
    assert!(trace.iter().any(|span| span.span_id == worst.span.span_id));
    Ok(())
}

/// Lets the service make its requests, watched by `slowmap run`, both sending to Jaeger.
fn observe(jaeger: &Jaeger) -> Result<Truth> {
    let directory = tempfile::tempdir()?;
    let mut target = Command::new(go::target("correlate", Toolchain::Installed)?);
    target.args(["--requests", "400"]);
    target
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", jaeger.endpoint())
        .env("OTEL_SERVICE_NAME", SERVICE);
    let mut target = TruthTarget::start(target, directory.path())?;
    let pid = target.program.pid().to_string();
    let mut slowmap = slowmap::run(&jaeger.endpoint(), &[("SLOWMAP_PIDS", &pid)])?;
    kernel::wait_attached(&mut slowmap, PATIENCE)?;
    target.begin()?;
    let truth = target.finish(Duration::from_secs(60))?;
    let ended = slowmap.stop(PATIENCE)?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    assert_eq!(truth.outcome.failed, 0);
    Ok(truth)
}

fn check(write: &SlowSpan<'_>, parent: &Span) {
    let span = write.span;
    assert_eq!(span.trace_id, parent.trace_id);
    assert_eq!(span.service(), SERVICE);
    assert_eq!(parent.service(), SERVICE);
    assert_eq!(span.kind, 1, "internal");
    assert!(
        span.start_unix_nano + PRECISION_NANO >= parent.start_unix_nano
            && span.end_unix_nano <= parent.end_unix_nano + PRECISION_NANO,
        "{span:?} is not within {parent:?}"
    );
    assert!(
        span.events.iter().any(|event| event.name == EVENT_NAME),
        "{span:?}"
    );
    assert_eq!(write.function, "main.(*service).build", "{span:?}");
    assert!(write.place.starts_with("shapes.go:"), "{}", write.place);
    assert!(!write.stack_outside_runtime().is_empty(), "{span:?}");
}

/// Whether the service logged a slow write of that goroutine under that very span.
fn is_known(write: &SlowSpan<'_>, truth: &Truth) -> bool {
    truth.writes.iter().any(|known| {
        known.trace_id == write.span.trace_id
            && Some(known.span_id.as_str()) == write.span.parent_span_id.as_deref()
            && known.goid.to_string() == write.goid
    })
}
