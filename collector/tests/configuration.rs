//! Where settings come from, which source wins, and what is said about mistakes.

use std::fs;

use slowmap::{
    config::{Config, ConfigError, Environment, Layer, layer::ExportLayer, otlp::OtlpLayer},
    export::otlp::{Compression, Protocol, Temporality},
};
use tempfile::NamedTempFile;

fn load(flags: Layer, variables: &[(&str, &str)], file: &str) -> Result<Config, ConfigError> {
    let environment: Environment = variables.iter().copied().collect();
    let path = NamedTempFile::new().unwrap();
    fs::write(&path, file).unwrap();
    Config::load(flags, &environment, Some(path.path()))
}

fn from_variables(variables: &[(&str, &str)]) -> Config {
    load(Layer::default(), variables, "").unwrap()
}

fn from_file(file: &str) -> Config {
    load(Layer::default(), &[], file).unwrap()
}

fn refused(variables: &[(&str, &str)], file: &str) -> String {
    let message = load(Layer::default(), variables, file)
        .unwrap_err()
        .to_string();
    assert!(!message.contains('\n'), "one line: {message}");
    message
}

fn assert_names(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "`{part}` is missing: {message}");
    }
}

fn endpoint_flag(url: &str) -> Layer {
    let otlp = OtlpLayer {
        endpoint: Some(url.parse().unwrap()),
        ..OtlpLayer::default()
    };
    Layer {
        export: ExportLayer {
            otlp,
            ..ExportLayer::default()
        },
        ..Layer::default()
    }
}

#[test]
fn without_any_source_the_defaults_apply() {
    let config = Config::load(Layer::default(), &Environment::default(), None).unwrap();
    assert_eq!(config.detection.threshold.to_string(), "100us");
    assert!(config.targets.is_all());
    assert_eq!(config.traces.endpoint.as_str(), "http://localhost:4317/");
    assert_eq!(config.traces.protocol, Protocol::Grpc);
    assert_eq!(config.queue.schedule_delay.to_string(), "500ms");
    assert_eq!(config.resource["service.name"], "slowmap");
    assert!(!config.export_settings().roots);
}

#[test]
fn flags_win_over_own_variables_these_over_standard_ones_and_these_over_the_file() {
    let file = "export: {otlp: {endpoint: 'http://file:4317', timeout: 1s, compression: gzip}}";
    let standard = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://standard:4317");
    let own = ("SLOWMAP_OTLP_ENDPOINT", "http://own:4317");
    let host = |flags, variables: &[_]| {
        let config = load(flags, variables, file).unwrap();
        assert_eq!(
            config.traces.compression,
            Compression::Gzip,
            "what no other source says stays"
        );
        config.traces.endpoint.host_str().unwrap().to_owned()
    };
    assert_eq!(host(Layer::default(), &[]), "file");
    assert_eq!(host(Layer::default(), &[standard]), "standard");
    assert_eq!(host(Layer::default(), &[standard, own]), "own");
    assert_eq!(
        host(endpoint_flag("http://flag:4317"), &[standard, own]),
        "flag"
    );
}

#[test]
fn the_source_decides_before_the_signal_does() {
    let traces = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://traces:4317");
    let shared = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://shared:4317");
    assert_eq!(
        from_variables(&[shared, traces]).traces.endpoint.host_str(),
        Some("traces")
    );
    let config = load(endpoint_flag("http://flag:4317"), &[shared, traces], "").unwrap();
    assert_eq!(config.traces.endpoint.host_str(), Some("flag"));
}

#[test]
fn over_http_the_signals_path_is_appended_unless_the_endpoint_is_the_signals_own() {
    let http = ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
    let endpoint = |variables: &[_]| from_variables(variables).traces.endpoint.to_string();
    assert_eq!(endpoint(&[http]), "http://localhost:4318/v1/traces");
    let shared = |url| ("OTEL_EXPORTER_OTLP_ENDPOINT", url);
    assert_eq!(
        endpoint(&[http, shared("http://c:1")]),
        "http://c:1/v1/traces"
    );
    assert_eq!(
        endpoint(&[http, shared("http://c:1/otlp/")]),
        "http://c:1/otlp/v1/traces"
    );
    let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c:1/as/it/is");
    assert_eq!(endpoint(&[http, own]), "http://c:1/as/it/is");
}

