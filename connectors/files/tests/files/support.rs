//! Finding recorded data, making files, reading them.

use candleflow_files::{FileError, Options, Summary, open_with};
use candleflow_schema::{Bar, Quarantined};
use flate2::{Compression, write::GzEncoder};
use std::{
    io::Write,
    path::{Path, PathBuf},
};

/// The folder of recorded data; `None`, said on stderr, where it is absent (an error where CI runs).
pub fn shared() -> Option<PathBuf> {
    let given = std::env::var_os("CANDLEFLOW_SHARED").map(PathBuf::from);
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let beside = here.ancestors().map(|a| a.join("shared"));
    let found = given.into_iter().chain(beside).map(|s| s.join("data")).find(|d| d.join("README.md").exists());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "recorded data is absent: set CANDLEFLOW_SHARED");
        eprintln!("skipped: no recorded data beside the project");
    }
    found
}

/// All that a file gives.
#[derive(Debug, PartialEq)]
pub struct Read {
    pub bars: Vec<Bar>,
    pub quarantined: Vec<Quarantined>,
    pub summary: Summary,
}

pub fn read_with(path: &Path, options: Options) -> Result<Read, FileError> {
    let mut reader = open_with(path, options)?;
    let (mut bars, mut quarantined) = (Vec::new(), Vec::new());
    while let Some(chunk) = reader.next_chunk()? {
        assert!(chunk.bars.len() + chunk.quarantined.len() <= candleflow_files::CHUNK_ROWS);
        bars.extend(chunk.bars);
        quarantined.extend(chunk.quarantined);
    }
    let summary = reader.summary().expect("all chunks were given out").clone();
    assert_eq!(summary.rows, summary.bars + summary.quarantined + summary.duplicates + summary.complete);
    assert_eq!((summary.bars, summary.quarantined), (bars.len() as u64, quarantined.len() as u64));
    assert_eq!(summary.rows, reader.rows());
    Ok(Read { bars, quarantined, summary })
}

pub fn read(path: &Path) -> Result<Read, FileError> {
    read_with(path, Options::default())
}

/// A file with that name and content, read.
pub fn given_with(name: &str, content: &[u8], options: Options) -> Result<Read, FileError> {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("a file for the test");
    read_with(&path, options)
}

pub fn given(name: &str, content: impl AsRef<[u8]>) -> Result<Read, FileError> {
    given_with(name, content.as_ref(), Options::default())
}

pub fn gzip(content: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content.as_ref()).unwrap();
    encoder.finish().unwrap()
}

pub fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in entries {
        writer.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// One-minute rows with a header: the n-th bar opens at 2021-04-20 00:00 + n minutes.
pub fn rows(numbers: impl IntoIterator<Item = i64>) -> String {
    numbers.into_iter().map(row).collect()
}

pub fn row(n: i64) -> String {
    let price = 100 + n % 50;
    format!("{},{price}.5,{}.25,{}.125,{price},{}.0625\n", minute(n) / 1_000, price + 2, price - 1, n % 7)
}

pub fn minute(n: i64) -> i64 {
    1_618_876_800_000_000 + n * 60_000_000
}

pub const HEADER: &str = "open_time,open,high,low,close,volume\n";

/// A sound file of `n` bars.
pub fn sound(n: i64) -> String {
    format!("{HEADER}{}", rows(0..n))
}

/// The twelve columns of the archive.
pub fn archive_row(n: i64) -> String {
    let at = minute(n) / 1_000;
    format!(
        "{at},100.50000000,102.25000000,99.12500000,100.00000000,5.00000000,{},500.10000000,7,2.50000000,250.00000000,0\n",
        at + 59_999
    )
}

pub fn open_times(read: &Read) -> Vec<i64> {
    read.bars.iter().map(|b| (b.open_time - minute(0)) / 60_000_000).collect()
}
