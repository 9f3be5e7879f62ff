//! A stream that remembers what went through it, unless that is too much.

use std::{
    io::{self, Read},
    sync::{Arc, Mutex, PoisonError},
};

/// What went through, shared with whoever asks for it when the stream has ended.
#[derive(Clone)]
pub(crate) struct Kept(Arc<Mutex<Option<Vec<u8>>>>);

impl Kept {
    /// All of it, or nothing when it was more than there was room for.
    pub(crate) fn take(&self) -> Option<Arc<[u8]>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take().map(Arc::from)
    }
}

/// Passes a stream on.
pub(crate) struct Keep {
    inner: Box<dyn Read + Send>,
    kept: Kept,
    room: usize,
}

impl Keep {
    /// Remembers at most `room` bytes.
    pub(crate) fn new(inner: Box<dyn Read + Send>, room: usize) -> (Self, Kept) {
        let kept = Kept(Arc::new(Mutex::new(Some(Vec::new()))));
        (Self { inner, kept: kept.clone(), room }, kept)
    }
}

impl Read for Keep {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        let mut kept = self.kept.0.lock().unwrap_or_else(PoisonError::into_inner);
        match kept.as_mut() {
            Some(text) if text.len() + n <= self.room => text.extend_from_slice(&buffer[..n]),
            _ => *kept = None,
        }
        Ok(n)
    }
}
