//! The cases of `peers.py`, in this engine's words: what each key says is what each peer was asked.

use candleflow_kernels::metrics::Metrics;
use candleflow_kernels::money::{Money, Ratio};
use candleflow_kernels::strategy::{
    BarInput, Engine, EntryBarStops, EntryRule, Events, ExitRule, Expire, Expr, Fees, FillAt, Level, OnOpposite,
    PositionView, Profile, Row, SideSpec, Size, Spec, SymbolSpec, Target, Trailing, slot,
};

use super::Trade;

/// Columns of a row: signals, then levels of longs, then of shorts.
const UP: Expr = Expr::Column(0);
const DOWN: Expr = Expr::Column(1);
const STOP: u32 = 2;
const TARGET: u32 = 4;
const LIMIT: u32 = 6;
const STOP_ENTRY: u32 = 8;
/// What a trailing stop's program gives at a close.
const TRAIL_PROGRAM: u32 = 0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    BacktestingPy,
    Vectorbt,
    Backtrader,
}

/// `sma-both-open-fee-stop_target`
#[derive(Debug, Clone)]
pub(crate) struct Case {
    peer: Peer,
    sma: bool,
    both: bool,
    close: bool,
    fee: bool,
    exits: String,
}

impl Case {
    pub(crate) fn of(peer: Peer, name: &str) -> Case {
        let words: Vec<&str> = name.split('-').collect();
        Case {
            peer,
            sma: words[0] == "sma",
            both: words[1] == "both",
            close: words[2] == "close",
            fee: words[3] == "fee",
            exits: words[4].to_owned(),
        }
    }

    fn has(&self, part: &str) -> bool {
        self.exits.contains(part)
    }

    /// The rules of one side; `short` picks the levels mirrored around the close.
    fn side(&self, short: bool) -> SideSpec {
        let column = |first: u32| Expr::Column(first + u32::from(short));
        let (when, leave) = if short { (DOWN, UP) } else { (UP, DOWN) };
        let mut entry = EntryRule { expire: Expire::Never, ..EntryRule::market(when) };
        if self.has("limit") {
            entry.limit = Some(column(LIMIT));
        }
        if self.has("buystop") {
            entry.stop = Some(column(STOP_ENTRY));
        }
        // A signal of the other side withdraws what waits, where there is another side.
        entry.cancel_if = self.both.then_some(leave);
        let mut side = SideSpec {
            entry: vec![entry],
            exit: vec![ExitRule::market(leave)],
            size: Some(if self.has("cash") { Size::Cash(Ratio::ONE) } else { Size::Base(Expr::Constant(10.0)) }),
            ..SideSpec::default()
        };
        // A trailing stop over the position begins with the close of its first bar: before, the peer's first level holds.
        if self.exits.starts_with("stop") || self.exits.ends_with("_stop") || self.has("trail") {
            side.stop_loss = Some(self.level(column(STOP), "0.02"));
        }
        if self.has("target") {
            side.take_profit = vec![Target { at: self.level(column(TARGET), "0.03"), portion: None }];
        }
        if self.has("trail") {
            side.trailing_stop = Some(Trailing { by: Level::Price(Expr::Program(TRAIL_PROGRAM)), after: None });
        }
        side
    }

    /// vectorbt counts from the fill, the others were given prices.
    fn level(&self, price: Expr, share: &str) -> Level {
        if self.peer == Peer::Vectorbt { Level::Percent(Ratio::parse(share).unwrap()) } else { Level::Price(price) }
    }

    fn spec(&self) -> Spec {
        let balance = if self.has("cash") { "10000" } else { "10000000000" };
        let taker = Ratio::parse(if self.fee { "0.001" } else { "0" }).unwrap();
        let fees = Fees { maker: taker, taker, fixed: Money::ZERO };
        let mut spec = Spec::new(Money::parse(balance).unwrap(), fees);
        let profile = match self.peer {
            Peer::BacktestingPy => Profile::BacktestingPy,
            Peer::Vectorbt => Profile::Vectorbt,
            Peer::Backtrader => Profile::Backtrader,
        };
        profile.apply(&mut spec);
        spec.long = Some(self.side(false));
        spec.short = self.both.then(|| self.side(true));
        spec.fills.at = if self.close { FillAt::Close } else { FillAt::NextOpen };
        if self.peer == Peer::Vectorbt {
            // Reversals come from opposite entries alone.
            spec.long.iter_mut().chain(&mut spec.short).filter(|_| self.both).for_each(|side| side.exit.clear());
            spec.on_opposite = OnOpposite::Reverse;
            // Signals moved to the next bar's open do not know what happened at the close before.
            spec.cooldown = spec.cooldown.filter(|_| self.close);
        }
        if self.peer == Peer::BacktestingPy && self.has("limit") {
            // Stops and targets of a limit entry are deferred to the next bar.
            spec.fills.entry_bar_stops = EntryBarStops::False;
        }
        spec
    }

