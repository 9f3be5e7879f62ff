//! Equity by UTC day: the last of each day that has a bar, and the statistics of the returns between them.

use super::{PERIODS, mean, ratio};
use crate::strategy::codec::{Codec, Coded};

const DAY: i64 = 86_400_000_000;

/// The last equity of each day, the open one included.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Days {
    start: f64,
    /// Days since the epoch, rising.
    days: Vec<i64>,
    /// The last equity of each.
    equity: Vec<f64>,
    /// The last value of the market of each; empty where nobody asks for it.
    market: Vec<f64>,
    with_market: bool,
    /// First microsecond after the open day.
    next: i64,
}

/// A day of a run: what the table of daily statistics shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DayRow {
    /// Days since the epoch, UTC.
    pub day: i64,
    /// At the last close of the day.
    pub equity: f64,
    /// Since the last close of the day before; since the starting balance on the first.
    pub pnl: f64,
    /// The same as a fraction.
    pub ret: Option<f64>,
    /// From the highest daily equity so far, as a fraction of it.
    pub drawdown: Option<f64>,
    /// What the market did; on the first day since its first close.
    pub market_ret: Option<f64>,
}

/// The return from one value to the next: what has nothing and stays so returns 0.
#[inline]
pub(super) fn change(before: f64, after: f64) -> f64 {
    if after == before { 0.0 } else { after / before - 1.0 }
}

/// Moments and extremes of daily returns.
#[derive(Debug, Clone, Default)]
pub(super) struct Returns {
    pub(super) sorted: Vec<f64>,
    pub(super) mean: f64,
    /// Deviation with ddof 1.
    pub(super) deviation: f64,
    /// Root mean square of the negative ones, over all.
    pub(super) downside: f64,
    pub(super) gains: f64,
    pub(super) losses: f64,
    pub(super) skew: Option<f64>,
    /// Not in excess of three.
    pub(super) kurtosis: Option<f64>,
}

impl Days {
    pub(super) fn new(start: f64, with_market: bool) -> Days {
        Days { start, days: Vec::new(), equity: Vec::new(), market: Vec::new(), with_market, next: i64::MIN }
    }

    #[inline]
    pub(super) fn observe(&mut self, open_time: i64, equity: f64) {
        if open_time >= self.next {
            self.begin(open_time);
        }
        if let Some(last) = self.equity.last_mut() {
            *last = equity;
        }
    }

    /// Whether a bar opened then belongs to a later day than the last one.
    #[inline]
    pub(super) fn ends_before(&self, open_time: i64) -> bool {
        open_time >= self.next
    }

    #[cold]
    fn begin(&mut self, open_time: i64) {
        let day = open_time.div_euclid(DAY);
        self.days.push(day);
        self.equity.push(self.start);
        if self.with_market {
            self.market.push(self.market.last().copied().unwrap_or(f64::NAN));
        }
        self.next = (day + 1) * DAY;
    }

