//! One mistake at a time: the error, its place, what was expected.

use super::{blocks, with};
use crate::{Overrides, read};
use std::fmt::Write as _;

const BAD: &[&[(&str, &str)]] = &[
    &[("account.balance", "-1")],
    &[("account.balance", "0")],
    &[("account.balance", "1e30")],
    &[("account.balance", "10000 USDT")],
    &[("account.fees.taker", "200%")],
    &[("account.fees.taker", "0.001")],
    &[("account.fees.maker", "-2%")],
    &[("account.fees.maker", "-1%"), ("account.leverage", "100")],
    &[("account.fees.fixed", "-1")],
    &[("account.slippage", "0.05%")],
    &[("account.slippage.pct", "-1%")],
    &[("account.slippage.legs", "exit")],
    &[("account.leverage", "0.5")],
    &[("account.leverage", "5000")],
    &[("account.leverage", "10%")],
    &[("account.maintenance", "100%")],
    &[("account.margin", "crossed")],
    &[("account.filters", "binance")],
    &[("account.filters", "{ tick: 0 }")],
    &[("account.funding", "rates")],
    &[("account.scope", "portfolio"), ("account.quote", "BTC")],
    &[("account.sized_at", "close")],
    &[("fills.path", "detail")],
    &[("fills.detail", "1m")],
    &[("fills.path", "detail"), ("fills.detail", "5m")],
    &[("fills.path", "detail"), ("fills.detail", "7m")],
    &[("fills.entry_bar_stops", "yes")],
    &[("fills.entry_bar_stops", "'true'")],
    &[("fills.at_end", "last open")],
    &[("fills.limit_fills", "touch")],
    &[("metrics", "sharpe")],
    &[("metrics.variant", "pyfolio")],
    &[("strategy.size", "10%")],
    &[("strategy.size", "{ equity: 0% }")],
    &[("strategy.size", "{ equity: 150% }")],
    &[("strategy.size", "{ equity: 0.1 }")],
    &[("strategy.size", "{ equity: 10%, risk: 1% }")],
    &[("strategy.size", "{}")],
    &[("strategy.size", "{ base: 0 }")],
    &[("strategy.size", "{ quote: 10% }")],
    &[("strategy.size", "{ risk: 1% }")],
    &[("strategy.size", "{ target: 0.5 }"), ("strategy.pyramiding.max", "2")],
    &[("strategy.size", "{ target: 0.5 }"), ("strategy.long.entry.limit", "low")],
    &[("strategy.size", "{ target: 0.5 }"), ("account.sized_at", "signal")],
    &[("strategy.size", "{ volatility: { of: 20%, days: 1 } }")],
    &[("strategy.size", "")],
    &[("strategy.stop_loss", "2 * range")],
    &[("strategy.stop_loss", "0.02")],
    &[("strategy.stop_loss", "0%")],
    &[("strategy.stop_loss", "100%")],
    &[("strategy.stop_loss", "{ distance: range, price: low }")],
    &[("strategy.stop_loss", "{ distance: 0 }")],
    &[("strategy.stop_loss", "[1%, 2%]")],
    &[("strategy.take_profit", "{ table: { 0m: 10% }, distance: range }")],
    &[("strategy.take_profit", "{ table: { 0m: 10% }, at: 2% }")],
    &[("strategy.take_profit", "{ table: { soon: 10%, 1h: 1%, 60m: 2% } }")],
    &[("strategy.take_profit", "{ table: {} }")],
    &[("strategy.take_profit", "[]")],
    &[("strategy.take_profit", "[2%, 4%]")],
    &[("strategy.take_profit", "[{ at: 2%, portion: 60% }, { at: 4%, portion: 60% }]")],
    &[("strategy.take_profit", "[{ portion: 50% }]")],
    &[("strategy.take_profit", "[{ at: 2%, portion: 0.5 }]")],
    &[("strategy.trailing_stop", "{ after: 5% }")],
    &[("strategy.trailing_stop", "{ by: 3%, distance: range }")],
    &[("strategy.trailing_stop", "{ by: 2 * range }")],
    &[("strategy.break_even", "{ after: 2%, at: 3% }")],
    &[("strategy.break_even", "2%")],
    &[("strategy.max_bars", "0")],
    &[("strategy.max_bars", "2.5")],
    &[("strategy.pyramiding", "3")],
    &[("strategy.pyramiding.max", "0")],
    &[("strategy.pyramiding.max", "100000")],
    &[("strategy.pyramiding.exits", "each")],
    &[("strategy.on_opposite", "revers")],
    &[("strategy.cooldown", "0")],
    &[("strategy.cooldown", "{ after: loss }")],
    &[("strategy.cooldown", "{ bars: 2, after: win }")],
    &[("strategy.limits.day_loss", "0%")],
    &[("strategy.limits.drawdown", "0.2")],
    &[("strategy.limits.max_positions", "5")],
    &[("strategy.limits.rank", "range desc"), ("account.scope", "portfolio")],
    &[("strategy.limits", "{ max_positions: 2, rank: desc }"), ("account.scope", "portfolio")],
    &[("strategy.long.entry.expire", "3")],
    &[("strategy.long.entry.limit", "close"), ("strategy.long.entry.expire", "never")],
    &[("strategy.long.entry.limit", "1%")],
    &[("strategy.long.entry.stop", "-5")],
    &[("strategy.long.entry.portion", "50%")],
    &[("strategy.long.entry.when", "50%")],
    &[("strategy.long.exit.repeat", "true")],
    &[("strategy.long.exit.portion", "150%")],
    &[("strategy.long.exit.size", "{ base: 1 }")],
    &[("strategy.long.exit.repeat", "on"), ("strategy.long.exit.portion", "50%")],
    &[("strategy.short", "{ exit: up }")],
    &[("strategy.short", "up")],
];

