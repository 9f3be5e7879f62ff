//! The cases of `peers.py`, in this engine's words: what each key says is what each peer was asked.

use candleflow_kernels::metrics::Metrics;
use candleflow_kernels::money::{Money, Ratio};
use candleflow_kernels::strategy::{
    BarInput, DatedFilters, Engine, EntryBarStops, EntryRule, Events, ExitRule, Expire, Expr, Fees, FillAt, Filters,
    Legs, Level, OnOpposite, PositionView, Profile, Row, SideSpec, Size, Spec, SymbolSpec, Target, Trailing, slot,
};

use super::Trade;

/// Columns of a row: signals, then levels of longs, each followed by that of shorts.
const UP: Expr = Expr::Column(0);
const DOWN: Expr = Expr::Column(1);
const STOP: u32 = 2;
const TARGET: u32 = 4;
const LIMIT: u32 = 6;
const STOP_ENTRY: u32 = 8;
/// Limits of stop-limits: beyond the stop, and before it.
const BEYOND: u32 = 10;
const BEFORE: u32 = 12;
const TIGHT_STOP: u32 = 14;
const TIGHT_TARGET: u32 = 16;
/// Shares of the close in those columns.
const SHARES: [f64; 8] = [0.98, 1.03, 0.995, 1.005, 1.006, 1.003, 0.993, 1.007];
/// What a trailing stop's program gives at a close.
const TRAIL_PROGRAM: u32 = 0;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Peer {
    BacktestingPy,
    Vectorbt,
    Backtrader,
}

impl Peer {
    pub(crate) fn profile(self) -> Profile {
        match self {
            Peer::BacktestingPy => Profile::BacktestingPy,
            Peer::Vectorbt => Profile::Vectorbt,
            Peer::Backtrader => Profile::Backtrader,
        }
    }
}

