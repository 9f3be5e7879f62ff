//! Reads files and prints what they hold and how fast they were read: `cargo run --release --example read -- FILES`.

#![allow(clippy::print_stdout, reason = "an example that prints")]

use std::time::Instant;

fn main() -> Result<(), candleflow_files::FileError> {
    let (mut bars, mut bytes) = (0, 0);
    let started = Instant::now();
    for path in std::env::args().skip(1) {
        let reader = candleflow_files::open(&path)?;
        let summary = reader.finish()?;
        println!(
            "{path}: {}, {} bars of {}, {} quarantined, {} duplicates, {} gaps",
            summary.layout, summary.bars, summary.interval, summary.quarantined, summary.duplicates, summary.gaps.count
        );
        bars += summary.bars;
        bytes += std::fs::metadata(&path).map_or(0, |m| m.len());
    }
    let seconds = started.elapsed().as_secs_f64();
    println!(
        "{bars} bars in {seconds:.3} s: {:.2} million bars/s, {:.1} MB/s of files",
        bars as f64 / seconds / 1e6,
        bytes as f64 / seconds / 1e6
    );
    Ok(())
}
