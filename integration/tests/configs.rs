//! What the files of `otel-config/` say of each other is true, also of the servers that no test here can run.

use std::{collections::BTreeSet, fs};

use anyhow::{Context, Result};
use integration::sources;
use serde_json::Value;

fn text(name: &str) -> Result<String> {
    let path = sources::repository().join("otel-config").join(name);
    fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))
}

fn yaml(name: &str) -> Result<Value> {
    serde_saphyr::from_str(&text(name)?).with_context(|| name.to_owned())
}

/// The default of a variable, e.g. `localhost:4317`.
fn default_of(file: &str, variable: &str) -> Result<String> {
    let text = text(file)?;
    let (_, rest) = text
        .split_once(&format!("${{env:{variable}:-"))
        .with_context(|| format!("{variable} in {file}"))?;
    Ok(rest.split('}').next().unwrap_or_default().to_owned())
}

#[test]
fn collectors_send_to_where_the_backends_listen() -> Result<()> {
    let tempo = yaml("tempo.yaml")?;
    let takes = &tempo["distributor"]["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"];
    for file in ["collector.yaml", "collector-gateway.yaml"] {
        assert_eq!(
            default_of(file, "TRACES_ENDPOINT")?,
            takes.as_str().unwrap_or_default()
        );
        assert!(default_of(file, "LOGS_ENDPOINT")?.starts_with("http://localhost:3100"));
        assert!(default_of(file, "METRICS_ENDPOINT")?.starts_with("http://localhost:9090"));
    }
    let pyroscope = &yaml("pyroscope.yaml")?["server"]["http_listen_port"];
    let profiles = default_of("collector-profiles.yaml", "PROFILES_ENDPOINT")?;
    assert_eq!(profiles, format!("localhost:{pyroscope}"));
    Ok(())
}

#[test]
fn grafana_finds_the_backends_and_each_link_has_an_end() -> Result<()> {
    let sources = yaml("grafana/datasources.yaml")?;
    let sources = sources["datasources"].as_array().context("sources")?;
    let url = |uid: &str| {
        let mut all = sources.iter();
        all.find(|source| source["uid"] == uid)
            .and_then(|source| source["url"].as_str())
    };
    let port = |file: &str| -> Result<String> {
        let port = &yaml(file)?["server"]["http_listen_port"];
        Ok(format!("http://localhost:{port}"))
    };
    assert_eq!(url("tempo"), Some(&*port("tempo.yaml")?));
    assert_eq!(url("pyroscope"), Some(&*port("pyroscope.yaml")?));
    let jaeger = default_of("jaeger.yaml", "JAEGER_HTTP")?;
    assert_eq!(url("jaeger"), Some(&*format!("http://{jaeger}")));
    let dashboard: Value = serde_json::from_str(&text("grafana/slow-map-writes.json")?)?;
    let mut referred = BTreeSet::new();
    uids(&dashboard["panels"], &mut referred);
    uids(&dashboard["templating"], &mut referred);
    uids(&Value::from(sources.clone()), &mut referred);
    assert!(referred.len() >= 4, "{referred:?}");
    for uid in referred {
        assert!(url(&uid).is_some(), "no data source is {uid}");
    }
    Ok(())
}

#[test]
fn grafana_is_told_of_a_directory_that_the_dashboard_can_be_put_into() -> Result<()> {
    let provisioned = yaml("grafana/dashboards.yaml")?;
    assert_eq!(provisioned["apiVersion"], 1);
    let providers = provisioned["providers"].as_array().context("providers")?;
    assert_eq!(providers.len(), 1);
    assert_eq!(providers[0]["type"], "file");
    let path = providers[0]["options"]["path"].as_str();
    assert!(path.is_some_and(|path| path.starts_with('/')), "{path:?}");
    let dashboard: Value = serde_json::from_str(&text("grafana/slow-map-writes.json")?)?;
    // Of a file that has no identity of its own, Grafana makes another dashboard each time.
    assert!(dashboard["uid"].is_string() && dashboard["title"].is_string());
    Ok(())
}

/// Those that something refers to, at any depth.
fn uids(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value.as_str() {
                    Some(uid) if key == "datasourceUid" || key == "uid" => {
                        found.insert(uid.to_owned());
                    }
                    _ => uids(value, found),
                }
            }
        }
        Value::Array(all) => all.iter().for_each(|value| uids(value, found)),
        _ => {}
    }
}
