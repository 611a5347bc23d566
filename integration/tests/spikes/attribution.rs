//! Spikes that a service logs while it makes them, as Prometheus has them and as slowmap explains them.
//!
//! The bar: of spikes by the growth of a map at least 95 % are attributed to it, of others at most 5 %. That takes 20 of each: two
//! services with ten of each, mixed, in one recording and one Prometheus. So it is shown besides that the writes of one service
//! explain nothing of the other's. What is compared is which of a run's spikes are explained, no time.

use std::{path::Path, process::Command, time::Duration};

use anyhow::{Context, Result};
use integration::{
    go::{self, Toolchain},
    machine,
    program::Program,
    prometheus::Prometheus,
    requirement,
    slowmap::{self, PATIENCE},
};
use serde::Deserialize;
use serde_json::Value;

const SERVICES: [&str; 2] = ["bakery", "dairy"];
const EACH: usize = 10;
const LIMIT: Duration = Duration::from_secs(120);

#[derive(Debug, Deserialize)]
struct Planted {
    kind: String,
    start_unix_nano: i64,
    duration_nano: i64,
}

#[derive(Debug, Deserialize)]
struct Told {
    spikes: Vec<Spike>,
    verdict: String,
    spikes_explained: usize,
    chance: Chance,
    scrape_interval_nano: u64,
}

#[derive(Debug, Deserialize)]
struct Chance {
    expected: f64,
}

#[derive(Debug, Deserialize)]
struct Spike {
    value_nano: u64,
    window_from_unix_nano: i64,
    window_until_unix_nano: i64,
    explained: bool,
    share: f64,
    by: Value,
}

impl Spike {
    fn is_of(&self, planted: &Planted) -> bool {
        let end = planted.start_unix_nano + planted.duration_nano;
        planted.start_unix_nano <= self.window_until_unix_nano && end >= self.window_from_unix_nano
    }
}

/// How many spikes of a sort there were, were seen, and were attributed to map writes.
#[derive(Debug, Default)]
struct Score {
    planted: usize,
    seen: usize,
    attributed: usize,
}

#[test]
fn spikes_by_the_growth_of_a_map_are_attributed_to_it_and_others_are_not() -> Result<()> {
    let test = "spikes_by_the_growth_of_a_map_are_attributed_to_it_and_others_are_not";
    if !requirement::root(test) {
        return Ok(());
    }
    let _alone = machine::alone()?;
    // Built before it goes before others.
    slowmap::binary()?;
    machine::before_other_programs(-15)?;
    let directory = tempfile::tempdir()?;
    let mut services = Vec::new();
    for (seed, name) in SERVICES.iter().enumerate() {
        services.push(Service::start(name, seed)?);
    }
    let scraped = services
        .iter()
        .map(|service| (service.name, service.address.as_str()));
    let prometheus = Prometheus::scraping(directory.path(), Duration::from_millis(200), scraped)?;
    let output = directory.path().join("out");
    let planted = recorded(services, &prometheus, &output)?;

    let (mut growth, mut others) = (Score::default(), Score::default());
    for (service, planted) in SERVICES.iter().zip(&planted) {
        let told = explained(&prometheus, service, &output)?;
        assert_eq!(told.scrape_interval_nano, 200_000_000);
        // Between spikes there is hardly more time than a window is long, so that chance explains many, too.
        let expected = told.chance.expected;
        assert!(told.spikes_explained as f64 > 1.5 * expected, "{told:#?}");
        assert_ne!(told.verdict, "not_explained", "{service}");
        for planted in planted {
            let score = if planted.kind == "growth" {
                &mut growth
            } else {
                &mut others
            };
            score.add(planted, &told.spikes);
        }
    }
    println!("growth: {growth:?}, others: {others:?}");
    assert_eq!((growth.planted, others.planted), (2 * EACH, 2 * EACH));
    assert!(growth.attributed * 100 >= growth.planted * 95, "{growth:?}");
    assert!(others.attributed * 100 <= others.planted * 5, "{others:?}");
    // What is no spike in Prometheus is not attributed either: that would prove nothing.
    assert!(others.seen * 100 >= others.planted * 90, "{others:?}");
    Ok(())
}

