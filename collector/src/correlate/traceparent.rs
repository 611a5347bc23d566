//! The request that the goroutine served said which trace it belongs to: a service without an SDK is in its caller's
//! trace, and the write stands below the caller's span. The kernel read the header at the event, by way of the frame in
//! which the server runs the request's handler (`ebpf/programs/src/requests.rs`).

use crate::model::{trace::SpanContext, write::SlowWrite};

/// The one version that there is; the next ones may have more text behind another hyphen.
/// https://www.w3.org/TR/trace-context-1/#version
const VERSION: &str = "00";
const INVALID: &str = "ff";

pub(super) fn context(write: &SlowWrite) -> Option<SpanContext> {
    let text = write.traceparent.as_ref()?;
    let end = text.iter().position(|byte| *byte == 0);
    parse(std::str::from_utf8(text.get(..end.unwrap_or(text.len()))?).ok()?)
}

fn parse(header: &str) -> Option<SpanContext> {
    // What is sent in capital letters is not the header that W3C describes.
    if header.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let mut parts = header.split('-');
    let (version, trace_id, span_id, flags) =
        (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let has_more = parts.next().is_some();
    let (version_is_known, flags) = (version == VERSION, octet(flags)?);
    octet(version)?;
    if version == INVALID || version_is_known && has_more {
        return None;
    }
    let context = SpanContext::parse(trace_id, span_id, flags)?;
    (context.trace_id != [0; 16] && context.span_id != [0; 8]).then_some(context)
}

/// Two hexadecimal digits.
fn octet(text: &str) -> Option<u8> {
    let is_hex = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then(|| u8::from_str_radix(text, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    fn flags(header: &str) -> Option<u8> {
        let context = parse(header)?;
        assert_eq!(
            (context.trace_id_text(), context.span_id_text()),
            (TRACE.into(), SPAN.into())
        );
        Some(context.trace_flags)
    }

    #[test]
    fn a_header_is_read_as_w3c_describes_it() {
        assert_eq!(flags(&format!("00-{TRACE}-{SPAN}-01")), Some(1));
        assert_eq!(flags(&format!("00-{TRACE}-{SPAN}-00")), Some(0));
        assert_eq!(flags(&format!("01-{TRACE}-{SPAN}-03-more")), Some(3));
    }

    #[test]
    fn what_is_not_whole_or_not_valid_is_no_context() {
        for header in [
            String::new(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-01-more"),
            format!("00-{TRACE}-{SPAN}-01."),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("zz-{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-{}-{SPAN}-01", "+".repeat(32)),
        ] {
            assert_eq!(parse(&header), None, "{header}");
        }
    }
}
