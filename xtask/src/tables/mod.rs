//! `cargo xtask tables`: holds `collector/tables/` against the DWARF of programs that each release built, and writes the
//! rows of a new one.

mod dwarf;

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use slowmap::{golang::derived, model::binary::GoBinary, plan::Tables};

use crate::interrupt;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Write the rows of this release, e.g. go1.28.0, instead of comparing those that there are
    #[arg(long, value_name = "RELEASE")]
    release: Option<String>,
}

pub fn run(arguments: &Arguments) -> Result<()> {
    if let Some(release) = &arguments.release {
        return write(release);
    }
    let differences = compare()?;
    ensure!(differences.is_empty(), "{}", differences.join("\n"));
    println!("the tables are what DWARF says");
    Ok(())
}

/// What is not as the tables have it, for all releases that they have.
fn compare() -> Result<Vec<String>> {
    let mut differences = Vec::new();
    let tables = Tables::embedded();
    for (release, row) in tables.go_releases() {
        interrupt::check()?;
        let binaries = dwarf::binaries(&release)?;
        let row: BTreeMap<_, _> = row.iter().map(|(k, v)| (k.as_str(), *v)).collect();
        differences.extend(in_runtime(&release, &row, &binaries));
        differences.extend(binaries.iter().filter_map(|it| in_layout(&release, it)));
        println!("{release}: {} offsets and the layout", row.len());
    }
    Ok(differences)
}

fn in_runtime(release: &str, row: &BTreeMap<&str, u32>, binaries: &[GoBinary]) -> Vec<String> {
    let own = dwarf::runtime_offsets(binaries);
    let fields = row.keys().chain(own.keys());
    let mut differences: Vec<String> = fields
        .filter(|field| row.get(*field).map(|at| u64::from(*at)) != own.get(*field).copied())
        .map(|field| {
            let (table, own) = (row.get(field), own.get(field));
            format!("{release}: {field} is {own:?}, in the table {table:?}")
        })
        .collect();
    differences.dedup();
    differences
}

fn in_layout(release: &str, binary: &GoBinary) -> Option<String> {
    match dwarf::layout(binary) {
        Some(own) => derived::difference(binary.layout, own)
            .map(|difference| format!("{release}: layout {difference}")),
        None => Some(format!("{release}: its DWARF does not describe the layout")),
    }
}

/// For `std/runtime.toml`, whole; what goes into `std/moduledata.toml`, as values.
fn write(release: &str) -> Result<()> {
    let number = release.strip_prefix("go");
    let number = number.context("a release is written like go1.28.0")?;
    let (minor, _) = number.rsplit_once('.').context("a release has a patch")?;
    let binaries = dwarf::binaries(release)?;
    println!(
        "# std/runtime.toml; contexts and labels are to be read in the source of packages context and runtime/pprof"
    );
    println!(
        "[go.\"{minor}\"]\nverified = \"{number}\"\ncontexts = []\nlabels = \"list\"\n[go.\"{minor}\".offsets]"
    );
    let own = dwarf::runtime_offsets(&binaries);
    let fields = slowmap::plan::runtime_fields().iter();
    for (field, offset) in fields.filter_map(|field| Some((field, own.get(*field)?))) {
        println!("\"{field}\" = {offset}");
    }
    println!("\n# std/moduledata.toml");
    for layout in binaries.iter().filter_map(dwarf::layout) {
        println!("# {layout:?}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_what_the_dwarf_of_its_release_says() {
        let differences = compare().expect("the releases build a program");
        assert!(differences.is_empty(), "{}", differences.join("\n"));
    }
}
