//! Columns of some bars as 16-bit codes that keep their order: many pairs of them are compared many bars at a time.
//!
//! Where two codes are equal, the values themselves decide; so does whoever has a NaN.

use std::cmp::Ordering;

use super::Stood;
use super::signals::Compared;

/// Codes of some bars of several columns.
#[derive(Debug, Clone, Default)]
pub struct Coded {
    /// Bars of a column, rounded up to whole words.
    stride: usize,
    codes: Vec<i16>,
    /// Whether a column has a finite value on each of the bars.
    whole: Vec<bool>,
}

/// The largest code, from 0.
const CODES: f64 = 65_534.0;

/// Adding this to a number below `2^51` leaves its nearest whole number in the lowest bits.
const WHOLE: f64 = 6_755_399_441_055_744.0;

impl Coded {
    /// Codes of columns of one length, on one common scale.
    pub fn take(&mut self, columns: &[&[f64]]) {
        self.stride = columns.first().map_or(0, |column| column.len().next_multiple_of(64));
        self.codes.resize(columns.len() * self.stride, 0);
        self.whole.clear();
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for column in columns {
            let (least, most) = extremes(column);
            let whole = least.is_finite() && most.is_finite();
            self.whole.push(whole);
            if whole {
                (low, high) = (low.min(least), high.max(most));
            }
        }
        let scale = CODES / (high - low);
        let scale = if scale.is_finite() { scale } else { 0.0 };
        if self.stride > 0 {
            for (values, codes) in columns.iter().zip(self.codes.chunks_exact_mut(self.stride)) {
                encode(values, codes, low, scale);
            }
        }
    }

    /// Crossings of two of the columns that were taken, with their places, given as [`Stood::cross`] gives them.
    #[inline]
    pub fn cross(
        &self,
        (a, first): (usize, &[f64]),
        (b, second): (usize, &[f64]),
        stood: &mut Stood,
        mut found: impl FnMut(usize, u64, u64),
    ) {
        let codes = |column: usize| self.codes[column * self.stride..(column + 1) * self.stride].as_chunks::<64>().0;
        let by_codes = self.whole[a] && self.whole[b];
        for (place, (x, y)) in codes(a).iter().zip(codes(b)).enumerate() {
            let bars = place * 64..first.len().min(place * 64 + 64);
            let whole = bars.len() == 64 && by_codes;
            let now = match if whole { compare(x, y) } else { (0, true) } {
                (above, false) => Compared { above, below: !above, equal: 0 },
                (above, true) if whole => decided(above, x, y, (&first[bars.clone()], &second[bars.clone()])),
                _ => Compared::of(&first[bars.clone()], &second[bars.clone()]),
            };
            let (up, down) = stood.crossings(now, bars.len());
            found(place, up, down);
        }
    }
}

/// Codes in the order of the values, from `low` on: equal values have equal codes, a larger code is a larger value.
fn encode(values: &[f64], codes: &mut [i16], low: f64, scale: f64) {
    for (value, code) in values.iter().zip(codes) {
        *code = (((value - low) * scale - 0.5 * CODES) + WHOLE).to_bits() as i16;
    }
}

/// Of 64 bars, some of whose codes are equal: there the values decide, elsewhere the codes have.
fn decided(above: u64, a: &[i16; 64], b: &[i16; 64], (first, second): (&[f64], &[f64])) -> Compared {
    let mut found = Compared { above, below: !above, equal: 0 };
    let mut tied = ties(a, b);
    while tied != 0 {
        let (bar, bit) = (tied.trailing_zeros() as usize, tied & tied.wrapping_neg());
        tied ^= bit;
        found.below &= !bit;
        let to = match first[bar].total_cmp(&second[bar]) {
            _ if first[bar] == second[bar] => &mut found.equal,
            Ordering::Greater => &mut found.above,
            _ => &mut found.below,
        };
        *to |= bit;
    }
    found
}

/// Of 64 bars: where codes are equal.
fn ties(a: &[i16; 64], b: &[i16; 64]) -> u64 {
    let equal: [u8; 64] = std::array::from_fn(|bar| if a[bar] == b[bar] { 0xff } else { 0 });
    packed(&equal)
}

/// A bit of each byte, which are all ones or all zeros.
#[inline]
fn packed(bytes: &[u8; 64]) -> u64 {
    let mut word = 0;
    for (place, bytes) in bytes.as_chunks::<8>().0.iter().enumerate() {
        // Byte i is reduced to bit i; the product adds all bytes up in the highest one.
        let bits = (u64::from_le_bytes(*bytes) & 0x8040_2010_0804_0201).wrapping_mul(0x0101_0101_0101_0101) >> 56;
        word |= bits << (8 * place);
    }
    word
}

/// Of 64 bars: where the first code is larger, and whether two are equal anywhere.
#[inline]
fn compare(a: &[i16; 64], b: &[i16; 64]) -> (u64, bool) {
    let (mut above, mut equal) = ([0_u8; 64], 0_i16);
    for bar in 0..64 {
        above[bar] = if a[bar] > b[bar] { 0xff } else { 0 };
        equal |= if a[bar] == b[bar] { -1 } else { 0 };
    }
    (packed(&above), equal != 0)
}

/// The least and the largest value; not finite where one of them is not.
fn extremes(values: &[f64]) -> (f64, f64) {
    let (mut low, mut high, mut odd) = ([f64::INFINITY; 4], [f64::NEG_INFINITY; 4], [0.0; 4]);
    let (chunks, rest) = values.as_chunks::<4>();
    let rest = rest.iter().map(|value| [*value; 4]);
    for chunk in chunks.iter().copied().chain(rest) {
        for lane in 0..4 {
            low[lane] = if chunk[lane] < low[lane] { chunk[lane] } else { low[lane] };
            high[lane] = if chunk[lane] > high[lane] { chunk[lane] } else { high[lane] };
            odd[lane] += chunk[lane] * 0.0; // NaN from the first value on that is not finite
        }
    }
    let odd = odd.iter().sum::<f64>();
    let (low, high) =
        (low.into_iter().fold(f64::INFINITY, f64::min), high.into_iter().fold(f64::NEG_INFINITY, f64::max));
    (low + odd, high + odd)
}
