//! Whether an export that failed may succeed later: the OTLP specification says for which answers
//! (https://opentelemetry.io/docs/specs/otlp/#failures).

use std::{
    error::Error,
    time::{Duration, SystemTime},
};

use reqwest::{StatusCode, header::HeaderMap, header::RETRY_AFTER};
use tonic::{Code, Status};
use tonic_types::StatusExt;

/// A server that asks for a longer pause is asked again after this one.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Characters of a server's explanation that are shown.
const SHOWN: usize = 200;

/// Of one attempt.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Failure {
    reason: String,
    pub then: Then,
}

/// What a failure means for what was to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Not before the pause that the server asked for.
    TryAgain { pause: Duration },
    /// Sending the same again will change nothing.
    GiveUp,
    /// The endpoint does not know this signal at all.
    Unsupported,
}

impl Failure {
    fn new(reason: &str, then: Then) -> Self {
        let reason = crate::model::text::printable(reason)
            .chars()
            .take(SHOWN)
            .collect();
        Self { reason, then }
    }

    /// There was no answer.
    pub fn unanswered(error: &dyn Error) -> Self {
        let pause = Duration::ZERO;
        Self::new(&with_causes(error), Then::TryAgain { pause })
    }

    /// By gRPC.
    pub fn of_status(status: &Status) -> Self {
        // What the client itself made of a broken connection has a cause; what a server answered has none.
        if let Some(cause) = status.source() {
            return Self::unanswered(cause);
        }
        let asked = status
            .get_details_retry_info()
            .map(|info| info.retry_delay.unwrap_or_default());
        let pause = asked.unwrap_or_default().min(LONGEST_PAUSE);
        let then = match status.code() {
            Code::Unimplemented => Then::Unsupported,
            Code::ResourceExhausted if asked.is_none() => Then::GiveUp,
            Code::ResourceExhausted
            | Code::Cancelled
            | Code::DeadlineExceeded
            | Code::Aborted
            | Code::OutOfRange
            | Code::Unavailable
            | Code::DataLoss => Then::TryAgain { pause },
            _ => Then::GiveUp,
        };
        let code = status.code();
        Self::new(&format!("{code:?}: {}", status.message()), then)
    }

    /// By HTTP; `body` may hold a `google.rpc.Status`.
    pub fn of_response(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Self {
        let then = match status.as_u16() {
            404 | 405 | 501 => Then::Unsupported,
            429 | 502 | 503 | 504 => Then::TryAgain {
                pause: retry_after(headers).unwrap_or_default().min(LONGEST_PAUSE),
            },
            _ => Then::GiveUp,
        };
        let said: Option<tonic_types::pb::Status> = prost::Message::decode(body).ok();
        let said = said.map(|said| said.message).unwrap_or_default();
        Self::new(&format!("HTTP {status}: {said}"), then)
    }
}

/// Seconds, or a date (https://www.rfc-editor.org/rfc/rfc9110#name-retry-after).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    date.duration_since(SystemTime::now()).ok()
}

/// Libraries like to keep causes to themselves.
pub fn with_causes(error: &dyn Error) -> String {
    let mut reason = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        reason = format!("{reason}: {error}");
        cause = error.source();
    }
    reason
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    const AT_ONCE: Then = Then::TryAgain {
        pause: Duration::ZERO,
    };

    #[test]
    fn only_answers_that_may_change_are_asked_for_again() {
        for (code, then) in [
            (Code::Unavailable, AT_ONCE),
            (Code::DeadlineExceeded, AT_ONCE),
            (Code::ResourceExhausted, Then::GiveUp),
            (Code::InvalidArgument, Then::GiveUp),
            (Code::Unauthenticated, Then::GiveUp),
            (Code::Unknown, Then::GiveUp),
            (Code::Unimplemented, Then::Unsupported),
        ] {
            assert_eq!(
                Failure::of_status(&Status::new(code, "")).then,
                then,
                "{code}"
            );
        }
        for (status, then) in [
            (429, AT_ONCE),
            (503, AT_ONCE),
            (400, Then::GiveUp),
            (500, Then::GiveUp),
            (301, Then::GiveUp),
            (404, Then::Unsupported),
        ] {
            let code = StatusCode::from_u16(status).unwrap();
            let failure = Failure::of_response(code, &HeaderMap::new(), b"\xff");
            assert_eq!(failure.then, then, "{status}");
        }
    }

    #[test]
    fn a_broken_connection_is_worth_another_attempt_whatever_its_code() {
        let broken = Status::from_error(Box::new(std::io::Error::other("connection reset")));
        assert_eq!(broken.code(), Code::Unknown);
        assert_eq!(Failure::of_status(&broken).then, AT_ONCE);
    }

    #[test]
    fn the_pause_that_a_server_asks_for_is_kept_up_to_a_minute() {
        let asking = |seconds| {
            let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(seconds)));
            let status = Status::with_error_details(Code::ResourceExhausted, "busy", details);
            Failure::of_status(&status).then
        };
        let pause = |seconds| Then::TryAgain {
            pause: Duration::from_secs(seconds),
        };
        assert_eq!((asking(7), asking(3_600)), (pause(7), pause(60)));
        let over_http = |after: &str| {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, after.parse().unwrap())]);
            Failure::of_response(StatusCode::TOO_MANY_REQUESTS, &headers, b"").then
        };
        assert_eq!(over_http("7"), pause(7));
        assert_eq!(over_http("Fri, 31 Dec 9999 23:59:59 GMT"), pause(60));
        assert_eq!(over_http("Fri, 31 Dec 1999 23:59:59 GMT"), AT_ONCE);
        assert_eq!(over_http("soon"), AT_ONCE);
    }

    #[test]
    fn what_a_server_says_cannot_break_the_log() {
        let status = Status::invalid_argument("a\nb\u{1b}[2J".repeat(1_000));
        let shown = Failure::of_status(&status).to_string();
        assert!(!shown.contains(['\n', '\u{1b}']), "{shown}");
        assert!(shown.chars().count() <= SHOWN);
    }
}
