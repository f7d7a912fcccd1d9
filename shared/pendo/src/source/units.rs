//! In which order units are read, and where a run goes on.

use crate::selection::SelectedStream;
use crate::source::Run;
use crate::streams::StreamId;

impl<'a> Run<'a> {
    /// The units in the order in which they are read, and whether the run goes on in the first one. It
    /// goes on to the end of the list, and then with those before it that were not read to their ends.
    pub(super) fn order(&self, resumes: Option<StreamId>) -> (Vec<&'a SelectedStream>, bool) {
        let units = self.units();
        let first = resumes.map(|stream| stream.parent().unwrap_or(stream));
        let first = units.iter().position(|unit| first == Some(unit.id));
        let (before, rest) = units.split_at(first.unwrap_or(0));
        let book = &self.teller.book;
        let is_under_way = |unit: &&&SelectedStream| {
            let child = self.child_of(unit);
            let child = child.is_some_and(|child| book.is_under_way(child.id));
            child || book.is_under_way(unit.id)
        };
        let before = before.iter().filter(is_under_way);
        (
            rest.iter().chain(before).copied().collect(),
            first.is_some(),
        )
    }

    pub(super) fn child_of(&self, unit: &SelectedStream) -> Option<&'a SelectedStream> {
        let child = unit.id.child()?;
        self.pendo.selection.stream(child)
    }

    /// The streams that are nobody's child.
    fn units(&self) -> Vec<&'a SelectedStream> {
        let streams = self.pendo.selection.streams.iter();
        streams
            .filter(|stream| stream.id.parent().is_none())
            .collect()
    }
}
