//! Where probes go in real Go binaries, and that they are hit as often as they should be.

#[path = "placement/go_binary.rs"]
mod go_binary;

use go_binary::GoExecutable;

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
