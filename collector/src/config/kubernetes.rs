//! Whom to ask for the names of Pods.

use std::{fmt, path::PathBuf, str::FromStr};

use url::Url;

use super::{ConfigError, layer::layer, value::Refused};
use crate::kubernetes::Settings;

layer! {
    pub struct KubernetesLayer {
        pub node: Option<String>,
        pub server: Option<ApiServer>,
        pub account: Option<PathBuf>,
    }
}

/// Where the API server is. Never without TLS: it is sent a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiServer(Url);

impl ApiServer {
    /// As Pods are told, by two variables:
    /// <https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables>.
    pub fn in_cluster(host: &str, port: &str) -> Result<Self, Refused> {
        let host = match host.contains(':') {
            true => format!("[{host}]"),
            false => host.to_owned(),
        };
        format!("https://{host}:{port}").parse()
    }
}

impl FromStr for ApiServer {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let url = Url::parse(text).ok().filter(|url| {
            url.scheme() == "https"
                && url.has_host()
                && url.query().is_none()
                && url.fragment().is_none()
        });
        url.map(Self).ok_or_else(|| {
            Refused("an address that begins with https://, e.g. https://10.0.0.1:443".into())
        })
    }
}

impl fmt::Display for ApiServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

/// `None`: nobody is asked.
pub(super) fn settings(layer: KubernetesLayer) -> Result<Option<Settings>, ConfigError> {
    let Some(node) = layer.node else {
        return Ok(None);
    };
    let Some(ApiServer(server)) = layer.server else {
        return Err(ConfigError::Contradiction(
            "kubernetes.node (SLOWMAP_KUBERNETES_NODE): this is no Pod, for KUBERNETES_SERVICE_HOST is not set; say by \
             kubernetes.server (SLOWMAP_KUBERNETES_SERVER) where the API server is, or leave it out"
                .into(),
        ));
    };
    let account = layer.account;
    Ok(Some(Settings {
        server,
        node,
        account: account.unwrap_or_else(|| Settings::account().to_owned()),
    }))
}

impl From<&Settings> for KubernetesLayer {
    fn from(settings: &Settings) -> Self {
        Self {
            node: Some(settings.node.clone()),
            server: Some(ApiServer(settings.server.clone())),
            account: Some(settings.account.clone()),
        }
    }
}
