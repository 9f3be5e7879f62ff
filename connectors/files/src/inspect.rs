//! The first reading: everything that makes a file unusable as a whole is found here, before a bar is given out.
//!
//! Reads every part to its end (so that check sums are verified), [glances](crate::glance) at each row, and keeps the
//! text when it is short, so that the second reading need not unpack it again.

use crate::{
    columns::Role,
    container::{self, Part},
    error::FileError,
    evidence::Verdict,
    format::{Format, Layout},
    glance::{Glance, Row},
    keep::Keep,
    name::{self, Named},
    options::Options,
    probe::Probe,
    records::Records,
    symbols::Symbols,
    window::Window,
};
use candleflow_schema::Interval;
use std::{
    io::{self, Read},
    path::Path,
    sync::Arc,
};

/// Text up to so many bytes (unpacked, all parts of a file together) is kept between the two readings.
pub const TEXT_KEPT: usize = 64 * 1024 * 1024;
/// How much of a text the layout is recognised from.
const START: usize = 64 * 1024;

/// What the second reading needs to know.
pub(crate) struct Plan {
    pub(crate) parts: Vec<PlannedPart>,
    pub(crate) interval: Interval,
    pub(crate) symbols: Symbols,
    pub(crate) rows: u64,
    pub(crate) out_of_order: u64,
    /// Whether a time may occur more than once for a symbol.
    pub(crate) repeats: bool,
    pub(crate) notes: Vec<String>,
}

/// One text of the file, recognised.
pub(crate) struct PlannedPart {
    pub(crate) part: Part,
    pub(crate) format: Format,
    /// The number of the symbol where it was stated; else rows say theirs.
    pub(crate) symbol: Option<usize>,
    pub(crate) rows: u64,
    text: Option<Arc<[u8]>>,
}

impl PlannedPart {
    /// Its records, from the first.
    pub(crate) fn records(&self, path: &Path) -> io::Result<Records> {
        let reader: Box<dyn Read + Send> = match &self.text {
            Some(text) => Box::new(io::Cursor::new(text.clone())),
            None => self.part.open(path)?,
        };
        Records::new(Window::new(reader), &self.format)
    }
}

/// An error of a stream as an error of the file.
pub(crate) fn broken(file: &str, error: io::Error, (line, byte): (u64, u64)) -> FileError {
    let found = match error.kind() {
        io::ErrorKind::UnexpectedEof if error.get_ref().is_none() => "it ends in the middle of its data".to_owned(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => error.to_string(),
        _ => return FileError::Io { file: file.to_owned(), error },
    };
    FileError::Damaged { file: file.to_owned(), found, line, byte }
}

/// Reads a file through once.
pub(crate) fn inspect(path: &Path, options: &Options) -> Result<Plan, FileError> {
    let (parts, passed_over) = container::parts(path)?;
    let mut inspection = Inspection { options, glance: Glance::new(options), kept: 0, notes: Vec::new() };
    if !passed_over.is_empty() {
        inspection.notes.push(format!("of the zip, {} were passed over: neither CSV nor JSON", passed_over.join(", ")));
    }
    let planned = parts.into_iter().map(|part| inspection.part(path, part)).collect::<Result<Vec<_>, _>>()?;
    inspection.conclude(path.display().to_string(), planned)
}

struct Inspection<'o> {
    options: &'o Options,
    glance: Glance<'o>,
    kept: usize,
    notes: Vec<String>,
}

