//! What came before, per symbol: tells a new bar from a duplicate, a conflict and a bar that is too late; finds gaps.

use crate::summary::{GAPS_LISTED, Gap, Gaps, SymbolSummary};
use candleflow_schema::{Bar, Interval, Micros, Symbol};

/// What a bar is beside those that came before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Later than all before.
    New,
    /// The same bar again.
    Duplicate,
    /// The same open time with other values: the first stays.
    Conflict,
    /// Earlier than the one before.
    Late,
}

/// The bars of a file so far.
#[derive(Debug)]
pub(crate) struct Tracks {
    /// Whether times may repeat; only then the values of the last bars are needed.
    repeats: bool,
    tracks: Vec<Option<Track>>,
    order: Vec<usize>,
    pub(crate) gaps: Gaps,
    pub(crate) bars: u64,
    pub(crate) duplicates: u64,
    pub(crate) off_grid: u64,
    pub(crate) zero_volume: u64,
}

#[derive(Debug)]
struct Track {
    symbol: Symbol,
    values: Option<Bar>,
    first: Micros,
    last: Micros,
    bars: u64,
}

impl Tracks {
    pub(crate) fn new(repeats: bool) -> Self {
        Self {
            repeats,
            tracks: Vec::new(),
            order: Vec::new(),
            gaps: Gaps::default(),
            bars: 0,
            duplicates: 0,
            off_grid: 0,
            zero_volume: 0,
        }
    }

    /// Judges a bar of the symbol with that number and remembers it when it is new.
    pub(crate) fn offer(&mut self, symbol: usize, bar: &Bar) -> Outcome {
        if self.tracks.len() <= symbol {
            self.tracks.resize_with(symbol + 1, || None);
        }
        let values = if self.repeats { Some(bar.clone()) } else { None };
        let at = bar.open_time;
        match &mut self.tracks[symbol] {
            Some(track) if at < track.last => return Outcome::Late,
            Some(track) if at == track.last => {
                // Without the values nothing can be called the same.
                let same = track.values.as_ref().is_some_and(|last| last.same_value(bar));
                self.duplicates += u64::from(same);
                return if same { Outcome::Duplicate } else { Outcome::Conflict };
            }
            Some(track) => {
                note_gap(&mut self.gaps, track.last, bar);
                track.bars += 1;
                (track.last, track.values) = (at, values);
            }
            empty => {
                *empty = Some(Track { symbol: bar.symbol.clone(), values, first: at, last: at, bars: 1 });
                self.order.push(symbol);
            }
        }
        self.bars += 1;
        self.off_grid += u64::from(!bar.interval.on_grid(at));
        self.zero_volume += u64::from(bar.volume == 0);
        Outcome::New
    }

    /// Per symbol, in the order of their first bars.
    pub(crate) fn symbols(&self) -> Vec<SymbolSummary> {
        let tracks = self.order.iter().filter_map(|i| self.tracks[*i].as_ref());
        let summary =
            |t: &Track| SymbolSummary { symbol: t.symbol.clone(), bars: t.bars, first: t.first, last: t.last };
        tracks.map(summary).collect()
    }
}

fn note_gap(gaps: &mut Gaps, last: Micros, next: &Bar) {
    let from = next.interval.close_of(last);
    let bars = whole_bars(next.interval, from, next.open_time);
    if bars == 0 {
        return;
    }
    gaps.count += 1;
    gaps.bars += bars;
    if gaps.listed.len() < GAPS_LISTED {
        gaps.listed.push(Gap { symbol: next.symbol.clone(), from, to: next.open_time, bars });
    }
}

/// How many whole bars fit between two instants; what is less than a bar (around bars off the grid) is no gap.
fn whole_bars(interval: Interval, from: Micros, to: Micros) -> u64 {
    if interval != Interval::Mo1 {
        return u64::try_from((to - from) / interval.nominal()).unwrap_or(0);
    }
    std::iter::successors(Some(from), |open| Some(interval.close_of(*open)))
        .skip(1)
        .take_while(|end| *end <= to)
        .count() as u64
}
