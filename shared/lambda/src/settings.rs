//! What a function reads from its environment, which `infra/template.yaml` sets.

use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use thiserror::Error;
use weir_service::cors::Origins;
use weir_service::{SnippetPath, TOKEN_LIFETIME};
use weir_store::tables::TableNames;

use crate::log::Filter;

/// The variables of functions that answer requests.
pub const HTTP_VARIABLES: [&str; 7] = [
    STACK,
    SIGNING_SECRET,
    PUBLIC_URL,
    ALLOWED_ORIGINS,
    SNIPPET_PATH,
    TOKEN_SECONDS,
    LOG,
];

/// The variables of the function that does the upkeep.
pub const SCHEDULED_VARIABLES: [&str; 2] = [STACK, LOG];

/// The variables of the function that reads Google Analytics.
pub const COLLECT_GA_VARIABLES: [&str; 4] = [STACK, GOOGLE_URL, DISABLE_COLLECTORS, LOG];

/// The variables of the function that reads Pendo.
pub const COLLECT_PENDO_VARIABLES: [&str; 4] = [STACK, PENDO_URL, DISABLE_COLLECTORS, LOG];

/// The variables of the function that reads Pingdom.
pub const COLLECT_PINGDOM_VARIABLES: [&str; 4] = [STACK, PINGDOM_URL, DISABLE_COLLECTORS, LOG];

const STACK: &str = "WEIR_STACK";
const SIGNING_SECRET: &str = "WEIR_SIGNING_SECRET";
const PUBLIC_URL: &str = "WEIR_PUBLIC_URL";
const ALLOWED_ORIGINS: &str = "WEIR_ALLOWED_ORIGINS";
const SNIPPET_PATH: &str = "WEIR_SNIPPET_PATH";
const TOKEN_SECONDS: &str = "WEIR_TOKEN_SECONDS";
const LOG: &str = "WEIR_LOG";

// Read by `weir-collect`, which has them on one machine, too.
const GOOGLE_URL: &str = "WEIR_GOOGLE_URL";
const PENDO_URL: &str = "PENDO_BASE_URL";
const PINGDOM_URL: &str = "WEIR_PINGDOM_URL";
const DISABLE_COLLECTORS: &str = "DISABLE_COLLECTORS";

/// Lambda's own: what it calls this function.
const FUNCTION: &str = "AWS_LAMBDA_FUNCTION_NAME";

/// Lambda's own: where this function asks for work.
const RUNTIME: &str = "AWS_LAMBDA_RUNTIME_API";

/// CloudFormation allows 128 characters (AWS CloudFormation user guide, "Stack name").
const MAX_STACK_CHARS: usize = 128;

/// Shorter tokens are renewed all the time.
const MIN_TOKEN_SECONDS: u64 = 60;

/// A key that was rotated out is refused at the next rotation, and tokens should have ended by then.
const MAX_TOKEN_SECONDS: u64 = 24 * 3600;

/// What every function is told.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// What Lambda calls the function.
    pub(crate) function: String,
    /// The deployed Weir, which its tables are named after.
    pub(crate) stack: String,
}

/// What functions that answer requests are told besides.
#[derive(Debug, Clone)]
pub(crate) struct HttpSettings {
    /// The name or ARN of the secret with the signing keys.
    pub(crate) signing_secret: String,
    /// The address under which clients reach this Weir.
    pub(crate) public_url: Option<String>,
    /// Pages that may read the answers of Weir's own interface.
    pub(crate) allowed_origins: Origins,
    /// Where the browser snippet is served.
    pub(crate) snippet_path: SnippetPath,
    /// How long a token lives.
    pub(crate) token_lifetime: Duration,
}

/// A variable that is missing, or is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum SettingError {
    /// It is not there.
    #[error("{name} is not set: {wanted}")]
    Missing { name: &'static str, wanted: String },
    /// It cannot be taken.
    #[error("{name} is {value:?}: {wanted}")]
    Wrong {
        name: &'static str,
        value: String,
        wanted: String,
    },
}

/// Variables by their names, as the process was given them.
pub(crate) struct Environment<F>(F);

impl<F: Fn(&str) -> Option<String>> Environment<F> {
    pub(crate) fn new(lookup: F) -> Self {
        Self(lookup)
    }

    /// How much is logged.
    pub(crate) fn log(&self) -> Result<Filter, SettingError> {
        let text = self.optional(LOG).unwrap_or_default();
        Filter::parse(&text).map_err(|cause| wrong(LOG, text, cause))
    }

