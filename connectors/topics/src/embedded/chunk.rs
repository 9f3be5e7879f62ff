//! A chunk: consecutive records of one partition as one value of the store.
//!
//! ```text
//! version u8 | base offset i64 | count u32 | first time i64 | newest time i64 | records
//! record: time - first time (zigzag) | key length + 1, key | value length + 1, value | headers: count, (name, value)*
//! ```
//! Lengths are LEB128; a length of 0 before key or value is `None`. Offsets within a chunk are dense. Decoding never
//! panics on foreign bytes, and hands out slices of the chunk without copying, so a record that is kept keeps its chunk.

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::record::Record;

const VERSION: u8 = 1;
const HEADER: usize = 1 + 8 + 4 + 8 + 8;

/// Collects records until the chunk is full.
#[derive(Debug)]
pub(super) struct ChunkWriter {
    buf: Vec<u8>,
    base: i64,
    count: u32,
    first_time: i64,
    newest_time: i64,
}

impl ChunkWriter {
    /// An empty chunk whose first record will have the offset `base`.
    pub(super) fn new(base: i64) -> Self {
        Self { buf: vec![0; HEADER], base, count: 0, first_time: 0, newest_time: i64::MIN }
    }

    /// Adds one record at the next offset.
    pub(super) fn push(&mut self, record: &Record) {
        if self.count == 0 {
            self.first_time = record.timestamp;
        }
        self.count += 1;
        self.newest_time = self.newest_time.max(record.timestamp);
        let delta = record.timestamp.wrapping_sub(self.first_time);
        put(&mut self.buf, ((delta << 1) ^ (delta >> 63)) as u64);
        put_optional(&mut self.buf, record.key.as_deref());
        put_optional(&mut self.buf, record.value.as_deref());
        put(&mut self.buf, record.headers.len() as u64);
        for (name, value) in &record.headers {
            put_bytes(&mut self.buf, name.as_bytes());
            put_bytes(&mut self.buf, value);
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count as usize
    }

    pub(super) fn bytes(&self) -> usize {
        self.buf.len()
    }

    /// The offset of the last record.
    pub(super) fn last(&self) -> i64 {
        self.base + i64::from(self.count) - 1
    }

    /// The finished chunk.
    pub(super) fn finish(mut self) -> Bytes {
        let mut header = Vec::with_capacity(HEADER);
        header.push(VERSION);
        header.extend_from_slice(&self.base.to_be_bytes());
        header.extend_from_slice(&self.count.to_be_bytes());
        header.extend_from_slice(&self.first_time.to_be_bytes());
        header.extend_from_slice(&self.newest_time.to_be_bytes());
        self.buf[..HEADER].copy_from_slice(&header);
        Bytes::from(self.buf)
    }
}

/// Reads the records of a chunk in order.
#[derive(Debug)]
pub(super) struct Chunk {
    buf: Bytes,
    at: usize,
    next: i64,
    end: i64,
    first_time: i64,
    newest_time: i64,
}

impl Chunk {
    /// Opens a chunk; checks its header only.
    pub(super) fn open(buf: Bytes) -> Result<Self> {
        let number =
            |from: usize| -> Option<i64> { Some(i64::from_be_bytes(buf.get(from..from + 8)?.try_into().ok()?)) };
        let count = buf.get(9..13).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes);
        let (Some(VERSION), Some(base), Some(count), Some(first_time), Some(newest_time)) =
            (buf.first().copied(), number(1), count, number(13), number(21))
        else {
            return Err(corrupt(-1, "not a chunk of version 1"));
        };
        let Some(end) = base.checked_add(i64::from(count)) else {
            return Err(corrupt(base, "offsets beyond 63 bits"));
        };
        Ok(Self { buf, at: HEADER, next: base, end, first_time, newest_time })
    }

    /// The offset of the record that [`Self::read`] gives next.
    pub(super) fn next(&self) -> i64 {
        self.next
    }

    /// The offset behind the last record.
    pub(super) fn end(&self) -> i64 {
        self.end
    }

    /// The newest time of all records.
    pub(super) fn newest_time(&self) -> i64 {
        self.newest_time
    }

    /// The next record with its offset, or `None` behind the last.
    pub(super) fn read(&mut self) -> Result<Option<(i64, Record)>> {
        if self.next >= self.end {
            return Ok(None);
        }
        let offset = self.next;
        let record = self.record().ok_or_else(|| corrupt(offset, "a record that does not fit its chunk"))?;
        self.next += 1;
        Ok(Some((offset, record)))
    }

