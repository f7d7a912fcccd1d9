//! What Google must check for the tests of collectors to mean something.

use std::collections::BTreeMap;

use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use super::*;

const NOW: i64 = 1_767_225_600;

fn books(fixture: Fixture) -> Books {
    let books = Books {
        fixture,
        grants: Grants::default(),
        spent: Spent::default(),
    };
    books.grants.set_now(NOW);
    books
}

fn request(path: &str, body: String, bearer: &str) -> Recorded {
    let headers = [("host", "127.0.0.1:1"), ("authorization", bearer)];
    Recorded {
        method: "POST".into(),
        path: path.into(),
        query: BTreeMap::new(),
        headers: headers
            .map(|(name, value)| (name.into(), value.into()))
            .into(),
        body,
        ..Recorded::default()
    }
}

/// What the token endpoint says to an assertion.
fn exchange(books: &Books, algorithm: Algorithm, change: Value) -> Answer {
    let account = grant::service_account("http://127.0.0.1:1");
    let mut claims = json!({
        "iss": account["client_email"], "scope": SCOPE, "aud": account["token_uri"],
        "iat": NOW, "exp": NOW + 3600,
    });
    let change = change.as_object().expect("an object").clone();
    claims.as_object_mut().expect("an object").extend(change);
    let key = match algorithm {
        Algorithm::HS256 => EncodingKey::from_secret(b"guessed"),
        _ => {
            EncodingKey::from_rsa_pem(account["private_key"].as_str().unwrap().as_bytes()).unwrap()
        }
    };
    let jwt = jsonwebtoken::encode(&Header::new(algorithm), &claims, &key).unwrap();
    let grant = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
    let body = format!("grant_type={grant}&assertion={jwt}");
    books.answer(&request("/token", body, ""))
}

fn token(books: &Books) -> String {
    let answer = exchange(books, Algorithm::RS256, json!({}));
    let token = answer.body["access_token"].as_str();
    format!("Bearer {}", token.unwrap_or_else(|| panic!("{answer:?}")))
}

fn report(books: &Books, property: &str, body: &Value) -> Answer {
    let path = format!("/v1beta/properties/{property}:runReport");
    books.answer(&request(&path, body.to_string(), &token(books)))
}

#[test]
fn an_assertion_is_good_only_as_google_wants_it() {
    let books = books(Fixture::sample());
    let check = |algorithm, change: Value, status: u16, words: &str| {
        let answer = exchange(&books, algorithm, change);
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.body.to_string().contains(words), "{answer:?}");
    };
    check(Algorithm::RS256, json!({}), 200, "access_token");
    check(Algorithm::RS512, json!({}), 400, "Invalid JWT Signature");
    check(Algorithm::HS256, json!({}), 400, "Invalid JWT Signature");
    check(
        Algorithm::RS256,
        json!({"iss": "me@example.org"}),
        400,
        "account not found",
    );
    check(
        Algorithm::RS256,
        json!({"aud": "https://example.org"}),
        400,
        "audience",
    );
    check(
        Algorithm::RS256,
        json!({"scope": "email"}),
        400,
        "invalid_scope",
    );
    check(
        Algorithm::RS256,
        json!({"exp": NOW + 3601}),
        400,
        "short-lived",
    );
    check(
        Algorithm::RS256,
        json!({"iat": NOW - 4000, "exp": NOW - 400}),
        400,
        "short-lived",
    );
    books.grants.trust(false);
    check(Algorithm::RS256, json!({}), 400, "account not found");
}

#[test]
fn a_refresh_token_is_good_with_its_client() {
    let books = books(Fixture::sample());
    let check = |secret: &str, refresh: &str, status: u16, words: &str| {
        let client = grant::CLIENT_ID;
        let body = format!(
            "grant_type=refresh_token&client_id={client}&client_secret={secret}&refresh_token={refresh}"
        );
        let answer = books.answer(&request("/token", body, ""));
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.body.to_string().contains(words), "{answer:?}");
    };
    check(grant::CLIENT_SECRET, grant::REFRESH_TOKEN, 200, "ya29.");
    check(grant::CLIENT_SECRET, "other", 400, "expired or revoked");
    check("other", grant::REFRESH_TOKEN, 401, "invalid_client");
}

#[test]
fn pages_are_whole_only_in_an_order() {
    let rows =
        (0..7).map(|n| json!({"date": "20260105", "pagePath": format!("/{n}"), "sessions": n + 1}));
    let books = books(Fixture::default().property(Property::new("1").with_rows(rows)));
    let paths = |order: Value| -> Vec<String> {
        let pages = ["0", "3", "6"].map(|offset| {
            let body = json!({
                "dimensions": [{"name": "pagePath"}], "metrics": [{"name": "sessions"}],
                "dateRanges": [{"startDate": "2026-01-05", "endDate": "2026-01-05"}],
                "limit": "3", "offset": offset, "orderBys": order,
            });
            let answer = report(&books, "1", &body);
            assert_eq!(answer.body["rowCount"], 7, "{answer:?}");
            answer.body["rows"].clone()
        });
        let rows = pages.iter().flat_map(|page| page.as_array().expect("rows"));
        let mut paths: Vec<_> = rows
            .map(|row| row["dimensionValues"][0]["value"].to_string())
            .collect();
        paths.sort();
        paths.dedup();
        paths
    };
    assert_eq!(
        paths(json!([{"dimension": {"dimensionName": "pagePath"}}])).len(),
        7
    );
    assert!(paths(json!([])).len() < 7);
}

