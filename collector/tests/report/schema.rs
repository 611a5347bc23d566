//! The schema of an event in docs/, against what is written.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::Value;
use tempfile::TempDir;

use crate::source;

fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/events.schema.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn events() -> Vec<Value> {
    let directory = TempDir::new().unwrap();
    source::record(directory.path(), &source::writes());
    let text = fs::read_to_string(directory.path().join("events.jsonl")).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn every_event_is_as_the_schema_says_and_every_field_is_in_it() {
    let schema = schema();
    let names = |value: &Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let validator = jsonschema::validator_for(&schema).unwrap();
    for event in events() {
        let errors: Vec<_> = validator
            .iter_errors(&event)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{errors:?}: {event}");
        let mut expected = names(&schema["properties"]);
        assert!(expected.remove("recording"), "of merged ones only");
        assert_eq!(names(&event), expected);
    }
}

#[test]
fn the_schema_refuses_what_is_no_event() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let event = &events()[0];
    for (field, wrong) in [
        ("duration_nano", Value::from(-1)),
        ("cause", "weather".into()),
        ("trace_id", "xyz".into()),
        ("stack", serde_json::json!([{"function": "main.f"}])),
    ] {
        let mut event = event.clone();
        event[field] = wrong;
        assert!(!validator.is_valid(&event), "{field}");
    }
}

#[test]
fn every_cause_and_every_pair_of_probes_is_in_the_schema() {
    use slowmap::model::{cause::Cause, plan::ProbePair};
    let properties = &schema()["properties"];
    let has = |list: &Value, name: &str| list.as_array().unwrap().contains(&name.into());
    for cause in Cause::ALL {
        assert!(has(&properties["cause"]["enum"], cause.name()), "{cause:?}");
    }
    for pair in [
        ProbePair::Growth,
        ProbePair::GcAssist,
        ProbePair::Deschedule,
        ProbePair::StopTheWorld,
        ProbePair::PageFault,
    ] {
        let pairs = &properties["unobserved"]["items"]["enum"];
        assert!(has(pairs, pair.name()), "{pair:?}");
    }
}
