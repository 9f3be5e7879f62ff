//! Where the highest or lowest of the last `n` values is, with TA-Lib's two rules for ties.
//!
//! Short windows: the window itself and the held position; only when that leaves the window, its heir is looked for. Over
//! columns the earliest and the latest place of the extreme grow with it, as in [`super::Extreme`]: of 2 rows from those of
//! 1, and so on. Where they are one, the position is there, whatever was held.
//! Long ones: a queue of the values that can still become the extreme, best first, equal ones kept: each row enters and leaves
//! it at most once. TA-Lib holds on to one position: a new value at least as good takes it over; when it leaves the
//! window, one of the best values left takes it, the earliest or the latest.

use super::extreme::{LINE, Line, SHORT, WHOLE, better};
use super::{Scratch, Window};
use crate::indicator::kernel::BLOCK;
use crate::indicator::{Io, State, StateError};

/// Position of the extreme of a window; use [`HighestAt`] or [`LowestAt`].
#[derive(Clone, Debug)]
pub struct ExtremeAt<const HIGH: bool>(Form<HIGH>);

#[derive(Clone, Debug)]
enum Form<const HIGH: bool> {
    Short(Brief<HIGH>),
    Long(Queue<HIGH>),
}

#[derive(Clone, Debug)]
struct Brief<const HIGH: bool> {
    heir: Heir,
    window: Window,
    row: u64,
    best: f64,
    at: u64,
    scratch: Scratch<[Places<HIGH>; 2]>,
}

/// The best of the group that begins in each row, and how far from its beginning that is.
#[derive(Clone, Debug)]
struct Places<const HIGH: bool> {
    best: Line,
    latest: Line,
    earliest: Line,
}

#[derive(Clone, Debug)]
struct Queue<const HIGH: bool> {
    n: usize,
    heir: Heir,
    values: Vec<f64>,
    rows: Vec<u64>,
    front: usize,
    len: usize,
    row: u64,
    best: f64,
    at: u64,
}

/// Position of the highest of the last `n` values; state is `2 n` numbers.
pub type HighestAt = ExtremeAt<true>;
/// Position of the lowest of the last `n` values; state is `2 n` numbers.
pub type LowestAt = ExtremeAt<false>;

/// Which of equal values takes the position when it falls free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heir {
    /// The one longest in the window: `maxindex` and its like.
    Earliest,
    /// The newest one: `aroon`.
    Latest,
}

/// What is at the held position.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Row of the extreme, counted from the first.
    pub row: u64,
    /// Rows since then.
    pub age: u64,
}

impl<const HIGH: bool> ExtremeAt<HIGH> {
    /// A window of `n >= 1` values.
    pub fn new(n: usize, heir: Heir) -> Self {
        Self(match n {
            ..=SHORT => Form::Short(Brief::new(n, heir)),
            _ => Form::Long(Queue::new(n, heir)),
        })
    }

    /// Takes the next value; the held position, or `None` before there are `n` values.
    #[inline(always)]
    pub fn push(&mut self, x: f64) -> Option<Held> {
        match &mut self.0 {
            Form::Short(brief) => brief.push(x),
            Form::Long(queue) => queue.push(x),
        }
    }

    /// The row that the next value has.
    pub fn row(&self) -> u64 {
        match &self.0 {
            Form::Short(brief) => brief.row,
            Form::Long(queue) => queue.row,
        }
    }

    /// `push` for each value of `x`: the rows since the held position, NaN before there are `n` values.
    #[inline(always)]
    pub fn ages(&mut self, x: &[f64], y: &mut [f64]) {
        match &mut self.0 {
            Form::Short(brief) => {
                for (x, y) in x.chunks(BLOCK).zip(y.chunks_mut(BLOCK)) {
                    brief.ages(x, y);
                }
            }
            Form::Long(queue) => {
                for (x, y) in x.iter().zip(y) {
                    *y = queue.push(*x).map_or(f64::NAN, |held| held.age as f64);
                }
            }
        }
    }
}

impl<const HIGH: bool> Brief<HIGH> {
    fn new(n: usize, heir: Heir) -> Self {
        Self { heir, window: Window::new(n), row: 0, best: 0.0, at: 0, scratch: Scratch::default() }
    }

