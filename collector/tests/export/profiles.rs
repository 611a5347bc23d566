//! What a sample of a profile says, and that it leads to the span of the same write.

use opentelemetry_proto::tonic::{
    collector::profiles::v1development::ExportProfilesServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    profiles::v1development::{
        Function, Link, Location, Mapping, Profile, ProfilesDictionary, Sample, Stack, ValueType,
    },
};
use slowmap::export::otlp::{ExportSettings, Protocol, Settings};

use crate::{
    sample::{self, DURATION, START, TRACE_ID},
    sink::{Sink, attribute},
    traces::{finish_all, settings, start_all},
};

fn with_traces(sink: &Sink) -> ExportSettings {
    ExportSettings {
        traces: Some(settings(&sink.url())),
        profiles: Some(settings(&sink.url())),
        ..ExportSettings::default()
    }
}

/// The profiles of a request and what they refer to.
fn opened(request: &ExportProfilesServiceRequest) -> (Vec<&Profile>, Tables<'_>) {
    let scopes = request
        .resource_profiles
        .iter()
        .flat_map(|its| &its.scope_profiles);
    let profiles = scopes.flat_map(|scope| &scope.profiles).collect();
    (profiles, Tables(request.dictionary.as_ref().unwrap()))
}

struct Tables<'a>(&'a ProfilesDictionary);

impl Tables<'_> {
    fn string(&self, index: i32) -> &str {
        &self.0.string_table[index as usize]
    }

    fn is(&self, value: Option<ValueType>) -> (&str, &str) {
        let value = value.unwrap();
        (
            self.string(value.type_strindex),
            self.string(value.unit_strindex),
        )
    }

    /// The attribute among those that has this key, as text.
    fn attribute(&self, indices: &[i32], key: &str) -> String {
        let pairs = indices.iter().map(|index| {
            let its = &self.0.attribute_table[*index as usize];
            KeyValue {
                key: self.string(its.key_strindex).to_owned(),
                value: its.value.clone(),
                ..KeyValue::default()
            }
        });
        attribute(&pairs.collect::<Vec<_>>(), key).unwrap_or_default()
    }

    fn stack(&self, sample: &Sample) -> Vec<&Location> {
        let stack = &self.0.stack_table[sample.stack_index as usize];
        let locations = stack.location_indices.iter();
        locations
            .map(|index| &self.0.location_table[*index as usize])
            .collect()
    }

    fn functions(&self, location: &Location) -> Vec<&str> {
        let functions = location
            .lines
            .iter()
            .map(|line| line.function_index as usize);
        let names = functions.map(|index| self.0.function_table[index].name_strindex);
        names.map(|name| self.string(name)).collect()
    }
}

#[tokio::test]
async fn a_slow_write_is_a_sample_that_is_linked_to_its_own_span() {
    let sink = Sink::grpc();
    let (mut exporters, tasks) = start_all(with_traces(&sink));
    exporters.offer(sample::write(&sample::process(1, "shop")));
    finish_all(exporters, tasks).await;

    let [request] = sink.received.profiles().try_into().unwrap();
    let [span] = sink.received.spans().try_into().unwrap();
    let (profiles, tables) = opened(&request);
    let [profile] = profiles.try_into().unwrap();
    assert_eq!(
        tables.is(profile.sample_type),
        ("map_assign", "nanoseconds")
    );
    assert_eq!(
        tables.is(profile.period_type),
        ("map_assign", "nanoseconds")
    );
    assert!(profile.period > 0 && profile.profile_id.len() == 16);
    let within = profile.time_unix_nano..profile.time_unix_nano + profile.duration_nano;
    assert!(within.contains(&START) && within.contains(&(START + DURATION)));

    let [sample] = profile.samples.as_slice() else {
        panic!("{profile:?}");
    };
    assert_eq!(sample.values, [DURATION as i64]);
    assert_eq!(sample.timestamps_unix_nano, [START]);
    let link = &tables.0.link_table[sample.link_index as usize];
    assert_eq!(
        (link.trace_id.as_slice(), &link.span_id),
        (TRACE_ID.as_slice(), &span.span_id)
    );
    let value = |key| tables.attribute(&sample.attribute_indices, key);
    assert_eq!(
        (value("process.pid"), value("thread.id")),
        ("7".into(), "8".into())
    );
    assert_eq!(value("go.goroutine.id"), "34");
    assert_eq!(value("go.map.cause"), "growth");
    assert_eq!(sample.attribute_indices.len(), 4, "no duration among them");

    let stack = tables.stack(sample);
    assert_eq!(
        tables.functions(stack[0]),
        ["internal/runtime/maps.(*table).rehash"]
    );
    assert_eq!(tables.functions(stack[3]), ["main.main"]);
    assert_eq!(stack[2].lines[0].line, 42);
    assert_eq!(
        tables.attribute(&stack[2].attribute_indices, "profile.frame.type"),
        "go"
    );
}

