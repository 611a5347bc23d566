//! A write on its way out, with the span that it is to be found by.

use std::sync::Arc;

use opentelemetry_proto::tonic::resource::v1::Resource;

use super::resource::resource;
use crate::model::{process::GoProcess, trace::SpanContext, write::CorrelatedWrite};

/// All signals share the write.
#[derive(Debug, Clone)]
pub struct LinkedWrite {
    pub write: Arc<CorrelatedWrite>,
    /// The write's own span where one is sent, else the span that it was found in.
    pub link: Option<SpanContext>,
}

/// The writes by process, each with the resource of its service, in order of appearance.
pub fn by_service(writes: &[LinkedWrite]) -> Vec<(Resource, Vec<&LinkedWrite>)> {
    let mut groups: Vec<(&Arc<GoProcess>, Vec<&LinkedWrite>)> = Vec::new();
    for write in writes {
        let process = &write.write.observed().process;
        match groups
            .iter_mut()
            .find(|(known, _)| Arc::ptr_eq(known, process))
        {
            Some((_, its)) => its.push(write),
            None => groups.push((process, vec![write])),
        }
    }
    let with_resource = |(process, writes): (&Arc<GoProcess>, _)| (resource(process), writes);
    groups.into_iter().map(with_resource).collect()
}
