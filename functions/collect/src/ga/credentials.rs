//! What Google lets in: a service account's key, or somebody's refresh token.
//!
//! The old program kept credentials in three forms. The one that holds a refresh token works as it
//! is, and so does an account's key in PEM; the others name files of another machine, and the error
//! says what to put in their place.

use std::collections::BTreeMap;

use http::Uri;
use http::uri::Scheme;
use weir_collector::Fault;
use weir_collector::secrets::{SecretJson, SecretText, SecretsError};

/// Where Google gives tokens, unless the credentials say otherwise.
const TOKEN_URI: &str = "https://oauth2.googleapis.com/token";

/// How to get credentials that work.
const HINT: &str = "put the JSON key of a service account there (\"client_email\", \"private_key\", \
    \"token_uri\"), or \"client_id\", \"client_secret\" and \"refresh_token\"";

/// The beginning of a key in PEM.
const PEM: &str = "-----BEGIN";

/// Who asks, and which properties took the place of old views.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    /// Who asks.
    pub(crate) grant: Grant,
    /// Where tokens are given.
    pub(crate) token_uri: String,
    /// GA4 properties by old view.
    pub(crate) properties: BTreeMap<String, String>,
    /// Where they are from, for errors.
    pub(crate) place: String,
}

/// What an access token is given for.
#[derive(Debug, Clone)]
pub(crate) enum Grant {
    /// An assertion that a service account signs.
    ServiceAccount {
        /// The account.
        email: String,
        /// Its RSA key in PEM.
        key: SecretText,
    },
    /// A token that somebody got by logging in.
    RefreshToken {
        /// The application.
        client_id: String,
        /// Its secret.
        client_secret: SecretText,
        /// The token.
        refresh_token: SecretText,
    },
}

impl Credentials {
    /// Reads them in any form.
    ///
    /// # Errors
    /// When they have none of the forms; the fault says which key is wrong, and what to put there.
    pub(crate) fn read(secret: &SecretJson) -> Result<Self, Fault> {
        let (grant, token_uri) = read_grant(secret)?;
        let token_uri = token_uri.unwrap_or_else(|| TOKEN_URI.to_owned());
        if !is_safe(&token_uri) {
            let problem = "key \"token_uri\" must be an https address, or one of this machine, \
                without a name and password";
            return Err(secret.invalid(problem).into());
        }
        Ok(Self {
            grant,
            token_uri,
            properties: secret.texts("properties")?,
            place: secret.place().to_owned(),
        })
    }

    /// Who asks, as it may be shown.
    pub(crate) fn who(&self) -> &str {
        match &self.grant {
            Grant::ServiceAccount { email, .. } => email,
            Grant::RefreshToken { .. } => "the account of the refresh token",
        }
    }
}

type Found = (Grant, Option<String>);

fn read_grant(secret: &SecretJson) -> Result<Found, Fault> {
    if secret.has("client_email") || secret.has("private_key") {
        return service_account(secret, "client_email", "private_key");
    }
    if secret.has("refresh_token") {
        return refresh_token(secret, secret);
    }
    if secret.has("ACCOUNT_NAME") {
        return service_account(secret, "ACCOUNT_NAME", "PRIVATE_KEY");
    }
    if secret.has("OAUTH2_CREDENTIALS") {
        return old_refresh_token(secret);
    }
    if secret.has("CLIENT_SECRETS") {
        let key = if secret.has("STORAGE_PATH") {
            "STORAGE_PATH"
        } else {
            "CLIENT_SECRETS"
        };
        let problem = format!("key {key:?} names a file of the old program, which cannot be used");
        return Err(Fault::from(secret.invalid(problem)).hint(HINT));
    }
    let problem = "has neither \"client_email\" with \"private_key\" nor \"refresh_token\"";
    Err(Fault::from(secret.invalid(problem)).hint(HINT))
}

fn service_account(secret: &SecretJson, email: &str, key: &str) -> Result<Found, Fault> {
    let email = secret.text(email)?.expose().to_owned();
    let private = secret.text(key)?;
    if !private.expose().trim_start().starts_with(PEM) {
        let problem = format!(
            "key {key:?} must be the text of a key in PEM, which begins with {PEM}, and not the \
             path of a file"
        );
        return Err(Fault::from(secret.invalid(problem)).hint(HINT));
    }
    let grant = Grant::ServiceAccount {
        email,
        key: private,
    };
    Ok((grant, token_uri(secret)?))
}

/// The form of the old program's data base: the application's secrets and the user's beside them.
fn old_refresh_token(secret: &SecretJson) -> Result<Found, Fault> {
    let missing = || Fault::from(secret.invalid("key \"OAUTH2_CREDENTIALS\" is null")).hint(HINT);
    let user = secret.object("OAUTH2_CREDENTIALS")?.ok_or_else(missing)?;
    let application = match secret.object("CLIENT_SECRETS")? {
        Some(secrets) => secrets.object("installed")?.or(secrets.object("web")?),
        None => None,
    };
    refresh_token(application.as_ref().unwrap_or(&user), &user)
}

fn refresh_token(application: &SecretJson, user: &SecretJson) -> Result<Found, Fault> {
    let grant = Grant::RefreshToken {
        client_id: application.text("client_id")?.expose().to_owned(),
        client_secret: application.text("client_secret")?,
        refresh_token: user.text("refresh_token")?,
    };
    Ok((grant, token_uri(application)?.or(token_uri(user)?)))
}

fn token_uri(secret: &SecretJson) -> Result<Option<String>, SecretsError> {
    let found = secret.optional_text("token_uri")?;
    Ok(found.map(|uri| uri.expose().to_owned()))
}

