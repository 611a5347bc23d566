//! The stack of a slow write is the one that Go's own traceback shows, in every kind of binary.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};
use integration::{
    agreement,
    go::{self, Toolchain},
    machine, observation,
    recording::{Event, Frame},
    requirement, sources,
    traceback::{from_writer, shown},
    truth::TrueWrite,
};

const STRIPPED: &[&str] = &["-ldflags=-s -w"];
const HMAP: Toolchain = Toolchain::Release("go1.22.12");

#[test]
fn stacks_types_and_goroutines_are_right_with_swiss_maps() -> Result<()> {
    as_go_sees_it("swiss_maps", Toolchain::Installed, &[])
}

#[test]
fn stacks_types_and_goroutines_are_right_in_a_stripped_binary() -> Result<()> {
    as_go_sees_it("a_stripped_binary", Toolchain::Installed, STRIPPED)
}

#[test]
fn stacks_types_and_goroutines_are_right_in_a_position_independent_binary() -> Result<()> {
    let flags = &["-buildmode=pie"];
    as_go_sees_it("a_position_independent_binary", Toolchain::Installed, flags)
}

#[test]
fn stacks_types_and_goroutines_are_right_with_hmap() -> Result<()> {
    as_go_sees_it("hmap", HMAP, &[])
}

#[test]
fn stacks_types_and_goroutines_are_right_with_hmap_in_a_stripped_binary() -> Result<()> {
    as_go_sees_it("hmap_in_a_stripped_binary", HMAP, STRIPPED)
}

fn as_go_sees_it(name: &str, toolchain: Toolchain, flags: &[&str]) -> Result<()> {
    if !requirement::root(&format!("stacks_types_and_goroutines_are_right: {name}")) {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let mut target = Command::new(go::target_with("truth", toolchain, flags)?);
    target.args(["--stacks", "4096", "--rate", "200000", "--duration", "8s"]);
    target.args(["--threshold", "30us"]);
    let options = &["--threshold", "30us"];
    let observed = observation::of(target, options, Duration::from_secs(30))?;
    let sources = Sources::default();
    let (mut compared, mut wrong) = (0, Vec::new());
    let (mut lost, mut unknown) = (0, 0);
    let mut types = BTreeMap::new();
    for write in observed
        .truth
        .writes
        .iter()
        .filter(|write| !write.stack.is_empty())
    {
        let Some(event) = agreement::event_of(write, &observed.recording.events) else {
            continue;
        };
        compared += 1;
        if lacks_the_writer_alone(event, write) {
            lost += 1;
        } else if let Err(difference) = compare(event, write, &sources) {
            let (seen, expected) = (shown(&event.stack), shown(&write.stack));
            wrong.push(format!("{difference}\n  event {seen}\n  truth {expected}"));
        }
        *types.entry(event.map_type.clone()).or_insert(0) += 1;
        unknown += usize::from(event.map_type.is_none());
    }
    println!(
        "{name}: {compared} stacks compared, {} differ, {lost} lack the writer; map types {types:?}",
        wrong.len()
    );
    assert!(compared >= 30, "only {compared} stacks");
    // Of a write that was interrupted in its first instructions it is not known.
    assert!(
        unknown * 20 <= compared,
        "{unknown} map types are not known"
    );
    // One in some thousands, as docs/limits.md says.
    assert!(lost <= 1 + compared / 500, "{lost} lack the writer");
    wrong.truncate(5);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    Ok(())
}

/// Whether the write waited in its first instructions, and nothing but its caller is missing.
fn lacks_the_writer_alone(event: &Event, write: &TrueWrite) -> bool {
    let (Some((leaf, callers)), Some((_, true_callers))) =
        (event.stack.split_first(), write.stack.split_first())
    else {
        return false;
    };
    leaf.function.as_deref() == Some(entry_point(&write.map_type)) && callers == true_callers
}

/// What is different, if anything is.
fn compare(event: &Event, write: &TrueWrite, sources: &Sources) -> Result<(), String> {
    let expect = |holds: bool, what: &str| if holds { Ok(()) } else { Err(what.to_owned()) };
    let entry = entry_point(&write.map_type);
    let function = event.function.as_deref();
    expect(
        function == Some(entry),
        &format!("function {function:?}, not {entry}"),
    )?;
    expect(event.has_frame(entry), "the entry is not in the stack")?;
    match &event.map_type {
        Some(map_type) => {
            let right = *map_type == write.map_type;
            expect(right, &format!("map type {map_type}"))?;
        }
        // Of a wait it need not be known.
        None => expect(event.cause != "growth", "a growth without a map type")?,
    }
    let (own, callers) =
        from_writer(&event.stack, &write.function).ok_or("the writer is missing")?;
    let (logged, true_callers) = from_writer(&write.stack, &write.function).ok_or("no truth")?;
    expect(callers == true_callers, "other callers")?;
    expect(own.file == logged.file, "another file")?;
    let line = sources.line(own).map_err(|error| format!("{error:#}"))?;
    expect(
        line.contains("[key] = value"),
        &format!("it points to {line:?}"),
    )
}

fn entry_point(map_type: &str) -> &'static str {
    match map_type {
        "map[int]int" => "runtime.mapassign_fast64",
        "map[string]*main.item" => "runtime.mapassign_faststr",
        _ => "runtime.mapassign",
    }
}

/// Source files, read once.
#[derive(Default)]
struct Sources(std::cell::RefCell<HashMap<String, String>>);

impl Sources {
    fn line(&self, frame: &Frame) -> Result<String> {
        let (file, line) = frame
            .file
            .clone()
            .zip(frame.line)
            .context("no file or line")?;
        let mut files = self.0.borrow_mut();
        if !files.contains_key(&file) {
            let here = of_this_checkout(&file);
            let text = std::fs::read_to_string(&here)
                .with_context(|| format!("read {}", here.display()))?;
            files.insert(file.clone(), text);
        }
        let text = files.get(&file).context("just read")?;
        let index = usize::try_from(line)?
            .checked_sub(1)
            .context("lines count from 1")?;
        Ok(text
            .lines()
            .nth(index)
            .unwrap_or_default()
            .trim()
            .to_owned())
    }
}

/// A target may have been built in another checkout, of the same sources, that is gone since.
fn of_this_checkout(file: &str) -> PathBuf {
    const TARGETS: &str = "integration/targets/";
    let own = file.split_once(TARGETS);
    own.map_or_else(
        || PathBuf::from(file),
        |(_, rest)| sources::repository().join(TARGETS).join(rest),
    )
}
