//! What a process's environment tells OpenTelemetry about its service.

use percent_encoding::percent_decode_str;

use crate::model::text::printable;

/// `service.name` and the other resource attributes, as the process's own SDK takes them but for what is not safe to show.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct ServiceEnvironment {
    pub service_name: Option<String>,
    /// In order of first mention; of a key that comes twice the last value counts.
    pub resource_attributes: Vec<(String, String)>,
}

impl ServiceEnvironment {
    /// From the bytes of `/proc/PID/environ`: `KEY=value`, separated by NUL.
    pub(super) fn parse(environ: &[u8]) -> Self {
        let mut service_name = variable(environ, "OTEL_SERVICE_NAME")
            .map(|name| printable(name.trim()).into_owned())
            .filter(|name| !name.is_empty());
        let mut resource_attributes =
            attributes(&variable(environ, "OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default());
        if let Some(at) = resource_attributes
            .iter()
            .position(|(key, _)| key == "service.name")
        {
            let (_, name) = resource_attributes.remove(at);
            service_name = service_name.or(Some(name).filter(|name| !name.is_empty()));
        }
        Self {
            service_name,
            resource_attributes,
        }
    }
}

/// The first of several of one name counts, as for getenv(3).
fn variable(environ: &[u8], name: &str) -> Option<String> {
    environ
        .split(|byte| *byte == 0)
        .filter_map(|entry| entry.strip_prefix(name.as_bytes())?.strip_prefix(b"="))
        .map(|value| String::from_utf8_lossy(value).into_owned())
        .next()
}

/// `key=value,key=value` with percent-encoded values.
/// <https://opentelemetry.io/docs/specs/otel/resource/sdk/#specifying-resource-information-via-an-environment-variable>
fn attributes(text: &str) -> Vec<(String, String)> {
    let mut attributes: Vec<(String, String)> = Vec::new();
    for pair in text.split(',') {
        let Some((key, value)) = pair.split_once('=') else {
            continue;
        };
        let key = printable(key.trim());
        let value = printable(&decoded(value.trim())).into_owned();
        if key.is_empty() {
            continue;
        }
        match attributes.iter_mut().find(|(known, _)| *known == key) {
            Some((_, earlier)) => *earlier = value,
            None => attributes.push((key.into_owned(), value)),
        }
    }
    attributes
}

/// A value that is not well encoded stays as it is: that is what the SDK for Go sends.
fn decoded(value: &str) -> String {
    let well_formed = value.split('%').skip(1).all(|rest| {
        rest.as_bytes()
            .get(..2)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    });
    match percent_decode_str(value).decode_utf8() {
        Ok(text) if well_formed => text.into_owned(),
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(entries: &[&str]) -> ServiceEnvironment {
        ServiceEnvironment::parse(entries.join("\0").as_bytes())
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn the_service_name_variable_goes_before_the_resource_attribute() {
        let found = parse(&[
            "OTEL_RESOURCE_ATTRIBUTES=service.name=b,service.version=1.2",
            "OTEL_SERVICE_NAME= shop ",
        ]);
        assert_eq!(found.service_name.as_deref(), Some("shop"));
        assert_eq!(
            found.resource_attributes,
            pairs(&[("service.version", "1.2")])
        );
    }

    #[test]
    fn an_empty_service_name_variable_counts_as_unset() {
        let found = parse(&[
            "OTEL_SERVICE_NAME=",
            "OTEL_RESOURCE_ATTRIBUTES=service.name=b",
        ]);
        assert_eq!(found.service_name.as_deref(), Some("b"));
    }

    #[test]
    fn values_are_percent_decoded_and_bad_encodings_stay_as_they_are() {
        let found = parse(&["OTEL_RESOURCE_ATTRIBUTES=a=x%2Cy%3d1, b = caf%C3%A9 ,c=100%,d=%ff"]);
        let expected = [("a", "x,y=1"), ("b", "café"), ("c", "100%"), ("d", "%ff")];
        assert_eq!(found.resource_attributes, pairs(&expected));
    }

    #[test]
    fn a_repeated_key_keeps_its_last_value_and_malformed_pairs_are_left_out() {
        let found = parse(&["OTEL_RESOURCE_ATTRIBUTES=a=1,,novalue,=x,b=2,a=3"]);
        assert_eq!(found.resource_attributes, pairs(&[("a", "3"), ("b", "2")]));
    }

    #[test]
    fn names_that_only_begin_alike_are_not_taken() {
        let found = parse(&[
            "OTEL_SERVICE_NAMES=x",
            "XOTEL_SERVICE_NAME=y",
            "no equals sign",
        ]);
        assert_eq!(found, ServiceEnvironment::default());
    }

    #[test]
    fn what_would_move_a_terminals_cursor_is_escaped_however_it_was_written() {
        let found = parse(&[
            "OTEL_SERVICE_NAME=shop\x1b[2J",
            "OTEL_RESOURCE_ATTRIBUTES=a=x%0Ay,b\x07=1",
        ]);
        assert_eq!(found.service_name.as_deref(), Some("shop\\u{1b}[2J"));
        let expected = [("a", "x\\ny"), ("b\\u{7}", "1")];
        assert_eq!(found.resource_attributes, pairs(&expected));
    }

    #[test]
    fn bytes_that_are_no_text_do_no_harm() {
        let found = ServiceEnvironment::parse(b"\xff\xfe=\0OTEL_SERVICE_NAME=a\xffb\0\0");
        assert_eq!(found.service_name.as_deref(), Some("a\u{fffd}b"));
    }
}
