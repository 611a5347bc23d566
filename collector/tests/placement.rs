//! Where probes go in real Go binaries, and that they are hit as often as they should be.

#[path = "placement/cost.rs"]
mod cost;
#[path = "placement/go_binary.rs"]
mod go_binary;
#[path = "placement/target.rs"]
mod target;
#[path = "placement/uprobes.rs"]
mod uprobes;

use std::{collections::BTreeSet, time::Duration};

use go_binary::GoExecutable;
use slowmap::model::binary::{ProbeCost, Site};
use target::Target;
use uprobes::Uprobes;

const HMAP: [&str; 2] = ["go1.22.12", "go1.23.12"];
const SWISS: &str = "go1.26.11";

/// Functions, and how many of their exits are single-stepped because nothing emulated stands after the last
/// call: of `gopark`, of `mallocgcTiny` and its kind, of `deferreturn` (never hit but after a panic).
const SINGLE_STEPPED: [(&str, usize); 24] = [
    ("runtime.hashGrow", 0),
    ("internal/runtime/maps.(*table).rehash", 0),
    ("internal/runtime/maps.(*table).split", 0),
    ("internal/runtime/maps.(*table).grow", 0),
    ("internal/runtime/maps.(*Map).growToTable", 0),
    ("internal/runtime/maps.(*Map).growToSmall", 0),
    ("internal/runtime/maps.(*Map).installTableSplit", 0),
    ("runtime.gcAssistAlloc", 1),
    ("runtime.gcAssistAlloc1", 0),
    ("runtime.gcParkAssist", 1),
    ("runtime.goschedImpl", 0),
    ("runtime.preemptPark", 0),
    ("runtime.execute", 0),
    ("runtime.stopTheWorldWithSema", 1),
    ("runtime.startTheWorldWithSema", 0),
    ("runtime.mallocgc", 2),
    ("runtime.mallocgcLarge", 0),
    ("runtime.evacuate", 0),
    ("runtime.mapassign", 0),
    ("runtime.mapassign_fast32", 0),
    ("runtime.mapassign_fast32ptr", 0),
    ("runtime.mapassign_fast64", 0),
    ("runtime.mapassign_fast64ptr", 0),
    ("runtime.mapassign_faststr", 0),
];

const NEVER_RETURN: [&str; 3] = [
    "runtime.goschedImpl",
    "runtime.preemptPark",
    "runtime.execute",
];

fn functions_in(binary: &GoExecutable) -> impl Iterator<Item = (&'static str, usize)> {
    let names: BTreeSet<&str> = binary.names().map(String::as_str).collect();
    SINGLE_STEPPED
        .into_iter()
        .filter(move |(name, _)| names.contains(name))
        .collect::<Vec<_>>()
        .into_iter()
}

#[test]
fn entries_are_emulated_and_come_before_the_frame() {
    for toolchain in HMAP.into_iter().chain([SWISS]) {
        let binary = GoExecutable::build(toolchain);
        for (name, _) in functions_in(&binary) {
            let entry = binary.place(name).entry.unwrap();
            assert_eq!(entry.cost, ProbeCost::Emulated, "{toolchain} {name}");
            assert_eq!(
                (entry.condition, entry.in_frame),
                (None, false),
                "{toolchain} {name}"
            );
            assert!(
                binary.disassemble(entry.address.0).starts_with("Push_r64"),
                "{toolchain} {name}"
            );
        }
    }
}

#[test]
fn exits_are_emulated_wherever_an_emulated_instruction_follows_the_last_call() {
    for toolchain in HMAP.into_iter().chain([SWISS]) {
        let binary = GoExecutable::build(toolchain);
        for (name, expected) in functions_in(&binary) {
            let exits = binary.place(name).exits;
            let single_stepped = exits
                .iter()
                .filter(|site| site.cost == ProbeCost::SingleStepped)
                .count();
            let shown: Vec<String> = exits
                .iter()
                .map(|site| binary.disassemble(site.address.0))
                .collect();
            assert!(single_stepped <= expected, "{toolchain} {name}: {shown:?}");
            assert_eq!(
                exits.is_empty(),
                NEVER_RETURN.contains(&name),
                "{toolchain} {name}"
            );
        }
    }
}

