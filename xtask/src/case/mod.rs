//! `cargo xtask case`: two services whose P99 spikes now and then, recorded, repaired and recorded again; docs/case.md is what
//! came of it.

mod chart;
mod page;

use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::{Context, Result, bail};
use integration::{
    case::{self, Case, Requests, Taken},
    go::Toolchain,
    machine as shared, slowmap, sources,
};

use crate::{interrupt, machine, run};

/// A service, and what is told of it.
struct Scene {
    /// Of its pictures and its section.
    name: &'static str,
    case: Case,
    texts: page::Texts,
}

const SCENES: [Scene; 2] = [
    Scene {
        name: "one-large-map",
        case: Case {
            toolchain: Toolchain::Release("go1.22.12"),
            requests: Requests::Ids {
                batch: 1_000,
                per_second: 200,
            },
            entries: 15_000_000,
            generations: 2,
            recorded: Duration::from_secs(74),
        },
        texts: page::LARGE_MAP,
    },
    Scene {
        name: "built-anew",
        case: Case {
            toolchain: Toolchain::Installed,
            requests: Requests::Prices { per_second: 200 },
            entries: 300_000,
            generations: 0,
            recorded: Duration::from_secs(80),
        },
        texts: page::BUILT_ANEW,
    },
];

/// A scene, played.
struct Played {
    name: &'static str,
    texts: page::Texts,
    go: String,
    requests: Requests,
    before: Taken,
    after: Taken,
    compared: String,
}

pub fn run() -> Result<()> {
    if !machine::is_root() {
        bail!(
            "the case needs root, to attach probes; run: {}",
            machine::as_root("cargo xtask case")
        );
    }
    machine::need_go()?;
    let browser = machine::Package {
        name: "chromium",
        file: "/usr/bin/chromium",
    };
    machine::install(&[browser], "the case's pictures")?;
    slowmap::binary()?;
    let docs = sources::repository().join("docs");
    let pictures = docs.join("case");
    fs::create_dir_all(&pictures).context("create docs/case")?;
    let _alone = shared::alone()?;
    shared::before_other_programs(-15)?;
    let mut played = Vec::new();
    for scene in &SCENES {
        let scene = play(scene, &pictures)?;
        chart::draw(&scene, &pictures.join(format!("{}.svg", scene.name)))?;
        played.push(scene);
    }
    let path = docs.join("case.md");
    fs::write(&path, page::page(&played)?).context("write docs/case.md")?;
    println!("written: {}", path.display());
    Ok(())
}

fn play(scene: &Scene, pictures: &Path) -> Result<Played> {
    let scratch = tempfile::tempdir()?;
    let scratch = scratch.path();
    let before = run_case(scene, false, scratch)?;
    let page = scratch.join(case::BEFORE).join("report.html");
    screenshot(&page, &pictures.join(format!("{}.png", scene.name)))?;
    let after = run_case(scene, true, scratch)?;
    Ok(Played {
        name: scene.name,
        texts: scene.texts,
        go: scene.case.toolchain.version()?,
        requests: scene.case.requests,
        before,
        after,
        compared: case::compared(scratch)?,
    })
}

fn run_case(scene: &Scene, repaired: bool, scratch: &Path) -> Result<Taken> {
    interrupt::check()?;
    let how = if repaired { "repaired" } else { "as it is" };
    println!("{}, {how}", scene.name);
    let taken = scene.case.run(repaired, scratch)?;
    println!(
        "  P99 {:.1} ms usually, {:.1} ms at most",
        taken.median(),
        taken.highest()
    );
    Ok(taken)
}

/// The top of a page, as Chromium shows it.
fn screenshot(page: &Path, to: &Path) -> Result<()> {
    let state = tempfile::tempdir()?;
    let mut chromium = Command::new("chromium");
    chromium
        .args(["--headless", "--no-sandbox", "--hide-scrollbars"])
        .arg("--window-size=1200,1250")
        .arg(format!("--user-data-dir={}", state.path().display()))
        .arg(format!("--screenshot={}", to.display()))
        .arg(format!("file://{}", page.display()))
        .stderr(std::process::Stdio::null());
    run::succeed(chromium)
}
