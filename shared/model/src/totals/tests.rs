use super::*;
use proptest::prelude::*;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(millis).expect("in range")
}

fn totals(events: &[(i64, f64)]) -> Totals {
    let mut totals = Totals::default();
    for (millis, value) in events {
        totals.add(at(*millis), *value);
    }
    totals
}

fn merged(a: &Totals, b: &Totals) -> Totals {
    let mut merged = a.clone();
    merged.merge(b);
    merged
}

#[test]
fn nothing_has_no_extremes() {
    let none = Totals::default();
    assert!(none.is_empty());
    assert_eq!(
        (none.min(), none.max(), none.mean(), none.stddev()),
        (None, None, None, None)
    );
    assert_eq!((none.first(), none.last()), (None, None));
    assert_eq!(
        (none.count(), none.sum(), none.sum_exact()),
        (0, 0.0, Some(0))
    );
}

#[test]
fn totals_of_a_few_events_are_those_of_a_textbook() {
    let t = totals(&[
        (3, 2.0),
        (1, 4.0),
        (2, 4.0),
        (4, 4.0),
        (5, 5.0),
        (6, 5.0),
        (7, 7.0),
        (8, 9.0),
    ]);
    assert_eq!((t.count(), t.sum(), t.mean()), (8, 40.0, Some(5.0)));
    assert_eq!(
        (t.min(), t.max(), t.stddev()),
        (Some(2.0), Some(9.0), Some(2.0))
    );
    assert_eq!(
        (t.first(), t.last()),
        (Some((at(1), 4.0)), Some((at(8), 9.0)))
    );
}

#[test]
fn at_one_instant_first_is_the_smallest_and_last_the_largest() {
    let t = totals(&[(5, 2.0), (5, 1.0), (5, 3.0), (5, -0.0)]);
    assert_eq!(
        (t.first(), t.last()),
        (Some((at(5), 0.0)), Some((at(5), 3.0)))
    );
}

#[test]
fn the_two_zeros_are_one() {
    let t = Totals::of(at(1), -0.0);
    assert_eq!(t.min().map(f64::to_bits), Some(0.0_f64.to_bits()));
    assert_eq!(t.sum().to_bits(), 0.0_f64.to_bits());
}

#[test]
fn integer_sums_are_exact_where_doubles_are_not() {
    let large = 9_007_199_254_740_992.0;
    let t = totals(&[(1, large), (2, 1.0), (3, 1.0), (4, -large)]);
    assert_eq!((t.sum(), t.sum_exact()), (2.0, Some(2)));
    let beyond = totals(&[(1, 9.3e18), (2, 1.0)]);
    assert_eq!((beyond.sum(), beyond.sum_exact()), (9.3e18, None));
}

#[test]
fn decimal_sums_are_rounded_once() {
    let tenths: Vec<(i64, f64)> = (0..10).map(|n| (n, 0.1)).collect();
    assert_eq!(totals(&tenths).sum(), 1.0);
    assert_eq!(totals(&[(1, 1e100), (2, 0.5), (3, -1e100)]).sum(), 0.5);
}

#[test]
fn the_spread_of_values_far_from_zero_is_not_lost() {
    for shift in [1e12, 1e12 + 0.25] {
        let events: Vec<(i64, f64)> = (0..1000)
            .map(|n| (n, shift + if n % 2 == 0 { 1.0 } else { -1.0 }))
            .collect();
        let stddev = totals(&events).stddev().expect("some");
        assert!((stddev - 1.0).abs() < 1e-12, "{stddev}");
    }
}

#[test]
fn a_sum_past_a_doubles_range_is_infinite_and_agrees_with_itself() {
    let t = totals(&[(1, 1e308), (2, 1e308), (3, -1e308)]);
    assert!(t.sum().is_infinite());
    assert!(t.agrees_with(&totals(&[(1, 1e308), (2, 1e308), (3, -1e308)])));
}

