//! Which layout a text has, decided from its beginning, and how a record of it is read.
//!
//! A layout is recognised by its content or not at all: twelve columns without a header are the exchange's own; any
//! other delimited text must name its columns. Guessing the meaning of a column would be wrong data one day.

use crate::{
    cells::{self, Cells, Fields},
    columns::{self, Columns, EXCHANGE, Header, Role},
    elements::Scan,
    error::FileError,
    records::BOM,
    times,
};
use candleflow_schema::{Bar, Defect, KlineRecord, json, time};
use std::fmt;

/// The layouts of bars that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// The exchange's archive: twelve columns without a header.
    Archive {
        /// What stands between the columns.
        delimiter: char,
    },
    /// Delimited text whose header names the columns.
    Named {
        /// What stands between the columns.
        delimiter: char,
    },
    /// JSON arrays of twelve values, as `GET /api/v3/klines` answers.
    Rest,
    /// JSON arrays of six values (time in milliseconds, open, high, low, close, volume), as ccxt and freqtrade write.
    Ohlcv,
    /// JSON objects with the names of columns.
    Objects,
    /// The JSON values of a topic `klines.<interval>`, one a line.
    Topic,
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Layout::Archive { delimiter } => write!(f, "archive CSV, 12 columns, delimiter {delimiter:?}"),
            Layout::Named { delimiter } => write!(f, "CSV with a header, delimiter {delimiter:?}"),
            Layout::Rest => f.write_str("REST JSON, arrays of 12 values"),
            Layout::Ohlcv => f.write_str("JSON, arrays of 6 values"),
            Layout::Objects => f.write_str("JSON objects"),
            Layout::Topic => f.write_str("JSON lines of a klines topic"),
        }
    }
}

/// How many lines may stand before a header (a site's address, a comment).
const PREAMBLE: usize = 5;

/// A recognised layout.
#[derive(Debug, Clone)]
pub(crate) struct Format {
    pub(crate) layout: Layout,
    pub(crate) columns: Columns,
    /// Lines to pass over at the beginning: preamble and header.
    pub(crate) skip: u64,
    delimiter: u8,
    header: Option<Vec<u8>>,
    document: bool,
}

/// What a record says.
pub(crate) enum Content {
    /// Cells, yet to be read.
    Cells,
    /// A bar of a topic, read.
    Bar(Box<Bar>),
    /// A `complete` record of a topic.
    Complete,
}

impl Format {
    fn new(layout: Layout, columns: Columns) -> Self {
        Self { layout, columns, skip: 0, delimiter: b',', header: None, document: false }
    }

    /// Whether the text is one JSON array of all records.
    pub(crate) fn document(&self) -> bool {
        self.document
    }

    /// Whether the text is lines of columns.
    pub(crate) fn is_delimited(&self) -> bool {
        matches!(self.layout, Layout::Archive { .. } | Layout::Named { .. })
    }

    /// Whether a line says nothing: white space and delimiters only.
    pub(crate) fn is_blank(&self, line: &[u8]) -> bool {
        line.iter().all(|b| b.is_ascii_whitespace() || (*b == self.delimiter && self.is_delimited()))
    }

    /// Whether a line is the header again, as in files that were joined.
    pub(crate) fn is_header(&self, line: &[u8]) -> bool {
        self.header.as_deref().is_some_and(|h| h == line || Some(h) == line.strip_prefix(BOM))
    }

    /// Whether a line is a header of bars, other than the file's own.
    pub(crate) fn is_other_header(&self, line: &str) -> bool {
        let Some(names) = fields(line, self.delimiter) else { return false };
        self.is_delimited() && !names.iter().any(|n| numeric(n)) && columns::header(&names, None) != Header::No
    }

