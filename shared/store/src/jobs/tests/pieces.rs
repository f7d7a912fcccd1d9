//! Bookmarks that no item holds.

use super::*;
use crate::attribute;
use crate::db::{Item, Key, Order, Query, SkRange, Table};

const SMALL: BookmarkSizes = BookmarkSizes {
    in_item: 100,
    piece: 60,
    longest: 1_000,
};

/// A bookmark that has so many bytes as JSON.
fn long(bytes: usize, letter: char) -> Value {
    let letters = (bytes - 2) / letter.len_utf8();
    let text = letter.to_string().repeat(letters);
    let rest = "-".repeat(bytes - 2 - text.len());
    Value::String(rest + &text)
}

async fn save(bench: &Bench, lease: &mut Lease, bookmark: &Value) -> Result<(), LeaseError> {
    let saved = lease.save(&bench.store, bookmark.clone(), vec![], bench.soon());
    saved.await
}

async fn pieces(bench: &Bench) -> Vec<Item> {
    let query = Query {
        table: Table::Bookmarks,
        pk: "pieces#j".into(),
        sk: SkRange::All,
        order: Order::Ascending,
        attributes: None,
        limit: None,
    };
    let items = bench.store.db().query_all(&query, bench.soon()).await;
    items.unwrap()
}

async fn names(bench: &Bench) -> Vec<String> {
    let of = |item: &Item| attribute::read_text(item, "sk").unwrap().to_owned();
    pieces(bench).await.iter().map(of).collect()
}

#[tokio::test(start_paused = true)]
async fn a_bookmark_comes_back_whatever_its_size_and_nothing_else_is_left() {
    let bench = Bench::with(SMALL).await;
    let mut lease = bench.held("one").await;
    let sizes = [
        3, 99, 100, 101, 119, 120, 121, 100, 179, 180, 181, 999, 1_000, 50, 400,
    ];
    for (bytes, letter) in sizes.into_iter().zip("aé😀".chars().cycle()) {
        let bookmark = long(bytes, letter);
        assert_eq!(bookmark.to_string().len(), bytes);
        save(&bench, &mut lease, &bookmark).await.unwrap();
        assert_eq!(lease.bookmark(), Some(&bookmark));
        assert_eq!(bench.state().await.bookmark.as_ref(), Some(&bookmark));
        let expected = if bytes > 100 { bytes.div_ceil(60) } else { 0 };
        assert_eq!(pieces(&bench).await.len(), expected, "of {bytes} bytes");
        bench.clock.advance(11 * MINUTE);
        lease = bench.held(&format!("after {bytes}")).await;
        assert_eq!(lease.bookmark(), Some(&bookmark));
        assert_eq!(pieces(&bench).await.len(), expected, "of {bytes} bytes");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_stored_beside_a_long_bookmark_leaves_it_alone() {
    let bench = Bench::with(SMALL).await;
    let mut lease = bench.held("one").await;
    save(&bench, &mut lease, &long(500, 'x')).await.unwrap();
    let before = names(&bench).await;
    lease.renew(&bench.store, bench.soon()).await.unwrap();
    let planned = vec!["a".to_owned()];
    lease
        .intend(&bench.store, planned.clone(), bench.soon())
        .await
        .unwrap();
    assert_eq!(bench.state().await.pending, planned);
    save(&bench, &mut lease, &long(500, 'x')).await.unwrap();
    assert_eq!(bench.state().await.pending, [""; 0]);
    lease.release(&bench.store, bench.soon()).await.unwrap();
    assert_eq!(names(&bench).await, before);
    let mut lease = bench.held("two").await;
    assert_eq!(names(&bench).await, before);
    save(&bench, &mut lease, &long(500, 'y')).await.unwrap();
    let after = names(&bench).await;
    assert!(after.len() == 9 && after.iter().all(|name| !before.contains(name)));
    assert_eq!(bench.state().await.bookmark, Some(long(500, 'y')));
}

#[tokio::test(start_paused = true)]
async fn a_bookmark_that_is_too_long_is_refused_and_the_lease_goes_on() {
    let bench = Bench::with(SMALL).await;
    let mut lease = bench.held("one").await;
    save(&bench, &mut lease, &long(700, 'x')).await.unwrap();
    let told = save(&bench, &mut lease, &long(1_001, 'x'))
        .await
        .unwrap_err();
    assert!(matches!(&told, LeaseError::Store(StoreError::Refused(_))));
    let text = told.to_string();
    assert!(
        text.contains("the bookmark of the job j has 1001 bytes") && text.contains("up to 1000"),
        "{text}"
    );
    assert_eq!(bench.state().await.bookmark, Some(long(700, 'x')));
    save(&bench, &mut lease, &long(1_000, 'x')).await.unwrap();
    assert_eq!(bench.state().await.bookmark, Some(long(1_000, 'x')));
}

#[tokio::test(start_paused = true)]
async fn names_of_outputs_that_no_item_holds_are_refused() {
    let bench = Bench::start().await;
    let mut lease = bench.held("one").await;
    save(&bench, &mut lease, &long(100_000, 'x')).await.unwrap();
    let names = vec!["x".repeat(249_997)];
    let told = lease.intend(&bench.store, names, bench.soon()).await;
    let text = told.unwrap_err().to_string();
    assert!(text.contains("job j has 350001 bytes"), "{text}");
    let names = vec!["x".repeat(249_996)];
    lease
        .intend(&bench.store, names.clone(), bench.soon())
        .await
        .unwrap();
    assert_eq!(bench.state().await.pending, names);
}

#[tokio::test(start_paused = true)]
async fn the_pieces_of_the_longest_bookmark_fit_into_items() {
    let bench = Bench::start().await;
    let mut lease = bench.held("one").await;
    let longest = BookmarkSizes::default().longest;
    let told = save(&bench, &mut lease, &long(longest + 1, 'é')).await;
    assert!(
        told.unwrap_err()
            .to_string()
            .contains("up to 8000000 are kept")
    );
    save(&bench, &mut lease, &long(longest, 'é')).await.unwrap();
    assert_eq!(pieces(&bench).await.len(), 27);
    assert_eq!(bench.state().await.bookmark, Some(long(longest, 'é')));
}

#[tokio::test(start_paused = true)]
async fn pieces_that_are_not_what_was_stored_are_told_of() {
    let bench = Bench::with(SMALL).await;
    let mut lease = bench.held("one").await;
    save(&bench, &mut lease, &long(300, 'x')).await.unwrap();
    let mut second = pieces(&bench).await.remove(1);
    second.insert("piece".into(), attribute::bytes(vec![b'y'; 60]));
    let key = Key::of(&second).unwrap();
    let put = crate::db::Put {
        table: Table::Bookmarks,
        item: second,
        condition: None,
    };
    let db = bench.store.db();
    db.put_repeatable(put, bench.soon()).await.unwrap();
    let told = bench.store.job(&job("j"), bench.soon()).await.unwrap_err();
    assert_eq!(
        told.to_string(),
        "cannot read the bookmark of the job j: its pieces are not what was stored"
    );
    db.delete_many(Table::Bookmarks, vec![key], bench.soon())
        .await
        .unwrap();
    let told = bench.store.job(&job("j"), bench.soon()).await.unwrap_err();
    assert_eq!(
        told.to_string(),
        "cannot read the job j: pieces of its bookmark are missing"
    );
}
