//! Records as files, in directories and in a small S3.

mod bucket;
mod s3;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use arrow_array::RecordBatch;
use flate2::read::MultiGzDecoder;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tempfile::TempDir;
use weir_model::Timestamp;
use weir_store::ManualClock;

use super::partition::Bounds;
use super::*;
use crate::message::Schema;

fn clock() -> Arc<dyn Clock> {
    Arc::new(ManualClock::new(
        Timestamp::parse("2026-11-21T17:59:29.5Z").unwrap(),
    ))
}

fn sink_at(directory: &Path, format: FileFormat) -> FilesSink {
    let url = format!("file://{}", directory.display());
    let sink = FilesSink::open(&url, format, None).unwrap();
    sink.with_clock(clock())
}

fn record(stream: &str, record: Value) -> Message {
    let Value::Object(record) = record else {
        unreachable!("it is an object")
    };
    Message::Record(RecordMessage {
        stream: stream.into(),
        record,
        time_extracted: None,
    })
}

fn schema(stream: &str, properties: Value) -> Message {
    Message::Schema(Schema {
        stream: stream.into(),
        schema: json!({"type": "object", "properties": properties}),
        key_properties: Vec::new(),
        bookmark_properties: vec!["day".to_owned()],
    })
}

/// All that is below a directory, by path, without what is not yet in its place.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    collect(directory, directory, &mut found);
    found
}

fn collect(root: &Path, directory: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.strip_prefix(root).unwrap().display().to_string();
        if path.is_dir() {
            collect(root, &path, found);
        } else if !name.contains('#') {
            found.insert(name, fs::read(&path).unwrap());
        }
    }
}

/// Lines of gzip files, in the order of the files' names.
fn lines(files: &BTreeMap<String, Vec<u8>>) -> Vec<Value> {
    let mut lines = Vec::new();
    for bytes in files.values() {
        let mut text = String::new();
        MultiGzDecoder::new(&**bytes)
            .read_to_string(&mut text)
            .unwrap();
        lines.extend(
            text.lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap()),
        );
    }
    lines
}

/// Rows of Parquet files, as arrow's own JSON.
fn rows(bytes: Vec<u8>) -> (RecordBatch, Vec<Value>) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
    let batches: Vec<RecordBatch> = reader.build().unwrap().map(Result::unwrap).collect();
    let mut json = arrow_json::LineDelimitedWriter::new(Vec::new());
    json.write_batches(&batches.iter().collect::<Vec<_>>())
        .unwrap();
    json.finish().unwrap();
    let text = String::from_utf8(json.into_inner()).unwrap();
    let rows = text.lines().map(|line| serde_json::from_str(line).unwrap());
    (batches[0].clone(), rows.collect())
}

#[tokio::test]
async fn records_are_files_by_stream_and_date() {
    let home = TempDir::new().unwrap();
    let mut sink = sink_at(home.path(), FileFormat::JsonLines);
    let messages = vec![
        schema("a/b", json!({})),
        record(
            "a/b",
            json!({"_timestamp": "2026-01-01T23:30:00-01:00", "n": 1}),
        ),
        record("a/b", json!({"day": "2026-01-03", "n": 2})),
        record("a/b", json!({"n": 3})),
        record("other", json!({"day": "2026-01-03", "n": 4})),
    ];
    sink.write(messages).await.unwrap();
    assert!(files(home.path()).is_empty());
    let planned = sink.plan();
    sink.flush().await.unwrap();
    let found = files(home.path());
    let places: Vec<&str> = found
        .keys()
        .map(|name| &name[..name.rfind('/').unwrap()])
        .collect();
    let wanted = [
        "a%2Fb/date=2026-01-02",
        "a%2Fb/date=2026-01-03",
        "a%2Fb/date=2026-11-21",
        "other/date=2026-11-21",
    ];
    assert_eq!(places, wanted);
    let numbers: Vec<i64> = lines(&found)
        .iter()
        .map(|line| line["n"].as_i64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4]);
    assert_eq!(planned.len(), 2);
    for name in found.keys() {
        let file = name.rsplit('/').next().unwrap();
        assert!(
            file.starts_with("20261121T175929500Z-") && file.ends_with(".jsonl.gz"),
            "{file}"
        );
        assert!(
            planned
                .iter()
                .any(|batch| file.starts_with(batch.rsplit('/').next().unwrap()))
        );
    }
}

