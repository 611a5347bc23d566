//! From a file to a plan: what `inspect` and `plan` are together. They may not know each other, and both the
//! pipeline and `slowmap inspect` need the two.

use std::path::Path;

use crate::{
    inspect::{self, InspectError, Wanted},
    model::{
        binary::GoBinary,
        plan::{ProbePlan, Skipped},
    },
    plan::{self, Tables},
};

/// Looks into the executable at `path`, which may be `/proc/PID/exe`, and plans its probes by the embedded
/// tables. `display` is what users know it by.
///
/// # Errors
/// The file cannot be looked into: the error's text is the reason. A binary that can be read and not probed is
/// no error but `Skipped`.
pub fn examine(
    path: &Path,
    display: &Path,
) -> Result<(GoBinary, Result<ProbePlan, Skipped>), InspectError> {
    let tables = Tables::embedded();
    let wanted = plan::wanted();
    let functions: Vec<&str> = wanted.functions.iter().map(String::as_str).collect();
    let fields: Vec<&str> = wanted.fields.iter().map(String::as_str).collect();
    let itabs: Vec<(&str, &str)> = wanted
        .itabs
        .iter()
        .map(|(interface, concrete)| (interface.as_str(), concrete.as_str()))
        .collect();
    let wanted = Wanted {
        functions: &functions,
        itabs: &itabs,
        dwarf_fields: &fields,
    };
    let binary = inspect::inspect(path, display, &wanted)?;
    let plan = plan::plan(&binary, &tables);
    Ok((binary, plan))
}
