//! How spans get to the backend, and what becomes of them when they cannot.

use std::{
    io,
    process::Command,
    sync::{Arc, LazyLock, Mutex},
    time::{Duration, Instant},
};

use slowmap::{
    export::otlp::{
        Compression, ExportCounts, ExportSettings, ExportTasks, Exporters, Headers, Protocol,
        Settings, TlsFiles,
    },
    model::time::UnixNanos,
};
use tonic::Status;
use tonic_types::{ErrorDetails, StatusExt};

use crate::{
    sample,
    sink::{Sink, free_address, wait_until},
};

pub fn settings(endpoint: &str) -> Settings {
    Settings {
        endpoint: endpoint.parse().unwrap(),
        protocol: Protocol::Grpc,
        headers: Headers::default(),
        compression: Compression::None,
        timeout: Duration::from_secs(5),
        tls: TlsFiles::default(),
        queue_capacity: 1_000,
        batch_size: 100,
        schedule_delay: Duration::from_millis(20),
        retry_limit: Duration::from_secs(60),
        grace: Duration::from_secs(10),
    }
}

pub fn only_traces(settings: Settings) -> ExportSettings {
    ExportSettings {
        traces: Some(settings),
        ..ExportSettings::default()
    }
}

fn http_settings(sink: &Sink) -> Settings {
    let settings = settings(&format!("{}/v1/traces", sink.url()));
    Settings {
        protocol: Protocol::HttpProtobuf,
        ..settings
    }
}

pub fn start(settings: Settings) -> (Exporters, ExportTasks) {
    start_all(only_traces(settings))
}

pub fn start_all(settings: ExportSettings) -> (Exporters, ExportTasks) {
    LazyLock::force(&LOG);
    Exporters::start(settings, UnixNanos(1)).unwrap()
}

/// Ends the export; the sums must be right whatever happened. Returns the counts of the first signal.
pub async fn finish(exporters: Exporters, tasks: ExportTasks) -> ExportCounts {
    finish_all(exporters, tasks).await.swap_remove(0).1
}

pub async fn finish_all(
    exporters: Exporters,
    tasks: ExportTasks,
) -> Vec<(&'static str, ExportCounts)> {
    drop(exporters);
    let all = tasks.finish().await;
    for (signal, counts) in &all {
        assert_eq!(
            counts.offered + counts.recovered,
            counts.exported + counts.dropped.values().sum::<u64>() + counts.on_disk,
            "{signal}: {counts:?}"
        );
    }
    all
}

/// Of the first signal, as of now.
pub fn counts(exporters: &Exporters) -> ExportCounts {
    exporters.counts().swap_remove(0).1
}

/// How many of so many writes the queue took.
fn offer(exporters: &mut Exporters, count: usize) -> usize {
    let process = sample::process(1, "shop");
    let dropped = |exporters: &Exporters| counts(exporters).dropped.values().sum::<u64>() as usize;
    let before = dropped(exporters);
    for _ in 0..count {
        exporters.offer(sample::write(&process));
    }
    count - (dropped(exporters) - before)
}

#[tokio::test]
async fn spans_arrive_over_grpc_with_the_headers_and_the_compression_that_were_configured() {
    let sink = Sink::grpc();
    let headers = Headers([("authorization".to_owned(), "Bearer abc".to_owned())].into());
    let settings = Settings {
        headers,
        compression: Compression::Gzip,
        ..settings(&sink.url())
    };
    let (mut sender, task) = start(settings);
    offer(&mut sender, 250);
    let counts = finish(sender, task).await;
    assert_eq!((counts.exported, counts.failures), (250, 0));
    assert_eq!(sink.received.spans().len(), 250);
    assert_eq!(
        sink.received.header("authorization").as_deref(),
        Some("Bearer abc")
    );
    assert_eq!(sink.received.header("x-more"), None);
    assert_eq!(
        sink.received.header("grpc-encoding").as_deref(),
        Some("gzip")
    );
}