#[test]
fn every_mistake_has_its_place_and_a_way_out() {
    let mut all = String::new();
    for case in BAD {
        let text = blocks::text(&with(case), false);
        let said: Vec<_> = case.iter().map(|(path, value)| format!("{path}: {value}")).collect();
        let errors = match read("p", &text, &Overrides::default()) {
            Ok(_) => "READ WITHOUT AN ERROR".to_owned(),
            Err(errors) => {
                for error in errors.iter() {
                    let line = text.lines().nth(error.place.line - 1).unwrap();
                    assert!(error.place.column <= line.chars().count(), "{error:?} is outside of the file:\n{text}");
                }
                errors.to_string()
            }
        };
        let _ = writeln!(all, "{}\n    {}\n", said.join(", "), errors.replace('\n', "\n    "));
    }
    assert!(!all.contains("READ WITHOUT"), "{all}");
    insta::assert_snapshot!(all);
}

#[test]
fn a_profile_that_does_not_exist_is_told_with_the_known_ones() {
    let text = format!("profile: backtesting.py\n{}", blocks::text(&blocks::base(), false));
    let errors = read("p", &text, &Overrides::default()).unwrap_err().to_string();
    assert_eq!(
        errors,
        "p:1:10: profile: unknown value 'backtesting.py', did you mean 'backtesting_py'? Expected one of backtesting_py, vectorbt, backtrader, freqtrade"
    );
}

#[test]
fn a_bar_has_at_most_as_many_finer_bars_as_a_day_has_seconds() {
    let text = |base: &str, detail: &'static str| {
        let settings = with(&[("fills.path", "detail"), ("fills.detail", detail)]);
        blocks::text(&settings, false).replace("interval: 5m", &format!("interval: {base}"))
    };
    for (base, detail) in [("1d", "1s"), ("1M", "1m"), ("5m", "1m"), ("1w", "1h")] {
        assert!(read("p", &text(base, detail), &Overrides::default()).is_ok(), "{detail} in {base}");
    }
    let errors = read("p", &text("1w", "1s"), &Overrides::default()).unwrap_err().to_string();
    assert!(errors.contains("detail: a bar of 1w has 604800 of 1s, at most 86400 can be"), "{errors}");
}
