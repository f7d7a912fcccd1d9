//! Has each function do everything that it can, and tells what it called.
//!
//! First without a fault, when every answer is looked at, and then with calls that fail in every
//! way, because doubts and repeats have calls of their own.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use weir_compact::{Done, Options, Upkeep};
use weir_model::{Series, Timestamp};
use weir_service::auth::{SigningKey, SigningKeys};
use weir_service::{Service, ServiceConfig};
use weir_store::embedded::Engine;
use weir_store::{Clock as _, Db, Deadline, ManualClock, Store};
use weir_tests::chaos::Chaos;
use weir_tests::world::{Answer, START_MS};

use crate::calls::{Actions, Recorder};

const MINUTE: Duration = Duration::from_secs(60);

/// How often everything is done while calls fail.
const ROUNDS: u64 = 6;

/// One engine, and processes on it that are watched or not.
struct Place {
    chaos: Chaos,
    clock: ManualClock,
    keys: SigningKeys,
}

impl Place {
    async fn start() -> Self {
        let clock = ManualClock::running(Timestamp::from_millis(START_MS).expect("in range"));
        let engine = Engine::memory(Arc::new(clock.clone())).expect("an engine");
        let place = Self {
            chaos: Chaos::new(Arc::new(engine)),
            clock,
            keys: SigningKeys::new(SigningKey::random()),
        };
        place.store().db().create_tables().await.expect("tables");
        place
    }

    /// The store of a process that nobody watches.
    fn store(&self) -> Store {
        let line = Arc::new(self.chaos.front("unwatched"));
        Store::new(Db::embedded(line, Arc::new(self.clock.clone())))
    }

    fn watched(&self) -> (Store, Recorder) {
        let recorder = Recorder::new(Arc::new(self.chaos.front("watched")));
        let line = Arc::new(recorder.clone());
        (
            Store::new(Db::embedded(line, Arc::new(self.clock.clone()))),
            recorder,
        )
    }

    /// A process with these routes.
    async fn process(&self, store: Store, router: fn(Arc<Service>) -> Router) -> Process {
        let service = Service::new(store, ServiceConfig::new(self.keys.clone()));
        service.warm_up().await;
        let router = weir_service::layer::edge(router(Arc::clone(&service)));
        Process { service, router }
    }

    /// All functions in one process that nobody watches.
    async fn helper(&self) -> Process {
        let all = |service: Arc<Service>| {
            weir_token::router(Arc::clone(&service))
                .merge(weir_track::router(Arc::clone(&service)))
                .merge(weir_query::router(service))
        };
        self.process(self.store(), all).await
    }

    /// From now on calls fail, one in four.
    fn fail(&self, seed: u64) {
        self.chaos.random(seed, 0.25);
    }

    async fn stop_failing(&self) {
        self.chaos.calm();
        self.chaos.quiet().await;
    }

    /// Past what a process remembers of revocations and clients.
    fn pass(&self, time: Duration) {
        self.clock.advance(time);
    }

    fn soon(&self) -> Deadline {
        Deadline::at(self.clock.now().saturating_add(MINUTE))
    }
}

struct Process {
    service: Arc<Service>,
    router: Router,
}

impl Process {
    async fn send(&self, request: Request<Body>) -> Answer {
        let answer = self.router.clone().oneshot(request).await;
        let (parts, body) = answer.expect("routers do not fail").into_parts();
        let body = body
            .collect()
            .await
            .expect("a whole body")
            .to_bytes()
            .to_vec();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body,
        }
    }

    async fn register(&self, scopes: &str, rate: Option<u32>) -> (String, String) {
        let registration = weir_service::clients::Registration {
            label: "a test".into(),
            scopes: weir_service::Scopes::parse(scopes).expect("scopes"),
            rate,
            id: None,
            secret: None,
        };
        let registered = self.service.register(registration).await.expect("a client");
        let secret = registered.secret.expose().to_owned();
        (registered.client.id.to_string(), secret)
    }

    async fn form(&self, path: &str, (id, secret): &(String, String), rest: &str) -> Answer {
        let form = format!("client_id={id}&client_secret={secret}&{rest}");
        let request = Request::builder().method(Method::POST).uri(path);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(Body::from(form)).expect("a request"))
            .await
    }

    async fn token(&self, client: &(String, String)) -> String {
        let answer = self
            .form("/o/token/", client, "grant_type=client_credentials")
            .await;
        let token = answer.json()["access_token"].as_str().map(str::to_owned);
        token.unwrap_or_else(|| panic!("{}", answer.text()))
    }

    async fn get(&self, token: &str, path: &str) -> Answer {
        let request = Request::get(path).header("authorization", format!("Bearer {token}"));
        self.send(request.body(Body::empty()).expect("a request"))
            .await
    }

    async fn post(&self, token: &str, key: Option<&str>, body: &Value) -> Answer {
        let request = Request::post("/api/track/")
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json");
        let request = key
            .into_iter()
            .fold(request, |r, key| r.header("idempotency-key", key));
        self.send(
            request
                .body(Body::from(body.to_string()))
                .expect("a request"),
        )
        .await
    }
}

