//! Where Go keeps what is read from an executable, by release: data, from `tables/std/moduledata.toml`.

use std::sync::LazyLock;

use serde::Deserialize;

use crate::model::binary::{GoVersion, MapImplementation};

/// A release's layout. All numbers are bytes, but magic and function id.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// The minor releases that this was read from, e.g. `1.26`; none: the executable's own debug information.
    pub(super) verified: Vec<String>,
    pub pclntab_magic: u32,
    pub(super) map: MapKind,
    /// The function id of compiler-generated wrappers.
    pub wrapper: u8,
    pub func: FuncLayout,
    pub inline_tree: InlineTreeLayout,
    /// By how many bits `abi.StructField` has a field's offset shifted.
    pub field_offset_shift: u32,
    pub abi_type: TypeLayout,
    pub(super) map_type_size: MapTypeSize,
    pub moduledata: ModuledataLayout,
}

/// `runtime._func`; `size` is where its table of pcdata begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FuncLayout {
    pub size: usize,
    pub entry: usize,
    pub name: usize,
    pub pcsp: usize,
    pub pcfile: usize,
    pub pcln: usize,
    pub npcdata: usize,
    pub cu_offset: usize,
    pub func_id: usize,
    pub nfuncdata: usize,
}

/// `runtime.inlinedCall`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InlineTreeLayout {
    pub size: usize,
    pub name: usize,
    pub parent_pc: usize,
}

/// `internal/abi.Type`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypeLayout {
    pub size: u64,
    pub tflag: usize,
    pub kind: usize,
    pub str: usize,
}

/// `runtime.moduledata`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModuledataLayout {
    pub funcnametab: u64,
    pub cutab: u64,
    pub filetab: u64,
    pub pctab: u64,
    pub pclntable: u64,
    pub ftab: u64,
    pub text: u64,
    pub etext: u64,
    pub types: u64,
    pub etypes: u64,
    pub gofunc: u64,
    pub textsectmap: u64,
    pub itablinks: Option<u64>,
    pub itaboffset: Option<u64>,
    pub itabsize: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum MapKind {
    Hmap,
    Swiss,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MapTypeSize {
    pub(super) hmap: Option<u64>,
    pub(super) swiss: Option<u64>,
}

impl Layout {
    /// The layout of a release, if that release was verified.
    pub fn of(version: &GoVersion) -> Option<&'static Layout> {
        let minor = format!("{}.{}", version.major, version.minor);
        LAYOUTS
            .iter()
            .find(|layout| layout.verified.contains(&minor))
    }

    /// The minor releases that are verified, e.g. `1.26`, oldest first.
    pub fn releases() -> impl Iterator<Item = &'static str> {
        LAYOUTS
            .iter()
            .flat_map(|layout| layout.verified.iter().map(String::as_str))
    }

    /// The newest layout that was verified.
    pub(super) fn newest() -> Option<&'static Layout> {
        LAYOUTS.last()
    }

    /// What the release builds unless an experiment says otherwise.
    pub fn default_map(&self) -> MapImplementation {
        match self.map {
            MapKind::Hmap => MapImplementation::Hmap,
            MapKind::Swiss => MapImplementation::Swiss,
        }
    }

    /// The size of a map's type descriptor, if the release has that implementation.
    pub fn map_type_size(&self, map: MapImplementation) -> Option<u64> {
        match map {
            MapImplementation::Hmap => self.map_type_size.hmap,
            MapImplementation::Swiss => self.map_type_size.swiss,
        }
    }
}

#[derive(Deserialize)]
struct Table {
    layout: Vec<Layout>,
}

static LAYOUTS: LazyLock<Vec<Layout>> = LazyLock::new(|| {
    let table: Table = toml::from_str(include_str!("../../tables/std/moduledata.toml"))
        .expect("the table is part of the program and a test reads it");
    table.layout
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golang::version;

    #[test]
    fn each_verified_release_has_one_row_and_no_other_release_has_any() {
        let mut seen: Vec<&String> = LAYOUTS.iter().flat_map(|row| &row.verified).collect();
        let count = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), count);
        assert!(Layout::of(&version::parse("go1.22.12").unwrap()).is_some());
        assert!(Layout::of(&version::parse("go1.99").unwrap()).is_none());
        assert!(Layout::of(&version::parse("go2.22").unwrap()).is_none());
    }

    #[test]
    fn each_row_can_size_its_own_map_type_and_find_its_itabs() {
        for row in LAYOUTS.iter() {
            assert!(
                row.map_type_size(row.default_map()).is_some(),
                "{:?}",
                row.verified
            );
            let moduledata = row.moduledata;
            assert_eq!(
                moduledata.itablinks.is_none(),
                moduledata.itaboffset.is_some()
            );
            assert_eq!(
                moduledata.itaboffset.is_some(),
                moduledata.itabsize.is_some()
            );
        }
    }
}
