//! What slowmap is made of, as a CycloneDX document: https://cyclonedx.org/docs/1.6/json/

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};
use integration::sources;
use serde_json::{Value, json};

/// Of the crates that are linked into the executable. The BPF object's own (`aya-ebpf`) are not among them.
pub fn of_slowmap() -> Result<String> {
    let metadata = MetadataCommand::new()
        .current_dir(sources::repository())
        .other_options([
            "--locked".to_owned(),
            "--filter-platform".to_owned(),
            host()?,
        ])
        .exec()?;
    let root = metadata
        .packages
        .iter()
        .find(|package| package.name == "slowmap");
    let root = root.context("no package slowmap")?;
    let linked = linked(&metadata, &root.id)?;
    let packages: BTreeMap<&PackageId, &Package> = metadata
        .packages
        .iter()
        .map(|package| (&package.id, package))
        .collect();
    let of = |id: &PackageId| {
        packages
            .get(id)
            .copied()
            .context("a package that is not listed")
    };
    let (mut components, mut dependencies) = (Vec::new(), Vec::new());
    for (id, needs) in &linked {
        let package = of(id)?;
        if *id != &root.id {
            components.push(component(package, "library"));
        }
        let needs = needs
            .iter()
            .map(|id| Ok(purl(of(id)?)))
            .collect::<Result<Vec<_>>>()?;
        dependencies.push(json!({"ref": purl(package), "dependsOn": needs}));
    }
    let document = json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": component(root, "application")},
        "components": components,
        "dependencies": dependencies,
    });
    Ok(serde_json::to_string_pretty(&document)?)
}

/// Each package that is linked in, with those that it needs itself.
fn linked<'a>(
    metadata: &'a Metadata,
    root: &'a PackageId,
) -> Result<BTreeMap<&'a PackageId, BTreeSet<&'a PackageId>>> {
    let resolve = metadata
        .resolve
        .as_ref()
        .context("cargo metadata resolved nothing")?;
    let (mut linked, mut open) = (BTreeMap::new(), vec![root]);
    while let Some(id) = open.pop() {
        if linked.contains_key(id) {
            continue;
        }
        let node = resolve.nodes.iter().find(|node| node.id == *id);
        let needs: BTreeSet<&PackageId> = node
            .context("a package that was not resolved")?
            .deps
            .iter()
            .filter(|dependency| {
                let mut kinds = dependency.dep_kinds.iter();
                kinds.any(|kind| kind.kind == DependencyKind::Normal)
            })
            .map(|dependency| &dependency.pkg)
            .collect();
        open.extend(&needs);
        linked.insert(id, needs);
    }
    Ok(linked)
}

fn component(package: &Package, kind: &str) -> Value {
    let purl = purl(package);
    let mut component = json!({
        "type": kind,
        "bom-ref": purl,
        "name": package.name,
        "version": package.version.to_string(),
        "purl": purl,
    });
    if let Some(licence) = &package.license {
        // The old way to write "or", which is no SPDX expression.
        component["licenses"] = json!([{"expression": licence.replace('/', " OR ")}]);
    }
    component
}

/// https://github.com/package-url/purl-spec
fn purl(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version)
}

/// e.g. `x86_64-unknown-linux-gnu`
fn host() -> Result<String> {
    let mut rustc = std::process::Command::new("rustc");
    rustc.arg("-vV");
    let said = crate::run::output(rustc)?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc does not say its host")?.to_owned())
}