#[test]
fn each_signal_has_variables_of_its_own_and_can_be_turned_off() {
    let config = from_variables(&[
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:4318"),
        ("OTEL_EXPORTER_OTLP_LOGS_ENDPOINT", "http://logs:1/as/it/is"),
        ("OTEL_EXPORTER_OTLP_LOGS_HEADERS", "x-tenant=logs"),
        ("OTEL_TRACES_EXPORTER", "none"),
    ]);
    let settings = config.export_settings();
    assert_eq!(settings.traces, None);
    let logs = settings.logs.unwrap();
    assert_eq!(logs.endpoint.as_str(), "http://logs:1/as/it/is");
    assert_eq!(logs.headers.0["x-tenant"], "logs");
    let off = from_file("export: {signals: {logs: none}}");
    assert_eq!(off.export_settings().logs, None);
    let on = load(
        Layer::default(),
        &[("OTEL_LOGS_EXPORTER", "otlp")],
        "export: {signals: {logs: none}}",
    );
    let shared = on.unwrap().export_settings().logs.unwrap();
    assert_eq!(shared.endpoint.as_str(), "http://localhost:4317/");
}

#[test]
fn metrics_are_cumulative_and_sent_once_a_minute_unless_configured_otherwise() {
    let settings = |variables: &[_]| {
        let config = from_variables(variables);
        let metrics = config.export_settings().metrics.unwrap();
        (
            config.metrics.interval.get().as_millis(),
            metrics.temporality,
        )
    };
    assert_eq!(settings(&[]), (60_000, Temporality::Cumulative));
    let chosen = settings(&[
        ("OTEL_METRIC_EXPORT_INTERVAL", "15000"),
        ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "Delta"),
    ]);
    assert_eq!(chosen, (15_000, Temporality::Delta));
    let off = from_variables(&[("OTEL_METRICS_EXPORTER", "none")]);
    assert_eq!(off.export_settings().metrics, None);
}

#[test]
fn metrics_can_be_scraped_only_where_that_was_asked_for_and_from_this_machine_only_unless_more_was_asked_for()
 {
    let listen = |variables: &[_]| {
        let config = from_variables(variables);
        let otlp = config.metrics.otlp.exporter == slowmap::config::otlp::Exporter::Otlp;
        assert_eq!(from_file(&config.to_yaml()), config);
        (config.prometheus.to_string(), otlp)
    };
    assert_eq!(listen(&[]), ("none".into(), true));
    let own = |value| listen(&[("SLOWMAP_PROMETHEUS_LISTEN", value)]).0;
    assert_eq!(own("9464"), "localhost:9464");
    assert_eq!(own("0.0.0.0:1"), "0.0.0.0:1");
    assert_eq!(own("[::1]:9464"), "[::1]:9464");
    let standard = ("OTEL_METRICS_EXPORTER", "otlp,prometheus");
    assert_eq!(listen(&[standard]), ("localhost:9464".into(), true));
    let alone = ("OTEL_METRICS_EXPORTER", "prometheus");
    let there = [
        alone,
        ("OTEL_EXPORTER_PROMETHEUS_HOST", "127.0.0.2"),
        ("OTEL_EXPORTER_PROMETHEUS_PORT", "9000"),
    ];
    assert_eq!(listen(&there), ("127.0.0.2:9000".into(), false));
    let off = [standard, ("SLOWMAP_PROMETHEUS_LISTEN", "none")];
    assert_eq!(listen(&off), ("none".into(), true));
}

