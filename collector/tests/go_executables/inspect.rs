//! What `inspect` reads from real Go executables, against Go's own tools and the programs' own account.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use crate::build::{
    EXE, EXTERNAL, MODES, go, native, output_of, shapes, shapes_for_arm64, toolchains,
};
use slowmap::{
    golang::{image::FileBytes, pclntab::Pclntab, types::Types},
    inspect::{Wanted, inspect, inspect_bytes},
    model::binary::{Architecture, GoBinary, VirtualAddress},
};

pub fn inspected(path: &Path, wanted: &Wanted<'_>) -> GoBinary {
    inspect(path, path, wanted).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Text symbols of `go tool nm`: names at their addresses.
fn text_symbols(toolchain: &str, executable: &Path) -> BTreeMap<u64, BTreeSet<String>> {
    symbols(toolchain, executable, |kind| kind.eq_ignore_ascii_case("t"))
}

pub fn symbols(
    toolchain: &str,
    executable: &Path,
    wanted: impl Fn(&str) -> bool,
) -> BTreeMap<u64, BTreeSet<String>> {
    let output = go(toolchain)
        .args(["tool", "nm"])
        .arg(executable)
        .output()
        .expect("go tool nm");
    let mut found: BTreeMap<u64, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let (address, rest) = line
            .trim_start()
            .split_once(' ')
            .expect("address, kind, name");
        let (kind, name) = rest
            .trim_start()
            .split_once(' ')
            .expect("address, kind, name");
        if let Ok(address) = u64::from_str_radix(address, 16)
            && wanted(kind)
        {
            found.entry(address).or_default().insert(name.to_owned());
        }
    }
    found
}

/// pclntab has `[...]` where the symbol has what stands in the outermost brackets.
pub fn without_type_arguments(name: &str) -> String {
    match (name.find('['), name.rfind(']')) {
        (Some(open), Some(close)) if open < close => {
            format!("{}[...]{}", &name[..open], &name[close + 1..])
        }
        _ => name.to_owned(),
    }
}

#[test]
fn every_function_is_where_go_tool_nm_says_it_is() {
    for toolchain in toolchains() {
        let executable = shapes(&toolchain, EXE);
        let binary = inspected(&executable, &Wanted::default());
        let table = Pclntab::of(&binary).unwrap();
        let symbols = text_symbols(&toolchain, &executable);
        let mut count = 0;
        for function in table.functions() {
            let names = symbols.get(&function.range().start);
            // nm writes the calling convention behind adapters' names, and a period for the middle dot that
            // the compiler numbers local types with.
            let expected = without_type_arguments(&function.name().replace('·', "."));
            let known = names.is_some_and(|names| {
                let mut names = names.iter().map(|name| name.trim_end_matches(".abi0"));
                names.any(|name| without_type_arguments(name) == expected)
            });
            assert!(known, "{toolchain}: {} is {names:?} to nm", function.name());
            count += 1;
        }
        let of_go = |names: &BTreeSet<String>| {
            let labels = ["runtime.text", "runtime.etext", "_rt0_amd64_linux"];
            !names.iter().all(|name| labels.contains(&name.as_str()))
        };
        let expected = symbols.values().filter(|names| of_go(names)).count();
        assert!(
            count + 2 >= expected,
            "{toolchain}: {count} functions of {expected}"
        );
    }
}

#[test]
fn a_function_is_found_from_its_first_byte_to_its_last() {
    let binary = inspected(&shapes("local", EXE), &Wanted::default());
    let table = Pclntab::of(&binary).unwrap();
    for function in table.functions() {
        let range = function.range();
        for address in [
            range.start,
            range.start + (range.end - range.start) / 2,
            range.end - 1,
        ] {
            assert_eq!(
                table.find(address).map(|found| found.name()),
                Some(function.name())
            );
        }
    }
    let code = table.code_range().unwrap();
    assert!(table.find(code.start - 1).is_none());
    assert!(table.find(code.end).is_none());
}

#[test]
fn all_ways_of_building_have_the_same_functions_and_settings() {
    for toolchain in toolchains() {
        for mode in MODES {
            let binary = inspected(&shapes(&toolchain, mode), &Wanted::default());
            let name = format!("{toolchain} {}", mode.name);
            assert_eq!(binary.stripped, mode.name.ends_with("stripped"), "{name}");
            assert_eq!(binary.has_dwarf, !binary.stripped, "{name}");
            assert_eq!(
                binary.position_independent,
                mode.name.starts_with("pie"),
                "{name}"
            );
            // Go 1.18 does not record it.
            let recorded = binary.build_mode.as_deref();
            let expected = if binary.position_independent {
                "pie"
            } else {
                "exe"
            };
            assert!(
                recorded.is_none_or(|mode| mode == expected),
                "{name}: {recorded:?}"
            );
            assert_eq!(
                binary.main_module.as_ref().unwrap().path,
                "example.com/shapes",
                "{name}"
            );
            assert!(!binary.cgo, "{name}");
            assert!(binary.go_build_id.is_some(), "{name}");
            if toolchain != "local" {
                assert_eq!(binary.go_version.raw, toolchain, "{name}");
            }
            let table = Pclntab::of(&binary).unwrap();
            let names: BTreeSet<&str> = table.functions().map(|found| found.name()).collect();
            for name in [
                "main.main",
                "runtime.mapassign_faststr",
                "example.com/shapes/internal/shop.(*Clerk).Sell",
            ] {
                assert!(names.contains(name), "{toolchain} {}: no {name}", mode.name);
            }
        }
    }
}

