//! What the first reading sees of each row: its time and symbol, and of the first rows everything.
//!
//! Rows are never changed or dropped here. What it finds is either a fact about the file (is it in order, how far apart
//! are its rows, which symbols) or an error of the whole file.

use crate::{
    cells::Cells,
    columns::Role,
    error::FileError,
    evidence::{Evidence, Spans},
    format::{Content, Format},
    lines::Line,
    options::Options,
    probe::Glimpse,
    record,
    symbols::{SYMBOLS, Symbols},
    times::{self, TimeError},
};
use candleflow_schema::{Bar, Defect, Interval, Micros, time};

/// A row and where it stands.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    pub(crate) file: &'a str,
    pub(crate) format: &'a Format,
    pub(crate) line: Line<'a>,
    /// Bytes read when it was reached.
    pub(crate) byte: u64,
    /// The number of the symbol that was stated.
    pub(crate) symbol: Option<usize>,
    /// Whether to read all of it.
    pub(crate) completely: bool,
}

/// What the rows of a file have said so far.
pub(crate) struct Glance<'o> {
    options: &'o Options,
    pub(crate) symbols: Symbols,
    /// Per symbol, the time of the row before.
    last: Vec<Option<Micros>>,
    pub(crate) evidence: Evidence,
    /// What the first row or name that says it says of the interval, and which that was.
    pub(crate) claimed: Option<(Interval, String)>,
    pub(crate) out_of_order: u64,
    pub(crate) first_out_of_order: u64,
    /// Rows with the time of the row before.
    pub(crate) repeated: u64,
    /// Symbol and time of each row, of files short enough to be sorted.
    times: Vec<(u32, Micros)>,
    /// The last line, where it has no line break and ends in a number.
    pub(crate) open_end: Option<u64>,
}

impl<'o> Glance<'o> {
    pub(crate) fn new(options: &'o Options) -> Self {
        Self {
            options,
            symbols: Symbols::default(),
            last: Vec::new(),
            evidence: Evidence::default(),
            claimed: None,
            out_of_order: 0,
            first_out_of_order: 0,
            repeated: 0,
            times: Vec::new(),
            open_end: None,
        }
    }

    /// Whether the caller said that the bars are of futures and which name they shall have.
    pub(crate) fn renamed(&self) -> bool {
        self.options.allow_futures && self.options.symbol.is_some()
    }

    /// The number of a symbol.
    pub(crate) fn numbered(&mut self, file: &str, line: u64, text: &str) -> Result<usize, FileError> {
        let many = || FileError::TooManySymbols { file: file.to_owned(), line, limit: SYMBOLS };
        let number = self.symbols.number(text).ok_or_else(many)?;
        if self.last.len() <= number {
            self.last.resize(number + 1, None);
        }
        Ok(number)
    }

    /// An interval that a name or a row says; all must say the same.
    pub(crate) fn claim(&mut self, file: &str, interval: Interval, by: &str) -> Result<(), FileError> {
        let (stated, stated_by) = match (self.options.interval, &self.claimed) {
            (Some(stated), _) => (stated, "--interval"),
            (None, Some((stated, by))) => (*stated, by.as_str()),
            (None, None) => {
                self.claimed = Some((interval, by.to_owned()));
                return Ok(());
            }
        };
        if stated == interval {
            return Ok(());
        }
        let (found, by) = (format!("{interval} (by {by})"), stated_by.to_owned());
        Err(FileError::IntervalConflict { file: file.to_owned(), found, stated, by })
    }

    /// Looks at a row.
    pub(crate) fn row(&mut self, row: Row<'_>) -> Result<Glimpse, FileError> {
        let Row { file, format, line, .. } = row;
        let text = match line.text() {
            Ok(text) => text,
            Err(defect) => return Ok(Glimpse::Bad(defect)),
        };
        let mut cells = Cells::new();
        let content = match format.read(text, &mut cells) {
            Ok(content) => content,
            Err(defect) if !line.ended => {
                let found = format!("its last line is incomplete and has no line break ({defect})");
                return Err(FileError::Damaged { file: file.to_owned(), found, line: line.number - 1, byte: row.byte });
            }
            Err(_) if format.is_other_header(text) => return Err(second_header(row, text)),
            Err(defect) => return Ok(Glimpse::Bad(defect)),
        };
        if !line.ended && format.columns.roles.last().is_some_and(Option::is_some) {
            self.open_end = Some(line.number);
        }
        match content {
            Content::Complete => Ok(Glimpse::Other),
            Content::Bar(bar) => self.topic_bar(row, &bar),
            Content::Cells => self.cells(row, text, &cells),
        }
    }

    fn topic_bar(&mut self, row: Row<'_>, bar: &Bar) -> Result<Glimpse, FileError> {
        self.claim(row.file, bar.interval, "a row")?;
        let number = self.same_symbol(row, &bar.symbol)?;
        self.place(row.line.number, number, bar.open_time);
        // A record that states its own length needs no neighbour to prove it.
        self.evidence.add_length(bar.open_time, bar.time());
        Ok(bar.validate().map_or_else(Glimpse::Bad, |()| Glimpse::Bar))
    }

