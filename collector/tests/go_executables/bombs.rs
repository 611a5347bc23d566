//! Files that are not damaged but made: small, and yet endless to whoever believes all that they say.

use std::{
    fs,
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

use object::{Object as _, ObjectSection as _};
use slowmap::{
    golang::image::FileBytes,
    inspect::{InspectError, Wanted, inspect, inspect_bytes},
    model::binary::GoBinary,
};

use crate::{
    build::{EXE, MODES, shapes},
    declines::pretending,
};

/// Without optimisation, and beside other tests.
const IN_TIME: Duration = Duration::from_secs(15);
const MANY: u16 = 60_000;
const PROGRAM_HEADER: usize = 56;
const SECTION_HEADER: usize = 64;

fn inspected(bytes: Vec<u8>) -> Result<GoBinary, InspectError> {
    let begin = Instant::now();
    let wanted = Wanted {
        functions: &["main.main"],
        ..Wanted::default()
    };
    let result = inspect_bytes(FileBytes::Owned(bytes), Path::new("target"), &wanted);
    assert!(begin.elapsed() < IN_TIME, "{:?}", begin.elapsed());
    result
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}

fn long(bytes: &[u8], at: usize) -> usize {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize
}

/// A file that is no executable of Go, with so many program headers of this type, each of which is for all of it.
fn all_of_it_again_and_again(kind: u32) -> Vec<u8> {
    let mut bytes = fs::read("/bin/sh").unwrap();
    bytes.resize(8 << 20, 1);
    let table = bytes.len();
    put(&mut bytes, 32, &table.to_le_bytes());
    put(&mut bytes, 56, &MANY.to_le_bytes());
    for index in 0..usize::from(MANY) {
        let mut header = [0; PROGRAM_HEADER];
        put(&mut header, 0, &kind.to_le_bytes());
        put(&mut header, 4, &4_u32.to_le_bytes());
        put(&mut header, 16, &(index << 32).to_le_bytes());
        put(&mut header, 32, &table.to_le_bytes());
        put(&mut header, 48, &4_usize.to_le_bytes());
        bytes.extend(header);
    }
    bytes
}

#[test]
fn a_file_whose_headers_name_all_of_it_again_and_again_is_declined_in_time() {
    // Segments that are loaded, tables for the dynamic linker, notes.
    for kind in [1, 2, 4] {
        let error = inspected(all_of_it_again_and_again(kind)).unwrap_err();
        assert!(matches!(error, InspectError::NotGo), "{kind}: {error}");
    }
}

#[test]
fn a_file_that_is_mostly_a_hole_is_declined_by_its_size() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    let program = fs::read(shapes("local", EXE)).unwrap();
    file.write_all(&program).unwrap();
    file.as_file().set_len(1 << 40).unwrap();
    let error = inspect(file.path(), Path::new("target"), &Wanted::default()).unwrap_err();
    assert!(matches!(error, InspectError::TooLarge { .. }), "{error}");
}

#[test]
fn sections_with_endless_names_are_as_good_as_none() {
    let mut bytes = fs::read(shapes("local", EXE)).unwrap();
    let names = bytes.len();
    bytes.resize(names + (4 << 20), b'a');
    let table = bytes.len();
    let mut header = [0; SECTION_HEADER];
    put(&mut header, 4, &3_u32.to_le_bytes());
    put(&mut header, 24, &names.to_le_bytes());
    put(&mut header, 32, &(table - names).to_le_bytes());
    bytes.extend(header.repeat(usize::from(MANY)));
    put(&mut bytes, 40, &table.to_le_bytes());
    put(&mut bytes, 60, &MANY.to_le_bytes());
    put(&mut bytes, 62, &1_u16.to_le_bytes());
    let binary = inspected(bytes).unwrap();
    assert!(binary.functions.contains_key("main.main"));
    assert!(!binary.has_dwarf);
}

#[test]
fn debug_information_that_becomes_too_much_when_it_is_unpacked_is_as_good_as_none() {
    let mut bytes = pretending("go1.99.12", MODES[2]);
    assert!(inspected(bytes.clone()).is_ok(), "it has what is needed");
    let file = object::File::parse(&*bytes).unwrap();
    let section = file.section_by_name(".debug_info").unwrap();
    let packed = section.compressed_file_range().unwrap();
    // The size when unpacked stands in the header before it.
    let size = packed.offset as usize - 16;
    assert_eq!(long(&bytes, size) as u64, packed.uncompressed_size);
    for claimed in [1_u64 << 40, 200 << 20] {
        put(&mut bytes, size, &claimed.to_le_bytes());
        let error = inspected(bytes.clone()).unwrap_err();
        assert!(
            matches!(error, InspectError::UnknownGoVersion { .. }),
            "{error}"
        );
    }
}
