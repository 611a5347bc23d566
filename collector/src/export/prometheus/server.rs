//! The HTTP server behind the scrapes. It has no metrics: who has them answers a [`Scrape`].

use std::{
    convert::Infallible,
    fmt, io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode, body::Incoming, header::CONTENT_TYPE,
    server::conn::http1, service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use prost::bytes::Bytes;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::JoinHandle,
    time::{sleep, timeout},
};

/// At a time; others wait until they are accepted.
const CONNECTIONS: usize = 16;
/// For a request to arrive, and for its answer to be made and taken.
const PATIENCE: Duration = Duration::from_secs(5);
/// Where `accept` fails there are no file descriptors left as a rule: trying at once would keep a CPU busy.
const AFTER_FAILURE: Duration = Duration::from_millis(100);
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

/// Where to listen: a name or an address, and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    pub host: String,
    /// 0: one that is free.
    pub port: u16,
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.contains(':') {
            true => write!(f, "[{}]:{}", self.host, self.port),
            false => write!(f, "{}:{}", self.host, self.port),
        }
    }
}

/// Dropped, it is not ready any more, and what is asked for its metrics is refused; its health is told until the
/// runtime ends.
#[derive(Debug)]
pub struct Endpoint {
    address: SocketAddr,
    scrapes: mpsc::Receiver<Scrape>,
    ready: Arc<AtomicBool>,
    _server: JoinHandle<()>,
}

/// Somebody waits for the metrics.
#[derive(Debug)]
pub struct Scrape(oneshot::Sender<String>);

#[derive(Debug, Clone)]
struct Served {
    scrapes: mpsc::Sender<Scrape>,
    ready: Arc<AtomicBool>,
}

impl Endpoint {
    /// Listens, and serves on the current tokio runtime. It is not ready yet.
    ///
    /// # Errors
    /// The address cannot be had.
    pub async fn start(listen: &Listen) -> io::Result<Self> {
        let listener = TcpListener::bind((listen.host.as_str(), listen.port)).await?;
        let address = listener.local_addr()?;
        let (sender, scrapes) = mpsc::channel(CONNECTIONS);
        let ready = Arc::<AtomicBool>::default();
        let served = Served {
            scrapes: sender,
            ready: ready.clone(),
        };
        Ok(Self {
            address,
            scrapes,
            ready,
            _server: tokio::spawn(serve(listener, served)),
        })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Probes can be attached, and events are fetched.
    pub fn is_ready(&self) {
        self.ready.store(true, Relaxed);
    }

    /// The next one. Losing the future loses no scrape.
    pub async fn next(&mut self) -> Scrape {
        match self.scrapes.recv().await {
            Some(scrape) => scrape,
            // The server has ended, which it does with the runtime only.
            None => std::future::pending().await,
        }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.ready.store(false, Relaxed);
    }
}

impl Scrape {
    pub fn answer(self, exposition: String) {
        // Who asked may be gone.
        let _ = self.0.send(exposition);
    }
}

async fn serve(listener: TcpListener, served: Served) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    // The semaphore is never closed.
    while let Ok(permit) = connections.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, served.clone(), permit))),
            Err(error) => {
                tracing::debug!(%error, "a scrape could not be accepted");
                sleep(AFTER_FAILURE).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, served: Served, _permit: OwnedSemaphorePermit) {
    let service = service_fn(|request| answer(request, &served));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    // Who goes away in the middle has lost nothing.
    let _ = timeout(3 * PATIENCE, connection).await;
}

async fn answer(
    request: Request<Incoming>,
    served: &Served,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (status, kind, body) = match (request.method(), request.uri().path()) {
        (&Method::GET | &Method::HEAD, "/metrics") => served.metrics().await,
        (&Method::GET | &Method::HEAD, "/healthz") => (StatusCode::OK, TEXT, "ok\n".into()),
        (&Method::GET | &Method::HEAD, "/readyz") => served.readiness(),
        (_, "/metrics" | "/healthz" | "/readyz") => {
            (StatusCode::METHOD_NOT_ALLOWED, TEXT, "only GET\n".into())
        }
        _ => {
            let paths = "/metrics, /healthz, /readyz\n";
            (StatusCode::NOT_FOUND, TEXT, paths.into())
        }
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    let kind = hyper::header::HeaderValue::from_static(kind);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    Ok(response)
}

impl Served {
    async fn metrics(&self) -> (StatusCode, &'static str, String) {
        let (sender, exposition) = oneshot::channel();
        let asked = self.scrapes.try_send(Scrape(sender));
        let exposition = match asked {
            Ok(()) => timeout(PATIENCE, exposition).await.ok(),
            Err(_) => None,
        };
        match exposition {
            Some(Ok(text)) => (StatusCode::OK, OPENMETRICS, text),
            _ => (StatusCode::SERVICE_UNAVAILABLE, TEXT, "not now\n".into()),
        }
    }

    fn readiness(&self) -> (StatusCode, &'static str, String) {
        match self.ready.load(Relaxed) {
            true => (StatusCode::OK, TEXT, "ready\n".into()),
            false => {
                let starting = "starting or ending\n".into();
                (StatusCode::SERVICE_UNAVAILABLE, TEXT, starting)
            }
        }
    }
}
