//! Filters as GA4 takes them: one expression over dimensions, one over metrics.
//!
//! An old filter is an and of ors. GA4 keeps conditions on dimensions and on metrics apart, so an
//! or of both cannot be said there. Old comparisons of texts did not tell capital letters from
//! small ones, and GA4's do not unless they are told to.

use serde_json::{Map, Value, json};

use super::filter::{AnyOf, Condition, Filter, Operator};
use super::names::{Kind, Names, Untold};

/// What rows must be like.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Expressions {
    /// A `FilterExpression` over dimensions.
    pub(crate) dimensions: Option<Value>,
    /// A `FilterExpression` over metrics.
    pub(crate) metrics: Option<Value>,
}

/// What a name is called in a kind of report, or why it cannot be used there.
pub(crate) trait Vocabulary {
    /// What a name is, if that is known.
    fn kind(&self, said: &str) -> Option<Kind>;
    /// Its name in GA4.
    fn api(&self, kind: Kind, said: &str) -> Result<String, String>;
}

impl Vocabulary for Names {
    fn kind(&self, said: &str) -> Option<Kind> {
        Names::kind(self, said)
    }

    fn api(&self, kind: Kind, said: &str) -> Result<String, String> {
        match kind {
            Kind::Metric => Ok(self.metric(said).api),
            Kind::Dimension => self
                .dimension(said)
                .map(|name| name.api)
                .map_err(|untold| untold.to_string()),
        }
    }
}

impl std::fmt::Display for Untold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = &self.0;
        write!(
            f,
            "nobody says which parameter of GA4 {name} has become: add \"customDimensions\": \
             {{\"{name}\": \"the parameter's name\"}} to options"
        )
    }
}

impl Expressions {
    /// Translates an old filter.
    ///
    /// # Errors
    /// When GA4 cannot say it, in words.
    pub(crate) fn of(filter: &Filter, words: &impl Vocabulary) -> Result<Self, String> {
        let (mut dimensions, mut metrics) = (Vec::new(), Vec::new());
        for any in &filter.all {
            let (kind, expression) = any_of(any, words)?;
            match kind {
                Kind::Dimension => dimensions.push(expression),
                Kind::Metric => metrics.push(expression),
            }
        }
        Ok(Self {
            dimensions: group("andGroup", dimensions),
            metrics: group("andGroup", metrics),
        })
    }

    /// Takes an expression that is GA4's own.
    ///
    /// # Errors
    /// When it has no field, or both dimensions and metrics, in words.
    pub(crate) fn given(
        expression: &Map<String, Value>,
        words: &impl Vocabulary,
    ) -> Result<Self, String> {
        let expression = Value::Object(expression.clone());
        let mut fields = Vec::new();
        collect_fields(&expression, &mut fields);
        let metrics = fields
            .iter()
            .filter(|field| words.kind(field) == Some(Kind::Metric))
            .count();
        match (fields.len(), metrics) {
            (0, _) => {
                Err("has no fieldName: give a FilterExpression of the GA4 Data API".to_owned())
            }
            (_, 0) => Ok(Self {
                dimensions: Some(expression),
                metrics: None,
            }),
            (all, of_them) if all == of_them => Ok(Self {
                dimensions: None,
                metrics: Some(expression),
            }),
            _ => Err(format!(
                "has dimensions and metrics in one expression ({}): give them apart, as \
                 dimensionFilter and metricFilter",
                fields.join(", ")
            )),
        }
    }

    /// Both must hold.
    pub(crate) fn and(self, other: Self) -> Self {
        let both = |one: Option<Value>, other: Option<Value>| {
            group("andGroup", one.into_iter().chain(other).collect())
        };
        Self {
            dimensions: both(self.dimensions, other.dimensions),
            metrics: both(self.metrics, other.metrics),
        }
    }
}

fn any_of(any: &AnyOf, words: &impl Vocabulary) -> Result<(Kind, Value), String> {
    let kinds = any.0.iter().map(|one| kind_of(one, words));
    let kinds = kinds.collect::<Result<Vec<Kind>, String>>()?;
    let kind = *kinds.first().ok_or("an or has no conditions")?;
    if kinds.iter().any(|other| *other != kind) {
        return Err(format!(
            "\"{any}\" has a dimension and a metric in one or, which GA4 cannot tell: ask for them \
             in two queries"
        ));
    }
    let each = any.0.iter().map(|one| condition(one, kind, words));
    let expressions = each.collect::<Result<Vec<Value>, String>>()?;
    let expression = group("orGroup", expressions).expect("it has at least one condition");
    Ok((kind, expression))
}

