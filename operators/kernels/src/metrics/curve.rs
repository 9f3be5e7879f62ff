//! The equity curve bar by bar: the peak, the distance from it, and how long it lasted.

use super::choice::Needs;
use super::days::change;
use super::ratio;
use crate::strategy::codec::{Codec, Coded};

/// Bars whose equity is computed side by side.
const TOGETHER: usize = 8;

/// Sums over returns that are kept side by side; a bar's return goes to the one of its number. A single sum could not go on
/// before the bar before is in it.
const LANES: usize = 4;

/// Returns of bars, less the first, and their squares.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sums {
    returns: [f64; LANES],
    squares: [f64; LANES],
}

impl Sums {
    #[inline]
    fn one(&mut self, lane: usize, change: f64) {
        self.returns[lane] += change;
        self.squares[lane] += change * change;
    }

    /// Bars from the first lane on, of which the lowest equity is known. Those that change nothing add nothing, where nothing
    /// is divided by zero.
    #[inline]
    fn add(&mut self, mut last: f64, equity: [f64; TOGETHER], low: f64, pivot: f64) {
        if last > 0.0 && low > 0.0 {
            let mut before = [last; TOGETHER];
            before[1..].copy_from_slice(&equity[..TOGETHER - 1]);
            let changes: [f64; TOGETHER] = std::array::from_fn(|bar| equity[bar] / before[bar] - 1.0 - pivot);
            changes.iter().enumerate().for_each(|(bar, change)| self.one(bar % LANES, *change));
        } else {
            for (bar, equity) in equity.into_iter().enumerate() {
                self.one(bar % LANES, change(last, equity) - pivot);
                last = equity;
            }
        }
    }

    /// The same with another lane first.
    #[inline]
    fn turned(&self, first: usize) -> Sums {
        let turned = |lanes: &[f64; LANES]| std::array::from_fn(|lane| lanes[(first + lane) % LANES]);
        Sums { returns: turned(&self.returns), squares: turned(&self.squares) }
    }

    fn total(lanes: [f64; LANES]) -> f64 {
        lanes.iter().fold(0.0, |sum, lane| sum + lane)
    }
}

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
    sums: Sums,
    /// What is read in the end; the rest stays as it is at first.
    needs: Needs,
}

