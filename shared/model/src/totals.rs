//! What is kept of some events for aggregating them: mergeable in any order and grouping.

mod sum;

use std::cmp::Ordering;

use crate::timestamp::Timestamp;

pub(crate) use sum::Sum;

/// 2⁻⁵⁰: how far two sums of the same values may lie apart, relative to their size and number.
const TOLERANCE: f64 = 8.881_784_197_001_252e-16;

/// Count, sum, spread, extremes, first and last of some events.
///
/// The sum is exact while every value is an integer below 2⁶³ in size, else it is kept to about
/// 106 bits and rounded once. The spread is kept as m2, the sum of squared distances from the
/// mean, merged by the formula of Chan, Golub and LeVeque ("Updating Formulae and a Pairwise
/// Algorithm for Computing Sample Variances", 1979). First takes the smaller of two values at the
/// same instant, last the larger one. So merging is commutative, and associative exactly but for
/// sums of other values and the spread, which agree up to rounding.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Totals {
    pub(crate) count: u64,
    pub(crate) sum: Sum,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) first: (Timestamp, f64),
    pub(crate) last: (Timestamp, f64),
    pub(crate) m2: f64,
}

impl Totals {
    /// The totals of one event. Its value is finite.
    pub fn of(timestamp: Timestamp, value: f64) -> Totals {
        debug_assert!(value.is_finite(), "events have finite values");
        // -0.0 + 0.0 is 0.0: one zero, so that equal totals have equal bits.
        let value = value + 0.0;
        Totals {
            count: 1,
            sum: Sum::of(value),
            min: value,
            max: value,
            first: (timestamp, value),
            last: (timestamp, value),
            m2: 0.0,
        }
    }

    /// Adds an event.
    pub fn add(&mut self, timestamp: Timestamp, value: f64) {
        self.merge(&Totals::of(timestamp, value));
    }

    /// Adds the events of others.
    pub fn merge(&mut self, other: &Totals) {
        if other.is_empty() {
            return;
        }
        if self.is_empty() {
            *self = other.clone();
            return;
        }
        self.m2 = (self.m2 + other.m2) + self.spread_between(other);
        self.count = self.count.saturating_add(other.count);
        self.sum = self.sum.plus(other.sum);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        if order(other.first, self.first).is_lt() {
            self.first = other.first;
        }
        if order(other.last, self.last).is_gt() {
            self.last = other.last;
        }
    }

    /// What m2 gains because the means of the two differ. Both have events.
    fn spread_between(&self, other: &Totals) -> f64 {
        let gap = self.sum.mean_gap(self.count, other.sum, other.count);
        let (a, b) = (self.count as f64, other.count as f64);
        gap * gap * (a * b / (a + b))
    }

    /// How many events there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Whether there are no events.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The sum of the values, rounded once; 0 of none, infinite past a double's range.
    pub fn sum(&self) -> f64 {
        self.sum.rounded()
    }

    /// The sum, if every value is an integer below 2⁶³ in size.
    pub fn sum_exact(&self) -> Option<i128> {
        match self.sum {
            Sum::Whole(sum) => Some(sum),
            Sum::Real { .. } => None,
        }
    }

    /// The mean of the values.
    pub fn mean(&self) -> Option<f64> {
        self.some(self.sum() / self.count as f64)
    }

    /// The smallest value.
    pub fn min(&self) -> Option<f64> {
        self.some(self.min)
    }

    /// The largest value.
    pub fn max(&self) -> Option<f64> {
        self.some(self.max)
    }

    /// The earliest event's time and value.
    pub fn first(&self) -> Option<(Timestamp, f64)> {
        self.some(self.first)
    }

    /// The latest event's time and value.
    pub fn last(&self) -> Option<(Timestamp, f64)> {
        self.some(self.last)
    }

    /// The standard deviation of the values, taken as the whole population.
    pub fn stddev(&self) -> Option<f64> {
        self.some((self.m2 / self.count as f64).sqrt())
    }

    fn some<T>(&self, of: T) -> Option<T> {
        (!self.is_empty()).then_some(of)
    }

    /// Whether both can be the totals of the same events, merged in whatever order: counts,
    /// integer sums, extremes, first and last are equal to the last bit. Other sums may differ by
    /// n·2⁻⁵⁰·Σ|x| and m2 by n·2⁻⁵⁰·Σx², where Σ|x| is taken as n times the largest |x| and Σx²
    /// as n times its square. What has left a double's range agrees with what has, too.
    pub fn agrees_with(&self, other: &Totals) -> bool {
        let exact = |t: &Totals| (t.count, t.min, t.max, t.first, t.last, t.sum_exact());
        let count = self.count as f64;
        let largest = self.min.abs().max(self.max.abs());
        let tolerance = count * TOLERANCE * (count * largest);
        exact(self) == exact(other)
            && is_near(self.sum(), other.sum(), tolerance)
            && is_near(self.m2, other.m2, tolerance * largest)
    }
}

fn order(a: (Timestamp, f64), b: (Timestamp, f64)) -> Ordering {
    a.0.cmp(&b.0).then(a.1.total_cmp(&b.1))
}

fn is_near(a: f64, b: f64, tolerance: f64) -> bool {
    a == b || (a - b).abs() <= tolerance || !(a.is_finite() || b.is_finite())
}

#[cfg(test)]
mod tests;
