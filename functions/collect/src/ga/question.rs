//! What a query asks of GA4: names, filters and order, translated.

use serde_json::{Value, json};

use super::expression::{Expressions, Vocabulary};
use super::filter::Filter;
use super::names::{Kind, Name, Names, plain};
use super::period::Period;
use crate::query::{QueryError, Section};

/// A question that reports answer, whatever days they are about.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Question {
    /// What rows are grouped by.
    pub(crate) dimensions: Vec<Name>,
    /// What is counted.
    pub(crate) metrics: Vec<Name>,
    filters: Expressions,
    order: Vec<Order>,
}

/// A part of the order of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Order {
    kind: Kind,
    api: String,
    descending: bool,
}

/// A stretch of a report's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Page {
    /// How many rows come before it.
    pub(crate) offset: u64,
    /// How many it has at most.
    pub(crate) limit: u64,
}

impl Question {
    /// Asks for these names, unfiltered.
    ///
    /// # Errors
    /// When a name is empty, or a custom dimension that nobody told of.
    pub(crate) fn new(
        query: &Section<'_>,
        names: &Names,
        metrics: (&str, &[&str]),
        dimensions: (&str, &[&str]),
    ) -> Result<Self, QueryError> {
        let (metrics_key, metrics) = metrics;
        let (dimensions_key, dimensions) = dimensions;
        let metric = |said: &&str| {
            not_empty(query, metrics_key, said)?;
            Ok(names.metric(said))
        };
        let dimension = |said: &&str| {
            not_empty(query, dimensions_key, said)?;
            let found = names.dimension(said);
            found.map_err(|untold| query.error(dimensions_key, untold))
        };
        Ok(Self {
            dimensions: dimensions.iter().map(dimension).collect::<Result<_, _>>()?,
            metrics: metrics.iter().map(metric).collect::<Result<_, _>>()?,
            filters: Expressions::default(),
            order: Vec::new(),
        })
    }

    /// Leaves out rows that the query's filters do not let through.
    ///
    /// # Errors
    /// When a filter cannot be read, or GA4 cannot say it.
    pub(crate) fn filtered(
        mut self,
        query: &Section<'_>,
        words: &impl Vocabulary,
    ) -> Result<Self, QueryError> {
        self.filters = read_filters(query, words)?;
        Ok(self)
    }

    /// Orders rows as the query says.
    ///
    /// # Errors
    /// When it orders by what it does not ask for.
    pub(crate) fn sorted(mut self, query: &Section<'_>) -> Result<Self, QueryError> {
        let texts = query.texts("sort")?.unwrap_or_default();
        let parts = texts.iter().flat_map(|text| text.split(','));
        let order = parts.map(|part| self.order_of(query, part.trim()));
        self.order = order.collect::<Result<_, _>>()?;
        Ok(self)
    }

    fn order_of(&self, query: &Section<'_>, part: &str) -> Result<Order, QueryError> {
        let (descending, said) = match part.strip_prefix('-') {
            Some(said) => (true, said),
            None => (false, part),
        };
        let named = |name: &&Name| name.key == plain(said);
        let metric = self
            .metrics
            .iter()
            .find(named)
            .map(|name| (Kind::Metric, name));
        let dimension = self.dimensions.iter().find(named);
        let found = metric.or(dimension.map(|name| (Kind::Dimension, name)));
        let (kind, name) = found.ok_or_else(|| {
            let asked = self.metrics.iter().chain(&self.dimensions);
            let asked: Vec<&str> = asked.map(|name| name.key.as_str()).collect();
            let asked = asked.join(", ");
            let why = format!("{part:?} is not among what the query asks for: {asked}");
            query.error("sort", why)
        })?;
        Ok(Order {
            kind,
            api: name.api.clone(),
            descending,
        })
    }

    /// What is not the same in GA4, of each name.
    pub(crate) fn notes(&self) -> impl Iterator<Item = String> {
        self.metrics
            .iter()
            .chain(&self.dimensions)
            .filter_map(|name| {
                let note = name.note?;
                Some(format!(
                    "{} is read as GA4's {}: {note}",
                    name.key, name.api
                ))
            })
    }

    /// The body of `runReport` for the days of a period.
    pub(crate) fn report(&self, days: Period, page: Page) -> Value {
        let mut body = self.body();
        body["dateRanges"] = json!([{
            "startDate": days.start.to_string(),
            "endDate": days.end.to_string(),
        }]);
        // 64 bits are text in Google's JSON.
        body["limit"] = page.limit.to_string().into();
        body["offset"] = page.offset.to_string().into();
        body
    }

