//! How the SDK's client is set up.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Builder, Config, Credentials, IdentityCache, Region,
    StalledStreamProtectionConfig,
};
use aws_smithy_async::time::StaticTimeSource;
use aws_types::SdkConfig;
use weir_model::Timestamp;

use crate::embedded::{EmbeddedHttp, Transport};

/// What every client's configuration begins with.
pub(super) fn settings() -> Builder {
    settle(Config::builder())
}

/// One attempt a call, no time-out but ours, and no guess at a server's clock: an attempt is
/// signed with exactly the time that its caller gave.
fn settle(config: Builder) -> Builder {
    config
        .behavior_version(BehaviorVersion::latest())
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .disable_clock_skew_correction(true)
}

/// A client for DynamoDB itself.
pub(super) fn on_aws(config: &SdkConfig) -> Client {
    Client::from_conf(settle(Builder::from(config)).build())
}

/// A client whose requests never leave the process. It signs them all the same, because the time
/// in the signature is what an engine goes by; the key is of no use to anybody.
pub(super) fn embedded(transport: Arc<dyn Transport>) -> Client {
    let config = settings()
        .region(Region::from_static("local"))
        .endpoint_url("http://embedded.invalid")
        .credentials_provider(Credentials::new(
            "embedded", "embedded", None, None, "embedded",
        ))
        .identity_cache(IdentityCache::no_cache())
        .http_client(EmbeddedHttp::new(transport))
        .build();
    Client::from_conf(config)
}

/// The part of a configuration that signs one call with a time of its own.
pub(super) fn signing_at(time: Timestamp) -> Builder {
    let since = Duration::from_millis(time.as_millis().unsigned_abs());
    Config::builder().time_source(StaticTimeSource::new(UNIX_EPOCH + since))
}
