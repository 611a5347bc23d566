//! What the search of stacks for spans needs.

use super::{Tables, offsets::Offsets};
use crate::model::{
    binary::{GoBinary, Itab},
    layout::SpanLayout,
    plan::SpanSearch,
};

const SDK: &str = "go.opentelemetry.io/otel/sdk";
const API: &str = "go.opentelemetry.io/otel/trace";

const SPAN: &str = "go.opentelemetry.io/otel/trace.Span";
const RECORDING_SPAN: &str = "*go.opentelemetry.io/otel/sdk/trace.recordingSpan";
/// Of a span that was not sampled.
const NON_RECORDING_SPAN: &str = "go.opentelemetry.io/otel/sdk/trace.nonRecordingSpan";

const CONTEXT: &str = "context.Context";
const VALUE_CONTEXT: &str = "*context.valueCtx";

const GRPC_TRANSPORT: &str = "*google.golang.org/grpc/internal/transport.http2Server";
/// As a server's streams name it, since gRPC-Go 1.69 and before.
const GRPC_TRANSPORT_INTERFACES: [&str; 2] = [
    "google.golang.org/grpc/internal/transport.internalServerTransport",
    "google.golang.org/grpc/internal/transport.ServerTransport",
];

const NAME: &str = "go.opentelemetry.io/otel/sdk/trace.recordingSpan.name";
const START_TIME: &str = "go.opentelemetry.io/otel/sdk/trace.recordingSpan.startTime";
const END_TIME: &str = "go.opentelemetry.io/otel/sdk/trace.recordingSpan.endTime";
const SPAN_CONTEXT: &str = "go.opentelemetry.io/otel/sdk/trace.recordingSpan.spanContext";
const NON_RECORDING_SPAN_CONTEXT: &str = "go.opentelemetry.io/otel/sdk/trace.nonRecordingSpan.sc";
const TRACE_ID: &str = "go.opentelemetry.io/otel/trace.SpanContext.traceID";
const SPAN_ID: &str = "go.opentelemetry.io/otel/trace.SpanContext.spanID";
const TRACE_FLAGS: &str = "go.opentelemetry.io/otel/trace.SpanContext.traceFlags";

/// What is looked up here, for the binary's DWARF to be asked.
pub(super) const FIELDS: &[&str] = &[
    NAME,
    START_TIME,
    END_TIME,
    SPAN_CONTEXT,
    NON_RECORDING_SPAN_CONTEXT,
    TRACE_ID,
    SPAN_ID,
    TRACE_FLAGS,
];

pub(super) fn wanted_itabs<'a>(
    contexts: impl Iterator<Item = &'a str>,
) -> impl Iterator<Item = (String, String)> {
    let spans = [RECORDING_SPAN, NON_RECORDING_SPAN].map(|span| (SPAN, span));
    let contexts = contexts.map(|context| (CONTEXT, context));
    let transports = GRPC_TRANSPORT_INTERFACES.map(|interface| (interface, GRPC_TRANSPORT));
    spans
        .into_iter()
        .chain(contexts)
        .chain(transports)
        .map(|(interface, concrete)| (interface.into(), concrete.into()))
}

/// What is needed to find spans, or why they will not be looked for.
pub(super) fn search(binary: &GoBinary, tables: &Tables) -> Result<SpanSearch, String> {
    let sdk_version =
        version(binary, SDK).ok_or("the OpenTelemetry SDK for Go is not in this binary")?;
    let span =
        itab(binary, SPAN, RECORDING_SPAN).ok_or("no span of the OpenTelemetry SDK was found")?;
    let value_context =
        itab(binary, CONTEXT, VALUE_CONTEXT).ok_or("no context with values was found")?;
    let non_recording = itab(binary, SPAN, NON_RECORDING_SPAN);
    let server_transport = GRPC_TRANSPORT_INTERFACES
        .iter()
        .find_map(|interface| itab(binary, interface, GRPC_TRANSPORT));
    Ok(SpanSearch {
        layout: layout(binary, tables)?,
        sdk_version: sdk_version.to_owned(),
        span_itab: span.address,
        span_type: span.concrete_type,
        non_recording_itab: non_recording.map(|itab| itab.address),
        non_recording_type: non_recording.map(|itab| itab.concrete_type),
        context_itabs: contexts(binary, tables)?,
        value_context_itab: value_context.address,
        server_transport_itab: server_transport.map(|itab| itab.address),
    })
}

/// Whether tables have all that finding spans takes; without the SDK it takes nothing.
pub(super) fn are_verified(binary: &GoBinary, tables: &Tables) -> bool {
    let is_verified = |module: &str| {
        let version = version(binary, module);
        version.is_some_and(|version| tables.module_row(module, version).is_some())
    };
    version(binary, SDK).is_none() || (is_verified(SDK) && is_verified(API))
}

fn version<'b>(binary: &'b GoBinary, module: &str) -> Option<&'b str> {
    let built_in = binary.dependencies.iter().chain(&binary.main_module);
    built_in
        .into_iter()
        .find(|known| known.path == module)
        .map(|known| known.version.as_str())
}

fn itab<'b>(binary: &'b GoBinary, interface: &str, concrete: &str) -> Option<&'b Itab> {
    binary
        .itabs
        .iter()
        .find(|itab| itab.interface == interface && itab.concrete == concrete)
}

/// DWARF does not say what a context's first field means, so that here only a table will do.
fn contexts(
    binary: &GoBinary,
    tables: &Tables,
) -> Result<Vec<crate::model::binary::VirtualAddress>, String> {
    let row = tables.go_row(&binary.go_version).ok_or_else(|| {
        let (major, minor) = binary.go_version.minor();
        format!("the contexts of Go {major}.{minor} were not verified")
    })?;
    let known = row
        .contexts
        .iter()
        .filter_map(|concrete| itab(binary, CONTEXT, concrete));
    Ok(known.map(|itab| itab.address).collect())
}

fn layout(binary: &GoBinary, tables: &Tables) -> Result<SpanLayout, String> {
    let of_module = |module: &str| {
        let version = version(binary, module).unwrap_or("(no version)");
        let row = tables.module_row(module, version).map(|row| &row.offsets);
        (format!("{module} {version}"), row)
    };
    let (sdk, api) = (of_module(SDK), of_module(API));
    let dwarf = &binary.dwarf_offsets;
    let sdk = Offsets {
        subject: &sdk.0,
        row: sdk.1,
        dwarf,
    };
    let api = Offsets {
        subject: &api.0,
        row: api.1,
        dwarf,
    };
    Ok(SpanLayout {
        end_time: sdk.required(END_TIME)?,
        start_time: sdk.required(START_TIME)?,
        name: sdk.required(NAME)?,
        span_context: sdk.required(SPAN_CONTEXT)?,
        trace_id: api.required(TRACE_ID)?,
        span_id: api.required(SPAN_ID)?,
        trace_flags: api.required(TRACE_FLAGS)?,
        non_recording_span_context: sdk.required(NON_RECORDING_SPAN_CONTEXT)?,
    })
}
