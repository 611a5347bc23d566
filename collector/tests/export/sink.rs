//! Real OTLP receivers on loopback, over gRPC and HTTP, that keep what arrives.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
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
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
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
    requests: Arc<Mutex<Vec<ExportTraceServiceRequest>>>,
    headers: Arc<Mutex<Vec<(String, String)>>>,
    /// What is answered instead of taking the spans.
    refusal: Arc<Mutex<Option<Status>>>,
}

impl Received {
    pub fn resources(&self) -> Vec<ResourceSpans> {
        self.requests
            .lock()
            .unwrap()
            .iter()
            .flat_map(|request| request.resource_spans.clone())
            .collect()
    }

    pub fn spans(&self) -> Vec<Span> {
        let scopes = self
            .resources()
            .into_iter()
            .flat_map(|resource| resource.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
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

    pub async fn wait_for(&self, spans: usize) {
        wait_until("that many spans arrived", || self.spans().len() >= spans).await;
    }

    fn take(
        &self,
        request: ExportTraceServiceRequest,
        headers: impl IntoIterator<Item = (String, String)>,
    ) -> Result<ExportTraceServiceResponse, Status> {
        self.headers.lock().unwrap().extend(headers);
        if let Some(status) = self.refusal.lock().unwrap().clone() {
            return Err(status);
        }
        self.requests.lock().unwrap().push(request);
        Ok(ExportTraceServiceResponse::default())
    }
}

#[tonic::async_trait]
impl TraceService for Received {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let headers = pairs(&request.metadata().clone().into_headers());
        self.take(request.into_inner(), headers).map(Response::new)
    }
}

fn pairs(headers: &HeaderMap) -> Vec<(String, String)> {
    let pair = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
        (
            name.to_string(),
            value.to_str().unwrap_or_default().to_owned(),
        )
    };
    headers.iter().map(pair).collect()
}

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
        Self::grpc_at(LOOPBACK)
    }

    pub fn grpc_at(address: SocketAddr) -> Self {
        Self::serve(address, |listener, received| async {
            let service =
                TraceServiceServer::new(received).accept_compressed(CompressionEncoding::Gzip);
            let incoming = TcpListenerStream::new(listener);
            tonic::transport::Server::builder()
                .add_service(service)
                .serve_with_incoming(incoming)
                .await
                .unwrap();
        })
    }

    pub fn http() -> Self {
        Self::serve(LOOPBACK, |listener, received| async {
            let router = Router::new()
                .route("/v1/traces", post(take_http))
                .with_state(received);
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
            let router = Router::new()
                .route("/v1/traces", post(take_http))
                .with_state(received);
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

async fn take_http(
    State(received): State<Received>,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, Vec<u8>) {
    let Ok(request) = ExportTraceServiceRequest::decode(body) else {
        return (StatusCode::BAD_REQUEST, Vec::new());
    };
    match received.take(request, pairs(&headers)) {
        Ok(response) => (StatusCode::OK, response.encode_to_vec()),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, Vec::new()),
    }
}

/// An address on which nobody listens.
pub fn free_address() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0")
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