    /// The trailing stop of each peer, evaluated at a close.
    fn trail(&self, close: f64, view: &PositionView) -> f64 {
        let [side, bars] = [view.0[slot::POSITION_SIDE], view.0[slot::POSITION_BARS]];
        let short = side < 0.0;
        match self.peer {
            Peer::BacktestingPy if short => close * (2.0 - 0.98),
            Peer::BacktestingPy => close * 0.98,
            // From the best price since the entry, the entry's close first.
            Peer::Vectorbt if short => view.0[slot::POSITION_LOW] * (1.0 + 0.02),
            Peer::Vectorbt => view.0[slot::POSITION_HIGH] * (1.0 - 0.02),
            // A bracket's child does not see the bar of entry.
            Peer::Backtrader if bars == 1.0 => f64::NAN,
            Peer::Backtrader if short => close + close * (1.0 - 0.98),
            Peer::Backtrader => close - close * (1.0 - 0.98),
        }
    }

    pub(crate) fn run(&self, bars: &[BarInput]) -> Vec<Trade> {
        self.run_with(bars).0
    }

    /// The trades, and the metrics of the run.
    pub(crate) fn run_with(&self, bars: &[BarInput]) -> (Vec<Trade>, Metrics) {
        let closes: Vec<f64> = bars.iter().map(|bar| bar.close_f64).collect();
        let (fast, slow) =
            if self.sma { (sma(&closes, 10), sma(&closes, 30)) } else { (ema(&closes, 12.0), ema(&closes, 26.0)) };
        let mut engine = Engine::new(self.spec(), vec![SymbolSpec::default()]).unwrap();
        let (mut out, mut trades) = (Events::default(), Vec::new());
        let mut metrics = Metrics::new(&[engine.spec().account.balance], 1);
        let start = bars[0].open_time;
        for (place, bar) in bars.iter().enumerate() {
            let cross = |a: &[f64], b: &[f64]| place > 0 && a[place] > b[place] && a[place - 1] <= b[place - 1];
            let truth = |truth: bool| f64::from(u8::from(truth));
            let close = bar.close_f64;
            let mut columns = vec![truth(cross(&fast, &slow)), truth(cross(&slow, &fast))];
            for share in [0.98, 1.03, 0.995, 1.005] {
                columns.extend([close * share, close * (2.0 - share)]);
            }
            let mut rules = |_: u32, _: &[f64], view: &PositionView| self.trail(close, view);
            let row = engine.bar(&Row::new(*bar, &columns), &mut rules, &mut out).unwrap();
            metrics.equity(0, &row);
            metrics.market(0, close);
        }
        let number = |time: i64| ((time - start) / 3_600_000_000 - 1) as usize;
        for row in &out.trades {
            metrics.trade(row).unwrap();
            trades.push(Trade {
                side: row.side,
                qty: row.qty.to_f64(),
                entry_bar: number(row.entry_time),
                entry_price: row.entry_price.to_f64(),
                exit_bar: number(row.time),
                exit_price: row.exit_price.to_f64(),
                pnl: row.net.to_f64(),
            });
        }
        (trades, metrics)
    }
}

fn sma(close: &[f64], count: usize) -> Vec<f64> {
    let mean = |window: &[f64]| window.iter().fold(0.0, |sum, value| sum + value) / count as f64;
    let missing = std::iter::repeat_n(f64::NAN, count - 1);
    missing.chain(close.windows(count).map(mean)).collect()
}

fn ema(close: &[f64], count: f64) -> Vec<f64> {
    let (alpha, mut value) = (2.0 / (count + 1.0), close[0]);
    let mut step = |close: &f64| {
        value += alpha * (close - value);
        value
    };
    close.iter().map(&mut step).collect()
}
