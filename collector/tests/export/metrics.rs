//! What metrics say, and that an exemplar leads to the span of the same write.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogramDataPoint, Metric, NumberDataPoint,
    ResourceMetrics, exemplar, metric::Data, number_data_point::Value,
};
use slowmap::{
    export::otlp::{AgentUse, ExportSettings, MetricSettings, Protocol, Settings, Temporality},
    model::{plan::ProbeRole, process::GoProcess, summary::ProbeUse, time::UnixNanos},
};
use tonic::Status;

use crate::{
    sample::{self, DURATION, START, TRACE_ID},
    sink::{Sink, attribute},
    traces::{finish_all, settings, start_all},
};

const DURATION_NAME: &str = "go.map.assign.slow.duration";

fn with_traces(sink: &Sink, temporality: Temporality) -> ExportSettings {
    let metrics = MetricSettings {
        export: Settings {
            batch_size: 1,
            schedule_delay: Duration::ZERO,
            ..settings(&sink.url())
        },
        temporality,
        resource: BTreeMap::from([("service.name".to_owned(), "slowmap-here".to_owned())]),
    };
    ExportSettings {
        traces: Some(settings(&sink.url())),
        metrics: Some(metrics),
        ..ExportSettings::default()
    }
}

fn agent() -> AgentUse {
    AgentUse {
        attached: 2,
        skipped: BTreeMap::from([("not_go", 3)]),
        lost: BTreeMap::from([("ring_buffer_full".to_owned(), 7)]),
        probes: vec![ProbeUse {
            function: "runtime.hashGrow".into(),
            role: ProbeRole::GrowthEnter,
            hits: 11,
            estimated_cost_nano: None,
        }],
        cost_nano: BTreeMap::from([("shop".to_owned(), 2_500_000)]),
    }
}

fn metric<'a>(collection: &'a [ResourceMetrics], service: &str, name: &str) -> Option<&'a Metric> {
    let its = collection.iter().find(|metrics| {
        let resource = metrics.resource.as_ref().unwrap();
        attribute(&resource.attributes, "service.name").as_deref() == Some(service)
    })?;
    let mut metrics = its.scope_metrics.iter().flat_map(|scope| &scope.metrics);
    metrics.find(|metric| metric.name == name)
}

/// Of a service that has one histogram or none in the collection.
fn durations(
    collection: &[ResourceMetrics],
    service: &str,
) -> Option<(Vec<ExponentialHistogramDataPoint>, AggregationTemporality)> {
    match metric(collection, service, DURATION_NAME)?.data.clone()? {
        Data::ExponentialHistogram(histogram) => Some((
            histogram.data_points.clone(),
            histogram.aggregation_temporality(),
        )),
        other => panic!("{other:?}"),
    }
}

/// The points of a counter by their labels.
fn sum(collection: &[ResourceMetrics], name: &str) -> BTreeMap<String, f64> {
    let metric = metric(collection, "slowmap-here", name).unwrap_or_else(|| panic!("no {name}"));
    let Some(Data::Sum(sum)) = &metric.data else {
        panic!("{metric:?}");
    };
    let point = |point: &NumberDataPoint| {
        let labels = point.attributes.iter().map(|pair| &pair.key);
        let values = labels.map(|key| attribute(&point.attributes, key).unwrap());
        let value = match point.value.unwrap() {
            Value::AsInt(count) => count as f64,
            Value::AsDouble(value) => value,
        };
        (values.collect::<Vec<_>>().join(" "), value)
    };
    sum.data_points.iter().map(point).collect()
}

fn labels<const N: usize>(pairs: [(&str, f64); N]) -> BTreeMap<String, f64> {
    let owned = pairs.map(|(labels, value)| (labels.to_owned(), value));
    BTreeMap::from(owned)
}

