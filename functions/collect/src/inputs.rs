//! The secrets of a job, and the sink that they and the definition make.

use std::io;
use std::sync::Arc;

use weir_aws::SdkConfig;
use weir_collector::http::Http;
use weir_collector::secrets::{SecretJson, Secrets};
use weir_collector::sink::{BackdropSink, DataSetSink, FilesSink, LinesSink};
use weir_collector::{AnySink, Fault, SourceError};
use weir_model::DataSetName;
use weir_store::Store;

use crate::access::{Credential, no_secret};
use crate::query::{Definition, SinkChoice};

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
            SinkChoice::DataSet => {
                let name = data_set(definition)?.clone();
                Ok(AnySink::DataSet(DataSetSink::new(
                    means.store.clone(),
                    name,
                )))
            }
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
            (Some(url), _) => url.to_owned(),
            (None, Some(backdrop)) => url_of(&*backdrop.read().await.map_err(no_secret)?)?,
            (None, None) => {
                return Err(lacks(definition, "backdrop", "where the Backdrop is").into());
            }
        };
        let token = self.token.as_ref();
        let token = token.ok_or_else(|| lacks(definition, "token", "the data set's token"))?;
        let token = token.read().await.map_err(no_secret)?;
        let token = token.text("token").map_err(no_secret)?;
        let name = data_set(definition)?;
        let sink = BackdropSink::new(&address(&base, name), token, http.clone())?;
        Ok(match definition.options.chunk_size {
            Some(records) => sink.chunk_size(records),
            None => sink,
        })
    }
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
/// When it has neither `url` nor `backdrop_url`, or not as text.
pub fn backdrop_url(backdrop: &SecretJson) -> Result<String, Fault> {
    let old = backdrop.optional_text("backdrop_url")?;
    let url = match backdrop.optional_text("url")?.or(old) {
        Some(url) => url.expose().to_owned(),
        None => {
            let fault = Fault::new(format_args!("{}: key \"url\" is missing", backdrop.place()));
            return Err(fault.hint("write {\"url\": \"https://backdrop.example/data\"}"));
        }
    };
    Ok(url)
}

fn url_of(backdrop: &SecretJson) -> Result<String, SourceError> {
    backdrop_url(backdrop).map_err(SourceError::Final)
}

fn address(base: &str, name: &DataSetName) -> String {
    let base = base.trim_end_matches('/');
    format!("{base}/{}/{}", name.group(), name.data_type())
}

fn data_set(definition: &Definition) -> Result<&DataSetName, Fault> {
    definition.data_set.as_ref().ok_or_else(|| {
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
        let name = DataSetName::new("g", "t").expect("a name");
        assert_eq!(address("https://b/data/", &name), "https://b/data/g/t");
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
