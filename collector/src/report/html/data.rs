//! What the page shows, as the JSON in it.

use serde::Serialize;
use serde_json::Value;

use super::{names::Names, page::TraceUrl, rows::Columns, stacks::Stacks, totals::Overview};
use crate::{
    model::{advice::Advice, summary::Summary},
    report::{compare::Comparison, recording::Unread},
};

#[derive(Debug, Serialize)]
pub struct Data<'a> {
    pub directory: String,
    /// `None`: the recording was cut off.
    pub summary: Option<&'a Summary>,
    pub unread: Unread,
    /// What matters most first.
    pub advice: &'a [Advice],
    pub trace_url: Option<&'a TraceUrl>,
    pub comparison: Option<&'a Comparison>,
    /// As `slowmap correlate` tells it.
    pub spikes: Option<Value>,
    /// Names of the causes, which are numbers elsewhere.
    pub causes: Vec<&'static str>,
    pub overview: Overview,
    pub names: Names,
    pub stacks: Stacks,
    pub rows: Columns,
}

impl Data<'_> {
    /// As it may stand in a `script` element: a name with `</script>` in it stays a name.
    pub fn to_json(&self) -> serde_json::Result<String> {
        // Outside of strings JSON has no such character.
        Ok(serde_json::to_string(self)?.replace('<', "\\u003c"))
    }
}
