//! What Kubernetes calls the containers of this node. In: the ids of containers that processes were found in. Out: resource
//! attributes, once the cluster's API server has answered. It is asked by a task of its own: nobody waits for it longer than
//! they want to.

mod answer;

use std::{
    collections::HashMap,
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use reqwest::{Certificate, Response};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time::{Instant, sleep_until},
};
use url::Url;

use self::answer::{Pod, PodList};
use crate::model::text::{printable, with_causes};

/// Keys and values of resource attributes.
pub type Names = Vec<(String, String)>;

/// For an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two questions, however many containers are new.
const PAUSE: Duration = Duration::from_secs(2);
/// Pods in a part of the list. A node has some hundred at most.
const AT_ONCE: u32 = 500;
const MOST_PARTS: usize = 20;
/// Of a part of the list, in bytes: a Pod has some 10 KiB.
const LONGEST: usize = 64 << 20;

/// Where a Pod finds its service account: <https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/>.
const ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub server: Url,
    /// The node that this is, as the cluster calls it.
    pub node: String,
    /// Where the token and the server's certificate are, as `token` and `ca.crt`.
    pub account: PathBuf,
}

impl Settings {
    /// Where a Pod finds its account if nobody says otherwise.
    pub fn account() -> &'static Path {
        Path::new(ACCOUNT)
    }
}

/// Why there was no answer.
#[derive(Debug)]
pub struct Unanswered(String);

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Dropped, it asks no more.
#[derive(Debug)]
pub struct Pods {
    known: watch::Receiver<HashMap<String, Names>>,
    ask: Arc<Notify>,
    task: JoinHandle<()>,
}

impl Drop for Pods {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Pods {
    /// # Errors
    /// The HTTP client cannot be made, or the certificate is none.
    pub fn start(settings: Settings) -> Result<Self, Unanswered> {
        let client = client(&settings.account)?;
        let (answers, known) = watch::channel(HashMap::new());
        let ask = Arc::new(Notify::new());
        let task = tokio::spawn(answer(client, settings, answers, Arc::clone(&ask)));
        Ok(Self { known, ask, task })
    }

    /// What is known of a container now.
    pub fn names(&self, container: &str) -> Option<Names> {
        self.known.borrow().get(container).cloned()
    }

    /// Has the server asked, soon.
    pub fn ask(&self) {
        self.ask.notify_one();
    }

    /// Waits for the next answer, or that there was none.
    pub async fn answered(&mut self) {
        if self.known.changed().await.is_err() {
            // The task has ended: nothing will change any more.
            std::future::pending::<()>().await;
        }
    }
}

fn client(account: &Path) -> Result<reqwest::Client, Unanswered> {
    // An error means that a provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let path = account.join("ca.crt");
    let certificate = std::fs::read(&path)
        .map_err(|error| Unanswered(format!("read {}: {error}", path.display())))?;
    let certificate = Certificate::from_pem(&certificate).map_err(unanswered)?;
    reqwest::Client::builder()
        .user_agent(concat!("slowmap/", env!("CARGO_PKG_VERSION")))
        .timeout(PATIENCE)
        .redirect(reqwest::redirect::Policy::none())
        .tls_certs_only([certificate])
        .build()
        .map_err(unanswered)
}

async fn answer(
    client: reqwest::Client,
    settings: Settings,
    answers: watch::Sender<HashMap<String, Names>>,
    ask: Arc<Notify>,
) {
    let mut said = None;
    loop {
        ask.notified().await;
        let next = Instant::now() + PAUSE;
        let listed = list(&client, &settings).await;
        // Each reason once: it is asked again and again.
        let error = listed.as_ref().err().map(ToString::to_string);
        if error != said {
            match &error {
                Some(error) => tracing::warn!(
                    %error,
                    "Kubernetes does not name this node's Pods: their services go without these attributes"
                ),
                None => tracing::info!("Kubernetes names this node's Pods"),
            }
            said = error;
        }
        // Without an answer, too: those that wait are told. Of containers that have ended nobody asks any more.
        answers.send_modify(|known| *known = listed.unwrap_or_else(|_| std::mem::take(known)));
        sleep_until(next).await;
    }
}

/// By container.
async fn list(
    client: &reqwest::Client,
    settings: &Settings,
) -> Result<HashMap<String, Names>, Unanswered> {
    // It is renewed from time to time.
    let path = settings.account.join("token");
    let token = std::fs::read_to_string(&path)
        .map_err(|error| Unanswered(format!("read {}: {error}", path.display())))?;
    let (mut containers, mut next) = (HashMap::new(), String::new());
    for _ in 0..MOST_PARTS {
        let mut url = settings.server.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/api/v1/pods"));
        url.query_pairs_mut()
            .append_pair("fieldSelector", &format!("spec.nodeName={}", settings.node))
            .append_pair("limit", &AT_ONCE.to_string())
            .append_pair("continue", &next);
        let answer = client.get(url).bearer_auth(token.trim()).send().await;
        let list = read(answer.map_err(unanswered)?).await?;
        containers.extend(list.items.into_iter().flat_map(Pod::containers));
        next = list.metadata.next;
        if next.is_empty() {
            return Ok(containers);
        }
    }
    Err(Unanswered(format!(
        "more than {AT_ONCE} times {MOST_PARTS} Pods on one node"
    )))
}

async fn read(mut answer: Response) -> Result<PodList, Unanswered> {
    let status = answer.status();
    if !status.is_success() {
        return Err(Unanswered(match status.as_u16() {
            401 | 403 => {
                format!("{status}: the service account may not list pods (docs/install.md)")
            }
            _ => status.to_string(),
        }));
    }
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(unanswered)? {
        if body.len() + part.len() > LONGEST {
            return Err(Unanswered("the list has no end".to_owned()));
        }
        body.extend_from_slice(&part);
    }
    serde_json::from_slice(&body).map_err(|error| Unanswered(format!("no list of Pods: {error}")))
}

fn unanswered(error: reqwest::Error) -> Unanswered {
    Unanswered(printable(&with_causes(&error)).into_owned())
}
