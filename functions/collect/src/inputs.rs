//! The secrets of a job, and the sink that they and the definition make.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use weir_aws::SdkConfig;
use weir_collector::http::{self, Http};
use weir_collector::secrets::{SecretJson, Secrets};
use weir_collector::sink::{
    BackdropSink, DataSetSink, DataSetsSink, FilesSink, LinesSink, Renewal,
};
use weir_collector::{AnySink, Fault, SinkError, SourceError};
use weir_model::DataSetName;
use weir_store::Store;

use crate::access::{Credential, no_secret};
use crate::pendo;
use crate::query::{DataSets, Definition, SinkChoice};

/// How much longer than its source a sink may send: what the source came to has to be saved.
const SAVING: Duration = Duration::from_secs(30);

/// The secrets that a job names.
#[derive(Debug, Clone, Default)]
pub struct Inputs {
    /// What the third party lets in.
    pub credentials: Option<Credential>,
    /// The token of a Backdrop's data set.
    pub token: Option<Credential>,
    /// Where a Backdrop is: `{"url"}` or `{"backdrop_url"}`.
    pub backdrop: Option<Credential>,
}

/// What a sink is made with, beside what the definition says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Means<'a> {
    pub(crate) store: &'a Store,
    pub(crate) http: &'a Http,
    pub(crate) aws: Option<&'a SdkConfig>,
}

impl Inputs {
    /// Those that a definition names, from where secrets are.
    pub fn named(definition: &Definition, secrets: &Arc<Secrets>) -> Inputs {
        let named = |name: &Option<String>| {
            let name = name.as_ref()?;
            Some(Credential::named(Arc::clone(secrets), name))
        };
        Inputs {
            credentials: named(&definition.credentials),
            token: named(&definition.token),
            backdrop: named(&definition.backdrop),
        }
    }

    pub(crate) fn credentials(&self, definition: &Definition) -> Result<Credential, Fault> {
        let credentials = self.credentials.clone();
        credentials.ok_or_else(|| lacks(definition, "credentials", "the third party's credentials"))
    }

    /// Makes the sink that the definition names.
    pub(crate) async fn sink(
        &self,
        definition: &Definition,
        means: Means<'_>,
    ) -> Result<AnySink, SourceError> {
        match &definition.sink {
            SinkChoice::DataSet => data_sets(definition, means.store.clone()).await,
            SinkChoice::Backdrop { url } => {
                let sink = self
                    .backdrop(definition, url.as_deref(), means.http)
                    .await?;
                Ok(AnySink::Backdrop(sink))
            }
            SinkChoice::Files { .. } | SinkChoice::Stdout => Ok(own_sink(definition, means.aws)?),
        }
    }

    async fn backdrop(
        &self,
        definition: &Definition,
        url: Option<&str>,
        http: &Http,
    ) -> Result<BackdropSink, SourceError> {
        let base = match (url, &self.backdrop) {
            (Some(url), _) => {
                http::address(&format!("{}: sink.url", definition.file), url)?;
                url.to_owned()
            }
            (None, Some(backdrop)) => url_of(&*backdrop.read().await.map_err(no_secret)?)?,
            (None, None) => {
                return Err(lacks(definition, "backdrop", "where the Backdrop is").into());
            }
        };
        let token = self.token.as_ref();
        let token = token.ok_or_else(|| lacks(definition, "token", "the data set's token"))?;
        let renewal = renewal(token);
        let token = token.read().await.map_err(no_secret)?;
        let token = token.text("token").map_err(no_secret)?;
        let name = data_set(definition)?;
        let http = http.stop_later(SAVING);
        let sink = BackdropSink::new(&address(&base, name), token, http)?.renewing(renewal);
        Ok(match definition.options.chunk_size {
            Some(records) => sink.chunk_size(records),
            None => sink,
        })
    }
}

/// Reads the token again, as it is now.
fn renewal(token: &Credential) -> Renewal {
    let token = token.clone();
    Box::new(move || {
        let token = token.clone();
        Box::pin(async move { Ok(token.again().await?.text("token")?) })
    })
}

