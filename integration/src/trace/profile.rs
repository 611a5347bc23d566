//! Samples of profiles, flattened: what they refer to stands in them.

use opentelemetry_proto::tonic::{
    common::v1::{AnyValue, KeyValue, any_value},
    profiles::v1development::{
        KeyValueAndUnit, Location, Profile, ProfilesData, ProfilesDictionary, Sample as Proto,
        ValueType,
    },
    resource::v1::Resource,
};
use serde_json::Value;

use super::{
    otlp::{id, value},
    span::Attributes,
};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Sample {
    /// e.g. `map_assign` and `nanoseconds`
    pub kind: String,
    pub unit: String,
    pub values: Vec<i64>,
    pub times_unix_nano: Vec<u64>,
    pub trace_id: Option<String>,
    pub span_id: Option<String>,
    /// Leaf first, inlined calls expanded.
    pub functions: Vec<String>,
    pub attributes: Attributes,
    /// Of the mapping of the first location that has one.
    pub mapping: Attributes,
    pub resource: Attributes,
}

/// Indices that lead nowhere stand for nothing, as the first of each table does.
pub fn samples(data: ProfilesData) -> Vec<Sample> {
    let tables = data.dictionary.unwrap_or_default();
    let mut flat = Vec::new();
    for its in data.resource_profiles {
        let resource = resolved(its.resource, &tables);
        let scopes = its.scope_profiles.iter();
        for profile in scopes.flat_map(|scope| &scope.profiles) {
            let samples = profile.samples.iter();
            flat.extend(samples.map(|sample| Sample {
                resource: resource.clone(),
                ..flatten(sample, profile, &tables)
            }));
        }
    }
    flat
}

fn flatten(sample: &Proto, profile: &Profile, tables: &ProfilesDictionary) -> Sample {
    let ValueType {
        type_strindex,
        unit_strindex,
    } = profile.sample_type.unwrap_or_default();
    let link = at(&tables.link_table, sample.link_index);
    let stack = at(&tables.stack_table, sample.stack_index);
    let indices = stack.map(|stack| stack.location_indices.as_slice());
    let locations = indices.unwrap_or_default().iter();
    let locations: Vec<&Location> = locations
        .filter_map(|index| at(&tables.location_table, *index))
        .collect();
    let mapping = locations
        .iter()
        .find(|location| location.mapping_index != 0);
    let mapping = mapping.and_then(|its| at(&tables.mapping_table, its.mapping_index));
    let mapping = mapping.map(|mapping| attributes(&mapping.attribute_indices, tables));
    Sample {
        kind: string(tables, type_strindex),
        unit: string(tables, unit_strindex),
        values: sample.values.clone(),
        times_unix_nano: sample.timestamps_unix_nano.clone(),
        trace_id: link.and_then(|link| id(&link.trace_id)),
        span_id: link.and_then(|link| id(&link.span_id)),
        functions: functions(&locations, tables),
        attributes: attributes(&sample.attribute_indices, tables),
        mapping: mapping.unwrap_or_default(),
        resource: Attributes::new(),
    }
}

fn functions(locations: &[&Location], tables: &ProfilesDictionary) -> Vec<String> {
    let lines = locations.iter().flat_map(|location| &location.lines);
    let functions = lines.filter_map(|line| at(&tables.function_table, line.function_index));
    functions
        .map(|function| string(tables, function.name_strindex))
        .collect()
}

/// A Collector puts the strings of a resource into the table, too.
fn resolved(resource: Option<Resource>, tables: &ProfilesDictionary) -> Attributes {
    let pairs = resource.map(|its| its.attributes).unwrap_or_default();
    let pair = |pair: KeyValue| {
        let key = match pair.key.is_empty() {
            true => string(tables, pair.key_strindex),
            false => pair.key,
        };
        (key, looked_up(pair.value, tables))
    };
    pairs.into_iter().map(pair).collect()
}

fn looked_up(any: Option<AnyValue>, tables: &ProfilesDictionary) -> Value {
    match any.as_ref().and_then(|any| any.value.as_ref()) {
        Some(any_value::Value::StringValueStrindex(index)) => string(tables, *index).into(),
        _ => value(any),
    }
}

fn attributes(indices: &[i32], tables: &ProfilesDictionary) -> Attributes {
    let pairs = indices
        .iter()
        .filter_map(|index| at(&tables.attribute_table, *index));
    let pair = |pair: &KeyValueAndUnit| {
        let key = string(tables, pair.key_strindex);
        (key, looked_up(pair.value.clone(), tables))
    };
    pairs.map(pair).collect()
}

fn string(tables: &ProfilesDictionary, index: i32) -> String {
    at(&tables.string_table, index).cloned().unwrap_or_default()
}

fn at<T>(table: &[T], index: i32) -> Option<&T> {
    table.get(usize::try_from(index).ok()?)
}
