//! A load that ends: so many requests, by so many clients, each on a connection that it keeps.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use ureq::Agent;

#[derive(Debug, Clone)]
pub struct Load {
    /// e.g. `http://127.0.0.1:8080`
    pub base: String,
    /// Requested in turn, e.g. `/checkout`.
    pub paths: Vec<String>,
    pub requests: u64,
    pub clients: u64,
    /// Between two requests of one client.
    pub pause: Duration,
    /// No request begins later than this after the first.
    pub limit: Duration,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    pub requests: u64,
    /// Answered by anything but 200, or not at all.
    pub failed: u64,
    pub elapsed: Duration,
}

impl Load {
    /// Runs it to its end.
    pub fn run(&self) -> Loaded {
        let (begin, taken, failed) = (Instant::now(), AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for _ in 0..self.clients {
                scope.spawn(|| self.client(begin, &taken, &failed));
            }
        });
        let requests = taken.load(Ordering::Relaxed).min(self.requests);
        Loaded {
            requests,
            failed: failed.load(Ordering::Relaxed),
            elapsed: begin.elapsed(),
        }
    }

    fn client(&self, begin: Instant, taken: &AtomicU64, failed: &AtomicU64) {
        let agent: Agent = Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(10)))
            .build()
            .into();
        for path in self.paths.iter().cycle() {
            if begin.elapsed() >= self.limit
                || taken.fetch_add(1, Ordering::Relaxed) >= self.requests
            {
                return;
            }
            let answered = agent.get(format!("{}{path}", self.base)).call();
            let read = answered.and_then(|mut response| response.body_mut().read_to_vec());
            if read.is_err() {
                failed.fetch_add(1, Ordering::Relaxed);
            }
            thread::sleep(self.pause);
        }
    }
}
