//! The programs of the demo: the shop, slowmap beside it, and the load.

use std::{
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use integration::{
    kernel::BpfObjects,
    load::Load,
    program::{Ended, Program},
    slowmap,
};

use super::backend::Backend;
use crate::interrupt;

/// The name under which a backend files the shop's spans, and slowmap's of the shop.
pub const SERVICE: &str = "shop";

/// What is requested, in turn.
pub const PATHS: [&str; 3] = ["/checkout", "/import", "/inventory"];

const LOAD: Duration = Duration::from_secs(15);
const CLIENTS: u64 = 2;

/// How long each may take to start and to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// Dropped in the order of its fields: slowmap detaches before the shop ends.
#[derive(Debug)]
pub struct Scene {
    slowmap: Program,
    pub shop: Program,
    /// Where the shop listens.
    pub address: String,
}

/// How both ended.
#[derive(Debug)]
pub struct Sent {
    /// Slow writes that the endpoint has accepted. `None`: it did not say.
    pub exported: Option<u64>,
    pub log: String,
    shop: Ended,
}

impl Scene {
    /// Starts both, and returns once slowmap is attached.
    pub fn start(shop: &Path, backend: &Backend) -> Result<Self> {
        let mut shop = Program::start(shop_command(shop, backend))?;
        let ready = shop.line(PATIENCE, |line| line.starts_with("listening on "))?;
        let address = ready.trim_start_matches("listening on ").to_owned();
        interrupt::check()?;
        let pid = shop.pid().to_string();
        let headers = remote_settings(backend);
        let mut settings: Vec<(&str, &str)> = headers
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        settings.push(("SLOWMAP_PIDS", &pid));
        // It shows traces, and not each backend takes more.
        settings.push(("OTEL_LOGS_EXPORTER", "none"));
        settings.push(("OTEL_METRICS_EXPORTER", "none"));
        let slowmap = slowmap::run(&backend.endpoint(), &settings)?;
        let mut scene = Self {
            slowmap,
            shop,
            address,
        };
        scene.wait_attached()?;
        Ok(scene)
    }

    fn wait_attached(&mut self) -> Result<()> {
        let begin = Instant::now();
        while !self.slowmap.stderr().contains("attached") {
            if self.slowmap.ended()? {
                bail!(
                    "slowmap ended before it attached:\n{}",
                    self.slowmap.stderr()
                );
            }
            if begin.elapsed() > PATIENCE {
                bail!(
                    "slowmap did not attach within {PATIENCE:?}:\n{}",
                    self.slowmap.stderr()
                );
            }
            interrupt::sleep(Duration::from_millis(20))?;
        }
        println!(
            "slowmap attached to it after {} ms",
            begin.elapsed().as_millis()
        );
        Ok(())
    }

    /// Runs the load to its end.
    pub fn load(&self) -> Result<()> {
        println!("a load of {} s", LOAD.as_secs());
        let slice = Load {
            base: format!("http://{}", self.address),
            paths: PATHS.map(str::to_owned).to_vec(),
            requests: u64::MAX,
            clients: CLIENTS,
            pause: Duration::from_millis(10),
            limit: Duration::from_secs(1),
        };
        let (begin, mut requests, mut failed) = (Instant::now(), 0, 0);
        // In slices, to look for Ctrl-C between them.
        while begin.elapsed() < LOAD {
            let loaded = slice.run();
            interrupt::check()?;
            requests += loaded.requests;
            failed += loaded.failed;
        }
        println!("{requests} requests, {failed} failed");
        if failed > 0 {
            bail!(
                "{failed} of {requests} requests failed: {}",
                self.shop.stderr()
            );
        }
        Ok(())
    }

    /// Ends both. An error where slowmap did not end well, or left something in the kernel.
    pub fn end(self) -> Result<Sent> {
        let objects = BpfObjects::of(self.slowmap.pid()).unwrap_or_default();
        let slowmap = self.slowmap.stop(PATIENCE)?;
        if slowmap.code() != Some(0) {
            bail!("slowmap ended with {}:\n{}", slowmap.status, slowmap.stderr);
        }
        let shop = self.shop.stop(PATIENCE)?;
        gone(&objects)?;
        println!("slowmap and the shop have ended; nothing is left in the kernel");
        Ok(Sent {
            exported: exported(&slowmap.stderr),
            log: slowmap.stderr,
            shop,
        })
    }
}

impl Sent {
    /// An error where the shop did not end well. It does not, where its spans are not accepted.
    pub fn shop_ended_well(&self) -> Result<()> {
        if self.shop.code() != Some(0) {
            bail!(
                "the shop ended with {}:\n{}",
                self.shop.status,
                self.shop.stderr
            );
        }
        Ok(())
    }
}

/// The kernel frees what a process held a moment after its end.
fn gone(objects: &BpfObjects) -> Result<()> {
    for _ in 0..40 {
        let left = objects.alive()?;
        if left.programs.is_empty() && left.links.is_empty() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(50));
    }
    bail!(
        "slowmap has left something in the kernel: {:?}",
        objects.alive()?
    )
}

fn shop_command(shop: &Path, backend: &Backend) -> Command {
    let mut command = Command::new(shop);
    command.args(["-listen", "127.0.0.1:0"]);
    for (key, _) in std::env::vars_os() {
        if key.to_string_lossy().starts_with("OTEL_") {
            command.env_remove(key);
        }
    }
    command
        .envs(remote_settings(backend))
        .env("OTEL_SERVICE_NAME", SERVICE)
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", backend.endpoint())
        .env("OTEL_BSP_SCHEDULE_DELAY", "500");
    command
}

/// What this environment says of a remote endpoint beside its address: headers, certificates.
fn remote_settings(backend: &Backend) -> Vec<(String, String)> {
    let Backend::Remote { .. } = backend else {
        return Vec::new();
    };
    let kept = [
        "HEADERS",
        "COMPRESSION",
        "TIMEOUT",
        "CERTIFICATE",
        "CLIENT_CERTIFICATE",
        "CLIENT_KEY",
    ];
    kept.iter()
        .map(|name| format!("OTEL_EXPORTER_OTLP_{name}"))
        .filter_map(|key| Some((key.clone(), std::env::var(&key).ok()?)))
        .collect()
}

/// From the last line of the log that has `exported=NUMBER` for traces.
fn exported(log: &str) -> Option<u64> {
    let of_traces = |line: &&str| line.contains("signal=\"traces\"");
    let line = log.lines().rev().find(of_traces)?;
    let (_, after) = line.split_once(" exported=")?;
    let digits = after.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_many_spans_were_exported_is_read_from_the_line_about_traces() {
        let log = "INFO running processes=1\n\
            INFO export ended signal=\"traces\" offered=9 exported=7 dropped=2\n\
            INFO export ended signal=\"logs\" offered=9 exported=9 dropped=0\n";
        assert_eq!(exported(log), Some(7));
        assert_eq!(exported("INFO running"), None);
    }
}
