//! What fuzzing begins with: executables of a few functions and types, made of the pieces of real ones that belong to these,
//! and the tables in them on their own.

pub mod dwarf;
pub mod file;
pub mod functions;
pub mod types;
pub mod understood;

/// What the executables have, and is looked for in them.
pub const FUNCTIONS: [&str; 6] = [
    "main.outer",
    "main.report",
    "runtime.gcParkAssist",
    "runtime.hashGrow",
    "runtime.mapassign_faststr",
    "internal/runtime/maps.(*Map).growToTable",
];
pub const ITABS: [(&str, &str); 1] = [("io.Writer", "*os.File")];
/// What is looked for in debug information.
pub const FIELDS: [&str; 4] = [
    "runtime.g.goid",
    "runtime.g.sizeof",
    "runtime.g.m",
    "internal/abi.FuncIDWrapper",
];

// An executable of Go's own linker is no hostile input: what is not as expected ends the program.

pub fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

pub fn put(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

pub fn put_long(bytes: &mut [u8], at: usize, value: u64) {
    bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
}

pub fn align(bytes: &mut Vec<u8>, to: usize) {
    bytes.resize(bytes.len().next_multiple_of(to), 0);
}

pub fn text(bytes: &[u8], at: usize) -> &str {
    let rest = &bytes[at..];
    let end = rest.iter().position(|byte| *byte == 0).expect("an end");
    std::str::from_utf8(&rest[..end]).expect("text")
}

/// A variable-length integer, and how many bytes it takes.
pub fn varint(bytes: &[u8]) -> (u64, usize) {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return (value, index + 1);
        }
    }
    panic!("a number without an end");
}
