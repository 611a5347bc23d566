//! Services in containers get the names of their Pods, by a real API server; with the account that the chart gives slowmap.

use std::{path::Path, time::Duration};

use anyhow::{Context, Result, bail};
use integration::{
    go::{self, Toolchain},
    kubernetes::{Cluster, Helm},
    load::Load,
    machine,
    podman::Podman,
    program::Program,
    requirement,
    sink::Sink,
    slowmap::{self, PATIENCE},
    sources,
    trace::span::Span,
    truth::TruthTarget,
};
use serde_json::{Value, json};

const NAMESPACE: &str = "default";
const NODE: &str = "n1";
const THRESHOLD: &str = "20us";

/// What Kubernetes calls the service's container.
const NAMES: [(&str, &str); 4] = [
    ("k8s.namespace.name", NAMESPACE),
    ("k8s.node.name", NODE),
    ("k8s.pod.name", "shop-1"),
    ("k8s.container.name", "shop"),
];

#[test]
fn a_service_has_the_names_of_its_pod_that_an_account_for_nothing_else_can_read() -> Result<()> {
    let test = "a_service_has_the_names_of_its_pod_that_an_account_for_nothing_else_can_read";
    if !requirement::root(test) || requirement::program(test, "apt-get").is_none() {
        return Ok(());
    }
    let programs = ["podman", "runc"].map(|name| requirement::program(test, name));
    let [Some(podman), Some(_)] = programs else {
        return Ok(());
    };
    let _alone = machine::alone()?;
    let cluster = Cluster::start()?;
    let directory = tempfile::tempdir()?;
    let podman = Podman::new(podman)?;
    podman.image_of("correlate", &go::target("correlate", Toolchain::Installed)?)?;
    let mut service = podman.target(
        &[],
        "shop",
        "correlate",
        &["--requests", "0"],
        directory.path(),
    )?;
    service.begin()?;
    let container = podman.id("shop")?;
    let account = account(&cluster)?;
    let token = cluster.token(NAMESPACE, &account)?;
    assert_eq!(cluster.answers_with(&token, "/api/v1/pods")?, 200);
    assert_eq!(cluster.answers_with(&token, "/api/v1/secrets")?, 403);
    make_pod(&cluster)?;

    // The cluster knows of the container only after slowmap has been attached to it.
    let sink = Sink::start()?;
    let slowmap = watch(&cluster, &token, directory.path(), &sink)?;
    wait(&sink, &service, |span| names(span).is_empty())?;
    cluster.set_status(NAMESPACE, "shop-1", &running(&container))?;
    let named = wait(&sink, &service, |span| !names(span).is_empty())?;
    assert_eq!(
        names(&named),
        NAMES.map(|(key, value)| (key, value.to_owned()))
    );
    assert_eq!(
        named.resource.get("k8s.pod.uid").map(Value::is_string),
        Some(true)
    );
    assert_eq!(slowmap.stop(PATIENCE)?.code(), Some(0));

    // It is known from the first write on to one that starts later.
    let sink = Sink::start()?;
    let slowmap = watch(&cluster, &token, directory.path(), &sink)?;
    wait(&sink, &service, |_| true)?;
    assert_eq!(slowmap.stop(PATIENCE)?.code(), Some(0));
    let spans = sink.received().spans;
    assert!(
        spans.iter().all(|span| names(span).len() == NAMES.len()),
        "{spans:?}"
    );

    watched_without_the_right_to_ask(&cluster, directory.path(), &service)
}

fn watched_without_the_right_to_ask(
    cluster: &Cluster,
    directory: &Path,
    service: &TruthTarget,
) -> Result<()> {
    let nobody =
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "nobody"}});
    cluster.create(NAMESPACE, &nobody.into())?;
    let token = cluster.token(NAMESPACE, "nobody")?;
    let sink = Sink::start()?;
    let slowmap = watch(cluster, &token, directory, &sink)?;
    wait(&sink, service, |_| true)?;
    let ended = slowmap.stop(PATIENCE)?;
    assert_eq!(ended.code(), Some(0), "{}", ended.stderr);
    let said = ended.stderr.matches("may not list pods").count();
    assert_eq!(said, 1, "{}", ended.stderr);
    let spans = sink.received().spans;
    assert!(spans.iter().all(|span| names(span).is_empty()));
    Ok(())
}