impl Inspection<'_> {
    fn part(&mut self, path: &Path, part: Part) -> Result<PlannedPart, FileError> {
        let file = part.label.as_str();
        let named = part.names.iter().map(|n| name::read(n)).fold(Named::default(), Named::or);
        let reader = part.open(path).map_err(|error| broken(file, error, (0, 0)))?;
        let (keep, kept) = Keep::new(reader, TEXT_KEPT - self.kept);
        let mut window = Window::new(Box::new(keep));
        let filled = window.fill(START);
        let start = window.data();
        let lines = memchr::memchr_iter(b'\n', start).count() as u64;
        let all = filled.map_err(|error| broken(file, error, (lines, window.position())))?;
        if let Some((found, advice)) = container::foreign(start) {
            return Err(FileError::Container { file: file.to_owned(), found: found.to_owned(), advice });
        }
        let known = self.options.symbol.as_deref().or(named.symbol.as_deref());
        let format = Format::detect(file, start, all, known)?;
        let symbol = self.who(file, &format, &named)?;
        if let Some(interval) = named.interval.filter(|_| self.options.interval.is_none()) {
            self.glance.claim(file, interval, &format!("the name {}", part.names[0]))?;
        }
        let rows = self.rows(file, window, &format, symbol)?;
        let text = kept.take();
        self.kept += text.as_ref().map_or(0, |t| t.len());
        let ignored = format.columns.ignored();
        if !ignored.is_empty() {
            self.note(format!("columns that no bar has were passed over: {}", ignored.join(", ")));
        }
        if let Some(line) = self.glance.open_end.take() {
            self.note(format!(
                "line {line}, the last, has no line break: if the file was cut off there, its last number is incomplete"
            ));
        }
        Ok(PlannedPart { part, format, symbol, rows, text })
    }

    fn note(&mut self, note: String) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// The symbol of rows that do not say theirs.
    fn who(&mut self, file: &str, format: &Format, named: &Named) -> Result<Option<usize>, FileError> {
        let futures = if format.columns.futures {
            Some("its header is that of the archive's futures files, which spot files do not have".to_owned())
        } else {
            named.futures.as_ref().map(|word| format!("its name says '{word}'"))
        };
        if let Some(found) = futures.filter(|_| !self.glance.renamed()) {
            let suggestion = format!("{}_PERP", named.symbol.as_deref().unwrap_or("BTCUSDT"));
            return Err(FileError::Futures { file: file.to_owned(), found, suggestion });
        }
        let rows_say = matches!(format.layout, Layout::Topic | Layout::Objects)
            || format.columns.roles.contains(&Some(Role::Symbol));
        match self.options.symbol.as_deref().or(named.symbol.as_deref()) {
            Some(symbol) => self.glance.numbered(file, 0, symbol).map(Some),
            None if rows_say => Ok(None),
            None => {
                let name = file.rsplit('/').next().unwrap_or(file);
                let found = format!("its name has no symbol, or more than one ('{name}')");
                Err(FileError::NoSymbol { file: file.to_owned(), found })
            }
        }
    }

    fn rows(&mut self, file: &str, window: Window, format: &Format, symbol: Option<usize>) -> Result<u64, FileError> {
        let mut records = Records::new(window, format).map_err(|error| broken(file, error, (0, 0)))?;
        let mut probe = Probe::default();
        let mut rows = 0;
        loop {
            let place = records.place();
            if !records.advance(format).map_err(|error| broken(file, error, place))? {
                break;
            }
            rows += 1;
            let (line, completely) = (records.line(), probe.open());
            let glimpse = self.glance.row(Row { file, format, line, byte: place.1, symbol, completely })?;
            if completely {
                probe.add(file, line.number, glimpse)?;
            }
        }
        probe.judge(file)?;
        Ok(rows)
    }

    fn conclude(mut self, file: String, parts: Vec<PlannedPart>) -> Result<Plan, FileError> {
        let rows: u64 = parts.iter().map(|p| p.rows).sum();
        if rows == 0 {
            return Err(FileError::Empty { file, found: "it has a header and no rows".into() });
        }
        let (glance, limit) = (&mut self.glance, self.options.sort_limit);
        if glance.out_of_order > 0 && rows > limit {
            return Err(FileError::Unsorted { file, line: glance.first_out_of_order, rows, limit });
        }
        glance.settle_steps();
        let option = self.options.interval.map(|i| (i, "--interval".to_owned()));
        let stated = option.or(glance.claimed.take());
        let interval = match (glance.evidence.judge(stated.as_ref().map(|(i, _)| *i)), stated) {
            (Verdict::Is(interval), _) => interval,
            (Verdict::Contradicts(found), Some((stated, by))) => {
                return Err(FileError::IntervalConflict { file, found, stated, by });
            }
            (Verdict::Contradicts(found) | Verdict::Unknown(found), _) => {
                return Err(FileError::NoInterval { file, found });
            }
        };
        let others = parts.iter().filter(|p| p.format.layout != parts[0].format.layout).count();
        if others > 0 {
            self.note(format!("{others} of the zip's {} texts have another layout than the first", parts.len()));
        }
        let Glance { symbols, out_of_order, repeated, .. } = self.glance;
        let repeats = out_of_order + repeated > 0;
        Ok(Plan { parts, interval, symbols, rows, out_of_order, repeats, notes: self.notes })
    }
}
