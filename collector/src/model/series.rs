//! A metric over time.

use std::{
    collections::BTreeMap,
    fmt::{self, Display, Formatter},
};

use super::{text::printable, time::UnixNanos};

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// As the server has them: not fit to be shown as they are.
    pub labels: BTreeMap<String, String>,
    /// Oldest first.
    pub samples: Vec<Sample>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sample {
    pub time: UnixNanos,
    /// In the metric's unit; always finite.
    pub value: f64,
}

/// The labels as PromQL writes them, safe to show.
impl Display for Series {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let label = |(name, value): (&String, &String)| {
            format!("{}=\"{}\"", printable(name), printable(value))
        };
        let labels: Vec<String> = self.labels.iter().map(label).collect();
        write!(f, "{{{}}}", labels.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_a_hostile_server_move_no_cursor() {
        let labels = [("job\u{1b}[2J".to_owned(), "shop\n".to_owned())];
        let series = Series {
            labels: labels.into(),
            samples: Vec::new(),
        };
        assert_eq!(series.to_string(), r#"{job\u{1b}[2J="shop\n"}"#);
    }
}
