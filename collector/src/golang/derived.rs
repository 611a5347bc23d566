//! The layout of a release that no table has, from the debug information of the executable itself.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use super::layout::{
    FuncLayout, InlineTreeLayout, Layout, MapKind, MapTypeSize, ModuledataLayout, TypeLayout,
};

/// Layouts are kept for ever once they are made: one for each release that is not in the tables, were it not that an
/// executable can claim anything.
const ROOM: usize = 64;

static DERIVED: Mutex<Vec<&'static Layout>> = Mutex::new(Vec::new());

const MODULEDATA: [&str; 15] = [
    "funcnametab",
    "cutab",
    "filetab",
    "pctab",
    "pclntable",
    "ftab",
    "text",
    "etext",
    "types",
    "etypes",
    "gofunc",
    "textsectmap",
    "itablinks",
    "itaboffset",
    "itabsize",
];

/// Fields, sizes of structs (`sizeof`) and constants. Where a release renamed one, both names are here.
const OTHERS: [&str; 34] = [
    "runtime._func.sizeof",
    "runtime._func.entryOff",
    "runtime._func.entryoff",
    "runtime._func.nameOff",
    "runtime._func.nameoff",
    "runtime._func.pcsp",
    "runtime._func.pcfile",
    "runtime._func.pcln",
    "runtime._func.npcdata",
    "runtime._func.cuOffset",
    "runtime._func.funcID",
    "runtime._func.nfuncdata",
    "runtime.inlinedCall.sizeof",
    "runtime.inlinedCall.nameOff",
    "runtime.inlinedCall.func_",
    "runtime.inlinedCall.parentPc",
    "internal/abi.Type.sizeof",
    "internal/abi.Type.TFlag",
    "internal/abi.Type.Kind_",
    "internal/abi.Type.Str",
    "runtime._type.sizeof",
    "runtime._type.tflag",
    "runtime._type.kind",
    "runtime._type.str",
    "internal/abi.FuncIDWrapper",
    "runtime.funcID_wrapper",
    "internal/abi.OldMapType.sizeof",
    "internal/abi.SwissMapType.sizeof",
    "internal/abi.MapType.sizeof",
    "internal/abi.MapType.Bucket",
    "internal/abi.MapType.Group",
    "runtime.maptype.sizeof",
    "internal/runtime/maps.Map.sizeof",
    "runtime.structfield.offsetAnon",
];

/// What has to be read from debug information for [`layout`].
pub fn fields() -> Vec<String> {
    let moduledata = MODULEDATA.map(|field| format!("runtime.moduledata.{field}"));
    let others = OTHERS.map(str::to_owned);
    moduledata.into_iter().chain(others).collect()
}

/// The layout that debug information describes; `None` where it does not say all that is needed.
pub fn layout(offsets: &BTreeMap<String, u64>) -> Option<&'static Layout> {
    let made = Offsets(offsets).layout()?;
    let mut known = DERIVED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(same) = known.iter().find(|layout| ***layout == made) {
        return Some(*same);
    }
    (known.len() < ROOM).then(|| {
        let kept: &'static Layout = Box::leak(Box::new(made));
        known.push(kept);
        kept
    })
}

/// Both layouts as text, where debug information says something else than a table. It cannot tell the table's magic, nor
/// the size of what a build does not have.
pub fn difference(table: &Layout, own: &Layout) -> Option<String> {
    let expected = Layout {
        verified: Vec::new(),
        ..table.clone()
    };
    let sizes = MapTypeSize {
        hmap: own.map_type_size.hmap.or(expected.map_type_size.hmap),
        swiss: own.map_type_size.swiss.or(expected.map_type_size.swiss),
    };
    let own = Layout {
        pclntab_magic: expected.pclntab_magic,
        map: expected.map,
        map_type_size: sizes,
        ..own.clone()
    };
    (own != expected).then(|| format!("{expected:?} is {own:?}"))
}

#[derive(Clone, Copy)]
struct Offsets<'a>(&'a BTreeMap<String, u64>);

