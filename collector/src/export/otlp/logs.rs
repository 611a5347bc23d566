//! A slow write as an event record.

use std::time::Duration;

use opentelemetry_proto::tonic::{
    collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse},
    common::v1::{AnyValue, any_value::Value},
    logs::v1::{LogRecord, ResourceLogs, ScopeLogs, SeverityNumber},
};

use super::{
    attributes,
    linked::{LinkedWrite, by_service},
    resource::scope,
    signal::{Signal, rejected},
    traces::EVENT_NAME,
};
use crate::model::write::CorrelatedWrite;

#[derive(Debug)]
pub enum Logs {}

impl Signal for Logs {
    const NAME: &'static str = "logs";
    const METHOD: &'static str = "/opentelemetry.proto.collector.logs.v1.LogsService/Export";
    type Item = LinkedWrite;
    type Request = ExportLogsServiceRequest;
    type Response = ExportLogsServiceResponse;

    fn request(items: &[LinkedWrite]) -> Self::Request {
        let logs = by_service(items)
            .into_iter()
            .map(|(resource, writes)| ResourceLogs {
                resource: Some(resource),
                scope_logs: vec![ScopeLogs {
                    scope: Some(scope()),
                    log_records: writes.into_iter().map(record).collect(),
                    ..ScopeLogs::default()
                }],
                ..ResourceLogs::default()
            });
        ExportLogsServiceRequest {
            resource_logs: logs.collect(),
        }
    }

    fn rejected(response: Self::Response) -> Option<(i64, String)> {
        rejected!(response, rejected_log_records)
    }
}

fn record(LinkedWrite { write, link }: &LinkedWrite) -> LogRecord {
    let attributes = [
        attributes::code(write),
        attributes::duration(write),
        attributes::details(write),
        attributes::breakdown(write),
    ];
    LogRecord {
        time_unix_nano: write.time.0,
        // It was seen when it had ended.
        observed_time_unix_nano: write.end().0,
        severity_number: SeverityNumber::Warn.into(),
        severity_text: "WARN".into(),
        body: Some(AnyValue {
            value: Some(Value::StringValue(sentence(write))),
        }),
        attributes: attributes.concat(),
        flags: link.map_or(0, |link| u32::from(link.trace_flags)),
        trace_id: link.map(|link| link.trace_id.to_vec()).unwrap_or_default(),
        span_id: link.map(|link| link.span_id.to_vec()).unwrap_or_default(),
        event_name: EVENT_NAME.into(),
        ..LogRecord::default()
    }
}

/// For those who read their logs: `slow write to map[string]*main.order in main.(*shop).fill: 2.5ms, growth`.
fn sentence(write: &CorrelatedWrite) -> String {
    let map = write.symbolized.map_type.as_deref().unwrap_or("a map");
    let caller = write.caller().and_then(|caller| caller.function.as_deref());
    let within = caller.map(|caller| format!(" in {caller}"));
    let duration = Duration::from_nanos(write.observed().duration_nano);
    let cause = write.cause().name();
    format!(
        "slow write to {map}{}: {duration:?}, {cause}",
        within.unwrap_or_default()
    )
}
