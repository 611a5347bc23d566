//! Offsets of struct fields from debug information, for layouts that no table knows.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use gimli::{AttributeValue, DebuggingInformationEntry, EndianSlice, LittleEndian, Unit};
use object::{Object as _, ObjectSection as _};

/// Far more than any section of a real executable; what asks for more would only fill the memory.
const MAX_SECTION: u64 = 2 << 30;

/// Asks for a struct's size, as if it were one of its fields; no field of Go's runtime has this name.
const SIZE: &str = "sizeof";

type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// Byte offsets of fields written as `runtime.g.goid`: the type's full name, then the field's. `runtime.g.sizeof` is the
/// type's size, and constants are written like fields of their package. Those that are
/// not found, and all of them without (readable) debug information, are missing from the result.
pub(super) fn field_offsets(data: &[u8], fields: &[&str]) -> BTreeMap<String, u64> {
    let mut search = Search::new(fields);
    if !search.wanted.is_empty() {
        // What debug information has been read before a damaged part is as good as it ever was.
        let _ = search_file(data, &mut search);
    }
    search.found
}

fn search_file(data: &[u8], search: &mut Search<'_>) -> Option<()> {
    let file = object::File::parse(data).ok()?;
    let sections = gimli::DwarfSections::load(|id| {
        let section = file.section_by_name(id.name());
        let content = section.and_then(|section| {
            let size = section.compressed_file_range().ok()?.uncompressed_size;
            (size <= MAX_SECTION).then(|| section.uncompressed_data().ok())?
        });
        Ok::<_, gimli::Error>(content.unwrap_or(Cow::Borrowed(&[])))
    })
    .ok()?;
    let dwarf = sections.borrow(|section| EndianSlice::new(section, LittleEndian));
    let mut units = dwarf.units();
    while let Some(header) = units.next().ok()? {
        let Ok(unit) = dwarf.unit(header) else {
            continue;
        };
        search.unit(&dwarf, &unit)?;
        if search.wanted.is_empty() {
            break;
        }
    }
    Some(())
}

/// What is still to be found, by struct.
struct Search<'w> {
    wanted: BTreeMap<&'w str, BTreeSet<&'w str>>,
    found: BTreeMap<String, u64>,
}

impl<'w> Search<'w> {
    fn new(fields: &[&'w str]) -> Self {
        let mut wanted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for (structure, field) in fields.iter().filter_map(|name| name.rsplit_once('.')) {
            wanted.entry(structure).or_default().insert(field);
        }
        Self {
            wanted,
            found: BTreeMap::new(),
        }
    }

    fn unit<'a>(&mut self, dwarf: &gimli::Dwarf<Slice<'a>>, unit: &Unit<Slice<'a>>) -> Option<()> {
        let mut entries = unit.entries();
        // The struct whose members come next, and its depth in the tree.
        let mut inside: Option<(&'w str, isize)> = None;
        while let Some(entry) = entries.next_dfs().ok()? {
            let depth = entry.depth();
            if inside.is_some_and(|(_, structure)| depth <= structure) {
                inside = None;
                if self.wanted.is_empty() {
                    break;
                }
            }
            match entry.tag() {
                gimli::DW_TAG_constant => {
                    self.constant(dwarf, unit, entry);
                }
                gimli::DW_TAG_structure_type => {
                    inside = self.structure(dwarf, unit, entry).map(|name| (name, depth));
                }
                gimli::DW_TAG_member => {
                    if let Some((structure, _)) = inside.filter(|(_, above)| depth == above + 1) {
                        self.member(dwarf, unit, entry, structure);
                    }
                }
                _ => {}
            }
        }
        Some(())
    }

    fn structure<'a>(
        &mut self,
        dwarf: &gimli::Dwarf<Slice<'a>>,
        unit: &Unit<Slice<'a>>,
        entry: &DebuggingInformationEntry<Slice<'a>>,
    ) -> Option<&'w str> {
        let name = name_of(dwarf, unit, entry)?;
        let (known, _) = self.wanted.get_key_value(name.as_ref())?;
        let known = *known;
        let size = entry.attr_value(gimli::DW_AT_byte_size);
        if let Some(size) = size.and_then(|size| size.udata_value()) {
            self.find(known, SIZE, size);
        }
        Some(known)
    }

    fn constant<'a>(
        &mut self,
        dwarf: &gimli::Dwarf<Slice<'a>>,
        unit: &Unit<Slice<'a>>,
        entry: &DebuggingInformationEntry<Slice<'a>>,
    ) -> Option<()> {
        let name = name_of(dwarf, unit, entry)?;
        let (package, constant) = name.rsplit_once('.')?;
        let value = entry.attr_value(gimli::DW_AT_const_value)?;
        let value = value.udata_value().or_else(|| {
            let signed = value.sdata_value()?;
            u64::try_from(signed).ok()
        })?;
        self.find(package, constant, value);
        Some(())
    }

    /// Notes the first value of what is wanted.
    fn find(&mut self, structure: &str, field: &str, value: u64) -> Option<()> {
        let fields = self.wanted.get_mut(structure)?;
        if fields.remove(field) {
            self.found.insert(format!("{structure}.{field}"), value);
        }
        if fields.is_empty() {
            self.wanted.remove(structure);
        }
        Some(())
    }

    fn member<'a>(
        &mut self,
        dwarf: &gimli::Dwarf<Slice<'a>>,
        unit: &Unit<Slice<'a>>,
        entry: &DebuggingInformationEntry<Slice<'a>>,
        structure: &str,
    ) -> Option<()> {
        let name = name_of(dwarf, unit, entry)?;
        let offset = entry
            .attr_value(gimli::DW_AT_data_member_location)?
            .udata_value()?;
        self.find(structure, &name, offset)
    }
}

fn name_of<'a>(
    dwarf: &gimli::Dwarf<Slice<'a>>,
    unit: &Unit<Slice<'a>>,
    entry: &DebuggingInformationEntry<Slice<'a>>,
) -> Option<Cow<'a, str>> {
    let value: AttributeValue<Slice<'a>> = entry.attr_value(gimli::DW_AT_name)?;
    Some(dwarf.attr_string(unit, value).ok()?.to_string_lossy())
}
