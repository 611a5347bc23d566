//! A slow write as a sample of a profile: its time by its stack, linked to its span. The signal is in development
//! (`opentelemetry.proto.profiles.v1development`).

mod dictionary;

use std::collections::HashMap;

use opentelemetry_proto::tonic::{
    collector::profiles::v1development::{
        ExportProfilesServiceRequest, ExportProfilesServiceResponse,
    },
    profiles::v1development::{Profile, ResourceProfiles, Sample, ScopeProfiles, ValueType},
};

use self::dictionary::Dictionary;
use super::{
    attributes::integer,
    linked::{LinkedWrite, by_service},
    resource::scope,
    signal::Signal,
};
use crate::model::write::CorrelatedWrite;

const TYPE: &str = "map_assign";
const UNIT: &str = "nanoseconds";

#[derive(Debug)]
pub enum Profiles {}

impl Signal for Profiles {
    const NAME: &'static str = "profiles";
    const METHOD: &'static str =
        "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export";
    // Samples are indices into the request's own tables.
    const ADDS_UP: bool = false;
    const IN_FRAME: usize = 256;
    type Item = LinkedWrite;
    type Request = ExportProfilesServiceRequest;
    type Response = ExportProfilesServiceResponse;

    fn request(items: &[LinkedWrite]) -> Self::Request {
        let mut dictionary = Dictionary::default();
        let mut resource_profiles = Vec::new();
        for (resource, writes) in by_service(items) {
            resource_profiles.push(ResourceProfiles {
                resource: Some(resource),
                scope_profiles: vec![ScopeProfiles {
                    scope: Some(scope()),
                    profiles: vec![profile(&writes, &mut dictionary)],
                    ..ScopeProfiles::default()
                }],
                ..ResourceProfiles::default()
            });
        }
        ExportProfilesServiceRequest {
            resource_profiles,
            dictionary: Some(dictionary.into_message()),
        }
    }

    /// The answer counts profiles, not samples, and does not say which: none of them is taken for delivered.
    fn rejected(response: Self::Response) -> Option<(i64, String)> {
        let partial = response.partial_success?;
        (partial.rejected_profiles > 0).then_some((i64::MAX, partial.error_message))
    }
}

/// Of one service.
fn profile(writes: &[&LinkedWrite], dictionary: &mut Dictionary) -> Profile {
    let sample_type = ValueType {
        type_strindex: dictionary.string(TYPE),
        unit_strindex: dictionary.string(UNIT),
    };
    let start = writes.iter().map(|its| its.write.time.0).min().unwrap_or(0);
    let end = writes
        .iter()
        .map(|its| its.write.end().0)
        .max()
        .unwrap_or(0);
    Profile {
        sample_type: Some(sample_type),
        samples: samples(writes, dictionary),
        time_unix_nano: start,
        // The end is not within.
        duration_nano: end.saturating_sub(start).saturating_add(1),
        // Each write as long as it took: a period of one nanosecond. Some backends name the profile after it.
        period_type: Some(sample_type),
        period: 1,
        profile_id: fastrand::u128(1..).to_be_bytes().to_vec(),
        ..Profile::default()
    }
}

/// One for each write; writes with the same stack, attributes and link are one sample with several values.
fn samples(writes: &[&LinkedWrite], dictionary: &mut Dictionary) -> Vec<Sample> {
    let mut samples: Vec<Sample> = Vec::new();
    let mut known = HashMap::new();
    for LinkedWrite { write, link } in writes {
        let identity = (
            dictionary.stack(write),
            attributes(write, dictionary),
            link.map_or(0, |span| dictionary.link(&span)),
        );
        let at = *known.entry(identity.clone()).or_insert(samples.len());
        if at == samples.len() {
            let (stack_index, attribute_indices, link_index) = identity;
            samples.push(Sample {
                stack_index,
                attribute_indices,
                link_index,
                ..Sample::default()
            });
        }
        let sample = &mut samples[at];
        sample.values.push(integer(write.observed().duration_nano));
        sample.timestamps_unix_nano.push(write.time.0);
    }
    samples
}

/// No duration among them: it is the value.
fn attributes(write: &CorrelatedWrite, dictionary: &mut Dictionary) -> Vec<i32> {
    let observed = write.observed();
    vec![
        dictionary.attribute("process.pid", i64::from(observed.process.target_pid.0)),
        dictionary.attribute("thread.id", i64::from(observed.target_tid)),
        dictionary.attribute("go.goroutine.id", integer(observed.goid.0)),
        dictionary.attribute("go.map.cause", write.cause().name()),
    ]
}
