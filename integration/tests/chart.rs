//! docker/chart and docker/sidecar.yaml, by helm and by a Kubernetes API server: what is rendered is what the server
//! takes, what the documents say, and what slowmap understands.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use integration::{
    kubernetes::{Cluster, Helm, Manifest, Verdict, manifests},
    program::succeed,
    requirement, slowmap, sources,
};
use serde_json::{Value, json};

/// Those that docs/install.md names, for services of other users on Linux 6.6 and later.
const CAPABILITIES: [&str; 4] = ["BPF", "DAC_READ_SEARCH", "PERFMON", "SYS_PTRACE"];
const NAMESPACE: &str = "default";

#[test]
fn helm_finds_nothing_to_object_to_in_the_chart_and_its_examples() -> Result<()> {
    let helm = Helm::new()?;
    helm.lint(&chart(), &[])?;
    for values in examples()? {
        helm.lint(&chart(), &[values])?;
    }
    let directory = tempfile::tempdir()?;
    helm.lint(&service_chart(&helm, directory.path())?, &[])
}

#[test]
fn a_key_or_a_type_that_the_chart_does_not_know_is_refused_by_name() -> Result<()> {
    let helm = Helm::new()?;
    let refused = [
        ("modus=sidecar", "modus"),
        ("mode=cluster", "/mode"),
        ("mode=sidecar", "/service/image"),
        ("privileges.privileged=true", "privileged"),
        ("privileges.otherUsers=maybe", "/privileges/otherUsers"),
        ("config.detection.treshold=1ms", "treshold"),
        ("config.prometheus.listen=9464", "prometheus"),
        ("otlp.endpoint=collector:4317", "/otlp/endpoint"),
        ("otlp.tls.clientCertificate=true", "/otlp/tls"),
        ("prometheus.port=ninety", "/prometheus/port"),
        ("networkPolicy.collector[0].host=collector", "host"),
    ];
    for (setting, named) in refused {
        let rendered = helm.render(&chart(), &[format!("--set={setting}")]);
        let error = rendered
            .err()
            .with_context(|| format!("{setting} passes"))?;
        let error = error.to_string();
        assert!(error.contains(named), "{setting}: {error}");
    }
    Ok(())
}

#[test]
fn an_api_server_takes_every_manifest_and_none_with_a_field_that_it_does_not_know() -> Result<()> {
    let test = "an_api_server_takes_every_manifest_and_none_with_a_field_that_it_does_not_know";
    if requirement::program(test, "apt-get").is_none() {
        return Ok(());
    }
    let cluster = Cluster::start()?;
    let mut kinds = BTreeSet::new();
    let mut broken = 0;
    for manifest in all(&Helm::new()?)? {
        let warnings = Vec::new();
        let verdict = cluster.verdict(NAMESPACE, &manifest)?;
        assert_eq!(verdict, Verdict::Accepted { warnings }, "{}", manifest.text);
        kinds.insert(manifest.kind().to_owned());
        if manifest.slowmap().is_none() {
            continue;
        }
        // As it is easily written, and as nobody would notice.
        let (right, wrong) = ("readOnlyRootFilesystem", "readOnlyRootFileSystem");
        let mistaken = manifests(&manifest.text.replace(right, wrong))?;
        match cluster.verdict(NAMESPACE, &mistaken[0])? {
            Verdict::Refused { message } => {
                assert!(message.contains("unknown field"), "{message}");
                assert!(message.contains(wrong), "{message}");
            }
            taken => panic!("{taken:?}: {}", mistaken[0].text),
        }
        broken += 1;
    }
    println!("{kinds:?} taken, {broken} broken ones refused");
    let pods = ["DaemonSet", "Deployment", "Pod"];
    let others = [
        "ClusterRole",
        "ClusterRoleBinding",
        "ConfigMap",
        "NetworkPolicy",
        "ServiceAccount",
    ];
    let expected = pods.into_iter().chain(others).map(str::to_owned);
    assert_eq!(kinds, expected.collect());
    Ok(())
}

