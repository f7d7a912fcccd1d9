//! The names of departments, and the codes by which pages name them.

use std::collections::HashMap;
use std::sync::LazyLock;

/// The table, with its source in its first lines.
const TABLE: &str = include_str!("../data/departments.csv");

static NAMES: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    TABLE
        .lines()
        .filter(|line| !line.starts_with('#'))
        .skip(1)
        .filter_map(|line| line.split_once(','))
        .collect()
});

/// The name of the department with a code as `<D1>`.
pub(crate) fn name_of(code: &str) -> Option<&'static str> {
    NAMES.get(code).copied()
}

/// The first code in a text, as `<D1>` in `<D1><OT532>`.
pub(crate) fn first_code(text: &str) -> Option<&str> {
    let mut rest = text;
    loop {
        let begin = rest.find('<')?;
        let end = begin + rest[begin..].find('>')?;
        if end > begin + 1 {
            return Some(&rest[begin..=end]);
        }
        rest = &rest[end + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_code_and_a_name() {
        assert_eq!(NAMES.len(), 404);
        for (code, name) in NAMES.iter() {
            assert_eq!(first_code(code), Some(*code));
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'),
                "{name}"
            );
        }
        assert_eq!(name_of("<D25>"), Some("hm-revenue-customs"));
        assert_eq!(name_of("<D14>"), None);
    }

    #[test]
    fn the_first_code_of_a_text_is_found() {
        let check = |text: &str, expected: Option<&str>| assert_eq!(first_code(text), expected);
        check("<D1><OT532>", Some("<D1>"));
        check("by <D1>", Some("<D1>"));
        check("<><D1>", Some("<D1>"));
        check("(other)", None);
        check("<D1", None);
        check("", None);
    }
}
