//! A whole executable around a few functions and types: headers, code, tables, the module's description, build information.

use super::{
    align,
    functions::{Original, Tables},
    put, put_long,
    types::Region,
    varint,
};
use crate::{
    memory::{BASE, TEXT},
    model::binary::GoBinary,
};

const BUILD_INFO: &[u8] = b"\xff Go buildinf:";
const HEADERS: usize = 64 + 3 * 56;

/// The data of an executable, as it lies in memory from [`BASE`] on, and where in it things are.
pub struct Data {
    pub bytes: Vec<u8>,
    pub module: usize,
    pub build_info: usize,
}

impl Data {
    pub fn new(binary: &GoBinary, tables: &Tables, types: &[u64]) -> Self {
        let (mut bytes, parts) = tables.table(binary.layout);
        let function_data = bytes.len();
        bytes.extend(&tables.data);
        align(&mut bytes, 8);
        let mut region = Region::new(binary, BASE + bytes.len() as u64);
        let types_start = region.end() - region.bytes.len() as u64;
        types.iter().for_each(|address| {
            region.add(*address);
        });
        let pairs: Vec<(u64, u64)> = binary
            .itabs
            .iter()
            .map(|itab| {
                let word = |at| binary.image.word_at(itab.address, at).expect("an itab");
                (region.add(word(0)), region.add(word(8)))
            })
            .collect();
        let types_end = region.end();
        bytes.extend(region.bytes);
        align(&mut bytes, 8);
        let itabs = bytes.len();
        for (interface, concrete) in &pairs {
            bytes.extend(
                [*interface, *concrete, 0, TEXT]
                    .map(u64::to_le_bytes)
                    .concat(),
            );
        }
        let links = bytes.len();
        for index in 0..pairs.len() {
            bytes.extend((BASE + (itabs + 32 * index) as u64).to_le_bytes());
        }
        let module = bytes.len();
        let layout = binary.layout.moduledata;
        bytes.resize(module + 512, 0);
        let mut set = |offset: u64, value: u64| {
            put_long(&mut bytes, module + offset as usize, value);
        };
        set(0, BASE);
        let names = [
            layout.funcnametab,
            layout.cutab,
            layout.filetab,
            layout.pctab,
        ];
        for (offset, part) in names.into_iter().zip(parts) {
            set(offset, BASE + part);
        }
        set(layout.pclntable, BASE + parts[4]);
        set(layout.ftab, BASE + parts[4]);
        set(layout.text, TEXT);
        set(layout.etext, TEXT + tables.code.len() as u64);
        set(layout.types, types_start);
        set(layout.etypes, types_end);
        set(layout.gofunc, BASE + function_data as u64);
        set(layout.textsectmap + 8, 1);
        if let Some(slice) = layout.itablinks {
            set(slice, BASE + links as u64);
            set(slice + 8, pairs.len() as u64);
        } else if let (Some(offset), Some(size)) = (layout.itaboffset, layout.itabsize) {
            set(offset, BASE + itabs as u64 - types_start);
            set(size, 32 * pairs.len() as u64);
        }
        align(&mut bytes, 16);
        let build_info = bytes.len();
        bytes.extend(self::build_info(binary));
        Self {
            bytes,
            module,
            build_info,
        }
    }
}

/// As the linker wrote it.
pub fn build_info(binary: &GoBinary) -> Vec<u8> {
    let file = binary.image.file();
    let mut places = file.windows(BUILD_INFO.len());
    let at = places.position(|window| window == BUILD_INFO);
    let blob = &file[at.expect("build information")..];
    let mut end = 32;
    for _ in 0..2 {
        let (length, start) = varint(&blob[end..]);
        end += start + length as usize;
    }
    blob[..end].to_vec()
}

/// The file; with sections, if these are wanted.
pub fn executable(binary: &GoBinary, names: &[&str], types: &[u64], sections: bool) -> Vec<u8> {
    let tables = Tables::of(&Original::of(binary), names);
    let data = Data::new(binary, &tables, types);
    let mut file = vec![0; HEADERS];
    let code = file.len();
    file.extend(&tables.code);
    align(&mut file, 8);
    let start = file.len();
    file.extend(&data.bytes);
    align(&mut file, 8);
    let note = file.len();
    let id = binary.go_build_id.as_deref().unwrap_or("id");
    file.extend([4, id.len() as u32, 4].map(u32::to_le_bytes).concat());
    file.extend(b"Go\0\0");
    file.extend(id.as_bytes());
    align(&mut file, 8);
    let end = file.len();
    if sections {
        let list = [
            (".gopclntab", BASE, start, data.build_info),
            (
                ".go.buildinfo",
                BASE + data.build_info as u64,
                start + data.build_info,
                64,
            ),
        ];
        append_sections(&mut file, &list);
    }
    header(&mut file, 2, 3);
    let segments = [
        (1, 5, code, TEXT, tables.code.len()),
        (1, 6, start, BASE, data.bytes.len()),
        (4, 4, note, 0, end - note),
    ];
    for (index, (kind, flags, offset, address, size)) in segments.into_iter().enumerate() {
        let at = 64 + 56 * index;
        put(&mut file, at, kind);
        put(&mut file, at + 4, flags);
        put_long(&mut file, at + 8, offset as u64);
        put_long(&mut file, at + 16, address);
        put_long(&mut file, at + 32, size as u64);
        put_long(&mut file, at + 40, size as u64);
        put_long(&mut file, at + 48, 4);
    }
    file
}

/// The header of a 64-bit file for amd64, with so many segments.
pub fn header(file: &mut [u8], kind: u8, segments: u8) {
    file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    file[16] = kind;
    file[18] = 62;
    file[20] = 1;
    put_long(file, 32, 64);
    file[52] = 64;
    file[54] = 56;
    file[56] = segments;
    file[58] = 64;
}

/// Sections with their names, and the table of them: name, address, offset, size.
pub fn append_sections(file: &mut Vec<u8>, list: &[(&str, u64, usize, usize)]) {
    let mut names = b"\0.shstrtab\0".to_vec();
    let offsets: Vec<u32> = list
        .iter()
        .map(|(name, ..)| {
            let offset = names.len() as u32;
            names.extend(name.as_bytes());
            names.push(0);
            offset
        })
        .collect();
    let strings = file.len();
    file.extend(&names);
    align(file, 8);
    let table = file.len();
    file.resize(table + 64 * (list.len() + 2), 0);
    let mut entries: Vec<(u32, u32, u64, usize, usize)> = vec![(1, 3, 0, strings, names.len())];
    let own = list.iter().zip(offsets);
    entries
        .extend(own.map(|((_, address, offset, size), name)| (name, 1, *address, *offset, *size)));
    for (index, (name, kind, address, offset, size)) in entries.into_iter().enumerate() {
        let at = table + 64 * (index + 1);
        put(file, at, name);
        put(file, at + 4, kind);
        put_long(file, at + 16, address);
        put_long(file, at + 24, offset as u64);
        put_long(file, at + 32, size as u64);
    }
    put_long(file, 40, table as u64);
    file[60] = (list.len() + 2) as u8;
    file[62] = 1;
}
