//! Text as lines: `\n` or `\r\n`, numbered from 1, each at most [`LINE_LIMIT`] bytes.

use crate::window::Window;
use candleflow_schema::{Defect, quarantine::RAW_LIMIT};
use std::io;

/// The longest line or JSON element that is read, in bytes. A longer line is quarantined, with its beginning.
pub const LINE_LIMIT: usize = 64 * 1024;

/// A record as it stands in the file.
#[derive(Clone, Copy)]
pub(crate) struct Line<'a> {
    /// From 1.
    pub(crate) number: u64,
    /// Without its line break; the beginning only, when it is too long.
    pub(crate) bytes: &'a [u8],
    /// Whether a line break follows.
    pub(crate) ended: bool,
    /// Whether it is longer than [`LINE_LIMIT`].
    pub(crate) too_long: bool,
}

impl<'a> Line<'a> {
    /// Its text.
    pub(crate) fn text(&self) -> Result<&'a str, Defect> {
        if self.too_long {
            return Err(Defect::Shape(format!("longer than {LINE_LIMIT} bytes")));
        }
        if memchr::memchr(0, self.bytes).is_some() {
            return Err(Defect::Shape("contains a NUL byte".into()));
        }
        std::str::from_utf8(self.bytes).map_err(|e| {
            Defect::Shape(format!("byte {} is not UTF-8 (another encoding, such as Latin-1?)", e.valid_up_to() + 1))
        })
    }
}

/// The lines of a stream: [`Lines::advance`], then [`Lines::line`].
pub(crate) struct Lines {
    window: Window,
    number: u64,
    /// Bytes of the window that the current line takes, line break included.
    taken: usize,
    ended: bool,
    /// The beginning of the current line, when it is too long.
    long: Option<Vec<u8>>,
}

impl Lines {
    pub(crate) fn new(window: Window) -> Self {
        Self { window, number: 0, taken: 0, ended: false, long: None }
    }

    /// Lines passed so far, and bytes read so far.
    pub(crate) fn place(&self) -> (u64, u64) {
        (self.number, self.window.position())
    }

    /// Goes to the next line, blank ones included; `false` at the end.
    pub(crate) fn advance(&mut self) -> io::Result<bool> {
        self.window.consume(std::mem::take(&mut self.taken));
        self.long = None;
        let mut searched = 0;
        let length = loop {
            let data = self.window.data();
            if let Some(at) = memchr::memchr(b'\n', &data[searched..]) {
                self.ended = true;
                break searched + at;
            }
            searched = data.len();
            if searched > LINE_LIMIT {
                self.number += 1;
                return self.pass_long();
            }
            if !self.window.more()? {
                self.ended = false;
                break searched;
            }
        };
        if length == 0 && !self.ended {
            return Ok(false);
        }
        self.number += 1;
        self.taken = length + usize::from(self.ended);
        if length > LINE_LIMIT {
            self.long = Some(self.window.data()[..RAW_LIMIT].to_vec());
        }
        Ok(true)
    }

    /// The current line.
    pub(crate) fn line(&self) -> Line<'_> {
        let (number, ended) = (self.number, self.ended);
        if let Some(long) = &self.long {
            return Line { number, bytes: long, ended, too_long: true };
        }
        let bytes = &self.window.data()[..self.taken - usize::from(ended)];
        Line { number, bytes: bytes.strip_suffix(b"\r").unwrap_or(bytes), ended, too_long: false }
    }

    /// Passes over a line that the window cannot hold.
    fn pass_long(&mut self) -> io::Result<bool> {
        self.long = Some(self.window.data()[..RAW_LIMIT].to_vec());
        self.ended = loop {
            if let Some(at) = memchr::memchr(b'\n', self.window.data()) {
                self.window.consume(at + 1);
                break true;
            }
            self.window.consume(self.window.data().len());
            if !self.window.more()? {
                break false;
            }
        };
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &[u8]) -> Vec<(u64, usize, bool, bool)> {
        let mut lines = Lines::new(Window::new(Box::new(std::io::Cursor::new(text.to_vec()))));
        let mut seen = Vec::new();
        while lines.advance().unwrap() {
            let line = lines.line();
            seen.push((line.number, line.bytes.len(), line.ended, line.too_long));
        }
        seen
    }

    #[test]
    fn line_breaks_of_both_kinds_are_taken_off() {
        assert_eq!(
            lines(b"ab\r\n\nabc\nd"),
            [(1, 2, true, false), (2, 0, true, false), (3, 3, true, false), (4, 1, false, false)]
        );
        assert_eq!(lines(b""), []);
    }

    #[test]
    fn a_line_beyond_the_limit_is_passed_over_and_the_next_one_is_read() {
        for length in [LINE_LIMIT - 1, LINE_LIMIT, LINE_LIMIT + 1, 3 * LINE_LIMIT, 1_000_000] {
            let mut text = vec![b'x'; length];
            text.extend_from_slice(b"\nabc\n");
            let long = length > LINE_LIMIT;
            assert_eq!(
                lines(&text),
                [(1, if long { RAW_LIMIT } else { length }, true, long), (2, 3, true, false)],
                "{length}"
            );
        }
        assert_eq!(lines(&vec![b'x'; 200_000]), [(1, RAW_LIMIT, false, true)]);
    }

    #[test]
    fn many_windows_lose_nothing() {
        let text: String = (0..200_000).map(|i| format!("{i}\n")).collect();
        let mut lines = Lines::new(Window::new(Box::new(std::io::Cursor::new(text.into_bytes()))));
        for i in 0..200_000 {
            assert!(lines.advance().unwrap());
            assert_eq!(lines.line().bytes, i.to_string().as_bytes());
        }
        assert!(!lines.advance().unwrap());
    }
}
