//! What DWARF says of the runtime, in a program that a release built.

use std::{collections::BTreeMap, path::Path};

use anyhow::{Context, Result};
use integration::go::{Build, Toolchain};
use slowmap::{
    golang::{derived, layout::Layout},
    inspect::{self, Wanted},
    model::binary::GoBinary,
};

/// Releases that can build both implementations of maps: each is described only where it is built.
const WITH_BOTH: [&str; 2] = ["go1.24.", "go1.25."];
const NO_SWISS: &[(&str, &str)] = &[("GOEXPERIMENT", "noswissmap")];

/// The target of the end-to-end tests that every release builds, once for each implementation of maps.
pub fn binaries(release: &str) -> Result<Vec<GoBinary>> {
    // A few names, for as long as the task runs.
    let name: &'static str = release.to_owned().leak();
    let both = WITH_BOTH.iter().any(|minor| release.starts_with(minor));
    let environments = [&[][..], NO_SWISS];
    let environments = environments.into_iter().take(1 + usize::from(both));
    let build = |environment| {
        let build = Build {
            toolchain: Toolchain::Release(name),
            flags: &[],
            environment,
        };
        inspected(&build.target("matrix")?).with_context(|| release.to_owned())
    };
    environments.map(build).collect()
}

fn inspected(path: &Path) -> Result<GoBinary> {
    Ok(inspect::inspect(path, path, &Wanted::default())?)
}

/// Of the fields that plans need, those that there are.
pub fn runtime_offsets(binaries: &[GoBinary]) -> BTreeMap<&'static str, u64> {
    let fields = slowmap::plan::runtime_fields();
    let mut found = BTreeMap::new();
    for binary in binaries {
        let own = inspect::debug_information(binary.image.file(), fields);
        let known = fields
            .iter()
            .filter_map(|field| Some((*field, *own.get(*field)?)));
        found.extend(known);
    }
    found
}

pub fn layout(binary: &GoBinary) -> Option<&'static Layout> {
    let fields = derived::fields();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    derived::layout(&inspect::debug_information(binary.image.file(), &fields))
}
