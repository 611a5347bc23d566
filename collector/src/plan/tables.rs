//! What differs by version, as data (collector/tables).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Deserializer, de::Error};

use super::{Wanted, labels, layout, requests, spans};
use crate::model::{
    binary::{GoBinary, GoVersion, MapImplementation},
    plan::{LabelKind, ProbeRole},
};

/// A table that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{table}: {source}")]
pub struct TablesError {
    pub table: &'static str,
    pub source: Box<toml::de::Error>,
}

/// All tables.
#[derive(Debug, Clone)]
pub struct Tables {
    pub(super) probes: Vec<ProbeRow>,
    pub(super) map_assign: Vec<String>,
    /// By minor.
    pub(super) go: BTreeMap<Version<2>, GoRow>,
    pub(super) modules: Vec<ModuleRow>,
}

impl Tables {
    /// Those that were built into the program.
    pub fn embedded() -> Self {
        Self::parse(
            include_str!("../../tables/probes.toml"),
            include_str!("../../tables/std/runtime.toml"),
            include_str!("../../tables/otel_sdk.toml"),
        )
        .expect("a test reads the embedded tables")
    }

    /// From the text of the three files.
    ///
    /// # Errors
    /// Text that is no table, naming the file, the line and what was expected.
    pub fn parse(probes: &str, runtime: &str, otel_sdk: &str) -> Result<Self, TablesError> {
        let probes: ProbesFile = read("probes.toml", probes)?;
        let runtime: RuntimeFile = read("std/runtime.toml", runtime)?;
        let modules: ModulesFile = read("otel_sdk.toml", otel_sdk)?;
        Ok(Self {
            probes: probes.probe,
            map_assign: probes.map_assign.functions,
            go: runtime.go,
            modules: modules.release,
        })
    }

    pub(super) fn wanted(&self) -> Wanted {
        let functions = self
            .probes
            .iter()
            .map(|row| row.function.clone())
            .chain(self.map_assign.clone())
            .chain(requests::wanted_functions())
            .chain(labels::wanted_functions());
        let contexts: BTreeSet<_> = self.go.values().flat_map(|row| &row.contexts).collect();
        Wanted {
            functions: functions.collect(),
            itabs: spans::wanted_itabs(contexts.into_iter().map(String::as_str))
                .chain(requests::wanted_itabs())
                .collect(),
            fields: layout::FIELDS
                .iter()
                .chain(spans::FIELDS)
                .map(|field| (*field).to_owned())
                .collect(),
        }
    }

    /// Each Go release that a row was read from, e.g. `go1.26.11`, and the row: offsets in bytes by `struct.field`.
    pub fn go_releases(&self) -> impl Iterator<Item = (String, &BTreeMap<String, u32>)> {
        self.go.values().map(|row| {
            let Version([major, minor, patch]) = row.verified;
            (format!("go{major}.{minor}.{patch}"), &row.offsets)
        })
    }

    pub(super) fn go_row(&self, version: &GoVersion) -> Option<&GoRow> {
        self.go.get(&Version([version.major, version.minor]))
    }

    /// The row that holds for a module's release, `version` as in the build info.
    pub(super) fn module_row(&self, path: &str, version: &str) -> Option<&ModuleRow> {
        let version = Version::parse(version.strip_prefix('v')?)?;
        self.modules.iter().find(|row| {
            let (first, last) = (row.verified.first(), row.verified.last());
            row.module == path
                && first.is_some_and(|v| *v <= version)
                && last.is_some_and(|v| version <= *v)
        })
    }
}

fn read<'t, T: Deserialize<'t>>(table: &'static str, text: &'t str) -> Result<T, TablesError> {
    toml::from_str(text).map_err(|source| TablesError {
        table,
        source: Box::new(source),
    })
}

/// A release's number, `N` parts of it. Pre-releases have none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version<const N: usize>(pub(super) [u32; N]);

impl<const N: usize> Version<N> {
    pub(super) fn parse(text: &str) -> Option<Self> {
        let parts: Option<Vec<u32>> = text.split('.').map(|part| part.parse().ok()).collect();
        parts?.try_into().ok().map(Self)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Version<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .ok_or_else(|| D::Error::custom(format!("{text:?} is not a version of {N} numbers")))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProbesFile {
    probe: Vec<ProbeRow>,
    map_assign: MapAssign,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MapAssign {
    functions: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProbeRow {
    pub(super) function: String,
    /// `None`: both.
    #[serde(default)]
    pub(super) map: Option<MapImplementation>,
    /// The first and the last minor that the function does this in; `None`: there is none before, or after.
    #[serde(default)]
    since: Option<Version<2>>,
    #[serde(default)]
    until: Option<Version<2>>,
    #[serde(default)]
    pub(super) enter: Option<ProbeRole>,
    #[serde(default)]
    pub(super) exit: Option<ProbeRole>,
    #[serde(default)]
    pub(super) arguments: Arguments,
    /// The first and the last minor.
    pub(super) verified: (Version<2>, Version<2>),
}

impl ProbeRow {
    /// Whether the binary may have something to probe there.
    pub(super) fn is_about(&self, binary: &GoBinary) -> bool {
        let minor = Version([binary.go_version.major, binary.go_version.minor]);
        self.map.is_none_or(|map| map == binary.map_implementation)
            && self.since.is_none_or(|since| since <= minor)
            && self.until.is_none_or(|until| minor <= until)
    }

    pub(super) fn is_verified(&self, version: &GoVersion) -> bool {
        let minor = Version([version.major, version.minor]);
        self.verified.0 <= minor && minor <= self.verified.1
    }
}

/// Register numbers in Go's argument order.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Arguments {
    #[serde(default)]
    pub(super) map: Option<u8>,
    #[serde(default)]
    pub(super) map_type: Option<u8>,
    #[serde(default)]
    pub(super) goroutine: Option<u8>,
    #[serde(default)]
    pub(super) message: Option<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuntimeFile {
    go: BTreeMap<Version<2>, GoRow>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GoRow {
    /// The release whose DWARF and source the row was read from.
    verified: Version<3>,
    pub(super) contexts: Vec<String>,
    /// What `g.labels` points to.
    pub(super) labels: LabelKind,
    pub(super) offsets: BTreeMap<String, u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModulesFile {
    release: Vec<ModuleRow>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ModuleRow {
    module: String,
    /// Ascending.
    verified: Vec<Version<3>>,
    pub(super) offsets: BTreeMap<String, u32>,
}
