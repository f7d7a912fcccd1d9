use proptest::prelude::*;

use super::*;

fn texts_of(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn every_plugin_is_read() {
    let check = |text: &str, expected: Plugin| assert_eq!(read(text), Ok(expected), "{text}");
    let key = || "key".to_owned();
    check(
        "ComputeIdFrom('a', \"b\")",
        Plugin::ComputeIdFrom(texts_of(&["a", "b"])),
    );
    check(" ComputeRank ( 'key' , ) ", Plugin::ComputeRank(key()));
    check("RemoveKey(u'key')", Plugin::RemoveKey(vec![key()]));
    check(
        "Comment('it\\'s, (so)')",
        Plugin::Comment(texts_of(&["it's, (so)"])),
    );
    check("Comment()", Plugin::Comment(vec![]));
    check(
        "SetDepartment('<D1>')",
        Plugin::SetDepartment("<D1>".to_owned()),
    );
    check(
        "ComputeDepartmentKey('key')",
        Plugin::ComputeDepartmentKey(key()),
    );
    check(
        "AggregateKey(aggregate_count(\"visits\"),\n             aggregate_rate('rate', 'visits'))",
        Plugin::AggregateKey(vec![
            Aggregation::Count("visits".to_owned()),
            Aggregation::Rate {
                rate: "rate".to_owned(),
                count: "visits".to_owned(),
            },
        ]),
    );
}

#[test]
fn escapes_are_those_of_python() {
    let check = |text: &str, expected: &str| {
        assert_eq!(
            read(text),
            Ok(Plugin::Comment(texts_of(&[expected]))),
            "{text}"
        );
    };
    check(r#"Comment("a\"b")"#, "a\"b");
    check(r"Comment('\\d\d\x41\n')", "\\d\\dA\n");
}

#[test]
fn what_is_no_plugin_is_told_with_its_place() {
    let check = |text: &str, position: usize, why: &str| {
        let error = read(text).expect_err(text);
        assert_eq!(
            (error.position, error.why.as_str()),
            (position, why),
            "{text}"
        );
    };
    let all = "there are AggregateKey, Comment, ComputeDepartmentKey, ComputeIdFrom, ComputeRank, RemoveKey, SetDepartment";
    check(
        "",
        1,
        "a plugin begins with its name, as ComputeRank('rank')",
    );
    check(
        "ComputeRnk('a')",
        1,
        &format!("there is no plugin ComputeRnk (did you mean ComputeRank?): {all}"),
    );
    check(
        "__import__('os')",
        1,
        &format!("there is no plugin __import__: {all}"),
    );
    check("ComputeRank", 12, "expected ( after ComputeRank");
    check("ComputeRank('a'", 16, "expected , or )");
    check("ComputeRank('a' 'b')", 17, "expected , or )");
    check("ComputeRank('a", 15, "expected ' at the end of the text");
    check("ComputeRank(7)", 13, "expected a text between ' or \"");
    check("ComputeRank(var_name='a')", 21, "expected ( after var_name");
    check(
        "ComputeRank('a', 'b')",
        1,
        "ComputeRank takes 1 text, not 2",
    );
    check(
        "ComputeIdFrom()",
        1,
        "ComputeIdFrom needs a text, as the name of a key",
    );
    check(
        "ComputeRank('a').x",
        17,
        "a plugin ends with its closing parenthesis",
    );
    check(
        "RemoveKey(f('a'))",
        11,
        "RemoveKey takes texts between ' or \", no calls",
    );
    check(
        "RemoveKey(f(g('a')))",
        13,
        "expected a text between ' or \"",
    );
    check(
        "AggregateKey('a')",
        14,
        "AggregateKey takes aggregate_count and aggregate_rate, no text",
    );
    check(
        "AggregateKey(aggregate_rate('a'))",
        14,
        "aggregate_rate takes 2 texts, not 1",
    );
    check(
        "AggregateKey(sum('a'))",
        14,
        "there is no aggregation sum: there are aggregate_count, aggregate_rate",
    );
    check(
        "Comment('\\xZ1')",
        12,
        "expected two hexadecimal digits after \\x",
    );
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-zA-Z_]{1,8}", any::<String>()]
}

fn any_aggregation() -> impl Strategy<Value = Aggregation> {
    prop_oneof![
        any_text().prop_map(Aggregation::Count),
        (any_text(), any_text()).prop_map(|(rate, count)| Aggregation::Rate { rate, count }),
    ]
}

fn any_plugin() -> impl Strategy<Value = Plugin> {
    let some = || prop::collection::vec(any_text(), 1..5);
    prop_oneof![
        prop::collection::vec(any_aggregation(), 1..4).prop_map(Plugin::AggregateKey),
        prop::collection::vec(any_text(), 0..4).prop_map(Plugin::Comment),
        any_text().prop_map(Plugin::ComputeDepartmentKey),
        some().prop_map(Plugin::ComputeIdFrom),
        any_text().prop_map(Plugin::ComputeRank),
        some().prop_map(Plugin::RemoveKey),
        any_text().prop_map(Plugin::SetDepartment),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read_again(plugin in any_plugin()) {
        prop_assert_eq!(read(&plugin.to_string()), Ok(plugin));
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in any::<String>()) {
        let _ = read(&text);
    }

    /// Close to what is right, where the mistakes are.
    #[test]
    fn no_spoilt_plugin_makes_the_reader_panic(
        plugin in any_plugin(),
        place in any::<prop::sample::Index>(),
        put in prop::sample::select(vec!["", "'", "\"", "\\", "\\x", "(", ")", ",", "u", "é", "\n"]),
    ) {
        let mut chars: Vec<char> = plugin.to_string().chars().collect();
        let place = place.index(chars.len());
        chars.splice(place..=place, put.chars());
        let spoilt: String = chars.into_iter().collect();
        if let Err(error) = read(&spoilt) {
            prop_assert!((1..=spoilt.chars().count() + 1).contains(&error.position));
        }
    }
}