/// Events of some series, each some seconds after the other.
fn events(series: usize, each: usize, id: Option<&str>) -> Value {
    let numbers = (0..series).flat_map(|series| (0..each).map(move |n| (series, n)));
    let events = numbers.map(|(series, n)| {
        let mut event = json!({
            "namespace": "n", "name": format!("m{series}"),
            "timestamp": START_MS + n as i64 * 1000, "value": 1,
        });
        if let Some(id) = id {
            event["id"] = format!("{id}-{n}").into();
        }
        event
    });
    events.collect()
}

/// One event alone, several series, many; each without and with a key, without and with ids, and
/// each repeated.
async fn track_all(track: &Process, token: &str, round: &str) -> Vec<StatusCode> {
    let mut statuses = Vec::new();
    let id = format!("id-{round}");
    let bodies = [
        events(1, 1, None),
        events(3, 2, None),
        events(1, 3, Some(&id)),
        events(120, 1, None),
        events(2, 150, Some(&id)),
    ];
    for (shape, body) in bodies.iter().enumerate() {
        let key = format!("key-{round}-{shape}");
        for key in [None, Some(key.as_str()), Some(key.as_str())] {
            statuses.push(track.post(token, key, body).await.status);
        }
    }
    statuses
}

pub(crate) async fn track() -> Actions {
    let place = Place::start().await;
    let helper = place.helper().await;
    let client = helper.register("write", None).await;
    let (store, recorder) = place.watched();
    let track = place.process(store, weir_track::router).await;
    let statuses = track_all(&track, &helper.token(&client).await, "first").await;
    assert!(
        statuses.iter().all(|status| *status == StatusCode::CREATED),
        "{statuses:?}"
    );
    let other = track
        .post(
            &helper.token(&client).await,
            Some("key-first-0"),
            &json!([]),
        )
        .await;
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
    let series = Series::parse("n", "m0").expect("legal");
    helper
        .service
        .store
        .raise_shards(&series, 4, place.soon())
        .await
        .expect("shards");
    let limited = helper.register("write", Some(1)).await;
    for round in 0..ROUNDS {
        place.pass(10 * MINUTE);
        place.stop_failing().await;
        let (token, limited) = (helper.token(&client).await, helper.token(&limited).await);
        place.fail(round);
        track_all(&track, &token, &round.to_string()).await;
        track.post(&limited, None, &events(1, 1, None)).await;
    }
    place.stop_failing().await;
    // A day later receipts no longer count.
    place.pass(25 * 60 * MINUTE);
    let token = helper.token(&client).await;
    assert!(
        track_all(&track, &token, "first")
            .await
            .iter()
            .all(|s| *s == StatusCode::CREATED)
    );
    let id = weir_store::registry::ClientId::parse(&client.0).expect("an id");
    helper
        .service
        .store
        .revoke_client(&id, place.soon())
        .await
        .expect("it is revoked");
    place.pass(2 * MINUTE);
    let revoked = track.post(&token, None, &events(1, 1, None)).await;
    assert_eq!(revoked.status, StatusCode::UNAUTHORIZED);
    recorder.seen()
}

/// Everything that can be asked for: each kind of answer, in each detail, with pages.
async fn ask_all(query: &Process, token: &str) -> Vec<StatusCode> {
    let mut statuses = Vec::new();
    let mut paths = vec![
        "/api/namespaces".to_owned(),
        "/api/namespaces/n".to_owned(),
        "/api/namespaces/n?limit=2".to_owned(),
        "/healthz".to_owned(),
        "/api/raw/n/m0".to_owned(),
        "/api/raw?namespace=n&name=m0&limit=1".to_owned(),
        "/api/raw/n/unknown".to_owned(),
        "/api/events/n/unknown".to_owned(),
    ];
    for granularity in ["none", "minute", "hour", "day", "week", "month", "year"] {
        for zone in ["UTC", "Asia/Kathmandu"] {
            let what = format!("granularity={granularity}&aggregationType=sum&tz={zone}");
            paths.push(format!("/api/events/n/m0?{what}"));
            paths.push(format!(
                "/api/events?namespace=n&name=m0&{what}&tsMin={START_MS}"
            ));
        }
    }
    for path in paths {
        let answer = query.get(token, &path).await;
        if let Some(next) = answer.headers.get("link") {
            let next = next.to_str().expect("text");
            let (_, next) = next.split_once('<').expect("a link");
            let (next, _) = next.split_once('>').expect("a link");
            let path = path.split('?').next().expect("a path");
            statuses.push(query.get(token, &format!("{path}{next}")).await.status);
        }
        statuses.push(answer.status);
    }
    statuses
}

