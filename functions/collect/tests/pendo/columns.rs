//! Jobs into Parquet, whose columns have types.

use std::collections::BTreeMap;
use std::fs::File;

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use serde_json::{Value, json};
use weir_collector::Ended;
use weir_third_parties::PendoFixture;

use crate::world::{World, list, now, range, start};

/// The rows of all files, by stream, as text.
fn rows(world: &World, directory: &str) -> BTreeMap<String, Vec<String>> {
    let mut rows = BTreeMap::<String, Vec<String>>::new();
    for stream in list(&world.path().join(directory)) {
        let name = stream.file_name().unwrap().to_str().unwrap().to_owned();
        for file in list(&stream).iter().flat_map(|date| list(date)) {
            let reader = SerializedFileReader::new(File::open(file).unwrap()).unwrap();
            let read = reader.get_row_iter(None).unwrap();
            let texts = read.map(|row| row.unwrap().to_string());
            rows.entry(name.clone()).or_default().extend(texts);
        }
    }
    rows
}

fn counts<T>(of: &BTreeMap<String, Vec<T>>) -> BTreeMap<&str, usize> {
    let counts = of
        .iter()
        .map(|(stream, rows)| (stream.as_str(), rows.len()));
    counts.collect()
}

#[tokio::test]
async fn every_row_is_there_whatever_is_in_its_fields() {
    let world = World::start(PendoFixture::awkward_at(now())).await;
    let lines = world.document(Value::Null);
    let (report, _) = world.run(&lines, range(&start(), None)).await;
    assert_eq!(report.ended, Ended::Complete);
    let told = world.records();
    let is_odd = |row: &&Value| row["num_minutes"].is_f64();
    let odd = told["events"].iter().filter(is_odd).count();
    assert!(odd > 0, "all of them fit");
    let mut parquet = lines;
    let url = format!("file://{}", world.path().join("parquet").display());
    parquet["sink"] = json!({"type": "files", "url": url, "format": "parquet"});
    let (report, _) = world.run(&parquet, range(&start(), None)).await;
    assert_eq!(report.ended, Ended::Complete);
    let rows = rows(&world, "parquet");
    assert_eq!(counts(&rows), counts(&told));
    let is_in_the_rest = |row: &&String| row.contains("\"num_minutes\":");
    assert_eq!(rows["events"].iter().filter(is_in_the_rest).count(), odd);
}
