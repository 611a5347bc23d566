//! Spikes that a service logs while it makes them, as Prometheus has them and as slowmap explains them.
//!
//! The bar: of spikes by the growth of a map at least 95 % are attributed to it, of others at most 5 %. That takes 20 of each: two
//! services with ten of each, mixed, in one recording and one Prometheus. So it is shown besides that the writes of one service
//! explain nothing of the other's. What is compared is which of a run's spikes are explained, no time.
//!
//! `SLOWMAP_SPIKES_RUNS=20` has it done so often, each time anew, and prints a table of all runs.

use std::{collections::BTreeMap, path::Path, process::Command, time::Duration};

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
/// How many runs there are; one where it is not set.
const RUNS: &str = "SLOWMAP_SPIKES_RUNS";

/// What is planted that is no write to a map.
const OTHERS: [&str; 3] = ["sleep", "lock", "disk"];

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
#[derive(Debug, Default, Clone, Copy)]
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
    let runs = match std::env::var(RUNS) {
        Ok(runs) => runs.parse().context(RUNS)?,
        Err(_) => 1,
    };
    let mut kinds = BTreeMap::new();
    for run in 0..runs {
        println!("run {} of {runs}", run + 1);
        for (kind, score) in once(run)? {
            kinds.entry(kind).or_insert_with(Score::default).join(score);
        }
    }
    println!("kind     planted  seen  attributed");
    for (kind, score) in &kinds {
        let Score {
            planted,
            seen,
            attributed,
        } = score;
        println!("{kind:8} {planted:7} {seen:5} {attributed:11}");
    }
    let growth = kinds.remove("growth").unwrap_or_default();
    let mut others = Score::default();
    for kind in OTHERS {
        others.join(kinds.remove(kind).unwrap_or_default());
    }
    assert!(kinds.is_empty(), "{kinds:?}");
    let all = runs * 2 * EACH;
    assert_eq!((growth.planted, others.planted), (all, all));
    assert!(growth.attributed * 100 >= growth.planted * 95, "{growth:?}");
    assert!(others.attributed * 100 <= others.planted * 5, "{others:?}");
    // What is no spike in Prometheus is not attributed either: that would prove nothing.
    assert!(others.seen * 100 >= others.planted * 90, "{others:?}");
    Ok(())
}

/// The spikes of both services, by kind. Each run has them in another order.
fn once(run: usize) -> Result<BTreeMap<String, Score>> {
    let directory = tempfile::tempdir()?;
    let mut services = Vec::new();
    for (index, name) in SERVICES.iter().enumerate() {
        services.push(Service::start(name, run * SERVICES.len() + index)?);
    }
    let scraped = services
        .iter()
        .map(|service| (service.name, service.address.as_str()));
    let prometheus = Prometheus::scraping(directory.path(), Duration::from_millis(200), scraped)?;
    let output = directory.path().join("out");
    let planted = recorded(services, &prometheus, &output)?;

    let mut kinds = BTreeMap::new();
    for (service, planted) in SERVICES.iter().zip(&planted) {
        let told = explained(&prometheus, service, &output)?;
        assert_eq!(told.scrape_interval_nano, 200_000_000);
        // Between spikes there is hardly more time than a window is long, so that chance explains many, too.
        let expected = told.chance.expected;
        assert!(told.spikes_explained as f64 > 1.5 * expected, "{told:#?}");
        assert_ne!(told.verdict, "not_explained", "{service}");
        for planted in planted {
            let score = kinds
                .entry(planted.kind.clone())
                .or_insert_with(Score::default);
            score.add(planted, &told.spikes);
        }
    }
    Ok(kinds)
}

impl Score {
    fn join(&mut self, other: Self) {
        self.planted += other.planted;
        self.seen += other.seen;
        self.attributed += other.attributed;
    }

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
    let rate = format!("sum(rate(request_duration_seconds_count{{job=\"{service}\"}}[450ms]))");
    command.args(["--rate-query", &rate]).arg(output);
    let text = Program::run(clone(&command), PATIENCE)?;
    println!("{}", text.stdout);
    assert_eq!(text.code(), Some(0), "{}", text.stderr);
    let kept: Value = serde_json::from_slice(&std::fs::read(output.join("spikes.json"))?)?;
    let points = kept["rate"]["points"].as_array().context("the requests")?;
    let most = points
        .iter()
        .filter_map(|point| point["per_second"].as_f64());
    assert!(most.fold(0.0, f64::max) > 0.0, "{}", kept["rate"]);
    command.args(["--format", "json"]);
    let ended = Program::run(command, PATIENCE)?;
    Ok(serde_json::from_str(&ended.stdout)?)
}

fn clone(command: &Command) -> Command {
    let mut cloned = slowmap::unconfigured(Path::new(command.get_program()));
    cloned.args(command.get_args());
    cloned
}
