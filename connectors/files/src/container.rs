//! What a file is wrapped in, by its first bytes: nothing, gzip (of several members too), or a zip of several texts.
//!
//! Each [`Part`] can be opened as often as needed as a stream of text. Check sums are verified when the stream ends, so
//! whoever reads a part to its end knows that it is whole.

use crate::error::FileError;
use flate2::{
    Crc,
    bufread::{DeflateDecoder, MultiGzDecoder},
};
use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
};
use zip::{CompressionMethod, ZipArchive, result::ZipError};

/// One text of a file.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// How messages and quarantine call it.
    pub(crate) label: String,
    /// The names that may say what is in it, the likelier first.
    pub(crate) names: Vec<String>,
    place: Place,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Plain,
    Gzip,
    Entry { at: u64, packed: u64, size: u64, crc: u32, deflated: bool },
}

/// The texts of a file in the order in which they are read, and the names of zip entries that are passed over.
pub(crate) fn parts(path: &Path) -> Result<(Vec<Part>, Vec<String>), FileError> {
    let file = path.display().to_string();
    let mut source = File::open(path).map_err(|error| FileError::Io { file: file.clone(), error })?;
    let mut magic = Vec::with_capacity(4);
    let read = source.by_ref().take(4).read_to_end(&mut magic);
    read.map_err(|error| FileError::Io { file: file.clone(), error })?;
    if magic.is_empty() {
        return Err(FileError::Empty { file, found: "it has 0 bytes".into() });
    }
    if magic.starts_with(b"PK") && matches!(magic.get(2), Some(3 | 5 | 7)) {
        return entries(path, &file, source);
    }
    let place = if magic.starts_with(&[0x1F, 0x8B]) { Place::Gzip } else { Place::Plain };
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    Ok((vec![Part { label: file, names: vec![name], place }], Vec::new()))
}

/// The entries of a zip that may hold bars, in the order of their names.
fn entries(path: &Path, file: &str, source: File) -> Result<(Vec<Part>, Vec<String>), FileError> {
    let damaged = |found: String| FileError::Damaged { file: file.to_owned(), found, line: 0, byte: 0 };
    let unread = |found: &str, advice| FileError::Container { file: file.to_owned(), found: found.to_owned(), advice };
    let wrong = |error: ZipError| match error {
        ZipError::Io(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
            FileError::Io { file: file.to_owned(), error }
        }
        other => damaged(format!("the directory at the end of the zip cannot be read ({other})")),
    };
    let mut archive = ZipArchive::new(BufReader::new(source)).map_err(wrong)?;
    let zip_name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let (mut parts, mut others) = (Vec::new(), Vec::new());
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(wrong)?;
        let name = entry.name().map_err(wrong)?.into_owned();
        if name == "[Content_Types].xml" {
            return Err(unread(
                "a spreadsheet (xlsx)",
                "save the sheet as CSV, with the time column formatted as text",
            ));
        }
        if entry.is_dir() {
            continue;
        }
        if !may_hold_bars(&name) {
            others.push(name);
            continue;
        }
        if entry.encrypted() {
            return Err(unread("a zip with a password", "unpack it and import what is in it"));
        }
        let deflated = match entry.compression() {
            CompressionMethod::Stored => false,
            CompressionMethod::Deflated => true,
            _ => return Err(unread("a zip of an unusual compression", "unpack it and import what is in it")),
        };
        let at = entry.data_start().ok_or_else(|| damaged(format!("the entry {name} of the zip has no data")))?;
        let (packed, size, crc) = (entry.compressed_size(), entry.size(), entry.crc32());
        parts.push(Part {
            label: format!("{file}/{name}"),
            names: vec![name, zip_name.clone()],
            place: Place::Entry { at, packed, size, crc, deflated },
        });
    }
    parts.sort_by(|a, b| a.label.cmp(&b.label));
    if parts.is_empty() {
        let found = format!(
            "the zip has no CSV or JSON in it (only: {})",
            if others.is_empty() { "nothing".into() } else { others.join(", ") }
        );
        return Err(FileError::Empty { file: file.to_owned(), found });
    }
    Ok((parts, others))
}

fn may_hold_bars(name: &str) -> bool {
    let base = name.rsplit('/').next().unwrap_or(name);
    let hidden = base.starts_with('.') || name.starts_with("__MACOSX/");
    let ending = base.rsplit('.').next().unwrap_or("").to_ascii_lowercase();
    !hidden && matches!(ending.as_str(), "csv" | "tsv" | "txt" | "json" | "jsonl" | "ndjson" | "gz" | "zip")
}