    /// Skips to `offset`, if it lies ahead.
    pub(super) fn skip_to(&mut self, offset: i64) -> Result<()> {
        while self.next < offset.min(self.end) {
            self.read()?;
        }
        Ok(())
    }

    fn record(&mut self) -> Option<Record> {
        let delta = self.number()?;
        let delta = (delta >> 1) as i64 ^ -((delta & 1) as i64);
        let key = self.optional()?;
        let value = self.optional()?;
        let count = self.number()?;
        let mut headers = Vec::new();
        for _ in 0..count {
            let name = self.bytes()?;
            let value = self.bytes()?;
            headers.push((std::str::from_utf8(&name).ok()?.to_owned(), value));
        }
        Some(Record { key, value, headers, timestamp: self.first_time.wrapping_add(delta) })
    }

    fn optional(&mut self) -> Option<Option<Bytes>> {
        match self.number()? {
            0 => Some(None),
            len => self.take(usize::try_from(len - 1).ok()?).map(Some),
        }
    }

    fn bytes(&mut self) -> Option<Bytes> {
        let len = usize::try_from(self.number()?).ok()?;
        self.take(len)
    }

    fn take(&mut self, len: usize) -> Option<Bytes> {
        let end = self.at.checked_add(len).filter(|end| *end <= self.buf.len())?;
        let out = self.buf.slice(self.at..end);
        self.at = end;
        Some(out)
    }

    fn number(&mut self) -> Option<u64> {
        let mut out = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.buf.get(self.at)?;
            self.at += 1;
            out |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(out);
            }
        }
        None
    }
}

fn corrupt(offset: i64, reason: &'static str) -> Error {
    Error::Corrupt { place: format!("offset {offset}"), reason }
}

fn put(buf: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        buf.push(number as u8 | 0x80);
        number >>= 7;
    }
    buf.push(number as u8);
}

fn put_bytes(buf: &mut Vec<u8>, bytes: &[u8]) {
    put(buf, bytes.len() as u64);
    buf.extend_from_slice(bytes);
}

fn put_optional(buf: &mut Vec<u8>, bytes: Option<&[u8]>) {
    match bytes {
        None => buf.push(0),
        Some(bytes) => {
            put(buf, bytes.len() as u64 + 1);
            buf.extend_from_slice(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn record() -> impl Strategy<Value = Record> {
        let bytes = || proptest::collection::vec(any::<u8>(), 0..300).prop_map(Bytes::from);
        let headers = proptest::collection::vec((".{0,12}", bytes()), 0..4);
        (proptest::option::of(bytes()), proptest::option::of(bytes()), headers, any::<i64>())
            .prop_map(|(key, value, headers, timestamp)| Record { key, value, headers, timestamp })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(records in proptest::collection::vec(record(), 1..40), base in 0i64..1 << 60) {
            let mut writer = ChunkWriter::new(base);
            records.iter().for_each(|r| writer.push(r));
            prop_assert_eq!(writer.last(), base + records.len() as i64 - 1);
            let mut chunk = Chunk::open(writer.finish()).unwrap();
            prop_assert_eq!(chunk.newest_time(), records.iter().map(|r| r.timestamp).max().unwrap());
            for (i, expected) in records.iter().enumerate() {
                prop_assert_eq!(chunk.read().unwrap(), Some((base + i as i64, expected.clone())));
            }
            prop_assert_eq!(chunk.read().unwrap(), None);
            prop_assert_eq!(chunk.at, chunk.buf.len());
        }

        #[test]
        fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in any::<bool>()) {
            let mut bytes = bytes;
            if cut && !bytes.is_empty() {
                bytes[0] = VERSION;
                if bytes.len() > 13 {
                    bytes[9..12].fill(0);
                }
            }
            if let Ok(mut chunk) = Chunk::open(Bytes::from(bytes)) {
                for _ in 0..300 {
                    if !matches!(chunk.read(), Ok(Some(_))) {
                        break;
                    }
                }
            }
        }
    }

    #[test]
    fn skips_into_the_middle() {
        let mut writer = ChunkWriter::new(100);
        (0..10).for_each(|i| writer.push(&Record::new("k", format!("v{i}"), 5 + i)));
        let mut chunk = Chunk::open(writer.finish()).unwrap();
        chunk.skip_to(107).unwrap();
        let (offset, record) = chunk.read().unwrap().unwrap();
        assert_eq!((offset, record.timestamp), (107, 12));
        assert_eq!(record.value.unwrap(), "v7");
        chunk.skip_to(500).unwrap();
        assert_eq!(chunk.read().unwrap(), None);
    }
}
