//! The same in a bucket.

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_types::region::Region;
use weir_aws::SdkConfig;

use super::bucket::Bucket;
use super::*;

fn access(bucket: &Bucket) -> SdkConfig {
    let credentials = Credentials::from_keys("AKID", "planted-secret", None);
    let mut access = SdkConfig::builder()
        .region(Region::new("eu-central-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials));
    access.set_endpoint_url(Some(bucket.url.clone()));
    access.build()
}

fn sink_in(bucket: &Bucket, url: &str) -> FilesSink {
    let sink = FilesSink::open(url, FileFormat::JsonLines, Some(&access(bucket))).unwrap();
    sink.with_clock(clock())
}

fn objects(bucket: &Bucket) -> BTreeMap<String, Vec<u8>> {
    let copied = |held: &bucket::Held| {
        let all = held.objects.iter();
        all.map(|(key, body)| (key.clone(), body.to_vec()))
            .collect()
    };
    bucket.with(copied)
}

#[tokio::test]
async fn records_are_objects_below_the_prefix() {
    let bucket = Bucket::start().await;
    let mut sink = sink_in(&bucket, "s3://files/a/prefix");
    sink.write(vec![record("ä stream", json!({"n": 1}))])
        .await
        .unwrap();
    assert!(objects(&bucket).is_empty());
    let planned = sink.plan();
    bucket.fail_next(2);
    sink.flush().await.unwrap();
    let found = objects(&bucket);
    let name = found.keys().next().unwrap();
    assert!(
        name.starts_with("a/prefix/") && name.contains("/date=2026-11-21/20261121T"),
        "{name}"
    );
    assert_eq!(lines(&found), [json!({"n": 1})]);
    assert_eq!(bucket.unsigned(), 0);
    sink.write(vec![record("ä stream", json!({"n": 2}))])
        .await
        .unwrap();
    sink.flush().await.unwrap();
    sink.discard(&planned).await.unwrap();
    assert_eq!(lines(&objects(&bucket)), [json!({"n": 2})]);
}

#[tokio::test]
async fn a_large_object_is_uploaded_in_parts_and_completed_by_the_flush() {
    let bucket = Bucket::start().await;
    let mut sink = sink_in(&bucket, "s3://files");
    write_noise(&mut sink, 160).await;
    assert_eq!((objects(&bucket).len(), bucket.open_uploads()), (0, 1));
    sink.flush().await.unwrap();
    assert_eq!((objects(&bucket).len(), bucket.open_uploads()), (1, 0));
    assert!(bucket.with(|held| held.parts.len()) > 1);
    let lines = lines(&objects(&bucket));
    assert!(
        lines
            .iter()
            .map(|line| line["n"].as_u64().unwrap())
            .eq(0..160)
    );
}

#[tokio::test]
async fn the_newest_snapshot_is_found_in_a_bucket_too() {
    let bucket = Bucket::start().await;
    let mut first = sink_in(&bucket, "s3://files/a");
    let stream = "b c".into();
    let messages = vec![Message::Empty { stream }, record("b c", json!({"n": 1}))];
    first.write(messages).await.unwrap();
    first.flush().await.unwrap();
    let mut next = sink_in(&bucket, "s3://files/a");
    next.write(vec![record("b c", json!({"n": 2}))])
        .await
        .unwrap();
    next.flush().await.unwrap();
    let found = objects(&bucket);
    let in_snapshot = found
        .keys()
        .filter(|key| key.starts_with("a/b c/snapshot=20261121T"));
    assert_eq!(
        (in_snapshot.count(), found.len()),
        (2, 2),
        "{:?}",
        found.keys()
    );
}

#[tokio::test]
async fn what_was_abandoned_is_aborted() {
    let bucket = Bucket::start().await;
    let mut sink = sink_in(&bucket, "s3://files/x/");
    write_noise(&mut sink, 100).await;
    assert_eq!(bucket.open_uploads(), 1);
    sink.abandon().await;
    assert_eq!((objects(&bucket).len(), bucket.open_uploads()), (0, 0));
}

#[tokio::test]
async fn a_flush_that_fails_leaves_no_upload() {
    let bucket = Bucket::start().await;
    let mut sink = sink_in(&bucket, "s3://files/x/");
    write_noise(&mut sink, 100).await;
    assert_eq!(bucket.open_uploads(), 1);
    bucket.refuse_completions();
    sink.flush().await.unwrap_err();
    assert_eq!((objects(&bucket).len(), bucket.open_uploads()), (0, 0));
}

#[tokio::test]
async fn an_emptied_stream_without_records_is_found_in_a_bucket_too() {
    let bucket = Bucket::start().await;
    let mut first = sink_in(&bucket, "s3://files/a");
    let stream = "b".into();
    first.write(vec![Message::Empty { stream }]).await.unwrap();
    let planned = first.plan();
    first.flush().await.unwrap();
    let mut next = sink_in(&bucket, "s3://files/a");
    next.write(vec![record("b", json!({"n": 2}))])
        .await
        .unwrap();
    next.flush().await.unwrap();
    let found = objects(&bucket).into_keys();
    assert!(found.count() == 2, "{:?}", objects(&bucket).keys());
    let is_in = |key: &String| key.starts_with("a/b/snapshot=20261121T");
    assert!(objects(&bucket).keys().all(is_in));
    next.discard(&planned).await.unwrap();
    assert_eq!(lines(&objects(&bucket)), [json!({"n": 2})]);
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_for_a_person_to_mend() {
    let bucket = Bucket::start().await;
    let mut sink = sink_in(&bucket, "s3://other/x");
    let written = sink.write(vec![record("a", json!({"n": 1}))]).await;
    let error = written.unwrap_err();
    assert!(matches!(error, SinkError::Final(_)), "{error}");
    let text = error.to_string();
    assert!(text.contains("s3://other/x"), "{text}");
    assert!(!format!("{text} {sink:?}").contains("planted"), "{text}");
}