impl Curve {
    pub(super) fn new(start: f64, needs: Needs) -> Curve {
        Curve {
            needs,
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
            sums: Sums::default(),
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
        self.last_open = open_time;
        self.exposed += u64::from(exposed);
        self.last_time = time;
        self.change(equity);
        self.bars += 1;
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
        if self.pivot == 0.0 || !self.needs.bar_returns {
            self.bars += more; // returns of zero add nothing
        } else {
            (0..more).for_each(|_| {
                self.change(equity);
                self.bars += 1;
            });
        }
        self.exposed += exposed;
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
        (self.last_open, self.last_time) = (*last, time[close.len() - 1] + offset);
        self.exposed += close.len() as u64;
        if self.needs.bar_returns || self.needs.drawdowns {
            self.each_held((time, offset), close, cash, qty);
        } else if self.needs.deepest {
            self.deepest_held(close, cash, qty);
        }
        self.last = cash + qty * close[close.len() - 1];
        if !self.needs.bar_returns && !self.needs.drawdowns {
            self.bars += close.len() as u64;
        }
    }

    /// Returns and drawdowns of held bars.
    fn each_held(&mut self, (time, offset): (&[i64], i64), close: &[f64], cash: f64, qty: f64) {
        let (closes, rest) = close.as_chunks::<TOGETHER>();
        // The lane of the next bar first: a whole number of lanes leaves it there.
        let first = self.bars as usize % LANES;
        let mut sums = self.sums.turned(first);
        for (closes, time) in closes.iter().zip(time.as_chunks::<TOGETHER>().0) {
            let equity = closes.map(|close| cash + qty * close);
            let (low, high) = extremes(&equity);
            if self.needs.bar_returns {
                sums.add(self.last, equity, low, self.pivot);
            }
            self.last = equity[TOGETHER - 1];
            if high < self.peak && self.needs.drawdowns {
                self.under_water += TOGETHER as u64;
                if self.depth == 0.0 || low < self.trough {
                    let at = equity.iter().position(|equity| *equity == low).unwrap_or_default();
                    self.deepened(time[at] + offset, low);
                }
            } else {
                equity.iter().zip(time).for_each(|(equity, time)| self.level(*time + offset, *equity));
            }
        }
        self.sums = sums.turned(LANES - first);
        self.bars += (close.len() - rest.len()) as u64;
        for (close, time) in rest.iter().zip(&time[close.len() - rest.len()..]) {
            let equity = cash + qty * close;
            self.change(equity);
            self.bars += 1;
            self.level(*time + offset, equity);
        }
    }

    /// The deepest drawdown of held bars: mostly the lowest and the highest close tell that there is none.
    fn deepest_held(&mut self, close: &[f64], cash: f64, qty: f64) {
        let (lowest, highest) = reach(close);
        // Rounding is monotonic: the extremes of the closes are those of equity.
        let (a, b) = (cash + qty * lowest, cash + qty * highest);
        let (low, high) = if qty < 0.0 { (b, a) } else { (a, b) };
        if high <= self.peak {
            self.sank(low);
        } else if (high - low) / high * (1.0 + 1e-9) <= self.deepest
            && (high - low) * (1.0 + 1e-9) <= self.deepest_amount
        {
            self.peak = high; // no drawdown on the way is deeper than from the highest to the lowest
        } else {
            close.iter().for_each(|close| self.sank(cash + qty * close));
        }
    }

    /// Where an equity stands to its highest value, if nothing but the deepest distance is asked.
    #[inline]
    fn sank(&mut self, equity: f64) {
        if equity >= self.peak {
            self.peak = equity;
        } else {
            let amount = self.peak - equity;
            self.deepest_amount = self.deepest_amount.max(amount);
            if amount >= self.deepest * self.peak * (1.0 - 1e-9) {
                self.deepest = self.deepest.max(amount / self.peak);
            }
        }
    }

    /// The return of the bar whose number is `bars`.
    #[inline]
    fn change(&mut self, equity: f64) {
        // Returns of zero add nothing.
        if self.needs.bar_returns && (equity != self.last || self.pivot != 0.0) {
            self.sums.one(self.bars as usize % LANES, change(self.last, equity) - self.pivot);
        }
        self.last = equity;
    }

    /// Where the equity after a bar stands to its highest value.
    #[inline]
    fn level(&mut self, time: i64, equity: f64) {
        if !self.needs.drawdowns {
            return self.sank(equity);
        }
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
        let off = Sums::total(self.sums.returns) / count;
        let mean = self.pivot + off;
        let variance = (Sums::total(self.sums.squares) - count * off * off) / (count - 1.0);
        let per_year = ratio(count, self.years())?;
        ratio(mean * per_year.sqrt(), variance.sqrt())
    }

    pub(super) fn fields(&mut self, codec: &mut Codec<'_>) -> Coded {
        let Curve { start, first, last, peak, trough, depth, deepest, deepest_amount, .. } = self;
        for value in [start, first, last, peak, trough, depth, deepest, deepest_amount] {
            codec.f64(value)?;
        }
        let Curve { depth_sum, amount_sum, duration_sum, recovery_sum, pivot, sums, .. } = self;
        let values = [depth_sum, amount_sum, duration_sum, recovery_sum, pivot].into_iter();
        for value in values.chain(&mut sums.returns).chain(&mut sums.squares) {
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

/// The lowest and the highest of some closes, of which there is at least one.
#[inline]
fn reach(close: &[f64]) -> (f64, f64) {
    let (mut low, mut high) = match close.last_chunk::<TOGETHER>() {
        Some(last) => (*last, *last),
        None => {
            return close
                .iter()
                .fold((close[0], close[0]), |(low, high), close| (lower(low, *close), higher(high, *close)));
        }
    };
    for chunk in close.as_chunks::<TOGETHER>().0 {
        for lane in 0..TOGETHER {
            (low[lane], high[lane]) = (lower(low[lane], chunk[lane]), higher(high[lane], chunk[lane]));
        }
    }
    let mut left = TOGETHER / 2;
    while left > 0 {
        for lane in 0..left {
            (low[lane], high[lane]) = (lower(low[lane], low[lane + left]), higher(high[lane], high[lane + left]));
        }
        left /= 2;
    }
    (low[0], high[0])
}

#[inline]
fn lower(a: f64, b: f64) -> f64 {
    if b < a { b } else { a }
}

#[inline]
fn higher(a: f64, b: f64) -> f64 {
    if b > a { b } else { a }
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