#[test]
fn totals_of_other_events_do_not_agree() {
    let t = totals(&[(1, 1.0), (2, 2.5)]);
    assert!(t.agrees_with(&t));
    for other in [
        totals(&[(1, 1.0)]),
        totals(&[(1, 1.0), (3, 2.5)]),
        totals(&[(1, 1.0), (2, 2.500001)]),
        totals(&[(1, 1.0), (2, 2.5), (1, 1.0)]),
    ] {
        assert!(!t.agrees_with(&other));
    }
    // The same count, extremes, first and last.
    let a = totals(&[(1, 0.5), (2, 1.0), (3, 4.0)]);
    let b = totals(&[(1, 0.5), (2, 1.1), (3, 4.0)]);
    assert!(!a.agrees_with(&b));
    let a = totals(&[(1, 0.5), (2, 1.0), (2, 3.0), (3, 4.0)]);
    let b = totals(&[(1, 0.5), (2, 2.0), (2, 2.0), (3, 4.0)]);
    assert!(!a.agrees_with(&b));
}

fn whole() -> impl Strategy<Value = f64> {
    prop_oneof![
        (-1000..1000_i64).prop_map(|n| n as f64),
        any::<i64>()
            .prop_map(|n| n as f64)
            .prop_filter("below 2⁶³", |v| v.abs() < 9.2e18),
    ]
}

fn real() -> impl Strategy<Value = f64> {
    prop_oneof![
        whole(),
        -1e6..1e6_f64,
        -1e-3..1e-3_f64,
        Just(1e40),
        Just(-1e40)
    ]
}

fn events(value: impl Strategy<Value = f64>) -> impl Strategy<Value = Vec<(i64, f64)>> {
    proptest::collection::vec((0..50_i64, value), 0..40)
}

proptest! {
    #[test]
    fn whole_totals_equal_a_recount(events in events(whole())) {
        let t = totals(&events);
        prop_assert_eq!(t.count(), events.len() as u64);
        prop_assert_eq!(t.sum_exact(), Some(events.iter().map(|e| e.1 as i128).sum()));
        prop_assert_eq!(t.min(), events.iter().map(|e| e.1).reduce(f64::min));
        prop_assert_eq!(t.max(), events.iter().map(|e| e.1).reduce(f64::max));
        let place = |e: &&(i64, f64)| (e.0, e.1 as i128);
        prop_assert_eq!(t.first(), events.iter().min_by_key(place).map(|e| (at(e.0), e.1)));
        prop_assert_eq!(t.last(), events.iter().max_by_key(place).map(|e| (at(e.0), e.1)));
    }

    #[test]
    fn the_spread_equals_a_two_pass_one(events in events(-1000.0..1000.0)) {
        let t = totals(&events);
        let n = events.len() as f64;
        let mean = events.iter().map(|e| e.1).sum::<f64>() / n;
        let variance = events.iter().map(|e| (e.1 - mean).powi(2)).sum::<f64>() / n;
        if let Some(stddev) = t.stddev() {
            prop_assert!((stddev - variance.sqrt()).abs() <= 1e-9, "{stddev} {variance}");
        }
    }

    #[test]
    fn merging_is_commutative(a in events(real()), b in events(real())) {
        let (a, b) = (totals(&a), totals(&b));
        prop_assert_eq!(merged(&a, &b), merged(&b, &a));
        prop_assert_eq!(merged(&a, &Totals::default()), a);
    }

    #[test]
    fn merging_integers_is_associative(a in events(whole()), b in events(whole()), c in events(whole())) {
        let (a, b, c) = (totals(&a), totals(&b), totals(&c));
        let mut left = merged(&merged(&a, &b), &c);
        let right = merged(&a, &merged(&b, &c));
        prop_assert!(left.agrees_with(&right), "{left:?} {right:?}");
        left.m2 = right.m2;
        prop_assert_eq!(left, right);
    }

    #[test]
    fn any_order_and_grouping_agrees(
        events in events(real()),
        keys in proptest::collection::vec(any::<u32>(), 40),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut shuffled: Vec<_> = events.iter().zip(keys).map(|(e, k)| (k, *e)).collect();
        shuffled.sort_by_key(|e| e.0);
        let shuffled: Vec<_> = shuffled.into_iter().map(|e| e.1).collect();
        let (head, tail) = shuffled.split_at(cut.index(events.len() + 1));
        let (once, parts) = (totals(&events), merged(&totals(head), &totals(tail)));
        prop_assert!(once.agrees_with(&parts), "{once:?} {parts:?}");
    }
}
