//! What several tests share: recorded market data, and series made from a seed.

#![allow(dead_code, reason = "each test uses a part")]

use flate2::read::GzDecoder;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// The folder with the recorded market data, or `None` (said on stderr) where it is absent; under CI that fails.
pub(crate) fn shared() -> Option<PathBuf> {
    let found = match std::env::var_os("CANDLEFLOW_SHARED") {
        Some(folder) => Some(PathBuf::from(folder)),
        None => Path::new(env!("CARGO_MANIFEST_DIR"))
            .ancestors()
            .flat_map(|folder| [folder.join("shared"), folder.join("../shared")])
            .find(|folder| folder.join("data/README.md").exists()),
    };
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "no folder with the recorded market data");
        eprintln!("skipped: no folder with the recorded market data, set CANDLEFLOW_SHARED");
    }
    found
}

/// Bars as columns.
#[derive(Clone, Default)]
pub(crate) struct Bars {
    pub(crate) open: Vec<f64>,
    pub(crate) high: Vec<f64>,
    pub(crate) low: Vec<f64>,
    pub(crate) close: Vec<f64>,
    pub(crate) volume: Vec<f64>,
    pub(crate) periods: Vec<f64>,
    /// A number per session, as long as 50 rows.
    pub(crate) session: Vec<f64>,
    /// 1 on some rows, 0 on the others.
    pub(crate) event: Vec<f64>,
}

impl Bars {
    /// Reads a gzipped CSV with a header and the columns time, open, high, low, close, volume.
    pub(crate) fn read(file: &Path) -> Bars {
        let mut text = String::new();
        GzDecoder::new(File::open(file).unwrap()).read_to_string(&mut text).unwrap();
        let mut bars = Bars::default();
        for line in text.lines().skip(1) {
            let mut cells = line.split(',').skip(1).map(|cell| cell.parse().unwrap());
            let mut next = || cells.next().unwrap();
            bars.push([next(), next(), next(), next(), next()]);
        }
        bars
    }

    /// A random walk with ties, flat stretches and bars without volume.
    pub(crate) fn walk(seed: u64, rows: usize) -> Bars {
        let mut random = Random(seed);
        let mut bars = Bars::default();
        let mut price = 100.0;
        for _ in 0..rows {
            let open = price;
            price = (price + random.below(9) as f64 * 0.25 - 1.0).max(1.0);
            let up = random.below(3) as f64 * 0.25;
            let down = random.below(3) as f64 * 0.25;
            let volume = if random.below(11) == 0 { 0.0 } else { random.below(1000) as f64 / 8.0 };
            bars.push([open, open.max(price) + up, open.min(price) - down, price, volume]);
        }
        bars
    }

    fn push(&mut self, [open, high, low, close, volume]: [f64; 5]) {
        let row = self.open.len();
        self.periods.push(1.0 + (row * 7 % 40) as f64);
        self.session.push((row / 50) as f64);
        self.event.push(f64::from(u8::from(row * 7 % 13 == 5)));
        self.open.push(open);
        self.high.push(high);
        self.low.push(low);
        self.close.push(close);
        self.volume.push(volume);
    }

    /// Appends the prices and volumes of later bars.
    pub(crate) fn extend(&mut self, later: &Bars) {
        for row in 0..later.len() {
            self.push([later.open[row], later.high[row], later.low[row], later.close[row], later.volume[row]]);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// The column that an input of an indicator is given.
    pub(crate) fn column(&self, input: &str) -> &[f64] {
        match input {
            "open" => &self.open,
            "high" | "real0" | "a" => &self.high,
            "low" | "real1" | "b" => &self.low,
            "volume" => &self.volume,
            "periods" => &self.periods,
            "session" => &self.session,
            "anchor" | "condition" => &self.event,
            _ => &self.close,
        }
    }

    pub(crate) fn columns(&self, inputs: &[&str]) -> Vec<&[f64]> {
        inputs.iter().map(|input| self.column(input)).collect()
    }
}

/// xorshift64*, so that a series is the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(0xD1B5_4A32_D192_ED03);
        let mut x = self.0;
        x ^= x >> 32;
        x = x.wrapping_mul(0xD6E8_FEB8_6659_FD93);
        x ^ (x >> 32)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}
