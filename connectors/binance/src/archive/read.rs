//! A zip of the archive, row by row: bars, what cannot be used, and which days are whole. Blocking.
//!
//! A row may have its times in milliseconds or microseconds (told value by value), a first line that does not begin with
//! a digit is a header, and the same row twice is one row. Memory: one batch.

use super::plan::ArchiveFile;
use candleflow_schema::{Bar, Defect, Interval, Micros, Origin, Quarantined, Symbol, time, time::DAY};
use csv::{ByteRecord, ReaderBuilder};
use std::{fs::File, path::Path};
use zip::ZipArchive;

/// Rows that are handed on together.
pub(super) const BATCH: usize = 8192;
/// Rows of one file that are kept in full when they cannot be used; the rest is counted.
const BAD_ROWS: usize = 1000;

/// A UTC day in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DayFact {
    /// Days since 1970-01-01.
    pub day: i64,
    /// Bars that opened on it.
    pub rows: u64,
    /// Bars that a day without outage has; `None` for bars longer than a day.
    pub expected: Option<u64>,
    /// Open time of its first bar.
    pub first: Micros,
    /// Event time of its last bar.
    pub last: Micros,
}

impl DayFact {
    /// Whether its last bar is there: a file that ends early is the usual defect.
    pub fn reaches_end(&self) -> bool {
        self.last >= (self.day + 1) * DAY
    }

    /// Whether no bar is missing.
    pub fn is_full(&self) -> bool {
        self.expected.is_none_or(|expected| self.rows == expected) && self.reaches_end()
    }
}

/// What was in a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Usable rows, whether in the wanted range or not.
    pub rows: u64,
    /// Rows that came twice.
    pub repeated: u64,
    /// Rows that cannot be used.
    pub bad: u64,
    /// Bars that open off the grid.
    pub off_grid: u64,
    /// Its days, in order.
    pub days: Vec<DayFact>,
}

/// Why a file cannot be read (on).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The file is damaged or is no such file.
    #[error("the file cannot be read: {0}")]
    Damaged(String),
    /// Whoever takes the rows has gone.
    #[error("nobody takes the rows any more")]
    Closed,
}

/// Takes batches; `false` ends the reading.
pub type Take<'a> = &'a mut dyn FnMut(Vec<Bar>, Vec<Quarantined>) -> bool;

/// Reads `path`, which is `file`, and hands on the bars with `from < time <= to`.
///
/// # Errors
/// See [`ReadError`]. The zip's own checks (CRC) count as reading.
pub fn read(path: &Path, file: &ArchiveFile, from: Micros, to: Micros, take: Take<'_>) -> Result<Contents, ReadError> {
    let damaged = |e: &dyn std::fmt::Display| ReadError::Damaged(e.to_string());
    let opened = File::open(path).map_err(|e| damaged(&e))?;
    let mut zip = ZipArchive::new(std::io::BufReader::new(opened)).map_err(|e| damaged(&e))?;
    if zip.len() != 1 {
        return Err(ReadError::Damaged(format!("it holds {} files, expected one", zip.len())));
    }
    let entry = zip.by_index(0).map_err(|e| damaged(&e))?;
    let mut csv = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(entry);
    let mut reading = Reading::new(file, from, to);
    let mut record = ByteRecord::new();
    while csv.read_byte_record(&mut record).map_err(|e| damaged(&e))? {
        reading.row(&record);
        if reading.bars.len() >= BATCH && !reading.hand_on(take) {
            return Err(ReadError::Closed);
        }
    }
    if !reading.hand_on(take) {
        return Err(ReadError::Closed);
    }
    Ok(reading.contents)
}

struct Reading<'a> {
    symbol: Symbol,
    interval: Interval,
    source: String,
    period: (Micros, Micros),
    file: &'a ArchiveFile,
    wanted: (Micros, Micros),
    line: i64,
    last: Option<Bar>,
    bars: Vec<Bar>,
    bad: Vec<Quarantined>,
    contents: Contents,
}

impl<'a> Reading<'a> {
    fn new(file: &'a ArchiveFile, from: Micros, to: Micros) -> Self {
        Self {
            symbol: file.symbol.clone(),
            interval: file.interval,
            source: file.name() + ".zip",
            period: file.period.range(),
            file,
            wanted: (from, to),
            line: 0,
            last: None,
            bars: Vec::new(),
            bad: Vec::new(),
            contents: Contents::default(),
        }
    }

