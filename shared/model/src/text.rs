//! How error messages show a value that a client sent.

use std::fmt;

use crate::limits::SHOWN_CHARS;

/// Shows a value between quotes, cut to what fits a message, on one line.
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        write_cut(self.0, f)?;
        f.write_str("\"")
    }
}

/// Shows JSON text as it was sent, cut like [`Shown`], without quotes of its own.
pub(crate) struct ShownJson<'a>(pub(crate) &'a str);

impl fmt::Display for ShownJson<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_cut(self.0, f)
    }
}

fn write_cut(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut chars = text.chars();
    for c in chars.by_ref().take(SHOWN_CHARS) {
        if c.is_control() {
            write!(f, "{}", c.escape_default())?;
        } else {
            write!(f, "{c}")?;
        }
    }
    if chars.next().is_some() {
        f.write_str("…")?;
    }
    Ok(())
}

/// Joins choices as a sentence does: `a, b or c`.
pub(crate) fn alternatives(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [only] => (*only).to_owned(),
        [most @ .., last] => format!("{} or {last}", most.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_cut_and_a_control_character_spelled_out() {
        assert_eq!(Shown("a\nb").to_string(), "\"a\\nb\"");
        let cut = Shown(&"é".repeat(200)).to_string();
        assert_eq!(cut, format!("\"{}…\"", "é".repeat(80)));
    }

    #[test]
    fn alternatives_read_as_a_sentence() {
        assert_eq!(alternatives(&["a", "b", "c"]), "a, b or c");
        assert_eq!(alternatives(&["a"]), "a");
    }
}
