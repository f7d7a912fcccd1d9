//! Pages of rows that are sorted by a time which many of them may share.
//!
//! Rows of one time are a group. They are told as they come, and the position is the time of the
//! group under way: all before it is told, nothing after it. A full page may have ended within its
//! last group, so the next page begins with that group, and what was told of it is passed over. A
//! page full of a single group leads nowhere: it is asked for again with twice the limit, which then
//! stays. An answer that is cut is a page that ended within its last group.
//!
//! A server may answer fewer rows than it is asked for. With the limit of the configuration that cannot
//! be seen; after it was doubled, a page that is not full is the last one only if there are no more
//! rows, which is asked for.

use crate::pages::{Fate, Next, Print, Told};

/// Where a traversal by time is.
#[derive(Debug)]
pub(crate) struct ByTime {
    limit: u64,
    has_doubled: bool,
    /// The time from which rows were asked for.
    asked_from: i64,
    /// The time of the group under way.
    at: i64,
    told: Told,
    rows: u64,
}

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Whether it is told, or was already.
    pub(crate) fate: Fate,
    /// All before this row is told: it is the first of a later time.
    pub(crate) is_border: bool,
}

impl ByTime {
    /// Begins with rows of this time.
    pub(crate) fn from(time: i64, limit: u64) -> ByTime {
        ByTime {
            limit,
            has_doubled: false,
            asked_from: time,
            at: time,
            told: Told::default(),
            rows: 0,
        }
    }

    /// Asks for a page: the time of its first rows.
    pub(crate) fn ask(&mut self) -> i64 {
        self.rows = 0;
        self.told.again();
        self.asked_from = self.at;
        self.at
    }

    /// How many rows a page has at most.
    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    /// The time before which all is told.
    pub(crate) fn at(&self) -> i64 {
        self.at
    }

    /// How many rows there were on the page.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Takes a row of the page. One without a time, or out of order, belongs to the group under
    /// way.
    pub(crate) fn take(&mut self, time: Option<i64>, print: Print) -> Taken {
        self.rows += 1;
        let later = time.filter(|time| *time > self.at);
        if let Some(time) = later {
            if !self.told.is_whole() {
                return Taken {
                    fate: Fate::Astray,
                    is_border: false,
                };
            }
            self.at = time;
            self.told.clear();
        }
        Taken {
            fate: self.told.take(print),
            is_border: later.is_some(),
        }
    }

    /// The page has come to its end.
    pub(crate) fn end_page(&mut self) -> Next {
        if self.rows < self.limit {
            return match (self.told.is_whole(), self.has_doubled) {
                (false, _) => Next::Page,
                (true, false) => Next::End,
                (true, true) => Next::EndIfAll,
            };
        }
        if self.at == self.asked_from {
            self.limit = self.limit.saturating_mul(2);
            self.has_doubled = true;
        }
        Next::Page
    }

    /// Goes on with a later part of the time line: nothing before it is left.
    pub(crate) fn skip_to(&mut self, time: i64) {
        if time > self.at {
            self.at = time;
            self.told.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Map, json};

    fn print(number: u8) -> Print {
        Print::of(&Map::from_iter([("n".to_owned(), json!(number))]))
    }

    /// What Pendo answers.
    fn page(rows: &[(i64, u8)], from: i64, limit: u64) -> Vec<(i64, u8)> {
        let later = rows.iter().filter(|(time, _)| *time >= from);
        later
            .copied()
            .take(usize::try_from(limit).unwrap())
            .collect()
    }

    proptest! {
        #[test]
        fn every_row_comes_once_at_any_limit_and_wherever_answers_are_cut(
            mut rows in prop::collection::vec((0_i64..5, 0_u8..4), 0..40),
            limit in 1_u64..8,
            cuts in prop::collection::vec(0_usize..12, 0..10),
            known in prop::sample::select(vec![0_usize, 2, 1000]),
        ) {
            rows.sort_by_key(|(time, _)| *time);
            let (mut pages, mut told) = (ByTime::from(1, limit), Vec::new());
            pages.told = Told::of_most(known);
            let mut cuts = cuts.into_iter();
            loop {
                let from = pages.ask();
                let rows = page(&rows, from, pages.limit());
                let cut = cuts.next().filter(|cut| *cut < rows.len());
                for (time, number) in rows.into_iter().take(cut.unwrap_or(usize::MAX)) {
                    let taken = pages.take(Some(time), print(number));
                    if taken.is_border {
                        // A run that goes on from here tells the rest, and nothing twice.
                        prop_assert!(told.iter().all(|(before, _)| *before < pages.at()));
                    }
                    if taken.fate == Fate::New {
                        told.push((time, number));
                    }
                }
                if cut.is_none() && pages.end_page() != Next::Page {
                    break;
                }
            }
            let mut expected: Vec<_> = rows.into_iter().filter(|(time, _)| *time >= 1).collect();
            expected.sort_unstable();
            told.sort_unstable();
            prop_assert_eq!(told, expected);
        }
    }

    #[test]
    fn a_page_full_of_one_group_is_asked_for_with_twice_the_limit() {
        let mut pages = ByTime::from(5, 2);
        assert_eq!((pages.ask(), pages.limit()), (5, 2));
        pages.take(Some(5), print(1));
        pages.take(Some(5), print(2));
        assert_eq!(pages.end_page(), Next::Page);
        assert_eq!((pages.ask(), pages.limit()), (5, 4));
        let fates = [1, 2, 3].map(|number| pages.take(Some(5), print(number)).fate);
        assert_eq!(fates, [Fate::Known, Fate::Known, Fate::New]);
        assert_eq!((pages.end_page(), pages.rows()), (Next::EndIfAll, 3));
    }

    proptest! {
        #[test]
        fn rows_that_come_in_another_order_are_repeated_and_never_lost(
            mut rows in prop::collection::vec((0_i64..3, 0_u8..9), 0..30),
            limit in 1_u64..8,
            orders in prop::collection::vec(any::<u8>(), 12),
            known in prop::sample::select(vec![0_usize, 2, 1000]),
        ) {
            let (mut pages, mut told) = (ByTime::from(0, limit), Vec::new());
            pages.told = Told::of_most(known);
            // In the end the order stays, as it must for pages at all.
            let mut orders = orders.into_iter().chain(std::iter::repeat(0));
            for _ in 0..200 {
                let order = orders.next().unwrap();
                rows.sort_by_key(|(time, number)| (*time, number.wrapping_mul(order | 1)));
                let from = pages.ask();
                let mut is_astray = false;
                for (time, number) in page(&rows, from, pages.limit()) {
                    match pages.take(Some(time), print(number)).fate {
                        Fate::New | Fate::Again => told.push((time, number)),
                        Fate::Known => {}
                        Fate::Astray => {
                            is_astray = true;
                            break;
                        }
                    }
                }
                if !is_astray && pages.end_page() != Next::Page {
                    break;
                }
            }
            for row in &rows {
                let count = |among: &[(i64, u8)]| among.iter().filter(|it| *it == row).count();
                prop_assert!(count(&told) >= count(&rows), "{:?} of {:?}", row, told);
            }
        }
    }

    #[test]
    fn a_row_without_a_time_belongs_to_the_group_under_way() {
        let mut pages = ByTime::from(5, 2);
        pages.ask();
        let taken = pages.take(None, print(1));
        let expected = Taken {
            fate: Fate::New,
            is_border: false,
        };
        assert_eq!((taken, pages.at()), (expected, 5));
    }
}