#[tokio::test]
async fn spans_arrive_over_http_with_the_headers_that_were_configured() {
    let sink = Sink::http();
    let headers = Headers([("x-tenant".to_owned(), "one".to_owned())].into());
    let (mut sender, task) = start(Settings {
        headers,
        ..http_settings(&sink)
    });
    offer(&mut sender, 250);
    let counts = finish(sender, task).await;
    assert_eq!((counts.exported, counts.failures), (250, 0));
    assert_eq!(sink.received.spans().len(), 250);
    assert_eq!(sink.received.header("x-tenant").as_deref(), Some("one"));
    assert_eq!(sink.received.header("x-more"), None);
    assert_eq!(
        sink.received.header("content-type").as_deref(),
        Some("application/x-protobuf")
    );
}

#[tokio::test]
async fn a_span_goes_out_within_a_second_without_waiting_for_a_full_batch() {
    let sink = Sink::grpc();
    let (mut sender, task) = start(Settings {
        schedule_delay: Duration::from_millis(500),
        ..settings(&sink.url())
    });
    let offered = Instant::now();
    offer(&mut sender, 1);
    sink.received.wait_for(1).await;
    assert!(
        offered.elapsed() < Duration::from_secs(1),
        "{:?}",
        offered.elapsed()
    );
    finish(sender, task).await;
}

#[tokio::test]
async fn what_the_queue_holds_arrives_once_an_endpoint_that_was_down_is_up() {
    let address = free_address();
    let (mut sender, task) = start(settings(&format!("http://{address}")));
    offer(&mut sender, 30);
    wait_until("an export failed", || counts(&sender).failures > 0).await;
    let sink = Sink::grpc_at(address);
    sink.received.wait_for(30).await;
    let counts = finish(sender, task).await;
    assert_eq!(counts.exported, 30);
    assert!(
        counts.failures > 0 && counts.dropped.is_empty(),
        "{counts:?}"
    );
}

#[tokio::test]
async fn an_endpoint_that_goes_down_and_comes_back_gets_the_rest() {
    let first = Sink::grpc();
    let address = first.address;
    let (mut sender, task) = start(settings(&first.url()));
    offer(&mut sender, 10);
    first.received.wait_for(10).await;
    drop(first);
    offer(&mut sender, 10);
    wait_until("an export failed", || counts(&sender).failures > 0).await;
    let second = Sink::grpc_at(address);
    second.received.wait_for(10).await;
    let counts = finish(sender, task).await;
    assert_eq!(counts.exported, 20, "{counts:?}");
}

#[tokio::test]
async fn with_the_endpoint_down_writes_beyond_the_queue_are_counted_to_the_last() {
    let address = free_address();
    let settings = Settings {
        queue_capacity: 50,
        batch_size: 20,
        grace: Duration::from_millis(300),
        ..settings(&format!("http://{address}"))
    };
    let (mut sender, task) = start(settings);
    let mut accepted = offer(&mut sender, 200);
    wait_until("an export failed", || counts(&sender).failures > 0).await;
    accepted += offer(&mut sender, 800);
    assert_eq!(accepted, 50 + 20, "the queue and the batch in flight");
    let counts = finish(sender, task).await;
    assert_eq!(counts.offered, 1_000);
    assert_eq!(counts.dropped["queue_full"], 1_000 - 70);
    assert_eq!(counts.dropped["shutdown"], 70);
}

#[tokio::test]
async fn what_is_left_is_sent_at_the_end_and_the_end_does_not_wait_for_the_schedule() {
    let sink = Sink::grpc();
    let (mut sender, task) = start(Settings {
        schedule_delay: Duration::from_secs(1),
        ..settings(&sink.url())
    });
    offer(&mut sender, 7);
    let end = Instant::now();
    let counts = finish(sender, task).await;
    assert_eq!(counts.exported, 7);
    assert!(
        end.elapsed() < Duration::from_millis(900),
        "{:?}",
        end.elapsed()
    );
}

