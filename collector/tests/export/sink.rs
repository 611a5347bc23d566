//! Real OTLP receivers on loopback, over gRPC and HTTP, that keep what arrives.

use std::{
    io::Read,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU16, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use opentelemetry_proto::tonic::{
    collector::{
        logs::v1::{
            ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
            logs_service_server::{LogsService, LogsServiceServer},
        },
        metrics::v1::{
            ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
            metrics_service_server::{MetricsService, MetricsServiceServer},
        },
        profiles::v1development::{
            ExportProfilesPartialSuccess, ExportProfilesServiceRequest,
            ExportProfilesServiceResponse,
            profiles_service_server::{ProfilesService, ProfilesServiceServer},
        },
        trace::v1::{
            ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
            trace_service_server::{TraceService, TraceServiceServer},
        },
    },
    common::v1::{KeyValue, any_value::Value},
    logs::v1::ResourceLogs,
    metrics::v1::ResourceMetrics,
    trace::v1::{ResourceSpans, Span},
};
use prost::Message;
use tokio::{net::TcpListener, runtime::Builder, sync::oneshot};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{
    Request, Response, Status,
    codec::CompressionEncoding,
    transport::{Certificate, Identity, ServerTlsConfig},
};

use crate::tls::{Authority, TlsListener};

#[derive(Clone, Default)]
pub struct Received {
    traces: Requests<ExportTraceServiceRequest>,
    logs: Requests<ExportLogsServiceRequest>,
    metrics: Requests<ExportMetricsServiceRequest>,
    profiles: Requests<ExportProfilesServiceRequest>,
    headers: Requests<(String, String)>,
    /// What is answered instead of taking a request.
    refusal: Arc<Mutex<Option<Status>>>,
    /// Of each request, by the answer.
    rejected: Arc<AtomicI64>,
}

type Requests<T> = Arc<Mutex<Vec<T>>>;

impl Received {
    pub fn resources(&self) -> Vec<ResourceSpans> {
        let requests = self.traces.lock().unwrap();
        let resources = requests.iter().map(|request| &request.resource_spans);
        resources.flatten().cloned().collect()
    }

    pub fn spans(&self) -> Vec<Span> {
        let scopes = self
            .resources()
            .into_iter()
            .flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }

    pub fn logs(&self) -> Vec<ResourceLogs> {
        let requests = self.logs.lock().unwrap();
        let resources = requests.iter().map(|request| &request.resource_logs);
        resources.flatten().cloned().collect()
    }

    /// Of each collection that arrived.
    pub fn metrics(&self) -> Vec<Vec<ResourceMetrics>> {
        let requests = self.metrics.lock().unwrap();
        let collections = requests
            .iter()
            .map(|request| request.resource_metrics.clone());
        collections.collect()
    }

    pub fn profiles(&self) -> Vec<ExportProfilesServiceRequest> {
        self.profiles.lock().unwrap().clone()
    }

    pub fn header(&self, name: &str) -> Option<String> {
        let headers = self.headers.lock().unwrap();
        headers
            .iter()
            .rev()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.clone())
    }

    pub fn refuse(&self, status: Option<Status>) {
        *self.refusal.lock().unwrap() = status;
    }

    /// From now on so many of each request are rejected.
    pub fn reject(&self, count: i64) {
        self.rejected.store(count, Ordering::Relaxed);
    }

    pub async fn wait_for(&self, spans: usize) {
        wait_until("that many spans arrived", || self.spans().len() >= spans).await;
    }

    fn take<T>(
        &self,
        requests: &Requests<T>,
        request: T,
        headers: impl IntoIterator<Item = (String, String)>,
    ) -> Result<i64, Status> {
        self.headers.lock().unwrap().extend(headers);
        if let Some(status) = self.refusal.lock().unwrap().clone() {
            return Err(status);
        }
        requests.lock().unwrap().push(request);
        Ok(self.rejected.load(Ordering::Relaxed))
    }
}

/// A service of gRPC and a path of HTTP that keep what they get.
macro_rules! receive {
    ($service:ident, $requests:ident, $request:ident, $response:ident, $partial:ident, $rejected:ident) => {
        #[tonic::async_trait]
        impl $service for Received {
            async fn export(
                &self,
                request: Request<$request>,
            ) -> Result<Response<$response>, Status> {
                let headers = pairs(&request.metadata().clone().into_headers());
                let $rejected = self.take(&self.$requests, request.into_inner(), headers)?;
                let partial_success = ($rejected > 0).then(|| $partial {
                    $rejected,
                    error_message: "too many".into(),
                });
                Ok(Response::new($response { partial_success }))
            }
        }
    };
}
receive!(
    TraceService,
    traces,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
    ExportTracePartialSuccess,
    rejected_spans
);
receive!(
    LogsService,
    logs,
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
    ExportLogsPartialSuccess,
    rejected_log_records
);
receive!(
    MetricsService,
    metrics,
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
    ExportMetricsPartialSuccess,
    rejected_data_points
);
receive!(
    ProfilesService,
    profiles,
    ExportProfilesServiceRequest,
    ExportProfilesServiceResponse,
    ExportProfilesPartialSuccess,
    rejected_profiles
);

fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let pair = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        (
            name.to_string(),
            value.to_str().unwrap_or_default().to_owned(),
        )
    };
    headers.iter().map(pair).collect()
}

/// For receivers with a certificate: that is for `localhost`.
const LOOPBACK: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// A receiver that goes down with this value, connections included.
pub struct Sink {
    pub address: SocketAddr,
    pub received: Received,
    stop: Option<oneshot::Sender<()>>,
    server: Option<thread::JoinHandle<()>>,
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.stop.take();
        self.server.take().map(thread::JoinHandle::join);
    }
}

