//! The layout of the runtime's structures in a binary.

use super::{Tables, offsets::Offsets};
use crate::model::{
    binary::{GoBinary, MapImplementation},
    layout::{MapLayout, RuntimeLayout},
    plan::Skipped,
};

const TYPE_STR: [&str; 2] = ["internal/abi.Type.Str", "runtime._type.str"];
const TYPE_TFLAG: [&str; 2] = ["internal/abi.Type.TFlag", "runtime._type.tflag"];

/// What is looked up here, for the binary's DWARF to be asked.
pub(super) const FIELDS: &[&str] = &[
    "runtime.g.stack",
    "runtime.g.m",
    "runtime.g.goid",
    "runtime.g.parentGoid",
    "runtime.g._defer",
    "runtime.g.sched",
    "runtime.g.labels",
    "runtime.stack.lo",
    "runtime.stack.hi",
    "runtime.gobuf.sp",
    "runtime.gobuf.pc",
    "runtime.gobuf.bp",
    "runtime.m.curg",
    TYPE_STR[0],
    TYPE_STR[1],
    TYPE_TFLAG[0],
    TYPE_TFLAG[1],
    "runtime.hmap.count",
    "runtime.hmap.B",
    "runtime.hmap.buckets",
    "runtime.hmap.oldbuckets",
    "internal/runtime/maps.Map.used",
    "internal/runtime/maps.Map.dirPtr",
    "internal/runtime/maps.Map.dirLen",
    "internal/runtime/maps.Map.globalDepth",
    "internal/runtime/maps.table.capacity",
    "internal/runtime/maps.table.groups",
    "internal/runtime/maps.groupsReference.data",
    "internal/runtime/maps.groupsReference.lengthMask",
];

pub(super) fn runtime(binary: &GoBinary, tables: &Tables) -> Result<RuntimeLayout, Skipped> {
    let (major, minor) = binary.go_version.minor();
    let subject = format!("Go {major}.{minor}");
    let row = tables.go_row(&binary.go_version).map(|row| &row.offsets);
    let offsets = Offsets {
        subject: &subject,
        row,
        dwarf: &binary.dwarf_offsets,
    };
    read(&offsets, binary.map_implementation).map_err(|reason| Skipped { reason })
}

fn read(offsets: &Offsets<'_>, maps: MapImplementation) -> Result<RuntimeLayout, String> {
    Ok(RuntimeLayout {
        g_stack_lo: offsets.nested("runtime.g.stack", "runtime.stack.lo")?,
        g_stack_hi: offsets.nested("runtime.g.stack", "runtime.stack.hi")?,
        g_m: offsets.required("runtime.g.m")?,
        g_goid: offsets.required("runtime.g.goid")?,
        g_parent_goid: offsets.optional("runtime.g.parentGoid"),
        g_defer: offsets.optional("runtime.g._defer"),
        g_sched_sp: offsets.nested("runtime.g.sched", "runtime.gobuf.sp")?,
        g_sched_pc: offsets.nested("runtime.g.sched", "runtime.gobuf.pc")?,
        g_sched_bp: offsets.nested("runtime.g.sched", "runtime.gobuf.bp")?,
        m_curg: offsets.required("runtime.m.curg")?,
        type_str: offsets.any_of(&TYPE_STR)?,
        type_tflag: offsets.any_of(&TYPE_TFLAG)?,
        map: map(offsets, maps)?,
    })
}

fn map(offsets: &Offsets<'_>, maps: MapImplementation) -> Result<MapLayout, String> {
    Ok(match maps {
        MapImplementation::Hmap => MapLayout::Hmap {
            count: offsets.required("runtime.hmap.count")?,
            b: offsets.required("runtime.hmap.B")?,
        },
        MapImplementation::Swiss => MapLayout::Swiss {
            used: offsets.required("internal/runtime/maps.Map.used")?,
            dir_ptr: offsets.required("internal/runtime/maps.Map.dirPtr")?,
            dir_len: offsets.required("internal/runtime/maps.Map.dirLen")?,
            global_depth: offsets.required("internal/runtime/maps.Map.globalDepth")?,
            table_capacity: offsets.required("internal/runtime/maps.table.capacity")?,
        },
    })
}
