//! Alerts at work: slow writes are held against what was asked for, and what fires is said and sent.

use std::time::Duration;

use tokio::time::{Interval, MissedTickBehavior, interval};

use super::clock;
use crate::{
    alert::{Alerts, Fired},
    config::alerts::AlertOptions,
    export::webhook::{Message, Webhook},
    failure::Failure,
    model::{text::printable, time::Ktime, units::Nanos, write::CorrelatedWrite},
};

const INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Alerting {
    alerts: Alerts,
    webhook: Option<Webhook>,
    interval: Interval,
}

impl Alerting {
    pub(super) fn start(options: AlertOptions) -> Result<Self, Failure> {
        let webhook = options.webhook.map(Webhook::start).transpose();
        let mut interval = interval(INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            alerts: Alerts::new(options.when),
            webhook: webhook.map_err(anyhow::Error::from)?,
            interval,
        })
    }

    pub(super) fn add(&mut self, write: &CorrelatedWrite) {
        let observed = write.observed();
        let end = observed.start.0.saturating_add(observed.duration_nano);
        let service = observed.process.service_name_or_default();
        self.alerts
            .add(&service, Ktime(end), observed.duration_nano);
    }

    /// Waits until it is time for a look. Nothing is lost if it is not waited for to the end.
    pub(super) async fn due(&mut self) {
        self.interval.tick().await;
    }

    pub(super) fn look(&mut self) {
        let fired = self.alerts.look(clock::monotonic());
        self.tell(fired);
    }

    /// Looks at what came last, and sends what is left to send. Returns how often an alert has fired.
    pub(super) async fn finish(mut self) -> u64 {
        let fired = self.alerts.finish(clock::monotonic());
        self.tell(fired);
        if let Some(webhook) = self.webhook {
            webhook.finish().await;
        }
        self.alerts.fired()
    }

    fn tell(&self, fired: Vec<Fired>) {
        for Fired {
            alert,
            service,
            value,
            unit,
        } in fired
        {
            let shown = match unit {
                "ns" => Nanos(value).to_string(),
                unit => format!("{value} {unit}"),
            };
            tracing::warn!(alert, service = %printable(&service), value = shown, "an alert fires");
            if let Some(webhook) = &self.webhook {
                webhook.send(Message {
                    alert,
                    service,
                    value,
                    unit,
                    time_unix_nano: clock::wall().0,
                });
            }
        }
    }
}