#[test]
fn wanted_functions_are_the_ones_and_not_their_adapters() {
    for toolchain in toolchains() {
        let executable = shapes(&toolchain, EXE);
        let wanted = Wanted {
            functions: &[
                "runtime.mapassign_faststr",
                "runtime.gcAssistAlloc",
                "runtime.asyncPreempt2",
                "main.absent",
            ],
            ..Wanted::default()
        };
        let binary = inspected(&executable, &wanted);
        let symbols = text_symbols(&toolchain, &executable);
        let names: Vec<_> = binary.functions.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "runtime.asyncPreempt2",
                "runtime.gcAssistAlloc",
                "runtime.mapassign_faststr"
            ]
        );
        for function in binary.functions.values() {
            assert!(
                symbols[&function.address.0].contains(&function.name),
                "{toolchain}: {function:?}"
            );
            let file = std::fs::read(&executable).unwrap();
            let offset = binary.image.offset_of(function.address).unwrap().0 as usize;
            let last = file[offset + function.size as usize - 1];
            assert_ne!(last, 0xcc, "{toolchain}: {} ends in padding", function.name);
        }
    }
}

/// What the program's first line says of where it was loaded.
pub fn bias(binary: &GoBinary, first_line: &str) -> u64 {
    let address = first_line.strip_prefix("main.main ").unwrap();
    u64::from_str_radix(address, 16).unwrap() - binary.functions["main.main"].address.0
}

#[test]
fn an_external_linkers_executable_has_the_same_in_it() {
    for mode in EXTERNAL {
        let executable = native(mode);
        let wanted = Wanted {
            functions: &["main.main", "runtime.mapassign_faststr"],
            itabs: &[("io.Writer", "*os.File")],
            ..Wanted::default()
        };
        let binary = inspected(&executable, &wanted);
        assert!(binary.cgo, "{}", mode.name);
        assert!(!binary.statically_linked, "{}", mode.name);
        assert_eq!(
            binary.position_independent,
            mode.name.contains("pie"),
            "{}",
            mode.name
        );
        assert_eq!(
            (binary.functions.len(), binary.itabs.len()),
            (2, 1),
            "{}",
            mode.name
        );
        let printed = output_of(&executable, "types");
        let mut lines = printed.lines();
        let bias = bias(&binary, lines.next().unwrap());
        let (address, name) = lines.next().unwrap().split_once(' ').unwrap();
        let address = u64::from_str_radix(address, 16).unwrap() - bias;
        let found = Types::of(&binary).name(VirtualAddress(address));
        assert_eq!(found, Some(name), "{}", mode.name);
    }
}

#[test]
fn an_executable_without_a_section_table_has_the_same_in_it() {
    for executable in [
        shapes("local", MODES[3]),
        native(EXTERNAL[3]),
        shapes("go1.22.12", MODES[1]),
    ] {
        let mut bytes = std::fs::read(&executable).unwrap();
        // e_shoff, then e_shentsize, e_shnum and e_shstrndx
        bytes[0x28..0x30].fill(0);
        bytes[0x3a..0x40].fill(0);
        let wanted = Wanted {
            functions: &["main.main", "runtime.mapassign_faststr"],
            itabs: &[("io.Writer", "*os.File")],
            ..Wanted::default()
        };
        let whole = inspected(&executable, &wanted);
        let bare = inspect_bytes(FileBytes::Owned(bytes), &executable, &wanted).unwrap();
        assert_eq!(bare.functions, whole.functions, "{executable:?}");
        assert_eq!(bare.itabs, whole.itabs, "{executable:?}");
        assert_eq!(bare.go_build_id, whole.go_build_id, "{executable:?}");
        assert_eq!(
            (bare.text, bare.pclntab),
            (whole.text, whole.pclntab),
            "{executable:?}"
        );
    }
}

#[test]
fn an_executable_for_arm64_is_read_alike() {
    for toolchain in toolchains() {
        let executable = shapes_for_arm64(&toolchain);
        let wanted = Wanted {
            functions: &["main.main", "runtime.mapassign_faststr"],
            itabs: &[("io.Writer", "*os.File")],
            ..Wanted::default()
        };
        let binary = inspected(&executable, &wanted);
        assert_eq!(binary.architecture, Architecture::Arm64, "{toolchain}");
        assert_eq!(
            (binary.functions.len(), binary.itabs.len()),
            (2, 1),
            "{toolchain}"
        );
        let table = Pclntab::of(&binary).unwrap();
        let main = table
            .find(binary.functions["main.main"].address.0 + 40)
            .unwrap();
        let call = main.calls(main.range().start + 40).pop().unwrap();
        assert_eq!(
            (call.function, call.file),
            ("main.main", Some("example.com/shapes/main.go"))
        );
        assert!(
            (20..60).contains(&call.line.unwrap()),
            "{toolchain}: {call:?}"
        );
    }
}