    fn cells(&mut self, row: Row<'_>, text: &str, cells: &Cells<'_>) -> Result<Glimpse, FileError> {
        let at = match record::open_time(cells) {
            Ok(moment) => moment.at,
            Err(TimeError::Exponent) => {
                let text = cells.open_time().into_owned();
                return Err(FileError::MangledTime { file: row.file.to_owned(), line: row.line.number, text });
            }
            Err(TimeError::Unreadable(_)) if row.format.is_other_header(text) => return Err(second_header(row, text)),
            Err(TimeError::Unreadable(reason)) => return Ok(Glimpse::Bad(Defect::Time(reason))),
        };
        if let Some(Ok(interval)) = cells.some(Role::Interval).map(str::parse) {
            self.claim(row.file, interval, "a row")?;
        }
        let number = match (cells.some(Role::Symbol), row.symbol) {
            (Some(text), _) => self.same_symbol(row, text)?,
            (None, Some(number)) => number,
            (None, None) => return Ok(Glimpse::Bad(Defect::Shape("the row does not say its symbol".into()))),
        };
        self.place(row.line.number, number, at);
        if !row.completely {
            return Ok(Glimpse::Bar);
        }
        one_time(row, cells, at)?;
        let interval = self.options.interval.unwrap_or(Interval::M1);
        let read = record::bar(cells, at, self.symbols.get(number), interval, self.options.origin);
        let closed = record::close_time(cells);
        if let (Ok(_), Ok(Some(close))) = (&read, &closed) {
            self.evidence.add_length(at, *close);
        }
        match (read, closed) {
            (Err(defect), _) | (_, Err(defect)) => Ok(Glimpse::Bad(defect)),
            (Ok(bar), Ok(_)) if record::fair_price(&bar) => Ok(Glimpse::Bar),
            _ => Ok(Glimpse::Unfair),
        }
    }

    /// The symbol that a row says, which must be the one that was stated.
    fn same_symbol(&mut self, row: Row<'_>, text: &str) -> Result<usize, FileError> {
        let (file, line) = (row.file, row.line.number);
        if let Some(stated) = row.symbol.filter(|_| self.renamed()) {
            return Ok(stated);
        }
        if text.contains(':') {
            let found = format!("line {line} says {text}");
            let pair: String = text.split(':').next().unwrap_or(text).chars().filter(|c| *c != '/').collect();
            return Err(FileError::Futures { file: file.to_owned(), found, suggestion: format!("{pair}_PERP") });
        }
        let number = self.numbered(file, line, text)?;
        match row.symbol.filter(|s| *s != number) {
            None => Ok(number),
            Some(stated) => Err(FileError::SymbolConflict {
                file: file.to_owned(),
                line,
                found: self.symbols.get(number).to_string(),
                stated: self.symbols.get(stated).to_string(),
                by: if self.options.symbol.is_some() { "--symbol" } else { "the file name" },
            }),
        }
    }

    /// The steps between rows that were out of order say nothing: counts them again, in order.
    pub(crate) fn settle_steps(&mut self) {
        if self.out_of_order == 0 {
            return;
        }
        self.times.sort_unstable();
        self.evidence.steps = Spans::default();
        for pair in self.times.windows(2) {
            if let [(symbol, before), (same, at)] = pair
                && symbol == same
                && before != at
            {
                self.evidence.steps.add(at - before);
            }
        }
    }

    /// Puts a row behind the one before it of its symbol.
    fn place(&mut self, line: u64, symbol: usize, at: Micros) {
        if (self.times.len() as u64) < self.options.sort_limit {
            self.times.push((symbol as u32, at));
        }
        let Some(before) = self.last[symbol].replace(at) else { return };
        if at < before {
            self.first_out_of_order = if self.out_of_order == 0 { line } else { self.first_out_of_order };
            self.out_of_order += 1;
        }
        match at - before {
            0 => self.repeated += 1,
            step => self.evidence.steps.add(step.abs()),
        }
    }
}

fn second_header(row: Row<'_>, text: &str) -> FileError {
    let found = text.trim().chars().take(80).collect();
    FileError::SecondHeader { file: row.file.to_owned(), line: row.line.number, found }
}

/// Where two columns say when the bar opens, both must say the same; a date alone may say it less exactly.
fn one_time(row: Row<'_>, cells: &Cells<'_>, at: Micros) -> Result<(), FileError> {
    let text = cells.get(Role::OtherTime);
    let Ok(other) = times::read(text) else { return Ok(()) };
    let date_only = !text.contains(':') && other.at == Interval::Fixed(time::DAY).open_of(at);
    if other.at == at || date_only {
        return Ok(());
    }
    Err(FileError::TwoTimes {
        file: row.file.to_owned(),
        line: row.line.number,
        first: row.format.columns.name(Role::OpenTime).into(),
        second: row.format.columns.name(Role::OtherTime).into(),
        a: time::format(at).into(),
        b: time::format(other.at).into(),
    })
}
