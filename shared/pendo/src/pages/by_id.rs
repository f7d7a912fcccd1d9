//! Pages of rows that are sorted by an id which no two of them share.

use crate::pages::Next;

/// Where a traversal by id is.
#[derive(Debug, Clone)]
pub(crate) struct ById {
    limit: u64,
    /// The id after which the rows of the page come.
    asked_after: Option<String>,
    /// The last id that was met.
    last: Option<String>,
    rows: u64,
}

/// A page from which no next one can be asked for: it is full, and has no id but the one that it
/// was to come after.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NoWayOn;

impl ById {
    /// Begins after an id, or at the first.
    pub(crate) fn after(id: Option<String>, limit: u64) -> ById {
        ById {
            limit,
            asked_after: None,
            last: id,
            rows: 0,
        }
    }

    /// Asks for a page: the id that its rows come after.
    pub(crate) fn ask(&mut self) -> Option<&str> {
        self.rows = 0;
        self.asked_after.clone_from(&self.last);
        self.asked_after.as_deref()
    }

    /// How many rows a page has at most.
    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    /// Takes a row of the page.
    pub(crate) fn take(&mut self, id: Option<&str>) {
        self.rows += 1;
        if let Some(id) = id {
            let last = self.last.get_or_insert_default();
            last.clear();
            last.push_str(id);
        }
    }

    /// The page has come to its end.
    pub(crate) fn end_page(&self) -> Result<Next, NoWayOn> {
        match self.rows < self.limit {
            true => Ok(Next::End),
            false if self.last == self.asked_after => Err(NoWayOn),
            false => Ok(Next::Page),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What Pendo answers.
    fn page<'a>(rows: &'a [String], after: Option<&str>, limit: u64) -> Vec<&'a String> {
        let rows = rows.iter();
        let after = rows.filter(|id| after.is_none_or(|after| id.as_str() > after));
        after.take(usize::try_from(limit).unwrap()).collect()
    }

    proptest! {
        #[test]
        fn every_id_comes_once_at_any_limit_and_wherever_answers_are_cut(
            ids in prop::collection::btree_set("[a-c/\"]{0,3}", 0..30),
            limit in 1_u64..8,
            cuts in prop::collection::vec(0_usize..8, 0..10),
        ) {
            let ids: Vec<String> = ids.into_iter().collect();
            let (mut pages, mut met) = (ById::after(None, limit), Vec::new());
            let mut cuts = cuts.into_iter();
            loop {
                let rows = page(&ids, pages.ask(), limit);
                let cut = cuts.next().filter(|cut| *cut < rows.len());
                for id in rows.into_iter().take(cut.unwrap_or(usize::MAX)) {
                    pages.take(Some(id));
                    met.push(id.clone());
                }
                if cut.is_none() && pages.end_page() == Ok(Next::End) {
                    break;
                }
            }
            prop_assert_eq!(met, ids);
        }
    }

    #[test]
    fn a_full_page_without_ids_does_not_come_for_ever() {
        let mut pages = ById::after(Some("a".to_owned()), 2);
        assert_eq!(pages.ask(), Some("a"));
        pages.take(None);
        assert_eq!(pages.end_page(), Ok(Next::End));
        pages.take(Some("a"));
        assert_eq!(pages.end_page(), Err(NoWayOn));
    }
}
