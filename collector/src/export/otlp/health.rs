//! Says once that the backend is down, once that something is lost to that, and once that it is back; once that it does
//! not take a signal, and once that it does not take all of it.

use std::{fmt::Display, time::Instant};

use tracing::{info, warn};

use crate::model::text::printable;

/// Of one signal at its endpoint.
#[derive(Debug)]
pub struct Health {
    signal: &'static str,
    endpoint: String,
    down: Option<Down>,
    /// It was said that the endpoint does not take the signal.
    unsupported: bool,
    /// It was said that it rejects some of it.
    rejecting: bool,
}

#[derive(Debug)]
struct Down {
    since: Instant,
    lost_before: u64,
    /// It was said that something is being lost.
    losing: bool,
}

impl Health {
    pub fn new(signal: &'static str, endpoint: String) -> Self {
        Self {
            signal,
            endpoint,
            down: None,
            unsupported: false,
            rejecting: false,
        }
    }

    /// `lost`: how many were lost so far.
    pub fn failed(&mut self, error: &dyn Display, lost: u64) {
        let (endpoint, signal) = (&self.endpoint, self.signal);
        let Some(down) = &mut self.down else {
            warn!(
                endpoint,
                %error,
                "{signal} cannot be exported; trying again, and keeping what the queue holds"
            );
            self.down = Some(Down {
                since: Instant::now(),
                lost_before: lost,
                losing: false,
            });
            return;
        };
        let dropped = lost.saturating_sub(down.lost_before);
        if dropped > 0 && !down.losing {
            warn!(
                endpoint,
                dropped, "the endpoint is still down; {signal} are dropped and counted"
            );
            down.losing = true;
        }
    }

    pub fn succeeded(&mut self, lost: u64) {
        let (endpoint, signal) = (&self.endpoint, self.signal);
        if let Some(Down {
            since, lost_before, ..
        }) = self.down.take()
        {
            let seconds = since.elapsed().as_secs();
            let dropped = lost.saturating_sub(lost_before);
            info!(endpoint, seconds, dropped, "{signal} are exported again");
        }
        if std::mem::take(&mut self.unsupported) {
            info!(endpoint, "the endpoint takes {signal} now");
        }
    }

    pub fn unsupported(&mut self, error: &dyn Display) {
        if !std::mem::replace(&mut self.unsupported, true) {
            let (endpoint, signal) = (&self.endpoint, self.signal);
            let variable = format!("OTEL_{}_EXPORTER=none", signal.to_uppercase());
            warn!(
                endpoint,
                %error,
                "the endpoint does not take {signal}; they are dropped and counted ({variable} turns them off)"
            );
        }
    }

    pub fn rejected(&mut self, rejected: usize, why: &str) {
        if rejected > 0 && !std::mem::replace(&mut self.rejecting, true) {
            let (endpoint, signal, why) = (&self.endpoint, self.signal, printable(why));
            warn!(
                endpoint,
                rejected,
                %why,
                "the endpoint rejects some of the {signal}; they are dropped and counted"
            );
        }
    }
}
