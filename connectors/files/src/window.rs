//! A bounded view into a stream of bytes: what has been read and not yet consumed.
//!
//! Records are handed out as slices of the window, so that no row is copied. The window holds at most [`CAPACITY`]
//! bytes; who needs a longer record must give up (see [`crate::lines`] and [`crate::elements`]).

use std::io::{self, Read};

/// Bytes a window holds at most.
pub(crate) const CAPACITY: usize = 256 * 1024;

/// Unconsumed bytes of a stream.
pub(crate) struct Window {
    reader: Box<dyn Read + Send>,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    consumed: u64,
}

impl Window {
    pub(crate) fn new(reader: Box<dyn Read + Send>) -> Self {
        Self { reader, bytes: vec![0; CAPACITY], start: 0, end: 0, consumed: 0 }
    }

    /// What is there now.
    pub(crate) fn data(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    /// Bytes of the stream that have been read so far.
    pub(crate) fn position(&self) -> u64 {
        self.consumed + (self.end - self.start) as u64
    }

    /// Reads more; `false` at the end of the stream. The window must not be full.
    pub(crate) fn more(&mut self) -> io::Result<bool> {
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        loop {
            match self.reader.read(&mut self.bytes[self.end..]) {
                Ok(n) => {
                    self.end += n;
                    return Ok(n > 0);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
    }

    /// Reads until at least `wanted` bytes are there; `true` when the stream ended before.
    pub(crate) fn fill(&mut self, wanted: usize) -> io::Result<bool> {
        while self.end - self.start < wanted.min(CAPACITY / 2) {
            if !self.more()? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Drops the first `n` bytes.
    pub(crate) fn consume(&mut self, n: usize) {
        self.start += n;
        self.consumed += n as u64;
    }
}
