//! Where credentials come from, and the one HTTPS client.

use aws_config::environment::{
    EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider,
};
use aws_config::meta::region::ProvideRegion as _;
use aws_config::{BehaviorVersion, ConfigLoader};
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_types::SdkConfig;
use aws_types::sdk_config::SharedHttpClient;

/// Where emulators are, for all of AWS.
const ENDPOINT: &str = "AWS_ENDPOINT_URL";

/// The configuration inside a function: what Lambda puts into its environment, and nothing else,
/// so that a cold start reads no file and asks no server. `AWS_ENDPOINT_URL` is honoured.
///
/// Put together here, because the loader looks further for whatever is missing, and so all that
/// it might ever ask would be part of every function.
pub async fn of_function() -> SdkConfig {
    let credentials = EnvironmentVariableCredentialsProvider::new();
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(EnvironmentVariableRegionProvider::new().region().await)
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(https());
    config.set_endpoint_url(endpoint());
    config.build()
}

#[expect(
    clippy::disallowed_methods,
    reason = "AWS's own variable, which the loader would read"
)]
fn endpoint() -> Option<String> {
    std::env::var(ENDPOINT).ok().filter(|url| !url.is_empty())
}

/// The configuration of whoever runs a command: environment, profiles, single sign-on, web
/// identity, containers and instances, in the order of every AWS tool.
pub async fn of_user() -> SdkConfig {
    base().load().await
}

fn base() -> ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest()).http_client(https())
}

fn https() -> SharedHttpClient {
    Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}
