//! Which processes are attached to, by each way to choose them.

use std::{
    collections::BTreeSet,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use integration::{
    go::{self, Toolchain},
    load::Load,
    machine, ports,
    program::Program,
    requirement,
    slowmap::{self, PATIENCE},
};

/// A service and the port that it listens on. Those of one executable differ in nothing but what they are chosen by.
fn service(name: &str, host: &str) -> Result<(Program, u16)> {
    let mut shop = Command::new(go::target("shop", Toolchain::Installed)?);
    shop.args(["-listen", &format!("{host}:0")]);
    shop.env("OTEL_SERVICE_NAME", name);
    let mut shop = Program::start(shop)?;
    let ready = shop.line(PATIENCE, |line| line.starts_with("listening on "))?;
    let port = ready.rsplit(':').next().context("no port")?.parse()?;
    Ok((shop, port))
}

#[test]
fn a_process_is_attached_to_by_its_service_its_command_line_or_its_port_and_no_other_is()
-> Result<()> {
    let test =
        "a_process_is_attached_to_by_its_service_its_command_line_or_its_port_and_no_other_is";
    if !requirement::root(test) {
        return Ok(());
    }
    let _alone = machine::alone()?;
    let (eu, port) = service("shop-eu", "127.0.0.1")?;
    // Their command lines differ by the host.
    let (us, _) = service("shop-us", "localhost")?;
    let port = port.to_string();
    for choice in [
        ["--service", "*-eu"],
        ["--cmdline", "*/shop -listen 127.0.0.1:*"],
        ["--port", &port],
    ] {
        assert_eq!(attached(&choice)?, BTreeSet::from([eu.pid()]), "{choice:?}");
    }
    let both = attached(&["--service", "shop-us", "--port", &port])?;
    assert_eq!(both, BTreeSet::from([eu.pid(), us.pid()]));
    for shop in [eu, us] {
        shop.stop(PATIENCE)?;
    }
    Ok(())
}

/// The processes that are attached to within two seconds.
fn attached(choice: &[&str]) -> Result<BTreeSet<u32>> {
    let mut command = slowmap::command(["--log-format", "json", "run"])?;
    command
        .args(choice)
        .args(["--otlp-endpoint", "http://127.0.0.1:9"]);
    let slowmap = Program::start(command)?;
    std::thread::sleep(Duration::from_secs(2));
    let ended = slowmap.stop(PATIENCE)?;
    let pid = |line: &str| -> Option<u32> {
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        let fields = line.get("fields")?;
        (fields.get("message")? == "attached")
            .then(|| fields.get("pid")?.as_u64()?.try_into().ok())?
    };
    Ok(ended.stderr.lines().filter_map(pid).collect())
}

#[test]
fn a_process_that_listens_late_is_attached_to_when_it_does() -> Result<()> {
    let test = "a_process_that_listens_late_is_attached_to_when_it_does";
    if !requirement::root(test) {
        return Ok(());
    }
    let _alone = machine::alone()?;
    // It is free now, and nobody else is told of it.
    let [port] = ports::free()?;
    let mut command = slowmap::command(["run", "--port", &port.to_string()])?;
    command.args(["--otlp-endpoint", "http://127.0.0.1:9"]);
    let mut slowmap = Program::start(command)?;
    let begin = Instant::now();
    while !slowmap.stderr().contains(" running ") {
        ensure!(begin.elapsed() < PATIENCE, "{}", slowmap.stderr());
        std::thread::sleep(Duration::from_millis(10));
    }
    let mut shop = Command::new(go::target("shop", Toolchain::Installed)?);
    shop.args(["-listen", &format!("127.0.0.1:{port}")]);
    let shop = Program::start(shop)?;
    slowmap::wait_attached_log(&mut slowmap, 1, PATIENCE)?;
    let load = Load {
        base: format!("http://127.0.0.1:{port}"),
        paths: vec!["/checkout".to_owned()],
        requests: 1,
        clients: 1,
        pause: Duration::ZERO,
        limit: PATIENCE,
    };
    assert_eq!(load.run().failed, 0);
    assert_eq!(slowmap.stop(PATIENCE)?.code(), Some(0));
    shop.stop(PATIENCE)?;
    Ok(())
}