    /// Reads a record; its cells, where it has such, go into `cells`.
    pub(crate) fn read<'a>(&self, text: &'a str, cells: &mut Cells<'a>) -> Result<Content, Defect> {
        match self.layout {
            Layout::Archive { .. } | Layout::Named { .. } => {
                cells::delimited(text, self.delimiter, &self.columns, cells)?;
            }
            Layout::Rest | Layout::Ohlcv => *cells = cells::array(text, &self.columns)?,
            Layout::Objects => *cells = cells::object(text)?,
            Layout::Topic => return topic(text),
        }
        Ok(Content::Cells)
    }

    /// Recognises the layout from the first bytes of a text; `all` says whether these are all of it.
    pub(crate) fn detect(file: &str, start: &[u8], all: bool, symbol: Option<&str>) -> Result<Self, FileError> {
        let start = start.strip_prefix(BOM).unwrap_or(start);
        let text = valid(start);
        let significant = text.trim_start();
        if significant.is_empty() && all {
            return Err(FileError::Empty { file: file.to_owned(), found: "there is nothing but white space".into() });
        }
        match significant.as_bytes().first() {
            Some(b'[' | b'{') => detect_json(file, significant),
            _ => detect_delimited(file, text, symbol),
        }
    }
}

/// The valid beginning of what may be text; a wrong byte in a row must not hide the header before it.
fn valid(bytes: &[u8]) -> &str {
    let valid = std::str::from_utf8(bytes).map_or_else(|e| e.valid_up_to(), str::len);
    std::str::from_utf8(&bytes[..valid]).unwrap_or_default()
}

fn topic(text: &str) -> Result<Content, Defect> {
    match json::decode(text.as_bytes()).map_err(|e| Defect::Shape(e.to_string()))? {
        KlineRecord::Complete { .. } => Ok(Content::Complete),
        KlineRecord::Bar(bar) | KlineRecord::Restated(bar) if time::epoch(bar.open_time) == Some(bar.open_time) => {
            Ok(Content::Bar(Box::new(bar)))
        }
        KlineRecord::Bar(bar) | KlineRecord::Restated(bar) => {
            Err(Defect::Time(format!("open_time {} is not in microseconds of 1990 to 2100", bar.open_time)))
        }
    }
}

fn detect_delimited(file: &str, text: &str, symbol: Option<&str>) -> Result<Format, FileError> {
    let layout = |found: String, advice: &str| {
        FileError::Layout {
        file: file.to_owned(),
        found,
        expected: "the archive's 12 columns, or a header with open_time, open, high, low, close, volume, or the exchange's JSON".into(),
        advice: advice.to_owned(),
    }
    };
    if !text.contains('\n') && text.trim_end_matches('\r').contains('\r') {
        return Err(layout("lines that end in CR alone".into(), "save it with the line ends of Unix or Windows"));
    }
    let mut first = None;
    let mut candidates = 0;
    for (index, line) in text.lines().enumerate() {
        let Some((delimiter, fields)) = split(line).filter(|_| candidates <= PREAMBLE) else {
            candidates += usize::from(!line.trim().is_empty());
            first = first.or(Some(line).filter(|l| !l.trim().is_empty()));
            continue;
        };
        first = first.or(Some(line));
        candidates += 1;
        let shape = char::from(delimiter);
        if fields.first().is_some_and(|f| numeric(f)) || fields.iter().filter(|f| numeric(f)).count() >= 4 {
            let count = fields.len() - usize::from(fields.len() == 13 && fields[12].trim().is_empty());
            if count != EXCHANGE.len() {
                let found = format!("rows of {count} columns without a header ('{}')", short(line));
                let advice =
                    "if they are bars, name the columns in a first line, such as open_time,open,high,low,close,volume";
                return Err(layout(found, advice));
            }
            let format = Format::new(Layout::Archive { delimiter: shape }, Columns::placed(&EXCHANGE));
            return Ok(Format { skip: index as u64, delimiter, ..format });
        }
        match columns::header(&fields, symbol) {
            Header::No => {}
            Header::Yes(columns) => {
                let header = Some(line.as_bytes().to_vec());
                let format = Format::new(Layout::Named { delimiter: shape }, columns);
                return Ok(Format { skip: index as u64 + 1, delimiter, header, ..format });
            }
            Header::Lacks(names) => {
                let found = format!("a header without {} ('{}')", names.join(", "), short(line));
                return Err(layout(found, "export it with that column, or rename the column that holds it"));
            }
            Header::Twice(a, b) => {
                let found = format!("a header in which '{a}' and '{b}' mean the same ('{}')", short(line));
                return Err(layout(found, "remove or rename the one that is not meant"));
            }
        }
    }
    let found = first.map_or_else(|| "no text".into(), |line| format!("text that begins '{}'", short(line)));
    Err(layout(found, "check that it is the file that was meant"))
}