#[tokio::test]
async fn a_flush_with_nothing_to_write_writes_nothing() {
    let home = TempDir::new().unwrap();
    let mut sink = sink_at(home.path(), FileFormat::JsonLines);
    sink.write(vec![schema("a", json!({}))]).await.unwrap();
    assert!(sink.plan().is_empty());
    sink.flush().await.unwrap();
    assert!(files(home.path()).is_empty());
}

#[tokio::test]
async fn each_flush_is_a_batch_of_its_own() {
    let home = TempDir::new().unwrap();
    let mut sink = sink_at(home.path(), FileFormat::JsonLines);
    let mut planned = Vec::new();
    for n in 0..3 {
        sink.write(vec![record("a", json!({"n": n}))])
            .await
            .unwrap();
        planned.extend(sink.plan());
        sink.flush().await.unwrap();
        assert_eq!(files(home.path()).len(), n + 1);
    }
    sink.discard(&planned[1..2]).await.unwrap();
    let mut numbers: Vec<Value> = lines(&files(home.path()))
        .iter()
        .map(|line| line["n"].clone())
        .collect();
    numbers.sort_by_key(Value::as_i64);
    assert_eq!(numbers, [0, 2]);
    sink.discard(&planned).await.unwrap();
    sink.discard(&planned).await.unwrap();
    assert!(files(home.path()).is_empty());
}

#[tokio::test]
async fn what_is_no_batch_is_not_removed() {
    let home = TempDir::new().unwrap();
    fs::create_dir_all(home.path().join("a/date=2026-01-01")).unwrap();
    fs::write(home.path().join("a/date=2026-01-01/mine-1.txt"), "x").unwrap();
    let mut sink = sink_at(home.path(), FileFormat::JsonLines);
    for bad in [
        "",
        "a",
        "a/",
        "a/mine",
        "../20261121T175929500Z-0123456789abcdef",
        "a/date=2026-01-01/mine-1.txt",
    ] {
        assert!(sink.discard(&[bad.to_owned()]).await.is_err(), "{bad}");
    }
    assert_eq!(files(home.path()).len(), 1);
}

#[tokio::test]
async fn what_was_abandoned_is_nowhere() {
    let home = TempDir::new().unwrap();
    let mut sink = sink_at(home.path(), FileFormat::JsonLines);
    write_noise(&mut sink, 100).await;
    sink.abandon().await;
    sink.write(vec![record("a", json!({"n": 1}))])
        .await
        .unwrap();
    sink.flush().await.unwrap();
    assert_eq!(lines(&files(home.path())), [json!({"n": 1})]);
    assert_eq!(count_all(home.path()), 1);
}

/// Records of 100 KB that hardly compress, so that parts of files are uploaded before a flush.
async fn write_noise(sink: &mut FilesSink, count: u64) {
    for n in 0..count {
        let message = record(
            "noise",
            json!({"n": n, "day": "2026-01-01", "x": noise(n, 100_000)}),
        );
        sink.write(vec![message]).await.unwrap();
    }
}

/// A text that looks random.
fn noise(seed: u64, length: u64) -> String {
    let of = |at| mix(seed * length + at);
    let characters = (0..length / 8).flat_map(|at| of(at).to_le_bytes());
    characters
        .map(|byte| char::from(b'0' + byte % 64))
        .collect()
}

/// Numbers that look random (SplitMix64).
fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    n ^ (n >> 31)
}

/// All files, those that are not in their places too.
fn count_all(directory: &Path) -> usize {
    let entries = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .map(|path| if path.is_dir() { count_all(&path) } else { 1 })
        .sum()
}

