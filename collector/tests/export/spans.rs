//! What a span says.

use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use slowmap::export::otlp::ExportSettings;

use crate::{
    sample::{self, DURATION, SPAN_ID, START, TRACE_ID},
    sink::{Sink, attribute},
    traces::{finish, only_traces, settings, start, start_all},
};

#[tokio::test]
async fn a_slow_write_is_a_child_of_its_request_with_exact_times_and_one_event() {
    let sink = Sink::grpc();
    let (mut sender, task) = start(settings(&sink.url()));
    sender.offer(sample::write(&sample::process(1, "shop")));
    finish(sender, task).await;

    let [span] = sink.received.spans().try_into().unwrap();
    assert_eq!(span.name, "map assign slow");
    assert_eq!(span.kind(), SpanKind::Internal);
    assert_eq!(span.trace_id, TRACE_ID);
    assert_eq!(span.parent_span_id, SPAN_ID);
    assert_ne!(span.span_id, [0; 8]);
    assert_ne!(span.span_id, SPAN_ID);
    assert_eq!(span.flags & 0xff, 1, "sampled, as its parent");
    assert_eq!(span.start_time_unix_nano, START);
    assert_eq!(span.end_time_unix_nano, START + DURATION);

    let value = |key| attribute(&span.attributes, key);
    assert_eq!(value("code.function.name").unwrap(), "main.(*shop).fill");
    assert_eq!(value("code.file.path").unwrap(), "/src/shop/main.go");
    assert_eq!(value("code.line.number").unwrap(), "42");
    let stack = value("code.stacktrace").unwrap();
    assert!(
        stack.contains("main.(*shop).fill(...)\n\t/src/shop/main.go:42\n"),
        "{stack}"
    );
    assert!(
        stack.starts_with("internal/runtime/maps"),
        "leaf first: {stack}"
    );
    assert_eq!(value("thread.id").unwrap(), "8", "as the target numbers it");
    assert_eq!(
        value("process.pid").unwrap(),
        "7",
        "as the target numbers it"
    );

    let [event] = span.events.try_into().unwrap();
    assert_eq!(event.name, "go.map.assign.slow");
    assert_eq!(event.time_unix_nano, START);
    let value = |key| attribute(&event.attributes, key).unwrap_or_default();
    assert_eq!(value("go.goroutine.id"), "34");
    assert_eq!(value("go.goroutine.parent_id"), "1");
    assert_eq!(value("go.map.type"), "map[string]*main.order");
    assert_eq!(value("go.map.cause"), "growth");
    assert_eq!(value("go.map.len"), "1792");
    assert_eq!(value("go.map.capacity.before"), "2048");
    assert_eq!(value("go.map.capacity.after"), "4096");
    assert_eq!(value("go.map.breakdown.gc_assist"), "300000");
}

#[tokio::test]
async fn the_resource_is_the_services_own() {
    let sink = Sink::grpc();
    let (mut sender, task) = start(settings(&sink.url()));
    let (shop, stock) = (sample::process(1, "shop"), sample::process(2, "stock"));
    for process in [&shop, &stock, &shop] {
        sender.offer(sample::write(process));
    }
    finish(sender, task).await;

    let resources = sink.received.resources();
    let spans_of = |service: &str| -> usize {
        let its = resources.iter().filter(|spans| {
            let attributes = &spans.resource.as_ref().unwrap().attributes;
            attribute(attributes, "service.name").as_deref() == Some(service)
        });
        its.flat_map(|spans| &spans.scope_spans)
            .map(|scope| scope.spans.len())
            .sum()
    };
    assert_eq!((spans_of("shop"), spans_of("stock")), (2, 1));

    let first = &resources[0];
    let value =
        |key| attribute(&first.resource.as_ref().unwrap().attributes, key).unwrap_or_default();
    assert_eq!(value("service.instance.id"), "one");
    assert_eq!(value("deployment.environment.name"), "test");
    assert_eq!(value("process.pid"), "7");
    assert_eq!(value("process.executable.name"), "shop");
    assert_eq!(value("container.id"), "c0ffee");
    let scope = first.scope_spans[0].scope.as_ref().unwrap();
    assert_eq!(
        (scope.name.as_str(), scope.version.as_str()),
        ("slowmap", env!("CARGO_PKG_VERSION"))
    );
}

#[tokio::test]
async fn a_write_without_a_trace_is_a_root_span_only_where_that_is_asked_for() {
    let sink = Sink::grpc();
    let orphan = || sample::bare(sample::write(&sample::process(1, "shop")));

    let (mut sender, task) = start(settings(&sink.url()));
    sender.offer(orphan());
    let counts = finish(sender, task).await;
    assert_eq!(counts.dropped["no_context"], 1);

    let (mut sender, task) = start_all(ExportSettings {
        roots: true,
        ..only_traces(settings(&sink.url()))
    });
    sender.offer(orphan());
    finish(sender, task).await;
    let [span] = sink.received.spans().try_into().unwrap();
    assert!(span.parent_span_id.is_empty());
    assert_ne!(span.trace_id, [0; 16]);
    assert_eq!(span.flags & 0xff, 1);
    assert_eq!(
        attribute(&span.attributes, "code.function.name"),
        None,
        "nothing is made up"
    );
    assert_eq!(attribute(&span.attributes, "go.map.type"), None);
}

#[tokio::test]
async fn a_write_whose_trace_is_not_sampled_is_not_sent() {
    let sink = Sink::grpc();
    let (mut sender, task) = start(settings(&sink.url()));
    let mut write = sample::write(&sample::process(1, "shop"));
    write.context.as_mut().unwrap().trace_flags = 0;
    sender.offer(write);
    let counts = finish(sender, task).await;
    assert_eq!(counts.dropped["not_sampled"], 1);
    assert_eq!(sink.received.spans().len(), 0);
}
