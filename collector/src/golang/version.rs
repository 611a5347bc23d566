//! Go's version strings, as `runtime.Version()` returns them.

use crate::model::binary::GoVersion;

/// Parses a release, a release candidate or a vendor's build of one: `go1.21`, `go1.22rc1`,
/// `go1.24.13 X:noswissmap`, `go1.27.4-X:a,b`. Development builds have no release: `None`.
pub fn parse(raw: &str) -> Option<GoVersion> {
    let (major, rest) = leading_number(raw.strip_prefix("go")?)?;
    let (minor, rest) = leading_number(rest.strip_prefix('.')?)?;
    let (patch, rest) = match rest.strip_prefix('.') {
        Some(rest) => leading_number(rest)?,
        None => (0, rest),
    };
    let known_suffix = rest.is_empty()
        || rest.starts_with([' ', '-', '+', '_'])
        || rest.starts_with("rc")
        || rest.starts_with("beta");
    known_suffix.then(|| GoVersion {
        major,
        minor,
        patch,
        raw: raw.to_owned(),
        experiments: experiments(rest),
    })
}

/// The list behind `X:`, which stands after a space or, in later releases, after a hyphen.
fn experiments(suffix: &str) -> Vec<String> {
    let Some((before, list)) = suffix.split_once("X:") else {
        return Vec::new();
    };
    if !before.ends_with([' ', '-']) {
        return Vec::new();
    }
    let list = list.split(' ').next().unwrap_or_default();
    list.split(',')
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn leading_number(text: &str) -> Option<(u32, &str)> {
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_and_candidates_are_read_with_their_experiments() {
        for (raw, numbers, experiments) in [
            ("go1.21", (1, 21, 0), ""),
            ("go1.26.8", (1, 26, 8), ""),
            ("go1.22rc1", (1, 22, 0), ""),
            ("go1.24.13 X:noswissmap", (1, 24, 13), "noswissmap"),
            (
                "go1.27.4-X:jsonv2,mapsplitgroup",
                (1, 27, 4),
                "jsonv2,mapsplitgroup",
            ),
            ("go1.22.5 (Red Hat 1.22.5-1.el9)", (1, 22, 5), ""),
            ("go1.23.4-acme2 X:synctest", (1, 23, 4), "synctest"),
        ] {
            let version = parse(raw).unwrap_or_else(|| panic!("{raw} was declined"));
            assert_eq!(
                (version.major, version.minor, version.patch),
                numbers,
                "{raw}"
            );
            assert_eq!(version.experiments.join(","), experiments, "{raw}");
            assert_eq!(version.raw, raw);
        }
    }

    #[test]
    fn what_is_not_a_release_is_declined() {
        for raw in [
            "",
            "go",
            "go1",
            "1.22",
            "go1.x",
            "devel go1.23-0a1b2c",
            "go1.22.",
            "go1.22x",
            "go1.99999999999",
        ] {
            assert_eq!(parse(raw), None, "{raw}");
        }
    }
}
