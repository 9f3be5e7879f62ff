//! What comes behind the chains: the account over all symbols, if there is one, then the outlets and the last task.
//!
//! ```text
//!  scope: symbol      chain ─► Outlets, Last                         a key each
//!  scope: portfolio   chain ─► columns to Outlets
//!                           └► Portfolio ─► Outlets by symbol, Last  one task, one key
//! ```
//! The one place where history and live agree on it.

use crate::{Last, Outlets, RunError, last::Watch};
use candleflow_schema::Micros;
use candleflow_stream::{Given, Notes, OperatorError, Portfolio, portfolio::ALL};

/// The task of a portfolio's orders, trades and equity. Columns keep the task of their key.
pub const ACCOUNT_TASK: usize = 0;
/// The only account of a portfolio.
pub(crate) const ACCOUNT: usize = 0;

/// What a run's chains lead to.
#[derive(Default)]
pub struct Tail {
    last: Option<Last>,
    portfolio: Option<Portfolio>,
    /// The account goes no further than this event time, whatever its symbols bring.
    until: Option<Micros>,
    notes: Notes,
}

impl From<Option<Last>> for Tail {
    fn from(last: Option<Last>) -> Self {
        Self { last, ..Self::default() }
    }
}

impl Tail {
    /// With somebody who hears of every step of every account.
    #[must_use]
    pub fn watched(self, watch: Watch) -> Self {
        Self { last: self.last.map(|last| last.watched(watch)), ..self }
    }

    /// One account over all keys; `last` is made with [`Last::portfolio`], the outlets have the key [`ALL`] too.
    pub fn portfolio(portfolio: Portfolio, last: Last) -> Self {
        Self { last: Some(last), portfolio: Some(portfolio), ..Self::default() }
    }

    /// The account over all keys goes up to this event time, as it did in a run that was stopped there: bars of some keys were
    /// in already, and waited for others.
    #[must_use]
    pub fn until(self, time: Option<Micros>) -> Self {
        Self { until: time, ..self }
    }

    /// Takes what a key's chain gave. `ended`: it exists only because the input ended.
    pub(crate) async fn give(
        &mut self,
        outlets: &mut Outlets,
        key: usize,
        task: usize,
        given: Given,
        ended: bool,
    ) -> Result<(), RunError> {
        self.notes.add(given.notes);
        let Some(portfolio) = &mut self.portfolio else {
            outlets.write(key, task, given.outputs, ended).await?;
            let Some(last) = &mut self.last else { return Ok(()) };
            last.push(key, given.steps)?;
            return if ended { last.end(key, given.finish) } else { Ok(()) };
        };
        outlets.write(key, key, given.outputs, ended).await?;
        let mut met = Given::default();
        for rows in given.rows {
            met.append(portfolio.push(key, &rows).map_err(failed)?);
        }
        self.met(outlets, met, false).await
    }

    /// No row of this key at or before `time` will follow.
    pub(crate) async fn complete(&mut self, outlets: &mut Outlets, key: usize, time: Micros) -> Result<(), RunError> {
        match (&mut self.portfolio, &mut self.last) {
            (Some(portfolio), _) => {
                let met = portfolio.complete(key, time).map_err(failed)?;
                self.met(outlets, met, false).await
            }
            (None, Some(last)) => last.complete(key, time),
            (None, None) => Ok(()),
        }
    }

    /// The bounded input of this key has ended: the others go on without it.
    pub(crate) async fn end(&mut self, outlets: &mut Outlets, key: usize) -> Result<(), RunError> {
        let Some(portfolio) = &mut self.portfolio else { return Ok(()) };
        let met = match self.until {
            Some(until) => portfolio.complete(key, until),
            None => portfolio.end(key),
        };
        let met = met.map_err(failed)?;
        self.met(outlets, met, false).await
    }

    /// Ends the account over all symbols; gives the event time up to which it went.
    pub(crate) async fn finish(&mut self, outlets: &mut Outlets) -> Result<Option<Micros>, RunError> {
        let Some(portfolio) = &mut self.portfolio else { return Ok(None) };
        let known = portfolio.watermark();
        let mut met = portfolio.finish().map_err(failed)?;
        let finish = met.finish.take();
        self.met(outlets, met, true).await?;
        if let Some(last) = &mut self.last {
            last.end(ACCOUNT, finish)?;
        }
        Ok(Some(known))
    }

    /// Whether rows of a key wait for another key.
    pub(crate) fn waits(&self, key: usize) -> bool {
        self.portfolio.as_ref().is_some_and(|portfolio| portfolio.waits(key))
    }

    pub(crate) fn notes(&self) -> Notes {
        self.notes
    }

    pub(crate) fn into_last(self) -> Option<Last> {
        self.last
    }

    async fn met(&mut self, outlets: &mut Outlets, met: Given, ended: bool) -> Result<(), RunError> {
        self.notes.add(met.notes);
        outlets.write_mixed(ACCOUNT_TASK, met.outputs, ended).await?;
        self.last.as_mut().map_or(Ok(()), |last| last.push(ACCOUNT, met.steps))
    }
}

fn failed(error: OperatorError) -> RunError {
    RunError::Operator { symbol: ALL.to_owned(), error }
}
