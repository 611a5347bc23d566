//! Offsets of fields, sizes and constants from debug information, packed or not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use slowmap_fuzz::{golang::derived, inspect, seeds};

fuzz_target!(|bytes: &[u8]| {
    let found = inspect::debug_information(bytes, &seeds::FIELDS);
    assert!(
        found
            .keys()
            .all(|name| seeds::FIELDS.contains(&name.as_str()))
    );
    let fields = derived::fields();
    let fields: Vec<&str> = fields.iter().map(String::as_str).collect();
    let _ = derived::layout(&inspect::debug_information(bytes, &fields));
});