impl Part {
    /// Its text from the beginning.
    pub(crate) fn open(&self, path: &Path) -> io::Result<Box<dyn Read + Send>> {
        let mut file = File::open(path)?;
        Ok(match self.place {
            Place::Plain => Box::new(file),
            Place::Gzip => Box::new(MultiGzDecoder::new(BufReader::with_capacity(64 * 1024, file))),
            Place::Entry { at, packed, size, crc, deflated } => {
                file.seek(SeekFrom::Start(at))?;
                let packed = BufReader::with_capacity(64 * 1024, file).take(packed);
                let inner: Box<dyn Read + Send> =
                    if deflated { Box::new(DeflateDecoder::new(packed)) } else { Box::new(packed) };
                Box::new(Checked { inner, seen: Crc::new(), size, crc })
            }
        })
    }
}

/// Verifies length and check sum of a zip entry at its end.
struct Checked {
    inner: Box<dyn Read + Send>,
    seen: Crc,
    size: u64,
    crc: u32,
}

impl Read for Checked {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.seen.update(&buffer[..n]);
        // The check sum's own count wraps at 4 GiB; so does the comparison.
        let complete = self.seen.amount() == self.size as u32 && self.seen.sum() == self.crc;
        if n == 0 && !buffer.is_empty() && !complete {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the zip entry's check sum is wrong"));
        }
        Ok(n)
    }
}

/// What the first bytes of a text are, when they are not text in UTF-8: what it is and what to do.
pub(crate) fn foreign(start: &[u8]) -> Option<(&'static str, &'static str)> {
    const UNPACK: &str = "unpack it and import what is in it";
    const EXPORT: &str = "export it as CSV";
    const KINDS: [(&[u8], &str, &str); 19] = [
        (b"\xFF\xFE", "text in UTF-16", "save it as UTF-8 (in a spreadsheet: 'CSV UTF-8')"),
        (b"\xFE\xFF", "text in UTF-16", "save it as UTF-8 (in a spreadsheet: 'CSV UTF-8')"),
        (b"\x1F\x8B", "a gzip inside another container", UNPACK),
        (b"PK\x03\x04", "a zip inside another container", UNPACK),
        (b"\xFD7zXZ\0", "an xz file", UNPACK),
        (b"\x28\xB5\x2F\xFD", "a zstd file", UNPACK),
        (b"\x04\x22\x4D\x18", "an lz4 file", UNPACK),
        (b"BZh", "a bzip2 file", UNPACK),
        (b"7z\xBC\xAF\x27\x1C", "a 7z file", UNPACK),
        (b"Rar!", "a rar file", UNPACK),
        (b"PAR1", "a Parquet file", "query it with SQL, or export it as CSV"),
        (b"ARROW1", "an Arrow (feather) file", EXPORT),
        (b"\x89HDF", "an HDF5 file", EXPORT),
        (b"SQLite format 3", "an SQLite database", EXPORT),
        (b"\xD0\xCF\x11\xE0", "a spreadsheet (xls)", "save the sheet as CSV, with the time column formatted as text"),
        (b"%PDF", "a PDF", "download the data itself"),
        (b"<!DOCTYPE", "a web page", "download the file itself, not the page about it"),
        (b"<html", "a web page", "download the file itself, not the page about it"),
        (b"<?xml", "an XML document (an error answer of a download?)", "download the file again"),
    ];
    if let Some((_, found, advice)) = KINDS.iter().find(|(magic, ..)| start.starts_with(magic)) {
        return Some((found, advice));
    }
    if start.get(257..262) == Some(b"ustar") {
        return Some(("a tar archive", UNPACK));
    }
    let head = &start[..start.len().min(4096)];
    let nul = |from: usize| head.iter().skip(from).step_by(2).filter(|b| **b == 0).count();
    if head.len() >= 8 && nul(0).max(nul(1)) * 3 > head.len() {
        return Some(("text in UTF-16", "save it as UTF-8 (in a spreadsheet: 'CSV UTF-8')"));
    }
    let odd = head.iter().filter(|b| b.is_ascii_control() && !b.is_ascii_whitespace()).count();
    let high = String::from_utf8_lossy(head).matches('\u{FFFD}').count();
    ((odd + high) * 4 > head.len()).then_some(("not text", "check that it is the file that was meant"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_text_and_other_things_are_named() {
        for text in ["", "a", "open_time,open", "[[1,2]]", "1,2,ü", "\u{FEFF}open"] {
            assert_eq!(foreign(text.as_bytes()), None, "{text}");
        }
        let utf16: Vec<u8> = "open_time,open,high".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(foreign(&utf16).unwrap().0, "text in UTF-16");
        let garbage: Vec<u8> = (0u32..4096).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        assert_eq!(foreign(&garbage).unwrap().0, "not text");
        assert_eq!(foreign(b"PAR1...").unwrap().0, "a Parquet file");
    }

    #[test]
    fn only_texts_of_a_zip_are_read() {
        for (name, expected) in [
            ("BTCUSDT-1m-2021-01.csv", true),
            ("sub/BTC.JSON", true),
            ("BTCUSDT-1m-2021-01.csv.CHECKSUM", false),
            ("__MACOSX/._a.csv", false),
            (".DS_Store", false),
            ("README", false),
        ] {
            assert_eq!(may_hold_bars(name), expected, "{name}");
        }
    }
}