    /// The body of `runRealtimeReport`, which has neither days nor pages.
    pub(crate) fn realtime(&self) -> Value {
        self.body()
    }

    fn body(&self) -> Value {
        let mut body = json!({
            "metrics": listed(&self.metrics),
            "returnPropertyQuota": true,
        });
        if !self.dimensions.is_empty() {
            body["dimensions"] = listed(&self.dimensions);
        }
        if let Some(filter) = &self.filters.dimensions {
            body["dimensionFilter"] = filter.clone();
        }
        if let Some(filter) = &self.filters.metrics {
            body["metricFilter"] = filter.clone();
        }
        let order = self.whole_order();
        if !order.is_empty() {
            body["orderBys"] = order.into();
        }
        body
    }

    /// The query's own order, and behind it every dimension: only then is the order whole, and pages
    /// neither repeat rows nor miss any.
    fn whole_order(&self) -> Vec<Value> {
        let mut parts = self.order.clone();
        for name in &self.dimensions {
            if !parts.iter().any(|part| part.api == name.api) {
                parts.push(Order {
                    kind: Kind::Dimension,
                    api: name.api.clone(),
                    descending: false,
                });
            }
        }
        parts.iter().map(Order::to_json).collect()
    }
}

impl Order {
    fn to_json(&self) -> Value {
        let mut order = match self.kind {
            Kind::Metric => json!({"metric": {"metricName": self.api}}),
            Kind::Dimension => json!({"dimension": {"dimensionName": self.api}}),
        };
        if self.descending {
            order["desc"] = true.into();
        }
        order
    }
}

/// Reads `filters` (old syntax as a text or a list, which is an or as it was there; or an
/// expression of GA4), `dimensionFilter` and `metricFilter` (GA4's own).
fn read_filters(query: &Section<'_>, words: &impl Vocabulary) -> Result<Expressions, QueryError> {
    let mut filters = match query.get("filters") {
        Some(Value::Object(expression)) => {
            Expressions::given(expression, words).map_err(|why| query.error("filters", why))?
        }
        _ => read_old_filters(query, words)?,
    };
    if let Some(expression) = query.object("dimensionFilter")? {
        filters = filters.and(Expressions {
            dimensions: Some(Value::Object(expression.clone())),
            metrics: None,
        });
    }
    if let Some(expression) = query.object("metricFilter")? {
        filters = filters.and(Expressions {
            dimensions: None,
            metrics: Some(Value::Object(expression.clone())),
        });
    }
    Ok(filters)
}

fn read_old_filters(
    query: &Section<'_>,
    words: &impl Vocabulary,
) -> Result<Expressions, QueryError> {
    let texts = query.texts("filters")?.unwrap_or_default();
    // The old program's client joined a list in this way.
    let text = texts.join(",");
    if text.trim().is_empty() {
        return Ok(Expressions::default());
    }
    let wrong = |why: String| query.error("filters", why);
    let filter = Filter::parse(&text).map_err(|error| wrong(error.to_string()))?;
    Expressions::of(&filter, words).map_err(wrong)
}

/// Each name once, because the API refuses a name that stands twice.
fn listed(names: &[Name]) -> Value {
    let mut apis: Vec<&str> = Vec::new();
    for name in names {
        if !apis.contains(&name.api.as_str()) {
            apis.push(&name.api);
        }
    }
    apis.into_iter().map(|name| json!({"name": name})).collect()
}

