//! The resource of a span: the service's own, so that backends file the span under the service.

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;

use crate::model::process::GoProcess;

pub fn resource(process: &GoProcess) -> Resource {
    let configured = process
        .resource_attributes
        .iter()
        .map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    // Later ones win.
    Resource::builder_empty()
        .with_attributes(configured)
        .with_attributes([
            KeyValue::new("service.name", process.service_name_or_default()),
            KeyValue::new("process.pid", i64::from(process.target_pid.0)),
            KeyValue::new("process.executable.name", process.executable_name()),
            KeyValue::new("telemetry.sdk.language", "go"),
        ])
        .with_attributes(
            process
                .container_id
                .clone()
                .map(|id| KeyValue::new("container.id", id)),
        )
        .build()
}