#[tokio::test]
async fn a_large_file_is_not_there_before_it_is_whole() {
    let home = TempDir::new().unwrap();
    let mut sink = sink_at(home.path(), FileFormat::JsonLines);
    write_noise(&mut sink, 100).await;
    assert_eq!((files(home.path()).len(), count_all(home.path())), (0, 1));
    sink.flush().await.unwrap();
    assert_eq!((files(home.path()).len(), count_all(home.path())), (1, 1));
    let lines = lines(&files(home.path()));
    assert!(
        lines
            .iter()
            .map(|line| line["n"].as_u64().unwrap())
            .eq(0..100)
    );
}

#[tokio::test]
async fn what_a_run_that_died_had_begun_is_removed_with_its_batch() {
    let home = TempDir::new().unwrap();
    let mut dying = sink_at(home.path(), FileFormat::JsonLines);
    write_noise(&mut dying, 100).await;
    let planned = dying.plan();
    // A process that is killed takes nothing back.
    std::mem::forget(dying);
    assert_eq!(count_all(home.path()), 1);
    let mut next = sink_at(home.path(), FileFormat::JsonLines);
    next.discard(&planned).await.unwrap();
    assert_eq!(count_all(home.path()), 0);
}

#[tokio::test]
async fn memory_holds_a_bounded_part_of_many_dates() {
    let home = TempDir::new().unwrap();
    let mut sink = sink_at(home.path(), FileFormat::JsonLines);
    sink.partitions.bounds = Bounds {
        lines_bytes: 1 << 18,
        encoded_bytes: 1 << 17,
        part_bytes: 1 << 15,
    };
    let (count, mut most_bytes) = (6_000, 0);
    for n in 0..count {
        let days = i64::try_from(mix(n) % 100).unwrap();
        let day = jiff::civil::date(2020, 1, 1) + jiff::Span::new().days(days);
        let message = record(
            "a",
            json!({"n": n, "day": day.to_string(), "x": noise(n, 160)}),
        );
        sink.write(vec![schema("a", json!({})), message])
            .await
            .unwrap();
        most_bytes = most_bytes.max(sink.partitions.held_bytes());
    }
    assert!(most_bytes < (1 << 18) + (1 << 17) + 1000, "{most_bytes}");
    assert!(files(home.path()).is_empty());
    sink.flush().await.unwrap();
    let mut numbers: Vec<u64> = lines(&files(home.path()))
        .iter()
        .map(|line| line["n"].as_u64().unwrap())
        .collect();
    numbers.sort_unstable();
    assert!(numbers.into_iter().eq(0..count));
}

#[tokio::test]
async fn an_emptied_stream_is_a_new_snapshot() {
    let home = TempDir::new().unwrap();
    let mut sink = sink_at(home.path(), FileFormat::JsonLines);
    let messages = vec![
        record("a", json!({"n": 1})),
        Message::Empty { stream: "a".into() },
        record("a", json!({"n": 2})),
        record("b", json!({"n": 3})),
    ];
    sink.write(messages).await.unwrap();
    let planned = sink.plan();
    assert_eq!(planned.len(), 3);
    sink.flush().await.unwrap();
    let found = files(home.path());
    let snapshot: Vec<&String> = found
        .keys()
        .filter(|name| name.starts_with("a/snapshot=2026"))
        .collect();
    assert_eq!((found.len(), snapshot.len()), (3, 1));
    sink.write(vec![record("a", json!({"n": 4}))])
        .await
        .unwrap();
    sink.flush().await.unwrap();
    let found = files(home.path());
    assert_eq!(
        found
            .keys()
            .filter(|name| name.starts_with("a/snapshot=2026"))
            .count(),
        2
    );
    sink.discard(&planned).await.unwrap();
    assert_eq!(lines(&files(home.path())), [json!({"n": 4})]);
}