#[test]
fn a_namespace_takes_its_pods_only_at_the_level_privileged() -> Result<()> {
    let test = "a_namespace_takes_its_pods_only_at_the_level_privileged";
    if requirement::program(test, "apt-get").is_none() {
        return Ok(());
    }
    let cluster = Cluster::start()?;
    let manifests = all(&Helm::new()?)?;
    for level in ["baseline", "privileged"] {
        let labels = json!({"pod-security.kubernetes.io/enforce": level});
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": level, "labels": labels}});
        cluster.create(NAMESPACE, &namespace.into())?;
        for manifest in manifests.iter().filter(|one| one.slowmap().is_some()) {
            // Of a workload's Pods the server judges each as it is made.
            let pod = Manifest::from(json!({
                "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "trial"}, "spec": manifest.pod(),
            }));
            match cluster.verdict(level, &pod)? {
                Verdict::Accepted { .. } => assert_eq!(level, "privileged"),
                Verdict::Refused { message } => {
                    assert_eq!(level, "baseline", "{message}");
                    assert!(message.contains("PodSecurity"), "{message}");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn its_containers_may_do_what_the_documents_say_and_no_more() -> Result<()> {
    for manifest in all(&Helm::new()?)? {
        let Some(slowmap) = manifest.slowmap() else {
            continue;
        };
        let text = &manifest.text;
        let context = &slowmap["securityContext"];
        let added = context["capabilities"]["add"].as_array();
        let added = added.into_iter().flatten().filter_map(Value::as_str);
        let added: BTreeSet<&str> = added.collect();
        match added.contains("SYS_ADMIN") {
            true => assert!(
                !added.contains("BPF") && !added.contains("PERFMON"),
                "{text}"
            ),
            false => assert!(added.is_subset(&CAPABILITIES.into()), "{text}"),
        }
        assert_eq!(context["capabilities"]["drop"], json!(["ALL"]), "{text}");
        assert_eq!(context["allowPrivilegeEscalation"], false, "{text}");
        assert_eq!(context["readOnlyRootFilesystem"], true, "{text}");
        assert_eq!(context["seccompProfile"]["type"], "Localhost", "{text}");
        assert!(
            slowmap["resources"]["limits"]["memory"].is_string(),
            "{text}"
        );
        assert!(!text.contains("privileged:"), "{text}");
        let pod = manifest.pod();
        match manifest.kind() {
            "DaemonSet" => {
                assert_eq!(pod["hostPID"], true, "{text}");
                // A token is for him who asks for the names of Pods.
                let environment = slowmap["env"].as_array().into_iter().flatten();
                let mut names = environment.map(|variable| &variable["name"]);
                let asks = names.any(|name| name == "SLOWMAP_KUBERNETES_NODE");
                assert_eq!(pod["automountServiceAccountToken"], asks, "{text}");
            }
            _ => {
                assert!(pod["hostPID"].is_null(), "{text}");
                assert_eq!(pod["shareProcessNamespace"], true, "{text}");
                // A service is ready whether it is watched or not.
                assert!(slowmap["readinessProbe"].is_null(), "{text}");
            }
        }
    }
    Ok(())
}

#[test]
fn health_is_asked_for_exactly_where_slowmap_answers() -> Result<()> {
    let helm = Helm::new()?;
    for enabled in [true, false] {
        let rendered = helm.render(&chart(), &[format!("--set=prometheus.enabled={enabled}")])?;
        let mut containers = rendered.iter().filter_map(Manifest::slowmap);
        let slowmap = containers.next().context("slowmap's container")?;
        for probe in ["livenessProbe", "readinessProbe"] {
            assert_eq!(slowmap[probe]["httpGet"].is_object(), enabled, "{slowmap}");
        }
        let policies = rendered.iter().filter(|one| one.kind() == "NetworkPolicy");
        for policy in policies {
            assert_eq!(policy.content["spec"]["ingress"].is_array(), enabled);
        }
    }
    Ok(())
}

#[test]
fn slowmap_takes_the_configuration_that_the_chart_writes() -> Result<()> {
    let strict = chart().join("examples/daemonset-strict.yaml");
    let values = format!("--values={}", strict.display());
    let rendered = Helm::new()?.render(&chart(), &[values])?;
    let of_kind = |kind: &str| rendered.iter().find(|one| one.kind() == kind);
    let file = &of_kind("ConfigMap").context("a ConfigMap")?.content["data"]["slowmap.yaml"];
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("slowmap.yaml");
    fs::write(&path, file.as_str().context("slowmap.yaml")?)?;
    let slowmap = of_kind("DaemonSet").and_then(Manifest::slowmap);
    let slowmap = slowmap.context("slowmap's container")?;
    let mut command = slowmap::command(["run", "--print-config"])?;
    for variable in slowmap["env"].as_array().into_iter().flatten() {
        let name = variable["name"].as_str().unwrap_or_default();
        let secret = variable["valueFrom"]["secretKeyRef"].is_object();
        match variable["value"].as_str() {
            Some(value) => command.env(name, value.replace("$(POD_NAME)", "trial-1")),
            None if secret => command.env(name, "x-tenant=shop"),
            None if name == "SLOWMAP_KUBERNETES_NODE" => command.env(name, "n1"),
            None => &mut command,
        };
    }
    // The cluster sets it.
    command.env("KUBERNETES_SERVICE_HOST", "10.0.0.1");
    let printed = succeed(command.env("SLOWMAP_CONFIG", path))?;
    let config: Value = serde_saphyr::from_str(&String::from_utf8(printed)?)?;
    assert_eq!(config["detection"]["threshold"], "1ms", "{config}");
    assert_eq!(config["prometheus"]["listen"], "0.0.0.0:9464", "{config}");
    assert_eq!(config["export"]["queue"]["directory_limit"], "512MiB");
    let traces = &config["export"]["traces"];
    assert_eq!(
        traces["endpoint"],
        "https://collector.observability.svc:4317"
    );
    assert_eq!(traces["compression"], "gzip", "{config}");
    assert_eq!(traces["certificate"], "/etc/slowmap-tls/ca.crt", "{config}");
    let attributes = &config["resource"]["attributes"];
    assert_eq!(attributes["k8s.pod.name"], "trial-1", "{config}");
    assert_eq!(attributes["k8s.cluster.name"], "production", "{config}");
    assert_eq!(config["kubernetes"]["node"], "n1", "{config}");
    assert_eq!(
        config["kubernetes"]["server"], "https://10.0.0.1",
        "{config}"
    );
    Ok(())
}

#[test]
fn the_chart_and_the_pod_are_of_this_version_of_slowmap() -> Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    let text = fs::read_to_string(chart().join("Chart.yaml"))?;
    let about: Value = serde_saphyr::from_str(&text)?;
    assert_eq!(about["version"], version);
    assert_eq!(about["appVersion"], version);
    for manifest in all(&Helm::new()?)? {
        if let Some(slowmap) = manifest.slowmap() {
            assert_eq!(slowmap["image"], format!("slowmap:{version}"));
        }
    }
    Ok(())
}

/// Everything that users are given: the chart with each of its examples, a service's chart, and a Pod.
fn all(helm: &Helm) -> Result<Vec<Manifest>> {
    let mut all = helm.render(&chart(), &[])?;
    for values in examples()? {
        all.extend(helm.render(&chart(), &[values])?);
    }
    let directory = tempfile::tempdir()?;
    all.extend(helm.render(&service_chart(helm, directory.path())?, &[])?);
    let pod = sources::repository().join("docker/sidecar.yaml");
    all.extend(manifests(&fs::read_to_string(pod)?)?);
    Ok(all)
}

fn chart() -> PathBuf {
    sources::repository().join("docker/chart")
}

/// Each value file, as an argument.
fn examples() -> Result<Vec<String>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(chart().join("examples"))? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
        {
            all.push(format!("--values={}", path.display()));
        }
    }
    assert!(all.len() >= 4, "{all:?}");
    Ok(all)
}

/// The example of a service's own chart, with this one in it: in a copy of both, since helm writes into it.
fn service_chart(helm: &Helm, directory: &Path) -> Result<PathBuf> {
    let docker = sources::repository().join("docker");
    let mut copy = std::process::Command::new("cp");
    succeed(copy.arg("-r").arg(docker).arg(directory))?;
    let service = directory.join("docker/chart/examples/service");
    helm.update_dependencies(&service)?;
    Ok(service)
}