#[test]
fn what_is_asked_of_days_is_filtered_and_added_up() {
    let rows = [
        json!({"date": "20260104", "country": "France", "sessions": 100}),
        json!({"date": "20260105", "country": "France", "sessions": 3, "bounceRate": 0.5}),
        json!({"date": "20260105", "country": "Chad", "sessions": 4, "bounceRate": 0.25}),
        json!({"date": "20260106", "country": "France", "sessions": 5, "bounceRate": 1.0}),
    ];
    let books = books(Fixture::default().property(Property::new("1").with_rows(rows)));
    let filtered = |filter: Value| {
        let mut body = json!({
            "dimensions": [{"name": "country"}], "metrics": [{"name": "sessions"}, {"name": "bounceRate"}],
            "dateRanges": [{"startDate": "2026-01-05", "endDate": "2026-01-06"}],
            "orderBys": [{"metric": {"metricName": "sessions"}, "desc": true}],
        });
        body.as_object_mut()
            .unwrap()
            .extend(filter.as_object().unwrap().clone());
        report(&books, "1", &body).body["rows"].to_string()
    };
    let row = |country: &str, sessions: &str, rate: &str| json!({"metricValues": [{"value": sessions}, {"value": rate}], "dimensionValues": [{"value": country}]});
    let (france, chad) = (row("France", "8", "0.75"), row("Chad", "4", "0.25"));
    assert_eq!(filtered(json!({})), json!([france, chad]).to_string());
    let exact = json!({"filter": {"fieldName": "country", "stringFilter": {"value": "chad"}}});
    assert_eq!(
        filtered(json!({"dimensionFilter": exact})),
        json!([chad]).to_string()
    );
    assert_eq!(
        filtered(json!({"dimensionFilter": {"notExpression": exact}})),
        json!([france]).to_string()
    );
    let more = json!({"fieldName": "sessions", "numericFilter": {"operation": "GREATER_THAN", "value": {"int64Value": "7"}}});
    assert_eq!(
        filtered(json!({"metricFilter": {"filter": more}})),
        json!([france]).to_string()
    );
    let none = json!({"filter": {"fieldName": "country", "stringFilter": {"matchType": "PARTIAL_REGEXP", "value": "^x"}}});
    assert_eq!(filtered(json!({"dimensionFilter": none})), "null");
}

#[test]
fn what_may_not_be_asked_is_refused_in_googles_words() {
    let books = books(Fixture::sample());
    let good = json!({
        "dimensions": [{"name": "date"}], "metrics": [{"name": "sessions"}],
        "dateRanges": [{"startDate": "2026-01-05", "endDate": "2026-01-05"}],
    });
    let check = |property: &str, change: Value, status: u16, words: &str| {
        let mut body = good.clone();
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        let answer = report(&books, property, &body);
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.body.to_string().contains(words), "{answer:?}");
    };
    check("456", json!({}), 200, "\"rowCount\":1");
    check("457", json!({}), 200, "metricHeaders");
    check("789", json!({}), 403, "PERMISSION_DENIED");
    check("1", json!({}), 403, "sufficient permissions");
    check(
        "456",
        json!({"metrics": [{"name": "ga:visits"}]}),
        400,
        "Field ga:visits is not a valid metric",
    );
    check(
        "456",
        json!({"dimensions": [{"name": "sessions"}]}),
        400,
        "not a valid dimension",
    );
    check("456", json!({"limits": 3}), 400, "limits");
    check("456", json!({"limit": "0"}), 400, "positive");
    check("456", json!({"dateRanges": []}), 400, "dateRange");
    check(
        "456",
        json!({"orderBys": [{"metric": {"metricName": "totalUsers"}}]}),
        400,
        "totalUsers",
    );
}

#[test]
fn tokens_and_quotas_come_to_an_end() {
    let quota = Quota {
        per_hour: 2,
        ..Quota::default()
    };
    let books = books(Fixture::default().property(Property::new("1").with_quota(quota)));
    let body = json!({
        "metrics": [{"name": "sessions"}], "returnPropertyQuota": true,
        "dateRanges": [{"startDate": "yesterday", "endDate": "today"}],
    });
    let left = |answer: &Answer| answer.body["propertyQuota"]["tokensPerHour"]["remaining"].clone();
    assert_eq!(left(&report(&books, "1", &body)), 1);
    assert_eq!(left(&report(&books, "1", &body)), 0);
    let last = report(&books, "1", &body);
    assert_eq!(
        (last.status, &last.body["error"]["status"]),
        (429, &json!("RESOURCE_EXHAUSTED"))
    );
    let old = token(&books);
    books.grants.expire();
    let path = "/v1beta/properties/1:runReport";
    assert_eq!(
        books.answer(&request(path, body.to_string(), &old)).status,
        401
    );
}

#[test]
fn realtime_has_no_pages_and_no_dates() {
    let books = books(Fixture::sample());
    let ask = |body: Value| {
        let path = "/v1beta/properties/456:runRealtimeReport";
        books.answer(&request(path, body.to_string(), &token(&books)))
    };
    let answer = ask(json!({"metrics": [{"name": "activeUsers"}]}));
    assert_eq!(
        answer.body["rows"][0]["metricValues"][0]["value"], "11",
        "{answer:?}"
    );
    assert_eq!(
        ask(json!({"metrics": [{"name": "activeUsers"}], "offset": "1"})).status,
        400
    );
    assert_eq!(
        ask(json!({"metrics": [{"name": "activeUsers"}], "dimensions": [{"name": "pagePath"}]}))
            .status,
        400
    );
}
