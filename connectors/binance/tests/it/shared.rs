//! Real data that lies beside the project and is not part of it.

use std::{env, fs, io::Read, path::PathBuf};

/// The folder `shared/data`, or nothing, which is said on stderr and is a failure where `CI` is set.
pub(crate) fn data() -> Option<PathBuf> {
    let named = env::var_os("CANDLEFLOW_SHARED").map(|p| PathBuf::from(p).join("data"));
    let around = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let beside = around.ancestors().flat_map(|p| [p.join("shared/data"), p.join("../shared/data")]).collect::<Vec<_>>();
    let found = named.into_iter().chain(beside).find(|p| p.join("README.md").is_file());
    if found.is_none() {
        eprintln!("skipped: the folder shared/data is not beside the project (CANDLEFLOW_SHARED names it)");
        assert!(env::var_os("CI").is_none(), "real data must be there in CI");
    }
    found
}

/// A file below [`data`], unpacked where it ends in `.gz`.
pub(crate) fn bytes(path: &str) -> Option<Vec<u8>> {
    let raw = fs::read(data()?.join(path)).unwrap_or_else(|e| panic!("{path}: {e}"));
    if !path.ends_with(".gz") {
        return Some(raw);
    }
    let mut out = Vec::new();
    flate2::read::MultiGzDecoder::new(raw.as_slice()).read_to_end(&mut out).unwrap();
    Some(out)
}

/// [`bytes`] as text.
pub(crate) fn text(path: &str) -> Option<String> {
    bytes(path).map(|b| String::from_utf8(b).unwrap())
}
