//! The equity curve bar by bar: the peak, the distance from it, and how long it lasted.

use super::days::change;
use super::ratio;
use crate::strategy::codec::{Codec, Coded};

/// Bars whose equity is computed side by side: the sums of returns go on bar by bar meanwhile.
const TOGETHER: usize = 8;

/// Drawdowns of a curve that is seen once, in order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Curve {
    pub(super) start: f64,
    pub(super) last: f64,
    /// The first bar's equity.
    pub(super) first: f64,
    pub(super) first_open: i64,
    last_open: i64,
    pub(super) last_time: i64,
    pub(super) bars: u64,
    pub(super) exposed: u64,
    /// Bars that closed below the highest equity.
    pub(super) under_water: u64,
    peak: f64,
    peak_time: i64,
    trough: f64,
    trough_time: i64,
    /// Depth of the drawdown that is not over.
    depth: f64,
    pub(super) deepest: f64,
    pub(super) deepest_amount: f64,
    longest: i64,
    longest_recovery: i64,
    episodes: u64,
    recoveries: u64,
    depth_sum: f64,
    amount_sum: f64,
    duration_sum: f64,
    recovery_sum: f64,
    /// The first bar's return, which the sums below count from: where all are alike, their deviation is 0, not what
    /// rounding left of a difference of large sums.
    pivot: f64,
    return_sum: f64,
    return_squares: f64,
}

impl Curve {
    pub(super) fn new(start: f64) -> Curve {
        Curve {
            start,
            last: start,
            first: start,
            first_open: 0,
            last_open: 0,
            last_time: 0,
            bars: 0,
            exposed: 0,
            under_water: 0,
            peak: start,
            peak_time: 0,
            trough: start,
            trough_time: 0,
            depth: 0.0,
            deepest: 0.0,
            deepest_amount: 0.0,
            longest: 0,
            longest_recovery: 0,
            episodes: 0,
            recoveries: 0,
            depth_sum: 0.0,
            amount_sum: 0.0,
            duration_sum: 0.0,
            recovery_sum: 0.0,
            pivot: 0.0,
            return_sum: 0.0,
            return_squares: 0.0,
        }
    }

    /// The equity after one more bar.
    #[inline]
    pub(super) fn observe(&mut self, open_time: i64, time: i64, equity: f64, exposed: bool) {
        if self.bars == 0 {
            self.first = equity;
            self.pivot = change(self.last, equity);
            self.first_open = open_time;
            self.peak_time = open_time;
        }
        self.bars += 1;
        self.last_open = open_time;
        self.exposed += u64::from(exposed);
        self.last_time = time;
        self.change(equity);
        self.level(time, equity);
    }

    fn deepened(&mut self, time: i64, equity: f64) {
        let amount = self.peak - equity;
        self.trough = equity;
        self.trough_time = time;
        self.depth = amount / self.peak;
        self.deepest = self.deepest.max(self.depth);
        self.deepest_amount = self.deepest_amount.max(amount);
    }

    /// Bars with one equity, their event times less `offset`, as [`observe`](Self::observe) would take them, so many
    /// of them exposed.
    pub(super) fn observe_flat(&mut self, open_time: &[i64], time: &[i64], offset: i64, equity: f64, exposed: u64) {
        let (Some(first), Some(last)) = (time.first(), time.last()) else { return };
        self.observe(open_time[0], *first + offset, equity, false);
        let more = time.len() as u64 - 1;
        self.bars += more;
        self.exposed += exposed;
        self.return_sum -= more as f64 * self.pivot;
        self.return_squares += more as f64 * (self.pivot * self.pivot);
        (self.last_open, self.last_time) = (open_time[open_time.len() - 1], *last + offset);
        if self.depth > 0.0 {
            self.under_water += more;
        } else {
            self.peak_time = self.last_time;
        }
    }

    /// Bars whose equity is `cash + qty * close`, as [`observe`](Self::observe) would take them.
    pub(super) fn observe_held(
        &mut self,
        (open_time, time, offset): (&[i64], &[i64], i64),
        close: &[f64],
        cash: f64,
        qty: f64,
    ) {
        let (Some(first), Some(last)) = (open_time.first(), open_time.last()) else { return };
        if self.bars == 0 {
            self.first = cash + qty * close[0];
            self.pivot = change(self.last, self.first);
            (self.first_open, self.peak_time) = (*first, *first);
        }
        let (closes, rest) = close.as_chunks::<TOGETHER>();
        for (place, closes) in closes.iter().enumerate() {
            let time = &time[place * TOGETHER..];
            let equity = closes.map(|close| cash + qty * close);
            self.changes(equity);
            let (low, high) = extremes(&equity);
            if high < self.peak {
                self.under_water += TOGETHER as u64;
                if self.depth == 0.0 || low < self.trough {
                    let at = equity.iter().position(|equity| *equity == low).unwrap_or_default();
                    self.deepened(time[at] + offset, low);
                }
            } else {
                equity.iter().zip(time).for_each(|(equity, time)| self.level(*time + offset, *equity));
            }
        }
        let times = &time[close.len() - rest.len()..];
        for (close, time) in rest.iter().zip(times) {
            let equity = cash + qty * close;
            self.change(equity);
            self.level(*time + offset, equity);
        }
        self.bars += close.len() as u64;
        self.exposed += close.len() as u64;
        (self.last_open, self.last_time) = (*last, time[close.len() - 1] + offset);
    }

