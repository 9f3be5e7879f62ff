//! What a file name says of the bars in it. It is only a claim: the content must agree, and an option wins.

use candleflow_schema::Interval;

/// Assets that pairs are quoted in; a name ends a symbol only with one of them, so that `EXPORT` is no symbol.
const QUOTES: [&str; 40] = [
    "USDT", "USDC", "FDUSD", "BUSD", "TUSD", "USDP", "USDS", "USD1", "DAI", "PAX", "BTC", "ETH", "BNB", "TRX", "XRP",
    "DOGE", "SOL", "DOT", "EUR", "EURI", "AEUR", "GBP", "AUD", "BRL", "TRY", "RUB", "UAH", "ZAR", "PLN", "RON", "ARS",
    "JPY", "MXN", "COP", "CZK", "IDRT", "BIDR", "NGN", "VAI", "USD",
];
/// Words of names that futures files have.
const FUTURES: [&str; 8] = ["perp", "perpetual", "futures", "future", "usdm", "coinm", "swap", "delivery"];

/// What a name says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    /// The one symbol in it.
    pub(crate) symbol: Option<String>,
    /// The one interval in it.
    pub(crate) interval: Option<Interval>,
    /// A word by which it says that it holds futures.
    pub(crate) futures: Option<String>,
}

impl Named {
    /// What this says, and where it says nothing, what `other` says.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            symbol: self.symbol.or(other.symbol),
            interval: self.interval.or(other.interval),
            futures: self.futures.or(other.futures),
        }
    }
}

/// Reads a file name, such as `BTCUSDT-1m-2021-04.zip`, `BTC_USDT-5m.json` or `Binance_BTCUSDT_1h.csv`.
pub(crate) fn read(name: &str) -> Named {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let words: Vec<&str> = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
    Named {
        symbol: only(symbols(&words)),
        interval: only(words.iter().filter_map(|w| interval(w)).collect()),
        futures: words.iter().map(|w| w.to_ascii_lowercase()).find(|w| {
            FUTURES.contains(&w.as_str()) || w.strip_suffix("perp").is_some_and(|pair| pair.ends_with("usdt"))
        }),
    }
}

fn only<T: PartialEq>(mut found: Vec<T>) -> Option<T> {
    found.dedup();
    if found.len() == 1 { found.pop() } else { None }
}

fn interval(word: &str) -> Option<Interval> {
    // 1H, 1D, 1W can only mean one thing; 1M is a month.
    let small = word.to_ascii_lowercase();
    let word = if small.ends_with(['h', 'd', 'w', 's']) { small.as_str() } else { word };
    word.parse().ok()
}

fn symbols(words: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (i, word) in words.iter().enumerate() {
        let before = i.checked_sub(1).map(|i| words[i]).filter(|w| asset(w) && !pair(w) && interval(w).is_none());
        match before {
            Some(base) if QUOTES.contains(word) => found.push(format!("{base}{word}")),
            _ if pair(word) => found.push((*word).to_owned()),
            _ => {}
        }
    }
    found
}

/// A name of an asset: capitals and digits.
fn asset(word: &str) -> bool {
    let capitals = word.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    capitals && word.len() <= 20 && word.bytes().any(|b| b.is_ascii_uppercase())
}

/// An asset and the one that it is quoted in, in one word.
fn pair(word: &str) -> bool {
    let quoted = QUOTES.iter().any(|q| word.len() > q.len() && word.ends_with(q));
    asset(word) && word.len() >= 5 && quoted && !QUOTES.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_users_have() {
        for (name, symbol, interval) in [
            ("BTCUSDT-1m-20210420-20210520.csv.gz", Some("BTCUSDT"), Some("1m")),
            ("/data/x/BTCUSDT-1h-2024-11.csv", Some("BTCUSDT"), Some("1h")),
            ("BTCUSDT_1h_2025.csv", Some("BTCUSDT"), Some("1h")),
            ("BTCUSDT-1M-2021.zip", Some("BTCUSDT"), Some("1M")),
            ("BTCUSDT-1mo-2021.zip", Some("BTCUSDT"), Some("1M")),
            ("BTC_USDT-5m.json", Some("BTCUSDT"), Some("5m")),
            ("BTC_FDUSD-5m.json", Some("BTCFDUSD"), Some("5m")),
            ("Binance_BTCUSDT_1H.csv", Some("BTCUSDT"), Some("1h")),
            ("1INCHUSDT-15m.csv", Some("1INCHUSDT"), Some("15m")),
            ("1000SATSUSDT-1d.csv", Some("1000SATSUSDT"), Some("1d")),
            ("nautilus_ADABTC_pipe_separated-1m-2021-11-27.csv", Some("ADABTC"), Some("1m")),
            ("BTCUSDT-1h-2025-microseconds-read-as-milliseconds.csv.gz", Some("BTCUSDT"), Some("1h")),
            ("BTCUSDT-vs-ETHUSDT-1h.csv", None, Some("1h")),
            ("BTCUSDT-1m-to-5m.csv", Some("BTCUSDT"), None),
            ("EXPORT-KLINES.csv", None, None),
            ("USDT.csv", None, None),
            ("bars.csv", None, None),
            ("2021-04.csv", None, None),
        ] {
            let named = read(name);
            assert_eq!(named.symbol.as_deref(), symbol, "{name}");
            assert_eq!(named.interval.map(Interval::name), interval, "{name}");
            assert_eq!(named.futures, None, "{name}");
        }
    }

    #[test]
    fn names_of_futures_files_say_so() {
        for name in [
            "SOLUSDT-5m-usdm-futures.csv",
            "BTCUSDT_PERP-1h.csv",
            "BTCUSDTPERP-1m.csv",
            "BTC_USDT_USDT-5m-futures.json",
        ] {
            assert!(read(name).futures.is_some(), "{name}");
        }
    }
}
