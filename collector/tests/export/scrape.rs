//! What Prometheus gets when it scrapes, and what it gets when there is nothing to tell.

use std::time::{Duration, Instant};

use slowmap::{
    export::{
        otlp::{AgentUse, ExportSettings},
        prometheus::{Endpoint, Listen},
    },
    model::{plan::ProbeRole, summary::ProbeUse},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    sample,
    sink::Sink,
    traces::{finish_all, settings, start_all},
};

async fn endpoint() -> Endpoint {
    let listen = Listen {
        host: "localhost".into(),
        port: 0,
    };
    Endpoint::start(&listen).await.unwrap()
}

/// Status, content type and body.
async fn get(endpoint: &Endpoint, path: &str) -> (u16, String, String) {
    let client = client();
    let url = format!("http://{}{path}", endpoint.address());
    let answer = client.get(url).send().await.unwrap();
    let kind = answer.headers()["content-type"]
        .to_str()
        .unwrap()
        .to_owned();
    (answer.status().as_u16(), kind, answer.text().await.unwrap())
}

fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::new()
}

fn agent() -> AgentUse {
    AgentUse {
        attached: 2,
        skipped: [("not_go", 3)].into(),
        lost: [("ring_buffer_full".to_owned(), 7)].into(),
        probes: vec![ProbeUse {
            function: "runtime.hashGrow".into(),
            role: ProbeRole::GrowthEnter,
            hits: 11,
            estimated_cost_nano: None,
        }],
        cost_nano: [("shop".to_owned(), 2_500_000)].into(),
    }
}

#[tokio::test]
async fn a_scrape_has_the_durations_with_the_span_of_the_write_and_the_counts_of_the_agent() {
    let sink = Sink::grpc();
    let (mut exporters, tasks) = start_all(ExportSettings {
        traces: Some(settings(&sink.url())),
        scraped: true,
        ..ExportSettings::default()
    });
    let process = sample::process(1, "the \"shop\"\n");
    exporters.offer(sample::write(&process));
    exporters.offer(sample::bare(sample::write(&process)));
    let text = exporters.exposition(&agent());
    finish_all(exporters, tasks).await;
    let [span] = sink.received.spans().try_into().unwrap();

    let line = |beginning: &str| {
        let found = text.lines().find(|line| line.starts_with(beginning));
        found.unwrap_or_else(|| panic!("no {beginning} in\n{text}"))
    };
    let name = "slowmap_map_assign_duration_seconds";
    let labels = r#"service_name="the \"shop\"\n",cause="growth""#;
    line(&format!("# TYPE {name} histogram"));
    line(&format!("# UNIT {name} seconds"));
    assert!(line(&format!("{name}_sum{{{labels}}}")).ends_with(" 0.0025"));
    assert!(line(&format!("{name}_count{{{labels}}}")).ends_with(" 1"));
    let bucket = line(&format!("{name}_bucket{{le=\"0.0025\",{labels}}} 1 # "));
    let hex = |id: &[u8]| {
        id.iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let ids = format!(
        "# {{trace_id=\"{}\",span_id=\"{}\"}} 0.0025 1700000000.12",
        hex(&span.trace_id),
        hex(&span.span_id)
    );
    assert!(bucket.contains(&ids), "{bucket}");
    line("slowmap_events_total 2");
    line(r#"slowmap_events_lost_total{slowmap_reason="ring_buffer_full"} 7"#);
    line(r#"slowmap_processes_skipped_total{slowmap_reason="not_go"} 3"#);
    line("slowmap_processes_attached 2");
    line(r#"slowmap_target_cost_seconds_total{slowmap_target_service_name="shop"} 0.0025"#);
    let hits = line("slowmap_probe_hits_total{");
    assert!(hits.contains("runtime.hashGrow") && hits.ends_with(" 11"));
    let dropped =
        r#"slowmap_export_dropped_total{slowmap_signal="traces",slowmap_reason="no_context"} 1"#;
    line(dropped);
    assert!(text.ends_with("# EOF\n"));
}

#[tokio::test]
async fn metrics_are_answered_by_who_has_them_and_health_by_the_endpoint_itself() {
    let mut endpoint = endpoint().await;
    assert!(endpoint.address().ip().is_loopback());
    assert_eq!(get(&endpoint, "/healthz").await.0, 200);
    assert_eq!(get(&endpoint, "/readyz").await.0, 503);
    endpoint.is_ready();
    assert_eq!(get(&endpoint, "/readyz").await.0, 200);
    assert_eq!(get(&endpoint, "/").await.0, 404);
    let url = format!("http://{}/metrics", endpoint.address());
    let posted = client().post(&url).send().await.unwrap();
    assert_eq!(posted.status(), 405);
    let asked = tokio::spawn(client().get(&url).send());
    endpoint.next().await.answer("# EOF\n".into());
    let answer = asked.await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    let kind = answer.headers()["content-type"].to_str().unwrap();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    assert_eq!(answer.text().await.unwrap(), "# EOF\n");

    let address = endpoint.address();
    drop(endpoint);
    for path in ["readyz", "metrics"] {
        let url = format!("http://{address}/{path}");
        let answer = client().get(url).send().await.unwrap();
        assert_eq!(answer.status(), 503, "{path}");
    }
}

#[tokio::test]
async fn connections_that_say_nothing_do_not_keep_others_out() {
    let mut endpoint = endpoint().await;
    let mut silent = Vec::new();
    for beginning in ["", "GET /met", "GET /metrics HTTP/1.1\r\nA: "].repeat(7) {
        let mut stream = TcpStream::connect(endpoint.address()).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        silent.push(stream);
    }
    let url = format!("http://{}/metrics", endpoint.address());
    let asked = tokio::spawn(client().get(&url).send());
    endpoint.next().await.answer("# EOF\n".into());
    assert_eq!(asked.await.unwrap().unwrap().status(), 200);
    // They were sent away, those that were ahead of it at least.
    let mut rest = Vec::new();
    silent[0].read_to_end(&mut rest).await.unwrap_or_default();
}

#[tokio::test]
async fn an_address_that_is_taken_is_said_at_once() {
    let first = endpoint().await;
    let listen = Listen {
        host: first.address().ip().to_string(),
        port: first.address().port(),
    };
    let begin = Instant::now();
    Endpoint::start(&listen).await.unwrap_err();
    assert!(begin.elapsed() < Duration::from_secs(5));
}
