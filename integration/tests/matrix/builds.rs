//! Which releases, and which ways of building.

use std::{
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use anyhow::{Context, Result};
use integration::go::{Build, Toolchain};

/// The newest patch release of each minor release that slowmap knows.
const RELEASES: [&str; 10] = [
    "go1.18.10",
    "go1.19.13",
    "go1.20.14",
    "go1.21.13",
    "go1.22.12",
    "go1.23.12",
    "go1.24.13",
    "go1.25.14",
    "go1.26.11",
    "go1.27.4",
];
pub const NEWEST_HMAP: &str = "go1.23.12";
pub const NEWEST_SWISS: &str = "go1.27.4";
/// Those in which `GOEXPERIMENT=noswissmap` chooses the other implementation.
const WITH_BOTH: [&str; 2] = ["go1.24.13", "go1.25.14"];

const DEFAULT: Way = way("default", &[], &[]);
const STRIPPED: Way = way("stripped", &["-ldflags=-s -w"], &[]);
const CGO: (&str, &str) = ("CGO_ENABLED", "1");
const OTHER: [Way; 8] = [
    way("trimpath", &["-trimpath"], &[]),
    way("PIE, stripped", &["-buildmode=pie", "-ldflags=-s -w"], &[]),
    way(
        "static PIE",
        &[
            "-buildmode=pie",
            "-ldflags=-linkmode=external -extldflags=-static-pie",
        ],
        &[CGO],
    ),
    way(
        "cgo, linked externally",
        &["-ldflags=-linkmode=external -s -w"],
        &[CGO],
    ),
    way("race detector", &["-race"], &[CGO]),
    way("not inlined", &["-gcflags=-l"], &[]),
    way("not optimised", &["-gcflags=all=-N -l"], &[]),
    way("by profile", &["-pgo=profile.pprof"], &[]),
];

/// What is given to `go build`.
#[derive(Debug, Clone, Copy)]
struct Way {
    name: &'static str,
    flags: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
}

const fn way(
    name: &'static str,
    flags: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
) -> Way {
    Way {
        name,
        flags,
        environment,
    }
}

/// A release, and how it builds the target.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    release: &'static str,
    way: Way,
}

impl Case {
    pub fn name(&self) -> String {
        format!("{} {}", self.release, self.way.name)
    }

    pub fn build(&self) -> Result<PathBuf> {
        let build = Build {
            toolchain: Toolchain::Release(self.release),
            flags: self.way.flags,
            environment: self.way.environment,
        };
        build.target("matrix").with_context(|| self.name())
    }
}

pub fn releases() -> Vec<Case> {
    cases(&RELEASES, &[DEFAULT, STRIPPED])
}

pub fn of(release: &'static str) -> Vec<Case> {
    cases(&[release], &OTHER)
}

pub fn stripped(release: &'static str) -> Case {
    let way = STRIPPED;
    Case { release, way }
}

pub fn hmap_by_experiment() -> Vec<Case> {
    const NO_SWISS: (&str, &str) = ("GOEXPERIMENT", "noswissmap");
    let ways = [DEFAULT, STRIPPED].map(|way| Way {
        environment: &[NO_SWISS],
        ..way
    });
    cases(&WITH_BOTH, &ways)
}

fn cases(releases: &[&'static str], ways: &[Way]) -> Vec<Case> {
    let cases = releases
        .iter()
        .flat_map(|&release| ways.iter().map(move |&way| Case { release, way }));
    cases.collect()
}

/// Their executables, in the same order. Two are built at a time: linking leaves a CPU idle.
pub fn build(cases: &[Case]) -> Result<Vec<PathBuf>> {
    let (next, built) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some((index, case)) = take(cases, &next) {
                    let executable = case.build();
                    if let Ok(mut built) = built.lock() {
                        built.push((index, executable));
                    }
                }
            });
        }
    });
    let mut built = built.into_inner().unwrap_or_default();
    built.sort_by_key(|(index, _)| *index);
    built
        .into_iter()
        .map(|(_, executable)| executable)
        .collect()
}

fn take<'a>(cases: &'a [Case], next: &AtomicUsize) -> Option<(usize, &'a Case)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    Some((index, cases.get(index)?))
}
