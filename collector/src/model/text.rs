//! Text that comes from a target, made safe to show.

use std::borrow::Cow;

/// The text with everything escaped that could move a terminal's cursor, break a line or reorder what is
/// shown: control characters, line and paragraph separators, and Unicode's bidirectional controls.
///
/// A target chooses its executable's name, its command line and its function names.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(misleads) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if misleads(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    Cow::Owned(shown)
}

/// An error with what caused it, innermost last, and nothing twice: some libraries keep causes to themselves, others have
/// them in their own text.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let said = inner.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = inner.source();
    }
    text
}

fn misleads(character: char) -> bool {
    // U+2028/2029 end a line; the others are the Bidi_Control characters of UAX #9.
    let reorders = matches!(
        character,
        '\u{061c}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
    );
    character.is_control() || reorders
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_move_the_cursor_or_reorder_the_line_is_escaped() {
        assert_eq!(printable("shop\x1b[2J\n"), "shop\\u{1b}[2J\\n");
        assert_eq!(printable("a\u{202e}b\u{2028}"), "a\\u{202e}b\\u{2028}");
        assert_eq!(printable("\u{9b}31m"), "\\u{9b}31m");
    }

    #[test]
    fn ordinary_text_is_passed_on_without_a_copy() {
        assert!(matches!(printable("/srv/größe/shop v2"), Cow::Borrowed(_)));
    }
}
