//! Which alerts are asked for, and where they are sent.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{ConfigError, layer::layer, value::Refused};
use crate::{
    alert::{self, Expression},
    export::webhook::{self, WebhookUrl},
};

layer! {
    pub struct AlertsLayer {
        pub when: Option<Vec<Expression>>,
        pub webhook: Option<WebhookUrl>,
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AlertOptions {
    pub when: Vec<Expression>,
    pub webhook: Option<WebhookUrl>,
}

impl TryFrom<AlertsLayer> for AlertOptions {
    type Error = ConfigError;

    fn try_from(layer: AlertsLayer) -> Result<Self, ConfigError> {
        let when = layer.when.unwrap_or_default();
        if layer.webhook.is_some() && when.is_empty() {
            return Err(ConfigError::Contradiction(
                "alerts.webhook (--alert-webhook, SLOWMAP_ALERT_WEBHOOK): there is no alert to send; say by --alert when there \
                 is one, or leave it out"
                    .into(),
            ));
        }
        Ok(Self {
            when,
            webhook: layer.webhook,
        })
    }
}

/// Separated by commas, which no expression has.
pub(super) fn expressions(text: &str) -> Result<Vec<Expression>, Refused> {
    let parts = text.split(',').map(|part| part.parse());
    parts
        .collect::<Result<_, _>>()
        .map_err(|_| Refused(alert::ALLOWED.into()))
}

pub(super) fn webhook_url(text: &str) -> Result<WebhookUrl, Refused> {
    text.parse().map_err(|_| Refused(webhook::ALLOWED.into()))
}

/// What is refused is not shown: it may be a secret.
impl<'de> Deserialize<'de> for WebhookUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let url = webhook_url(&text);
        url.map_err(|refused| de::Error::custom(format!("not allowed as it stands; {refused}")))
    }
}

/// Masked.
impl Serialize for WebhookUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
