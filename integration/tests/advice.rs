//! Advice is given where maps are misused, and not where the same is done as it should be.

use std::{process::Command, time::Duration};

use anyhow::{Result, bail};
use integration::{
    cpu_limit::CpuLimit,
    go::{self, Toolchain},
    machine,
    program::Program,
    requirement,
    slowmap::{self, PATIENCE},
};

/// With maps before Swiss maps, and with the `sync.Map` that writes to one.
const EARLIER: Toolchain = Toolchain::Release("go1.22.12");

/// A way to misuse maps.
struct Misuse {
    case: &'static str,
    toolchain: Toolchain,
    threshold: &'static str,
    /// What the advice has in it, and nothing that is said of the repaired case.
    advice: &'static str,
    /// The line that it is about.
    place: [&'static str; 2],
}

impl Misuse {
    fn target(&self, repaired: bool) -> Result<Command> {
        let mut target = Command::new(go::target("misuse", self.toolchain)?);
        target.args(["--case", self.case, "--start-after", "2s"]);
        if repaired {
            target.arg("--repaired");
        }
        Ok(target)
    }

    /// What `slowmap report` says of a recording of the target.
    fn told_of(&self, target: Command) -> Result<String> {
        let directory = tempfile::tempdir()?;
        let output = directory.path().join("out");
        // The target does not wait until slowmap is built.
        let mut record = slowmap::command(["record", "--threshold", self.threshold, "--output"])?;
        record.arg(&output).args(["--budget", "100", "--pid"]);
        // It may have another program start it.
        let mut target = Program::start(target)?;
        target.line(PATIENCE, |line| line.starts_with("READY "))?;
        record.arg(target.pid().to_string());
        succeed(record)?;
        let mut report = slowmap::command(["report"])?;
        report.arg(&output);
        let told = succeed(report)?;
        println!("{}: {told}", self.case);
        Ok(told)
    }

    /// Advice is two lines, of which the second is the evidence.
    fn advice_in<'a>(&self, told: &'a str) -> Option<(&'a str, &'a str)> {
        let mut lines = told.lines();
        let advice = lines.find(|line| line.contains(self.advice))?;
        Some((advice, lines.next()?))
    }

    /// Returns the evidence.
    fn is_advised_against(&self) -> Result<String> {
        let told = self.told_of(self.target(false)?)?;
        let Some((advice, evidence)) = self.advice_in(&told) else {
            panic!("no advice: {told}");
        };
        assert!(
            self.place.iter().all(|part| advice.contains(part)),
            "{advice}"
        );
        let repaired = self.told_of(self.target(true)?)?;
        assert_eq!(self.advice_in(&repaired), None, "{repaired}");
        Ok(evidence.to_owned())
    }
}

fn succeed(command: Command) -> Result<String> {
    let ended = Program::run(command, Duration::from_secs(60))?;
    if ended.code() != Some(0) {
        bail!("slowmap ended with {}: {}", ended.status, ended.stderr);
    }
    Ok(ended.stdout)
}