/// The fields of a line by the delimiter that gives the most; `None` where it gives fewer than a bar has.
fn split(line: &str) -> Option<(u8, Vec<&str>)> {
    let best = [b',', b';', b'|', b'\t'].into_iter().filter_map(|d| fields(line, d).map(|f| (d, f)));
    best.rev().max_by_key(|(_, fields)| fields.len()).filter(|(_, fields)| fields.len() >= 3)
}

fn fields(line: &str, delimiter: u8) -> Option<Vec<&str>> {
    Fields::new(line, delimiter).collect::<Result<_, _>>().ok()
}

/// Whether a cell is a number or a time rather than a name.
fn numeric(field: &str) -> bool {
    field.trim().bytes().next().is_some_and(|b| b.is_ascii_digit() || matches!(b, b'-' | b'+' | b'.'))
        && field.bytes().any(|b| b.is_ascii_digit())
}

fn short(line: &str) -> String {
    let line = line.trim();
    let cut: String = line.chars().take(80).collect();
    if cut.len() < line.len() { format!("{cut}...") } else { cut }
}

fn detect_json(file: &str, text: &str) -> Result<Format, FileError> {
    let layout = |found: String, advice: &str| {
        FileError::Layout {
        file: file.to_owned(),
        found,
        expected: "arrays of 12 values as the exchange answers, arrays of 6 (ccxt), objects with named columns, or lines of a klines topic".into(),
        advice: advice.to_owned(),
    }
    };
    let inner = text.strip_prefix('[').map(str::trim_start);
    if inner.is_some_and(|i| i.starts_with(']')) {
        return Err(FileError::Empty { file: file.to_owned(), found: "its JSON array is empty".into() });
    }
    let document = inner.is_some_and(|i| i.starts_with(['[', '{']));
    let first = if document { inner.unwrap_or_default() } else { text };
    let Some(length) = Scan::default().run(first.as_bytes()) else {
        let found = format!("JSON whose first record does not end ('{}')", short(first));
        return Err(layout(found, "it may be cut off: download or export it again"));
    };
    let first = &first[..length];
    let found = |what: &str| format!("{what} ('{}')", short(first));
    let format = if first.starts_with('[') {
        array(first).ok_or_else(|| layout(found("JSON arrays of another shape"), "export it as CSV with a header"))?
    } else {
        let keys: std::collections::BTreeMap<String, serde::de::IgnoredAny> =
            serde_json::from_str(first).map_err(|e| layout(found(&format!("broken JSON: {e}")), "export it again"))?;
        if keys.contains_key("code") && keys.contains_key("msg") {
            return Err(layout(found("an error answer of the exchange"), "ask the exchange again"));
        }
        let plains: Vec<String> = keys.keys().map(|k| columns::plain(k)).collect();
        let has = |role: Role| plains.iter().any(|p| columns::role(p) == Some(role));
        let timed = plains.iter().any(|p| columns::time_rank(p).is_some());
        if keys.contains_key("type") {
            Format::new(Layout::Topic, Columns::placed(&[]))
        } else if timed && [Role::Open, Role::High, Role::Low, Role::Close, Role::Volume].into_iter().all(has) {
            Format::new(Layout::Objects, Columns::placed(&[]))
        } else {
            return Err(layout(found("JSON objects that are no bars"), "export it as CSV with a header"));
        }
    };
    Ok(Format { document, ..format })
}

/// The layout of a JSON array, by its first one.
fn array(first: &str) -> Option<Format> {
    let rest = Columns::placed(&EXCHANGE);
    if cells::array(first, &rest).is_ok() {
        return Some(Format::new(Layout::Rest, rest));
    }
    let six = Columns::placed(&EXCHANGE[..6]);
    let cells = cells::array(first, &six).ok()?;
    // Others have arrays of six in another order, but with seconds.
    let time = cells.get(Role::OpenTime);
    (time.len() == 13 && times::read(time).is_ok()).then(|| Format::new(Layout::Ohlcv, six))
}
