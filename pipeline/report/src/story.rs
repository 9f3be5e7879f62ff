//! What happened in a run, gathered row by row, in a size that does not depend on how long it was.

use crate::{
    buckets::{Bucket, Buckets},
    drawdowns::{Drawdown, Drawdowns},
    figures::{grouped, percent},
    months::Months,
    trades::{Histogram, Mark, Marks, Reasons, Sums},
};
use candleflow_kernels::strategy::{EquityRow, TradeRow};
use candleflow_schema::Micros;

/// Entries of a curve: about one for each pixel of a chart.
const POINTS: usize = 1200;
/// Trades that the charts of all symbols show together.
const MARKS: usize = 4000;

/// What is known of a run beside its rows.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The pipeline's name.
    pub name: String,
    /// The run's id; none for one that is not kept.
    pub run_id: Option<String>,
    /// `history` or `live`.
    pub mode: String,
    /// Length of a bar.
    pub interval: String,
    /// Symbols, as listed.
    pub symbols: Vec<String>,
    /// First and last event time after the warm-up.
    pub range: Option<(Micros, Micros)>,
    /// Rows of bars that went in, warm-up included.
    pub bars: u64,
    /// What the reader must know before any number.
    pub warnings: Vec<String>,
    /// The metrics by view, in the order of the catalogue.
    pub views: Vec<(String, Vec<Option<f64>>)>,
    /// What the Sharpe ratio is worth, where the run is one of many.
    pub deflated: Option<Deflated>,
    /// The metrics by another library's formulas, under its name.
    pub library: Option<(String, Vec<Option<f64>>)>,
    /// Rows by output.
    pub rows: Vec<(String, u64)>,
    /// Output, symbol, rows and digest of every chain.
    pub chains: Vec<(String, String, u64, String)>,
    /// The run's digest.
    pub digest: String,
    /// Version of the engine, and the platform.
    pub engine: String,
    /// The pipeline file.
    pub pipeline: String,
    /// Values that were put over the file's own: `name=value`.
    pub set: Vec<String>,
}

/// The Sharpe ratio of a set among all sets that were tried.
#[derive(Debug, Clone, PartialEq)]
pub struct Deflated {
    /// The probability that the true ratio is above what the best of as many worthless sets would show.
    pub value: f64,
    /// How many sets.
    pub trials: u64,
    /// Variance of their Sharpe ratios a year.
    pub variance: f64,
    /// The id of their sweep.
    pub sweep: String,
}

impl Deflated {
    /// For people.
    pub(crate) fn line(&self) -> String {
        let Self { value, trials, variance, sweep } = self;
        format!(
            "Deflated Sharpe ratio: {}, among the {trials} sets of {sweep}, whose Sharpe ratios have a variance of {}",
            percent(*value),
            grouped(*variance, 3)
        )
    }
}

/// What happened in a run.
#[derive(Debug, Clone)]
pub struct Story {
    /// Money at the beginning.
    pub start: f64,
    /// Equity of all accounts at each bar's close.
    pub equity: Buckets,
    /// What the same money would be worth, spread evenly over the symbols at their first closes.
    pub hold: Buckets,
    /// Distance from the highest equity before, never positive.
    pub depth: Buckets,
    /// Returns by month.
    pub months: Months,
    /// The worst drawdowns, deepest first.
    pub drawdowns: Vec<Drawdown>,
    /// Trades by exit reason and tag.
    pub reasons: Reasons,
    /// Distribution of returns per trade.
    pub histogram: Option<Histogram>,
    /// Accounts whose equity came to nothing, and when, in order: by its symbol, or `*` over all of them.
    pub ruined: Vec<(String, Micros)>,
    /// By symbol.
    pub symbols: Vec<SymbolStory>,
}

/// What happened on one symbol.
#[derive(Debug, Clone)]
pub struct SymbolStory {
    /// Its name.
    pub symbol: String,
    /// Prices after the warm-up; empty unless a page was asked for.
    pub prices: Buckets,
    /// Trades for its chart, by time of entry.
    pub marks: Vec<Mark>,
    /// How many trades there were.
    pub trades: u64,
    /// What they add up to.
    pub sums: Sums,
}

struct OfSymbol {
    symbol: String,
    prices: Buckets,
    marks: Marks,
    sums: Sums,
    first: f64,
    last: f64,
}