    /// The returns of some bars. Those that change nothing add nothing, where nothing is divided by zero.
    #[inline]
    fn changes(&mut self, equity: [f64; TOGETHER]) {
        let mut before = [self.last; TOGETHER];
        before[1..].copy_from_slice(&equity[..TOGETHER - 1]);
        let pivot = self.pivot;
        let changes: [f64; TOGETHER] = std::array::from_fn(|bar| equity[bar] / before[bar] - 1.0 - pivot);
        let (mut sum, mut squares) = (self.return_sum, self.return_squares);
        for change in changes {
            sum += change;
            squares += change * change;
        }
        if sum.is_finite() && squares.is_finite() {
            (self.return_sum, self.return_squares, self.last) = (sum, squares, equity[TOGETHER - 1]);
        } else {
            equity.into_iter().for_each(|equity| self.change(equity));
        }
    }

    #[inline]
    fn change(&mut self, equity: f64) {
        let change = change(self.last, equity) - self.pivot;
        self.return_sum += change;
        self.return_squares += change * change;
        self.last = equity;
    }

    /// Where the equity after a bar stands to its highest value.
    #[inline]
    fn level(&mut self, time: i64, equity: f64) {
        if equity >= self.peak {
            if self.depth > 0.0 {
                self.recovered(time);
            }
            self.peak = equity;
            self.peak_time = time;
            return;
        }
        self.under_water += 1;
        if self.depth == 0.0 || equity < self.trough {
            self.deepened(time, equity);
        }
    }

    fn recovered(&mut self, time: i64) {
        self.longest = self.longest.max(time - self.peak_time);
        self.longest_recovery = self.longest_recovery.max(time - self.trough_time);
        self.episodes += 1;
        self.recoveries += 1;
        self.recovery_sum += (time - self.trough_time) as f64;
        self.depth_sum += self.depth;
        self.amount_sum += self.peak - self.trough;
        self.duration_sum += (time - self.peak_time) as f64;
        self.depth = 0.0;
    }

    /// The curve as if the drawdown that is not over ended now.
    pub(super) fn closed(&self) -> Curve {
        let mut closed = self.clone();
        if closed.depth > 0.0 {
            closed.recovered(self.last_time);
            // It has not recovered.
            closed.longest_recovery = self.longest_recovery;
            (closed.recoveries, closed.recovery_sum) = (self.recoveries, self.recovery_sum);
        }
        closed
    }

    pub(super) fn longest_days(&self) -> f64 {
        self.longest as f64 / 86_400e6
    }

    pub(super) fn longest_recovery_days(&self) -> f64 {
        self.longest_recovery as f64 / 86_400e6
    }

    pub(super) fn average_depth(&self) -> Option<f64> {
        ratio(self.depth_sum, self.episodes as f64)
    }

    pub(super) fn average_amount(&self) -> Option<f64> {
        ratio(self.amount_sum, self.episodes as f64)
    }

    pub(super) fn average_recovery_days(&self) -> Option<f64> {
        ratio(self.recovery_sum / 86_400e6, self.recoveries as f64)
    }

    pub(super) fn average_days(&self) -> Option<f64> {
        ratio(self.duration_sum / 86_400e6, self.episodes as f64)
    }

    /// Microseconds from the first open to the last.
    pub(super) fn span_of_opens(&self) -> f64 {
        (self.last_open - self.first_open) as f64
    }

    /// Years from the first open to the last close, of 365 days.
    pub(super) fn years(&self) -> f64 {
        (self.last_time - self.first_open) as f64 / 86_400e6 / super::PERIODS
    }

    /// Sharpe ratio over bars, annualised by how many of them a year of this run has.
    pub(super) fn sharpe_bar(&self) -> Option<f64> {
        let count = self.bars as f64;
        let off = self.return_sum / count;
        let mean = self.pivot + off;
        let variance = (self.return_squares - count * off * off) / (count - 1.0);
        let per_year = ratio(count, self.years())?;
        ratio(mean * per_year.sqrt(), variance.sqrt())
    }

    pub(super) fn fields(&mut self, codec: &mut Codec<'_>) -> Coded {
        let Curve { start, first, last, peak, trough, depth, deepest, deepest_amount, .. } = self;
        for value in [start, first, last, peak, trough, depth, deepest, deepest_amount] {
            codec.f64(value)?;
        }
        let Curve { depth_sum, amount_sum, duration_sum, recovery_sum, pivot, return_sum, return_squares, .. } = self;
        for value in [depth_sum, amount_sum, duration_sum, recovery_sum, pivot, return_sum, return_squares] {
            codec.f64(value)?;
        }
        let Curve { first_open, last_open, last_time, peak_time, trough_time, longest, longest_recovery, .. } = self;
        for value in [first_open, last_open, last_time, peak_time, trough_time, longest, longest_recovery] {
            codec.i64(value)?;
        }
        let Curve { bars, exposed, under_water, episodes, recoveries, .. } = self;
        for value in [bars, exposed, under_water, episodes, recoveries] {
            codec.u64(value)?;
        }
        Ok(())
    }
}

/// The lowest and the highest of some values; NaN is neither.
#[inline]
fn extremes(values: &[f64; TOGETHER]) -> (f64, f64) {
    let (mut low, mut high) = ([f64::INFINITY; 4], [f64::NEG_INFINITY; 4]);
    for lanes in values.as_chunks::<4>().0 {
        for lane in 0..4 {
            low[lane] = if lanes[lane] < low[lane] { lanes[lane] } else { low[lane] };
            high[lane] = if lanes[lane] > high[lane] { lanes[lane] } else { high[lane] };
        }
    }
    let low = low.into_iter().fold(f64::INFINITY, |low, value| if value < low { value } else { low });
    let high = high.into_iter().fold(f64::NEG_INFINITY, |high, value| if value > high { value } else { high });
    (low, high)
}