    fn push(&mut self, x: f64) -> Option<Held> {
        let (n, row) = (self.window.len() as u64, self.row);
        self.row += 1;
        let values = self.window.push(x)?;
        if row + 1 == n || self.at + n <= row {
            let best = values.iter().fold(values[0], |best, &x| if Queue::<HIGH>::beats(best, x) { best } else { x });
            self.best = best;
            self.at = row + 1 - n + heir(self.heir, values, best) as u64;
        } else if !Queue::<HIGH>::beats(self.best, x) {
            self.best = x;
            self.at = row;
        }
        Some(Held { row: self.at, age: row - self.at })
    }

    #[inline(always)]
    fn ages(&mut self, x: &[f64], y: &mut [f64]) {
        let (n, rows) = (self.window.len(), x.len());
        let [one, other] = self.scratch.lines(|| [Places::new(), Places::new()]);
        let early = self.window.line(x, Places::<HIGH>::WORST, &mut one.best);
        let found = match self.heir {
            Heir::Latest => Places::grow::<false>(n, rows, one, other),
            Heir::Earliest => Places::grow::<true>(n, rows, one, other),
        };
        let newest = (n - 1) as f64;
        for (y, latest) in y.iter_mut().zip(&found.latest) {
            *y = newest - latest;
        }
        if early < rows {
            self.best = found.best[rows - 1];
            if self.heir == Heir::Earliest {
                let first = self.row + early as u64;
                // Before the first whole window nothing is held.
                let age = if first < n as u64 { n as u64 } else { first - self.at };
                Self::hold(n, early, age, found, y);
            }
            self.at = self.row + (rows - 1) as u64 - y[rows - 1] as u64;
        }
        self.row += rows as u64;
        y[..early].fill(f64::NAN);
    }

    /// Where a window has its extreme twice, the age of the held position instead of the latest one's, from row `from`
    /// on. What was held before that row is `age` old at it.
    #[inline(always)]
    fn hold(n: usize, from: usize, age: u64, found: &Places<HIGH>, y: &mut [f64]) {
        let rows = y.len();
        let mut ties = 0_u64;
        for row in from..rows {
            ties |= u64::from(found.latest[row] != found.earliest[row]);
        }
        if ties == 0 {
            return;
        }
        let (span, mut held) = (n as f64, age as f64);
        for (row, y) in y.iter_mut().enumerate().skip(from) {
            if found.latest[row] != found.earliest[row] {
                let taken = if *y == 0.0 { 0.0 } else { held };
                *y = if held >= span { span - 1.0 - found.earliest[row] } else { taken };
            }
            held = *y + 1.0;
        }
    }
}

impl<const HIGH: bool> Places<HIGH> {
    const WORST: f64 = if HIGH { f64::NEG_INFINITY } else { f64::INFINITY };

    fn new() -> Self {
        Self { best: [0.0; LINE], latest: [0.0; LINE], earliest: [0.0; LINE] }
    }

    /// The places of `rows` windows of `n` values, of the values in `here`; the earliest ones only if asked for.
    #[inline(always)]
    fn grow<'a, const BOTH: bool>(n: usize, rows: usize, mut here: &'a mut Self, mut next: &'a mut Self) -> &'a Self {
        if n == 1 {
            here.latest[..rows].fill(0.0);
            here.earliest[..rows].fill(0.0);
            return here;
        }
        next.pairs::<BOTH>(here, (n + rows - 2).next_multiple_of(WHOLE));
        std::mem::swap(&mut here, &mut next);
        let mut size = 2;
        while 2 * size <= n {
            next.joined::<BOTH>(here, size, (n + rows - 2 * size).next_multiple_of(WHOLE));
            std::mem::swap(&mut here, &mut next);
            size *= 2;
        }
        next.joined::<BOTH>(here, n - size, rows);
        next
    }