/// Gathers a [`Story`]. Equity and trades come in total order, bars in order per symbol.
pub struct Recorder {
    start: f64,
    marks: Vec<f64>,
    /// When each account had nothing left.
    ruined: Vec<Option<Micros>>,
    /// The bar whose accounts have not all reported.
    open: Option<(Micros, Micros)>,
    equity: Buckets,
    hold: Buckets,
    depth: Buckets,
    months: Months,
    drawdowns: Drawdowns,
    reasons: Reasons,
    returns: Vec<f64>,
    symbols: Vec<OfSymbol>,
    tags: Vec<String>,
}

impl Recorder {
    /// For these symbols and accounts with these balances; `tags` by number, as rows of trades name them.
    pub fn new(symbols: &[String], balances: &[f64], tags: Vec<String>) -> Self {
        let start = balances.iter().sum();
        let most = (MARKS / symbols.len().max(1)).max(50);
        let of = |symbol: &String| OfSymbol {
            symbol: symbol.clone(),
            prices: Buckets::new(POINTS),
            marks: Marks::new(most),
            sums: Sums::default(),
            first: f64::NAN,
            last: f64::NAN,
        };
        Self {
            start,
            marks: balances.to_vec(),
            ruined: vec![None; balances.len()],
            open: None,
            equity: Buckets::new(POINTS),
            hold: Buckets::new(POINTS),
            depth: Buckets::new(POINTS),
            months: Months::new(start),
            drawdowns: Drawdowns::new(start),
            reasons: Reasons::new(),
            returns: Vec::new(),
            symbols: symbols.iter().map(of).collect(),
            tags,
        }
    }

    /// A bar of a symbol: open, high, low and close, for its chart.
    pub fn bar(&mut self, symbol: usize, time: Micros, [first, high, low, last]: [f64; 4]) {
        self.symbols[symbol].prices.push(Bucket { from: time, to: time, first, high, low, last });
    }

    /// A row of equity of an account.
    pub fn equity(&mut self, account: usize, row: &EquityRow) {
        if self.open.is_some_and(|(_, time)| time != row.time) {
            self.settle();
        }
        self.open = Some((row.open_time, row.time));
        self.marks[account] = row.equity;
        if row.equity <= 0.0 {
            self.ruined[account].get_or_insert(row.time);
        }
    }

    /// What each account has after its end, as its last bar's equity; `None` of one that had no bar.
    pub fn end(&mut self, left: &[Option<f64>]) {
        let marks = self.marks.iter().zip(left).map(|(mark, left)| left.unwrap_or(*mark)).collect();
        if marks != self.marks {
            let last = self.open;
            self.settle();
            (self.marks, self.open) = (marks, last);
        }
    }

    /// The close of a symbol's bar, after the equity that it came with.
    pub fn close(&mut self, symbol: usize, close: f64) {
        let market = &mut self.symbols[symbol];
        if market.first.is_nan() {
            market.first = close;
        }
        market.last = close;
    }

    /// A round trip of a symbol.
    pub fn trade(&mut self, symbol: usize, row: &TradeRow) {
        if row.open {
            return;
        }
        let tag = row.exit_tag.and_then(|t| self.tags.get(t as usize));
        let reason = row.exit_reason.name();
        let named = tag.map_or_else(|| reason.to_owned(), |tag| format!("{reason}: {tag}"));
        self.reasons.entry(named).or_default().add(row);
        self.returns.push(row.return_pct);
        let of = &mut self.symbols[symbol];
        of.sums.add(row);
        of.marks.push(Mark::of(row));
    }

    /// The bar is over: what all accounts are worth now goes into the curves.
    fn settle(&mut self) {
        let Some((open_time, time)) = self.open.take() else { return };
        let equity: f64 = self.marks.iter().sum();
        self.equity.push(Bucket::of(time, equity));
        self.months.observe(open_time, equity);
        let depth = self.drawdowns.observe(open_time, time, equity);
        self.depth.push(Bucket::of(time, depth));
        // A symbol without a bar so far is still money.
        let worth = |s: &OfSymbol| if s.first > 0.0 { s.last / s.first } else { 1.0 };
        let market = self.symbols.iter().map(worth).sum::<f64>() / self.symbols.len() as f64;
        self.hold.push(Bucket::of(time, self.start * market));
    }

