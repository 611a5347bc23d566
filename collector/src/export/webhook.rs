//! Alerts, POSTed to a URL as JSON. Waits for nobody: what cannot be delivered in a few attempts is said in the log.

use std::{fmt, str::FromStr, time::Duration};

use backon::{ExponentialBuilder, Retryable};
use serde::Serialize;
use tokio::{sync::mpsc, task::JoinHandle, time::timeout};
use url::Url;

/// Alerts that wait for the URL; more are not sent.
const WAITING: usize = 64;
/// For an answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// After the first attempt, with pauses of one second, two and four.
const MORE_ATTEMPTS: usize = 3;
/// For what is left at the end.
const GRACE: Duration = Duration::from_secs(10);

/// What its URL may be.
pub const ALLOWED: &str = "an address that begins with http:// or https://";

/// Where alerts are sent.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(Url);

impl FromStr for WebhookUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).ok();
        let of_the_web =
            url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        of_the_web
            .map(Self)
            .ok_or_else(|| format!("allowed: {ALLOWED}"))
    }
}

/// The server only: all else may be a secret.
impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/***", self.0.origin().ascii_serialization())
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A request's body.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Message {
    pub alert: String,
    pub service: String,
    pub value: u64,
    /// `ns` or `writes`.
    pub unit: &'static str,
    pub time_unix_nano: u64,
}

#[derive(Debug)]
pub struct Webhook {
    waiting: mpsc::Sender<Message>,
    task: JoinHandle<()>,
}

impl Webhook {
    /// # Errors
    /// The HTTP client cannot be made.
    pub fn start(url: WebhookUrl) -> Result<Self, reqwest::Error> {
        // An error means that a provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .user_agent(concat!("slowmap/", env!("CARGO_PKG_VERSION")))
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let (waiting, messages) = mpsc::channel(WAITING);
        let task = tokio::spawn(deliver(client, url, messages));
        Ok(Self { waiting, task })
    }

    pub fn send(&self, message: Message) {
        if self.waiting.try_send(message).is_err() {
            tracing::warn!("too many alerts wait for the webhook: one is not sent");
        }
    }

    /// Sends what is left, for a while.
    pub async fn finish(self) {
        drop(self.waiting);
        if timeout(GRACE, self.task).await.is_err() {
            tracing::warn!("there was no time left to send all alerts");
        }
    }
}

async fn deliver(client: reqwest::Client, url: WebhookUrl, mut messages: mpsc::Receiver<Message>) {
    let pauses = ExponentialBuilder::default().with_max_times(MORE_ATTEMPTS);
    while let Some(message) = messages.recv().await {
        let Ok(body) = serde_json::to_vec(&message) else {
            continue;
        };
        let posted = || post(&client, &url, body.clone());
        if let Err(error) = posted.retry(pauses).await {
            let error = error.without_url();
            tracing::warn!(%url, %error, "an alert could not be sent");
        }
    }
}

async fn post(client: &reqwest::Client, url: &WebhookUrl, body: Vec<u8>) -> reqwest::Result<()> {
    let request = client
        .post(url.0.clone())
        .header("content-type", "application/json");
    request.body(body).send().await?.error_for_status()?;
    Ok(())
}
