//! The records of a text in one format: lines or JSON elements, without header, blank lines and repeated headers.

use crate::{
    elements::Elements,
    format::Format,
    lines::{Line, Lines},
    window::Window,
};
use std::io;

/// The UTF-8 byte order mark.
pub(crate) const BOM: &[u8] = b"\xEF\xBB\xBF";

enum Source {
    Lines(Lines),
    Elements(Elements),
}

/// The records of a text: [`Records::advance`], then [`Records::line`].
pub(crate) struct Records {
    source: Source,
    skip: u64,
}

impl Records {
    /// Starts behind the byte order mark; preamble and header are passed over.
    pub(crate) fn new(mut window: Window, format: &Format) -> io::Result<Self> {
        window.fill(BOM.len())?;
        if window.data().starts_with(BOM) {
            window.consume(BOM.len());
        }
        let source = match format.document() {
            true => Source::Elements(Elements::new(window)),
            false => Source::Lines(Lines::new(window)),
        };
        Ok(Self { source, skip: format.skip })
    }

    /// The last line read, and bytes read so far.
    pub(crate) fn place(&self) -> (u64, u64) {
        match &self.source {
            Source::Lines(lines) => lines.place(),
            Source::Elements(elements) => elements.place(),
        }
    }

    /// Goes to the next record; `false` at the end.
    pub(crate) fn advance(&mut self, format: &Format) -> io::Result<bool> {
        let lines = match &mut self.source {
            Source::Elements(elements) => return elements.advance(),
            Source::Lines(lines) => lines,
        };
        while lines.advance()? {
            let Line { bytes, too_long, .. } = lines.line();
            if self.skip > 0 {
                self.skip -= 1;
            } else if too_long || !(format.is_blank(bytes) || format.is_header(bytes)) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The current record.
    pub(crate) fn line(&self) -> Line<'_> {
        match &self.source {
            Source::Lines(lines) => lines.line(),
            Source::Elements(elements) => elements.line(),
        }
    }
}
