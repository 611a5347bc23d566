//! Real executables with damage where readers look, of the kinds that readers get wrong: lengths, counts and offsets that
//! are nothing, all or almost right. What is read of them may be anything; it must not panic, hang or fill the memory.
//! The damage is the same in each run. `SLOWMAP_MUTATIONS=100000` makes that many of each executable.

use std::{env, fs, ops::Range, path::Path};

use object::{Object as _, ObjectSection as _};
use slowmap::{
    golang::image::FileBytes,
    inspect::{Wanted, inspect_bytes},
    model::binary::{GoBinary, VirtualAddress},
    plan::{self, Tables},
};

use crate::{
    build::{EXE, MODES, shapes},
    declines::{exercise, pretending},
};

/// Enough for each kind of damage in each place.
const MUTATIONS: usize = 100;
/// Most of these sections is never read; what is, is near their beginnings.
const WINDOW: usize = 16 << 10;

/// xorshift64
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit.max(1) as u64) as usize
    }
}

/// A word for another.
fn damage(random: &mut Random, word: u64, elsewhere: u64) -> u64 {
    match random.below(8) {
        0 => 0,
        1 => u64::MAX,
        2 => i64::MAX as u64,
        3 => word.wrapping_add(1),
        4 => word.wrapping_sub(1),
        5 => word ^ (1 << random.below(64)),
        6 => elsewhere,
        _ => u64::from(random.next() as u32),
    }
}

/// Where readers look, in the file.
fn places(bytes: &[u8], binary: &GoBinary) -> Vec<Range<usize>> {
    let at = |address: VirtualAddress| binary.image.offset_of(address).unwrap().0 as usize;
    let mut places = vec![0..64, 64..1024];
    let tables = [binary.pclntab, binary.types, binary.function_data].map(at);
    places.push(tables[0]..tables[0] + 80);
    places.extend(tables.map(|start| start..start + WINDOW));
    // The module's description begins with the address of the function table.
    let pclntab = binary.pclntab.0.to_le_bytes();
    let words = bytes.chunks_exact(8).enumerate();
    let named = words.filter(|(_, word)| *word == pclntab);
    places.extend(named.map(|(index, _)| index * 8..index * 8 + 640));
    let file = object::File::parse(bytes).unwrap();
    let sections = [".go.buildinfo", ".debug_info", ".debug_abbrev", ".dynamic"];
    for section in sections.map(|name| file.section_by_name(name)) {
        let range = section.and_then(|section| section.file_range());
        places.extend(range.map(|(start, size)| {
            let (start, size) = (start as usize, size as usize);
            start..start + size.min(WINDOW)
        }));
    }
    let sections = u64::from_le_bytes(bytes[40..48].try_into().unwrap()) as usize;
    places.push(sections..bytes.len());
    places.retain(|place| place.start + 8 < place.end && place.end <= bytes.len());
    places
}

fn inspected(bytes: Vec<u8>) -> Option<GoBinary> {
    let wanted = plan::wanted();
    let functions: Vec<&str> = wanted.functions.iter().map(String::as_str).collect();
    let wanted = Wanted {
        functions: &functions,
        itabs: &[("io.Writer", "*os.File")],
        dwarf_fields: &["runtime.g.goid", "runtime.g.sizeof"],
        assumed: None,
    };
    inspect_bytes(FileBytes::Owned(bytes), Path::new("target"), &wanted).ok()
}

fn mutate(original: &[u8], random: &mut Random) {
    let whole = inspected(original.to_vec()).expect("undamaged");
    let places = places(original, &whole);
    let count = env::var("SLOWMAP_MUTATIONS").ok();
    let count = count.map_or(MUTATIONS, |count| count.parse().expect("a number"));
    let (mut read, mut bytes) = (0, original.to_vec());
    for round in 0..count {
        let place = &places[round % places.len()];
        let mut touched = Vec::new();
        for _ in 0..1 + random.below(4) {
            let at = place.start + random.below(place.end - place.start - 8);
            let other = place.start + random.below(place.end - place.start - 8);
            let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
            let value = damage(random, word(at), word(other));
            // Fields have one to eight bytes.
            let width = 1 << random.below(4);
            bytes[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
            touched.push(at..at + width);
        }
        if let Some(binary) = inspected(bytes.clone()) {
            read += 1;
            exercise(&binary);
            let _ = plan::plan(&binary, &Tables::embedded());
        }
        for range in touched {
            bytes[range.clone()].copy_from_slice(&original[range]);
        }
    }
    // Were all declined, it would be the first check that was tested.
    assert!(read * 4 > count, "{read} of {count}");
}

#[test]
fn damaged_tables_and_headers_never_panic() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for toolchain in ["local", "go1.22.12"] {
        for mode in MODES {
            mutate(&fs::read(shapes(toolchain, mode)).unwrap(), &mut random);
        }
    }
}

#[test]
fn damaged_debug_information_never_panics() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    mutate(&pretending("go1.99.12", EXE), &mut random);
}