/// The chart's own, with what it may do; its name.
fn account(cluster: &Cluster) -> Result<String> {
    let chart = sources::repository().join("docker/chart");
    let rendered = Helm::new()?.render(&chart, &["--set=podNames=true".to_owned()])?;
    let mut name = None;
    for kind in ["ServiceAccount", "ClusterRole", "ClusterRoleBinding"] {
        let manifest = rendered.iter().find(|manifest| manifest.kind() == kind);
        let manifest = manifest.with_context(|| format!("no {kind}"))?;
        cluster.create(NAMESPACE, manifest)?;
        if kind == "ServiceAccount" {
            name = manifest.content["metadata"]["name"].as_str();
        }
    }
    Ok(name.context("an account without a name")?.to_owned())
}

/// Two Pods: the service's, of which nothing runs yet, and one of another node.
fn make_pod(cluster: &Cluster) -> Result<()> {
    for (pod, node) in [("shop-1", NODE), ("other", "n2")] {
        let pod = json!({
            "apiVersion": "v1", "kind": "Pod", "metadata": {"name": pod},
            "spec": {"nodeName": node, "containers": [{"name": "shop", "image": "example/shop:1"}]},
        });
        cluster.create(NAMESPACE, &pod.into())?;
    }
    Ok(())
}

fn running(container: &str) -> Value {
    let container = json!({
        "name": "shop", "image": "example/shop:1", "imageID": "", "ready": true, "restartCount": 0,
        "containerID": format!("containerd://{container}"),
        "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
    });
    json!({"phase": "Running", "containerStatuses": [container]})
}

/// slowmap as a Pod of the node has it, attached to the service.
fn watch(cluster: &Cluster, token: &str, directory: &Path, sink: &Sink) -> Result<Program> {
    let account = directory.join("account");
    std::fs::create_dir_all(&account)?;
    std::fs::write(account.join("token"), token)?;
    std::fs::write(account.join("ca.crt"), cluster.certificate())?;
    let address = cluster.url().trim_start_matches("https://");
    let (host, port) = address
        .split_once(':')
        .context("an address without a port")?;
    let mut command = slowmap::run_command(&sink.endpoint(), &[])?;
    command.args(["--exe", "/correlate", "--threshold", THRESHOLD]);
    command.env("KUBERNETES_SERVICE_HOST", host);
    command.env("KUBERNETES_SERVICE_PORT", port);
    command.env("SLOWMAP_KUBERNETES_NODE", NODE);
    command.env("SLOWMAP_KUBERNETES_ACCOUNT", &account);
    command.env("SLOWMAP_LOG", "info");
    let mut slowmap = Program::start(command)?;
    slowmap::wait_attached_log(&mut slowmap, 1, PATIENCE)?;
    Ok(slowmap)
}

/// Has the service asked until such a span has come; the span.
fn wait(sink: &Sink, service: &TruthTarget, wanted: impl Fn(&Span) -> bool) -> Result<Span> {
    for _ in 0..30 {
        let load = Load {
            limit: Duration::from_millis(300),
            ..service.load(&["/nested"], PATIENCE)
        };
        assert_eq!(load.run().failed, 0);
        std::thread::sleep(Duration::from_millis(700));
        let spans = sink.received().spans;
        if let Some(span) = spans.into_iter().rev().find(|span| wanted(span)) {
            return Ok(span);
        }
    }
    bail!("no such span: {:?}", sink.received().spans)
}

/// Those of [`NAMES`] that its service has.
fn names(span: &Span) -> Vec<(&'static str, String)> {
    let of = |key: &'static str| {
        let value = span.resource.get(key)?.as_str()?;
        Some((key, value.to_owned()))
    };
    NAMES.into_iter().filter_map(|(key, _)| of(key)).collect()
}
