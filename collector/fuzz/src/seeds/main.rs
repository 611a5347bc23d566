//! Makes the seeds: `seeds DIRECTORY EXECUTABLE…`, of executables of collector/tests/testdata/shapes.

use std::{error::Error, fs, path::Path, process::Command};

// With the flags for fuzzing this, too, reports to libFuzzer.
use libfuzzer_sys as _;
use slowmap_fuzz::{
    inspect::{Wanted, inspect},
    memory::{BASE, input},
    model::binary::GoBinary,
    seeds::{
        FUNCTIONS, ITABS, dwarf,
        file::{Data, build_info, executable},
        functions::{Original, Tables},
        types::Region,
        understood::understood,
    },
};

/// The functions whose machine code is a seed of its own.
const CODE: [&str; 3] = [
    "main.report",
    "runtime.mapassign_faststr",
    "runtime.gcParkAssist",
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments
        .next()
        .ok_or("usage: seeds DIRECTORY EXECUTABLE…")?;
    for path in arguments {
        let wanted = Wanted {
            functions: &FUNCTIONS,
            itabs: &ITABS,
            ..Wanted::default()
        };
        let path = Path::new(&path);
        let binary = inspect(path, path, &wanted)?;
        let put = |target: &str, what: &str, content: &[u8]| {
            assert!(understood(target, content), "{target}, {what}");
            let directory = Path::new(&directory).join(target);
            fs::create_dir_all(&directory)?;
            let name = format!("{}-{what}", binary.go_version.raw.replace(' ', "-"));
            fs::write(directory.join(name), content)
        };
        make(&binary, &types(path)?, &put)?;
        if let Some(file) = dwarf::file(binary.image.file()) {
            put("dwarf", "g", &file)?;
        }
    }
    Ok(())
}

/// Addresses of types, as the executable itself says them.
fn types(executable: &Path) -> Result<Vec<u64>, Box<dyn Error>> {
    let output = Command::new(executable).arg("types").output()?;
    let text = String::from_utf8(output.stdout)?;
    let addresses = text.lines().filter(|line| !line.starts_with("main.main "));
    let addresses =
        addresses.filter_map(|line| u64::from_str_radix(line.split(' ').next()?, 16).ok());
    Ok(addresses.collect())
}

type Put<'a> = &'a dyn Fn(&str, &str, &[u8]) -> std::io::Result<()>;

fn make(binary: &GoBinary, types: &[u64], put: Put<'_>) -> std::io::Result<()> {
    let original = Original::of(binary);
    let layout = binary.layout;
    put(
        "elf",
        "sections",
        &executable(binary, &FUNCTIONS, types, true),
    )?;
    put(
        "elf",
        "stripped",
        &executable(binary, &FUNCTIONS[..2], &[], false),
    )?;
    put(
        "build_info",
        "whole",
        &input(layout, 0, &build_info(binary)),
    )?;
    let all = Tables::of(&original, &FUNCTIONS);
    put("pclntab", "some", &input(layout, 0, &all.table(layout).0))?;
    for (name, function) in [("inlined", FUNCTIONS[0]), ("objects", FUNCTIONS[1])] {
        let tables = Tables::of(&original, &[function]);
        let (mut memory, _) = tables.table(layout);
        let place = memory.len() as u32;
        memory.extend(&tables.data);
        put("inline_trees", name, &input(layout, place, &memory))?;
        put("stack_maps", name, &input(layout, place, &memory))?;
    }
    let one = Tables::of(&original, &FUNCTIONS[..1]);
    let data = Data::new(binary, &one, &[]);
    let module = data.bytes.get(..data.build_info).unwrap_or_default();
    put("moduledata", "one", &input(layout, 0, module))?;
    let mut region = Region::new(binary, BASE);
    types.iter().for_each(|address| {
        region.add(*address);
    });
    put("type_names", "some", &input(layout, 0, &region.bytes))?;
    for name in CODE {
        let Some(function) = binary.functions.get(name) else {
            continue;
        };
        let code = binary.image.read(function.address, function.size);
        let short = name.rsplit('.').next().unwrap_or(name);
        put("placement", short, code.unwrap_or_default())?;
    }
    Ok(())
}
