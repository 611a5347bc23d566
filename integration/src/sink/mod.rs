//! An OTLP receiver in this process: gRPC on a random loopback port, gzip and zstd accepted. It keeps what
//! it receives, and can be told to refuse it, as a backend that is overloaded does.

mod services;

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, anyhow};
use tokio::sync::oneshot;

use crate::trace::span::{LogEvent, MetricPoint, Span};

/// Everything that was received, flattened.
#[derive(Debug, Default, Clone)]
pub struct Received {
    pub spans: Vec<Span>,
    pub logs: Vec<LogEvent>,
    pub metrics: Vec<MetricPoint>,
}

#[derive(Debug, Default)]
struct Store {
    received: Mutex<Received>,
    refuse: AtomicBool,
    refused: AtomicU64,
}

/// The receiver. Dropped, it stops listening.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    store: Arc<Store>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Sink {
    /// Listens on a free port of the loopback interface.
    pub fn start() -> Result<Self> {
        Self::start_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    /// Listens there: to come back on the port of a sink that was dropped.
    pub fn start_on(address: SocketAddr) -> Result<Self> {
        let store = Arc::new(Store::default());
        let (stop, stopped) = oneshot::channel();
        let listener =
            std::net::TcpListener::bind(address).with_context(|| format!("listen on {address}"))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let served = store.clone();
        let thread = thread::Builder::new()
            .name("otlp-sink".into())
            .spawn(move || {
                if let Err(error) = runtime.block_on(services::serve(listener, served, stopped)) {
                    eprintln!("the OTLP sink ended: {error:#}");
                }
            })?;
        Ok(Self {
            address,
            store,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What `OTEL_EXPORTER_OTLP_ENDPOINT` is set to.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on every request is answered by `UNAVAILABLE` (true), or accepted again (false).
    pub fn refuse(&self, refuse: bool) {
        self.store.refuse.store(refuse, Ordering::Relaxed);
    }

    /// Requests that were refused.
    pub fn refused(&self) -> u64 {
        self.store.refused.load(Ordering::Relaxed)
    }

    /// A copy of what was received so far.
    pub fn received(&self) -> Received {
        self.store.lock().clone()
    }

    /// Waits until what was received satisfies the condition, and returns it.
    pub fn wait(
        &self,
        limit: Duration,
        what: &str,
        enough: impl Fn(&Received) -> bool,
    ) -> Result<Received> {
        let deadline = Instant::now() + limit;
        loop {
            {
                let received = self.store.lock();
                if enough(&received) {
                    return Ok(received.clone());
                }
                if Instant::now() >= deadline {
                    return Err(anyhow!(
                        "no {what} within {limit:?}; received {} spans, {} logs, {} metric points",
                        received.spans.len(),
                        received.logs.len(),
                        received.metrics.len(),
                    ));
                }
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there was printed there.
            let _ = thread.join();
        }
    }
}

impl Store {
    /// A poisoned lock means that a test thread panicked while it looked; the data is whole.
    fn lock(&self) -> MutexGuard<'_, Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