#[tokio::test]
async fn a_run_that_does_not_empty_its_stream_goes_on_in_the_newest_snapshot() {
    let home = TempDir::new().unwrap();
    let count = |start: &str| {
        let found = files(home.path());
        found.keys().filter(|name| name.starts_with(start)).count()
    };
    let emptied = || {
        let stream = "a".into();
        vec![Message::Empty { stream }, record("a", json!({"n": 1}))]
    };
    let mut first = sink_at(home.path(), FileFormat::JsonLines);
    first.write(emptied()).await.unwrap();
    first.flush().await.unwrap();
    let snapshot = files(home.path()).into_keys().next().unwrap();
    let snapshot = &snapshot[..snapshot.find("/date=").unwrap()];
    // A later snapshot whose files are discarded leaves nothing but its directory.
    let mut died = sink_at(home.path(), FileFormat::JsonLines);
    let later = ManualClock::new(Timestamp::parse("2026-11-22T00:00:00Z").unwrap());
    died.clock = Arc::new(later);
    died.write(emptied()).await.unwrap();
    let planned = died.plan();
    died.flush().await.unwrap();
    let mut next = sink_at(home.path(), FileFormat::JsonLines);
    next.discard(&planned).await.unwrap();
    next.write(vec![record("a", json!({"n": 2}))])
        .await
        .unwrap();
    next.flush().await.unwrap();
    assert_eq!((count(snapshot), count("a/")), (2, 2));
}

#[tokio::test]
async fn an_emptied_stream_without_records_is_a_new_snapshot_too() {
    let home = TempDir::new().unwrap();
    let mut before = sink_at(home.path(), FileFormat::JsonLines);
    before
        .write(vec![record("a", json!({"n": 1}))])
        .await
        .unwrap();
    before.flush().await.unwrap();
    let mut emptying = sink_at(home.path(), FileFormat::JsonLines);
    let stream = "a".into();
    emptying
        .write(vec![Message::Empty { stream }])
        .await
        .unwrap();
    let planned = emptying.plan();
    assert_eq!(planned.len(), 1);
    assert_eq!(files(home.path()).len(), 1);
    emptying.flush().await.unwrap();
    assert!(emptying.plan().is_empty());
    let snapshot = planned[0].rsplit_once('/').unwrap().0;
    let count = |start: &str| {
        let found = files(home.path());
        found.keys().filter(|name| name.starts_with(start)).count()
    };
    assert_eq!(count(snapshot), 1);

    let mut next = sink_at(home.path(), FileFormat::JsonLines);
    next.write(vec![record("a", json!({"n": 2}))])
        .await
        .unwrap();
    next.flush().await.unwrap();
    assert_eq!(count(snapshot), 2);
    next.discard(&planned).await.unwrap();
    let left: BTreeMap<_, _> = files(home.path())
        .into_iter()
        .filter(|(name, _)| name.starts_with(snapshot))
        .collect();
    assert_eq!(lines(&left), [json!({"n": 2})]);
}

#[tokio::test]
async fn parquet_has_the_columns_of_the_schema() {
    let home = TempDir::new().unwrap();
    let mut sink = sink_at(home.path(), FileFormat::Parquet);
    let properties = json!({
        "at": {"type": "string", "format": "date-time"}, "n": {"type": ["integer", "null"]},
        "x": {"type": "number"}, "yes": {"type": "boolean"}, "text": {"type": "string"},
        "list": {"type": "array"}, "day": {"type": "string", "format": "date"},
    });
    let written = json!({
        "at": "2026-01-02T03:04:05.5+00:00", "n": 9_007_199_254_740_993_i64, "x": 0.1,
        "yes": false, "text": "ä\"\n", "list": [1, {"a": null}], "day": "2026-01-02", "more": 7
    });
    let messages = vec![
        schema("a", properties),
        record("a", written),
        record("a", json!({"day": "2026-01-02", "n": null, "x": 2})),
    ];
    sink.write(messages).await.unwrap();
    sink.flush().await.unwrap();
    let (_, bytes) = files(home.path()).pop_first().unwrap();
    let (batch, rows) = rows(bytes);
    let types: Vec<String> = batch
        .schema()
        .fields()
        .iter()
        .map(|field| field.data_type().to_string())
        .collect();
    assert_eq!(
        types,
        [
            "Timestamp(µs, \"+00:00\")",
            "Int64",
            "Float64",
            "Boolean",
            "Utf8",
            "Utf8",
            "Utf8",
            "Utf8"
        ]
    );
    let wanted = [
        json!({
            "at": "2026-01-02T03:04:05.500Z", "n": 9_007_199_254_740_993_i64, "x": 0.1,
            "yes": false, "text": "ä\"\n", "list": "[1,{\"a\":null}]", "day": "2026-01-02",
            "_rest": "{\"more\":7}"
        }),
        json!({"x": 2.0, "day": "2026-01-02"}),
    ];
    assert_eq!(rows, wanted);
}