#[test]
fn profiles_are_sent_only_where_that_was_asked_for() {
    let defaults = Config::load(Layer::default(), &Environment::default(), None).unwrap();
    assert_eq!(defaults.export_settings().profiles, None);
    let settings = from_variables(&[
        ("OTEL_PROFILES_EXPORTER", "otlp"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"),
    ]);
    let profiles = settings.export_settings().profiles.unwrap();
    assert_eq!(profiles.endpoint.path(), "/v1development/profiles");
}

#[test]
fn without_a_protocol_the_endpoint_tells_which_it_must_be() {
    let protocol = |name, url| from_variables(&[(name, url)]).traces.protocol;
    assert_eq!(
        protocol("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317"),
        Protocol::Grpc
    );
    assert_eq!(
        protocol("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"),
        Protocol::HttpProtobuf
    );
    let traces = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
    assert_eq!(
        protocol(traces, "https://c/v1/traces"),
        Protocol::HttpProtobuf
    );
}

#[test]
fn the_standard_variables_mean_what_the_specification_says() {
    let config = from_variables(&[
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "authorization=Basic%20abc%3D, x-tenant = one",
        ),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/tls/ca.pem"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "10"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "5"),
        ("OTEL_BSP_SCHEDULE_DELAY", "5000"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "service.name=a,deployment.environment.name=b%20c",
        ),
        ("OTEL_SERVICE_NAME", "slowmap-of-a"),
        ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", ""),
    ]);
    let settings = config.export_settings().traces.unwrap();
    assert_eq!(settings.headers.0["authorization"], "Basic abc=");
    assert_eq!(settings.headers.0["x-tenant"], "one");
    assert_eq!(settings.timeout.as_millis(), 2_500);
    assert_eq!(settings.compression, Compression::Gzip);
    assert_eq!(
        settings.tls.certificate.unwrap().to_str(),
        Some("/tls/ca.pem")
    );
    assert_eq!((settings.queue_capacity, settings.batch_size), (10, 5));
    assert_eq!(
        settings.schedule_delay.as_secs(),
        1,
        "meant for a service's own SDK: no more than is allowed"
    );
    assert_eq!(config.resource["service.name"], "slowmap-of-a");
    assert_eq!(config.resource["deployment.environment.name"], "b c");
}

#[test]
fn an_endpoint_without_a_scheme_needs_the_variable_that_decides_about_tls() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317");
    assert_names(
        &refused(&[endpoint], ""),
        &[
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            "`collector:4317`",
            "http://HOST:PORT",
        ],
    );
    let config = from_variables(&[endpoint, ("OTEL_EXPORTER_OTLP_INSECURE", "true")]);
    assert_eq!(config.traces.endpoint.as_str(), "http://collector:4317/");
    let config = from_variables(&[endpoint, ("OTEL_EXPORTER_OTLP_INSECURE", "false")]);
    assert_eq!(config.traces.endpoint.as_str(), "https://collector:4317/");
}

#[test]
fn a_bad_value_is_named_with_its_variable_and_what_is_allowed() {
    for (name, value, allowed) in [
        ("SLOWMAP_THRESHOLD", "100", "from 1us to 10s"),
        ("SLOWMAP_SAMPLING", "101", "from 1 to 100"),
        ("SLOWMAP_WITHOUT_CONTEXT", "keep", "root, drop"),
        ("SLOWMAP_PIDS", "1,x", "process ids"),
        (
            "SLOWMAP_LOG",
            "loud",
            "off, error, warn, info, debug, trace",
        ),
        (
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "http/json",
            "grpc, http/protobuf",
        ),
        ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "5s", "milliseconds"),
        (
            "OTEL_EXPORTER_OTLP_COMPRESSION",
            "brotli",
            "none, gzip, zstd",
        ),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0", "from 1 to 1000000"),
        ("OTEL_TRACES_EXPORTER", "zipkin", "otlp, none"),
        ("OTEL_LOGS_EXPORTER", "console", "otlp, none"),
        ("OTEL_METRICS_EXPORTER", "console", "otlp, prometheus"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "60s", "milliseconds"),
        (
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
            "both",
            "cumulative, delta, lowmemory",
        ),
        (
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT",
            "logs",
            "http://HOST:PORT",
        ),
        ("OTEL_RESOURCE_ATTRIBUTES", "nonsense", "key=value"),
        ("SLOWMAP_PROMETHEUS_LISTEN", "localhost", "HOST:PORT"),
        ("SLOWMAP_PROMETHEUS_LISTEN", "::1", "[IPv6 address]:PORT"),
    ] {
        assert_names(
            &refused(&[(name, value)], ""),
            &[name, &format!("`{value}`"), allowed],
        );
    }
}

#[test]
fn a_secret_is_not_repeated_in_the_error_about_it() {
    let message = refused(
        &[("OTEL_EXPORTER_OTLP_HEADERS", "authorization s3cret")],
        "",
    );
    assert_names(&message, &["OTEL_EXPORTER_OTLP_HEADERS", "key=value"]);
    assert!(!message.contains("s3cret"), "{message}");
}

