//! What a Go binary is and where probes would go in it: inspection and plan, joined. The pipeline and
//! `slowmap inspect` go through here, so that what is shown is what is done.

use std::path::Path;

use crate::{
    inspect::{self, InspectError, Wanted},
    model::{
        binary::{Architecture, GoBinary, GoMinor},
        plan::{ProbePlan, Skipped},
        process::Pid,
    },
    plan::{self, Tables},
};

/// A binary, and its plan or the reason why it has none.
pub type Examined = (GoBinary, Result<ProbePlan, Skipped>);

/// Looks into the executable of a process, which can be read at `path`. Of one that is not Go it says if a library in it is.
///
/// # Errors
/// As [`examine`].
pub fn examine_process(
    pid: Pid,
    path: &Path,
    display: &Path,
    assumed: Option<GoMinor>,
) -> Result<Examined, InspectError> {
    let examined = examine(path, display, assumed).map_err(|error| match error {
        InspectError::NotGo => inspect::process::go_library(pid)
            .map_or(error, |library| InspectError::GoLibrary { library }),
        other => other,
    });
    examined.map(|(binary, plan)| {
        let plan = for_this_machine(&binary).and(plan);
        (binary, plan)
    })
}

/// What runs under an emulator executes other instructions than those of its file.
fn for_this_machine(binary: &GoBinary) -> Result<(), Skipped> {
    let own = Architecture::own();
    if own == Some(binary.architecture) {
        return Ok(());
    }
    let own = own.map_or("another architecture".to_owned(), |own| own.to_string());
    Err(Skipped {
        reason: format!(
            "it is for {}, and this slowmap for {own}",
            binary.architecture
        ),
    })
}

/// Looks into the executable at `path`, which may be `/proc/PID/exe`; `display` is what users know it by, `assumed` what
/// it is taken for if no table has its release.
///
/// # Errors
/// The file is not a Go executable that slowmap can look into; the message is the reason.
pub fn examine(
    path: &Path,
    display: &Path,
    assumed: Option<GoMinor>,
) -> Result<Examined, InspectError> {
    let wanted = plan::wanted();
    let functions: Vec<&str> = wanted.functions.iter().map(String::as_str).collect();
    let itabs: Vec<(&str, &str)> = wanted
        .itabs
        .iter()
        .map(|(interface, concrete)| (interface.as_str(), concrete.as_str()))
        .collect();
    let wanted = Wanted {
        functions: &functions,
        itabs: &itabs,
        // Most executables need none, and to look through debug information takes the longest of all.
        dwarf_fields: &[],
        assumed,
    };
    let mut binary = inspect::inspect(path, display, &wanted)?;
    let tables = Tables::embedded();
    let unverified = plan::unverified(&binary, &tables);
    if !unverified.is_empty() {
        binary.dwarf_offsets = inspect::debug_information(binary.image.file(), &unverified);
    }
    let plan = plan::plan(&binary, &tables);
    Ok((binary, plan))
}
