//! A line of `events.jsonl`, as it stands there.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::{
    binary::VirtualAddress,
    cause::{Breakdown, Cause},
    plan::ProbePair,
    trace::Correlation,
};

#[derive(Debug, Deserialize)]
pub struct Line<'a> {
    pub monotonic_nano: u64,
    pub time_unix_nano: u64,
    pub duration_nano: u64,
    pub duration_is_lower_bound: bool,
    pub pid: u32,
    pub tid: u32,
    pub target_pid: u32,
    pub target_tid: u32,
    pub goid: Option<u64>,
    pub parent_goid: Option<u64>,
    #[serde(borrow)]
    pub service_name: Option<Text<'a>>,
    #[serde(borrow)]
    pub executable: Option<Text<'a>>,
    #[serde(borrow)]
    pub go_version: Option<Text<'a>>,
    #[serde(borrow)]
    pub container_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub function: Option<Text<'a>>,
    #[serde(borrow)]
    pub map_type: Option<Text<'a>>,
    /// Recordings of earlier versions have none of the three.
    pub map_key_size: Option<u64>,
    pub map_value_size: Option<u64>,
    pub map_address: Option<VirtualAddress>,
    pub map_len: Option<u64>,
    pub map_capacity_before: Option<u64>,
    pub map_capacity_after: Option<u64>,
    pub unobserved: Vec<ProbePair>,
    pub cause: Cause,
    pub breakdown_nano: Breakdown,
    /// Not parsed: most lines of a recording have a stack that an earlier one has.
    #[serde(borrow)]
    pub stack: &'a RawValue,
    #[serde(borrow)]
    pub trace_id: Option<Text<'a>>,
    #[serde(borrow)]
    pub span_id: Option<Text<'a>>,
    pub trace_flags: Option<u8>,
    pub correlation: Correlation,
    /// Of merged ones only.
    pub recording: Option<u32>,
}

/// Within an `Option`, serde borrows no bare `Cow`.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);
