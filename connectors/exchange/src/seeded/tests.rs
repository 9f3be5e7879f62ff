use super::*;
use crate::Market;
use std::collections::BTreeSet;

fn market(seed: u64, symbols: &[&str], bars: usize) -> SeededMarket {
    let symbols = symbols.iter().map(|s| (*s).to_owned()).collect();
    SeededMarket { seed, symbols, interval: Interval::M1, start: 1_735_689_600_000_000, bars }
}

fn closes(market: &SeededMarket, symbol: &str) -> Vec<Bar> {
    market.bars().filter(|b| &*b.symbol == symbol).collect()
}

fn returns(bars: &[Bar]) -> Vec<f64> {
    bars.windows(2).map(|w| w[1].close as f64 / w[0].close as f64 - 1.0).collect()
}

fn mean(x: &[f64]) -> f64 {
    x.iter().sum::<f64>() / x.len() as f64
}

fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let (mx, my) = (mean(x), mean(y));
    let dot = |a: &[f64], ma: f64, b: &[f64], mb: f64| a.iter().zip(b).map(|(p, q)| (p - ma) * (q - mb)).sum::<f64>();
    dot(x, mx, y, my) / (dot(x, mx, x, mx) * dot(y, my, y, my)).sqrt()
}

fn kurtosis(x: &[f64]) -> f64 {
    let m = mean(x);
    let moment = |n: i32| x.iter().map(|v| (v - m).powi(n)).sum::<f64>() / x.len() as f64;
    moment(4) / (moment(2) * moment(2))
}

/// FNV-1a of every number of every bar.
fn digest(bars: impl Iterator<Item = Bar>) -> u64 {
    bars.fold(0xcbf2_9ce4_8422_2325, |h, b| {
        let text = format!(
            "{}|{}|{}|{}|{}|{}|{}|{:?}|{:?}|{:?}|{:?}\n",
            b.symbol,
            b.open_time,
            b.open,
            b.high,
            b.low,
            b.close,
            b.volume,
            b.quote_volume,
            b.trades,
            b.taker_buy_volume,
            b.taker_buy_quote_volume
        );
        text.bytes().fold(h, |h, byte| (h ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
    })
}

#[test]
fn the_same_seed_is_the_same_market_forever() {
    let m = market(42, &["BTCUSDT", "ETHUSDT", "ABCUSDT"], 2_000);
    assert_eq!(digest(m.bars()), digest(m.bars()));
    assert_ne!(digest(m.bars()), digest(market(43, &["BTCUSDT", "ETHUSDT", "ABCUSDT"], 2_000).bars()));
    assert_eq!(digest(m.bars()), DIGEST, "the generator has changed: markets that people know by their seed are gone");
}

const DIGEST: u64 = 3_076_620_603_179_982_296;

#[test]
fn a_symbol_does_not_depend_on_the_others() {
    let alone = market(7, &["ETHUSDT"], 500);
    let together = market(7, &["BTCUSDT", "ETHUSDT", "XRPUSDT"], 500);
    assert_eq!(closes(&alone, "ETHUSDT"), closes(&together, "ETHUSDT"));
    assert_eq!(together.bars().count(), 1_500);
    let longer = market(7, &["ETHUSDT"], 600);
    assert_eq!(closes(&longer, "ETHUSDT")[..500], closes(&alone, "ETHUSDT"));
}

#[test]
fn returns_have_fat_tails_and_cluster() {
    for seed in [1, 2, 3] {
        let m = market(seed, &["BTCUSDT", "ETHUSDT", "XRPUSDT"], 30_000);
        let btc = closes(&m, "BTCUSDT");
        let r = returns(&btc);
        let size: Vec<f64> = r.iter().map(|x| x.abs()).collect();
        assert!(kurtosis(&r) > 4.0, "kurtosis {}", kurtosis(&r));
        for lag in [1, 5, 20] {
            let rho = correlation(&size[lag..], &size[..size.len() - lag]);
            assert!(rho > 0.05, "autocorrelation of |r| at {lag}: {rho}");
        }
        let plain = correlation(&r[1..], &r[..r.len() - 1]);
        assert!(plain.abs() < 0.05, "returns themselves do not repeat: {plain}");
        let volume: Vec<f64> = btc[1..].iter().map(|b| b.volume as f64).collect();
        assert!(correlation(&size, &volume) > 0.3, "volume follows volatility: {}", correlation(&size, &volume));
        let eth = returns(&closes(&m, "ETHUSDT"));
        assert!((0.3..0.8).contains(&correlation(&r, &eth)), "symbols move together: {}", correlation(&r, &eth));
        let yearly = (r.iter().map(|x| x * x).sum::<f64>() / r.len() as f64 * 525_600.0).sqrt();
        assert!((0.3..1.2).contains(&yearly), "a year's volatility: {yearly}");
    }
}

#[test]
fn bars_are_possible_and_lie_on_ticks_and_lots() {
    let symbols = ["BTCUSDT", "ETHBTC", "DOGEUSDT", "ABCUSDT", "QWEUSDT", "ZZZBTC", "币安人生USDT"];
    let m = market(9, &symbols, 3_000);
    let steps: Vec<_> = m.instruments();
    for bar in m.bars() {
        bar.validate().unwrap();
        let i = steps.iter().find(|i| i.symbol == bar.symbol).unwrap();
        for price in [bar.open, bar.high, bar.low, bar.close] {
            assert_eq!(price % i.tick, 0, "{bar}");
        }
        assert_eq!(bar.volume % i128::from(i.step), 0, "{bar}");
        assert_eq!(bar.taker_buy_volume.unwrap() % i128::from(i.step), 0, "{bar}");
        assert!(bar.trades.unwrap() >= 8 && bar.volume > 0, "{bar}");
        let price = bar.quote_volume.unwrap() * 100_000_000 / bar.volume;
        assert!(i128::from(bar.low) <= price + 1 && price <= i128::from(bar.high), "{bar}");
    }
    let listed = Market::seeded(m).unwrap();
    assert_eq!(listed.listings()[0].instrument.tick, 1_000_000);
    assert_eq!(listed.bars(), 21_000);
}

#[test]
fn prices_stay_in_reach_over_years() {
    let m = SeededMarket { interval: "1d".parse().unwrap(), ..market(5, &["BTCUSDT", "DOGEUSDT"], 3_650) };
    for symbol in ["BTCUSDT", "DOGEUSDT"] {
        let bars = closes(&m, symbol);
        let (low, high) = (bars.iter().map(|b| b.low).min().unwrap(), bars.iter().map(|b| b.high).max().unwrap());
        assert!(high / bars[0].open < 60 && bars[0].open / low < 60, "{symbol} {low} {high}");
        assert!(bars.windows(2).all(|w| w[1].open == w[0].close && w[1].open_time - w[0].open_time == 86_400_000_000));
    }
}

#[test]
fn every_interval_steps_by_its_own_calendar() {
    for (name, expected) in [("1s", 1), ("1w", 7 * 86_400), ("1M", 31 * 86_400)] {
        let m = SeededMarket { interval: name.parse().unwrap(), ..market(5, &["BTCUSDT"], 2) };
        let bars: Vec<_> = m.bars().collect();
        assert_eq!(bars[1].open_time - bars[0].open_time, expected * 1_000_000, "{name}");
        assert!(bars.iter().all(|b| b.interval.on_grid(b.open_time)));
    }
    let distinct: BTreeSet<i64> = market(1, &["AAAUSDT", "BBBUSDT", "CCCUSDT"], 1).bars().map(|b| b.open).collect();
    assert!(distinct.len() > 1);
}
