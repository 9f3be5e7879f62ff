//! What else could have happened: metrics over resampled trades or returns, as percentiles.
//!
//! ```text
//! net PnL of trades ─► drawn one by one, with replacement ──────┐
//! daily returns ─────► drawn in blocks, circular, as many again ┴─► metrics of each simulation ─► percentiles
//! ```
//!
//! Trades are drawn independently: their order and their mix are luck, their size is not (Efron's bootstrap). Returns
//! are drawn in blocks of neighbours, so that what holds from one day to the next is kept inside a block (the circular
//! block bootstrap of Politis and Romano, 1992); a block of 1 is the plain bootstrap.
//!
//! Simulation `s` depends on the seed and `s` only. State is one number per simulation and metric.

use super::random::Random;
use super::{PERIODS, Variant, annual_return, calmar, max_drawdown, omega, ratio, sharpe, sortino, volatility};

/// The most simulations of one call: each costs 8 bytes per metric.
pub const MAX_SIMULATIONS: u32 = 1_000_000;

/// What the columns of a [`Distribution`] are, in percent.
pub const PERCENTILES: [f64; 7] = [1.0, 5.0, 25.0, 50.0, 75.0, 95.0, 99.0];

/// How often to draw, and from where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonteCarlo {
    /// Simulations, at least 1.
    pub sims: u32,
    /// Equal seeds give equal results.
    pub seed: u64,
}

/// Why nothing was simulated.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum MonteCarloError {
    /// None, or more than memory is meant for.
    #[error("the number of simulations must be from 1 to {MAX_SIMULATIONS}, found {0}")]
    Simulations(u32),
    /// Too few to draw from.
    #[error("there are {found} {what} to draw from: at least 2 are needed")]
    TooFew {
        /// `trades` or `daily returns`.
        what: &'static str,
        /// How many there are.
        found: usize,
    },
    /// A block that does not fit.
    #[error("a block of {block} days must be from 1 day to the {days} days that there are")]
    Block {
        /// What was asked.
        block: usize,
        /// How many returns there are.
        days: usize,
    },
    /// Not a number.
    #[error("{what} number {place} is {found}, which is no number to draw")]
    NotFinite {
        /// `trades` or `daily returns`.
        what: &'static str,
        /// Its place, from 0.
        place: usize,
        /// What was found.
        found: f64,
    },
    /// `balance`.
    #[error("the balance must be positive, found {0}")]
    Balance(f64),
}

/// One metric over all simulations.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    /// Its name; those that the catalogue has mean the same there.
    pub metric: &'static str,
    /// Of the trades or returns as they came.
    pub observed: Option<f64>,
    /// Simulations in which it has a value; the others are left out of what follows.
    pub count: u32,
    /// Mean over them.
    pub mean: Option<f64>,
    /// At [`PERCENTILES`], interpolated between neighbours.
    pub percentiles: [Option<f64>; PERCENTILES.len()],
}

/// What [`MonteCarlo::trades`] measures.
const OF_TRADES: [&str; 9] = [
    "total_pnl",
    "total_return",
    "max_drawdown",
    "max_drawdown_pct",
    "win_rate",
    "profit_factor",
    "expectancy",
    "max_loss_streak",
    "ruin",
];

/// What [`MonteCarlo::returns`] measures.
const OF_RETURNS: [&str; 9] =
    ["total_return", "cagr", "volatility", "sharpe", "sortino", "calmar", "omega", "max_drawdown_pct", "worst_day"];

impl MonteCarlo {
    /// As many trades as there were, drawn with replacement; equity is `balance` and the PnL so far. `ruin` is 1 where
    /// equity comes to zero or below: its mean is the probability.
    pub fn trades(self, nets: &[f64], balance: f64) -> Result<Vec<Distribution>, MonteCarloError> {
        self.validate("trades", nets)?;
        if !(balance > 0.0 && balance.is_finite()) {
            return Err(MonteCarloError::Balance(balance));
        }
        let measure = |drawn: &[f64]| trade_metrics(drawn, balance);
        Ok(self.simulate(OF_TRADES, nets, measure, |random, drawn| {
            drawn.iter_mut().for_each(|net| *net = nets[random.below(nets.len())]);
        }))
    }

    /// As many daily returns as there were, drawn in circular blocks of `block` neighbours.
    pub fn returns(self, returns: &[f64], block: usize) -> Result<Vec<Distribution>, MonteCarloError> {
        self.validate("daily returns", returns)?;
        if !(1..=returns.len()).contains(&block) {
            return Err(MonteCarloError::Block { block, days: returns.len() });
        }
        Ok(self.simulate(OF_RETURNS, returns, return_metrics, |random, drawn| {
            for part in drawn.chunks_mut(block) {
                let first = random.below(returns.len());
                let neighbours = returns[first..].iter().chain(returns);
                part.iter_mut().zip(neighbours).for_each(|(drawn, value)| *drawn = *value);
            }
        }))
    }

