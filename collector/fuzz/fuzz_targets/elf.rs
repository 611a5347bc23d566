//! Whole files: headers, segments, sections, notes and relocations, and all that they lead to. The seeds are executables of a
//! few functions.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use slowmap_fuzz::{
    golang::{image::FileBytes, pclntab::Pclntab, types::Types},
    inspect::{Wanted, inspect_bytes},
    seeds,
};

fuzz_target!(|bytes: &[u8]| {
    let wanted = Wanted {
        functions: &seeds::FUNCTIONS,
        itabs: &seeds::ITABS,
        dwarf_fields: &["runtime.g.goid"],
        assumed: None,
    };
    let bytes = FileBytes::Owned(bytes.to_vec());
    let Ok(binary) = inspect_bytes(bytes, Path::new("target"), &wanted) else {
        return;
    };
    let types = Types::of(&binary);
    for itab in &binary.itabs {
        let _ = types.qualified_name(itab.concrete_type);
    }
    let Some(table) = Pclntab::of(&binary) else {
        return;
    };
    for function in table.functions().take(64) {
        let _ = function.calls(function.range().start);
    }
});
