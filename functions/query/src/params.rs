//! Query parameters: read strictly, so that a misspelt one is an error and not a different answer.
//!
//! Every parameter is looked at before any error is answered, and the answer names all bad ones.

use std::borrow::Cow;
use std::fmt::Display;

use http::{HeaderMap, StatusCode};
use percent_encoding::percent_decode;
use weir_model::{Name, Series, Timestamp, TimestampError, Window};
use weir_service::negotiate::{Format, negotiate};
use weir_service::{FieldProblem, Problem};

use crate::cursor::Fingerprint;
use crate::document::{Kind, Known};

/// Characters of a parameter's name that an error repeats.
const SHOWN_CHARS: usize = 80;

/// Bad parameters that the text of an error repeats; its list has them all.
const DETAILED: usize = 10;

/// The namespace and the name, where the path does not carry them.
pub(crate) const SERIES: [Known; 2] = [
    Known {
        name: "namespace",
        about: "The namespace, 1 to 120 characters.",
        kind: Kind::RequiredText,
    },
    Known {
        name: "name",
        about: "The name within the namespace, 1 to 120 characters.",
        kind: Kind::RequiredText,
    },
];

/// The first instant of a window.
pub(crate) const TS_MIN: Known = Known {
    name: "tsMin",
    about: "The first instant asked for, inclusive: ISO 8601 (without an offset: UTC), Unix \
            seconds, or Unix milliseconds (a number of at least 1e11). Without it, from the first event.",
    kind: Kind::Text,
};

/// The last instant of a window.
pub(crate) const TS_MAX: Known = Known {
    name: "tsMax",
    about: "The last instant asked for, inclusive, in the forms of `tsMin`. Without it, to the last \
            event.",
    kind: Kind::Text,
};

/// Where to go on.
pub(crate) const CURSOR: Known = Known {
    name: "cursor",
    about: "Where to go on: from the `Link` header of the page before, with the other parameters \
            unchanged but for `limit` and `format`. Pages are not a snapshot: an event that comes \
            in meanwhile shows up if it belongs to a later page.",
    kind: Kind::Text,
};

/// The parameters of one request.
pub(crate) struct Parameters {
    given: Vec<(String, String)>,
    errors: Vec<FieldProblem>,
}

/// The ends of a window, as far as they were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) min: Option<Timestamp>,
    pub(crate) max: Option<Timestamp>,
}

impl Bounds {
    /// The window, to the ends of time where it is open.
    pub(crate) fn window(self) -> Window {
        Window {
            min: self.min.unwrap_or(Timestamp::MIN),
            max: self.max.unwrap_or(Timestamp::MAX),
        }
    }

    /// Both ends as text, for a cursor's fingerprint.
    pub(crate) fn texts(self) -> [String; 2] {
        [self.min, self.max].map(|end| end.map_or_else(String::new, |end| end.to_string()))
    }
}

impl Parameters {
    /// Takes a query apart, and notes parameters that are unknown, unreadable or given twice.
    pub(crate) fn read(query: Option<&str>, known: &[&[Known]]) -> Self {
        let mut parameters = Self {
            given: Vec::new(),
            errors: Vec::new(),
        };
        let pieces = query
            .unwrap_or_default()
            .split('&')
            .filter(|piece| !piece.is_empty());
        for piece in pieces {
            let (name, value) = piece.split_once('=').unwrap_or((piece, ""));
            match (decode(name), decode(value)) {
                (Some(name), Some(value)) => parameters.give(name, value, known),
                (decoded, _) => {
                    let name = decoded.as_deref().unwrap_or(name);
                    parameters.refuse(name, "is not UTF-8, percent-encoded");
                }
            }
        }
        parameters
    }

    fn give(&mut self, name: String, value: String, known: &[&[Known]]) {
        if !known.iter().copied().flatten().any(|known| known.is(&name)) {
            let names: Vec<&str> = known
                .iter()
                .copied()
                .flatten()
                .map(|known| known.name)
                .collect();
            let allowed = names.join(", ");
            self.refuse(
                &name,
                format!("is not a parameter here: allowed are {allowed}"),
            );
        } else if self.text(&name).is_some() {
            self.refuse(&name, "is given more than once");
        } else {
            self.given.push((name, value));
        }
    }

    /// Notes that a parameter is bad.
    pub(crate) fn refuse(&mut self, field: &str, reason: impl Display) {
        let field = field.chars().take(SHOWN_CHARS).collect();
        self.errors.push(FieldProblem {
            index: None,
            field,
            reason: reason.to_string(),
        });
    }

