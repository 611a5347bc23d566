//! Files that are not what they should be: `inspect` says why, and never panics.

use std::{fs, path::Path};

use crate::build::{EXE, MODES, Mode, go, shapes};
use slowmap::{
    golang::{image::FileBytes, pclntab::Pclntab, types::Types},
    inspect::{InspectError, Wanted, inspect, inspect_bytes},
    model::binary::GoBinary,
};

const WANTED: Wanted<'_> = Wanted {
    functions: &["main.main", "runtime.mapassign_faststr"],
    itabs: &[("io.Writer", "*os.File")],
    dwarf_fields: &["runtime.g.goid"],
    assumed: None,
};

fn inspect_vec(bytes: Vec<u8>) -> Result<GoBinary, InspectError> {
    inspect_bytes(FileBytes::Owned(bytes), Path::new("target"), &WANTED)
}

/// Reads all that can be read of a damaged executable.
pub fn exercise(binary: &GoBinary) {
    let Some(table) = Pclntab::of(binary) else {
        return;
    };
    for function in table.functions().step_by(7) {
        let range = function.range();
        let _ = (
            function.stack_delta(range.start),
            function.calls(range.start + 9),
        );
        let _ = table.find(range.start);
    }
    let types = Types::of(binary);
    for itab in &binary.itabs {
        let _ = types.qualified_name(itab.concrete_type);
    }
}

#[test]
fn what_is_not_a_go_executable_is_declined_with_the_reason() {
    let reason = |bytes: &[u8]| inspect_vec(bytes.to_vec()).unwrap_err().to_string();
    assert_eq!(reason(b""), "not an ELF file");
    assert_eq!(reason(b"#!/bin/sh\n"), "not an ELF file");
    assert!(reason(b"\x7fELF\x02\x01\x01").starts_with("truncated"));
    let shell = fs::read("/bin/sh").unwrap();
    assert_eq!(
        reason(&shell),
        "not built by Go: it has no Go build information"
    );
    let mut packed = shell.clone();
    packed[0xf00..0xf04].copy_from_slice(b"UPX!");
    assert!(reason(&packed).contains("upx -d"));
    let missing = inspect(Path::new("/none"), Path::new("/none"), &WANTED).unwrap_err();
    assert!(
        missing
            .to_string()
            .starts_with("cannot read /none: No such file")
    );
    let empty = tempfile::NamedTempFile::new().unwrap();
    let empty = inspect(empty.path(), empty.path(), &WANTED).unwrap_err();
    assert_eq!(empty.to_string(), "not an ELF file");
    let directory = inspect(Path::new("/"), Path::new("/"), &WANTED).unwrap_err();
    assert!(directory.to_string().starts_with("cannot read /"));
}

#[test]
fn executables_for_other_machines_are_declined() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/testdata/shapes");
    for (architecture, expected) in [("386", "built for 386"), ("s390x", "built for s390x")] {
        let output = tempfile::NamedTempFile::new().unwrap();
        let status = go("local")
            .current_dir(&source)
            .env("GOARCH", architecture)
            .args(["build", "-o"])
            .arg(output.path())
            .arg("./internal/empty")
            .status()
            .unwrap();
        assert!(status.success());
        let error = inspect(output.path(), output.path(), &WANTED)
            .unwrap_err()
            .to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

/// An executable of Go 1.22 that says it is of another release, of as many letters.
pub fn pretending(version: &str, mode: Mode) -> Vec<u8> {
    let mut bytes = fs::read(shapes("go1.22.12", mode)).unwrap();
    let at = bytes
        .windows(14)
        .position(|window| window == b"\xff Go buildinf:")
        .unwrap();
    bytes[at + 33..at + 42].copy_from_slice(version.as_bytes());
    bytes
}

#[test]
fn an_unknown_release_without_dwarf_and_a_development_build_are_declined() {
    for (version, expected) in [
        (
            "go1.99.12",
            "go1.99: not verified, no DWARF (the executable says \"go1.99.12\"); --assume-go takes it for a release that is",
        ),
        ("devel x.x", "Go version \"devel x.x\" is not a release"),
    ] {
        let stripped = pretending(version, MODES[1]);
        assert_eq!(inspect_vec(stripped).unwrap_err().to_string(), expected);
    }
}

#[test]
fn an_unknown_release_is_read_by_its_own_dwarf() {
    let known = inspect_vec(fs::read(shapes("go1.22.12", EXE)).unwrap()).unwrap();
    let unknown = inspect_vec(pretending("go1.99.12", EXE)).unwrap();
    assert_eq!(unknown.go_version.minor(), (1, 99));
    assert_eq!(unknown.functions, known.functions);
    assert_eq!(unknown.itabs, known.itabs);
    assert_eq!(unknown.layout.moduledata, known.layout.moduledata);
    exercise(&unknown);
}

#[test]
fn an_unknown_release_is_what_the_user_says_it_is() {
    let assumed = |version: &str, mode| {
        let bytes = FileBytes::Owned(pretending(version, mode));
        let wanted = Wanted {
            assumed: "1.22".parse().ok(),
            ..WANTED
        };
        inspect_bytes(bytes, Path::new("target"), &wanted).unwrap()
    };
    let known = inspect_vec(fs::read(shapes("go1.22.12", MODES[1])).unwrap()).unwrap();
    for version in ["go1.99.12", "devel x.x"] {
        let binary = assumed(version, MODES[1]);
        assert_eq!(binary.go_version.minor(), (1, 22));
        assert_eq!(binary.go_version.raw, version);
        assert_eq!(binary.functions, known.functions);
        exercise(&binary);
    }
    // What is known stays what it is.
    let known = assumed("go1.21.99", EXE);
    assert_eq!(known.go_version.minor(), (1, 21));
    assert_eq!(known.go_version.assumed(), None);
}

#[test]
fn a_file_cut_anywhere_is_declined_as_truncated_or_read_as_far_as_it_goes() {
    for mode in MODES {
        let whole = fs::read(shapes("local", mode)).unwrap();
        let mut lengths: Vec<usize> = (0..256).chain((256..whole.len()).step_by(48_611)).collect();
        lengths.push(whole.len() - 1);
        for length in lengths {
            match inspect_vec(whole[..length].to_vec()) {
                // What the kernel loads is there; symbols and debug information are not.
                Ok(binary) => exercise(&binary),
                Err(InspectError::NotElf) => assert!(length < 4, "{}: {length}", mode.name),
                Err(error) => {
                    assert!(
                        matches!(error, InspectError::Truncated { .. }),
                        "{length}: {error}"
                    );
                }
            }
        }
    }
}

#[test]
fn damaged_bytes_never_panic() {
    // An xorshift generator: the same damage in each run.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for mode in MODES {
        let original = fs::read(shapes("local", mode)).unwrap();
        let binary = inspect_vec(original.clone()).unwrap();
        let pclntab = binary.image.offset_of(binary.pclntab).unwrap().0 as usize;
        let length = original.len();
        // Headers, the table's header and functions, and anything else.
        let regions = [
            (0, 1024),
            (pclntab, 80),
            (pclntab, length - pclntab),
            (0, length),
        ];
        let mut bytes = original.clone();
        for round in 0..60 {
            let (start, size) = regions[round % regions.len()];
            let flips: Vec<usize> = (0..1 + round * 40)
                .map(|_| start + (random() as usize) % size.min(length - start))
                .collect();
            for at in &flips {
                bytes[*at] = random() as u8;
            }
            if let Ok(binary) = inspect_vec(bytes.clone()) {
                exercise(&binary);
            }
            for at in &flips {
                bytes[*at] = original[*at];
            }
        }
    }
}
