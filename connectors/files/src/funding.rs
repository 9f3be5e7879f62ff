//! Files of funding rates: what an exchange's archive and REST answers hold, or the user's own CSV.
//!
//! ```text
//!  symbol,time,rate,mark_price                               mark_price may be missing
//!  calc_time,funding_interval_hours,last_funding_rate        the archive's; the symbol is given
//!  [{"symbol":"BTCUSDT","fundingTime":1698768000003,"fundingRate":"0.00010000","markPrice":"34287.54"}]
//! ```
//! Exchanges state times some milliseconds late: they are taken to the full second. A rate has at most 18 decimal
//! places. One row that cannot be read refuses the file: a payment that is missing is worse than none.

use candleflow_schema::{Defect, FundingRate, Symbol, time, time::SECOND};
use serde_json::Value;

/// Names of each column, as files call them.
const COLUMNS: [&[&str]; 4] = [
    &["symbol"],
    &["time", "fundingtime", "calc_time", "funding_time"],
    &["rate", "fundingrate", "last_funding_rate", "funding_rate"],
    &["mark_price", "markprice"],
];

/// Reads the text of a file; `symbol` is that of all rows where the file has none.
///
/// # Errors
/// What cannot be read, with its row.
pub fn funding(text: &str, symbol: Option<&str>) -> Result<Vec<FundingRate>, String> {
    let rows = if text.trim_start().starts_with('[') { json(text)? } else { csv(text)? };
    if rows.is_empty() {
        return Err("the file has no rows".into());
    }
    rows.iter().enumerate().map(|(at, row)| rate(row, symbol).map_err(|e| format!("row {}: {e}", at + 1))).collect()
}

type Cells = [Option<String>; 4];

fn csv(text: &str) -> Result<Vec<Cells>, String> {
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let header: Vec<String> = lines
        .next()
        .ok_or("the file is empty")?
        .trim_start_matches('\u{feff}')
        .split(',')
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let places = COLUMNS.map(|names| header.iter().position(|name| names.contains(&name.as_str())));
    if places[1].is_none() || places[2].is_none() {
        return Err(format!(
            "the header '{}' names no column time and rate: write symbol,time,rate or symbol,time,rate,mark_price",
            header.join(",")
        ));
    }
    let cells = |line: &str| {
        let cells: Vec<&str> = line.split(',').map(str::trim).collect();
        places.map(|at| cells.get(at?).filter(|cell| !cell.is_empty()).map(|cell| (*cell).to_owned()))
    };
    Ok(lines.map(cells).collect())
}

fn json(text: &str) -> Result<Vec<Cells>, String> {
    let rows: Vec<serde_json::Map<String, Value>> = serde_json::from_str(text).map_err(|e| e.to_string())?;
    let cell = |row: &serde_json::Map<String, Value>, names: &[&str]| {
        let found = row.iter().find(|(name, _)| names.contains(&name.to_ascii_lowercase().as_str()))?;
        match found.1 {
            Value::String(text) if !text.is_empty() => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    };
    Ok(rows.iter().map(|row| COLUMNS.map(|names| cell(row, names))).collect())
}

fn rate([symbol, at, rate, mark]: &Cells, given: Option<&str>) -> Result<FundingRate, String> {
    let symbol = symbol.as_deref().or(given).ok_or("no symbol: give it with --symbol")?;
    let at = time::parse(at.as_deref().ok_or("no time")?)?;
    let text = rate.as_deref().ok_or("no rate")?;
    let mark = mark.as_deref().map(|mark| Defect::price("mark_price", mark)).transpose();
    let rate = scaled(text).ok_or_else(|| format!("'{text}' is not a rate of at most 18 decimal places"))?;
    if rate.abs() >= 10_i128.pow(18) {
        return Err(format!("a rate of {text} is no rate: 0.0001 is a hundredth of a percent"));
    }
    Ok(FundingRate {
        symbol: Symbol::from(symbol),
        time: (at + SECOND / 2).div_euclid(SECOND) * SECOND,
        rate,
        mark_price: mark.map_err(|e| e.to_string())?,
    })
}

/// A decimal, scaled by 10^18.
fn scaled(text: &str) -> Option<i128> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || whole.len() > 6 || part.len() > 18 || !all_digits(whole) || !all_digits(part) {
        return None;
    }
    let value: i128 = format!("{whole}{part:0<18}").parse().ok()?;
    Some(if negative { -value } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String, i128, Option<i64>)> {
        let row = |r: FundingRate| (r.symbol.to_string(), time::format(r.time), r.rate, r.mark_price);
        funding(text, Some("GIVEN")).unwrap().into_iter().map(row).collect()
    }

    #[test]
    fn every_layout_gives_the_same_payment() {
        let noon = "2023-10-31T16:00:00Z".to_owned();
        for text in [
            "symbol,time,rate,mark_price\nBTCUSDT,2023-10-31T16:00,0.0001,34287.54\n",
            "[{\"symbol\":\"BTCUSDT\",\"fundingTime\":1698768000003,\"fundingRate\":\"0.00010000\",\"markPrice\":\"34287.54\"}]",
            "\u{feff}Symbol, Time, Rate, Mark_Price\r\nBTCUSDT,1698768000000,0.0001,34287.54\r\n\r\n",
        ] {
            let expected = ("BTCUSDT".to_owned(), noon.clone(), 100_000_000_000_000, Some(3_428_754_000_000));
            assert_eq!(read(text), [expected], "{text}");
        }
        let archive = "calc_time,funding_interval_hours,last_funding_rate\n1698768000007,8,-0.00012345\n";
        assert_eq!(read(archive), [("GIVEN".to_owned(), noon, -123_450_000_000_000, None)]);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for (text, expected) in [
            ("", "empty"),
            ("symbol,time\n", "symbol,time,rate"),
            ("symbol,time,rate\n", "no rows"),
            ("symbol,time,rate\nA,2023-01-01,x\n", "row 1: 'x' is not a rate"),
            ("symbol,time,rate\nA,2023-01-01,0.1\nA,never,0.1\n", "row 2: 'never' is not a UTC time"),
            ("symbol,time,rate\nA,2023-01-01,5\n", "a rate of 5 is no rate"),
            ("[{\"symbol\":1}", "EOF"),
        ] {
            let error = funding(text, None).unwrap_err();
            assert!(error.contains(expected), "{text:?}: {error}");
        }
        let error = funding("time,rate\n2023-01-01,0.1\n", None).unwrap_err();
        assert!(error.contains("--symbol"), "{error}");
    }
}