#[test]
fn a_map_that_is_filled_from_empty_again_and_again_is_to_be_made_with_its_size() -> Result<()> {
    if !requirement::root(
        "a_map_that_is_filled_from_empty_again_and_again_is_to_be_made_with_its_size",
    ) {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let regrown = Misuse {
        case: "regrown",
        toolchain: Toolchain::Installed,
        threshold: "20us",
        advice: "make(map[int]int, n)",
        place: ["main.fill ", "cases.go:"],
    };
    regrown.is_advised_against()?;
    Ok(())
}

#[test]
fn a_map_that_each_request_makes_anew_may_be_kept() -> Result<()> {
    if !requirement::root("a_map_that_each_request_makes_anew_may_be_kept") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let per_request = Misuse {
        case: "per-request",
        toolchain: Toolchain::Installed,
        threshold: "20us",
        advice: "Each request makes this map anew.",
        place: ["main.fill ", "cases.go:"],
    };
    let evidence = per_request.is_advised_against()?;
    assert!(evidence.contains(" traces."), "{evidence}");
    Ok(())
}

#[test]
fn a_map_that_a_middleware_makes_anew_for_each_request_may_be_kept() -> Result<()> {
    if !requirement::root("a_map_that_a_middleware_makes_anew_for_each_request_may_be_kept") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let middleware = Misuse {
        case: "middleware",
        toolchain: Toolchain::Installed,
        threshold: "20us",
        advice: "Each request makes this map anew.",
        place: ["main.permissions ", "middleware.go:"],
    };
    let evidence = middleware.is_advised_against()?;
    assert!(evidence.contains(" traces."), "{evidence}");
    Ok(())
}

#[test]
fn a_large_map_that_keeps_growing_is_to_be_made_with_its_size() -> Result<()> {
    if !requirement::root("a_large_map_that_keeps_growing_is_to_be_made_with_its_size") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    for toolchain in [Toolchain::Installed, EARLIER] {
        let large_map = Misuse {
            case: "large-map",
            toolchain,
            threshold: "20us",
            advice: "Make this map with the size that it will have",
            place: ["main.add ", "growing.go:"],
        };
        let evidence = large_map.is_advised_against()?;
        assert!(evidence.contains("never back"), "{evidence}");
    }
    Ok(())
}

#[test]
fn a_large_map_that_goroutines_take_turns_at_makes_them_wait_for_its_lock() -> Result<()> {
    if !requirement::root("a_large_map_that_goroutines_take_turns_at_makes_them_wait_for_its_lock")
    {
        return Ok(());
    }
    let _alone = machine::alone()?;
    for toolchain in [Toolchain::Installed, EARLIER] {
        let shared_map = Misuse {
            case: "shared-map",
            toolchain,
            threshold: "20us",
            advice: "Others wait for this map's lock while it grows.",
            place: ["main.(*table).put ", "shared.go:"],
        };
        let evidence = shared_map.is_advised_against()?;
        assert!(evidence.contains("It is one map, at 0x"), "{evidence}");
    }
    Ok(())
}

#[test]
fn values_of_many_bytes_in_a_map_that_grows_are_to_be_pointers() -> Result<()> {
    if !requirement::root("values_of_many_bytes_in_a_map_that_grows_are_to_be_pointers") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let large_entries = Misuse {
        case: "large-entries",
        toolchain: Toolchain::Installed,
        threshold: "20us",
        advice: "Keep pointers to the values",
        place: ["main.keepValues ", "growing.go:"],
    };
    let evidence = large_entries.is_advised_against()?;
    assert!(
        evidence.contains("A key of map[int]main.order takes 8 bytes, a value 128"),
        "{evidence}"
    );
    Ok(())
}

#[test]
fn json_that_is_decoded_into_maps_of_anything_is_to_become_structs() -> Result<()> {
    if !requirement::root("json_that_is_decoded_into_maps_of_anything_is_to_become_structs") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let json = Misuse {
        case: "json",
        toolchain: Toolchain::Installed,
        threshold: "5us",
        advice: "Decode into a struct",
        place: ["main.decodeAnything ", "libraries.go:"],
    };
    json.is_advised_against()?;
    Ok(())
}

#[test]
fn a_sync_map_that_gets_ever_new_keys_is_to_be_another_map() -> Result<()> {
    if !requirement::root("a_sync_map_that_gets_ever_new_keys_is_to_be_another_map") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let sync_map = Misuse {
        case: "sync-map",
        toolchain: EARLIER,
        threshold: "20us",
        advice: "sync.Map is made for keys that are written once",
        place: ["main.keepSync ", "libraries.go:"],
    };
    sync_map.is_advised_against()?;
    let later = Misuse {
        toolchain: Toolchain::Installed,
        ..sync_map
    };
    let told = later.told_of(later.target(false)?)?;
    assert_eq!(later.advice_in(&told), None, "{told}");
    Ok(())
}

#[test]
fn writes_that_have_to_mark_for_the_collector_are_slow_by_it_and_not_by_their_maps() -> Result<()> {
    if !requirement::root(
        "writes_that_have_to_mark_for_the_collector_are_slow_by_it_and_not_by_their_maps",
    ) {
        return Ok(());
    }
    let _alone = machine::alone()?;
    // Waiting for a CPU that others have would be the cause.
    machine::before_other_programs(-15)?;
    let gc_assist = Misuse {
        case: "gc-assist",
        toolchain: Toolchain::Installed,
        threshold: "100us",
        advice: "the garbage collector takes the time: lower the allocation rate",
        place: ["GOGC", "GOMEMLIMIT"],
    };
    let evidence = gc_assist.is_advised_against()?;
    assert!(evidence.contains("GC assist is "), "{evidence}");
    Ok(())
}

#[test]
fn a_cpu_limit_that_is_used_up_is_told_from_neighbours() -> Result<()> {
    if !requirement::root("a_cpu_limit_that_is_used_up_is_told_from_neighbours") {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let busy = Misuse {
        case: "busy",
        toolchain: Toolchain::Installed,
        threshold: "1ms",
        advice: "the service's CPU limit takes the time",
        place: ["misuse: ", ""],
    };
    let limit = CpuLimit::create()?;
    let told = busy.told_of(limit.holding(&busy.target(false)?))?;
    let Some((_, evidence)) = busy.advice_in(&told) else {
        panic!("no advice: {told}");
    };
    assert!(
        evidence.contains("Its CPU limit has stopped it"),
        "{evidence}"
    );
    let told = busy.told_of(busy.target(false)?)?;
    assert_eq!(busy.advice_in(&told), None, "{told}");
    Ok(())
}
