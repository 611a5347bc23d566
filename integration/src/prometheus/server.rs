//! A running Prometheus.

use std::{
    collections::BTreeMap,
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::{go_module::GoProgram, ports, program::Program, sources};

/// Without the ways of finding what to scrape in clouds, which are most of its size.
pub const PROMETHEUS: GoProgram = GoProgram {
    name: "prometheus",
    module: "github.com/prometheus/prometheus",
    version: "v0.316.0",
    package: "cmd/prometheus",
    tags: "remove_all_sd",
    without: None,
    staged: None,
};

/// What checks its files and asks it, of the same version.
pub const PROMTOOL: GoProgram = GoProgram {
    name: "promtool",
    package: "cmd/promtool",
    ..PROMETHEUS
};

/// How long the first scrape of a service may take to come.
const SCRAPED: Duration = Duration::from_secs(60);

/// Dropped, it is stopped, and its data is gone.
#[derive(Debug)]
pub struct Prometheus {
    program: Program,
    port: u16,
    _state: TempDir,
}

/// A series of a query's answer, and its last value; the count of a histogram.
#[derive(Debug, Clone)]
pub struct Series {
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

impl Prometheus {
    /// Starts it on a free port with that configuration and waits until it is ready. Builds it if the cache has none.
    pub fn start(configuration: &Path) -> Result<Self> {
        let executable = PROMETHEUS.executable()?;
        let state = tempfile::tempdir()?;
        let [port] = ports::free()?;
        let mut command = Command::new(executable);
        command
            .arg(format!("--config.file={}", configuration.display()))
            .arg(format!("--storage.tsdb.path={}", state.path().display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args([
                "--web.enable-otlp-receiver",
                "--enable-feature=exemplar-storage",
            ]);
        let mut prometheus = Self {
            program: Program::start(command)?,
            port,
            _state: state,
        };
        prometheus.wait_ready(Duration::from_secs(60))?;
        Ok(prometheus)
    }

    /// Starts it with the configuration that users are given, which scrapes slowmap at that port here, every second.
    /// `directory`: for what it reads.
    pub fn shipped(directory: &Path, scraped_port: u16) -> Result<Self> {
        let given = sources::repository().join("otel-config");
        let rules = "prometheus-rules.yaml";
        std::fs::copy(given.join(rules), directory.join(rules))?;
        let configuration = std::fs::read_to_string(given.join("prometheus.yaml"))?
            .replace("localhost:9464", &format!("localhost:{scraped_port}"))
            .replace("_interval: 15s", "_interval: 1s");
        let path = directory.join("prometheus.yaml");
        std::fs::write(&path, configuration)?;
        Self::start(&path)
    }

    /// Starts it to scrape services, each a job of its own, by name and address, and waits until it has. `directory`: for what
    /// it reads.
    pub fn scraping<'a>(
        directory: &Path,
        interval: Duration,
        services: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self> {
        let jobs = services.into_iter().map(|(name, address)| {
            format!("{{job_name: {name}, static_configs: [{{targets: ['{address}']}}]}}")
        });
        Self::with_jobs(directory, interval, &jobs.collect::<Vec<_>>())
    }

    /// Starts it to read a file of OpenMetrics that a server on that port here has at `path` without naming its format, and
    /// waits until it has.
    pub fn reading(directory: &Path, port: u16, path: &str) -> Result<Self> {
        let job = format!(
            "{{job_name: file, metrics_path: {path}, fallback_scrape_protocol: OpenMetricsText1.0.0, \
             static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}"
        );
        Self::with_jobs(directory, Duration::from_secs(1), &[job])
    }

    fn with_jobs(directory: &Path, interval: Duration, jobs: &[String]) -> Result<Self> {
        let millis = interval.as_millis();
        let path = directory.join("prometheus.yaml");
        let global = format!("{{scrape_interval: {millis}ms, scrape_timeout: {millis}ms}}");
        let list = jobs.join(", ");
        std::fs::write(
            &path,
            format!("global: {global}\nscrape_configs: [{list}]\n"),
        )?;
        let prometheus = Self::start(&path)?;
        prometheus.wait(&format!("count(up == 1) == {}", jobs.len()), SCRAPED)?;
        Ok(prometheus)
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Where it takes OTLP; exporters append the signal's path.
    pub fn otlp_endpoint(&self) -> String {
        format!("{}/api/v1/otlp", self.url())
    }

    /// The answer to a PromQL expression, as of now.
    pub fn query(&self, expression: &str) -> Result<Vec<Series>> {
        let answer = self.get("query", &[("query", expression)])?;
        let result = answer["result"].as_array().cloned().unwrap_or_default();
        result.iter().map(series).collect()
    }

    /// Times (in seconds since 1970) and values of an expression that is one series.
    pub fn range(
        &self,
        expression: &str,
        from: SystemTime,
        until: SystemTime,
        step: Duration,
    ) -> Result<Vec<(f64, f64)>> {
        let seconds = |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH);
        let [start, end, step] = [seconds(from)?, seconds(until)?, step]
            .map(|duration| duration.as_secs_f64().to_string());
        let query = [
            ("query", expression),
            ("start", &start),
            ("end", &end),
            ("step", &step),
        ];
        let answer = self.get("query_range", &query)?;
        let values = answer["result"][0]["values"].as_array().cloned();
        let values = values.unwrap_or_default().into_iter();
        let sample = |value: Value| -> Result<(f64, f64)> {
            let (time, value): (f64, String) = serde_json::from_value(value)?;
            Ok((time, value.parse()?))
        };
        values.map(sample).collect()
    }

    /// The exemplars of series that a selector names, in the last hour.
    pub fn exemplars(&self, selector: &str) -> Result<Vec<Value>> {
        let now = std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_secs();
        let (start, end) = ((now - 3600).to_string(), (now + 60).to_string());
        let query = [("query", selector), ("start", &start), ("end", &end)];
        let answer = self.get("query_exemplars", &query)?;
        let series = answer.as_array().cloned().unwrap_or_default();
        let exemplars = |one: &Value| one["exemplars"].as_array().cloned().unwrap_or_default();
        Ok(series.iter().flat_map(exemplars).collect())
    }

    /// The rules that it goes by, with their health.
    pub fn rules(&self) -> Result<Vec<Value>> {
        let groups = self.get("rules", &[])?["groups"].clone();
        let groups = groups.as_array().cloned().unwrap_or_default();
        let rules = |group: &Value| group["rules"].as_array().cloned().unwrap_or_default();
        Ok(groups.iter().flat_map(rules).collect())
    }

    /// Waits until an expression has an answer.
    pub fn wait(&self, expression: &str, limit: Duration) -> Result<Vec<Series>> {
        let deadline = Instant::now() + limit;
        loop {
            let series = self.query(expression)?;
            if !series.is_empty() {
                return Ok(series);
            }
            if Instant::now() > deadline {
                bail!("{expression} has no answer: {}", self.program.stderr());
            }
            thread::sleep(Duration::from_millis(200));
        }
    }

    fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Value> {
        let url = format!("{}/api/v1/{path}", self.url());
        let request = ureq::get(url).query_pairs(query.iter().copied());
        let answer = request.config().http_status_as_error(false).build().call();
        let mut answer = answer.context("ask Prometheus")?;
        let body: Value = answer.body_mut().read_json()?;
        ensure!(body["status"] == "success", "{query:?}: {body}");
        Ok(body["data"].clone())
    }

    fn wait_ready(&mut self, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        while ureq::get(format!("{}/-/ready", self.url())).call().is_err() {
            if self.program.ended()? || Instant::now() > deadline {
                bail!("Prometheus is not ready: {}", self.program.stderr());
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

fn series(one: &Value) -> Result<Series> {
    let labels = serde_json::from_value(one["metric"].clone())?;
    let count = &one["histogram"][1]["count"];
    let value = one["value"][1].as_str().or(count.as_str());
    let value = value.context("a value")?;
    Ok(Series {
        labels,
        value: value.parse()?,
    })
}