/// Keys must not travel in the clear, except to this machine; nor to a host that only looks like
/// another, because a name and a password stand before it.
fn is_safe(uri: &str) -> bool {
    let Ok(uri) = uri.parse::<Uri>() else {
        return false;
    };
    let Some(authority) = uri.authority() else {
        return false;
    };
    let is_local = ["127.0.0.1", "localhost", "[::1]"].contains(&authority.host());
    let is_encrypted = uri.scheme() == Some(&Scheme::HTTPS);
    let is_plain = uri.scheme() == Some(&Scheme::HTTP);
    !authority.as_str().contains('@') && (is_encrypted || is_plain && is_local)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(secret: Value) -> Result<Credentials, Fault> {
        let secret = SecretJson::parse("credentials.json", &secret.to_string()).unwrap();
        Credentials::read(&secret)
    }

    fn refused(secret: Value) -> String {
        read(secret).unwrap_err().to_string()
    }

    #[test]
    fn a_service_account_is_read_from_its_key_file() {
        let credentials = read(json!({
            "type": "service_account",
            "client_email": "a@b.example",
            "private_key": "-----BEGIN PRIVATE KEY-----\nplanted\n",
            "token_uri": "https://oauth2.googleapis.com/token",
            "properties": {"ga:123": 456},
        }))
        .unwrap();
        assert_eq!(credentials.who(), "a@b.example");
        assert_eq!(credentials.properties["ga:123"], "456");
        assert!(!format!("{credentials:?}").contains("planted"));
    }

    #[test]
    fn an_old_account_with_a_key_in_pem_works_as_it_is() {
        let credentials = read(json!({
            "ACCOUNT_NAME": "a@b.example",
            "PRIVATE_KEY": "-----BEGIN RSA PRIVATE KEY-----\nplanted\n",
            "STORAGE_PATH": "/tmp/ga.db",
        }));
        let credentials = credentials.unwrap();
        assert_eq!(
            (credentials.who(), &*credentials.token_uri),
            ("a@b.example", TOKEN_URI)
        );
    }

    #[test]
    fn a_refresh_token_is_read_alone_or_as_the_old_program_kept_it() {
        let check = |secret: Value, uri: &str| {
            let credentials = read(secret).unwrap();
            assert_eq!(credentials.token_uri, uri);
            let Grant::RefreshToken {
                client_id,
                client_secret,
                refresh_token,
            } = &credentials.grant
            else {
                panic!("{credentials:?}");
            };
            assert_eq!(client_id, "app");
            assert_eq!(
                (client_secret.expose(), refresh_token.expose()),
                ("planted-1", "planted-2")
            );
            assert!(!format!("{credentials:?}").contains("planted"));
        };
        let plain = json!({
            "client_id": "app", "client_secret": "planted-1", "refresh_token": "planted-2",
        });
        check(plain, TOKEN_URI);
        let installed = json!({
            "client_id": "app", "client_secret": "planted-1",
            "token_uri": "https://accounts.google.com/o/oauth2/token",
        });
        let old = json!({
            "CLIENT_SECRETS": {"installed": installed},
            "OAUTH2_CREDENTIALS": {"refresh_token": "planted-2", "access_token": "x"},
        });
        check(old, "https://accounts.google.com/o/oauth2/token");
    }

    #[test]
    fn old_forms_that_name_files_say_what_to_put_there() {
        let error = refused(json!({"CLIENT_SECRETS": "/etc/c.json", "STORAGE_PATH": "/tmp/ga.db"}));
        assert!(
            error.starts_with("credentials.json: key \"STORAGE_PATH\" names a file"),
            "{error}"
        );
        assert!(
            error.contains("\"client_email\", \"private_key\", \"token_uri\""),
            "{error}"
        );
        let error = refused(json!({
            "ACCOUNT_NAME": "a@b.example", "PRIVATE_KEY": "/etc/key.p12", "STORAGE_PATH": "/tmp/x",
        }));
        assert!(
            error.starts_with("credentials.json: key \"PRIVATE_KEY\" must be the text"),
            "{error}"
        );
        assert!(!error.contains("/etc/key.p12"), "{error}");
    }

    #[test]
    fn what_is_missing_is_named_by_its_key() {
        let check = |secret: Value, expected: &str| {
            let error = refused(secret);
            assert!(error.contains(expected), "{error}");
        };
        check(json!({"token": "x"}), "has neither \"client_email\"");
        check(
            json!({"client_email": "a@b"}),
            "key \"private_key\" is missing",
        );
        check(
            json!({"refresh_token": "r"}),
            "key \"client_id\" is missing",
        );
        check(
            json!({"OAUTH2_CREDENTIALS": null}),
            "key \"OAUTH2_CREDENTIALS\" is null",
        );
        check(
            json!({"OAUTH2_CREDENTIALS": {"client_id": "a", "client_secret": "b"}}),
            "credentials.json: OAUTH2_CREDENTIALS: key \"refresh_token\" is missing",
        );
    }

    #[test]
    fn keys_do_not_travel_in_the_clear() {
        for (uri, safe) in [
            ("https://oauth2.googleapis.com/token", true),
            ("http://127.0.0.1:8080/token", true),
            ("http://localhost/token", true),
            ("http://localhost", true),
            ("http://[::1]:8080/token", true),
            ("http://localhost:x@evil.example/token", false),
            ("http://127.0.0.1:80@evil.example/token", false),
            ("http://localhost\\@evil.example/token", false),
            ("https://oauth2.googleapis.com@evil.example/token", false),
            ("https:evil.example", false),
            ("", false),
            ("http://oauth2.googleapis.com/token", false),
            ("http://127.0.0.1.example.com/token", false),
            ("file:///etc/passwd", false),
        ] {
            assert_eq!(is_safe(uri), safe, "{uri}");
        }
    }
}