#[test]
fn a_variable_that_slowmap_does_not_know_is_refused_but_not_those_of_kubernetes() {
    let message = refused(&[("SLOWMAP_TRESHOLD", "1ms")], "");
    assert_names(&message, &["SLOWMAP_TRESHOLD", "SLOWMAP_THRESHOLD"]);
    from_variables(&[
        ("SLOWMAP_SERVICE_HOST", "10.0.0.1"),
        ("SLOWMAP_SERVICE_PORT_OTLP", "4317"),
        ("SLOWMAP_PORT", "tcp://10.0.0.1:4317"),
        ("SLOWMAP_PORT_4317_TCP_ADDR", "10.0.0.1"),
    ]);
}

#[test]
fn a_mistake_in_the_file_is_named_with_its_key_its_line_and_what_is_allowed() {
    for (file, parts) in [
        (
            "detection:\n  treshold: 5ms",
            ["detection.treshold", "threshold, mode, sampling", "line 2"],
        ),
        (
            "detectoin: {}",
            ["detectoin", "detection, targets", "line 1"],
        ),
        (
            "detection:\n  threshold: 100",
            [
                "detection.threshold",
                "`100` is not allowed",
                "from 1us to 10s",
            ],
        ),
        (
            "export: {otlp: {protocol: http}}",
            ["export.otlp.protocol", "`http`", "grpc, http/protobuf"],
        ),
        (
            "export: {queue: {schedule_delay: 5s}}",
            ["export.queue.schedule_delay", "`5s`", "to 1s"],
        ),
        (
            "targets: {pids: [1, x]}",
            ["targets.pids[1]", "u32", "line 1"],
        ),
        (
            "export: {otlp: {headers: {a b: c}}}",
            ["export.otlp.headers", "ASCII letters", "line 1"],
        ),
    ] {
        assert_names(&refused(&[], file), &parts);
    }
}

#[test]
fn a_file_may_be_empty_and_so_may_its_sections() {
    let defaults = from_file("");
    for file in [
        "# nothing\n",
        "detection:\n#  threshold: 1ms\n",
        "export:\n  otlp:\n  queue:\nlog:\n",
    ] {
        assert_eq!(from_file(file), defaults, "{file:?}");
    }
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    assert_names(
        &refused(&[], "targets: {all: true, pids: [1]}"),
        &["all", "pids", "exclude each other"],
    );
    assert_names(
        &refused(&[], "export: {otlp: {client_key: a.pem}}"),
        &["client_certificate", "client_key"],
    );
}

#[test]
fn every_mode_is_taken_and_sampling_has_its_limits() {
    for mode in ["slowpath", "exact", "sampled"] {
        let config = load(Layer::default(), &[("SLOWMAP_MODE", mode)], "").unwrap();
        assert_eq!(config.detection.mode.to_string(), mode);
    }
    for percent in ["0", "101", "-1", "1.5"] {
        let message = refused(&[("SLOWMAP_SAMPLING", percent)], "");
        assert_names(&message, &["SLOWMAP_SAMPLING", percent, "1 to 100"]);
    }
}

#[test]
fn what_goes_with_another_setting_is_refused_without_it() {
    for mode in ["slowpath", "exact"] {
        let message = refused(&[("SLOWMAP_MODE", mode), ("SLOWMAP_SAMPLING", "10")], "");
        assert_names(&message, &["--sampling", "10 is for mode sampled", mode]);
    }
    let sampled = "detection: {mode: sampled, sampling: 10}";
    let config = from_file(sampled);
    assert_eq!(from_file(&config.to_yaml()).detection, config.detection);
    // Who chooses another mode need not know of the file's share.
    let exact = load(Layer::default(), &[("SLOWMAP_MODE", "exact")], sampled).unwrap();
    assert_eq!(from_file(&exact.to_yaml()).detection, exact.detection);
    let message = refused(
        &[("SLOWMAP_ALERT_WEBHOOK", "https://hooks.example/s3cret")],
        "",
    );
    assert_names(&message, &["alerts.webhook", "--alert"]);
    assert!(!message.contains("s3cret"), "{message}");
}

