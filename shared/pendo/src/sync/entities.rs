//! Things with ids: told in the order of their ids, their ids gathered for their child stream.
//!
//! Times are compared here and not by Pendo, because a thing without a time has to be told as well,
//! and because the parents of a child stream are all there are. A traversal that goes on after an
//! interruption goes on after an id; what comes before it is asked for separately, for its ids alone
//! and only if there is a child stream. So nothing depends on how Pendo sorts, nor on whether the
//! thing with that id is still there.

use crate::api::{Api, Apps, Trouble, entity, quoted};
use crate::pages::{ById, Next};
use crate::parents::{Parent, Parents};
use crate::record::{Row, RowSeed, rows_id_only};
use crate::selection::SelectedStream;
use crate::state::Traversal;
use crate::streams::EntityKind;
use crate::sync::Teller;
use weir_collector::Fault;

/// What of the things is asked for: one part after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    parts: Vec<Part>,
    gathers: bool,
}

/// Things whose ids come after one and up to another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Part {
    after: Option<String>,
    up_to: Option<String>,
    /// Whether records are told, or only ids gathered.
    is_told: bool,
    /// Whether a pass of the child stream has these behind it.
    is_passed: bool,
}

impl Plan {
    /// All things are told. `passed` is the id up to which a pass of the child stream has come.
    pub(crate) fn whole(gathers: bool, passed: Option<&str>) -> Plan {
        let passed = passed.filter(|_| gathers);
        Plan::split(gathers, passed, [true, true], [true, false])
    }

    /// Those after an id are told; the ids of the others may be needed.
    pub(crate) fn after(gathers: bool, id: Option<&str>) -> Plan {
        let mut plan = Plan::split(gathers, id, [false, true], [false, false]);
        plan.parts.retain(|part| part.is_told || gathers);
        plan
    }

    /// None are told: a pass of the child stream goes on.
    pub(crate) fn ids(passed: Option<&str>) -> Plan {
        Plan::split(true, passed, [false, false], [true, false])
    }

    fn split(gathers: bool, at: Option<&str>, told: [bool; 2], passed: [bool; 2]) -> Plan {
        let part = |side: usize| Part {
            is_told: told[side],
            is_passed: passed[side],
            ..Part::default()
        };
        let at = at.map(str::to_owned);
        let before = at.clone().map(|id| Part {
            up_to: Some(id),
            ..part(0)
        });
        let rest = Part {
            after: at,
            ..part(1)
        };
        Plan {
            parts: before.into_iter().chain([rest]).collect(),
            gathers,
        }
    }
}

/// Tells the things that have changed since `bookmark` and gathers the ids of all, as the plan says.
/// `under_way` says how far it has come, also after a failure.
pub(crate) async fn traverse(
    api: &Api,
    stream: &SelectedStream,
    asked: (&EntityKind, &Apps, u64),
    plan: Plan,
    (bookmark, under_way): (i64, &mut Traversal),
    teller: &mut Teller<'_>,
) -> Result<Parents, Trouble> {
    let (kind, apps, limit) = asked;
    let mut walk = Walk {
        api,
        stream,
        kind,
        apps,
        bookmark,
        gathers: plan.gathers,
        under_way,
        parents: Parents::default(),
    };
    for part in &plan.parts {
        walk.part(part, limit, teller).await?;
    }
    Ok(walk.parents)
}

/// A traversal under way.
struct Walk<'a> {
    api: &'a Api,
    stream: &'a SelectedStream,
    kind: &'a EntityKind,
    apps: &'a Apps,
    bookmark: i64,
    gathers: bool,
    under_way: &'a mut Traversal,
    parents: Parents,
}

