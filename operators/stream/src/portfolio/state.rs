//! A portfolio's state as bytes: the engine, how far each symbol is, and the rows that wait.

use super::{NAME, Portfolio, Waiting, engine_bound, take};
use crate::operator::OperatorError;
use candleflow_kernels::strategy::{BarInput, Path};
use candleflow_schema::{Merge, Micros};

/// A bar's times, prices and whether it had volume.
const BAR: usize = 6 * 8 + 1;
/// Finer bars of one bar, at most: as many as a day has seconds. The pipeline file takes no more.
const FINER: usize = 86_400;

impl Portfolio {
    /// All of its state.
    pub fn snapshot(&self) -> Vec<u8> {
        let mut out = Vec::new();
        let engine = self.engine.save();
        put(&mut out, engine.len() as i64);
        out.extend_from_slice(&engine);
        put(&mut out, self.group_time.unwrap_or(Micros::MIN));
        for (key, (watermark, rows)) in self.merge.lanes().enumerate() {
            put(&mut out, self.last[key]);
            out.push(u8::from(self.group[key].is_some()));
            if let Some(waiting) = &self.group[key] {
                write(&mut out, waiting);
            }
            put(&mut out, watermark);
            put(&mut out, rows.len() as i64);
            rows.for_each(|(_, waiting)| write(&mut out, waiting));
        }
        out
    }

    /// Takes the state of a portfolio that was made with the same parts.
    ///
    /// # Errors
    /// When the bytes are not such a portfolio's.
    pub fn restore(&mut self, mut bytes: &[u8]) -> Result<(), OperatorError> {
        let broken = |reason: String| OperatorError::Restore { operator: NAME, reason };
        let short = || broken("the snapshot ends too early".into());
        let bytes = &mut bytes;
        let length = get(bytes)? as usize;
        let (own, rest) = bytes.split_at_checked(length).ok_or_else(short)?;
        self.engine.load(own).map_err(|e| broken(e.to_string()))?;
        *bytes = rest;
        let time = get(bytes)?;
        self.group_time = (time > Micros::MIN).then_some(time);
        self.merge = Merge::new(self.symbols.len());
        for key in 0..self.symbols.len() {
            let width = self.feeds[key].width();
            self.last[key] = get(bytes)?;
            let [grouped] = take(NAME, bytes)?;
            self.group[key] = if grouped == 0 { None } else { Some(read(bytes, width)?) };
            let watermark = get(bytes)?;
            for _ in 0..get(bytes)? {
                let waiting = read(bytes, width)?;
                self.merge.push(key, waiting.bar.time, waiting).map_err(|e| broken(e.to_string()))?;
            }
            self.merge.complete(key, watermark);
        }
        if bytes.is_empty() { Ok(()) } else { Err(broken("the snapshot is of a larger portfolio".into())) }
    }

    /// No snapshot is larger than this, with at most `waiting` rows that wait.
    pub fn state_bound(&self, waiting: usize) -> usize {
        let keys = self.symbols.len();
        let width = self.feeds.iter().map(|feed| feed.width()).max().unwrap_or(0);
        let row = BAR + 8 * width + 9 + if self.engine.spec().fills.path == Path::Detail { FINER * BAR } else { 0 };
        16 + keys * (engine_bound(self.engine.spec()) + 25 + row) + waiting * row
    }
}

fn put(out: &mut Vec<u8>, value: i64) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn get(bytes: &mut &[u8]) -> Result<i64, OperatorError> {
    Ok(i64::from_le_bytes(take(NAME, bytes)?))
}

fn write_bar(out: &mut Vec<u8>, bar: &BarInput) {
    [bar.open_time, bar.time, bar.open, bar.high, bar.low, bar.close].into_iter().for_each(|value| put(out, value));
    out.push(u8::from(bar.no_volume));
}

fn read_bar(bytes: &mut &[u8]) -> Result<BarInput, OperatorError> {
    let [open_time, time] = [get(bytes)?, get(bytes)?];
    let prices = [get(bytes)?, get(bytes)?, get(bytes)?, get(bytes)?];
    let [no_volume] = take(NAME, bytes)?;
    Ok(BarInput::new(open_time, time, prices, (no_volume != 0).then_some(0.0)))
}

fn write(out: &mut Vec<u8>, waiting: &Waiting) {
    write_bar(out, &waiting.bar);
    waiting.columns.iter().for_each(|value| out.extend_from_slice(&value.to_bits().to_le_bytes()));
    put(out, waiting.detail.as_ref().map_or(-1, |finer| finer.len() as i64));
    waiting.detail.iter().flatten().for_each(|bar| write_bar(out, bar));
}

fn read(bytes: &mut &[u8], width: usize) -> Result<Waiting, OperatorError> {
    let bar = read_bar(bytes)?;
    let value = |bytes: &mut &[u8]| Ok(f64::from_bits(u64::from_le_bytes(take(NAME, bytes)?)));
    let columns = (0..width).map(|_| value(bytes)).collect::<Result<_, OperatorError>>()?;
    let count = get(bytes)?;
    let finer = (0..count).map(|_| read_bar(bytes)).collect::<Result<Vec<_>, _>>()?;
    Ok(Waiting { bar, columns, detail: (count >= 0).then_some(finer) })
}