    /// What every function needs.
    pub(crate) fn settings(&self) -> Result<Settings, SettingError> {
        let wanted = "this program is a Lambda function, and Lambda sets it";
        self.required(RUNTIME, wanted)?;
        Ok(Settings {
            function: self.required(FUNCTION, wanted)?,
            stack: self.stack()?,
        })
    }

    /// What functions that answer requests need besides.
    pub(crate) fn http_settings(&self) -> Result<HttpSettings, SettingError> {
        let wanted = "the name or ARN of the secret with the signing keys";
        Ok(HttpSettings {
            signing_secret: self.required(SIGNING_SECRET, wanted)?,
            public_url: self.public_url()?,
            allowed_origins: self.parsed(ALLOWED_ORIGINS)?,
            snippet_path: self.parsed(SNIPPET_PATH)?,
            token_lifetime: self.token_lifetime()?,
        })
    }

    fn stack(&self) -> Result<String, SettingError> {
        let wanted = format!(
            "the name of the deployed Weir, up to {MAX_STACK_CHARS} letters, digits and hyphens"
        );
        let stack = self.required(STACK, &wanted)?;
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        match stack.len() <= MAX_STACK_CHARS && stack.chars().all(is_name) {
            true => Ok(stack),
            false => Err(wrong(STACK, stack, wanted)),
        }
    }

    fn public_url(&self) -> Result<Option<String>, SettingError> {
        let Some(url) = self.optional(PUBLIC_URL) else {
            return Ok(None);
        };
        let has_host = |scheme| {
            let rest = url.strip_prefix(scheme);
            rest.is_some_and(|host| !host.trim_matches('/').is_empty())
        };
        match has_host("https://") || has_host("http://") {
            true => Ok(Some(url)),
            false => Err(wrong(
                PUBLIC_URL,
                url,
                "an address such as https://weir.example",
            )),
        }
    }

