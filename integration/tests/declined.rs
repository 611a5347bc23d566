//! Executables that slowmap cannot look into are declined, and the reason is the right one.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use integration::{
    cache,
    go::{Build, Toolchain},
    program::{self, Ended, Program},
    requirement, slowmap, sources,
};

const CGO: &[(&str, &str)] = &[("CGO_ENABLED", "1")];

/// Builds `integration/targets/library` in a way that needs a C compiler; `None` where there is none.
fn library(test: &str, mode: &str) -> Result<Option<PathBuf>> {
    if requirement::program(test, "cc").is_none() {
        return Ok(None);
    }
    let flag = format!("-buildmode={mode}");
    let build = Build {
        toolchain: Toolchain::Installed,
        flags: &[&flag],
        environment: CGO,
    };
    build.target("library").map(Some)
}

/// A program in C, linked with that library.
fn host(library: &Path, directory: &Path) -> Result<PathBuf> {
    let source = sources::repository().join("integration/targets/library/host/host.c");
    let host = directory.join("host");
    let mut cc = Command::new("cc");
    cc.arg("-o").arg(&host).arg(source).arg(library);
    let output = cc.arg("-lpthread").output().context("run cc")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cc: {said}");
    Ok(host)
}

fn inspect(arguments: &[&str]) -> Result<Ended> {
    let command = slowmap::command([&["inspect"], arguments].concat())?;
    Program::run(command, Duration::from_secs(30))
}

/// What `slowmap inspect` says of what it cannot look into.
fn refusal(arguments: &[&str]) -> Result<String> {
    let ended = inspect(arguments)?;
    assert_eq!(ended.code(), Some(4), "{ended:?}");
    Ok(ended.stderr.trim().to_owned())
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap_or_default()
}

#[test]
fn a_shared_library_and_a_plugin_are_declined_by_their_build_mode() -> Result<()> {
    let test = "a_shared_library_and_a_plugin_are_declined_by_their_build_mode";
    for mode in ["c-shared", "plugin"] {
        let Some(library) = library(test, mode)? else {
            return Ok(());
        };
        let said = refusal(&[text(&library)])?;
        let reason = format!("built with -buildmode={mode}; slowmap looks into executables only");
        assert!(said.ends_with(&reason), "{said}");
    }
    Ok(())
}

#[test]
fn a_program_in_c_is_declined_with_the_name_of_the_go_library_that_it_has_loaded() -> Result<()> {
    let test = "a_program_in_c_is_declined_with_the_name_of_the_go_library_that_it_has_loaded";
    if !requirement::root(test) {
        return Ok(());
    }
    let Some(library) = library(test, "c-shared")? else {
        return Ok(());
    };
    let directory = tempfile::tempdir()?;
    let mut host = Program::start(Command::new(host(&library, directory.path())?))?;
    host.line(Duration::from_secs(20), |line| line == "READY 1000")?;
    let pid = host.pid().to_string();
    let reason = format!("it has loaded {}, which was", library.display());
    let said = refusal(&["--pid", &pid])?;
    assert!(said.contains(&reason), "{said}");

    let output = directory.path().join("out");
    let command = slowmap::command(["record", "--pid", &pid, "--output", text(&output)])?;
    let recorded = Program::run(command, slowmap::PATIENCE)?;
    assert_eq!(recorded.code(), Some(4), "{recorded:?}");
    assert!(recorded.stderr.contains(&reason), "{recorded:?}");
    host.say("end")?;
    assert_eq!(host.wait(slowmap::PATIENCE)?.code(), Some(0));
    Ok(())
}

#[test]
fn a_program_in_c_with_go_linked_into_it_is_probed_like_any_go_executable() -> Result<()> {
    let test = "a_program_in_c_with_go_linked_into_it_is_probed_like_any_go_executable";
    let Some(archive) = library(test, "c-archive")? else {
        return Ok(());
    };
    let directory = tempfile::tempdir()?;
    let host = host(&archive, directory.path())?;
    let ended = inspect(&[text(&host)])?;
    assert_eq!(ended.code(), Some(0), "{ended:?}");
    for line in ["build       c-archive", "growth_enter", "growth_exit"] {
        assert!(ended.stdout.contains(line), "{}", ended.stdout);
    }
    Ok(())
}

#[test]
fn a_garbled_program_is_declined_because_its_release_is_hidden() -> Result<()> {
    let garbled = garbled()?;
    let said = refusal(&[text(&garbled)])?;
    let reason = "its Go release is hidden (the executable says \"unknown\"), as garble does";
    assert!(said.contains(reason), "{said}");
    Ok(())
}

/// The garble that goes with a Go release: each supports few.
const GARBLES: [(&str, &str); 3] = [
    ("go1.25", "v0.15.0"),
    ("go1.26", "v0.16.0"),
    ("go1.27", "v0.18.0"),
];

/// A target that garble built. It does so with a toolchain that is installed only, not with one that is a module.
fn garbled() -> Result<PathBuf> {
    let go = Toolchain::Installed.version()?;
    let fits = |(release, _): &&(&str, &str)| go.starts_with(&format!("{release}."));
    let known = GARBLES.iter().find(fits);
    let (_, release) = known.with_context(|| format!("which garble goes with {go}?"))?;
    let key = format!("garble/{release}-{go}/garble");
    let garble = cache::file(Path::new(&key), |made| install(release, made))?;
    let module = sources::repository().join("integration/targets/matrix");
    let source = sources::hash(&module, &[&module])?;
    let key = format!("garble/{release}-{go}/{}/matrix", &source[..16]);
    cache::file(Path::new(&key), |made| {
        let mut command = Command::new(garble);
        command.args(["build", "-o"]).arg(made).current_dir(&module);
        command.env("GOTOOLCHAIN", "local").env("CGO_ENABLED", "0");
        program::succeed(command.env("GOFLAGS", "").arg(".")).map(drop)
    })
}

fn install(release: &str, made: &Path) -> Result<()> {
    let directory = tempfile::tempdir()?;
    let mut go = Toolchain::Installed.command();
    go.arg("install")
        .arg(format!("mvdan.cc/garble@{release}"))
        .env("GOBIN", directory.path());
    program::succeed(&mut go)?;
    std::fs::copy(directory.path().join("garble"), made).context("keep garble")?;
    Ok(())
}