    /// Groups of two values.
    #[inline(always)]
    fn pairs<const BOTH: bool>(&mut self, values: &Self, groups: usize) {
        let (older, newer) = (&values.best[..groups], &values.best[1..][..groups]);
        let (best, latest, earliest) =
            (&mut self.best[..groups], &mut self.latest[..groups], &mut self.earliest[..groups]);
        for row in 0..groups {
            let (a, b) = (older[row], newer[row]);
            best[row] = better::<HIGH>(a, b);
            latest[row] = if Queue::<HIGH>::beats(a, b) { 0.0 } else { 1.0 };
            if BOTH {
                earliest[row] = if Queue::<HIGH>::beats(b, a) { 1.0 } else { 0.0 };
            }
        }
    }

    /// Groups of two that begin `apart` rows from each other.
    #[inline(always)]
    fn joined<const BOTH: bool>(&mut self, of: &Self, apart: usize, groups: usize) {
        let step = f64::from(apart as u32);
        let (older, newer) = (&of.best[..groups], &of.best[apart..][..groups]);
        let (older_latest, newer_latest) = (&of.latest[..groups], &of.latest[apart..][..groups]);
        let (older_earliest, newer_earliest) = (&of.earliest[..groups], &of.earliest[apart..][..groups]);
        let (best, latest, earliest) =
            (&mut self.best[..groups], &mut self.latest[..groups], &mut self.earliest[..groups]);
        for row in 0..groups {
            let (a, b) = (older[row], newer[row]);
            best[row] = better::<HIGH>(a, b);
            latest[row] = if Queue::<HIGH>::beats(a, b) { older_latest[row] } else { newer_latest[row] + step };
            if BOTH {
                let later = newer_earliest[row] + step;
                earliest[row] = if Queue::<HIGH>::beats(b, a) { later } else { older_earliest[row] };
            }
        }
    }
}

/// Which of the best values of a window takes the position.
#[inline(always)]
fn heir(heir: Heir, values: &[f64], best: f64) -> usize {
    let mut at = values.iter().enumerate().filter(|(_, value)| **value == best).map(|(at, _)| at);
    let found = match heir {
        Heir::Earliest => at.next(),
        Heir::Latest => at.next_back(),
    };
    found.unwrap_or(0)
}

impl<const HIGH: bool> Queue<HIGH> {
    fn new(n: usize, heir: Heir) -> Self {
        Self { n, heir, values: vec![0.0; n], rows: vec![0; n], front: 0, len: 0, row: 0, best: 0.0, at: 0 }
    }

    #[inline(always)]
    fn beats(new: f64, old: f64) -> bool {
        if HIGH { new > old } else { new < old }
    }

    fn push(&mut self, x: f64) -> Option<Held> {
        let row = self.row;
        self.row += 1;
        let n = self.n as u64;
        let slot = |at: usize| if at >= self.n { at - self.n } else { at };
        if self.len > 0 && self.rows[self.front] + n <= row {
            self.front = slot(self.front + 1);
            self.len -= 1;
        }
        while self.len > 0 {
            let back = self.values[slot(self.front + self.len - 1)];
            if Self::beats(back, x) || (self.heir == Heir::Earliest && back == x) {
                break;
            }
            self.len -= 1;
        }
        let back = slot(self.front + self.len);
        self.values[back] = x;
        self.rows[back] = row;
        self.len += 1;
        if row + 1 < n {
            return None;
        }
        if row + 1 == n || self.at + n <= row {
            self.at = self.rows[self.front];
            self.best = self.values[self.front];
        } else if !Self::beats(self.best, x) {
            self.at = row;
            self.best = x;
        }
        Some(Held { row: self.at, age: row - self.at })
    }
}

impl<const HIGH: bool> State for Queue<HIGH> {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.values, &mut self.rows, &mut self.row, &mut self.best, &mut self.at])?;
        io.index(&mut self.front, self.n)?;
        io.index(&mut self.len, self.n + 1)
    }
}

impl<const HIGH: bool> State for Brief<HIGH> {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        io.all(&mut [&mut self.window, &mut self.row, &mut self.best, &mut self.at])
    }
}

impl<const HIGH: bool> State for ExtremeAt<HIGH> {
    fn state(&mut self, io: &mut Io<'_, '_>) -> Result<(), StateError> {
        match &mut self.0 {
            Form::Short(brief) => brief.state(io),
            Form::Long(queue) => queue.state(io),
        }
    }
}
