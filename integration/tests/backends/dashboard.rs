//! Each query of the dashboard, as Grafana would send it.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use integration::sources;
use serde_json::Value;

use super::Backends;

/// Until what was sent last can be queried.
const LIMIT: Duration = Duration::from_secs(30);

/// What Grafana puts in for its own variables.
const VARIABLES: [(&str, &str); 3] = [
    ("$__rate_interval", "1m"),
    ("$__range", "10m"),
    ("$__auto", "15s"),
];

pub fn every_query_has_an_answer(backends: &Backends) -> Result<()> {
    let path = sources::repository().join("otel-config/grafana/slow-map-writes.json");
    let dashboard: Value = serde_json::from_slice(&std::fs::read(path)?)?;
    let panels = dashboard["panels"].as_array().context("panels")?;
    let chosen = chosen(&dashboard);
    let mut queries = 0;
    for panel in panels {
        let title = panel["title"].as_str().context("a title")?;
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().context("a query")?;
            let kind = target["datasource"]["type"].as_str().context("a kind")?;
            answered(backends, kind, &filled(expression, &chosen))
                .with_context(|| format!("{title}: {expression}"))?;
            queries += 1;
        }
    }
    println!("{queries} queries of {} panels", panels.len());
    ensure!(queries >= 10, "{queries} queries");
    Ok(())
}

fn answered(backends: &Backends, kind: &str, query: &str) -> Result<()> {
    ensure!(!query.contains('$'), "a variable without a value");
    let deadline = Instant::now() + LIMIT;
    loop {
        let answers = match kind {
            "prometheus" => backends.prometheus.query(query)?.len(),
            "loki" => backends.loki.query_range(query)?.len(),
            other => anyhow::bail!("{other} is no kind that this test knows"),
        };
        if answers > 0 {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "no answer");
        thread::sleep(Duration::from_millis(200));
    }
}

/// The dashboard's own variables as they are when it is opened: all services.
fn chosen(dashboard: &Value) -> Vec<(String, &str)> {
    let variables = dashboard["templating"]["list"].as_array();
    let named = |variable| -> Option<(String, &str)> {
        let variable: &Value = variable;
        let all = variable["allValue"].as_str();
        let value = all.or_else(|| variable["current"]["value"].as_str())?;
        Some((format!("${}", variable["name"].as_str()?), value))
    };
    variables.into_iter().flatten().filter_map(named).collect()
}

fn filled(expression: &str, chosen: &[(String, &str)]) -> String {
    let own = VARIABLES.into_iter();
    let chosen = chosen.iter().map(|(name, value)| (name.as_str(), *value));
    own.chain(chosen)
        .fold(expression.to_owned(), |text, (name, value)| {
            text.replace(name, value)
        })
}