impl Offsets<'_> {
    fn any(self, names: &[&str]) -> Option<u64> {
        let mut found = names.iter().filter_map(|name| self.0.get(*name));
        // No struct of the runtime is as large; what says so is not to be computed with.
        found
            .next()
            .copied()
            .filter(|value| *value <= u16::MAX.into())
    }

    fn small(self, names: &[&str]) -> Option<usize> {
        usize::try_from(self.any(names)?).ok()
    }

    fn layout(self) -> Option<Layout> {
        let wrapper = ["internal/abi.FuncIDWrapper", "runtime.funcID_wrapper"];
        Some(Layout {
            verified: Vec::new(),
            // Debug information does not tell it; a table of another kind is not found, and the executable declined.
            pclntab_magic: Layout::newest()?.pclntab_magic,
            map: match self.any(&["internal/runtime/maps.Map.sizeof"]) {
                Some(_) => MapKind::Swiss,
                None => MapKind::Hmap,
            },
            wrapper: u8::try_from(self.any(&wrapper)?).ok()?,
            func: self.func()?,
            inline_tree: InlineTreeLayout {
                size: self.small(&["runtime.inlinedCall.sizeof"])?,
                name: self.small(&["runtime.inlinedCall.nameOff", "runtime.inlinedCall.func_"])?,
                parent_pc: self.small(&["runtime.inlinedCall.parentPc"])?,
            },
            // What the field was called while a bit beside the offset said whether it is embedded.
            field_offset_shift: self
                .any(&["runtime.structfield.offsetAnon"])
                .map_or(0, |_| 1),
            abi_type: TypeLayout {
                size: self.any(&["internal/abi.Type.sizeof", "runtime._type.sizeof"])?,
                tflag: self.small(&["internal/abi.Type.TFlag", "runtime._type.tflag"])?,
                kind: self.small(&["internal/abi.Type.Kind_", "runtime._type.kind"])?,
                str: self.small(&["internal/abi.Type.Str", "runtime._type.str"])?,
            },
            map_type_size: self.map_type_size(),
            moduledata: self.moduledata()?,
        })
    }

    fn func(self) -> Option<FuncLayout> {
        let field = |name: &str| self.small(&[&format!("runtime._func.{name}")]);
        Some(FuncLayout {
            size: field("sizeof")?,
            entry: field("entryOff").or_else(|| field("entryoff"))?,
            name: field("nameOff").or_else(|| field("nameoff"))?,
            pcsp: field("pcsp")?,
            pcfile: field("pcfile")?,
            pcln: field("pcln")?,
            npcdata: field("npcdata")?,
            cu_offset: field("cuOffset")?,
            func_id: field("funcID")?,
            nfuncdata: field("nfuncdata")?,
        })
    }

    /// One name has been that of both implementations' types, in different releases.
    fn map_type_size(self) -> MapTypeSize {
        let newest = |field: &str| {
            self.any(&[field])?;
            self.any(&["internal/abi.MapType.sizeof"])
        };
        MapTypeSize {
            hmap: self
                .any(&["internal/abi.OldMapType.sizeof"])
                .or_else(|| newest("internal/abi.MapType.Bucket"))
                .or_else(|| self.any(&["runtime.maptype.sizeof"])),
            swiss: self
                .any(&["internal/abi.SwissMapType.sizeof"])
                .or_else(|| newest("internal/abi.MapType.Group")),
        }
    }

    fn moduledata(self) -> Option<ModuledataLayout> {
        let field = |name: &str| self.any(&[&format!("runtime.moduledata.{name}")]);
        Some(ModuledataLayout {
            funcnametab: field("funcnametab")?,
            cutab: field("cutab")?,
            filetab: field("filetab")?,
            pctab: field("pctab")?,
            pclntable: field("pclntable")?,
            ftab: field("ftab")?,
            text: field("text")?,
            etext: field("etext")?,
            types: field("types")?,
            etypes: field("etypes")?,
            gofunc: field("gofunc")?,
            textsectmap: field("textsectmap")?,
            itablinks: field("itablinks"),
            itaboffset: field("itaboffset"),
            itabsize: field("itabsize"),
        })
    }
}