impl Sink {
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn grpc() -> Self {
        Self::grpc_at(own_address())
    }

    pub fn grpc_at(address: SocketAddr) -> Self {
        Self::serve(address, |listener, received| async {
            let gzip = CompressionEncoding::Gzip;
            let incoming = TcpListenerStream::new(listener);
            tonic::transport::Server::builder()
                .add_service(TraceServiceServer::new(received.clone()).accept_compressed(gzip))
                .add_service(LogsServiceServer::new(received.clone()).accept_compressed(gzip))
                .add_service(MetricsServiceServer::new(received.clone()).accept_compressed(gzip))
                .add_service(ProfilesServiceServer::new(received).accept_compressed(gzip))
                .serve_with_incoming(incoming)
                .await
                .unwrap();
        })
    }

    pub fn http() -> Self {
        Self::serve(own_address(), |listener, received| async {
            let router = router(received);
            axum::serve(listener, router).await.unwrap();
        })
    }

    /// Over TLS, with client certificates required.
    pub fn grpc_tls(authority: &Authority) -> Self {
        let tls = ServerTlsConfig::new()
            .identity(Identity::from_pem(
                &authority.server.certificate,
                &authority.server.key,
            ))
            .client_ca_root(Certificate::from_pem(&authority.certificate));
        Self::serve(LOOPBACK, |listener, received| async {
            let incoming = TcpListenerStream::new(listener);
            let mut server = tonic::transport::Server::builder().tls_config(tls).unwrap();
            let server = server.add_service(TraceServiceServer::new(received));
            server.serve_with_incoming(incoming).await.unwrap();
        })
    }

    /// Over TLS, with client certificates required.
    pub fn http_tls(authority: &Authority) -> Self {
        let acceptor = authority.acceptor();
        Self::serve(LOOPBACK, |listener, received| async {
            let listener = TlsListener { listener, acceptor };
            let router = router(received);
            axum::serve(listener, router).await.unwrap();
        })
    }

    /// On a runtime of its own: only its end closes the connections as well.
    fn serve<F, S>(address: SocketAddr, server: F) -> Self
    where
        F: FnOnce(TcpListener, Received) -> S + Send + 'static,
        S: Future<Output = ()>,
    {
        let received = Received::default();
        let (stop, stopped) = oneshot::channel::<()>();
        let (ready, address_of) = std::sync::mpsc::channel();
        let kept = received.clone();
        let server = thread::spawn(move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = TcpListener::bind(address).await.unwrap();
                ready.send(listener.local_addr().unwrap()).unwrap();
                tokio::select! {
                    () = server(listener, kept) => {}
                    _ = stopped => {}
                }
            });
        });
        Self {
            address: address_of.recv().unwrap(),
            received,
            stop: Some(stop),
            server: Some(server),
        }
    }
}

fn router(received: Received) -> Router {
    Router::new()
        .route("/v1/traces", post(take_traces))
        .route("/v1/logs", post(take_logs))
        .route("/v1/metrics", post(take_metrics))
        .route("/v1development/profiles", post(take_profiles))
        .with_state(received)
}

async fn take_traces(
    state: State<Received>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Vec<u8>) {
    let requests = state.traces.clone();
    take_http(&state, &requests, &headers, &body)
}

async fn take_logs(
    state: State<Received>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Vec<u8>) {
    let requests = state.logs.clone();
    take_http(&state, &requests, &headers, &body)
}

async fn take_metrics(
    state: State<Received>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Vec<u8>) {
    let requests = state.metrics.clone();
    take_http(&state, &requests, &headers, &body)
}

async fn take_profiles(
    state: State<Received>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Vec<u8>) {
    let requests = state.profiles.clone();
    take_http(&state, &requests, &headers, &body)
}

fn take_http<T: Message + Default>(
    received: &Received,
    requests: &Requests<T>,
    headers: &HeaderMap,
    body: &[u8],
) -> (StatusCode, Vec<u8>) {
    let encoding = headers.get("content-encoding").map(|name| name.as_bytes());
    let Ok(request) = T::decode(plain(encoding, body).as_slice()) else {
        return (StatusCode::BAD_REQUEST, Vec::new());
    };
    match received.take(requests, request, pairs(headers)) {
        Ok(_) => (StatusCode::OK, Vec::new()),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, Vec::new()),
    }
}

fn plain(encoding: Option<&[u8]>, body: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    match encoding {
        None => plain.extend_from_slice(body),
        Some(b"gzip") => {
            flate2::read::GzDecoder::new(body)
                .read_to_end(&mut plain)
                .unwrap();
        }
        Some(b"zstd") => zstd::stream::copy_decode(body, &mut plain).unwrap(),
        Some(other) => panic!("{other:?}"),
    }
    plain
}

/// Any port of a loopback address that nobody else of this process has. A port that one has let go may be another's a moment
/// later, and what is still tried there, and logged, is of the one before.
fn own_address() -> SocketAddr {
    static LAST: AtomicU16 = AtomicU16::new(1);
    let [high, low] = LAST.fetch_add(1, Ordering::Relaxed).to_be_bytes();
    (Ipv4Addr::new(127, 1, high, low), 0).into()
}

/// An address on which nobody listens.
pub fn free_address() -> SocketAddr {
    std::net::TcpListener::bind(own_address())
        .unwrap()
        .local_addr()
        .unwrap()
}

/// Waits until something holds, and fails if it never does.
pub async fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "never came true: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// An attribute's value as text.
pub fn attribute(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value = attributes
        .iter()
        .find(|attribute| attribute.key == key)?
        .value
        .clone()?
        .value?;
    Some(match value {
        Value::StringValue(text) => text,
        Value::IntValue(number) => number.to_string(),
        Value::BoolValue(truth) => truth.to_string(),
        other => format!("{other:?}"),
    })
}
