//! Types, itabs and struct fields of real Go executables, against the programs' own account and Go's symbols.

use slowmap::{golang::types::Types, inspect::Wanted, model::binary::VirtualAddress};

use crate::{
    build::{EXE, MODES, output_of, shapes, toolchains},
    inspect::{bias, inspected, symbols},
};

#[test]
fn types_are_named_as_the_program_names_them() {
    for toolchain in toolchains() {
        for mode in MODES {
            let executable = shapes(&toolchain, mode);
            let wanted = Wanted {
                functions: &["main.main"],
                ..Wanted::default()
            };
            let binary = inspected(&executable, &wanted);
            let types = Types::of(&binary);
            let printed = output_of(&executable, "types");
            let mut lines = printed.lines();
            let bias = bias(&binary, lines.next().unwrap());
            let mut count = 0;
            for line in lines {
                let (address, name) = line.split_once(' ').unwrap();
                let address = u64::from_str_radix(address, 16).unwrap().wrapping_sub(bias);
                let found = types.name(VirtualAddress(address));
                assert_eq!(found, Some(name), "{toolchain} {}", mode.name);
                count += 1;
            }
            assert_eq!(count, 18, "{toolchain} {}", mode.name);
        }
    }
}

#[test]
fn itabs_have_the_names_and_addresses_of_their_symbols() {
    for toolchain in toolchains() {
        let executable = shapes(&toolchain, EXE);
        let shop = "example.com/shapes/internal/shop";
        let seller = format!("{shop}.Seller");
        let concrete = [
            format!("*{shop}.Clerk"),
            format!("{shop}.Ledger"),
            format!("*{shop}.Box[{shop}.Order]"),
            format!("*{shop}.Box[map[string]int]"),
        ];
        let mut pairs: Vec<(&str, &str)> = concrete
            .iter()
            .map(|concrete| (seller.as_str(), concrete.as_str()))
            .collect();
        pairs.extend([("io.Writer", "*os.File"), ("error", "*io/fs.PathError")]);
        let wanted = Wanted {
            itabs: &pairs,
            ..Wanted::default()
        };
        let binary = inspected(&executable, &wanted);
        let symbols = symbols(&toolchain, &executable, |_| true);
        for (interface, concrete) in &pairs {
            let itab = binary
                .itabs
                .iter()
                .find(|itab| itab.interface == *interface && itab.concrete == *concrete)
                .unwrap_or_else(|| panic!("{toolchain}: no itab of {concrete} as {interface}"));
            let symbol = symbols.get(&itab.address.0);
            let expected = format!("itab.{concrete},{interface}");
            assert!(
                symbol.is_none_or(|names| names.iter().any(|name| name.ends_with(&expected))),
                "{toolchain}: {symbol:?} for {expected}"
            );
        }
        for mode in MODES {
            let other = inspected(&shapes(&toolchain, mode), &wanted);
            assert_eq!(other.itabs.len(), pairs.len(), "{toolchain} {}", mode.name);
        }
    }
}

/// Fields of `os.file`, to which `*os.File` leads; a word and one behind it that is not.
const OF_FILE: [&str; 3] = ["pfd", "name", "appendMode"];

#[test]
fn type_descriptors_have_fields_where_debug_information_has_them_stripped_or_not() {
    let in_debug_information = OF_FILE.map(|field| format!("os.file.{field}"));
    let fields = in_debug_information.each_ref().map(String::as_str);
    let wanted = Wanted {
        itabs: &[("io.Writer", "*os.File")],
        dwarf_fields: &fields,
        ..Wanted::default()
    };
    for toolchain in toolchains() {
        let known = inspected(&shapes(&toolchain, EXE), &wanted).dwarf_offsets;
        assert_eq!(known.len(), OF_FILE.len(), "{toolchain}");
        for mode in MODES {
            let binary = inspected(&shapes(&toolchain, mode), &wanted);
            let types = Types::of(&binary);
            let file = types.pointee(binary.itabs[0].concrete_type).unwrap();
            let inner = types.field(file, "file").unwrap().type_address;
            let inner = types.pointee(inner).unwrap();
            for (field, name) in OF_FILE.iter().zip(&in_debug_information) {
                let found = types.field(inner, field).map(|field| field.offset);
                assert_eq!(found, known.get(name).copied(), "{toolchain} {}", mode.name);
            }
            assert_eq!(types.field(inner, "none"), None);
            assert_eq!(types.field(binary.itabs[0].concrete_type, "file"), None);
            assert_eq!(types.map_group(file), None);
        }
    }
}

#[test]
fn field_offsets_come_from_debug_information_of_any_form() {
    let goid = [
        "runtime.g.goid",
        "runtime.g.stack",
        "runtime.stack.hi",
        "runtime.g.none",
        "none",
    ];
    let wanted = Wanted {
        dwarf_fields: &goid,
        ..Wanted::default()
    };
    // Compressed in the position independent build, plain in the other.
    for (toolchain, mode, expected) in [
        ("go1.22.12", MODES[0], Some(152)),
        ("go1.22.12", MODES[2], Some(152)),
        ("local", MODES[0], Some(152)),
        ("local", MODES[2], Some(152)),
        ("local", MODES[1], None),
    ] {
        let offsets = inspected(&shapes(toolchain, mode), &wanted).dwarf_offsets;
        assert_eq!(
            offsets.get("runtime.g.goid"),
            expected.as_ref(),
            "{toolchain} {}",
            mode.name
        );
        assert_eq!(offsets.get("runtime.g.stack"), expected.map(|_| 0).as_ref());
        assert_eq!(
            offsets.get("runtime.stack.hi"),
            expected.map(|_| 8).as_ref()
        );
        assert_eq!(offsets.len(), expected.map_or(0, |_| 3));
    }
}