    fn row(&mut self, record: &ByteRecord) {
        self.line += 1;
        let header = self.line == 1 && !record.get(0).and_then(|f| f.first()).is_some_and(u8::is_ascii_digit);
        if header {
            return;
        }
        match self.parse(record) {
            Ok(Some(bar)) => self.keep(bar),
            Ok(None) => self.contents.repeated += 1,
            Err(defect) => {
                self.contents.bad += 1;
                if self.contents.bad <= BAD_ROWS as u64 {
                    let raw: Vec<_> = record.iter().collect();
                    self.bad.push(Quarantined::new(&self.source, self.line, defect, &raw.join(&b',')));
                }
            }
        }
    }

    /// `None` for a row that came before.
    fn parse(&self, record: &ByteRecord) -> Result<Option<Bar>, Defect> {
        let bar = bar(record, &self.symbol, self.interval)?;
        if !(self.period.0..self.period.1).contains(&bar.open_time) {
            let open = time::format(bar.open_time);
            return Err(Defect::Time(format!("a bar that opened {open} does not belong into {}", self.file.name())));
        }
        match &self.last {
            Some(last) if bar.open_time == last.open_time && bar == *last => Ok(None),
            Some(last) if bar.open_time == last.open_time => Err(Defect::Conflict),
            Some(last) if bar.open_time < last.open_time => Err(Defect::Order),
            _ => Ok(Some(bar)),
        }
    }

    fn keep(&mut self, bar: Bar) {
        let contents = &mut self.contents;
        contents.rows += 1;
        contents.off_grid += u64::from(!self.interval.on_grid(bar.open_time));
        let day = bar.open_time.div_euclid(DAY);
        match contents.days.last_mut().filter(|d| d.day == day) {
            Some(fact) => (fact.rows, fact.last) = (fact.rows + 1, bar.time()),
            None => {
                let expected = match self.interval {
                    Interval::Fixed(length) => Some((DAY / length) as u64),
                    _ => None,
                };
                contents.days.push(DayFact { day, rows: 1, expected, first: bar.open_time, last: bar.time() });
            }
        }
        if bar.time() > self.wanted.0 && bar.time() <= self.wanted.1 {
            self.bars.push(bar.clone());
        }
        self.last = Some(bar);
    }

    fn hand_on(&mut self, take: Take<'_>) -> bool {
        let (bars, bad) = (std::mem::take(&mut self.bars), std::mem::take(&mut self.bad));
        (bars.is_empty() && bad.is_empty()) || take(bars, bad)
    }
}

/// A row of the archive: 12 columns, of which the last means nothing; close time is implied by open time and length.
fn bar(record: &ByteRecord, symbol: &Symbol, interval: Interval) -> Result<Bar, Defect> {
    if record.len() < 11 {
        return Err(Defect::Shape(format!("{} columns, expected 12", record.len())));
    }
    let text = |i: usize| std::str::from_utf8(&record[i]).map_err(|e| Defect::Shape(format!("column {}: {e}", i + 1)));
    let whole = |i: usize| {
        let text = text(i)?;
        text.parse::<i64>().map_err(|_| Defect::Shape(format!("column {}: '{text}' is not a whole number", i + 1)))
    };
    // Only a local exchange leaves a field empty, where the bars that it replays lack the number.
    let maybe = |name: &'static str, i: usize| match text(i)? {
        "" => Ok(None),
        text => Defect::quantity(name, text).map(Some),
    };
    let open_time = whole(0)?;
    let bar = Bar {
        symbol: symbol.clone(),
        interval,
        open_time: time::epoch(open_time)
            .ok_or_else(|| Defect::Time(format!("{open_time} is not a time between 1990 and 2100")))?,
        open: Defect::price("open", text(1)?)?,
        high: Defect::price("high", text(2)?)?,
        low: Defect::price("low", text(3)?)?,
        close: Defect::price("close", text(4)?)?,
        volume: Defect::quantity("volume", text(5)?)?,
        quote_volume: maybe("quote_volume", 7)?,
        trades: if record[8].is_empty() { None } else { Some(whole(8)?) },
        taker_buy_volume: maybe("taker_buy_volume", 9)?,
        taker_buy_quote_volume: maybe("taker_buy_quote_volume", 10)?,
        origin: Origin::Archive,
    };
    bar.validate()?;
    Ok(bar)
}
