//! Questions to a Prometheus.

use std::{fmt, str::FromStr, time::Duration};

use reqwest::{Response, StatusCode};
use serde::de::DeserializeOwned;
use url::Url;

use super::{
    answer::{Answer, Evaluated, Targets},
    error::{QueryError, reasons},
};
use crate::model::{series::Series, text::printable, time::UnixNanos};

/// For an answer, from the connection to its last byte.
const PATIENCE: Duration = Duration::from_secs(30);
/// 11,000 samples, the most that Prometheus gives of a series, are some 400 KiB.
const LONGEST: usize = 64 << 20;

/// Where a Prometheus is: what `/api/v1` is appended to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl(Url);

impl FromStr for ServerUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let allowed = "an address that begins with http:// or https://, e.g. http://localhost:9090";
        let refused = |why: &str| format!("{why}; allowed: {allowed}");
        let url = Url::parse(text).map_err(|error| refused(&error.to_string()))?;
        let of_the_web = matches!(url.scheme(), "http" | "https") && url.has_host();
        if !of_the_web || url.query().is_some() || url.fragment().is_some() {
            return Err(refused("it is no server's address"));
        }
        Ok(Self(url))
    }
}

/// Without its password.
impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = self.0.clone();
        let _ = (url.set_password(None), url.set_username(""));
        f.write_str(url.as_str().trim_end_matches('/'))
    }
}

/// What of a series is asked for, on the server's clock.
#[derive(Debug, Clone, Copy)]
pub struct Span {
    pub from: UnixNanos,
    pub until: UnixNanos,
    pub step: Duration,
}

/// How far the server's clock is ahead of this machine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockSkew {
    /// Negative: it is behind.
    pub ahead_nano: i64,
    /// Half the time that the question took, and what the answer is rounded to.
    pub uncertainty_nano: i64,
}

#[derive(Debug)]
pub struct Prometheus {
    client: reqwest::Client,
    server: ServerUrl,
}

impl Prometheus {
    pub fn new(server: ServerUrl) -> Result<Self, QueryError> {
        // An error means that a provider is installed already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .user_agent(concat!("slowmap/", env!("CARGO_PKG_VERSION")))
            .timeout(PATIENCE)
            .build()
            .map_err(|error| QueryError::Client(reasons(&error)))?;
        Ok(Self { client, server })
    }

    /// Asks for the time. `now` reads this machine's wall clock.
    ///
    /// # Errors
    /// There is no answer, or none of a Prometheus.
    pub async fn clock_skew(&self, now: impl Fn() -> UnixNanos) -> Result<ClockSkew, QueryError> {
        let before = now().0.cast_signed();
        let answer: Evaluated = self.get("query", &[("query", "time()".to_owned())]).await?;
        let after = now().0.cast_signed();
        let time = answer.scalar().and_then(super::answer::unix_nanos);
        let time = time.ok_or_else(|| self.not_prometheus("it has no time"))?;
        // Its time is cut to milliseconds.
        const ROUNDED: i64 = 500_000;
        let here = before.saturating_add(after.saturating_sub(before) / 2);
        Ok(ClockSkew {
            ahead_nano: time
                .0
                .cast_signed()
                .saturating_add(ROUNDED)
                .saturating_sub(here),
            uncertainty_nano: after.saturating_sub(before) / 2 + ROUNDED,
        })
    }

    /// What an expression amounts to over a time.
    ///
    /// # Errors
    /// There is no answer, none of a Prometheus, or the expression is refused.
    pub async fn range(&self, expression: &str, span: Span) -> Result<Vec<Series>, QueryError> {
        let parameters = [
            ("query", expression.to_owned()),
            ("start", seconds(span.from)),
            ("end", seconds(span.until)),
            ("step", format!("{:.3}", span.step.as_secs_f64())),
        ];
        let answer: Evaluated = self.get("query_range", &parameters).await?;
        answer.series()
    }

    /// The longest interval at which targets are scraped that a series with these labels may be of. `None`: the server does not
    /// tell, as those that only speak its API.
    pub async fn scrape_interval(&self, series: &Series) -> Option<Duration> {
        let state = [("state", "active".to_owned())];
        let targets: Targets = self.get("targets", &state).await.ok()?;
        let may_be = |name: &str, of: &Option<&String>| {
            series
                .labels
                .get(name)
                .is_none_or(|label| of.is_none_or(|of| of == label))
        };
        let intervals = targets.active_targets.iter().filter(|target| {
            let label = |name| target.labels.get(name);
            may_be("job", &label("job")) && may_be("instance", &label("instance"))
        });
        intervals
            .filter_map(|target| humantime::parse_duration(&target.scrape_interval).ok())
            .max()
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        parameters: &[(&str, String)],
    ) -> Result<T, QueryError> {
        let mut url = self.server.0.clone();
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}/api/v1/{path}"));
        url.query_pairs_mut().extend_pairs(parameters);
        let answer = self.client.get(url).send().await;
        let answer = answer.map_err(|error| self.unanswered(error))?;
        let status = answer.status();
        let body = self.body(answer).await?;
        let read = serde_json::from_slice::<Answer<T>>(&body);
        let said = read.as_ref().ok().and_then(|answer| answer.error.clone());
        if !status.is_success() {
            return Err(self.failed(status, said));
        }
        let data = read.map_err(|error| self.not_prometheus(&error.to_string()))?;
        data.data
            .ok_or_else(|| self.not_prometheus("it has no data"))
    }

    async fn body(&self, mut answer: Response) -> Result<Vec<u8>, QueryError> {
        let mut body = Vec::new();
        while let Some(part) = answer
            .chunk()
            .await
            .map_err(|error| self.unanswered(error))?
        {
            body.extend_from_slice(&part);
            if body.len() > LONGEST {
                return Err(QueryError::TooLong {
                    server: self.server.to_string(),
                    limit: LONGEST,
                });
            }
        }
        Ok(body)
    }

    fn unanswered(&self, error: reqwest::Error) -> QueryError {
        QueryError::Unanswered {
            server: self.server.to_string(),
            // The address is said already, and its parameters are none of the reason.
            error: reasons(&error.without_url()),
        }
    }

    fn failed(&self, status: StatusCode, said: Option<String>) -> QueryError {
        let said = said.map(|text| printable(&text).into_owned());
        match (status, said) {
            (StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY, Some(error)) => {
                QueryError::Refused { error }
            }
            (status, said) => QueryError::Status {
                server: self.server.to_string(),
                status: status.as_u16(),
                error: said.map(|text| format!(": {text}")).unwrap_or_default(),
            },
        }
    }

    fn not_prometheus(&self, error: &str) -> QueryError {
        QueryError::NotPrometheus {
            server: self.server.to_string(),
            error: printable(error).into_owned(),
        }
    }
}

/// The API takes milliseconds.
fn seconds(time: UnixNanos) -> String {
    let millis = time.0 / 1_000_000;
    format!("{}.{:03}", millis / 1_000, millis % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_servers_are_taken_and_no_password_is_shown() {
        for refused in [
            "",
            "localhost:9090",
            "ftp://a",
            "http://",
            "http://a/?b=c",
            "http://a/#b",
        ] {
            assert!(refused.parse::<ServerUrl>().is_err(), "{refused}");
        }
        let server: ServerUrl = "https://me:secret@a.example/prometheus/".parse().unwrap();
        assert_eq!(server.to_string(), "https://a.example/prometheus");
    }

    #[test]
    fn times_are_given_to_the_millisecond() {
        assert_eq!(
            seconds(UnixNanos(1_795_486_452_050_999_999)),
            "1795486452.050"
        );
    }
}