#[tokio::test]
async fn a_schema_with_other_columns_begins_another_file() {
    let home = TempDir::new().unwrap();
    let mut sink = sink_at(home.path(), FileFormat::Parquet);
    let messages = vec![
        schema("a", json!({"n": {"type": "integer"}})),
        record("a", json!({"n": 1})),
        schema("a", json!({"n": {"type": "integer"}})),
        record("a", json!({"n": 2})),
        schema("a", json!({"n": {"type": ["integer", "string"]}})),
        record("a", json!({"n": "3"})),
        schema(
            "a",
            json!({"n": {"type": "string"}, "m": {"type": "string"}}),
        ),
        record("a", json!({"n": 4, "m": "5"})),
    ];
    sink.write(messages).await.unwrap();
    sink.flush().await.unwrap();
    let found: Vec<Vec<Value>> = files(home.path())
        .into_values()
        .map(|bytes| rows(bytes).1)
        .collect();
    assert_eq!(
        found,
        [
            vec![
                json!({"n": 1}),
                json!({"n": 2}),
                json!({"_rest": "{\"n\":\"3\"}"})
            ],
            // A column keeps its type: all files can be read as one.
            vec![json!({"n": 4, "m": "5"})]
        ]
    );
}

#[tokio::test]
async fn columns_are_those_of_a_schema_that_came_before() {
    let home = TempDir::new().unwrap();
    let mut sink = sink_at(home.path(), FileFormat::Parquet);
    let early = sink
        .write(vec![record("a", json!({"n": 1}))])
        .await
        .unwrap_err();
    assert!(early.to_string().contains("before its schema"), "{early}");
}

#[test]
fn an_unknown_format_is_refused_with_what_is_allowed() {
    let error = "csv".parse::<FileFormat>().unwrap_err().to_string();
    assert!(
        error.contains("\"csv\"") && error.contains("\"parquet\""),
        "{error}"
    );
}

fn any_record() -> impl Strategy<Value = Map<String, Value>> {
    let value = prop_oneof![
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        ".{0,20}".prop_map(Value::from),
        Just(Value::Null),
        Just(json!({"a": [1]})),
    ];
    proptest::collection::btree_map("[a-d\"ä]{1,2}", value, 0..6)
        .prop_map(|record| record.into_iter().collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_written_is_read_again(records in proptest::collection::vec(any_record(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let home = TempDir::new().unwrap();
        let messages = |stream: &str| {
            let all = records.iter().cloned().map(|one| record(stream, Value::Object(one)));
            all.collect::<Vec<_>>()
        };
        runtime.block_on(async {
            let mut sink = sink_at(home.path(), FileFormat::JsonLines);
            sink.write(messages("lines")).await.unwrap();
            sink.flush().await.unwrap();
        });
        let wanted: Vec<Value> = records.iter().cloned().map(Value::Object).collect();
        prop_assert_eq!(lines(&files(home.path())), wanted.clone());
        // Without a schema of their own all keys are in the rest.
        let home = TempDir::new().unwrap();
        runtime.block_on(async {
            let mut sink = sink_at(home.path(), FileFormat::Parquet);
            sink.write(vec![schema("rows", json!({}))]).await.unwrap();
            sink.write(messages("rows")).await.unwrap();
            sink.flush().await.unwrap();
        });
        let (_, bytes) = files(home.path()).pop_first().unwrap();
        let read: Vec<Value> = rows(bytes).1.iter().map(|row| match &row["_rest"] {
            Value::String(rest) => serde_json::from_str(rest).unwrap(),
            _ => json!({}),
        }).collect();
        prop_assert_eq!(read, wanted);
    }
}
