//! Looking up where a field is.

use std::collections::BTreeMap;

/// What is known of a field's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lookup {
    /// In bytes from the start of its struct.
    At(u32),
    /// The struct has no such field in this version.
    Absent,
    /// Neither a table nor the binary says.
    Unverified,
}

/// The table's row for a version, if there is one, and the binary's own DWARF for when there is not.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offsets<'a> {
    /// For messages: what the row would be of, e.g. `Go 1.26`.
    pub(super) subject: &'a str,
    pub(super) row: Option<&'a BTreeMap<String, u32>>,
    pub(super) dwarf: &'a BTreeMap<String, u64>,
}

impl Offsets<'_> {
    pub(super) fn look_up(&self, field: &str) -> Lookup {
        if let Some(row) = self.row {
            return row
                .get(field)
                .map_or(Lookup::Absent, |offset| Lookup::At(*offset));
        }
        match self.dwarf.get(field) {
            Some(offset) => u32::try_from(*offset).map_or(Lookup::Unverified, Lookup::At),
            None if self
                .dwarf
                .keys()
                .any(|known| struct_of(known) == struct_of(field)) =>
            {
                Lookup::Absent
            }
            None => Lookup::Unverified,
        }
    }

    /// The offset of a field that has had several names.
    pub(super) fn any_of(&self, names: &[&str]) -> Result<u32, String> {
        let found: Vec<Lookup> = names.iter().map(|name| self.look_up(name)).collect();
        found
            .iter()
            .find_map(|lookup| {
                if let Lookup::At(offset) = lookup {
                    Some(*offset)
                } else {
                    None
                }
            })
            .ok_or_else(|| self.complaint(names, found.contains(&Lookup::Unverified)))
    }

    pub(super) fn required(&self, field: &str) -> Result<u32, String> {
        self.any_of(&[field])
    }

    /// The offset of a field in a struct that is itself a field.
    pub(super) fn nested(&self, outer: &str, inner: &str) -> Result<u32, String> {
        let (outer, inner) = (self.required(outer)?, self.required(inner)?);
        outer
            .checked_add(inner)
            .ok_or_else(|| format!("offsets {outer} and {inner} are no layout"))
    }

    pub(super) fn optional(&self, field: &str) -> Option<u32> {
        match self.look_up(field) {
            Lookup::At(offset) => Some(offset),
            Lookup::Absent | Lookup::Unverified => None,
        }
    }

    fn complaint(&self, names: &[&str], unverified: bool) -> String {
        let (subject, field) = (self.subject, names.join(" or "));
        if unverified {
            format!(
                "{subject} is not in the tables, and the binary has no DWARF that says where {field} is"
            )
        } else {
            format!("{subject} has no {field}")
        }
    }
}

fn struct_of(field: &str) -> Option<&str> {
    field.rsplit_once('.').map(|(name, _)| name)
}
