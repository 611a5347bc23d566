//! The Collector that keeps only some traces keeps each with a slow write, although that span comes last.

use std::{collections::BTreeMap, thread, time::Duration};

use anyhow::Result;
use integration::{
    gateway::Gateway,
    ports,
    prometheus::Prometheus,
    sink::Sink,
    trace::{slow::SPAN_NAME, span},
};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value::Value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};

const TRACES: u32 = 200;
/// Each tenth has a slow write.
const SLOW: u32 = TRACES / 10;
const REQUEST: &str = "GET /checkout";

#[test]
fn tail_sampling_keeps_each_trace_with_a_slow_write_as_a_whole_and_counts_the_spans_of_all()
-> Result<()> {
    let directory = tempfile::tempdir()?;
    let [nobody] = ports::free()?;
    let prometheus = Prometheus::shipped(directory.path(), nobody)?;
    let sink = Sink::start()?;
    let wait = Duration::from_secs(3);
    let gateway = Gateway::start(
        &sink.address().to_string(),
        &prometheus.otlp_endpoint(),
        wait,
    )?;
    let all = 1..=TRACES;
    let requests = all.clone().flat_map(|trace| {
        let root = span_of(trace, 1, None, REQUEST);
        [root, span_of(trace, 2, Some(1), "INSERT orders")]
    });
    gateway.send(&request(requests))?;
    // As late as slowmap is at most, and then some.
    thread::sleep(Duration::from_secs(1));
    let slow = all.filter(|trace| trace % 10 == 0);
    gateway.send(&request(
        slow.map(|trace| span_of(trace, 3, Some(2), SPAN_NAME)),
    ))?;

    let spans = (3 * SLOW) as usize;
    let received = sink.wait(Duration::from_secs(60), "kept traces", |received| {
        received.spans.len() >= spans
    })?;
    let mut by_trace: BTreeMap<&str, Vec<&span::Span>> = BTreeMap::new();
    for span in &received.spans {
        by_trace.entry(&span.trace_id).or_default().push(span);
    }
    assert_eq!(by_trace.len(), SLOW as usize);
    for (trace, spans) in by_trace {
        assert_eq!(spans.len(), 3, "{trace}: {spans:?}");
        assert!(spans.iter().any(|span| span.name == SPAN_NAME), "{trace}");
    }
    let calls = |name: &str, count: u32| {
        let query =
            format!("sum(traces_span_metrics_calls_total{{span_name=\"{name}\"}}) == {count}");
        prometheus.wait(&query, Duration::from_secs(30))
    };
    calls(SPAN_NAME, SLOW)?;
    calls(REQUEST, TRACES)?;
    // Those that were not kept then are not kept later.
    thread::sleep(wait);
    assert_eq!(sink.received().spans.len(), spans);
    Ok(())
}

fn request(spans: impl Iterator<Item = Span>) -> ExportTraceServiceRequest {
    let attributes = vec![attribute("service.name", "shop")];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes,
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                spans: spans.collect(),
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

fn span_of(trace: u32, number: u32, parent: Option<u32>, name: &str) -> Span {
    let id = |number: u32| (u64::from(trace) << 32 | u64::from(number)).to_be_bytes();
    let cause = (name == SPAN_NAME).then(|| attribute("go.map.cause", "growth"));
    let start = 1_700_000_000_000_000_000;
    Span {
        trace_id: (1 << 64 | u128::from(trace)).to_be_bytes().to_vec(),
        span_id: id(number).to_vec(),
        parent_span_id: parent.map(|parent| id(parent).to_vec()).unwrap_or_default(),
        name: name.into(),
        kind: 1,
        start_time_unix_nano: start,
        end_time_unix_nano: start + 2_000_000,
        attributes: cause.into_iter().collect(),
        ..Span::default()
    }
}

fn attribute(key: &str, value: &str) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue {
            value: Some(Value::StringValue(value.into())),
        }),
        ..KeyValue::default()
    }
}
