//! Filters against a plain reading of them.

use proptest::prelude::*;
use serde_json::json;

use super::*;

fn row(value: Value) -> Row {
    value.into()
}

#[test]
fn expressions_mean_what_they_say() {
    let row = row(json!({
        "day": 5, "name": "a\"\\é", "flag": true, "none": null, "deep": {"er": {"n": -1.5}},
    }));
    let check = |text: &str, expected: bool| {
        let filter = Filter::parse(text).unwrap_or_else(|why| panic!("{why}"));
        assert_eq!(filter.passes(&row), expected, "{text}");
    };
    check("day>=5", true);
    check("day > 5", false);
    check("day<=5&&day<6", true);
    check("day == 5.0", true);
    check("deep.er.n == -1.5", true);
    check(r#"name == "a\"\\\u00e9""#, true);
    check(r#"name>"a""#, true);
    check(r#"day > "4""#, false);
    check("flag == true && flag != false", true);
    check("none >= 0 || missing < 9 || missing != 3", false);
    check("isNull(none) && isNull(missing) && !isNull(day)", true);
    check("none == null && day != null", true);
    check("day == 1 || day == 2 && flag == true || day == 5", true);
    check("(day == 5 || day == 2) && flag == false", false);
    check("!(day == 1) && !!flag == true", true);
}

#[test]
fn what_is_not_understood_is_refused_with_its_place() {
    let check = |text: &str, words: &str| {
        let why = Filter::parse(text).unwrap_err();
        assert!(why.contains(words), "{text}: {why}");
    };
    check("", "a field at \"\"");
    check("day", "a comparison");
    check("day => 5", "a comparison at \"=> 5\"");
    check("day = 5", "a comparison at \"= 5\"");
    check("day >= ", "a number");
    check("day >= other", "a number, a text");
    check("day >= [1]", "a number, a text");
    check(r#"id > "a"b""#, "the end, && or || at \"b\\\"\"");
    check(r#"id > "a\""#, "a text");
    check("contains(name, \"x\")", "a comparison");
    check("(day > 1", ") at");
    check("5 > day", "a field");
    check(&"(".repeat(80), "fewer parentheses");
    check(&"!".repeat(80), "fewer !");
}

/// A number that fields and filters have.
fn number() -> impl Strategy<Value = i64> {
    prop_oneof![-3..3_i64, any::<i64>()]
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ab\"\\\\/é]{0,3}", any::<String>()]
}

proptest! {
    #[test]
    fn numbers_are_compared_as_numbers(field in proptest::option::of(number()), with in number()) {
        let row = row(json!({"day": field}));
        for (sign, _) in COMPARISONS {
            let oracle = field.is_some_and(|field| match sign {
                "<" => field < with,
                "<=" => field <= with,
                ">" => field > with,
                ">=" => field >= with,
                "==" => field == with,
                _ => field != with,
            });
            let filter = Filter::parse(&format!("day{sign}{with}")).unwrap();
            prop_assert_eq!(filter.passes(&row), oracle, "{:?} {} {}", field, sign, with);
        }
    }

    #[test]
    fn texts_are_compared_as_texts_whatever_is_in_them(field in text(), with in text()) {
        let row = row(json!({"visitorId": field}));
        let with_escapes = Value::from(with.as_str());
        let passes = |sign: &str| Filter::parse(&format!("visitorId {sign} {with_escapes}")).unwrap().passes(&row);
        prop_assert_eq!(passes(">"), field > with);
        prop_assert_eq!(passes("<="), field <= with);
        prop_assert_eq!(passes("=="), field == with);
    }

    #[test]
    fn and_binds_more_than_or(values in proptest::array::uniform4(any::<bool>())) {
        let row = row(json!({"a": true}));
        let [a, b, c, d] = values;
        let text = format!("a=={a} || a=={b} && a=={c} || a=={d}");
        prop_assert_eq!(Filter::parse(&text).unwrap().passes(&row), a || b && c || d);
    }
}
