//! Where credentials come from, and the one HTTPS client.

use aws_config::environment::{
    EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider,
};
use aws_config::{BehaviorVersion, ConfigLoader};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_types::SdkConfig;

/// The configuration inside a function: what Lambda puts into its environment, so that a cold
/// start asks no server. `AWS_ENDPOINT_URL` is honoured.
pub async fn of_function() -> SdkConfig {
    base()
        .region(EnvironmentVariableRegionProvider::new())
        .credentials_provider(EnvironmentVariableCredentialsProvider::new())
        .load()
        .await
}

/// The configuration of whoever runs a command: environment, profiles, single sign-on, web
/// identity, containers and instances, in the order of every AWS tool.
pub async fn of_user() -> SdkConfig {
    base().load().await
}

fn base() -> ConfigLoader {
    let https = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    aws_config::defaults(BehaviorVersion::latest()).http_client(https)
}
