//! Every Go release since 1.18, built in every way that services are: slow writes are found, each with the function
//! that wrote, its callers, files and lines as Go's own traceback has them, its goroutine and the type of its map; and
//! the service is as it was before.

mod builds;
mod group;
mod pretender;
mod verdict;

use anyhow::Result;
use builds::Case;
use group::Observed;
use integration::{machine, program::Program, requirement, slowmap};

#[test]
fn slow_writes_are_found_and_right_with_every_release_and_when_it_is_stripped() -> Result<()> {
    let test = "slow_writes_are_found_and_right_with_every_release_and_when_it_is_stripped";
    found_and_right(test, &builds::releases())
}

#[test]
fn slow_writes_are_found_and_right_with_hmap_however_it_was_built() -> Result<()> {
    let test = "slow_writes_are_found_and_right_with_hmap_however_it_was_built";
    found_and_right(test, &builds::of(builds::NEWEST_HMAP))
}

#[test]
fn slow_writes_are_found_and_right_with_swiss_maps_however_it_was_built() -> Result<()> {
    let test = "slow_writes_are_found_and_right_with_swiss_maps_however_it_was_built";
    found_and_right(test, &builds::of(builds::NEWEST_SWISS))
}

#[test]
fn slow_writes_are_found_and_right_with_hmap_in_releases_that_have_both() -> Result<()> {
    let test = "slow_writes_are_found_and_right_with_hmap_in_releases_that_have_both";
    found_and_right(test, &builds::hmap_by_experiment())
}

#[test]
fn a_release_that_is_not_known_is_declined_by_name_and_watched_as_what_the_user_says_it_is()
-> Result<()> {
    let test =
        "a_release_that_is_not_known_is_declined_by_name_and_watched_as_what_the_user_says_it_is";
    if !requirement::root(test) {
        return Ok(());
    }
    let case = builds::stripped(builds::NEWEST_SWISS);
    let directory = tempfile::tempdir()?;
    let unknown = pretender::of(&case.build()?, "go1.29.4", directory.path())?;
    let path = unknown.to_str().unwrap_or_default();
    let inspect = |more: &[&str]| {
        let command = slowmap::command([&["inspect", path], more].concat())?;
        Program::run(command, slowmap::PATIENCE)
    };
    let declined = inspect(&[])?;
    assert_eq!(declined.code(), Some(4), "{declined:?}");
    let reason = "go1.29: not verified, no DWARF";
    assert!(declined.stderr.contains(reason), "{declined:?}");
    let assumed = inspect(&["--assume-go", "1.27"])?.stdout;
    assert!(assumed.contains("taken for   Go 1.27"), "{assumed}");

    let _alone = machine::alone()?;
    let observed = group::record(&[unknown], &["--assume-go", "1.27"])?;
    judge(&[case], &observed)
}

fn found_and_right(test: &str, cases: &[Case]) -> Result<()> {
    if !requirement::root(test) {
        return Ok(());
    }
    let executables = builds::build(cases)?;
    let _alone = machine::alone()?;
    let observed = group::record(&executables, &[])?;
    judge(cases, &observed)
}

fn judge(cases: &[Case], observed: &Observed) -> Result<()> {
    let mut failures = Vec::new();
    for (case, truth) in cases.iter().zip(&observed.targets) {
        let verdict = verdict::of(truth, &observed.recording.events);
        println!("{:<32} {verdict}", case.name());
        failures.extend(
            verdict
                .failures()
                .map(|failure| format!("{}: {failure}", case.name())),
        );
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    Ok(())
}
