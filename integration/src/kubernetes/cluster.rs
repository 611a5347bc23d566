//! A running API server with its etcd.

use std::{
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;
use ureq::{
    Agent,
    tls::{Certificate, RootCerts, TlsConfig},
};

use super::{API_SERVER, Manifest};
use crate::{cache, debian::Apt, ports, program::Program};

const TOKEN: &str = "trial";
/// It starts in some ten seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the server says to a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Accepted { warnings: Vec<String> },
    Refused { message: String },
}

/// Dropped, it is stopped, and what it knew is gone.
#[derive(Debug)]
pub struct Cluster {
    server: Program,
    // Ends after the server, which goes on asking for it.
    _etcd: Program,
    agent: Agent,
    url: String,
    certificate: String,
    _state: TempDir,
}

impl Cluster {
    /// Starts it on free ports of the loopback interface and waits until it is ready. Builds what the cache does not have.
    pub fn start() -> Result<Self> {
        let executable = API_SERVER.executable()?;
        let etcd = etcd_executable()?;
        let state = tempfile::tempdir()?;
        let [port, client, peer] = ports::free()?;
        let etcd = Program::start(etcd_command(&etcd, state.path(), client, peer))?;
        let certificate = identity(state.path())?;
        let mut command = Command::new(executable);
        command.args(server_arguments(state.path(), port, client));
        let mut cluster = Self {
            server: Program::start(command)?,
            _etcd: etcd,
            agent: agent(&certificate)?,
            url: format!("https://127.0.0.1:{port}"),
            certificate,
            _state: state,
        };
        cluster.wait_ready()?;
        Ok(cluster)
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// By which it is known, PEM.
    pub fn certificate(&self) -> &str {
        &self.certificate
    }

    /// A token of a service account, which has to be there: what a Pod of it would get.
    pub fn token(&self, namespace: &str, account: &str) -> Result<String> {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
        let request =
            json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
        let sent = self.agent.post(format!("{}{path}", self.url));
        let sent = sent.header("Authorization", format!("Bearer {TOKEN}"));
        let mut answer = sent.send_json(request).context("ask for a token")?;
        let answer: Value = answer.body_mut().read_json()?;
        let token = answer["status"]["token"].as_str();
        Ok(token.with_context(|| answer.to_string())?.to_owned())
    }

    /// Says how a Pod is, as the kubelet of its node would.
    pub fn set_status(&self, namespace: &str, pod: &str, status: &Value) -> Result<()> {
        let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/status");
        let sent = self.agent.patch(format!("{}{path}", self.url));
        let sent = sent.header("Authorization", format!("Bearer {TOKEN}"));
        let sent = sent.content_type("application/merge-patch+json");
        let mut answer = sent.send(json!({"status": status}).to_string())?;
        let said = answer.body_mut().read_to_string()?;
        ensure!(answer.status().is_success(), "{said}");
        Ok(())
    }

    /// With what it answers a question of somebody who has that token, e.g. 403.
    pub fn answers_with(&self, token: &str, path: &str) -> Result<u16> {
        let request = self.agent.get(format!("{}{path}", self.url));
        let request = request.header("Authorization", format!("Bearer {token}"));
        Ok(request.call()?.status().as_u16())
    }

    /// Whether it would take a manifest, with every check that it has and no field that it does not know. It keeps nothing.
    pub fn verdict(&self, namespace: &str, manifest: &Manifest) -> Result<Verdict> {
        self.post(namespace, manifest, "?dryRun=All&fieldValidation=Strict")
    }

    /// Makes it.
    pub fn create(&self, namespace: &str, manifest: &Manifest) -> Result<()> {
        match self.post(namespace, manifest, "")? {
            Verdict::Accepted { .. } => Ok(()),
            Verdict::Refused { message } => bail!("{}: {message}", manifest.text),
        }
    }

    fn post(&self, namespace: &str, manifest: &Manifest, query: &str) -> Result<Verdict> {
        let path = self.path(namespace, manifest)?;
        let mut answer = self
            .agent
            .post(format!("{}{path}{query}", self.url))
            .header("Authorization", format!("Bearer {TOKEN}"))
            .content_type("application/yaml")
            .send(&manifest.text)
            .context("send a manifest")?;
        let warnings = answer.headers().get_all("Warning").iter();
        let warnings = warnings.filter_map(|value| value.to_str().ok().map(str::to_owned));
        let warnings = warnings.collect();
        let accepted = answer.status().is_success();
        let body: Value = answer.body_mut().read_json()?;
        let message = body["message"].as_str().unwrap_or_default().to_owned();
        Ok(match accepted {
            true => Verdict::Accepted { warnings },
            false => Verdict::Refused { message },
        })
    }

    /// Where objects of its kind are made, as the server itself says.
    fn path(&self, namespace: &str, manifest: &Manifest) -> Result<String> {
        let version = manifest.content["apiVersion"].as_str();
        let version = version.context("a manifest without apiVersion")?;
        let group = match version.contains('/') {
            true => format!("/apis/{version}"),
            false => format!("/api/{version}"),
        };
        let known = self.get(&group)?;
        let known = known["resources"].as_array().cloned().unwrap_or_default();
        let is_it = |one: &&Value| {
            let name = one["name"].as_str().unwrap_or_default();
            one["kind"] == manifest.kind() && !name.contains('/')
        };
        let resource = known.iter().find(is_it);
        let resource = resource.with_context(|| format!("no {} in {group}", manifest.kind()))?;
        let name = resource["name"].as_str().context("a resource's name")?;
        Ok(match resource["namespaced"] == true {
            true => format!("{group}/namespaces/{namespace}/{name}"),
            false => format!("{group}/{name}"),
        })
    }

    fn get(&self, path: &str) -> Result<Value> {
        let request = self.agent.get(format!("{}{path}", self.url));
        let request = request.header("Authorization", format!("Bearer {TOKEN}"));
        let mut answer = request.call().with_context(|| format!("get {path}"))?;
        ensure!(answer.status().is_success(), "{path}: {}", answer.status());
        Ok(answer.body_mut().read_json()?)
    }

    /// The namespace `default` is made a moment after the server is ready.
    fn wait_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.get("/api/v1/namespaces/default").is_err() {
            if self.server.ended()? || Instant::now() > deadline {
                bail!("kube-apiserver is not ready: {}", self.server.stderr());
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

/// Debian's. Its package, were it installed, would start a server at every boot.
fn etcd_executable() -> Result<PathBuf> {
    cache::file(Path::new("etcd/etcd"), |to| {
        let apt = Apt::new(&["bookworm"], "amd64")?;
        let executable = apt.file("etcd-server", |path| path.ends_with("usr/bin/etcd"))?;
        std::fs::copy(executable, to)?;
        Ok(())
    })
}

fn etcd_command(executable: &Path, state: &Path, client: u16, peer: u16) -> Command {
    let [client, peer] = [client, peer].map(|port| format!("http://127.0.0.1:{port}"));
    let mut command = Command::new(executable);
    command
        .arg(format!("--data-dir={}", state.join("etcd").display()))
        .arg(format!("--listen-client-urls={client}"))
        .arg(format!("--advertise-client-urls={client}"))
        .arg(format!("--listen-peer-urls={peer}"))
        .arg(format!("--initial-advertise-peer-urls={peer}"))
        .arg(format!("--initial-cluster=default={peer}"))
        .args(["--logger=zap", "--log-level=error", "--unsafe-no-fsync"]);
    command
}

/// The server's certificate, PEM. Its key also signs the tokens of service accounts.
fn identity(state: &Path) -> Result<String> {
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["127.0.0.1".to_owned()])?.self_signed(&key)?;
    std::fs::write(state.join("key.pem"), key.serialize_pem())?;
    std::fs::write(state.join("certificate.pem"), certificate.pem())?;
    std::fs::write(
        state.join("tokens"),
        format!("{TOKEN},trial,trial,system:masters\n"),
    )?;
    Ok(certificate.pem())
}

fn server_arguments(state: &Path, port: u16, etcd: u16) -> Vec<String> {
    let file = |name: &str| state.join(name).display().to_string();
    let [key, certificate] = ["key.pem", "certificate.pem"].map(file);
    vec![
        format!("--etcd-servers=http://127.0.0.1:{etcd}"),
        "--bind-address=127.0.0.1".to_owned(),
        format!("--secure-port={port}"),
        // It would refuse to announce an address that nobody else can reach.
        "--endpoint-reconciler-type=none".to_owned(),
        format!("--tls-cert-file={certificate}"),
        format!("--tls-private-key-file={key}"),
        format!("--token-auth-file={}", file("tokens")),
        "--authorization-mode=RBAC".to_owned(),
        "--service-account-issuer=https://127.0.0.1".to_owned(),
        format!("--service-account-key-file={certificate}"),
        format!("--service-account-signing-key-file={key}"),
        "--service-cluster-ip-range=10.0.0.0/24".to_owned(),
        // Nobody makes the accounts that it would ask for.
        "--disable-admission-plugins=ServiceAccount".to_owned(),
    ]
}

/// Trusts the server's certificate and no other. A refusal is an answer.
fn agent(certificate: &str) -> Result<Agent> {
    let certificate = Certificate::from_pem(certificate.as_bytes())?;
    let tls = TlsConfig::builder().root_certs(RootCerts::new_with_certs(&[certificate]));
    let config = Agent::config_builder().http_status_as_error(false);
    Ok(config.tls_config(tls.build()).build().new_agent())
}
