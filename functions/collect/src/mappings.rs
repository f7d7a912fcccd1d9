//! Renaming keys: `{from: to}`, and `name_N`, which takes part N of a value split at `:`.

use crate::cell::Cell;
use crate::pipeline::Document;
use serde_json::Value;

/// What parts of a value are separated by.
const SEPARATOR: char = ':';

/// Why a mapping cannot be applied to the documents.
pub(crate) struct Misfit {
    /// The mapping's own key.
    pub(crate) from: String,
    pub(crate) why: String,
}

/// Renames the keys of a document. A key that is mapped and one that takes a part may lead to the
/// same name; then the part wins, as parts come last.
pub(crate) fn apply(
    mappings: &[(String, String)],
    document: &Document,
) -> Result<Document, Misfit> {
    let mut mapped = Document::default();
    for (key, cell) in document.cells() {
        mapped.set(renamed(mappings, key), cell.clone());
    }
    for (from, to) in mappings {
        if let Some(part) = part_of(from, document)? {
            mapped.set(to, Cell::from(part.as_str()));
        }
    }
    Ok(mapped)
}

/// What a key is called after the mappings.
pub(crate) fn renamed<'k>(mappings: &'k [(String, String)], key: &'k str) -> &'k str {
    let mapping = mappings.iter().find(|(from, _)| from == key);
    mapping.map_or(key, |(_, to)| to)
}

/// The keys to which the mappings bring parts of values.
pub(crate) fn parts(mappings: &[(String, String)]) -> impl Iterator<Item = &str> {
    let parts = mappings
        .iter()
        .filter(|(from, _)| split_name(from).is_some());
    parts.map(|(_, to)| to.as_str())
}

/// Looks for a mapping that fits no document, which is a mistake in the mapping unless it is about
/// a key that documents are known to have at times.
pub(crate) fn misfit(
    mappings: &[(String, String)],
    documents: &[Document],
    known: &[&str],
) -> Option<Misfit> {
    let first = documents.first()?;
    let fits = |from: &str| {
        let name = split_name(from).map(|(name, _)| name);
        known.contains(&from)
            || documents.iter().any(|document| {
                document.get(from).is_some()
                    || name.is_some_and(|name| document.get(name).is_some())
            })
    };
    let (from, _) = mappings.iter().find(|(from, _)| !fits(from))?;
    let keys: Vec<&str> = first.keys().collect();
    let has = keys.join(", ");
    Some(Misfit {
        from: from.clone(),
        why: format!("no document has such a key: they have {has}"),
    })
}

/// The part that `name_N` names, if the document has it.
fn part_of(from: &str, document: &Document) -> Result<Option<String>, Misfit> {
    let Some((name, index)) = split_name(from) else {
        return Ok(None);
    };
    match document.get(name) {
        Some(Cell::Json(Value::String(text))) => Ok(index
            .and_then(|index| text.split(SEPARATOR).nth(index))
            .map(str::to_owned)),
        None | Some(Cell::Json(Value::Null)) => Ok(None),
        // The key itself is there, so it was meant and no part of another.
        Some(_) if document.get(from).is_some() => Ok(None),
        Some(other) => Err(Misfit {
            from: from.to_owned(),
            why: format!(
                "takes a part of {name}, which is no text but {}",
                other.text()
            ),
        }),
    }
}

/// Takes `name_N` apart. A number that is too large for any value gives no index.
fn split_name(key: &str) -> Option<(&str, Option<usize>)> {
    let (name, digits) = key.rsplit_once('_')?;
    let numeric = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    numeric.then(|| (name, digits.parse().ok()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn mappings(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let owned = |(from, to): &(&str, &str)| ((*from).to_owned(), (*to).to_owned());
        pairs.iter().map(owned).collect()
    }

    fn document(value: Value) -> Document {
        let Value::Object(map) = value else {
            panic!("a document is an object");
        };
        map.into_iter().collect()
    }

    fn check(pairs: &[(&str, &str)], from: Value, expected: Value) {
        let mapped = apply(&mappings(pairs), &document(from)).map_err(|misfit| misfit.why);
        assert_eq!(
            Value::Object(mapped.unwrap().into_map()),
            expected,
            "{pairs:?}"
        );
    }

    #[test]
    fn a_key_is_renamed_and_others_stay() {
        check(
            &[("customVarValue1", "slug"), ("absent", "b")],
            json!({"customVarValue1": "tax", "visits": 3}),
            json!({"slug": "tax", "visits": 3}),
        );
    }

    #[test]
    fn parts_are_taken_beside_the_whole_value() {
        check(
            &[("event_0", "id"), ("event_1", "label"), ("event_7", "none")],
            json!({"event": "journey:start"}),
            json!({"event": "journey:start", "id": "journey", "label": "start"}),
        );
        check(
            &[("event_0", "id"), ("event", "whole")],
            json!({"event": "a:b"}),
            json!({"whole": "a:b", "id": "a"}),
        );
        check(
            &[("a_b_02", "third")],
            json!({"a_b": "x::z"}),
            json!({"a_b": "x::z", "third": "z"}),
        );
    }

    #[test]
    fn a_part_wins_over_a_key_of_its_name() {
        check(
            &[("event_0", "id")],
            json!({"id": 1, "event": "a"}),
            json!({"id": "a", "event": "a"}),
        );
    }

    #[test]
    fn what_has_no_parts_is_no_part() {
        check(
            &[("event_0", "id")],
            json!({"event": null}),
            json!({"event": null}),
        );
        check(
            &[("goal_1", "first")],
            json!({"goal": 3, "goal_1": 4}),
            json!({"goal": 3, "first": 4}),
        );
        let misfit = apply(
            &mappings(&[("visits_0", "x")]),
            &document(json!({"visits": 3})),
        );
        let misfit = misfit
            .err()
            .map(|misfit| (misfit.from, misfit.why))
            .unwrap();
        assert_eq!(misfit.0, "visits_0");
        assert_eq!(misfit.1, "takes a part of visits, which is no text but 3");
    }

    #[test]
    fn a_mapping_that_fits_no_document_is_told() {
        let documents = [
            document(json!({"a": 1, "event": "x:y"})),
            document(json!({"b": 1})),
        ];
        let check = |from: &str, expected: Option<&str>| {
            let found = misfit(&mappings(&[(from, "to")]), &documents, &["known"]);
            assert_eq!(
                found.map(|misfit| misfit.why).as_deref(),
                expected,
                "{from}"
            );
        };
        check("a", None);
        check("b", None);
        check("event_3", None);
        check("known", None);
        check("c", Some("no document has such a key: they have a, event"));
        check(
            "event_x",
            Some("no document has such a key: they have a, event"),
        );
        assert!(misfit(&mappings(&[("c", "to")]), &[], &[]).is_none());
    }

    proptest! {
        #[test]
        fn parts_joined_again_are_the_value(parts in prop::collection::vec("[^:]{0,6}", 1..6)) {
            let names: Vec<String> = (0..parts.len()).map(|index| format!("name_{index}")).collect();
            let pairs: Vec<(String, String)> =
                names.iter().map(|name| (name.clone(), format!("part{name}"))).collect();
            let whole = parts.join(":");
            let mapped = apply(&pairs, &document(json!({"name": whole.clone()}))).ok().unwrap().into_map();
            let again: Vec<&str> =
                pairs.iter().map(|(_, to)| mapped[to].as_str().unwrap()).collect();
            prop_assert_eq!(again.join(":"), whole);
        }
    }
}