    /// All that was gathered.
    pub fn finish(mut self) -> Story {
        self.settle();
        let alone = self.ruined.len() == self.symbols.len();
        let named = |account: usize| if alone { self.symbols[account].symbol.clone() } else { "*".to_owned() };
        let ruined = self.ruined.iter().enumerate().filter_map(|(account, at)| Some((named(account), (*at)?)));
        let mut ruined: Vec<_> = ruined.collect();
        ruined.sort_by_key(|(_, at)| *at);
        let symbols = self.symbols.into_iter().map(|of| {
            let (marks, trades) = of.marks.finish();
            SymbolStory { symbol: of.symbol, prices: of.prices, marks, trades, sums: of.sums }
        });
        Story {
            start: self.start,
            equity: self.equity,
            hold: self.hold,
            depth: self.depth,
            months: self.months,
            drawdowns: self.drawdowns.worst(),
            reasons: self.reasons,
            histogram: Histogram::of(&self.returns),
            ruined,
            symbols: symbols.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candleflow_kernels::money::Money;

    fn row(minute: i64, equity: f64) -> EquityRow {
        EquityRow {
            open_time: minute * 60_000_000,
            time: (minute + 1) * 60_000_000,
            cash: Money::ZERO,
            qty: Money::ZERO,
            price: 0,
            equity,
            drawdown: 0.0,
            exposed: false,
            is_final: false,
        }
    }

    #[test]
    fn accounts_are_summed_at_each_bar_and_keep_their_last_mark() {
        let mut recorder = Recorder::new(&["A".into(), "B".into()], &[100.0, 50.0], Vec::new());
        recorder.equity(0, &row(0, 110.0));
        recorder.close(0, 10.0);
        recorder.equity(1, &row(0, 40.0));
        recorder.close(1, 5.0);
        recorder.equity(0, &row(1, 120.0));
        recorder.close(0, 20.0); // B has no bar here
        recorder.equity(0, &row(2, 90.0));
        recorder.close(0, 20.0);
        recorder.equity(1, &row(2, 40.0));
        recorder.close(1, 5.0);
        let story = recorder.finish();
        let last = |b: &Buckets| b.list().iter().map(|b| b.last).collect::<Vec<_>>();
        assert_eq!(last(&story.equity), [150.0, 160.0, 130.0]);
        assert_eq!(last(&story.hold), [150.0, 225.0, 225.0]);
        assert_eq!(last(&story.depth), [0.0, 0.0, -30.0 / 160.0]);
        assert_eq!(story.drawdowns[0].amount, 30.0);
    }

    #[test]
    fn what_closing_left_is_the_equity_of_the_last_bar() {
        let mut recorder = Recorder::new(&["A".into(), "B".into()], &[100.0, 50.0], Vec::new());
        recorder.equity(0, &row(0, 110.0));
        recorder.equity(1, &row(1, 60.0));
        recorder.end(&[Some(105.0), None]);
        let story = recorder.finish();
        assert!(story.ruined.is_empty());
        assert_eq!(story.equity.list().iter().map(|b| b.last).collect::<Vec<_>>(), [160.0, 170.0, 165.0]);
        let year = story.months.table()[0].2;
        assert!((year - 0.1).abs() < 1e-12, "15 of 150: {year}");
        let mut same = Recorder::new(&["A".into()], &[100.0], Vec::new());
        same.equity(0, &row(0, 110.0));
        same.end(&[Some(110.0)]);
        assert_eq!(same.finish().equity.list().len(), 1);
    }

    #[test]
    fn an_account_is_ruined_at_its_first_bar_without_money() {
        let symbols = ["A".to_owned(), "B".to_owned()];
        let mut recorder = Recorder::new(&symbols, &[100.0, 50.0], Vec::new());
        for (minute, equity) in [(0, 10.0), (1, -1.0), (2, -1.0)] {
            recorder.equity(0, &row(minute, 100.0));
            recorder.equity(1, &row(minute, equity));
        }
        assert_eq!(recorder.finish().ruined, [("B".to_owned(), 120_000_000)]);
        let mut recorder = Recorder::new(&symbols, &[100.0], Vec::new());
        recorder.equity(0, &row(0, 0.0));
        assert_eq!(recorder.finish().ruined[0].0, "*");
    }
}
