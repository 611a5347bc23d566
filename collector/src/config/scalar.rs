//! Lets the configuration file hold settings as YAML scalars, read and written by the same code as flags and
//! variables, so that all three refuse the same values with the same words.

use std::{fmt, str::FromStr};

use serde::{Deserializer, Serializer, de};

struct Scalar;

impl de::Visitor<'_> for Scalar {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a single value")
    }

    fn visit_str<E>(self, value: &str) -> Result<String, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_i64<E>(self, value: i64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_f64<E>(self, value: f64) -> Result<String, E> {
        Ok(value.to_string())
    }

    fn visit_bool<E>(self, value: bool) -> Result<String, E> {
        Ok(value.to_string())
    }
}

pub fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: FromStr<Err: fmt::Display>,
    D: Deserializer<'de>,
{
    let text = deserializer.deserialize_any(Scalar)?;
    text.parse()
        .map_err(|refused| de::Error::custom(format!("`{text}` is not allowed; {refused}")))
}

pub fn serialize<T: fmt::Display, S: Serializer>(
    value: &T,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let text = value.to_string();
    match text.parse() {
        Ok(number) => serializer.serialize_u64(number),
        Err(_) => serializer.serialize_str(&text),
    }
}

/// Serde by `FromStr` and `Display`.
macro_rules! scalars {
    ($([$($generics:tt)*] $name:ty),+ $(,)?) => {$(
        impl<'de, $($generics)*> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                $crate::config::scalar::deserialize(deserializer)
            }
        }

        impl<$($generics)*> serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::config::scalar::serialize(self, serializer)
            }
        }
    )+};
}

use super::value::{
    BoundedCount, BoundedDuration, Budget, ByteSize, Glob, LogFilter, LogFormat, Mode,
    WithoutContext,
};
use crate::{
    export::otlp::{Compression, Protocol, Temporality},
    model::binary::GoMinor,
};

scalars!(
    [] Mode,
    [] Budget,
    [] ByteSize,
    [] GoMinor,
    [] WithoutContext,
    [] LogFormat,
    [] LogFilter,
    [] Glob,
    [] Protocol,
    [] Compression,
    [] Temporality,
    [] crate::alert::Expression,
    [] super::kubernetes::ApiServer,
    [] super::otlp::Endpoint,
    [] super::otlp::Exporter,
    [] super::prometheus::ScrapeAddress,
    [const MIN: u64, const MAX: u64] BoundedDuration<MIN, MAX>,
    [const MIN: usize, const MAX: usize] BoundedCount<MIN, MAX>,
);
