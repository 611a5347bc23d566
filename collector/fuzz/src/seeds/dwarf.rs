//! Debug information of one struct and of a few constants.

use gimli::{Dwarf, EndianSlice, LittleEndian, Section as _, SectionId};
use object::{Object as _, ObjectSection as _};

use super::{
    align,
    file::{append_sections, header},
    put, word,
};

const STRUCT: &str = "runtime.g";
/// The table of lines that every unit leads to: of version 4, without files and lines.
const LINES: [u8; 32] = [
    28, 0, 0, 0, 4, 0, 22, 0, 0, 0, 1, 1, 1, 0xff, 4, 10, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0,
    0, 0,
];

type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// A file with nothing but the debug information of [`STRUCT`]; `None` where the executable has none.
pub fn file(executable: &[u8]) -> Option<Vec<u8>> {
    let object = object::File::parse(executable).ok()?;
    let section = |id: SectionId| {
        let section = object.section_by_name(id.name());
        let data = section.and_then(|section| section.uncompressed_data().ok());
        Ok::<_, gimli::Error>(data.unwrap_or_default())
    };
    let sections = gimli::DwarfSections::load(section).ok()?;
    let dwarf = sections.borrow(|data| EndianSlice::new(data, LittleEndian));
    let info = unit(&dwarf, dwarf.debug_info.reader().slice())?;
    let parts: [(&str, &[u8]); 4] = [
        (".debug_info", &info),
        (".debug_abbrev", dwarf.debug_abbrev.reader().slice()),
        (".debug_line", &LINES),
        (".debug_addr", &[0; 64]),
    ];
    let mut file = vec![0; 64];
    let mut list = Vec::new();
    for (name, content) in parts {
        align(&mut file, 8);
        list.push((name, 0, file.len(), content.len()));
        file.extend(content);
    }
    align(&mut file, 8);
    append_sections(&mut file, &list);
    header(&mut file, 2, 0);
    Some(file)
}

/// The unit that has it, cut down to it: header, the unit's own entry, the struct with its members.
fn unit(dwarf: &Dwarf<Slice<'_>>, info: &[u8]) -> Option<Vec<u8>> {
    let mut units = dwarf.units();
    while let Some(head) = units.next().ok()? {
        let start = head.debug_info_offset()?.0;
        let unit = dwarf.unit(head).ok()?;
        let mut entries = unit.entries();
        let (mut first, mut begin) = (None, None);
        while let Some(entry) = entries.next_dfs().ok()? {
            let (offset, depth) = (entry.offset().0, entry.depth());
            if let Some((begin, level)) = begin {
                if depth <= level {
                    let (root, next): (usize, usize) = first?;
                    let mut own = info[start..start + next].to_vec();
                    own.extend(&info[start + begin..start + offset]);
                    own.push(0);
                    let lines = entry_lines(&unit);
                    replace(&mut own[root..next], lines?);
                    let length = own.len() as u32 - 4;
                    put(&mut own, 0, length);
                    return Some(own);
                }
                continue;
            }
            match first {
                None => first = Some((offset, 0)),
                Some((root, 0)) => first = Some((root, offset)),
                Some(_) => {}
            }
            let name = entry.attr_value(gimli::DW_AT_name);
            let name = name.and_then(|name| dwarf.attr_string(&unit, name).ok());
            let is_struct = entry.tag() == gimli::DW_TAG_structure_type;
            if is_struct && name.is_some_and(|name| name.slice() == STRUCT.as_bytes()) {
                begin = Some((offset, depth));
            }
        }
    }
    None
}

fn entry_lines(unit: &gimli::Unit<Slice<'_>>) -> Option<u32> {
    let program = unit.line_program.as_ref()?;
    u32::try_from(program.header().offset().0).ok()
}

/// Has the unit lead to the table of lines that is there.
fn replace(entry: &mut [u8], lines: u32) {
    let at = (0..entry.len() - 3).find(|at| word(entry, *at) == lines);
    put(entry, at.expect("the offset of the lines"), 0);
}
