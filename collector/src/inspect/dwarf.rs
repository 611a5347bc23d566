//! Offsets of struct fields from debug information, for layouts that no table knows.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use gimli::{
    Abbreviations, AttributeValue, DebugAbbrev, DebuggingInformationEntry, EndianSlice,
    EntriesCursor, LittleEndian, Section as _, SectionId, UnitHeader,
};
use object::{CompressionFormat, Object as _, ObjectSection as _};

use super::{elf, patience::Patience};
use crate::golang::scalar;

/// More than all that is compressed of the largest executables becomes; what asks for more would only fill the memory.
const MAX_UNPACKED: u64 = 256 << 20;
/// Where entries and their names are. What else a unit leads to, such as its table of lines, is not read.
const SECTIONS: [SectionId; 3] = [
    SectionId::DebugInfo,
    SectionId::DebugAbbrev,
    SectionId::DebugStr,
];
/// Bytes of the table by which a unit's entries are laid out: compilers need some kilobytes.
const MAX_ABBREVIATIONS: usize = 128 << 10;

/// Asks for a struct's size, as if it were one of its fields; no field of Go's runtime has this name.
const SIZE: &str = "sizeof";

type Slice<'a> = EndianSlice<'a, LittleEndian>;
type Dwarf<'a> = gimli::Dwarf<Slice<'a>>;

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
    if !elf::has_sane_sections(data) {
        return None;
    }
    let file = object::File::parse(data).ok()?;
    let mut room = MAX_UNPACKED;
    let sections = gimli::DwarfSections::load(|id| {
        let section = file.section_by_name(id.name());
        let section = section.filter(|_| SECTIONS.contains(&id));
        let content = section.and_then(|section| unpacked(&section, &mut room));
        Ok::<_, gimli::Error>(content.unwrap_or(Cow::Borrowed(&[])))
    })
    .ok()?;
    let dwarf = sections.borrow(|section| EndianSlice::new(section, LittleEndian));
    let mut units = dwarf.units();
    while let Some(header) = units.next().ok()? {
        search.patience.check().ok()?;
        let Some(abbreviations) = abbreviations(&dwarf, &header) else {
            continue;
        };
        search.unit(&dwarf, header.entries(&abbreviations))?;
        if search.wanted.is_empty() {
            break;
        }
    }
    Some(())
}

/// The section's content; `None` where it is none, or more than there is room for.
fn unpacked<'a>(section: &object::Section<'a, '_>, room: &mut u64) -> Option<Cow<'a, [u8]>> {
    let range = section.compressed_file_range().ok()?;
    if range.format != CompressionFormat::None {
        *room = room.checked_sub(range.uncompressed_size)?;
    }
    section.uncompressed_data().ok()
}

/// How a unit's entries are laid out; no more than [`MAX_ABBREVIATIONS`], since each takes many times the memory that it has
/// in the file.
fn abbreviations(dwarf: &Dwarf<'_>, header: &UnitHeader<Slice<'_>>) -> Option<Abbreviations> {
    let table = dwarf.debug_abbrev.reader().slice();
    let rest = table.get(header.debug_abbrev_offset().0..)?;
    let own = rest.get(..MAX_ABBREVIATIONS).unwrap_or(rest);
    DebugAbbrev::new(own, LittleEndian)
        .abbreviations(gimli::DebugAbbrevOffset(0))
        .ok()
}

/// What is still to be found, by struct.
struct Search<'w> {
    wanted: BTreeMap<&'w str, BTreeSet<&'w str>>,
    found: BTreeMap<String, u64>,
    patience: Patience,
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
            patience: Patience::begin(None),
        }
    }

    fn unit<'a>(
        &mut self,
        dwarf: &Dwarf<'a>,
        mut entries: EntriesCursor<'_, Slice<'a>>,
    ) -> Option<()> {
        // The struct whose members come next, and its depth in the tree.
        let mut inside: Option<(&'w str, isize)> = None;
        while let Some(entry) = entries.next_dfs().ok()? {
            self.patience.step().ok()?;
            let depth = entry.depth();
            if inside.is_some_and(|(_, structure)| depth <= structure) {
                inside = None;
                if self.wanted.is_empty() {
                    break;
                }
            }
            match entry.tag() {
                gimli::DW_TAG_constant => {
                    self.constant(dwarf, entry);
                }
                gimli::DW_TAG_structure_type => {
                    inside = self.structure(dwarf, entry).map(|name| (name, depth));
                }
                gimli::DW_TAG_member => {
                    if let Some((structure, _)) = inside.filter(|(_, above)| depth == above + 1) {
                        self.member(dwarf, entry, structure);
                    }
                }
                _ => {}
            }
        }
        Some(())
    }

    fn structure<'a>(
        &mut self,
        dwarf: &Dwarf<'a>,
        entry: &DebuggingInformationEntry<Slice<'a>>,
    ) -> Option<&'w str> {
        let name = name_of(dwarf, entry)?;
        let (known, _) = self.wanted.get_key_value(name)?;
        let known = *known;
        let size = entry.attr_value(gimli::DW_AT_byte_size);
        if let Some(size) = size.and_then(|size| size.udata_value()) {
            self.find(known, SIZE, size);
        }
        Some(known)
    }

    fn constant<'a>(
        &mut self,
        dwarf: &Dwarf<'a>,
        entry: &DebuggingInformationEntry<Slice<'a>>,
    ) -> Option<()> {
        let name = name_of(dwarf, entry)?;
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
        dwarf: &Dwarf<'a>,
        entry: &DebuggingInformationEntry<Slice<'a>>,
        structure: &str,
    ) -> Option<()> {
        let name = name_of(dwarf, entry)?;
        let offset = entry
            .attr_value(gimli::DW_AT_data_member_location)?
            .udata_value()?;
        self.find(structure, name, offset)
    }
}

/// As Go writes names: in the entry itself, or in the section of strings.
fn name_of<'a>(dwarf: &Dwarf<'a>, entry: &DebuggingInformationEntry<Slice<'a>>) -> Option<&'a str> {
    match entry.attr_value(gimli::DW_AT_name)? {
        AttributeValue::String(name) => std::str::from_utf8(name.slice()).ok(),
        AttributeValue::DebugStrRef(offset) => {
            scalar::text_at(dwarf.debug_str.reader().slice(), offset.0)
        }
        _ => None,
    }
}
