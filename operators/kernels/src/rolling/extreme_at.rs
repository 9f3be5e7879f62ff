//! Where the highest or lowest of the last `n` values is, with TA-Lib's two rules for ties.
//!
//! Short windows: the window itself and the held position; only when that leaves the window, its heir is looked for.
//! Long ones: a queue of the values that can still become the extreme, best first, equal ones kept: each row enters and leaves
//! it at most once. TA-Lib holds on to one position: a new value at least as good takes it over; when it leaves the
//! window, one of the best values left takes it, the earliest or the latest.

use super::Window;
use super::extreme::{Extreme, LINE, SHORT};
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
            ..=SHORT => Form::Short(Brief { heir, window: Window::new(n), row: 0, best: 0.0, at: 0 }),
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
        let n = self.window.len();
        let absent = if HIGH { f64::NEG_INFINITY } else { f64::INFINITY };
        let (mut line, mut one, mut other) = ([0.0; LINE], [0.0; LINE], [0.0; LINE]);
        let early = self.window.line(x, absent, &mut line);
        one.copy_from_slice(&line);
        let mut bests = [0.0; BLOCK];
        let bests = &mut bests[..x.len()];
        Extreme::<HIGH>::double(n, &mut one, &mut other, bests);
        y[..early].fill(f64::NAN);
        self.row += early as u64;
        for row in early..x.len() {
            let now = self.row;
            self.row += 1;
            if now + 1 == n as u64 || self.at + n as u64 <= now {
                self.at = now + 1 - n as u64 + heir(self.heir, &line[row..row + n], bests[row]) as u64;
            } else if x[row] == bests[row] {
                self.at = now;
            }
            y[row] = (now - self.at) as f64;
        }
        self.best = if early < x.len() { bests[x.len() - 1] } else { self.best };
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