    /// What says itself what it may be, or its default.
    fn parsed<T>(&self, name: &'static str) -> Result<T, SettingError>
    where
        T: Default + FromStr<Err: Display>,
    {
        let Some(text) = self.optional(name) else {
            return Ok(T::default());
        };
        let parsed = text.parse();
        parsed.map_err(|cause: T::Err| wrong(name, text, cause.to_string()))
    }

    fn token_lifetime(&self) -> Result<Duration, SettingError> {
        let Some(text) = self.optional(TOKEN_SECONDS) else {
            return Ok(TOKEN_LIFETIME);
        };
        match text.parse() {
            Ok(seconds @ MIN_TOKEN_SECONDS..=MAX_TOKEN_SECONDS) => Ok(Duration::from_secs(seconds)),
            _ => {
                let wanted = format!("{MIN_TOKEN_SECONDS} to {MAX_TOKEN_SECONDS} seconds");
                Err(wrong(TOKEN_SECONDS, text, wanted))
            }
        }
    }

    fn required(&self, name: &'static str, wanted: &str) -> Result<String, SettingError> {
        self.optional(name).ok_or_else(|| SettingError::Missing {
            name,
            wanted: wanted.to_owned(),
        })
    }

    /// A template cannot leave a variable out, so an empty one counts as missing.
    fn optional(&self, name: &str) -> Option<String> {
        let text = (self.0)(name)?.trim().to_owned();
        (!text.is_empty()).then_some(text)
    }
}

impl Settings {
    /// The names of this Weir's tables.
    pub(crate) fn tables(&self) -> TableNames {
        TableNames::with_prefix(&format!("{}-", self.stack))
    }
}

fn wrong(name: &'static str, value: String, wanted: impl Into<String>) -> SettingError {
    SettingError::Wrong {
        name,
        value,
        wanted: wanted.into(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const GOOD: [(&str, &str); 4] = [
        (FUNCTION, "prod-track"),
        (RUNTIME, "127.0.0.1:9001"),
        (STACK, "prod"),
        (SIGNING_SECRET, "prod/signing-key"),
    ];

    fn environment(
        more: &[(&'static str, &'static str)],
    ) -> Environment<impl Fn(&str) -> Option<String> + use<>> {
        let all: BTreeMap<&str, &str> = GOOD.iter().chain(more).copied().collect();
        Environment::new(move |name| all.get(name).map(|text| (*text).to_owned()))
    }

    #[test]
    fn what_is_not_set_has_its_default() {
        for more in [
            &[][..],
            &[
                (PUBLIC_URL, ""),
                (TOKEN_SECONDS, " "),
                (LOG, ""),
                (ALLOWED_ORIGINS, ""),
                (SNIPPET_PATH, ""),
            ],
        ] {
            let environment = environment(more);
            let settings = environment.settings().unwrap();
            assert_eq!(settings.function, "prod-track");
            assert_eq!(
                settings.tables().of(weir_store::db::Table::Inbox),
                "prod-inbox"
            );
            let http = environment.http_settings().unwrap();
            assert_eq!(http.signing_secret, "prod/signing-key");
            assert_eq!(
                (http.public_url, http.token_lifetime),
                (None, TOKEN_LIFETIME)
            );
            assert_eq!(http.allowed_origins, Origins::Nowhere);
            assert_eq!(http.snippet_path.as_str(), "/weir.js");
            environment.log().unwrap();
        }
    }

    #[test]
    fn what_is_set_is_taken() {
        let environment = environment(&[
            (PUBLIC_URL, "https://weir.example/"),
            (TOKEN_SECONDS, "900"),
            (LOG, "warn,weir_store=debug"),
            (ALLOWED_ORIGINS, "*"),
            (SNIPPET_PATH, "/js/app.js"),
        ]);
        let http = environment.http_settings().unwrap();
        assert_eq!(http.public_url.as_deref(), Some("https://weir.example/"));
        assert_eq!(http.token_lifetime, Duration::from_secs(900));
        assert_eq!(http.allowed_origins, Origins::Anywhere);
        assert_eq!(http.snippet_path.as_str(), "/js/app.js");
        environment.log().unwrap();
    }

    #[test]
    fn an_error_names_the_variable_and_what_is_allowed() {
        let check = |name: &'static str, value: &'static str, expected: &str| {
            let environment = environment(&[(name, value)]);
            let error = environment
                .settings()
                .and_then(|_| environment.http_settings())
                .and_then(|_| environment.log())
                .unwrap_err();
            let text = error.to_string();
            assert!(text.starts_with(name) && text.contains(expected), "{text}");
        };
        check(STACK, "", "is not set: the name of the deployed Weir");
        check(STACK, "a/b", "is \"a/b\": the name of the deployed Weir");
        check(FUNCTION, "", "this program is a Lambda function");
        check(RUNTIME, "", "this program is a Lambda function");
        check(SIGNING_SECRET, "", "the name or ARN of the secret");
        check(PUBLIC_URL, "weir.example", "https://weir.example");
        check(PUBLIC_URL, "https://", "https://weir.example");
        check(ALLOWED_ORIGINS, "app.example", "is not an origin");
        check(SNIPPET_PATH, "/weir", "is not a path such as /weir.js");
        check(TOKEN_SECONDS, "59", "is \"59\": 60 to 86400 seconds");
        check(TOKEN_SECONDS, "1h", "60 to 86400 seconds");
        check(TOKEN_SECONDS, "86401", "60 to 86400 seconds");
        check(LOG, "weir=loud", "is \"weir=loud\"");
    }

    /// Rows of the page's section on AWS: a variable, and the functions that have it.
    fn rows(page: &str) -> BTreeMap<&str, &str> {
        let section = page.split("\n## ").find(|s| s.starts_with("On AWS\n"));
        let rows = section.unwrap().lines().filter_map(|line| {
            let (functions, rest) = line.strip_prefix("| ")?.split_once(" | `")?;
            Some((rest.split_once("` | ")?.0, functions))
        });
        rows.collect()
    }

    #[test]
    fn the_configuration_page_has_every_variable_of_every_function() {
        let rows = rows(include_str!("../../../docs/CONFIG.md"));
        let functions = |name: &&str| {
            let of_google = COLLECT_GA_VARIABLES.contains(name);
            let of_pendo = COLLECT_PENDO_VARIABLES.contains(name);
            let of_pingdom = COLLECT_PINGDOM_VARIABLES.contains(name);
            match (
                HTTP_VARIABLES.contains(name),
                of_google,
                of_pendo,
                of_pingdom,
            ) {
                (true, true, ..) => "all",
                (true, ..) => "track, query, token, data",
                (false, true, true, _) => "collect-ga, collect-pendo, collect-pingdom",
                (false, true, ..) => "collect-ga",
                (false, _, true, _) => "collect-pendo",
                (false, ..) => "collect-pingdom",
            }
        };
        let all = HTTP_VARIABLES.iter().chain(&COLLECT_GA_VARIABLES);
        let all = all
            .chain(&COLLECT_PENDO_VARIABLES)
            .chain(&COLLECT_PINGDOM_VARIABLES);
        assert_eq!(rows, all.map(|name| (*name, functions(name))).collect());
        assert!(
            SCHEDULED_VARIABLES
                .iter()
                .all(|name| HTTP_VARIABLES.contains(name))
        );
    }
}
