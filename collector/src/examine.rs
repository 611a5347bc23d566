//! What a Go binary is and where probes would go in it: inspection and plan, joined. The pipeline and
//! `slowmap inspect` go through here, so that what is shown is what is done.

use std::path::Path;

use crate::{
    inspect::{self, InspectError, Wanted},
    model::{
        binary::GoBinary,
        plan::{ProbePlan, Skipped},
    },
    plan::{self, Tables},
};

/// A binary, and its plan or the reason why it has none.
pub type Examined = (GoBinary, Result<ProbePlan, Skipped>);

/// Looks into the executable at `path`, which may be `/proc/PID/exe`; `display` is what users know it by.
///
/// # Errors
/// The file is not a Go executable that slowmap can look into; the message is the reason.
pub fn examine(path: &Path, display: &Path) -> Result<Examined, InspectError> {
    let wanted = plan::wanted();
    let functions: Vec<&str> = wanted.functions.iter().map(String::as_str).collect();
    let itabs: Vec<(&str, &str)> = wanted
        .itabs
        .iter()
        .map(|(interface, concrete)| (interface.as_str(), concrete.as_str()))
        .collect();
    let dwarf_fields: Vec<&str> = wanted.fields.iter().map(String::as_str).collect();
    let wanted = Wanted {
        functions: &functions,
        itabs: &itabs,
        dwarf_fields: &dwarf_fields,
    };
    let binary = inspect::inspect(path, display, &wanted)?;
    let plan = plan::plan(&binary, &Tables::embedded());
    Ok((binary, plan))
}
