//! The three OTLP services over the store.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result};
use opentelemetry_proto::tonic::collector::{
    logs::v1::{
        ExportLogsServiceRequest, ExportLogsServiceResponse,
        logs_service_server::{LogsService, LogsServiceServer},
    },
    metrics::v1::{
        ExportMetricsServiceRequest, ExportMetricsServiceResponse,
        metrics_service_server::{MetricsService, MetricsServiceServer},
    },
    trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
};
use tokio::sync::oneshot;
use tonic::{
    Request, Response, Status,
    codec::CompressionEncoding,
    transport::{Server, server::TcpIncoming},
};

use super::Store;
use crate::trace::otlp;

/// Serves until `stopped` resolves; open connections are cut, as they are when a backend dies.
pub(super) async fn serve(
    listener: std::net::TcpListener,
    store: Arc<Store>,
    stopped: oneshot::Receiver<()>,
) -> Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let (gzip, zstd) = (CompressionEncoding::Gzip, CompressionEncoding::Zstd);
    let traces = TraceServiceServer::new(Receiver(store.clone()));
    let logs = LogsServiceServer::new(Receiver(store.clone()));
    let metrics = MetricsServiceServer::new(Receiver(store));
    let server = Server::builder()
        .add_service(traces.accept_compressed(gzip).accept_compressed(zstd))
        .add_service(logs.accept_compressed(gzip).accept_compressed(zstd))
        .add_service(metrics.accept_compressed(gzip).accept_compressed(zstd))
        .serve_with_incoming(TcpIncoming::from(listener));
    tokio::select! {
        served = server => served.context("serve OTLP"),
        _ = stopped => Ok(()),
    }
}

#[derive(Debug)]
struct Receiver(Arc<Store>);

impl Receiver {
    fn admit(&self) -> Result<(), Status> {
        if self.0.refuse.load(Ordering::Relaxed) {
            self.0.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Status::unavailable("told to refuse"));
        }
        Ok(())
    }
}

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.admit()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.ok().and_then(|now| u64::try_from(now.as_nanos()).ok());
        let mut spans = otlp::spans(request.into_inner().resource_spans);
        for span in &mut spans {
            span.received_unix_nano = now;
        }
        self.0.lock().spans.extend(spans);
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl LogsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        self.admit()?;
        let logs = otlp::logs(request.into_inner().resource_logs);
        self.0.lock().logs.extend(logs);
        Ok(Response::new(ExportLogsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl MetricsService for Receiver {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        self.admit()?;
        let points = otlp::metrics(request.into_inner().resource_metrics);
        self.0.lock().metrics.extend(points);
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}