/// What a condition is about: some comparisons are of numbers alone, or of texts alone.
fn kind_of(it: &Condition, words: &impl Vocabulary) -> Result<Kind, String> {
    let known = words.kind(&it.name);
    let wanted = match it.operator {
        Operator::Greater | Operator::Less | Operator::AtLeast | Operator::AtMost => Kind::Metric,
        Operator::Matches | Operator::MatchesNot | Operator::Contains | Operator::ContainsNot => {
            Kind::Dimension
        }
        Operator::Equal | Operator::NotEqual => known.unwrap_or(Kind::Dimension),
    };
    match (known, wanted) {
        (Some(Kind::Dimension), Kind::Metric) => Err(format!(
            "\"{it}\" compares a dimension by size, which GA4 cannot"
        )),
        (Some(Kind::Metric), Kind::Dimension) => Err(format!(
            "\"{it}\" compares a metric as text, which GA4 cannot"
        )),
        _ => Ok(wanted),
    }
}

fn condition(it: &Condition, kind: Kind, words: &impl Vocabulary) -> Result<Value, String> {
    let Condition { name, value, .. } = it;
    let api = words
        .api(kind, name)
        .map_err(|why| format!("\"{it}\": {why}"))?;
    let (negated, test) = match it.operator {
        Operator::Equal | Operator::NotEqual if kind == Kind::Metric => (
            it.operator == Operator::NotEqual,
            numeric("EQUAL", value, it)?,
        ),
        Operator::Equal => (false, text("EXACT", value)),
        Operator::NotEqual => (true, text("EXACT", value)),
        Operator::Matches => (false, text("PARTIAL_REGEXP", value)),
        Operator::MatchesNot => (true, text("PARTIAL_REGEXP", value)),
        Operator::Contains => (false, text("CONTAINS", value)),
        Operator::ContainsNot => (true, text("CONTAINS", value)),
        Operator::Greater => (false, numeric("GREATER_THAN", value, it)?),
        Operator::Less => (false, numeric("LESS_THAN", value, it)?),
        Operator::AtLeast => (false, numeric("GREATER_THAN_OR_EQUAL", value, it)?),
        Operator::AtMost => (false, numeric("LESS_THAN_OR_EQUAL", value, it)?),
    };
    let (key, test) = test;
    let filter = json!({"filter": {"fieldName": api, key: test}});
    Ok(match negated {
        true => json!({"notExpression": filter}),
        false => filter,
    })
}

fn text(how: &str, value: &str) -> (&'static str, Value) {
    ("stringFilter", json!({"matchType": how, "value": value}))
}

fn numeric(how: &str, value: &str, it: &Condition) -> Result<(&'static str, Value), String> {
    let trimmed = value.trim();
    let whole = trimmed.parse::<i64>().ok();
    let double = trimmed
        .parse::<f64>()
        .ok()
        .filter(|number| number.is_finite());
    // 64 bits are text in Google's JSON.
    let number = match (whole, double) {
        (Some(whole), _) => json!({"int64Value": whole.to_string()}),
        (None, Some(double)) => json!({"doubleValue": double}),
        (None, None) => return Err(format!("\"{it}\" compares a metric with what is no number")),
    };
    Ok(("numericFilter", json!({"operation": how, "value": number})))
}

/// Several expressions as one; none if there are none.
fn group(how: &str, mut expressions: Vec<Value>) -> Option<Value> {
    match expressions.len() {
        0 => None,
        1 => expressions.pop(),
        _ => Some(json!({how: {"expressions": expressions}})),
    }
}