#[test]
fn exits_of_map_writes_are_those_that_were_found_and_counted_by_hand() {
    let hmap: [(&str, &[u64]); 5] = [
        ("runtime.mapassign", &[1261]),
        ("runtime.mapassign_fast32", &[675]),
        ("runtime.mapassign_fast64", &[676]),
        ("runtime.mapassign_fast64ptr", &[716]),
        ("runtime.mapassign_faststr", &[918]),
    ];
    let swiss: [(&str, &[u64]); 5] = [
        ("runtime.mapassign", &[288, 1317]),
        ("runtime.mapassign_fast32", &[238, 773]),
        ("runtime.mapassign_fast64", &[239, 773]),
        ("runtime.mapassign_fast64ptr", &[238, 748]),
        ("runtime.mapassign_faststr", &[331, 1261]),
    ];
    for (toolchain, expected) in [(HMAP[0], hmap), (HMAP[1], hmap), (SWISS, swiss)] {
        let binary = GoExecutable::build(toolchain);
        for (name, offsets) in expected {
            let exits = binary.place(name).exits;
            let found: Vec<u64> = exits
                .iter()
                .map(|site| site.address.0 - binary.address(name))
                .collect();
            assert_eq!(found, offsets, "{toolchain} {name}");
            assert!(exits.iter().all(|site| site.in_frame), "{toolchain} {name}");
        }
    }
}

#[test]
fn a_rehash_ends_where_the_functions_that_it_calls_last_end() {
    let binary = GoExecutable::build(SWISS);
    let exits = binary.place("internal/runtime/maps.(*table).rehash").exits;
    let functions: Vec<&str> = exits
        .iter()
        .map(|site| binary.function_around(site.address.0))
        .collect();
    assert_eq!(
        functions,
        [
            "internal/runtime/maps.(*Map).installTableSplit",
            "internal/runtime/maps.(*table).grow"
        ]
    );
}

#[test]
fn hits_of_an_entry_equal_the_hits_of_exits_that_count() {
    if !uprobes::required() {
        return;
    }
    for toolchain in toolchains_to_run() {
        // A file of its own: the kernel counts the hits of whoever runs it, and other tests do.
        let binary = GoExecutable::build_with(&toolchain, "hits", &[]);
        let mut target = Target::start(&binary.path);
        for (name, _) in functions_in(&binary).filter(|(name, _)| !NEVER_RETURN.contains(name)) {
            let (entries, exits) = count_hits(&binary, &mut target, name);
            println!("{toolchain} {name}: {entries} entries, exits {exits:?}");
            assert_eq!(
                entries,
                exits.iter().sum::<usize>(),
                "{toolchain} {name}: {exits:?}"
            );
            let rare = ["runtime.gc", "internal/runtime/maps.(*Map).growToSmall"];
            let must_be_hit = !rare.iter().any(|prefix| name.starts_with(prefix));
            assert!(
                entries > 0 || !must_be_hit,
                "{toolchain} {name} was never hit"
            );
        }
    }
}

/// More by `SLOWMAP_TEST_GO=go1.18.10,go1.20.14`: each must be there or be fetched.
fn toolchains_to_run() -> Vec<String> {
    match std::env::var("SLOWMAP_TEST_GO") {
        Ok(list) => list.split(',').map(str::to_owned).collect(),
        Err(_) => vec![HMAP[0].to_owned(), SWISS.to_owned()],
    }
}

fn count_hits(binary: &GoExecutable, target: &mut Target, name: &str) -> (usize, Vec<usize>) {
    let placement = binary.place(name);
    let entry = placement.entry.unwrap();
    let sites: Vec<Site> = placement.exits.iter().copied().chain([entry]).collect();
    let probes = Uprobes::attach(&binary.path, &sites);
    let on_every_write = name.contains("mapassign") || name.ends_with("mallocgc");
    target.fill(if on_every_write { 2_000 } else { 60_000 });
    // A collection may still be under way.
    std::thread::sleep(Duration::from_millis(300));
    let hits = probes.counted_hits();
    let exits = placement
        .exits
        .iter()
        .map(|site| hits[&site.address.0])
        .collect();
    (hits[&entry.address.0], exits)
}