    fn validate(self, what: &'static str, values: &[f64]) -> Result<(), MonteCarloError> {
        if !(1..=MAX_SIMULATIONS).contains(&self.sims) {
            return Err(MonteCarloError::Simulations(self.sims));
        }
        if values.len() < 2 {
            return Err(MonteCarloError::TooFew { what, found: values.len() });
        }
        match values.iter().position(|value| !value.is_finite()) {
            Some(place) => Err(MonteCarloError::NotFinite { what, place, found: values[place] }),
            None => Ok(()),
        }
    }

    fn simulate<const N: usize>(
        self,
        names: [&'static str; N],
        values: &[f64],
        measure: impl Fn(&[f64]) -> [Option<f64>; N],
        draw: impl Fn(&mut Random, &mut [f64]),
    ) -> Vec<Distribution> {
        let observed = measure(values);
        let mut found: [Vec<f64>; N] = std::array::from_fn(|_| Vec::with_capacity(self.sims as usize));
        let mut drawn = vec![0.0; values.len()];
        for simulation in 0..self.sims {
            let mut random = Random::new(self.seed, u64::from(simulation));
            draw(&mut random, &mut drawn);
            for (values, value) in found.iter_mut().zip(measure(&drawn)) {
                values.extend(value);
            }
        }
        let rows = names.into_iter().zip(observed).zip(found);
        rows.map(|((metric, observed), values)| Distribution::of(metric, observed, values)).collect()
    }
}

impl Distribution {
    fn of(metric: &'static str, observed: Option<f64>, mut values: Vec<f64>) -> Distribution {
        let mean = ratio(values.iter().fold(0.0, |sum, value| sum + value), values.len() as f64);
        values.sort_by(f64::total_cmp);
        let percentiles = PERCENTILES.map(|percent| super::quantile(&values, percent / 100.0));
        Distribution { metric, observed, count: values.len() as u32, mean, percentiles }
    }
}

fn trade_metrics(nets: &[f64], balance: f64) -> [Option<f64>; OF_TRADES.len()] {
    let count = nets.len() as f64;
    let (mut equity, mut peak, mut deepest, mut deepest_share) = (balance, balance, 0.0_f64, 0.0_f64);
    let (mut won, mut lost, mut wins, mut streak, mut longest, mut ruined) = (0.0, 0.0, 0.0, 0_u32, 0_u32, false);
    for net in nets {
        equity += net;
        peak = peak.max(equity);
        deepest = deepest.max(peak - equity);
        deepest_share = deepest_share.max((peak - equity) / peak);
        ruined |= equity <= 0.0;
        streak = if *net < 0.0 { streak + 1 } else { 0 };
        longest = longest.max(streak);
        if *net > 0.0 {
            (won, wins) = (won + net, wins + 1.0);
        } else {
            lost -= net;
        }
    }
    let total = equity - balance;
    [
        Some(total),
        Some(total / balance),
        Some(deepest),
        Some(deepest_share),
        Some(wins / count),
        ratio(won, lost),
        Some(total / count),
        Some(f64::from(longest)),
        Some(f64::from(u8::from(ruined))),
    ]
}

fn return_metrics(returns: &[f64]) -> [Option<f64>; OF_RETURNS.len()] {
    let mut curve = Vec::with_capacity(returns.len() + 1);
    let mut value = 1.0;
    curve.push(value);
    for change in returns {
        value *= 1.0 + change;
        curve.push(value);
    }
    let house = Variant::Candleflow;
    [
        Some(value - 1.0).filter(|value| value.is_finite()),
        annual_return(returns, PERIODS),
        volatility(returns, PERIODS, house),
        sharpe(returns, PERIODS, house),
        sortino(returns, PERIODS, house),
        calmar(returns, PERIODS),
        omega(returns),
        max_drawdown(&curve),
        returns.iter().copied().reduce(f64::min),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NETS: [f64; 5] = [30.0, -10.0, 5.0, -20.0, 12.0];
    const RETURNS: [f64; 12] = [0.01, -0.02, 0.03, 0.0, -0.01, 0.02, 0.015, -0.03, 0.004, 0.006, -0.008, 0.01];
    const PLAN: MonteCarlo = MonteCarlo { sims: 4_000, seed: 11 };

    fn row<'a>(rows: &'a [Distribution], metric: &str) -> &'a Distribution {
        rows.iter().find(|row| row.metric == metric).unwrap()
    }

