//! OTLP messages to flat telemetry.

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value},
    logs::v1::{LogRecord, ResourceLogs},
    metrics::v1::{
        self as proto_metrics, Metric, ResourceMetrics, metric::Data, number_data_point,
    },
    resource::v1::Resource,
    trace::v1::{self as proto, ResourceSpans},
};
use serde_json::Value;

use super::span::{Attributes, Exemplar, LogEvent, MetricPoint, Span, SpanEvent};

pub fn spans(batches: Vec<ResourceSpans>) -> Vec<Span> {
    let mut flat = Vec::new();
    for batch in batches {
        let resource = resource(batch.resource);
        for scoped in batch.scope_spans {
            let scope = scoped.scope.map(|scope| scope.name).unwrap_or_default();
            flat.extend(
                scoped
                    .spans
                    .into_iter()
                    .map(|span| flatten(span, &resource, &scope)),
            );
        }
    }
    flat
}

fn flatten(span: proto::Span, resource: &Attributes, scope: &str) -> Span {
    let event = |event: proto::span::Event| SpanEvent {
        name: event.name,
        time_unix_nano: event.time_unix_nano,
        attributes: attributes(event.attributes),
    };
    Span {
        trace_id: hex::encode(&span.trace_id),
        span_id: hex::encode(&span.span_id),
        parent_span_id: id(&span.parent_span_id),
        name: span.name,
        kind: span.kind,
        start_unix_nano: span.start_time_unix_nano,
        end_unix_nano: span.end_time_unix_nano,
        attributes: attributes(span.attributes),
        events: span.events.into_iter().map(event).collect(),
        resource: resource.clone(),
        scope: scope.to_owned(),
        received_unix_nano: None,
    }
}

pub fn logs(batches: Vec<ResourceLogs>) -> Vec<LogEvent> {
    let mut flat = Vec::new();
    for batch in batches {
        let resource = resource(batch.resource);
        let records = batch
            .scope_logs
            .into_iter()
            .flat_map(|scoped| scoped.log_records);
        flat.extend(records.map(|record: LogRecord| LogEvent {
            event_name: record.event_name,
            time_unix_nano: record.time_unix_nano,
            severity: record.severity_number,
            trace_id: id(&record.trace_id),
            span_id: id(&record.span_id),
            attributes: attributes(record.attributes),
            resource: resource.clone(),
        }));
    }
    flat
}

pub fn metrics(batches: Vec<ResourceMetrics>) -> Vec<MetricPoint> {
    let mut flat = Vec::new();
    for batch in batches {
        let resource = resource(batch.resource);
        for metric in batch
            .scope_metrics
            .into_iter()
            .flat_map(|scoped| scoped.metrics)
        {
            for mut point in points(metric) {
                point.resource.clone_from(&resource);
                flat.push(point);
            }
        }
    }
    flat
}

/// The points of a metric; a summary, which the SDKs no longer make, has none.
fn points(metric: Metric) -> Vec<MetricPoint> {
    let name = metric.name;
    let histogram = |sum: Option<f64>,
                     count: u64,
                     exemplars: &[proto_metrics::Exemplar],
                     own: Vec<KeyValue>| MetricPoint {
        name: name.clone(),
        value: sum.unwrap_or_default(),
        count: Some(count),
        exemplars: exemplars.iter().map(exemplar).collect(),
        attributes: attributes(own),
        resource: Attributes::new(),
    };
    let numbers = match metric.data {
        Some(Data::Gauge(gauge)) => gauge.data_points,
        Some(Data::Sum(sum)) => sum.data_points,
        Some(Data::Histogram(all)) => {
            let point = |p: opentelemetry_proto::tonic::metrics::v1::HistogramDataPoint| {
                histogram(p.sum, p.count, &p.exemplars, p.attributes)
            };
            return all.data_points.into_iter().map(point).collect();
        }
        Some(Data::ExponentialHistogram(all)) => {
            let point =
                |p: opentelemetry_proto::tonic::metrics::v1::ExponentialHistogramDataPoint| {
                    histogram(p.sum, p.count, &p.exemplars, p.attributes)
                };
            return all.data_points.into_iter().map(point).collect();
        }
        Some(Data::Summary(_)) | None => Vec::new(),
    };
    let number = |value: Option<number_data_point::Value>| match value {
        Some(number_data_point::Value::AsInt(int)) => int as f64,
        Some(number_data_point::Value::AsDouble(double)) => double,
        None => 0.0,
    };
    let point = |p: opentelemetry_proto::tonic::metrics::v1::NumberDataPoint| MetricPoint {
        name: name.clone(),
        value: number(p.value),
        attributes: attributes(p.attributes),
        ..MetricPoint::default()
    };
    numbers.into_iter().map(point).collect()
}

fn exemplar(proto: &proto_metrics::Exemplar) -> Exemplar {
    Exemplar {
        trace_id: id(&proto.trace_id),
        span_id: id(&proto.span_id),
        value: match proto.value {
            Some(proto_metrics::exemplar::Value::AsDouble(value)) => value,
            Some(proto_metrics::exemplar::Value::AsInt(value)) => value as f64,
            None => 0.0,
        },
    }
}

/// All zero, or empty, is how OTLP writes that there is no id.
pub(super) fn id(bytes: &[u8]) -> Option<String> {
    bytes
        .iter()
        .any(|byte| *byte != 0)
        .then(|| hex::encode(bytes))
}

fn resource(resource: Option<Resource>) -> Attributes {
    attributes(
        resource
            .map(|resource| resource.attributes)
            .unwrap_or_default(),
    )
}

fn attributes(pairs: Vec<KeyValue>) -> Attributes {
    pairs
        .into_iter()
        .map(|pair| (pair.key, value(pair.value)))
        .collect()
}

pub(super) fn value(any: Option<AnyValue>) -> Value {
    use any_value::Value as Any;
    match any.and_then(|any| any.value) {
        Some(Any::StringValue(text)) => text.into(),
        Some(Any::BoolValue(flag)) => flag.into(),
        Some(Any::IntValue(int)) => int.into(),
        Some(Any::DoubleValue(double)) => double.into(),
        Some(Any::BytesValue(bytes)) => hex::encode(bytes).into(),
        Some(Any::ArrayValue(array)) => array
            .values
            .into_iter()
            .map(|item| value(Some(item)))
            .collect(),
        Some(Any::KvlistValue(list)) => attributes(list.values).into_iter().collect(),
        Some(Any::StringValueStrindex(_)) | None => Value::Null,
    }
}
