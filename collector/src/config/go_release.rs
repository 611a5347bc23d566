//! A Go release that users name: one of those whose layout is known.

use std::str::FromStr;

use crate::{golang::layout::Layout, model::binary::GoMinor};

use super::value::Refused;

impl FromStr for GoMinor {
    type Err = Refused;

    fn from_str(text: &str) -> Result<Self, Refused> {
        let refused = || Refused(Layout::releases().collect::<Vec<_>>().join(", "));
        let known = Layout::releases().find(|release| *release == text);
        let (major, minor) = known
            .and_then(|release| release.split_once('.'))
            .ok_or_else(refused)?;
        let number = |digits: &str| digits.parse().map_err(|_| refused());
        Ok(Self {
            major: number(major)?,
            minor: number(minor)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_whose_layout_is_known_can_be_assumed_and_no_other() {
        let release: GoMinor = "1.27".parse().unwrap();
        assert_eq!((release.major, release.minor), (1, 27));
        assert_eq!(release.to_string(), "1.27");
        for refused in ["", "1", "1.99", "1.27.4", "go1.27", "27", "1.+27"] {
            let message = refused.parse::<GoMinor>().unwrap_err().to_string();
            assert!(message.starts_with("allowed: 1.18, 1.19, "), "{message}");
        }
    }
}
