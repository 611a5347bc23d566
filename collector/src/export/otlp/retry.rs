//! Whether an export that failed may succeed later: the OTLP specification says for which answers
//! (https://opentelemetry.io/docs/specs/otlp/#failures).

use opentelemetry_sdk::error::OTelSdkError;

/// gRPC codes that a server answers with and that sending the same again will not change.
const FINAL_CODES: [&str; 9] = [
    "Unknown",
    "InvalidArgument",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "FailedPrecondition",
    "Unimplemented",
    "Internal",
    "Unauthenticated",
];
/// HTTP status codes after which a client may try again.
const PASSING_STATUSES: [&str; 4] = ["429", "502", "503", "504"];

/// Whether there is no use in sending the same again.
pub fn is_final(error: &OTelSdkError) -> bool {
    // opentelemetry-otlp hands on nothing but its text. An answer of the server is a bare code at its end;
    // what failed before there was an answer has an explanation behind the code, and is worth a new attempt.
    let text = error.to_string();
    if let Some((_, code)) = text.rsplit_once("gRPC code: ") {
        return FINAL_CODES.contains(&code);
    }
    if let Some((_, status)) = text.rsplit_once("status code: ") {
        return !PASSING_STATUSES.contains(&status);
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(text: &str) -> OTelSdkError {
        OTelSdkError::InternalFailure(text.into())
    }

    #[test]
    fn only_answers_that_cannot_change_are_final() {
        for text in [
            "TonicTracesClient export failed with gRPC code: Unauthenticated",
            "TonicTracesClient export failed with gRPC code: InvalidArgument",
            "HTTP export failed with status code: 400",
            "HTTP export failed with status code: 500",
        ] {
            assert!(is_final(&failed(text)), "{text}");
        }
        for text in [
            "TonicTracesClient export failed with gRPC code: Unavailable",
            "TonicTracesClient export failed with gRPC code: Unknown: transport error: connection reset",
            "HTTP export failed with status code: 503",
            "HTTP export failed: network error",
        ] {
            assert!(!is_final(&failed(text)), "{text}");
        }
    }
}
