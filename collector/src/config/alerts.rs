//! Which alerts are asked for, and where they are sent.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{layer::layer, value::Refused};
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

impl From<AlertsLayer> for AlertOptions {
    fn from(layer: AlertsLayer) -> Self {
        Self {
            when: layer.when.unwrap_or_default(),
            webhook: layer.webhook,
        }
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
