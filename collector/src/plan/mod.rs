//! Where probes go in a binary: enter what `inspect` found and the tables of what was verified by version, leaves
//! a `ProbePlan`, or `Skipped` with the reason. Pure: reads no file, and never guesses an offset that neither a
//! table nor the binary's own DWARF gives.

mod labels;
mod layout;
mod offsets;
mod probes;
mod requests;
mod spans;
mod tables;

pub use tables::{Tables, TablesError};

use std::collections::BTreeSet;

use crate::model::{
    binary::GoBinary,
    plan::{ProbePlan, Skipped},
};

/// What `inspect` must look for in a binary.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Wanted {
    /// Full names.
    pub functions: BTreeSet<String>,
    /// Pairs of interface and concrete type, as in `model::binary::Itab`.
    pub itabs: BTreeSet<(String, String)>,
    /// `struct.field`, the package's full path in front: the keys of `GoBinary::dwarf_offsets`.
    pub fields: BTreeSet<String>,
}

/// The fields of Go's runtime whose offsets stand in `tables/std/runtime.toml`, as far as a release has them.
pub fn runtime_fields() -> &'static [&'static str] {
    layout::FIELDS
}

/// What plans with the embedded tables need to know of a binary.
pub fn wanted() -> Wanted {
    Tables::embedded().wanted()
}

/// The fields that a plan needs and no table has for this binary's releases: its own DWARF has to say where they are.
pub fn unverified(binary: &GoBinary, tables: &Tables) -> Vec<&'static str> {
    let runtime = tables.go_row(&binary.go_version).is_none();
    let runtime = layout::FIELDS.iter().filter(move |_| runtime);
    let spans = !spans::are_verified(binary, tables);
    let spans = spans::FIELDS.iter().filter(move |_| spans);
    runtime.chain(spans).copied().collect()
}

/// Plans the probes of a binary. What cannot be probed is in the plan with its reason; `Skipped` if without it
/// no slow write would be seen, or none understood.
pub fn plan(binary: &GoBinary, tables: &Tables) -> Result<ProbePlan, Skipped> {
    let layout = layout::runtime(binary, tables)?;
    let map_assign = probes::map_assign(binary, tables)?;
    let (probes, unplaced) = probes::place(binary, tables)?;
    let span_search = spans::search(binary, tables);
    let request_search = requests::search(binary, tables);
    let label_search = labels::search(binary, tables);
    Ok(ProbePlan {
        text: binary.text.clone(),
        layout,
        probes,
        unplaced,
        writes: probes::writes(binary, tables),
        map_assign,
        span_search,
        request_search,
        label_search,
    })
}

#[cfg(test)]
mod tests;
