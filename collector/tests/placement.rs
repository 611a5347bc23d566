//! Where probes go in real Go binaries, and that they are hit as often as they should be.

#[path = "placement/go_binary.rs"]
mod go_binary;
#[path = "placement/target.rs"]
mod target;
#[path = "placement/uprobes.rs"]
mod uprobes;

use std::time::Duration;

use go_binary::GoExecutable;
use target::Target;
use uprobes::Uprobes;

#[test]
fn hits() {
    if let Some(reason) = uprobes::unavailable() {
        panic!("{reason}");
    }
    let list = std::env::var("TOOLCHAINS").unwrap_or("go1.22.12,local".into());
    for toolchain in list.split(',') {
        let flags = std::env::var("FLAGS").unwrap_or_default();
        let flags: Vec<&str> = flags.split("|").filter(|f| !f.is_empty()).collect();
        let binary = GoExecutable::build_with(toolchain, &format!("f{}", flags.len()), &flags);
        let mut target = Target::start(&binary.path);
        for name in binary.names().filter(|n| FUNCTIONS.contains(&n.as_str())) {
            let p = binary.place(name);
            if p.exits.is_empty() && name != "runtime.stopTheWorldWithSema" {
                continue;
            }
            let mut sites: Vec<_> = p.exits.clone();
            sites.push(p.entry.unwrap());
            let few = name.contains("mapassign") || name.contains("mallocgc");
            let probes = Uprobes::attach(&binary.path, &sites);
            target.fill(if few { 2000 } else { 100_000 });
            std::thread::sleep(Duration::from_millis(300));
            let hits = probes.counted_hits();
            let entry = hits[&p.entry.unwrap().address.0];
            let exits: Vec<usize> = p.exits.iter().map(|s| hits[&s.address.0]).collect();
            let sum: usize = exits.iter().sum();
            println!(
                "{} {toolchain} {name}: {entry} {exits:?}",
                if entry == sum { "ok  " } else { "DIFF" }
            );
        }
    }
}

#[test]
fn show() {
    for toolchain in ["go1.22.12", "go1.23.12", "local"] {
        let binary = GoExecutable::build(toolchain);
        for name in binary.names().filter(|n| FUNCTIONS.contains(&n.as_str())) {
            let p = binary.place(name);
            let base = binary.address(name);
            println!("{toolchain} {name}");
            for (what, s) in p
                .entry
                .iter()
                .map(|s| ("  entry", s))
                .chain(p.exits.iter().map(|s| ("   exit", s)))
            {
                println!(
                    "{what} {:+} {:#x} {} {:?} {:?} in_frame={}",
                    s.address.0 as i64 - base as i64,
                    s.address.0,
                    binary.disassemble(s.address.0),
                    s.cost,
                    s.condition,
                    s.in_frame
                );
            }
        }
    }
}

const FUNCTIONS: [&str; 24] = [
    "runtime.hashGrow",
    "internal/runtime/maps.(*table).rehash",
    "internal/runtime/maps.(*table).split",
    "internal/runtime/maps.(*table).grow",
    "internal/runtime/maps.(*Map).growToTable",
    "internal/runtime/maps.(*Map).growToSmall",
    "internal/runtime/maps.(*Map).installTableSplit",
    "runtime.gcAssistAlloc",
    "runtime.gcAssistAlloc1",
    "runtime.gcParkAssist",
    "runtime.goschedImpl",
    "runtime.preemptPark",
    "runtime.execute",
    "runtime.stopTheWorldWithSema",
    "runtime.startTheWorldWithSema",
    "runtime.mallocgc",
    "runtime.mallocgcLarge",
    "runtime.mapassign",
    "runtime.mapassign_fast32",
    "runtime.mapassign_fast32ptr",
    "runtime.mapassign_fast64",
    "runtime.mapassign_fast64ptr",
    "runtime.mapassign_faststr",
    "runtime.evacuate",
];