    /// What the market was worth at the last bar.
    #[inline]
    pub(super) fn observe_market(&mut self, value: f64) {
        if let Some(last) = self.market.last_mut() {
            *last = value;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.days.len()
    }

    /// Moments of the returns from day to day, and the returns `sorted` where that is asked for.
    pub(super) fn returns(&self, sorted: bool) -> Returns {
        let values = self.returns_in_order();
        if sorted { Returns::of(values) } else { Returns::moments(&values) }
    }

    /// Returns of the market between days, and the equity's over the same days.
    fn paired(&self) -> (Vec<f64>, Vec<f64>) {
        let changes = |series: &[f64]| series.windows(2).map(|pair| change(pair[0], pair[1])).collect::<Vec<f64>>();
        (changes(&self.equity), changes(&self.market))
    }

    /// Alpha (a year), beta and correlation to the market's daily returns.
    pub(super) fn against_market(&self) -> (Option<f64>, Option<f64>, Option<f64>) {
        let (ours, theirs) = self.paired();
        if ours.len() < 2 || theirs.iter().any(|value| !value.is_finite()) {
            return (None, None, None);
        }
        let pair = Pair::of(&ours, &theirs);
        (pair.alpha().map(|alpha| alpha * PERIODS), pair.beta(), pair.correlation())
    }

    /// The market's returns between days, not sorted; `None` where it has no value on one of them.
    pub(super) fn market_returns(&self) -> Option<Returns> {
        let values: Vec<f64> = self.market.windows(2).map(|pair| change(pair[0], pair[1])).collect();
        (!values.is_empty() && values.iter().all(|value| value.is_finite())).then(|| Returns::moments(&values))
    }

    /// The largest distance of the market's daily value from its highest, the first close at first.
    pub(super) fn market_drawdown(&self) -> Option<f64> {
        let (mut peak, mut deepest) = (1.0_f64, 0.0_f64);
        for value in &self.market {
            peak = peak.max(*value);
            deepest = deepest.max((peak - value) / peak);
        }
        let known = !self.market.is_empty() && self.market.iter().all(|value| value.is_finite());
        known.then_some(deepest)
    }

    /// Returns from day to day, the starting balance first, in order.
    pub(super) fn returns_in_order(&self) -> Vec<f64> {
        let mut before = self.start;
        let mut values = Vec::with_capacity(self.equity.len());
        for equity in &self.equity {
            values.push(change(before, *equity));
            before = *equity;
        }
        values
    }

    /// Root mean square of the distance from the highest daily equity.
    pub(super) fn ulcer(&self) -> Option<f64> {
        let (mut peak, mut squares) = (self.start, 0.0);
        for equity in &self.equity {
            peak = peak.max(*equity);
            let depth = (peak - equity) / peak;
            squares += depth * depth;
        }
        ratio(squares, self.equity.len() as f64).map(f64::sqrt)
    }

    /// Best and worst return of a calendar month.
    pub(super) fn months(&self) -> (Option<f64>, Option<f64>) {
        let (mut best, mut worst): (Option<f64>, Option<f64>) = (None, None);
        let mut before = self.start;
        let mut month = self.days.first().map(|day| month_of(*day));
        for place in 0..self.days.len() {
            let next = self.days.get(place + 1).map(|day| month_of(*day));
            if std::mem::replace(&mut month, next) != next {
                let change = change(before, self.equity[place]);
                best = Some(best.map_or(change, |best| best.max(change)));
                worst = Some(worst.map_or(change, |worst| worst.min(change)));
                before = self.equity[place];
            }
        }
        (best, worst)
    }

    /// Day numbers and last equities, for tables.
    pub(super) fn series(&self) -> impl Iterator<Item = (i64, f64)> {
        self.days.iter().copied().zip(self.equity.iter().copied())
    }

    /// A row for each day.
    pub(super) fn rows(&self) -> Vec<DayRow> {
        let (mut before, mut market_before, mut peak) = (self.start, 1.0, self.start);
        let markets = self.market.iter().copied().chain(std::iter::repeat(f64::NAN));
        let days = self.days.iter().zip(&self.equity).zip(markets);
        days.map(|((day, equity), market)| {
            peak = f64::max(peak, *equity);
            let row = DayRow {
                day: *day,
                equity: *equity,
                pnl: equity - before,
                ret: Some(change(before, *equity)).filter(|ret| ret.is_finite()),
                drawdown: ratio(peak - equity, peak),
                market_ret: ratio(market, market_before).map(|growth| growth - 1.0),
            };
            (before, market_before) = (*equity, market);
            row
        })
        .collect()
    }

    pub(super) fn fields(&mut self, codec: &mut Codec<'_>) -> Coded {
        codec.f64(&mut self.start)?;
        codec.list(&mut self.days, || 0, |codec, day| codec.i64(day))?;
        codec.list(&mut self.equity, || 0.0, |codec, value| codec.f64(value))?;
        codec.list(&mut self.market, || 0.0, |codec, value| codec.f64(value))?;
        codec.i64(&mut self.next)
    }
}

impl Returns {
    pub(super) fn of(mut values: Vec<f64>) -> Returns {
        let moments = Returns::moments(&values);
        values.sort_unstable_by(f64::total_cmp);
        Returns { sorted: values, ..moments }
    }