/// Makes the sink of a definition that needs no secret and no store: files, standard output.
/// Buckets need access to AWS.
///
/// # Errors
/// When the definition names another sink, or the place of the files cannot be opened.
pub fn own_sink(definition: &Definition, aws: Option<&SdkConfig>) -> Result<AnySink, Fault> {
    match &definition.sink {
        SinkChoice::Files { url, format } => {
            let sink = FilesSink::open(url, *format, aws);
            let named = |fault: Fault| Fault {
                message: format!("{}: sink.url: {}", definition.file, fault.message),
                ..fault
            };
            sink.map(AnySink::Files).map_err(named)
        }
        SinkChoice::Stdout => Ok(AnySink::Stdout(LinesSink::to(io::stdout()))),
        SinkChoice::DataSet | SinkChoice::Backdrop { .. } => Err(Fault::new(format_args!(
            "{}: sink: a data set is no file",
            definition.file
        ))),
    }
}

/// The address of a Backdrop, up to its data sets.
///
/// # Errors
/// When it has neither `url` nor `backdrop_url`, or what is there is no address.
pub fn backdrop_url(backdrop: &SecretJson) -> Result<String, Fault> {
    let old = backdrop.optional_text("backdrop_url")?;
    let url = match backdrop.optional_text("url")?.or(old) {
        Some(url) => url.expose().to_owned(),
        None => {
            let fault = Fault::new(format_args!("{}: key \"url\" is missing", backdrop.place()));
            return Err(fault.hint("write {\"url\": \"https://backdrop.example/data\"}"));
        }
    };
    http::address(&format!("{}: the address", backdrop.place()), &url)?;
    Ok(url)
}

fn url_of(backdrop: &SecretJson) -> Result<String, SourceError> {
    backdrop_url(backdrop).map_err(SourceError::Final)
}

fn address(base: &str, name: &DataSetName) -> String {
    let base = base.trim_end_matches('/');
    format!("{base}/{}/{}", name.group(), name.data_type())
}

/// The sink of the data sets that a definition names, which are here.
async fn data_sets(definition: &Definition, store: Store) -> Result<AnySink, SourceError> {
    match &definition.data_sets {
        Some(DataSets::OfGroup(group)) => {
            let streams = pendo::streams(definition);
            let sink = DataSetsSink::open(store, group, &streams).await;
            sink.map(AnySink::DataSets).map_err(of_sink)
        }
        Some(DataSets::One(_)) | None => {
            let name = data_set(definition)?.clone();
            Ok(AnySink::DataSet(DataSetSink::new(store, name)))
        }
    }
}

fn of_sink(error: SinkError) -> SourceError {
    match error {
        SinkError::Final(fault) => SourceError::Final(fault),
        SinkError::Later { fault, after } => SourceError::Later { fault, after },
    }
}

fn data_set(definition: &Definition) -> Result<&DataSetName, Fault> {
    definition.data_set().ok_or_else(|| {
        let file = &definition.file;
        Fault::new(format_args!(
            "{file}: data-set: is missing: give {{\"data-group\": …, \"data-type\": …}}"
        ))
    })
}

