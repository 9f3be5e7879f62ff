//! The hourly bars of March to May 2025, where the shared data is.

use std::path::PathBuf;

use candleflow_kernels::strategy::BarInput;

const HOUR: i64 = 3_600_000_000;

fn folder() -> Option<PathBuf> {
    if let Ok(shared) = std::env::var("CANDLEFLOW_SHARED") {
        return Some(PathBuf::from(shared).join("data"));
    }
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().map(|ancestor| ancestor.join("shared/data")).find(|folder| folder.join("README.md").exists())
}

/// The bars, or `None` (said on stderr, a failure under CI) where there are none.
pub(crate) fn hourly() -> Option<Vec<BarInput>> {
    let folder = folder().map(|folder| folder.join("klines_archive_csv"));
    let Some(folder) = folder.filter(|folder| folder.join("BTCUSDT-1h-2025-03.csv").exists()) else {
        assert!(std::env::var_os("CI").is_none(), "the shared data is needed under CI");
        eprintln!("skipped: no shared data; set CANDLEFLOW_SHARED to the folder that holds it");
        return None;
    };
    let mut bars = Vec::new();
    for month in ["2025-03", "2025-04", "2025-05"] {
        let text = std::fs::read_to_string(folder.join(format!("BTCUSDT-1h-{month}.csv"))).unwrap();
        for line in text.lines() {
            let words: Vec<&str> = line.split(',').collect();
            let price = |at: usize| words[at].replace('.', "").parse::<i64>().unwrap();
            let open_time: i64 = words[0].parse().unwrap();
            let volume = words[5].parse::<f64>().unwrap();
            bars.push(BarInput::new(
                open_time,
                open_time + HOUR,
                [price(1), price(2), price(3), price(4)],
                Some(volume),
            ));
        }
    }
    assert_eq!(bars.len(), 2_208);
    Some(bars)
}