fn not_empty(query: &Section<'_>, key: &str, said: &str) -> Result<(), QueryError> {
    match plain(said).is_empty() {
        true => Err(query.error(key, "has an empty name")),
        false => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::civil::date;
    use serde_json::Map;

    use super::*;

    fn question(query: Value) -> Result<Question, String> {
        let query: Map<String, Value> = serde_json::from_value(query).unwrap();
        let section = Section::new("q.json", "query", &query);
        let names = Names::new(BTreeMap::new(), true);
        let metrics = section.texts("metrics").unwrap().unwrap_or_default();
        let dimensions = section.texts("dimensions").unwrap().unwrap_or_default();
        Question::new(
            &section,
            &names,
            ("metrics", &metrics),
            ("dimensions", &dimensions),
        )
        .and_then(|question| question.filtered(&section, &names)?.sorted(&section))
        .map_err(|error| error.to_string())
    }

    fn body(query: Value) -> Value {
        let days = Period {
            start: date(2013, 4, 1),
            end: date(2013, 4, 7),
        };
        let page = Page {
            offset: 20,
            limit: 10,
        };
        question(query).unwrap().report(days, page)
    }

    #[test]
    fn a_question_is_asked_in_ga4s_names() {
        let body = body(json!({
            "metrics": ["visits", "ga:visitors"],
            "dimensions": ["ga:hostname", "country"],
            "filters": ["ga:country==France;visits>1"],
            "sort": ["-ga:visits"],
        }));
        let expected = json!({
            "metrics": [{"name": "sessions"}, {"name": "totalUsers"}],
            "returnPropertyQuota": true,
            "dimensions": [{"name": "hostName"}, {"name": "country"}],
            "dimensionFilter": {"filter": {
                "fieldName": "country",
                "stringFilter": {"matchType": "EXACT", "value": "France"},
            }},
            "metricFilter": {"filter": {
                "fieldName": "sessions",
                "numericFilter": {"operation": "GREATER_THAN", "value": {"int64Value": "1"}},
            }},
            "orderBys": [
                {"metric": {"metricName": "sessions"}, "desc": true},
                {"dimension": {"dimensionName": "hostName"}},
                {"dimension": {"dimensionName": "country"}},
            ],
            "dateRanges": [{"startDate": "2013-04-01", "endDate": "2013-04-07"}],
            "limit": "10",
            "offset": "20",
        });
        assert_eq!(body, expected);
    }

    #[test]
    fn two_names_for_one_thing_are_asked_once() {
        let body = body(json!({"metrics": ["pageviews", "uniquePageviews"]}));
        assert_eq!(body["metrics"], json!([{"name": "screenPageViews"}]));
        assert_eq!(body.get("orderBys"), None);
        assert_eq!(body.get("dimensions"), None);
    }

    #[test]
    fn a_list_of_filters_is_an_or_as_it_was_there() {
        let body = body(json!({"metrics": ["visits"], "filters": ["city==A", "ga:city==B"]}));
        let cities = body["dimensionFilter"]["orGroup"]["expressions"]
            .as_array()
            .unwrap();
        assert_eq!(cities.len(), 2);
    }

    #[test]
    fn filters_of_ga4_join_those_of_the_old_syntax() {
        let own = json!({"filter": {"fieldName": "city", "stringFilter": {"value": "A"}}});
        let body = body(json!({
            "metrics": ["visits"],
            "filters": "country==France",
            "dimensionFilter": own,
        }));
        let both = body["dimensionFilter"]["andGroup"]["expressions"]
            .as_array()
            .unwrap();
        assert_eq!(both[1], own);
        assert_eq!(both[0]["filter"]["fieldName"], "country");
    }

    #[test]
    fn an_order_is_a_text_or_a_list() {
        let order = |sort: Value| {
            let query = json!({"metrics": ["visits"], "dimensions": ["city"], "sort": sort});
            body(query)["orderBys"].clone()
        };
        let by_visits = json!([
            {"metric": {"metricName": "sessions"}},
            {"dimension": {"dimensionName": "city"}},
        ]);
        assert_eq!(order(json!("visits")), by_visits);
        assert_eq!(order(json!(["ga:visits"])), by_visits);
        let down = json!([
            {"dimension": {"dimensionName": "city"}, "desc": true},
            {"metric": {"metricName": "sessions"}},
        ]);
        assert_eq!(order(json!("-city,visits")), down);
        assert_eq!(order(json!(["-ga:city", "visits"])), down);
        assert_eq!(
            order(json!([])),
            json!([{"dimension": {"dimensionName": "city"}}])
        );
    }

    #[test]
    fn an_error_names_file_and_key() {
        let check = |query: Value, expected: &str| {
            assert_eq!(question(query).unwrap_err(), expected);
        };
        check(
            json!({"metrics": ["visits"], "dimensions": ["dimension3"]}),
            "q.json: query.dimensions: nobody says which parameter of GA4 dimension3 has become: add \
             \"customDimensions\": {\"dimension3\": \"the parameter's name\"} to options",
        );
        check(
            json!({"metrics": ["visits"], "sort": "-pageviews"}),
            "q.json: query.sort: \"-pageviews\" is not among what the query asks for: visits",
        );
        check(
            json!({"metrics": ["visits"], "filters": "country"}),
            "q.json: query.filters: \"country\" has no operator: write name==value, with one of \
             == != =~ !~ =@ !@ >= <= > <",
        );
        check(
            json!({"metrics": ["ga:"]}),
            "q.json: query.metrics: has an empty name",
        );
    }

    #[test]
    fn what_ga4_counts_otherwise_is_noted() {
        let question = question(json!({"metrics": ["visits", "uniquePageviews"]})).unwrap();
        let notes: Vec<String> = question.notes().collect();
        assert_eq!(notes.len(), 1);
        assert!(notes[0].starts_with("uniquePageviews is read as GA4's screenPageViews: "));
    }
}
