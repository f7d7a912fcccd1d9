//! Who reads the signing key: whoever has tokens to check or to sign, and nobody else.

use std::collections::BTreeSet;

use serde_json::json;

use crate::cloud::Cloud;

#[tokio::test(flavor = "multi_thread")]
async fn only_functions_that_answer_requests_read_the_signing_key() {
    let cloud = Cloud::start().await;
    let event = json!({"namespace": "n", "name": "m", "value": 1});
    assert_eq!(cloud.post(None, &event).await.status, 201);
    assert_eq!(cloud.counted("m").await.len(), 1);
    cloud
        .upkeep(json!({"verify": true}))
        .await
        .expect("nobody kills it");
    let readers = cloud.readers_of_secrets().into_iter();
    let functions: BTreeSet<String> = readers
        .map(|instance| {
            instance
                .trim_end_matches(|c| !char::is_alphabetic(c))
                .to_owned()
        })
        .collect();
    let expected = ["query", "token", "track"].map(str::to_owned);
    assert_eq!(functions, BTreeSet::from(expected));
}