#[tokio::test]
async fn the_durations_are_a_histogram_whose_exemplars_lead_to_the_writes_own_span() {
    let sink = Sink::grpc();
    let (mut exporters, tasks) = start_all(with_traces(&sink, Temporality::Cumulative));
    let process = sample::process(1, "shop");
    let mut longer = sample::write(&process);
    longer.symbolized.attributed.write.duration_nano *= 2;
    exporters.offer(sample::write(&process));
    exporters.offer(longer);
    exporters.offer(sample::bare(sample::write(&process)));
    exporters.push_metrics(&AgentUse::default(), UnixNanos(START + 1));
    finish_all(exporters, tasks).await;

    let [collection] = sink.received.metrics().try_into().unwrap();
    let metric = metric(&collection, "shop", DURATION_NAME).unwrap();
    assert_eq!(metric.unit, "s");
    let (points, temporality) = durations(&collection, "shop").unwrap();
    assert_eq!(temporality, AggregationTemporality::Cumulative);
    let [point] = points.try_into().unwrap();
    assert_eq!((point.count, point.zero_count), (2, 0));
    assert_eq!(point.sum, Some(0.0075));
    assert_eq!((point.min, point.max), (Some(0.0025), Some(0.005)));
    assert_eq!(
        (point.start_time_unix_nano, point.time_unix_nano),
        (1, START + 1)
    );
    let counted: u64 = point.positive.unwrap().bucket_counts.iter().sum();
    assert_eq!(counted, 2);
    let value = |key| attribute(&point.attributes, key).unwrap_or_default();
    assert_eq!(value("go.map.cause"), "growth");
    assert_eq!(value("go.map.function"), "runtime.mapassign_faststr");
    assert_eq!(value("code.function.name"), "main.(*shop).fill");

    let spans = sink.received.spans();
    assert_eq!(point.exemplars.len(), 2);
    let longest = &point.exemplars[0];
    assert_eq!(longest.value, Some(exemplar::Value::AsDouble(0.005)));
    for exemplar in &point.exemplars {
        assert_eq!(exemplar.trace_id, TRACE_ID);
        let span = spans
            .iter()
            .find(|span| span.span_id == exemplar.span_id)
            .unwrap();
        let seconds = (span.end_time_unix_nano - span.start_time_unix_nano) as f64 / 1e9;
        assert_eq!(exemplar.value, Some(exemplar::Value::AsDouble(seconds)));
        assert_eq!(exemplar.time_unix_nano, span.end_time_unix_nano);
    }
    let (bare, _) = durations(&collection, "unknown_service:shop").unwrap();
    assert_eq!(
        (bare[0].count, bare[0].exemplars.len()),
        (1, 0),
        "it is in no trace"
    );
}

/// The counts of the histogram in two collections with a write before each, and where their intervals begin.
async fn two_collections(temporality: Temporality) -> Vec<(u64, u64)> {
    let sink = Sink::grpc();
    let (mut exporters, tasks) = start_all(with_traces(&sink, temporality));
    let process = sample::process(1, "shop");
    for now in [START, START + 60] {
        exporters.offer(sample::write(&process));
        exporters.push_metrics(&agent(), UnixNanos(now));
    }
    finish_all(exporters, tasks).await;
    let collections = sink.received.metrics();
    let point = |collection: &Vec<ResourceMetrics>| {
        let (points, _) = durations(collection, "shop").unwrap();
        (points[0].count, points[0].start_time_unix_nano)
    };
    let delta = temporality == Temporality::Delta;
    let hits = sum(&collections[1], "slowmap.probe.hits");
    let expected = if delta { 0.0 } else { 11.0 };
    assert_eq!(hits["runtime.hashGrow growth_enter"], expected);
    let attached = sum(&collections[1], "slowmap.processes.attached");
    assert_eq!(
        attached,
        labels([("", 2.0)]),
        "what goes up and down is never a delta"
    );
    collections.iter().map(point).collect()
}

#[tokio::test]
async fn what_is_sent_is_all_since_the_beginning_or_what_is_new_as_configured() {
    assert_eq!(
        two_collections(Temporality::Cumulative).await,
        [(1, 1), (2, 1)]
    );
    assert_eq!(
        two_collections(Temporality::Delta).await,
        [(1, 1), (1, START)]
    );
    assert_eq!(
        two_collections(Temporality::LowMemory).await,
        [(1, 1), (1, START)]
    );
}

