//! Sums that do not depend on the order of what is added.

/// 2⁶³.
const WHOLE_LIMIT: f64 = 9_223_372_036_854_775_808.0;

/// The sum of some finite values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Sum {
    /// Of integers below 2⁶³ in size: exact, for there are fewer than 2⁶⁴ of them.
    Whole(i128),
    /// As `hi` + `lo`, where `hi` is the sum rounded to a double.
    Real { hi: f64, lo: f64 },
}

impl Default for Sum {
    fn default() -> Self {
        Sum::Whole(0)
    }
}

impl Sum {
    pub(crate) fn of(value: f64) -> Sum {
        if value.abs() < WHOLE_LIMIT && value.fract() == 0.0 {
            Sum::Whole(value as i128)
        } else {
            Sum::Real { hi: value, lo: 0.0 }
        }
    }

    pub(crate) fn plus(self, other: Sum) -> Sum {
        if let (Sum::Whole(a), Sum::Whole(b)) = (self, other) {
            return Sum::Whole(a.wrapping_add(b));
        }
        let ((a, a_lo), (b, b_lo)) = (self.parts(), other.parts());
        let (sum, error) = two_sum(a, b);
        if !sum.is_finite() {
            return Sum::Real { hi: sum, lo: 0.0 };
        }
        let (hi, lo) = two_sum(sum, error + (a_lo + b_lo));
        Sum::Real { hi, lo }
    }

    pub(crate) fn rounded(self) -> f64 {
        match self {
            Sum::Whole(sum) => sum as f64,
            Sum::Real { hi, .. } => hi,
        }
    }

    /// How far the mean of `other_count` values that sum up to `other` lies above that of `count`
    /// values that sum up to this. Both counts are above zero.
    ///
    /// The difference is taken before anything is rounded: of two means that are close together
    /// and far from zero, subtracting rounded ones would leave rounding errors only.
    pub(crate) fn mean_gap(self, count: u64, other: Sum, other_count: u64) -> f64 {
        if let Some(gap) = self.whole_mean_gap(count, other, other_count) {
            return gap;
        }
        let (a, a_rest) = self.mean_parts(count);
        let (b, b_rest) = other.mean_parts(other_count);
        (b - a) + (b_rest - a_rest)
    }

    fn whole_mean_gap(self, count: u64, other: Sum, other_count: u64) -> Option<f64> {
        let (Sum::Whole(a), Sum::Whole(b)) = (self, other) else {
            return None;
        };
        let scaled_a = a.checked_mul(i128::from(other_count))?;
        let scaled_b = b.checked_mul(i128::from(count))?;
        let gap = scaled_b.checked_sub(scaled_a)?;
        Some(gap as f64 / (count as f64 * other_count as f64))
    }

    /// The mean as a double and what it lacks.
    fn mean_parts(self, count: u64) -> (f64, f64) {
        let (hi, lo) = self.parts();
        let count = count as f64;
        let mean = hi / count;
        let remainder = (-mean).mul_add(count, hi) + lo;
        (mean, remainder / count)
    }

    fn parts(self) -> (f64, f64) {
        match self {
            Sum::Real { hi, lo } => (hi, lo),
            Sum::Whole(sum) => {
                let hi = sum as f64;
                // Exact: a double of this size is an integer, and the rest is far smaller.
                (hi, sum.wrapping_sub(hi as i128) as f64)
            }
        }
    }
}

/// The sum of two doubles, rounded, and the error of rounding, which is exact (Knuth, "The Art of
/// Computer Programming", volume 2, section 4.2.2, theorem B).
fn two_sum(a: f64, b: f64) -> (f64, f64) {
    let sum = a + b;
    let b_taken = sum - a;
    let a_taken = sum - b_taken;
    (sum, (a - a_taken) + (b - b_taken))
}
