//! What reading a goroutine's labels for profiles needs.

use super::{Tables, offsets::Offsets};
use crate::model::{
    binary::GoBinary,
    layout::StringMapLayout,
    plan::{LabelKind, LabelSearch},
};

/// Sets labels for what it calls, and takes them back: while its frame is on the stack, the goroutine's labels are its own.
const SETTER: &str = "runtime/pprof.Do";
const G_LABELS: &str = "runtime.g.labels";

/// A string: pointer and length.
const STRING: u32 = 16;
/// Slots of a bucket, with a byte of control for each in front (`runtime.bmap`).
const SLOTS: u32 = 8;

pub(super) fn wanted_functions() -> impl Iterator<Item = String> {
    [SETTER.to_owned()].into_iter()
}

/// What is needed to read labels, or why they will not be.
pub(super) fn search(binary: &GoBinary, tables: &Tables) -> Result<LabelSearch, String> {
    let (major, minor) = binary.go_version.minor();
    let subject = format!("Go {major}.{minor}");
    // DWARF has no type for what `g.labels` points to, so that here only a table will do.
    let row = tables
        .go_row(&binary.go_version)
        .ok_or_else(|| format!("the labels of {subject} were not verified"))?;
    let offsets = Offsets {
        subject: &subject,
        row: Some(&row.offsets),
        dwarf: &binary.dwarf_offsets,
    };
    let setter = binary.functions.get(SETTER);
    Ok(LabelSearch {
        setter: setter.map_or(0..0, |function| {
            let start = function.address.0;
            start..start.saturating_add(function.size)
        }),
        g_labels: offsets.required(G_LABELS)?,
        kind: row.labels,
        fields: match row.labels {
            LabelKind::Map => bucket(),
            LabelKind::List => pairs(),
        },
    })
}

/// A bucket of `map[string]string`.
fn bucket() -> StringMapLayout {
    let (keys, values) = (SLOTS, SLOTS + SLOTS * STRING);
    let overflow = values + SLOTS * STRING;
    StringMapLayout {
        group_size: overflow + 8,
        key: keys,
        key_stride: STRING,
        value: values,
        value_stride: STRING,
        overflow: Some(overflow),
    }
}

/// Eight of a slice of key and value.
fn pairs() -> StringMapLayout {
    StringMapLayout {
        group_size: SLOTS * 2 * STRING,
        key: 0,
        key_stride: 2 * STRING,
        value: STRING,
        value_stride: 2 * STRING,
        overflow: None,
    }
}