impl Score {
    fn add(&mut self, planted: &Planted, spikes: &[Spike]) {
        let of_it: Vec<&Spike> = spikes.iter().filter(|spike| spike.is_of(planted)).collect();
        for spike in &of_it {
            let (height, share) = (spike.value_nano / 1_000_000, spike.share);
            println!(
                "{}: {height} ms, {share:.2} explained, {}",
                planted.kind, spike.by["caller"]
            );
        }
        self.planted += 1;
        self.seen += usize::from(!of_it.is_empty());
        let attributed = of_it.iter().find(|spike| spike.explained);
        self.attributed += usize::from(attributed.is_some());
        if let Some(spike) = attributed.filter(|_| planted.kind == "growth") {
            assert_eq!(spike.by["caller"], "main.grow");
            assert_eq!(spike.by["cause"], "growth");
        }
    }
}

struct Service {
    name: &'static str,
    program: Program,
    address: String,
}

impl Service {
    fn start(name: &'static str, seed: usize) -> Result<Self> {
        let mut command = Command::new(go::target("spikes", Toolchain::Installed)?);
        command.args(["-count", &EACH.to_string(), "-seed", &seed.to_string()]);
        command.args(["-period", "2s", "-long", "120ms"]);
        command.env("OTEL_SERVICE_NAME", name);
        let mut program = Program::start(command)?;
        let ready = program.line(PATIENCE, |line| line.starts_with("READY "))?;
        let address = ready.split(' ').nth(2).context("an address")?.to_owned();
        Ok(Self {
            name,
            program,
            address,
        })
    }

    /// What it planted, when it has ended.
    fn planted(self) -> Result<Vec<Planted>> {
        let ended = self.program.wait(LIMIT)?;
        let lines = ended.stdout.lines();
        lines.map(|line| Ok(serde_json::from_str(line)?)).collect()
    }
}

/// Records the services while they plant.
fn recorded(
    mut services: Vec<Service>,
    prometheus: &Prometheus,
    output: &Path,
) -> Result<Vec<Vec<Planted>>> {
    let pids = services
        .iter()
        .map(|service| service.program.pid().to_string());
    let mut record =
        slowmap::command(["record", "--duration", "5m", "--budget", "100", "--output"])?;
    record.arg(output).arg("--pid").args(pids);
    record.env("SLOWMAP_LOG", "info");
    let mut record = Program::start(record)?;
    slowmap::wait_attached_log(&mut record, services.len(), PATIENCE)?;
    // A window of samples has to be over before the first spike is judged.
    std::thread::sleep(Duration::from_secs(2));
    prometheus.query("up")?;
    for service in &mut services {
        service.program.say("go")?;
    }
    let planted = services.into_iter().map(Service::planted);
    let planted = planted.collect::<Result<Vec<_>>>()?;
    let ended = record.wait(LIMIT)?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    Ok(planted)
}

fn explained(prometheus: &Prometheus, service: &str, output: &Path) -> Result<Told> {
    let query = format!(
        "histogram_quantile(0.99, sum by (le, job) (rate(request_duration_seconds_bucket{{job=\"{service}\"}}[450ms])))"
    );
    let mut command = slowmap::command(["correlate", "--prometheus", &prometheus.url()])?;
    command.args(["--query", &query, "--window", "100ms", "--above", "40ms"]);
    command.arg(output);
    let text = Program::run(clone(&command), PATIENCE)?;
    println!("{}", text.stdout);
    assert_eq!(text.code(), Some(0), "{}", text.stderr);
    command.args(["--format", "json"]);
    let ended = Program::run(command, PATIENCE)?;
    Ok(serde_json::from_str(&ended.stdout)?)
}

fn clone(command: &Command) -> Command {
    let mut cloned = slowmap::unconfigured(Path::new(command.get_program()));
    cloned.args(command.get_args());
    cloned
}