#[tokio::test]
async fn the_mapping_is_the_executable_with_all_its_build_ids_and_a_library_has_none() {
    let sink = Sink::grpc();
    let (mut exporters, tasks) = start_all(with_traces(&sink));
    let mut write = sample::write(&sample::process(1, "shop"));
    write.symbolized.stack[0].address.0 = 0x7f00_0000_1000;
    write.symbolized.stack[2].inlined = true;
    exporters.offer(write);
    finish_all(exporters, tasks).await;
    let [request] = sink.received.profiles().try_into().unwrap();
    let (profiles, tables) = opened(&request);
    let stack = tables.stack(&profiles[0].samples[0]);
    assert_eq!(
        stack.len(),
        3,
        "what was inlined is a line of the function that it is in"
    );
    assert_eq!(
        tables.functions(stack[2]),
        ["main.(*shop).fill", "main.main"]
    );
    assert_eq!(stack[0].mapping_index, 0);
    assert_eq!(
        tables.attribute(&stack[0].attribute_indices, "profile.frame.type"),
        "native"
    );
    let mapping = &tables.0.mapping_table[stack[1].mapping_index as usize];
    assert_eq!(tables.string(mapping.filename_strindex), "/srv/bin/shop");
    assert_eq!(
        (mapping.memory_start, mapping.memory_limit),
        (0x40_0000, 0x50_0000)
    );
    for (kind, id) in [
        ("gnu", "abad1dea"),
        ("go", "go/build/id"),
        ("htlhash", "00112233445566778899aabbccddeeff"),
    ] {
        let key = format!("process.executable.build_id.{kind}");
        assert_eq!(tables.attribute(&mapping.attribute_indices, &key), id);
    }
}

#[tokio::test]
async fn tables_begin_with_nothing_hold_each_thing_once_and_are_shared_by_services() {
    let sink = Sink::grpc();
    let (mut exporters, tasks) = start_all(with_traces(&sink));
    for (pid, service) in [(1, "shop"), (2, "stock"), (2, "stock")] {
        exporters.offer(sample::write(&sample::process(pid, service)));
    }
    let bare = sample::bare(sample::write(&sample::process(3, "other")));
    exporters.offer(bare.clone());
    exporters.offer(bare);
    finish_all(exporters, tasks).await;
    let [request] = sink.received.profiles().try_into().unwrap();
    let (profiles, Tables(dictionary)) = opened(&request);
    assert_eq!(dictionary.string_table[0], "");
    assert_eq!(dictionary.attribute_table[0].value, None);
    assert_eq!(dictionary.mapping_table[0], Mapping::default());
    assert_eq!(dictionary.function_table[0], Function::default());
    assert_eq!(dictionary.location_table[0], Location::default());
    assert_eq!(dictionary.stack_table[0], Stack::default());
    assert_eq!(dictionary.link_table[0], Link::default());
    assert_eq!(
        (dictionary.mapping_table.len(), dictionary.stack_table.len()),
        (2, 2)
    );
    assert_eq!(
        dictionary.link_table.len(),
        1 + 3,
        "each write has a span of its own"
    );
    let mut strings = dictionary.string_table.clone();
    strings.sort_unstable();
    strings.dedup();
    assert_eq!(strings.len(), dictionary.string_table.len());
    let last = profiles.last().unwrap();
    let [sample] = last.samples.as_slice() else {
        panic!("what cannot be told apart is one sample: {last:?}");
    };
    assert_eq!((sample.link_index, sample.stack_index), (0, 0));
    assert_eq!(sample.values, [DURATION as i64; 2]);
    assert_eq!(sample.timestamps_unix_nano, [START; 2]);
}

#[tokio::test]
async fn profiles_arrive_over_http_and_rejected_ones_are_not_taken_for_delivered() {
    let sink = Sink::http();
    let profiles = Settings {
        protocol: Protocol::HttpProtobuf,
        ..settings(&format!("{}/v1development/profiles", sink.url()))
    };
    let (mut exporters, tasks) = start_all(ExportSettings {
        profiles: Some(profiles),
        ..ExportSettings::default()
    });
    exporters.offer(sample::write(&sample::process(1, "shop")));
    let counts = finish_all(exporters, tasks).await;
    assert_eq!(counts[0].1.exported, 1);
    let [request] = sink.received.profiles().try_into().unwrap();
    let (profiles, tables) = opened(&request);
    let sample = &profiles[0].samples[0];
    let pid = tables.0.attribute_table[sample.attribute_indices[0] as usize]
        .value
        .clone();
    assert_eq!(pid.unwrap().value, Some(Value::IntValue(7)));

    let sink = Sink::grpc();
    sink.received.reject(1);
    let (mut exporters, tasks) = start_all(with_traces(&sink));
    for _ in 0..3 {
        exporters.offer(sample::write(&sample::process(1, "shop")));
    }
    let counts = finish_all(exporters, tasks).await;
    let profiles = &counts
        .iter()
        .find(|(signal, _)| *signal == "profiles")
        .unwrap()
        .1;
    assert_eq!((profiles.exported, profiles.dropped["rejected"]), (0, 3));
}
