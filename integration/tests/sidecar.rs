//! slowmap as people run it: in a container of its own, beside the service's, with the privileges that the documents
//! name and no others.

use std::{collections::BTreeSet, path::Path, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use integration::{
    agreement, cargo,
    go::{self, Toolchain},
    machine,
    podman::Podman,
    program::Program,
    recording, requirement,
    sink::Sink,
    slowmap::{self, PATIENCE},
    sources,
    trace::slow::SPAN_NAME,
    truth::{Truth, TruthTarget},
};
use serde_json::Value;

const CAPABILITIES: [&str; 3] = ["BPF", "PERFMON", "SYS_PTRACE"];
const IMAGE: &str = concat!("slowmap:", env!("CARGO_PKG_VERSION"));
/// Where the sidecar writes: all else of its files is read-only.
const OUTPUT: &str = "/output";
const LIVES: usize = 5;

#[test]
fn beside_a_service_in_a_container_its_slow_writes_are_found_and_sent_with_three_capabilities()
-> Result<()> {
    let name = "beside_a_service_in_a_container_its_slow_writes_are_found_and_sent_with_three_capabilities";
    let Some(podman) = podman(name)? else {
        return Ok(());
    };
    let _alone = machine::alone()?;
    let directory = tempfile::tempdir()?;
    podman.image_of("correlate", &go::target("correlate", Toolchain::Installed)?)?;
    let _pause = pause(&podman, "correlate", directory.path())?;
    let arguments = ["--requests", "500", "--threshold", "20us"];
    let pids = ["--pid", "container:pause"];
    let mut service = podman.target(&pids, "shop", "correlate", &arguments, directory.path())?;
    let container = podman.id("shop")?;

    let sink = Sink::start()?;
    let mut sidecar = podman.run(&sidecar(
        "container:pause",
        &CAPABILITIES,
        directory.path(),
    )?);
    sidecar.arg(format!(
        "--env=OTEL_EXPORTER_OTLP_ENDPOINT=http://{}",
        sink.address()
    ));
    sidecar.args([
        "--env=OTEL_EXPORTER_OTLP_PROTOCOL=grpc",
        "--env=SLOWMAP_LOG=info",
    ]);
    sidecar.args([IMAGE, "run", "--all", "--threshold", "20us"]);
    let mut sidecar = Program::start(sidecar)?;
    slowmap::wait_attached_log(&mut sidecar, 2, PATIENCE)?;
    service.begin()?;
    let truth = service.finish(PATIENCE)?;
    let ended = sidecar.stop(PATIENCE)?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    assert_eq!(truth.outcome.failed, 0);

    let received = sink.received();
    let traces: BTreeSet<&str> = truth
        .writes
        .iter()
        .map(|write| write.trace_id.as_str())
        .collect();
    println!(
        "{} spans of {} slow writes",
        received.spans.len(),
        truth.writes.len()
    );
    assert!(received.spans.len() >= 100, "{}", ended.stderr);
    for span in &received.spans {
        assert_eq!(span.name, SPAN_NAME);
        assert!(traces.contains(&*span.trace_id), "{span:?}");
        let id = span.resource.get("container.id");
        assert_eq!(id.and_then(Value::as_str), Some(&*container), "{span:?}");
    }
    Ok(())
}

#[test]
fn with_one_capability_less_it_ends_with_code_3_and_names_it() -> Result<()> {
    let Some(podman) = podman("with_one_capability_less_it_ends_with_code_3_and_names_it")? else {
        return Ok(());
    };
    let directory = tempfile::tempdir()?;
    podman.image_of("truth", &go::target("truth", Toolchain::Installed)?)?;
    let _service = service(&podman, "shop", "truth", &[], directory.path())?;
    for missing in CAPABILITIES {
        let held: Vec<&str> = CAPABILITIES
            .into_iter()
            .filter(|one| *one != missing)
            .collect();
        let mut record = podman.run(&sidecar("container:shop", &held, directory.path())?);
        record.args([IMAGE, "record", "--all", "--duration", "1s", "--output"]);
        record.arg(format!("{OUTPUT}/without"));
        let ended = Program::run(record, PATIENCE)?;
        assert_eq!(ended.code(), Some(3), "without {missing}: {}", ended.stderr);
        assert!(
            ended.stderr.contains(&format!("CAP_{missing}")),
            "{}",
            ended.stderr
        );
    }
    Ok(())
}

/// The numbers of processes are the host's own for slowmap there, and the service's for itself.
#[test]
fn on_the_host_a_service_in_a_container_has_both_its_numbers() -> Result<()> {
    let Some(podman) = podman("on_the_host_a_service_in_a_container_has_both_its_numbers")? else {
        return Ok(());
    };
    let _alone = machine::alone()?;
    let directory = tempfile::tempdir()?;
    podman.image_of("truth", &go::target("truth", Toolchain::Installed)?)?;
    let mut service = service(&podman, "shop", "truth", &SERVICE, directory.path())?;
    let container = podman.id("shop")?;
    let output = directory.path().join("host");
    let mut record = slowmap::command(["record", "--exe", "/truth", "--duration", "60s"])?;
    record
        .arg("--output")
        .arg(&output)
        .env("SLOWMAP_LOG", "info");
    let mut record = Program::start(record)?;
    slowmap::wait_attached_log(&mut record, 1, PATIENCE)?;
    service.begin()?;
    let truth = service.finish(PATIENCE)?;
    assert_eq!(record.wait(PATIENCE)?.code(), Some(0));
    let events = recording::read(&output)?.events;
    let agreement = agreement::between(&truth.writes, &events);
    let found = agreement.true_writes - agreement.missed.len();
    println!("{found} found of {}", agreement.true_writes);
    // How many there are depends on how fast the machine is, and how many of them are the host's.
    assert!(found >= 15, "{found} of {}", agreement.true_writes);
    assert!(agreement.precision() >= 0.98, "{}", agreement.precision());
    for event in &events {
        assert_eq!(event.target_pid, 1, "{event:?}");
        assert_ne!(event.pid, 1, "{event:?}");
        assert_eq!(event.container_id.as_deref(), Some(&*container));
    }
    Ok(())
}

/// Another program behind the same name each time, as with a new release.
#[test]
fn a_service_that_is_replaced_again_and_again_is_watched_in_each_of_its_lives() -> Result<()> {
    let name = "a_service_that_is_replaced_again_and_again_is_watched_in_each_of_its_lives";
    let Some(podman) = podman(name)? else {
        return Ok(());
    };
    let _alone = machine::alone()?;
    let directory = tempfile::tempdir()?;
    let plain = go::target("truth", Toolchain::Installed)?;
    let stripped = go::target_with("truth", Toolchain::Installed, &["-ldflags=-s -w"])?;
    podman.image_of("pause", &plain)?;
    podman.image_of("even", &plain)?;
    podman.image_of("odd", &stripped)?;
    let _pause = pause(&podman, "pause", directory.path())?;
    let mut record = podman.run(&sidecar(
        "container:pause",
        &CAPABILITIES,
        directory.path(),
    )?);
    record.args([
        "--env",
        "SLOWMAP_LOG=info",
        IMAGE,
        "record",
        "--all",
        "--duration",
        "10m",
    ]);
    record.args(["--output", &format!("{OUTPUT}/lives")]);
    let mut record = Program::start(record)?;
    slowmap::wait_attached_log(&mut record, 1, PATIENCE)?;
    let on_host = directory.path().join("on_host");
    let mut beside = slowmap::command(["record", "--exe", "/truth", "--duration", "10m"])?;
    beside.arg("--output").arg(&on_host);
    beside.env("SLOWMAP_LOG", "info");
    let mut beside = Program::start(beside)?;
    slowmap::wait_attached_log(&mut beside, 1, PATIENCE)?;
    let lives = (0..LIVES).map(|life| live(&podman, life, directory.path()));
    let lives = lives.collect::<Result<Vec<Truth>>>()?;
    let ended = record.stop(PATIENCE)?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    assert_eq!(beside.stop(PATIENCE)?.code(), Some(0));
    let events = recording::read(&directory.path().join("lives"))?.events;
    let on_host = recording::read(&on_host)?.events;
    for (life, truth) in lives.iter().enumerate() {
        let (count, share) = agreement::found_too(&truth.writes, &on_host, &events);
        println!("life {life}: {share:.3} of {count} found");
        assert!(truth.outcome.checksum_ok);
        assert!(
            count >= 15 && share >= agreement::AT_WORK,
            "life {life}: {share} of {count}"
        );
    }
    Ok(())
}

/// It has a second before it writes anything.
fn live(podman: &Podman, life: usize, directory: &Path) -> Result<Truth> {
    let own = directory.join(life.to_string());
    std::fs::create_dir(&own)?;
    let image = if life.is_multiple_of(2) {
        "even"
    } else {
        "odd"
    };
    let options = ["--pid", "container:pause"];
    let mut service = podman.target(&options, image, image, &SERVICE, &own)?;
    thread::sleep(Duration::from_secs(1));
    service.begin()?;
    service.finish(PATIENCE)
}

/// A few seconds of it.
const SERVICE: [&str; 6] = ["--mode", "service", "--rate", "200000", "--duration", "3s"];

/// With slowmap's image; `None` only outside CI, after the reason was noted.
fn podman(test: &str) -> Result<Option<Podman>> {
    if !requirement::root(test) {
        return Ok(None);
    }
    let programs = (
        requirement::program(test, "podman"),
        requirement::program(test, "runc"),
    );
    let (Some(program), Some(_)) = programs else {
        return Ok(None);
    };
    let podman = Podman::new(program)?;
    let archive = cargo::target_directory().join("sidecar-test-image.tar");
    build_image(&archive)?;
    podman.load(&archive)?;
    Ok(Some(podman))
}

/// Once for all tests of this file.
fn build_image(archive: &Path) -> Result<()> {
    static BUILT: std::sync::OnceLock<Result<(), String>> = std::sync::OnceLock::new();
    let build = || {
        let mut cargo = cargo::command();
        cargo
            .args(["xtask", "image", "--profile", "release", "--output"])
            .arg(archive);
        let output = cargo.output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cargo xtask image: {said}");
        Ok(())
    };
    let built = BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    built.clone().map_err(anyhow::Error::msg)
}

/// A target in a container of that name, with its log in `directory`.
fn service(
    podman: &Podman,
    name: &str,
    image: &str,
    arguments: &[&str],
    directory: &Path,
) -> Result<TruthTarget> {
    podman.target(&[], name, image, arguments, directory)
}

/// A first container, as a pod has one: with it all others of its numbering end.
fn pause(podman: &Podman, image: &str, directory: &Path) -> Result<TruthTarget> {
    let own = directory.join("pause");
    std::fs::create_dir(&own)?;
    service(podman, "pause", image, &[], &own)
}

/// The options of docs/install.md.
fn sidecar(pids: &str, capabilities: &[&str], output: &Path) -> Result<Vec<String>> {
    let seccomp = sources::repository().join("docker/seccomp.json");
    let mut options: Vec<String> = ["--read-only", "--cap-drop", "ALL", "--pid", pids]
        .map(str::to_owned)
        .into();
    options.extend(capabilities.iter().map(|name| format!("--cap-add={name}")));
    options.push("--security-opt=no-new-privileges".to_owned());
    options.push(format!("--security-opt=seccomp={}", text(&seccomp)?));
    options.push(format!("--volume={}:{OUTPUT}", text(output)?));
    Ok(options)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path that is no text")
}