    /// A parameter's text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.given
            .iter()
            .find(|(given, _)| given == name)
            .map(|(_, value)| value.as_str())
    }

    /// The parameters whose names begin like this: the rests of their names, and their texts.
    pub(crate) fn texts_after(&self, prefix: &str) -> Vec<(String, String)> {
        let given = self.given.iter();
        let after = given.filter_map(|(name, value)| Some((name.strip_prefix(prefix)?, value)));
        after
            .map(|(rest, value)| (rest.to_owned(), value.clone()))
            .collect()
    }

    /// Reads a parameter, if it is given; notes why it cannot be read.
    pub(crate) fn value<T, E: Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        match parse(self.text(name)?) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.refuse(name, reason);
                None
            }
        }
    }

    /// The series that a path or, without one, the query names.
    pub(crate) fn series(&mut self, path: Option<(String, String)>) -> Option<Series> {
        let (namespace, name) = match path {
            Some((namespace, name)) => (Some(namespace), Some(name)),
            None => {
                let text = |name: &str| self.text(name).map(str::to_owned);
                (text("namespace"), text("name"))
            }
        };
        let namespace = self.name("namespace", namespace);
        let name = self.name("name", name);
        Some(Series {
            namespace: namespace?,
            name: name?,
        })
    }

    /// A namespace or name.
    pub(crate) fn name(&mut self, field: &str, text: Option<String>) -> Option<Name> {
        let Some(text) = text else {
            self.refuse(field, "is missing");
            return None;
        };
        Name::parse(&text)
            .map_err(|reason| self.refuse(field, reason))
            .ok()
    }

    /// `tsMin` and `tsMax`.
    pub(crate) fn bounds(&mut self) -> Bounds {
        let min = self.value(TS_MIN.name, parse_time);
        let max = self.value(TS_MAX.name, parse_time);
        if let (Some(min), Some(max)) = (min, max)
            && let Err(reason) = Window::new(min, max)
        {
            self.refuse(TS_MIN.name, reason);
        }
        Bounds { min, max }
    }

    /// `limit`, from 1 to so many.
    pub(crate) fn limit(&mut self, most: usize) -> Option<usize> {
        self.value("limit", |text| match text.parse() {
            Ok(limit) if (1..=most).contains(&limit) => Ok(limit),
            _ => Err(format!(
                "{:?} is not a number from 1 to {most}",
                shown(text)
            )),
        })
    }

    /// The form of the answer, by `format` or `Accept`.
    ///
    /// # Errors
    /// 406 when `Accept` admits none.
    pub(crate) fn format(
        &mut self,
        offered: &[Format],
        headers: &HeaderMap,
    ) -> Result<Option<Format>, Problem> {
        match negotiate(offered, self.text("format"), headers) {
            Ok(format) => Ok(Some(format)),
            Err(problem) if problem.status() == StatusCode::BAD_REQUEST => {
                self.errors
                    .extend(problem.document().errors.iter().cloned());
                Ok(None)
            }
            Err(problem) => Err(problem),
        }
    }

    /// The place that `cursor` names, if it is given and goes with these parameters. Everything
    /// else has been read by now, so a bad one is answered at once.
    pub(crate) fn place<T>(
        &self,
        fingerprint: Fingerprint,
        read: impl FnOnce(&[u8]) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.text(CURSOR.name) else {
            return Ok(None);
        };
        let place = fingerprint
            .open(text)
            .and_then(|place| read(&place).ok_or(crate::cursor::NO_CURSOR))
            .map_err(|reason| Problem::parameter(CURSOR.name, reason))?;
        Ok(Some(place))
    }

    /// Answers with all that was noted.
    ///
    /// # Errors
    /// 400 when anything was.
    pub(crate) fn check(&mut self) -> Result<(), Problem> {
        if self.errors.is_empty() {
            return Ok(());
        }
        let errors = std::mem::take(&mut self.errors);
        let told = errors
            .iter()
            .take(DETAILED)
            .map(|e| format!("{}: {}", e.field, e.reason));
        let detail = told.collect::<Vec<_>>().join("; ");
        Err(Problem::bad_request("invalid-parameter", detail).with_errors(errors))
    }

    /// The `Link` header of a page that another follows. The reference has a query alone, so it
    /// holds behind a proxy that puts something in front of the path, too.
    pub(crate) fn next_link(&self, cursor: &str) -> String {
        let kept = self.given.iter().filter(|(name, _)| name != CURSOR.name);
        let kept = kept.map(|(name, value)| (name.as_str(), value.as_str()));
        let all: Vec<(&str, &str)> = kept.chain([(CURSOR.name, cursor)]).collect();
        let query = serde_urlencoded::to_string(all).expect("pairs of texts can be encoded");
        format!("<?{query}>; rel=\"next\"")
    }
}

