//! How far back a PromQL expression looks from the time that it is evaluated for.

use std::time::Duration;

/// The longest range (`[5m]`, `[1h:10s]`) plus the longest offset of the expression; zero where it has neither. Longer than
/// what is nested (`max_over_time(rate(x[1m])[5m:])` looks back six minutes), so that nothing is missed: all ranges are
/// added up where one is a subquery.
pub fn lookback(expression: &str) -> Duration {
    let code = without_strings(expression);
    let ranges = code.split('[').skip(1);
    let ranges: Vec<&str> = ranges.filter_map(|rest| rest.split(']').next()).collect();
    let lengths = ranges.iter().map(|range| {
        let length = range.split(':').next().unwrap_or_default();
        parse(length).unwrap_or_default()
    });
    let nested = ranges.iter().any(|range| range.contains(':'));
    let range = if nested {
        lengths.fold(Duration::ZERO, Duration::saturating_add)
    } else {
        lengths.max().unwrap_or_default()
    };
    range.saturating_add(offset(&code))
}

fn offset(code: &str) -> Duration {
    let words: Vec<&str> = code
        .split(|c: char| c.is_whitespace() || c == ')')
        .filter(|word| !word.is_empty())
        .collect();
    let pairs = words.windows(2);
    let offsets = pairs.filter(|pair| pair[0].eq_ignore_ascii_case("offset"));
    offsets
        .filter_map(|pair| parse(pair[1]))
        .max()
        .unwrap_or_default()
}

/// PromQL's durations are humantime's, and numbers are seconds.
fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let seconds = text.parse::<f64>().ok();
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .or_else(|| humantime::parse_duration(text).ok())
}

/// The expression with nothing in its strings: a label's value may have brackets in it.
fn without_strings(expression: &str) -> String {
    let (mut code, mut quote, mut escaped) = (String::new(), None, false);
    for c in expression.chars() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(open) if c == open => quote = None,
            Some(open) => escaped = c == '\\' && open != '`',
            None if matches!(c, '"' | '\'' | '`') => quote = Some(c),
            None => code.push(c),
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_subqueries_and_offsets_are_looked_back_on_and_strings_are_not() {
        let looks_back = |text, seconds| {
            assert_eq!(lookback(text), Duration::from_secs_f64(seconds), "{text}");
        };
        looks_back("p99", 0.0);
        looks_back("histogram_quantile(0.99, rate(x_bucket[1m]))", 60.0);
        looks_back("rate(x[500ms])", 0.5);
        looks_back("rate(x[1h30m] offset 5m)", 5_700.0);
        looks_back("rate(x[300])", 300.0);
        looks_back("a[1m] / b[5m]", 300.0);
        looks_back("max_over_time(rate(x[1m])[5m:10s])", 360.0);
        looks_back(r#"rate(x{path="[9h]\"[8h]",b='[7h]'}[1m])"#, 60.0);
        looks_back("x[", 0.0);
        looks_back("x[y:z] offset", 0.0);
    }
}
