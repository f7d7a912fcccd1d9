//! What a body is, and what an answer should be: media types in and out.

use std::fmt;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, StatusCode};

use crate::problem::Problem;

/// A form in which an answer can be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON document.
    Json,
    /// Comma-separated values with a header line (RFC 4180).
    Csv,
    /// One JSON document a line.
    Ndjson,
}

impl Format {
    /// Its name in the parameter `format`.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Json => "json",
            Format::Csv => "csv",
            Format::Ndjson => "ndjson",
        }
    }

    /// The `Content-Type` of an answer in this form.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Json => "application/json",
            Format::Csv => "text/csv; charset=utf-8",
            Format::Ndjson => "application/x-ndjson",
        }
    }

    /// The names under which `Accept` may ask for it.
    fn media_types(self) -> &'static [&'static str] {
        match self {
            Format::Json => &["application/json"],
            Format::Csv => &["text/csv"],
            Format::Ndjson => &[
                "application/x-ndjson",
                "application/ndjson",
                "application/jsonl",
            ],
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Chooses the form of an answer among those offered, of which the first is the default: by the
/// parameter `format` if it is given, else by `Accept`.
///
/// # Errors
/// 400 for a parameter that names none of them, 406 when `Accept` admits none.
pub fn negotiate(
    offered: &[Format],
    parameter: Option<&str>,
    headers: &HeaderMap,
) -> Result<Format, Problem> {
    match parameter {
        Some(name) => by_name(offered, name),
        None => by_accept(offered, headers),
    }
}

fn by_name(offered: &[Format], name: &str) -> Result<Format, Problem> {
    let found = offered.iter().find(|format| format.as_str() == name);
    found.copied().ok_or_else(|| {
        let name: String = name.chars().take(40).collect();
        let names: Vec<_> = offered.iter().map(|format| format.as_str()).collect();
        Problem::parameter(
            "format",
            format!("{name:?} is none of {}", names.join(", ")),
        )
    })
}

fn by_accept(offered: &[Format], headers: &HeaderMap) -> Result<Format, Problem> {
    let ranges: Vec<Range> = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(Range::parse)
        .collect();
    if ranges.is_empty() {
        return Ok(offered[0]);
    }
    let mut best = None;
    for &format in offered {
        let weight = weight(&ranges, format);
        if weight > best.map_or(0, |(weight, _)| weight) {
            best = Some((weight, format));
        }
    }
    best.map(|(_, format)| format).ok_or_else(|| {
        let types: Vec<_> = offered
            .iter()
            .map(|format| format.media_types()[0])
            .collect();
        let detail = format!("Accept admits none of {}", types.join(", "));
        Problem::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", detail)
    })
}

/// The weight, in thousandths, that the most specific matching range gives to a format.
fn weight(ranges: &[Range], format: Format) -> u16 {
    let types = format.media_types();
    let matching = ranges
        .iter()
        .filter(|range| types.iter().any(|name| range.admits(name)));
    matching
        .max_by_key(|range| (range.specificity(), range.weight))
        .map_or(0, |range| range.weight)
}

/// One media range of `Accept` (RFC 9110 section 12.5.1), its parameters but `q` left out.
struct Range {
    kind: String,
    subtype: String,
    weight: u16,
}

impl Range {
    fn parse(text: &str) -> Option<Range> {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next()?.to_ascii_lowercase();
        let (kind, subtype) = name.split_once('/')?;
        let q = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        let weight = match q.map(str::parse::<f32>) {
            None => 1000,
            Some(Ok(q)) if (0.0..=1.0).contains(&q) => (q * 1000.0).round() as u16,
            Some(_) => return None,
        };
        Some(Range {
            kind: kind.into(),
            subtype: subtype.into(),
            weight,
        })
    }

    fn admits(&self, media_type: &str) -> bool {
        let Some((kind, subtype)) = media_type.split_once('/') else {
            return false;
        };
        (self.kind == "*" || self.kind == kind) && (self.subtype == "*" || self.subtype == subtype)
    }

    fn specificity(&self) -> u8 {
        u8::from(self.kind != "*") + u8::from(self.subtype != "*")
    }
}

/// The media type of a request's body in lower case, without parameters; none when the header is
/// missing.
///
/// # Errors
/// 415 when it cannot be read, or names a character set other than UTF-8.
pub fn media_type(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Ok(None);
    };
    let value = value
        .to_str()
        .map_err(|_| Problem::unsupported("Content-Type is not readable"))?;
    let mut parts = value.split(';').map(str::trim);
    let name = parts.next().unwrap_or_default().to_ascii_lowercase();
    for part in parts {
        refuse_other_charset(part)?;
    }
    Ok(Some(name).filter(|name| !name.is_empty()))
}

fn refuse_other_charset(parameter: &str) -> Result<(), Problem> {
    let Some((name, value)) = parameter.split_once('=') else {
        return Ok(());
    };
    if !name.trim().eq_ignore_ascii_case("charset") {
        return Ok(());
    }
    let charset = value.trim().trim_matches('"').to_ascii_lowercase();
    match charset.as_str() {
        "utf-8" | "utf8" | "us-ascii" => Ok(()),
        _ => Err(Problem::unsupported("the character set of a body is UTF-8")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Format; 3] = [Format::Json, Format::Csv, Format::Ndjson];

    fn headers(accept: &str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT, accept.parse().unwrap())])
    }

    #[test]
    fn accept_chooses_by_weight_and_specificity() {
        let check = |accept: &str, expected: Format| {
            assert_eq!(
                negotiate(&ALL, None, &headers(accept)).unwrap(),
                expected,
                "{accept}"
            );
        };
        check("*/*", Format::Json);
        check("text/csv", Format::Csv);
        check("application/jsonl", Format::Ndjson);
        check("application/json;q=0.5, text/*", Format::Csv);
        check("application/json;q=0.1, */*;q=0.5", Format::Csv);
        check("text/html,application/xhtml+xml,*/*;q=0.8", Format::Json);
        check("Text/CSV; header=present", Format::Csv);
        check("nonsense", Format::Json);
        assert_eq!(
            negotiate(&ALL, None, &HeaderMap::new()).unwrap(),
            Format::Json
        );
    }

    #[test]
    fn accept_that_admits_none_is_not_acceptable() {
        let check = |offered: &[Format], accept: &str| {
            let problem = negotiate(offered, None, &headers(accept)).unwrap_err();
            assert_eq!(problem.status(), StatusCode::NOT_ACCEPTABLE, "{accept}");
        };
        check(&ALL, "text/html");
        check(&[Format::Json], "text/csv");
        check(&[Format::Json], "application/json;q=0, text/csv");
    }

    #[test]
    fn the_parameter_wins_over_accept() {
        let format = negotiate(&ALL, Some("csv"), &headers("application/json"));
        assert_eq!(format.unwrap(), Format::Csv);
        let problem = negotiate(&ALL, Some("xml"), &HeaderMap::new()).unwrap_err();
        assert_eq!(problem.status(), StatusCode::BAD_REQUEST);
        assert_eq!(problem.document().errors[0].field, "format");
        assert!(
            problem.document().detail.contains("json, csv, ndjson"),
            "{problem}"
        );
    }

    #[test]
    fn media_types_are_read_without_their_parameters() {
        let check = |value: &str, expected: &str| {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, value.parse().unwrap())]);
            assert_eq!(media_type(&headers).unwrap().as_deref(), Some(expected));
        };
        check("application/json", "application/json");
        check("Application/JSON; charset=\"UTF-8\"", "application/json");
        check("text/csv;header=present", "text/csv");
        assert_eq!(media_type(&HeaderMap::new()).unwrap(), None);
    }

    #[test]
    fn another_character_set_is_refused() {
        let value = "application/json; charset=latin1".parse().unwrap();
        let problem = media_type(&HeaderMap::from_iter([(CONTENT_TYPE, value)])).unwrap_err();
        assert_eq!(problem.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE);
    }
}
