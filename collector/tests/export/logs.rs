//! What an event record says, and that it leads to the span of the same write.

use opentelemetry_proto::tonic::{
    common::v1::any_value::Value,
    logs::v1::{LogRecord, SeverityNumber},
};
use slowmap::export::otlp::{Compression, ExportSettings, Protocol, Settings};

use crate::{
    sample::{self, DURATION, SPAN_ID, START, TRACE_ID},
    sink::{Sink, attribute},
    traces::{finish_all, settings, start_all},
};

fn both(sink: &Sink) -> ExportSettings {
    ExportSettings {
        traces: Some(settings(&sink.url())),
        logs: Some(settings(&sink.url())),
        ..ExportSettings::default()
    }
}

fn records(sink: &Sink) -> Vec<LogRecord> {
    let scopes = sink
        .received
        .logs()
        .into_iter()
        .flat_map(|logs| logs.scope_logs);
    scopes.flat_map(|scope| scope.log_records).collect()
}

#[tokio::test]
async fn a_slow_write_is_one_record_with_the_ids_of_its_own_span() {
    let sink = Sink::grpc();
    let (mut exporters, tasks) = start_all(both(&sink));
    exporters.offer(sample::write(&sample::process(1, "shop")));
    finish_all(exporters, tasks).await;

    let [record] = records(&sink).try_into().unwrap();
    let [span] = sink.received.spans().try_into().unwrap();
    assert_eq!(record.trace_id, TRACE_ID);
    assert_eq!(record.span_id, span.span_id);
    assert_eq!(record.flags, 1, "sampled");
    assert_eq!(record.event_name, "go.map.assign.slow");
    assert_eq!(record.severity_number(), SeverityNumber::Warn);
    assert_eq!(record.time_unix_nano, START);
    assert_eq!(record.observed_time_unix_nano, START + DURATION);
    let body = record.body.unwrap().value.unwrap();
    let sentence = "slow write to map[string]*main.order in main.(*shop).fill: 2.5ms, growth";
    assert_eq!(body, Value::StringValue(sentence.into()));

    let value = |key| attribute(&record.attributes, key).unwrap_or_default();
    assert_eq!(value("go.map.assign.duration"), DURATION.to_string());
    assert_eq!(value("go.map.cause"), "growth");
    assert_eq!(value("go.map.breakdown.gc_assist"), "300000");
    assert_eq!(value("go.goroutine.id"), "34");
    assert_eq!(value("code.function.name"), "main.(*shop).fill");
    assert_eq!(
        value("code.stacktrace"),
        attribute(&span.attributes, "code.stacktrace").unwrap()
    );
}

#[tokio::test]
async fn the_record_is_under_the_services_own_resource() {
    let sink = Sink::grpc();
    let (mut exporters, tasks) = start_all(both(&sink));
    for (pid, service) in [(1, "shop"), (2, "stock")] {
        exporters.offer(sample::write(&sample::process(pid, service)));
    }
    finish_all(exporters, tasks).await;
    let logs = sink.received.logs();
    let services: Vec<_> = logs
        .iter()
        .filter_map(|logs| attribute(&logs.resource.as_ref()?.attributes, "service.name"))
        .collect();
    assert_eq!(services, ["shop", "stock"]);
    assert_eq!(
        logs[0].scope_logs[0].scope.as_ref().unwrap().name,
        "slowmap"
    );
}

#[tokio::test]
async fn a_record_of_a_write_that_got_no_span_has_the_ids_that_were_found_or_none() {
    let sink = Sink::grpc();
    let (mut exporters, tasks) = start_all(both(&sink));
    let mut unsampled = sample::write(&sample::process(1, "shop"));
    unsampled.context.as_mut().unwrap().trace_flags = 0;
    exporters.offer(unsampled);
    exporters.offer(sample::bare(sample::write(&sample::process(1, "shop"))));
    let counts = finish_all(exporters, tasks).await;
    assert_eq!((counts[1].0, counts[1].1.exported), ("logs", 2));
    assert_eq!(sink.received.spans(), []);

    let [found, bare] = records(&sink).try_into().unwrap();
    assert_eq!(
        (found.trace_id.as_slice(), found.flags),
        (TRACE_ID.as_slice(), 0)
    );
    assert_eq!(found.span_id, SPAN_ID);
    assert!(bare.trace_id.is_empty() && bare.span_id.is_empty());
    let body = bare.body.unwrap().value.unwrap();
    assert_eq!(
        body,
        Value::StringValue("slow write to a map: 2.5ms, growth".into())
    );
}

#[tokio::test]
async fn traces_that_are_off_or_down_do_not_keep_records_back() {
    let sink = Sink::grpc();
    let (mut exporters, tasks) = start_all(ExportSettings {
        traces: None,
        ..both(&sink)
    });
    exporters.offer(sample::write(&sample::process(1, "shop")));
    let counts = finish_all(exporters, tasks).await;
    assert_eq!(counts.len(), 1);
    let [record] = records(&sink).try_into().unwrap();
    assert_eq!(
        record.span_id, SPAN_ID,
        "that of the request: there is no other"
    );
}

#[tokio::test]
async fn records_arrive_over_http_with_every_compression() {
    for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
        let sink = Sink::http();
        let logs = Settings {
            protocol: Protocol::HttpProtobuf,
            compression,
            ..settings(&format!("{}/v1/logs", sink.url()))
        };
        let (mut exporters, tasks) = start_all(ExportSettings {
            logs: Some(logs),
            ..ExportSettings::default()
        });
        exporters.offer(sample::write(&sample::process(1, "shop")));
        let counts = finish_all(exporters, tasks).await;
        assert_eq!(counts[0].1.exported, 1, "{compression:?}: {counts:?}");
        assert_eq!(records(&sink).len(), 1, "{compression:?}");
    }
}