fn with_health(service: Arc<Service>) -> Router {
    weir_query::router(Arc::clone(&service)).merge(weir_service::health::router(service))
}

pub(crate) async fn query() -> Actions {
    let place = Place::start().await;
    let helper = place.helper().await;
    let client = helper.register("read write aggregation", None).await;
    let token = helper.token(&client).await;
    let (store, recorder) = place.watched();
    let query = place.process(store, with_health).await;
    assert_ok(&ask_all(&query, &token).await);
    fill(&helper, &token).await;
    assert_ok(&ask_all(&query, &token).await);
    place.pass(20 * MINUTE);
    compact_once(&helper.service.store).await;
    fill(&helper, &helper.token(&client).await).await;
    assert_ok(&ask_all(&query, &helper.token(&client).await).await);
    // Reads are only repeated, which is seen soon.
    for round in 0..2 {
        place.stop_failing().await;
        place.pass(MINUTE);
        let token = helper.token(&client).await;
        place.fail(round);
        ask_all(&query, &token).await;
    }
    recorder.seen()
}

/// A few series, one of them with more than a page of events.
async fn fill(helper: &Process, token: &str) {
    for body in [events(3, 2, None), events(1, 100, None)] {
        let answer = helper.post(token, None, &body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    }
}

fn assert_ok(statuses: &[StatusCode]) {
    assert!(statuses.iter().all(StatusCode::is_success), "{statuses:?}");
}

async fn compact_once(store: &Store) {
    weir_compact::run(store, &Options::default())
        .await
        .expect("the store answers");
}

/// Gets tokens, shows them, gives them back; by good clients, bad ones and limited ones.
async fn exchange_all(token: &Process, client: &(String, String), limited: &(String, String)) {
    for client in [client, limited, &("nobody".to_owned(), "wrong".to_owned())] {
        let answer = token
            .form("/o/token/", client, "grant_type=client_credentials")
            .await;
        // Without one, there is nothing to give back.
        let issued = match answer.status {
            StatusCode::OK => answer.json()["access_token"]
                .as_str()
                .unwrap_or("?")
                .to_owned(),
            _ => "none".to_owned(),
        };
        for path in ["/o/introspect/", "/o/revoke_token/", "/o/introspect"] {
            token.form(path, client, &format!("token={issued}")).await;
        }
    }
    token
        .get("none", "/.well-known/oauth-authorization-server")
        .await;
}

pub(crate) async fn token() -> Actions {
    let place = Place::start().await;
    let helper = place.helper().await;
    let client = helper.register("read", None).await;
    let limited = helper.register("read", Some(1)).await;
    let (store, recorder) = place.watched();
    let token = place.process(store, weir_token::router).await;
    let issued = token.token(&client).await;
    let what = format!("token={issued}");
    let good = token.form("/o/introspect/", &client, &what).await;
    assert_eq!(good.json()["active"], true);
    assert_eq!(
        token.form("/o/revoke_token/", &client, &what).await.status,
        StatusCode::OK
    );
    let ended = token.form("/o/introspect/", &client, &what).await;
    assert_eq!(ended.json()["active"], false);
    for round in 0..ROUNDS {
        place.fail(round);
        exchange_all(&token, &client, &limited).await;
        place.pass(MINUTE);
    }
    recorder.seen()
}

/// Days in which everything happens: much and little, late events, events that expire, merges,
/// and what was replaced is deleted when its time has come.
pub(crate) async fn compact() -> Actions {
    let place = Place::start().await;
    let helper = place.helper().await;
    let client = helper.register("write", None).await;
    let (store, recorder) = place.watched();
    let mut upkeep = Upkeep::new(store.clone());
    for round in 0..2 * ROUNDS {
        place.stop_failing().await;
        let token = helper.token(&client).await;
        let mut body = events(4, 3, None);
        body[0]["expires"] = (START_MS + 3 * 3_600_000).into();
        for _ in 0..20 {
            let answer = helper.post(&token, None, &body).await;
            assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        }
        place.pass(25 * MINUTE);
        if round >= ROUNDS {
            place.fail(round);
            // What the faults cut short is taken up by the next run.
            _ = keep_up(&mut upkeep).await;
        } else {
            let done = keep_up(&mut upkeep).await;
            assert_eq!(done.failed, None);
        }
    }
    place.stop_failing().await;
    for _ in 0..60 {
        place.pass(10 * MINUTE);
        let done = keep_up(&mut upkeep).await;
        assert_eq!(done.failed, None);
        assert_eq!(done.verified.expect("it is asked for").differences, []);
    }
    let called = recorder.seen();
    let left = store
        .list_upkeep(place.soon())
        .await
        .expect("the store answers");
    assert!(left.is_empty(), "{left:?}");
    called
}

async fn keep_up(upkeep: &mut Upkeep) -> Done {
    upkeep.run(&json!({"verify": true}), 15 * MINUTE).await
}
