//! Whose telemetry it is: a service's own, so that backends file it under the service, or slowmap's.

use std::collections::BTreeMap;

use opentelemetry::{KeyValue, Value};
use opentelemetry_proto::{
    tonic::{common::v1::InstrumentationScope, resource::v1::Resource},
    transform::common::tonic::Attributes,
};

use crate::model::process::GoProcess;

/// A service's own.
pub fn resource(process: &GoProcess) -> Resource {
    // Later ones win.
    let mut attributes: BTreeMap<String, Value> = process
        .resource_attributes
        .iter()
        .map(|(key, value)| (key.clone(), value.clone().into()))
        .collect();
    let mut set = |key: &str, value: Value| attributes.insert(key.into(), value);
    set("service.name", process.service_name_or_default().into());
    set("process.pid", i64::from(process.target_pid.0).into());
    set("process.executable.name", process.executable_name().into());
    set("telemetry.sdk.language", "go".into());
    if let Some(id) = &process.container_id {
        set("container.id", id.clone().into());
    }
    of(attributes)
}

/// slowmap's own.
pub fn of_slowmap(configured: &BTreeMap<String, String>) -> Resource {
    let mut attributes = BTreeMap::from([
        (
            "service.version".to_owned(),
            env!("CARGO_PKG_VERSION").into(),
        ),
        // Two agents of one name must not be taken for one.
        ("service.instance.id".to_owned(), instance_id().into()),
    ]);
    let configured = configured.iter();
    attributes.extend(configured.map(|(key, value)| (key.clone(), value.clone().into())));
    of(attributes)
}

fn of(attributes: BTreeMap<String, Value>) -> Resource {
    let pairs = attributes
        .into_iter()
        .map(|(key, value)| KeyValue::new(key, value));
    Resource {
        attributes: Attributes::from(pairs).0,
        ..Resource::default()
    }
}

/// A random UUID (version 4), as the conventions have it where nothing better is known.
fn instance_id() -> String {
    let (version, variant) = ((0xf << 76, 4 << 76), (0b11 << 62, 0b10 << 62));
    let random = (fastrand::u128(..) & !(version.0 | variant.0)) | version.1 | variant.1;
    let digits = format!("{random:032x}");
    let parts = [
        &digits[..8],
        &digits[8..12],
        &digits[12..16],
        &digits[16..20],
        &digits[20..],
    ];
    parts.join("-")
}

pub fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "slowmap".into(),
        version: env!("CARGO_PKG_VERSION").into(),
        ..InstrumentationScope::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_that_was_given_no_instance_id_makes_up_one_of_its_own() {
        let (one, other) = (instance_id(), instance_id());
        assert_ne!(one, other);
        assert_eq!((one.len(), &one[14..15]), (36, "4"));
        assert!("89ab".contains(&one[19..20]), "{one}");
    }
}