fn decode(text: &str) -> Option<String> {
    let spaced: Cow<'_, str> = if text.contains('+') {
        text.replace('+', " ").into()
    } else {
        text.into()
    };
    Some(
        percent_decode(spaced.as_bytes())
            .decode_utf8()
            .ok()?
            .into_owned(),
    )
}

/// A `+` before an offset arrives as a space unless it was encoded.
pub(crate) fn parse_time(text: &str) -> Result<Timestamp, TimestampError> {
    let parsed = Timestamp::parse(text);
    if parsed.is_err()
        && let Some((time, offset)) = text.rsplit_once(' ')
        && let Ok(timestamp) = Timestamp::parse(&format!("{time}+{offset}"))
    {
        return Ok(timestamp);
    }
    parsed
}

/// A value as an error repeats it.
pub(crate) fn shown(text: &str) -> String {
    text.chars().take(SHOWN_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Parameters {
        let limit = Known {
            name: "limit",
            about: "",
            kind: Kind::Text,
        };
        let property = Known {
            name: "property.KEY",
            about: "",
            kind: Kind::Text,
        };
        Parameters::read(
            Some(query),
            &[&SERIES, &[TS_MIN, TS_MAX, CURSOR, limit, property]],
        )
    }

    fn problem(mut parameters: Parameters) -> Vec<(String, String)> {
        let problem = parameters.check().unwrap_err();
        assert_eq!(problem.status(), StatusCode::BAD_REQUEST);
        let errors = problem.document().errors.iter();
        errors
            .map(|error| (error.field.clone(), error.reason.clone()))
            .collect()
    }

    #[test]
    fn texts_are_decoded_as_forms_encode_them() {
        let parameters = read("name=a+b%2Bc%2F%C3%A9&namespace=&property.x%20y=1&property.z=%7B");
        assert_eq!(parameters.text("name"), Some("a b+c/é"));
        assert_eq!(parameters.text("namespace"), Some(""));
        let properties = parameters.texts_after("property.");
        assert_eq!(
            properties,
            [("x y".into(), "1".into()), ("z".into(), "{".into())]
        );
    }

    #[test]
    fn every_bad_parameter_is_named_with_what_is_allowed() {
        let mut parameters = read("tsmin=1&limit=0&limit=2&property.=x&name=%ff&tsMax=then");
        parameters.limit(10);
        parameters.bounds();
        let errors = problem(parameters);
        let fields: Vec<_> = errors.iter().map(|(field, _)| field.as_str()).collect();
        assert_eq!(
            fields,
            ["tsmin", "limit", "property.", "name", "limit", "tsMax"]
        );
        assert!(
            errors[0]
                .1
                .contains("namespace, name, tsMin, tsMax, cursor"),
            "{errors:?}"
        );
        assert!(errors[4].1.contains("1 to 10"), "{errors:?}");
    }

    #[test]
    fn a_window_takes_all_forms_of_time_and_must_not_end_before_it_begins() {
        let check = |query: &str, min: &str, max: &str| {
            let mut parameters = read(query);
            let bounds = parameters.bounds();
            parameters.check().unwrap();
            let expected = [min, max].map(|text| Timestamp::parse(text).unwrap());
            assert_eq!(
                [bounds.min.unwrap(), bounds.max.unwrap()],
                expected,
                "{query}"
            );
        };
        check(
            "tsMin=42&tsMax=1e11",
            "1970-01-01T00:00:42Z",
            "1973-03-03T09:46:40Z",
        );
        check(
            "tsMin=2024-01-01&tsMax=2024-01-01",
            "2024-01-01",
            "2024-01-01",
        );
        let encoded = "tsMin=2024-01-01T00:00:00%2B01:00&tsMax=2024-01-02+01:00:00";
        check(encoded, "2023-12-31T23:00:00Z", "2024-01-02T01:00:00Z");
        let bare = "tsMin=2024-01-01T00:00:00+01:00&tsMax=2024-01-02+01:00:00+0200";
        check(bare, "2023-12-31T23:00:00Z", "2024-01-01T23:00:00Z");

        let mut backwards = read("tsMin=2&tsMax=1");
        backwards.bounds();
        assert_eq!(problem(backwards)[0].0, "tsMin");
    }

    #[test]
    fn a_link_keeps_all_parameters_and_replaces_the_cursor() {
        let parameters = read("name=a%26b&cursor=old&limit=5");
        let link = parameters.next_link("new");
        assert_eq!(link, "<?name=a%26b&limit=5&cursor=new>; rel=\"next\"");
    }
}