    #[test]
    fn what_was_observed_is_measured_by_hand() {
        let rows = PLAN.trades(&NETS, 100.0).unwrap();
        let observed = |metric: &str| row(&rows, metric).observed.unwrap();
        assert!((observed("total_pnl") - 17.0).abs() < 1e-12);
        // Equity 130, 120, 125, 105, 117: the deepest from 130 to 105.
        assert!((observed("max_drawdown") - 25.0).abs() < 1e-12);
        assert!((observed("max_drawdown_pct") - 25.0 / 130.0).abs() < 1e-12);
        assert!((observed("profit_factor") - 47.0 / 30.0).abs() < 1e-12);
        assert!((observed("win_rate") - 0.6).abs() < 1e-12);
        assert!(observed("max_loss_streak") == 1.0 && observed("ruin") == 0.0);
    }

    /// Theory: the sum of n draws has mean `sum` and variance `n * population variance`.
    #[test]
    fn sums_of_drawn_trades_have_the_mean_and_spread_of_theory() {
        let rows = PLAN.trades(&NETS, 100.0).unwrap();
        let pnl = row(&rows, "total_pnl");
        let variance = NETS.iter().map(|net| (net - 3.4) * (net - 3.4)).sum::<f64>(); // n times that of one draw
        let error = (variance / f64::from(PLAN.sims)).sqrt();
        assert!((pnl.mean.unwrap() - 17.0).abs() < 4.0 * error, "{pnl:?}");
        // Near enough to a normal distribution for its quartiles: 0.674 deviations.
        let quartiles = pnl.percentiles[4].unwrap() - pnl.percentiles[2].unwrap();
        assert!((quartiles / (2.0 * 0.674 * variance.sqrt()) - 1.0).abs() < 0.1, "{quartiles}");
    }

    #[test]
    fn a_block_as_long_as_the_history_only_turns_it() {
        // Every circular turn has the same returns: what does not depend on their order cannot move.
        let rows = PLAN.returns(&RETURNS, RETURNS.len()).unwrap();
        for metric in ["total_return", "sharpe", "volatility", "omega", "worst_day"] {
            let row = row(&rows, metric);
            for percentile in row.percentiles {
                assert!((percentile.unwrap() - row.observed.unwrap()).abs() < 1e-9, "{row:?}");
            }
        }
        let depths = row(&rows, "max_drawdown_pct");
        assert!(depths.percentiles[0] < depths.percentiles[6], "the order is what differs");
    }

    #[test]
    fn percentiles_rise_and_equal_seeds_give_equal_tables() {
        let rows = PLAN.returns(&RETURNS, 3).unwrap();
        for row in &rows {
            assert!(row.percentiles.windows(2).all(|pair| pair[0] <= pair[1]), "{row:?}");
            assert!(row.count <= PLAN.sims && row.count > 0);
        }
        assert_eq!(rows, PLAN.returns(&RETURNS, 3).unwrap());
        assert_ne!(rows, MonteCarlo { seed: 12, ..PLAN }.returns(&RETURNS, 3).unwrap());
        // The first simulations do not depend on how many follow.
        let one = MonteCarlo { sims: 1, ..PLAN }.trades(&NETS, 100.0).unwrap();
        assert_eq!(one[0].percentiles[0], one[0].percentiles[6]);
    }

    #[test]
    fn what_has_no_value_is_counted_out() {
        let rows = PLAN.trades(&[5.0, -5.0], 100.0).unwrap();
        let factor = row(&rows, "profit_factor"); // none where nothing was lost: a quarter of the draws
        assert!(factor.count < PLAN.sims && factor.count > PLAN.sims / 2);
        let ruined = MonteCarlo { sims: 10, seed: 1 }.trades(&[-60.0, -60.0], 100.0).unwrap();
        assert_eq!(row(&ruined, "ruin").mean, Some(1.0));
    }

    #[test]
    fn bad_questions_are_refused() {
        let error = |found: Result<Vec<Distribution>, MonteCarloError>| found.unwrap_err().to_string();
        assert!(error(MonteCarlo { sims: 0, seed: 1 }.trades(&NETS, 100.0)).contains("from 1 to 1000000"));
        assert!(error(PLAN.trades(&[1.0], 100.0)).contains("at least 2"));
        assert!(error(PLAN.trades(&[1.0, f64::NAN], 100.0)).contains("trades number 1"));
        assert!(error(PLAN.trades(&NETS, 0.0)).contains("balance"));
        assert!(error(PLAN.returns(&RETURNS, 0)).contains("from 1 day to the 12 days"));
        assert!(error(PLAN.returns(&RETURNS, 13)).contains("block of 13"));
    }
}