fn collect_fields(expression: &Value, fields: &mut Vec<String>) {
    match expression {
        Value::Object(map) => {
            for (key, value) in map {
                match (key.as_str(), value.as_str()) {
                    ("fieldName", Some(name)) => fields.push(name.to_owned()),
                    _ => collect_fields(value, fields),
                }
            }
        }
        Value::Array(values) => values
            .iter()
            .for_each(|value| collect_fields(value, fields)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn names() -> Names {
        let custom = BTreeMap::from([("dimension1".to_owned(), "team".to_owned())]);
        Names::new(custom, true)
    }

    fn of(text: &str) -> Result<Expressions, String> {
        Expressions::of(&Filter::parse(text).unwrap(), &names())
    }

    fn texts(name: &str, how: &str, value: &str) -> Value {
        json!({"filter": {"fieldName": name, "stringFilter": {"matchType": how, "value": value}}})
    }

    #[test]
    fn each_comparison_has_its_like_in_ga4() {
        let dimension = |text: &str, expected: Value| {
            let found = of(text).unwrap();
            assert_eq!(
                (found.dimensions, found.metrics),
                (Some(expected), None),
                "{text}"
            );
        };
        let not = |inner: Value| json!({"notExpression": inner});
        dimension("country==France", texts("country", "EXACT", "France"));
        dimension("country!=France", not(texts("country", "EXACT", "France")));
        dimension(
            "ga:pagePath=~^/a",
            texts("pagePath", "PARTIAL_REGEXP", "^/a"),
        );
        dimension(
            "pagePath!~^/a",
            not(texts("pagePath", "PARTIAL_REGEXP", "^/a")),
        );
        dimension("dimension1=@x", texts("customEvent:team", "CONTAINS", "x"));
        dimension("hostname!@x", not(texts("hostName", "CONTAINS", "x")));
        let metric = |text: &str, expected: Value| {
            let found = of(text).unwrap();
            assert_eq!(
                (found.dimensions, found.metrics),
                (None, Some(expected)),
                "{text}"
            );
        };
        let number = |name: &str, how: &str, value: Value| {
            let test = json!({"operation": how, "value": value});
            json!({"filter": {"fieldName": name, "numericFilter": test}})
        };
        metric(
            "visits==5",
            number("sessions", "EQUAL", json!({"int64Value": "5"})),
        );
        metric(
            "visits!=5",
            not(number("sessions", "EQUAL", json!({"int64Value": "5"}))),
        );
        metric(
            "visits>5",
            number("sessions", "GREATER_THAN", json!({"int64Value": "5"})),
        );
        metric(
            "visits<5",
            number("sessions", "LESS_THAN", json!({"int64Value": "5"})),
        );
        let at_least = number(
            "bounceRate",
            "GREATER_THAN_OR_EQUAL",
            json!({"doubleValue": 0.5}),
        );
        metric("bounceRate>=0.5", at_least);
        let at_most = number(
            "someScore",
            "LESS_THAN_OR_EQUAL",
            json!({"int64Value": "7"}),
        );
        metric("someScore<=7", at_most);
        let one = json!({"int64Value": "1"});
        metric(
            "keyEvents:purchase>1",
            number("keyEvents:purchase", "GREATER_THAN", one.clone()),
        );
        metric(
            "keyEvents:purchase==1",
            number("keyEvents:purchase", "EQUAL", one.clone()),
        );
        metric(
            "customEvent:score>1",
            number("customEvent:score", "GREATER_THAN", one),
        );
        dimension(
            "customEvent:team==1",
            texts("customEvent:team", "EXACT", "1"),
        );
    }

    #[test]
    fn ors_stand_in_ands() {
        let found = of("country==France,country==Spain;visits>1;city=@a").unwrap();
        let countries = [
            texts("country", "EXACT", "France"),
            texts("country", "EXACT", "Spain"),
        ];
        let expected = json!({"andGroup": {"expressions": [
            {"orGroup": {"expressions": countries}},
            texts("city", "CONTAINS", "a"),
        ]}});
        assert_eq!(found.dimensions, Some(expected));
        assert!(found.metrics.is_some());
    }

    #[test]
    fn what_ga4_cannot_say_is_an_error() {
        let check = |text: &str, expected: &str| assert_eq!(of(text).unwrap_err(), expected);
        check(
            "country==France,visits>1",
            "\"country==France,visits>1\" has a dimension and a metric in one or, which GA4 cannot \
             tell: ask for them in two queries",
        );
        check(
            "country>France",
            "\"country>France\" compares a dimension by size, which GA4 cannot",
        );
        check(
            "visits=~^5",
            "\"visits=~^5\" compares a metric as text, which GA4 cannot",
        );
        check(
            "visits>many",
            "\"visits>many\" compares a metric with what is no number",
        );
        check(
            "dimension9==a",
            "\"dimension9==a\": nobody says which parameter of GA4 dimension9 has become: add \
             \"customDimensions\": {\"dimension9\": \"the parameter's name\"} to options",
        );
    }

    #[test]
    fn an_expression_of_ga4_goes_where_its_fields_belong() {
        let given = |value: Value| Expressions::given(value.as_object().unwrap(), &names());
        let country = texts("country", "EXACT", "France");
        assert_eq!(
            given(country.clone()).unwrap().dimensions,
            Some(country.clone())
        );
        let views = json!({"filter": {"fieldName": "screenPageViews"}});
        assert_eq!(given(views.clone()).unwrap().metrics, Some(views.clone()));
        let both = given(json!({"andGroup": {"expressions": [country, views]}}));
        assert!(both.unwrap_err().contains("(country, screenPageViews)"));
        assert!(
            given(json!({"filter": {}}))
                .unwrap_err()
                .contains("fieldName")
        );
    }
}