#[tokio::test]
async fn slowmap_tells_of_itself_what_it_has_counted_and_nothing_else() {
    let sink = Sink::grpc();
    let (mut exporters, tasks) = start_all(with_traces(&sink, Temporality::Cumulative));
    exporters.offer(sample::write(&sample::process(1, "shop")));
    exporters.offer(sample::bare(sample::write(&sample::process(1, "shop"))));
    sink.received.wait_for(1).await;
    crate::sink::wait_until("that was counted", || exporters.counts()[0].1.exported == 1).await;
    exporters.push_metrics(&agent(), UnixNanos(START));
    finish_all(exporters, tasks).await;
    let [collection] = sink.received.metrics().try_into().unwrap();
    let sum = |name| sum(&collection, name);
    assert_eq!(sum("slowmap.events"), labels([("", 2.0)]));
    assert_eq!(
        sum("slowmap.events.lost"),
        labels([("ring_buffer_full", 7.0)])
    );
    assert_eq!(sum("slowmap.processes.skipped"), labels([("not_go", 3.0)]));
    assert_eq!(
        sum("slowmap.probe.hits"),
        labels([("runtime.hashGrow growth_enter", 11.0)])
    );
    assert_eq!(sum("slowmap.target.cost"), labels([("shop", 0.0025)]));
    assert_eq!(
        sum("slowmap.export.delivered"),
        labels([("traces", 1.0), ("metrics", 0.0)])
    );
    assert_eq!(
        sum("slowmap.export.dropped"),
        labels([("traces no_context", 1.0)])
    );
    let own = collection.last().unwrap().resource.as_ref().unwrap();
    assert_eq!(
        attribute(&own.attributes, "service.version").as_deref(),
        Some(env!("CARGO_PKG_VERSION"))
    );
    assert!(attribute(&own.attributes, "service.instance.id").is_some());
}

fn with_caller(process: &Arc<GoProcess>, caller: usize) -> slowmap::model::write::CorrelatedWrite {
    let mut write = sample::write(process);
    write.symbolized.stack[2].function = Some(format!("main.caller{caller}"));
    write
}

#[tokio::test]
async fn callers_beyond_the_limit_share_a_stream_that_says_so_and_a_process_that_is_gone_is_forgotten()
 {
    let sink = Sink::grpc();
    let (mut exporters, tasks) = start_all(with_traces(&sink, Temporality::Cumulative));
    let process = sample::process(1, "shop");
    for caller in 0..1_500 {
        exporters.offer(with_caller(&process, caller));
    }
    exporters.push_metrics(&AgentUse::default(), UnixNanos(START));
    // Spans that wait know the process, too.
    let offered = exporters.counts()[0].1.offered;
    crate::sink::wait_until("all spans are sent", || {
        let counts = &exporters.counts()[0].1;
        counts.exported + counts.dropped.values().sum::<u64>() == offered
    })
    .await;
    drop(process);
    exporters.push_metrics(&AgentUse::default(), UnixNanos(START));
    exporters.push_metrics(&AgentUse::default(), UnixNanos(START));
    finish_all(exporters, tasks).await;
    let [first, second, third] = sink.received.metrics().try_into().unwrap();
    let (points, _) = durations(&first, "shop").unwrap();
    assert_eq!(points.len(), 1_001);
    let rest = |point: &&ExponentialHistogramDataPoint| {
        attribute(&point.attributes, "otel.metric.overflow").as_deref() == Some("true")
    };
    assert_eq!(points.iter().find(rest).unwrap().count, 500);
    assert!(durations(&second, "shop").is_some(), "its last word");
    assert_eq!(durations(&third, "shop"), None);
}

#[tokio::test]
async fn data_points_that_cannot_be_sent_are_counted_and_metrics_arrive_over_http_too() {
    let sink = Sink::grpc();
    sink.received.refuse(Some(Status::invalid_argument("no")));
    let (mut exporters, tasks) = start_all(with_traces(&sink, Temporality::Cumulative));
    exporters.push_metrics(&agent(), UnixNanos(START));
    let counts = finish_all(exporters, tasks).await;
    let metrics = &counts
        .iter()
        .find(|(signal, _)| *signal == "metrics")
        .unwrap()
        .1;
    assert_eq!(metrics.dropped["export_failed"], metrics.offered);
    assert!(metrics.offered >= 8, "{metrics:?}");

    let sink = Sink::http();
    let mut all = with_traces(&sink, Temporality::Delta);
    let metrics = all.metrics.as_mut().unwrap();
    metrics.export.protocol = Protocol::HttpProtobuf;
    metrics.export.endpoint.set_path("/v1/metrics");
    let (mut exporters, tasks) = start_all(ExportSettings {
        traces: None,
        ..all
    });
    exporters.offer(sample::write(&sample::process(1, "shop")));
    exporters.push_metrics(&AgentUse::default(), UnixNanos(START + DURATION));
    finish_all(exporters, tasks).await;
    let [collection] = sink.received.metrics().try_into().unwrap();
    assert_eq!(durations(&collection, "shop").unwrap().0[0].count, 1);
}