impl Walk<'_> {
    async fn part(
        &mut self,
        part: &Part,
        limit: u64,
        teller: &mut Teller<'_>,
    ) -> Result<(), Trouble> {
        let mut pages = ById::after(part.after.clone(), limit);
        let mut patience = self.api.patience();
        loop {
            let filter = filter(self.kind.id, pages.ask(), part.up_to.as_deref());
            let ask = entity(self.kind, self.apps, filter, pages.limit());
            let mut rows = self.api.rows(self.stream.id, &ask, self.seed(part)).await?;
            let end = loop {
                let row = match rows.next().await {
                    Ok(Some(row)) => row,
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                };
                patience.progress();
                pages.take(row.id.as_deref());
                self.take(row, part, teller).await?;
            };
            match end {
                Err(error) => patience.again(error).await?,
                Ok(()) => match pages.end_page() {
                    Ok(Next::Page) => {}
                    Ok(Next::End | Next::EndIfAll) => return Ok(()),
                    Err(_) => return Err(Trouble::Refused(self.no_way_on())),
                },
            }
        }
    }

    fn seed(&self, part: &Part) -> RowSeed {
        match part.is_told {
            true => RowSeed::new(self.stream, Vec::new()),
            false => rows_id_only(self.stream.id),
        }
    }

    async fn take(
        &mut self,
        row: Row,
        part: &Part,
        teller: &mut Teller<'_>,
    ) -> Result<(), Trouble> {
        if let Some(id) = row.id.as_ref().filter(|_| self.gathers) {
            self.parents.push(&Parent {
                id: id.clone(),
                last_seen: row.last_seen,
                do_not_process: row.do_not_process,
                is_passed: part.is_passed,
            })?;
        }
        if !part.is_told {
            return Ok(());
        }
        self.under_way.greatest = self.under_way.greatest.max(row.time);
        if row.time.is_none_or(|time| time >= self.bookmark) {
            teller.record(row.record).await?;
        }
        if let Some(id) = row.id {
            self.under_way.after = Some(id);
            let (stream, under_way) = (self.stream.id, &*self.under_way);
            let write = |book: &mut crate::state::Book| book.set_traversal(stream, Some(under_way));
            teller.border(write).await?;
        }
        Ok(())
    }

    fn no_way_on(&self) -> Fault {
        Fault::new(format_args!(
            "Pendo answers a full page whose rows have no {} after the one that was asked for",
            self.kind.id
        ))
    }
}

fn filter(id: &str, after: Option<&str>, up_to: Option<&str>) -> Option<String> {
    let after = after.map(|after| format!("{id}>{}", quoted(after)));
    let up_to = up_to.map(|up_to| format!("{id}<={}", quoted(up_to)));
    match (after, up_to) {
        (Some(after), Some(up_to)) => Some(format!("{after} && {up_to}")),
        (after, up_to) => after.or(up_to),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_for_what_comes_between_two_ids() {
        assert_eq!(filter("id", None, None), None);
        assert_eq!(filter("id", Some("a\""), None).unwrap(), "id>\"a\\\"\"");
        assert_eq!(filter("id", None, Some("b")).unwrap(), "id<=\"b\"");
        let both = filter("id", Some("a"), Some("b")).unwrap();
        assert_eq!(both, "id>\"a\" && id<=\"b\"");
    }

    #[test]
    fn only_the_ids_are_read_again_of_what_was_told() {
        let parts = |plan: Plan| -> Vec<_> {
            let parts = plan.parts.into_iter();
            parts
                .map(|part| (part.after, part.up_to, part.is_told, part.is_passed))
                .collect()
        };
        let id = || Some("a".to_owned());
        assert_eq!(
            parts(Plan::after(false, Some("a"))),
            [(id(), None, true, false)]
        );
        assert_eq!(
            parts(Plan::after(true, Some("a"))),
            [(None, id(), false, false), (id(), None, true, false)]
        );
        assert_eq!(
            parts(Plan::ids(Some("a"))),
            [(None, id(), false, true), (id(), None, false, false)]
        );
        assert_eq!(parts(Plan::ids(None)), [(None, None, false, false)]);
        assert_eq!(
            parts(Plan::whole(false, Some("a"))),
            [(None, None, true, false)]
        );
        assert_eq!(
            parts(Plan::whole(true, Some("a"))),
            [(None, id(), true, true), (id(), None, true, false)]
        );
    }
}
