//! How likely the best of many sets was the best by chance: combinatorially symmetric cross-validation (Bailey,
//! Borwein, Lopez de Prado and Zhu, "The probability of backtest overfitting", 2015).
//!
//! Each set leaves the moments of its daily returns in 16 equal blocks of time. For every way to take half of the
//! blocks, the set with the best Sharpe ratio there is looked up in the other half; overfitting is that it comes out
//! below the median. Nothing is run again.

/// How many blocks of time.
pub const BLOCKS: usize = 16;

/// Daily returns of one block of time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct ReturnBlock {
    /// How many.
    pub count: u64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub squares: f64,
}

impl ReturnBlock {
    /// One more return.
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        self.sum += value;
        self.squares += value * value;
    }

    /// Both blocks as one.
    fn plus(self, other: ReturnBlock) -> ReturnBlock {
        ReturnBlock {
            count: self.count + other.count,
            sum: self.sum + other.sum,
            squares: self.squares + other.squares,
        }
    }

    /// The Sharpe ratio of its returns, not annualised. Returns of nothing, as of a set that does not trade, are worth 0:
    /// better than a loss, worse than a gain. What has no returns, or no ratio, is worse than everything.
    fn sharpe(self) -> f64 {
        if self.count > 0 && self.squares == 0.0 {
            return 0.0;
        }
        let count = self.count as f64;
        let mean = self.sum / count;
        let deviation = ((self.squares - count * mean * mean) / (count - 1.0)).sqrt();
        let value = mean / deviation;
        if value.is_finite() { value } else { f64::NEG_INFINITY }
    }
}

/// What the cross-validation found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Overfitting {
    /// Share of the splits in which the best set of one half was not above the median of the other.
    pub probability: f64,
    /// Mean relative rank (0 worst, 1 best) of the chosen set in the other half.
    pub mean_rank: f64,
    /// How many splits there are.
    pub splits: u32,
}

/// The probability that choosing the best of these sets is overfitting; `None` for fewer than two sets.
pub fn overfitting(sets: &[[ReturnBlock; BLOCKS]]) -> Option<Overfitting> {
    if sets.len() < 2 {
        return None;
    }
    let (mut splits, mut below, mut ranks) = (0_u32, 0_u32, 0.0);
    let mut outside = vec![0.0; sets.len()];
    for half in (0..=u16::MAX).filter(|half| half.count_ones() as usize == BLOCKS / 2) {
        let (mut best, mut chosen) = (f64::NEG_INFINITY, 0);
        for (place, blocks) in sets.iter().enumerate() {
            let (mut inside, mut other) = (ReturnBlock::default(), ReturnBlock::default());
            for (block, moments) in blocks.iter().enumerate() {
                if half >> block & 1 == 1 { inside = inside.plus(*moments) } else { other = other.plus(*moments) }
            }
            outside[place] = other.sharpe();
            let sharpe = inside.sharpe();
            if sharpe > best {
                (best, chosen) = (sharpe, place);
            }
        }
        let level = outside[chosen];
        let worse = outside.iter().filter(|other| **other < level).count() as f64;
        let equal = outside.iter().filter(|other| **other == level).count() as f64;
        // Of sets that are equal there, it stands in the middle.
        let rank = (worse + (equal + 1.0) / 2.0) / (sets.len() as f64 + 1.0);
        splits += 1;
        below += u32::from(rank <= 0.5);
        ranks += rank;
    }
    Some(Overfitting {
        probability: f64::from(below) / f64::from(splits),
        mean_rank: ranks / f64::from(splits),
        splits,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Blocks of a set whose return in block `b` is `mean(b)` give or take one.
    fn set(mean: impl Fn(usize) -> f64) -> [ReturnBlock; BLOCKS] {
        std::array::from_fn(|block| {
            let mut moments = ReturnBlock::default();
            [-1.0, 1.0, -1.0, 1.0].iter().for_each(|noise| moments.add(mean(block) + noise));
            moments
        })
    }

    #[test]
    fn a_set_that_is_best_everywhere_is_no_overfitting() {
        let sets: Vec<_> = (0..9).map(|skill| set(move |_| f64::from(skill) / 10.0)).collect();
        let found = overfitting(&sets).unwrap();
        assert_eq!((found.probability, found.splits), (0.0, 12_870));
        assert!((found.mean_rank - 0.9).abs() < 1e-12);
    }

    #[test]
    fn sets_whose_luck_does_not_last_are() {
        // Each is good in one half of time and as bad in the other.
        let sets: Vec<_> =
            (0..8).map(|set_| set(move |block| if (block + set_) % 16 < 8 { 0.5 } else { -0.5 })).collect();
        let found = overfitting(&sets).unwrap();
        assert!(found.probability > 0.9, "{found:?}");
    }

    #[test]
    fn a_set_that_does_not_trade_stands_between_gains_and_losses() {
        let flat = [ReturnBlock { count: 4, ..ReturnBlock::default() }; BLOCKS];
        assert_eq!((flat[0].sharpe(), ReturnBlock::default().sharpe()), (0.0, f64::NEG_INFINITY));
        assert!(set(|_| 0.1)[0].sharpe() > 0.0 && set(|_| -0.1)[0].sharpe() < 0.0);
        // Both losers are worse wherever one looks: whoever takes the flat set has not been fooled.
        let found = overfitting(&[set(|_| -0.2), flat, set(|_| -0.1)]).unwrap();
        assert_eq!((found.probability, found.mean_rank), (0.0, 0.75));
    }

    #[test]
    fn one_set_has_nothing_to_be_chosen_from_and_flat_sets_are_equal() {
        assert_eq!(overfitting(&[set(|_| 0.0)]), None);
        let flat = [ReturnBlock { count: 5, ..ReturnBlock::default() }; BLOCKS];
        let found = overfitting(&[flat, flat, flat]).unwrap();
        assert_eq!((found.probability, found.mean_rank), (1.0, 0.5));
    }
}
