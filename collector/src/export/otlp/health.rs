//! Says once that the backend is down, once that writes are lost to that, and once that it is back.

use std::time::Instant;

use tracing::{info, warn};

#[derive(Debug)]
pub struct Health {
    endpoint: String,
    down: Option<Down>,
}

#[derive(Debug)]
struct Down {
    since: Instant,
    lost_before: u64,
    /// It was said that writes are being lost.
    losing: bool,
}

impl Health {
    pub fn new(endpoint: String) -> Self {
        Self {
            endpoint,
            down: None,
        }
    }

    /// `lost`: how many writes were lost so far.
    pub fn failed(&mut self, error: &dyn std::fmt::Display, lost: u64) {
        let endpoint = &self.endpoint;
        let Some(down) = &mut self.down else {
            warn!(endpoint, %error, "traces cannot be exported; trying again, and keeping what the queue holds");
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
                dropped, "the endpoint is still down; slow writes are dropped and counted"
            );
            down.losing = true;
        }
    }

    pub fn succeeded(&mut self, lost: u64) {
        if let Some(Down {
            since, lost_before, ..
        }) = self.down.take()
        {
            let seconds = since.elapsed().as_secs();
            let dropped = lost.saturating_sub(lost_before);
            info!(
                endpoint = self.endpoint,
                seconds, dropped, "traces are exported again"
            );
        }
    }
}
