//! A JSON document `[ element, element, ... ]` as its elements, without holding the document.
//!
//! Only the outer commas and brackets are judged here; an element is any balanced `[..]` or `{..}`, and whether it is
//! JSON is for its reader to say. A document that does not end with its bracket was cut off: an error.

use crate::{
    lines::{LINE_LIMIT, Line},
    window::Window,
};
use std::io;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Expect {
    Open,
    FirstOrEnd,
    CommaOrEnd,
    Element,
    Nothing,
}

/// The elements of a JSON array: [`Elements::advance`], then [`Elements::line`].
pub(crate) struct Elements {
    window: Window,
    taken: usize,
    line: u64,
    expect: Expect,
}

impl Elements {
    pub(crate) fn new(window: Window) -> Self {
        Self { window, taken: 0, line: 1, expect: Expect::Open }
    }

    /// The line reached so far, and bytes read so far.
    pub(crate) fn place(&self) -> (u64, u64) {
        (self.line, self.window.position())
    }

    /// Goes to the next element; `false` at the end of the document.
    pub(crate) fn advance(&mut self) -> io::Result<bool> {
        self.line += count_lines(&self.window.data()[..self.taken]);
        self.window.consume(std::mem::take(&mut self.taken));
        loop {
            let Some(byte) = self.significant()? else {
                return match self.expect {
                    Expect::Nothing => Ok(false),
                    _ => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the JSON array is not closed")),
                };
            };
            self.expect = match (self.expect, byte) {
                (Expect::Open, b'[') => Expect::FirstOrEnd,
                (Expect::FirstOrEnd | Expect::CommaOrEnd, b']') => Expect::Nothing,
                (Expect::CommaOrEnd, b',') => Expect::Element,
                (Expect::FirstOrEnd | Expect::Element, b'[' | b'{') => break,
                (_, other) => return Err(unexpected(other)),
            };
            self.window.consume(1);
        }
        self.expect = Expect::CommaOrEnd;
        let mut scan = Scan::default();
        loop {
            if let Some(length) = scan.run(self.window.data()) {
                self.taken = length;
                break;
            }
            if self.window.data().len() > LINE_LIMIT {
                let text = format!("an element of the JSON array is longer than {LINE_LIMIT} bytes");
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            if !self.window.more()? {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the JSON array ends inside an element"));
            }
        }
        Ok(true)
    }

    /// The current element, with the number of the line on which it begins.
    pub(crate) fn line(&self) -> Line<'_> {
        Line { number: self.line, bytes: &self.window.data()[..self.taken], ended: true, too_long: false }
    }

    /// The next byte that is not white space, left in the window.
    fn significant(&mut self) -> io::Result<Option<u8>> {
        loop {
            let data = self.window.data();
            let blank = data.iter().take_while(|b| b.is_ascii_whitespace()).count();
            let found = data.get(blank).copied();
            self.line += count_lines(&data[..blank]);
            self.window.consume(blank);
            if found.is_some() || !self.window.more()? {
                return Ok(found);
            }
        }
    }
}

fn unexpected(byte: u8) -> io::Error {
    let text = format!("unexpected '{}' between the elements of the JSON array", byte.escape_ascii());
    io::Error::new(io::ErrorKind::InvalidData, text)
}

fn count_lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Finds the end of a balanced JSON value; goes on where it stopped when more bytes have come.
#[derive(Default)]
pub(crate) struct Scan {
    at: usize,
    depth: u32,
    in_string: bool,
    escaped: bool,
}

impl Scan {
    /// The length of the value that `data` begins with, once all of it is there.
    pub(crate) fn run(&mut self, data: &[u8]) -> Option<usize> {
        while let Some(&byte) = data.get(self.at) {
            self.at += 1;
            if self.in_string {
                match byte {
                    _ if self.escaped => self.escaped = false,
                    b'\\' => self.escaped = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'[' | b'{' => self.depth += 1,
                b']' | b'}' => {
                    self.depth = self.depth.saturating_sub(1);
                    if self.depth == 0 {
                        return Some(self.at);
                    }
                }
                _ => {}
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(text: &str) -> Result<Vec<(u64, String)>, String> {
        let mut elements = Elements::new(Window::new(Box::new(io::Cursor::new(text.as_bytes().to_vec()))));
        let mut seen = Vec::new();
        while elements.advance().map_err(|e| e.to_string())? {
            let line = elements.line();
            seen.push((line.number, String::from_utf8(line.bytes.to_vec()).unwrap()));
        }
        Ok(seen)
    }

    #[test]
    fn elements_are_found_with_their_lines() {
        let expected = vec![(2, r#"[1,"]",{"a":[2]}]"#.to_owned()), (4, "[\n3]".to_owned()), (6, "[4]".to_owned())];
        assert_eq!(elements("[\n[1,\"]\",{\"a\":[2]}],\n\n[\n3],\n[4]\n]\n"), Ok(expected));
        assert_eq!(elements(" [ ] "), Ok(vec![]));
        assert_eq!(elements(r#"[["a\"]"]]"#), Ok(vec![(1, r#"["a\"]"]"#.to_owned())]));
    }

    #[test]
    fn a_document_that_is_cut_off_or_goes_on_is_an_error() {
        for (text, expected) in [
            ("[[1],", "not closed"),
            ("[[1]", "not closed"),
            ("[[1", "inside an element"),
            ("[[1],]", "unexpected ']'"),
            ("[[1][2]]", "unexpected '['"),
            ("[[1]]x", "unexpected 'x'"),
            ("[,[1]]", "unexpected ','"),
            ("[[1],2]", "unexpected '2'"),
        ] {
            let error = elements(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let long = format!("[[\"{}\"]]", "x".repeat(500_000));
        assert!(elements(&long).unwrap_err().contains("longer than"));
    }
}