#[tokio::test]
async fn an_endpoint_that_is_down_does_not_hold_up_the_end_beyond_the_grace_period() {
    let address = free_address();
    let grace = Duration::from_millis(400);
    let (mut sender, task) = start(Settings {
        grace,
        ..settings(&format!("http://{address}"))
    });
    offer(&mut sender, 5);
    let end = Instant::now();
    let counts = finish(sender, task).await;
    assert_eq!(counts.dropped["shutdown"], 5);
    assert!(
        end.elapsed() < grace + Duration::from_secs(1),
        "{:?}",
        end.elapsed()
    );
}

#[tokio::test]
async fn a_batch_that_the_endpoint_refuses_for_good_is_dropped_and_the_next_is_sent() {
    let sink = Sink::grpc();
    let (mut sender, task) = start(settings(&sink.url()));
    sink.received.refuse(Some(Status::invalid_argument("no")));
    offer(&mut sender, 3);
    wait_until("a write was dropped", || {
        !counts(&sender).dropped.is_empty()
    })
    .await;
    sink.received.refuse(None);
    offer(&mut sender, 4);
    let counts = finish(sender, task).await;
    assert_eq!(
        (
            counts.exported,
            counts.dropped["export_failed"],
            counts.failures
        ),
        (4, 3, 1)
    );
}

#[tokio::test]
async fn an_endpoint_that_is_busy_is_left_alone_for_as_long_as_it_asks() {
    let sink = Sink::grpc();
    let (mut sender, task) = start(settings(&sink.url()));
    let pause = Duration::from_secs(1);
    let details = ErrorDetails::with_retry_info(Some(pause));
    let busy = Status::with_error_details(tonic::Code::ResourceExhausted, "busy", details);
    sink.received.refuse(Some(busy));
    offer(&mut sender, 3);
    wait_until("an export failed", || counts(&sender).failures > 0).await;
    let refused = Instant::now();
    sink.received.refuse(None);
    let counts = finish(sender, task).await;
    assert_eq!((counts.exported, counts.failures), (3, 1));
    assert!(refused.elapsed() > pause / 2, "{:?}", refused.elapsed());
}

#[tokio::test]
async fn what_an_endpoint_rejects_of_a_batch_is_counted_and_the_rest_too() {
    let sink = Sink::grpc();
    let (mut sender, task) = start(settings(&sink.url()));
    sink.received.reject(2);
    offer(&mut sender, 5);
    let counts = finish(sender, task).await;
    assert_eq!((counts.exported, counts.dropped["rejected"]), (3, 2));
    assert_eq!(counts.failures, 0);
}

#[tokio::test]
async fn an_endpoint_that_does_not_take_a_signal_is_not_bothered_with_it_and_that_is_said_once() {
    let sink = Sink::grpc();
    let (mut sender, task) = start(settings(&sink.url()));
    sink.received.refuse(Some(Status::unimplemented("what?")));
    for _ in 0..3 {
        let dropped = counts(&sender).dropped.get("unsupported").copied();
        offer(&mut sender, 4);
        wait_until("they were dropped", || {
            counts(&sender).dropped.get("unsupported").copied() > dropped
        })
        .await;
    }
    let counts = finish(sender, task).await;
    assert_eq!((counts.dropped["unsupported"], counts.failures), (12, 1));
    let log = LOG.lines_about(&sink.address.to_string());
    assert_eq!(log.len(), 1, "{log:#?}");
    assert!(
        log[0].contains("does not take traces") && log[0].contains("OTEL_TRACES_EXPORTER=none"),
        "{log:#?}"
    );
}

#[tokio::test]
async fn a_batch_of_deep_stacks_is_sent_in_parts_that_a_server_takes() {
    let sink = Sink::grpc();
    let (mut sender, task) = start(Settings {
        schedule_delay: Duration::from_millis(200),
        ..settings(&sink.url())
    });
    let mut deep = sample::write(&sample::process(1, "shop"));
    let frame = deep.symbolized.stack[2].clone();
    deep.symbolized.stack.extend(vec![frame; 2_000]);
    for _ in 0..100 {
        sender.offer(deep.clone());
    }
    let counts = finish(sender, task).await;
    assert_eq!((counts.exported, counts.failures), (100, 0), "{counts:?}");
    assert_eq!(sink.received.spans().len(), 100);
}