#[test]
fn a_budget_of_nothing_or_of_more_than_there_is_is_refused_with_what_is_allowed() {
    for budget in ["0", "0.05", "101", "-1"] {
        let allowed = "from 0.1 to 100";
        let file = format!("detection:\n  budget: {budget}");
        assert_names(
            &refused(&[], &file),
            &["detection.budget", allowed, "line 2"],
        );
        let message = refused(&[("SLOWMAP_BUDGET", budget)], "");
        assert_names(&message, &["SLOWMAP_BUDGET", budget, allowed]);
    }
    let half = from_file("detection: {budget: 0.5}");
    assert_eq!(half.detection.budget.share(), 0.005);
}

#[test]
fn a_release_to_assume_is_one_whose_layout_is_known() {
    for release in ["1.99", "go1.27", "1.27.4"] {
        let allowed = "1.26, 1.27";
        let file = format!("detection:\n  assume_go: '{release}'");
        assert_names(
            &refused(&[], &file),
            &["detection.assume_go", allowed, "line 2"],
        );
        let message = refused(&[("SLOWMAP_ASSUME_GO", release)], "");
        assert_names(&message, &["SLOWMAP_ASSUME_GO", release, allowed]);
    }
    for written in ["1.27", "'1.27'"] {
        let config = from_file(&format!("detection: {{assume_go: {written}}}"));
        let release = config.detection.assume_go.map(|it| it.to_string());
        assert_eq!(release.as_deref(), Some("1.27"));
    }
}

#[test]
fn the_printed_configuration_reads_back_to_the_same_without_secrets() {
    let file = "
detection: {threshold: 1500us, budget: 2.5, assume_go: 1.27}
targets: {executables: ['/srv/*/shop'], pids: [7]}
spans: {without_context: root}
metrics: {interval: 5s, temporality: lowmemory}
export:
  otlp: {endpoint: 'http://collector:4318/base', compression: zstd, certificate: ca.pem, timeout: 90s}
  signals: {traces: none, logs: otlp, metrics: none, profiles: otlp}
  logs: {endpoint: 'http://logs:4317', headers: {}}
  queue: {capacity: 5, batch_size: 2, schedule_delay: 50ms}
shutdown: {grace: 1s}
resource: {attributes: {service.name: me, team: a}}
alerts: {when: ['p99 > 5ms', 'count>3 per hour for 1m']}
log: {format: json, level: 'warn,slowmap=debug'}
";
    let config = from_file(file);
    assert_eq!(from_file(&config.to_yaml()), config);

    let secret = ("SLOWMAP_OTLP_HEADERS", "authorization=s3cret");
    let config = load(
        endpoint_flag("http://me:s3cret@collector:4317"),
        &[secret],
        "",
    )
    .unwrap();
    let printed = config.to_yaml();
    assert!(
        printed.contains("authorization") && !printed.contains("s3cret"),
        "{printed}"
    );
    let traces = config.export_settings().traces.unwrap();
    assert!(!format!("{:?}", traces.headers).contains("s3cret"));
    assert!(!traces.shown_endpoint().contains("s3cret"));
}

#[test]
fn alerts_are_asked_for_in_the_file_or_a_variable_and_their_url_is_a_secret() {
    let file = "alerts: {when: ['p99 > 5ms for 30s'], webhook: 'https://hooks.example:8443/s3cret?key=s3cret'}";
    let config = from_file(file);
    assert_eq!(config.alerts.when[0].to_string(), "p99 > 5ms for 30s");
    let printed = config.to_yaml();
    assert!(
        printed.contains("https://hooks.example:8443/***"),
        "{printed}"
    );
    assert!(!printed.contains("s3cret") && !format!("{config:?}").contains("s3cret"));
    let variables = [("SLOWMAP_ALERTS", "max > 1s, count > 5 per minute")];
    let own = load(Layer::default(), &variables, file).unwrap();
    assert_eq!(own.alerts.when.len(), 2, "a list replaces another");
    let message = refused(&[], "alerts: {when: ['p99 > 5']}");
    assert_names(&message, &["alerts.when", "p99 > 5ms", "count > NUMBER"]);
    for (variables, file) in [
        (&[][..], "alerts: {webhook: s3cret}"),
        (&[("SLOWMAP_ALERT_WEBHOOK", "s3cret")][..], ""),
    ] {
        let message = refused(variables, file);
        assert_names(&message, &["begins with http://"]);
        assert!(!message.contains("s3cret"), "{message}");
    }
}