fn lacks(definition: &Definition, key: &str, what: &str) -> Fault {
    let file = &definition.file;
    let fault = Fault::new(format_args!("{file}: {key}: is missing: it is {what}"));
    fault.hint("name a secret: a file in the directory of secrets, or one of the stack")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use weir_collector::http::HttpOptions;
    use weir_collector::{Message, RecordMessage, Sink as _};
    use weir_model::Timestamp;
    use weir_store::ManualClock;

    use super::*;

    fn definition(sink: Value) -> Definition {
        let document = json!({
            "entrypoint": "pingdom", "query": {"name": "a"}, "sink": sink,
            "data-set": {"data-group": "g", "data-type": "t"},
        });
        Definition::from_value(&document, "q.json").expect("a definition")
    }

    #[test]
    fn a_backdrop_has_its_address_under_either_name() {
        let url = |text: &str| {
            let secret = SecretJson::parse("backdrop.json", text).expect("an object");
            backdrop_url(&secret).map_err(|fault| fault.to_string())
        };
        assert_eq!(
            url(r#"{"url": "https://b/data"}"#),
            Ok("https://b/data".to_owned())
        );
        assert_eq!(
            url(r#"{"backdrop_url": "https://b/data"}"#),
            Ok("https://b/data".to_owned())
        );
        let missing = "backdrop.json: key \"url\" is missing; write {\"url\": \"https://backdrop.example/data\"}";
        assert_eq!(url("{}"), Err(missing.to_owned()));
        let fault = url(r#"{"url": "https://user:planted@b/data"}"#).unwrap_err();
        assert!(fault.starts_with("backdrop.json: "), "{fault}");
        assert!(!fault.contains("planted"), "{fault}");
        let name = DataSetName::new("g", "t").expect("a name");
        assert_eq!(address("https://b/data/", &name), "https://b/data/g/t");
    }

    /// A Backdrop that takes one token, and lists of records.
    async fn backdrop_taking(token: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut request = Vec::new();
                while !request.ends_with(b"]") {
                    stream.read_buf(&mut request).await.expect("a request");
                }
                let request = String::from_utf8(request).expect("text");
                let status = match request.contains(&format!("Bearer {token}\r\n")) {
                    true => "200 OK",
                    false => "401 Unauthorized",
                };
                let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\n");
                let answer = format!("{head}content-length: 0\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.expect("sent");
            }
        });
        format!("http://{address}/data")
    }

    #[tokio::test]
    async fn a_backdrop_gets_the_token_of_now_and_what_came_until_the_source_was_cut_off() {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |token: &str| {
            let text = json!({"token": token}).to_string();
            std::fs::write(directory.path().join("token.json"), text).expect("written");
        };
        write("planted-old");
        let secrets = Arc::new(Secrets::directory(directory.path()));
        let inputs = Inputs {
            token: Some(Credential::named(secrets, "token")),
            ..Inputs::default()
        };
        let now = Timestamp::parse("2026-11-21T17:00:00Z").expect("a time");
        let http = Http::new(HttpOptions::default()).expect("a client");
        let ended = http
            .with_clock(Arc::new(ManualClock::new(now)))
            .stop_at(now);
        let url = backdrop_taking("planted-new").await;
        let definition = definition(json!({"type": "backdrop", "url": url}));
        let sink = inputs.backdrop(&definition, Some(&url), &ended).await;
        let mut sink = sink.expect("a sink");
        write("planted-new");
        let record = RecordMessage {
            stream: "t".into(),
            record: serde_json::Map::from_iter([("_id".to_owned(), json!("a"))]),
            time_extracted: None,
        };
        sink.write(vec![Message::Record(record)])
            .await
            .expect("taken");
        sink.flush().await.expect("delivered");
    }

    #[tokio::test]
    async fn an_address_with_a_password_is_refused_by_its_key() {
        let url = "https://user:planted@b/data";
        let definition = definition(json!({"type": "backdrop", "url": url}));
        let http = Http::new(HttpOptions::default()).expect("a client");
        let inputs = Inputs::default();
        let sink = inputs.backdrop(&definition, Some(url), &http).await;
        let error = sink.expect_err("a password").to_string();
        assert!(error.starts_with("q.json: sink.url: "), "{error}");
        assert!(!error.contains("planted"), "{error}");
    }

    #[test]
    fn files_in_a_bucket_need_access_and_their_place_is_told() {
        let directory = tempfile::tempdir().expect("a directory");
        let url = format!("file://{}", directory.path().display());
        let sink = |url: &str| own_sink(&definition(json!({"type": "files", "url": url})), None);
        assert!(matches!(sink(&url), Ok(AnySink::Files(_))));
        for bad in ["s3://bucket/prefix", "ftp://x", "directory"] {
            let fault = sink(bad).expect_err(bad).to_string();
            assert!(fault.starts_with("q.json: sink.url: "), "{fault}");
        }
        assert!(own_sink(&definition(json!("data-set")), None).is_err());
    }
}
