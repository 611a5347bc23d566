//! A load that ends: so many requests, by so many clients, each on a connection that it keeps.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use ureq::{Agent, Body, Error, http::Response};

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

/// Makes one, of that number, to that URL.
trait Request: Fn(&Agent, u64, &str) -> Result<Response<Body>, Error> + Sync {}

impl<F: Fn(&Agent, u64, &str) -> Result<Response<Body>, Error> + Sync> Request for F {}

impl Load {
    /// Runs it to its end.
    pub fn run(&self) -> Loaded {
        self.each(|agent, _, url| agent.get(url).call())
    }

    /// The same, with a body for each request, by its number.
    pub fn post(&self, body: impl Fn(u64) -> Vec<u8> + Sync) -> Loaded {
        self.each(|agent, number, url| agent.post(url).send(body(number)))
    }

    fn each(&self, request: impl Request) -> Loaded {
        let (begin, taken, failed) = (Instant::now(), AtomicU64::new(0), AtomicU64::new(0));
        thread::scope(|scope| {
            for client in 0..self.clients {
                let (taken, failed, request) = (&taken, &failed, &request);
                // Clients that all began at once would go on all at once.
                let first = self.pause.mul_f64(client as f64 / self.clients as f64);
                scope.spawn(move || {
                    thread::sleep(first);
                    self.client(begin, taken, failed, request);
                });
            }
        });
        let requests = taken.load(Ordering::Relaxed).min(self.requests);
        Loaded {
            requests,
            failed: failed.load(Ordering::Relaxed),
            elapsed: begin.elapsed(),
        }
    }

    fn client(
        &self,
        begin: Instant,
        taken: &AtomicU64,
        failed: &AtomicU64,
        request: &impl Request,
    ) {
        let agent: Agent = Agent::config_builder()
            .timeout_global(Some(Duration::from_secs(10)))
            .build()
            .into();
        for path in self.paths.iter().cycle() {
            if begin.elapsed() >= self.limit {
                return;
            }
            let number = taken.fetch_add(1, Ordering::Relaxed);
            if number >= self.requests {
                return;
            }
            let answered = request(&agent, number, &format!("{}{path}", self.base));
            let read = answered.and_then(|mut response| response.body_mut().read_to_vec());
            if read.is_err() {
                failed.fetch_add(1, Ordering::Relaxed);
            }
            thread::sleep(self.pause);
        }
    }
}