    /// Without what sorting would tell.
    fn moments(values: &[f64]) -> Returns {
        let count = values.len() as f64;
        let mean = mean(values);
        let (mut m2, mut m3, mut m4) = (0.0, 0.0, 0.0);
        let (mut gains, mut losses, mut down) = (0.0, 0.0, 0.0);
        for value in values {
            let off = value - mean;
            m2 += off * off;
            m3 += off * off * off;
            m4 += off * off * off * off;
            if *value > 0.0 {
                gains += value;
            } else {
                losses -= value;
                down += value * value;
            }
        }
        let spread = m2 / count;
        Returns {
            sorted: Vec::new(),
            mean,
            deviation: if count > 1.0 { (m2 / (count - 1.0)).sqrt() } else { f64::NAN },
            downside: (down / count).sqrt(),
            gains,
            losses,
            skew: ratio(m3 / count, spread * spread.sqrt()),
            kurtosis: ratio(m4 / count, spread * spread),
        }
    }

    pub(super) fn sharpe(&self) -> Option<f64> {
        ratio(self.mean * PERIODS.sqrt(), self.deviation)
    }

    pub(super) fn sortino(&self) -> Option<f64> {
        ratio(self.mean * PERIODS.sqrt(), self.downside)
    }

    pub(super) fn quantile(&self, share: f64) -> Option<f64> {
        quantile(&self.sorted, share)
    }

    /// The 95th percentile by the 5th, without signs.
    pub(super) fn tail_ratio(&self) -> Option<f64> {
        let (high, low) = (self.quantile(0.95)?, self.quantile(0.05)?);
        ratio(high.abs(), low.abs())
    }

    /// Mean of the returns that are not above the quantile.
    pub(super) fn tail_mean(&self, share: f64) -> Option<f64> {
        let level = self.quantile(share)?;
        let count = self.sorted.partition_point(|value| *value <= level);
        ratio(sum(&self.sorted[..count]), count as f64)
    }
}

/// Moments of two series together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair {
    mean: f64,
    market: f64,
    both: f64,
    own: f64,
    other: f64,
}

impl Pair {
    pub(super) fn of(ours: &[f64], theirs: &[f64]) -> Pair {
        let (mean, market) = (mean(ours), mean(theirs));
        let mut pair = Pair { mean, market, both: 0.0, own: 0.0, other: 0.0 };
        for (a, b) in ours.iter().zip(theirs) {
            pair.both += (a - mean) * (b - market);
            pair.own += (a - mean) * (a - mean);
            pair.other += (b - market) * (b - market);
        }
        pair
    }

    pub(super) fn beta(&self) -> Option<f64> {
        ratio(self.both, self.other)
    }

    /// Of one period.
    pub(super) fn alpha(&self) -> Option<f64> {
        self.beta().map(|beta| self.mean - beta * self.market)
    }

    pub(super) fn correlation(&self) -> Option<f64> {
        ratio(self.both, self.own.sqrt() * self.other.sqrt())
    }
}

/// Of sorted values, by linear interpolation between neighbours; `None` of none.
pub(super) fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share * last as f64;
    let (low, part) = (place.floor() as usize, place - place.floor());
    let high = (low + 1).min(last);
    Some(sorted[low] + (sorted[high] - sorted[low]) * part)
}

fn sum(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |sum, value| sum + value)
}

/// Months since year 0, from days since the epoch (Hinnant's civil calendar).
fn month_of(day: i64) -> i64 {
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153; // March is 0
    (era * 400 + year_of_era) * 12 + shifted + 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_change_where_the_calendar_says() {
        // 2024-02-29 is day 19782, 2024-03-01 is 19783; 2023-12-31 is 19722, 2024-01-01 is 19723.
        assert_eq!(month_of(19_783) - month_of(19_782), 1);
        assert_eq!(month_of(19_723) - month_of(19_722), 1);
        assert_eq!(month_of(19_782), month_of(19_754), "2024-02-01 and 2024-02-29");
        assert_eq!(month_of(19_723) - month_of(19_358), 12, "2023-01-01 to 2024-01-01");
        assert_eq!(month_of(-1) + 1, month_of(0), "1969-12-31 to 1970-01-01");
    }

    #[test]
    fn quantiles_interpolate() {
        let returns = Returns::of(vec![0.04, 0.01, 0.02, 0.03, 0.05]);
        assert_eq!(returns.quantile(0.0), Some(0.01));
        assert_eq!(returns.quantile(0.5), Some(0.03));
        assert!((returns.quantile(0.05).unwrap() - 0.012).abs() < 1e-15);
        assert_eq!(Returns::of(Vec::new()).quantile(0.5), None);
    }
}