/// `sma-both-open-fee-stop_target`; `peers.py` says what the words mean.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    peer: Peer,
    sma: bool,
    both: bool,
    close: bool,
    fee: bool,
    words: Vec<String>,
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
            words: words[4].split('_').map(str::to_owned).collect(),
        }
    }

    fn has(&self, word: &str) -> bool {
        self.any(&[word])
    }

    fn any(&self, words: &[&str]) -> bool {
        self.words.iter().any(|word| words.contains(&word.as_str()))
    }

    /// The rules of one side; `short` picks the levels mirrored around the close.
    fn side(&self, short: bool) -> SideSpec {
        let column = |first: u32| Expr::Column(first + u32::from(short));
        let mut side = SideSpec {
            entry: vec![self.entry(short)],
            exit: self.exit(short),
            size: Some(self.size(short)),
            ..SideSpec::default()
        };
        let tight = self.has("tight");
        let (stop, below) = if tight { (TIGHT_STOP, "0.007") } else { (STOP, "0.02") };
        let (target, above) = if tight { (TIGHT_TARGET, "0.007") } else { (TARGET, "0.03") };
        // A trailing stop over the position begins with the close of its first bar: before, the peer's first level holds.
        if self.any(&["stop", "trail"]) {
            side.stop_loss = Some(self.level(column(stop), below));
        }
        if self.has("target") {
            side.take_profit = vec![Target { at: self.level(column(target), above), portion: None }];
        }
        if self.has("trail") {
            side.trailing_stop = Some(Trailing { by: Level::Price(Expr::Program(TRAIL_PROGRAM)), after: None });
        }
        side
    }

    fn entry(&self, short: bool) -> EntryRule {
        let column = |first: u32| Some(Expr::Column(first + u32::from(short)));
        let (when, leave) = if short { (DOWN, UP) } else { (UP, DOWN) };
        let mut entry = EntryRule { expire: Expire::Never, ..EntryRule::market(when) };
        if self.has("limit") {
            entry.limit = column(LIMIT);
        }
        if self.any(&["buystop", "stoplimit", "pullback"]) {
            entry.stop = column(STOP_ENTRY);
        }
        if self.any(&["stoplimit", "pullback"]) {
            entry.limit = column(if self.has("stoplimit") { BEYOND } else { BEFORE });
        }
        // A signal of the other side withdraws what waits, where there is another side.
        entry.cancel_if = self.both.then_some(leave);
        entry
    }

    fn exit(&self, short: bool) -> Vec<ExitRule> {
        let column = |first: u32| Some(Expr::Column(first + u32::from(short)));
        let mut exit = ExitRule { expire: Expire::Never, ..ExitRule::market(if short { UP } else { DOWN }) };
        if self.has("exitlimit") {
            exit.limit = column(STOP_ENTRY);
        }
        if self.has("exitstop") {
            exit.stop = column(LIMIT);
        }
        // Of vectorbt's sides, reversals come from opposite entries alone.
        let none = self.any(&["only", "net"]) || (self.peer == Peer::Vectorbt && self.both);
        if none { Vec::new() } else { vec![exit] }
    }

    fn size(&self, short: bool) -> Size {
        match () {
            () if self.has("cash") => Size::Cash(Ratio::ONE),
            () if self.has("full") => Size::Cash(Ratio::parse("0.999999999").unwrap()),
            () if self.has("half") => Size::Cash(Ratio::parse("0.5").unwrap()),
            () if self.has("net") && short => Size::Base(Expr::Constant(4.0)),
            () => Size::Base(Expr::Constant(10.0)),
        }
    }

    /// vectorbt counts from the fill before slippage, the others were given prices; at the close both are the same.
    fn level(&self, price: Expr, share: &str) -> Level {
        let percent = self.peer == Peer::Vectorbt || (self.has("slip") && self.close);
        if percent { Level::Percent(Ratio::parse(share).unwrap()) } else { Level::Price(price) }
    }

    fn balance(&self) -> &'static str {
        match () {
            () if self.has("cash") => "10000",
            () if self.has("poor") => "850000",
            () if self.any(&["half", "full"]) => "10000000",
            () => "10000000000",
        }
    }

    /// The profile of the peer, and the keys that this case overrides.
    fn spec(&self) -> Spec {
        let taker = Ratio::parse(if self.fee { "0.001" } else { "0" }).unwrap();
        let fees = Fees { maker: taker, taker, fixed: Money::ZERO };
        let mut spec = Spec::new(Money::parse(self.balance()).unwrap(), fees);
        self.peer.profile().apply(&mut spec);
        spec.long = Some(self.side(false));
        spec.short = self.both.then(|| self.side(true));
        spec.fills.at = if self.close { FillAt::Close } else { FillAt::NextOpen };
        if self.any(&["exitlimit", "exitstop"]) {
            spec.on_opposite = OnOpposite::Ignore;
        }
        if self.has("slip") {
            let share = if self.peer == Peer::Backtrader { "0.002" } else { "0.001" };
            spec.account.slippage.pct = Ratio::parse(share).unwrap();
        }
        match self.peer {
            Peer::BacktestingPy => spec.fills.entry_bar_stops = self.deferred(),
            Peer::Vectorbt => {
                // Signals moved to the next bar's open do not know what happened at the close before, and stops see
                // the first bar after the fill.
                if !self.close {
                    (spec.cooldown, spec.fills.entry_bar_stops) = (None, EntryBarStops::False);
                }
                // Stop exits do not slip, and these cases have no others.
                if self.has("slip") {
                    spec.account.slippage.legs = Legs::Entry;
                }
            }
            Peer::Backtrader => {}
        }
        spec
    }

    /// What backtesting.py defers to the bar after a resting entry: everything after a limit; the stop after a stop.
    fn deferred(&self) -> EntryBarStops {
        match () {
            () if self.any(&["limit", "stoplimit", "pullback"]) => EntryBarStops::False,
            () if self.has("buystop") && self.has("stop") => EntryBarStops::Open,
            () => EntryBarStops::True,
        }
    }

    /// backtesting.py counts whole units where a size is a share.
    fn symbol(&self) -> SymbolSpec {
        let step = Filters { step: Money::parse("1").unwrap(), ..Filters::default() };
        let whole = self.peer == Peer::BacktestingPy && self.has("half");
        let filters = if whole { vec![DatedFilters { valid_from: 0, filters: step }] } else { Vec::new() };
        SymbolSpec { filters }
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
        self.run_with(bars, |_| {}).0
    }

    /// The trades, and the metrics of the run, with what `change` does to the keys.
    pub(crate) fn run_with(&self, bars: &[BarInput], change: impl Fn(&mut Spec)) -> (Vec<Trade>, Metrics) {
        let mut spec = self.spec();
        change(&mut spec);
        let closes: Vec<f64> = bars.iter().map(|bar| bar.close_f64).collect();
        let (fast, slow) =
            if self.sma { (sma(&closes, 10), sma(&closes, 30)) } else { (ema(&closes, 12.0), ema(&closes, 26.0)) };
        let mut engine = Engine::new(spec, vec![self.symbol()]).unwrap();
        let (mut out, mut trades) = (Events::default(), Vec::new());
        let mut metrics = Metrics::new(&[engine.spec().account.balance], 1);
        let start = bars[0].open_time;
        for (place, bar) in bars.iter().enumerate() {
            let cross = |a: &[f64], b: &[f64]| place > 0 && a[place] > b[place] && a[place - 1] <= b[place - 1];
            let truth = |truth: bool| f64::from(u8::from(truth));
            let close = bar.close_f64;
            let mut columns = vec![truth(cross(&fast, &slow)), truth(cross(&slow, &fast))];
            for share in SHARES {
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