#[tokio::test]
async fn a_batch_is_given_up_after_the_retry_limit() {
    let address = free_address();
    let retry_limit = Duration::from_millis(500);
    let (mut sender, task) = start(Settings {
        retry_limit,
        ..settings(&format!("http://{address}"))
    });
    offer(&mut sender, 3);
    wait_until("a write was dropped", || {
        !counts(&sender).dropped.is_empty()
    })
    .await;
    let counts = finish(sender, task).await;
    assert_eq!(counts.dropped["export_failed"], 3);
}

#[tokio::test]
async fn over_http_too_a_busy_endpoint_is_tried_again() {
    let sink = Sink::http();
    let (mut sender, task) = start(http_settings(&sink));
    sink.received.refuse(Some(Status::unavailable("busy")));
    offer(&mut sender, 3);
    wait_until("an export failed", || counts(&sender).failures > 0).await;
    sink.received.refuse(None);
    let counts = finish(sender, task).await;
    assert_eq!(counts.exported, 3);
}

#[tokio::test]
async fn a_certificate_that_cannot_be_read_is_an_error_that_names_it() {
    let tls = TlsFiles {
        certificate: Some("/nowhere/ca.pem".into()),
        ..TlsFiles::default()
    };
    for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
        let settings = Settings {
            tls: tls.clone(),
            protocol,
            ..settings("https://localhost:4317")
        };
        let error = Exporters::start(only_traces(settings), UnixNanos(1))
            .unwrap_err()
            .to_string();
        assert!(error.contains("/nowhere/ca.pem"), "{error}");
    }
}

/// What an operator sets for the services on a host must not travel with slowmap's own exports.
#[test]
fn headers_of_the_environment_are_not_sent_unless_they_were_configured() {
    let tests = std::env::current_exe().unwrap();
    for test in ["spans_arrive_over_grpc", "spans_arrive_over_http"] {
        let output = Command::new(&tests)
            .arg(format!("traces::{test}"))
            .env(
                "OTEL_EXPORTER_OTLP_HEADERS",
                "x-tenant=wrong,authorization=wrong,x-more=wrong",
            )
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success() && said.contains("1 passed"),
            "{said}"
        );
    }
}

#[tokio::test]
async fn the_log_says_once_each_that_the_endpoint_is_down_that_writes_are_lost_and_that_it_is_back()
{
    let address = free_address();
    let (mut sender, task) = start(Settings {
        queue_capacity: 5,
        batch_size: 5,
        ..settings(&format!("http://{address}"))
    });
    offer(&mut sender, 5);
    wait_until("an export failed", || counts(&sender).failures > 0).await;
    offer(&mut sender, 100);
    let failures = counts(&sender).failures;
    wait_until("two more failed", || {
        counts(&sender).failures >= failures + 2
    })
    .await;
    let sink = Sink::grpc_at(address);
    sink.received.wait_for(10).await;
    finish(sender, task).await;

    let log = LOG.lines_about(&address.to_string());
    let messages = ["cannot be exported", "still down", "are exported again"];
    assert_eq!(log.len(), messages.len(), "{log:#?}");
    for (line, message) in log.iter().zip(messages) {
        assert!(line.contains(message), "{log:#?}");
    }
    assert!(
        log[0].contains("Connection refused"),
        "the cause is named: {log:#?}"
    );
    assert!(
        log[1].contains("dropped=95") && log[2].contains("dropped=95"),
        "{log:#?}"
    );
}

/// What all tests log; each looks at the lines about its own endpoint.
static LOG: LazyLock<Log> = LazyLock::new(|| {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .init();
    log
});

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    fn lines_about(&self, address: &str) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned();
        text.lines()
            .filter(|line| line.contains(address))
            .map(str::to_owned)
            .collect()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
