//! A pipeline file to plans of its symbols, with all its mistakes at once.

use crate::{exit::usage, talk::say};
use candleflow_config::{Diagnostics, Document, Overrides, canonical, document::Table, read};
use candleflow_engine::{Binding, Compiled, Statics, compile, portfolio, session};
use candleflow_kernels::strategy::Scope;
use candleflow_runtime::{Last, Tail};
use candleflow_schema::{Interval, Micros, Symbol};
use candleflow_stream::{Chain, Output, portfolio::ALL};
use datafusion::prelude::SessionContext;
use std::{path::Path, sync::Arc};

/// A pipeline that has been read and planned for each of its symbols.
pub(crate) struct Prepared {
    pub(crate) document: Document,
    /// What was put over the file's own values.
    pub(crate) overrides: Overrides,
    pub(crate) text: String,
    pub(crate) canonical: String,
    pub(crate) session: SessionContext,
    pub(crate) compiled: Vec<Compiled>,
}

/// Reads a file and plans it; all errors at once.
pub(crate) fn prepare(file: &Path, set: &[String], symbols: &[String]) -> anyhow::Result<Prepared> {
    let text = std::fs::read_to_string(file).map_err(|e| usage(format!("cannot read {}: {e}", file.display())))?;
    prepare_text(&file.display().to_string(), text, set, symbols)
}

/// Plans the text of a file of this name; all errors at once.
pub(crate) fn prepare_text(name: &str, text: String, set: &[String], symbols: &[String]) -> anyhow::Result<Prepared> {
    let mut params = Vec::new();
    for one in set {
        let (name, value) = one.split_once('=').ok_or_else(|| usage(format!("--set {one}: write NAME=VALUE")))?;
        params.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    let overrides = Overrides { params, symbols: symbols.to_vec() };
    let document = read(name, &text, &overrides)?;
    let session = session();
    let mut errors = Diagnostics::new(name);
    let compiled: Vec<_> = document
        .source
        .symbols
        .iter()
        .filter_map(|symbol| compile(&document, &symbol.value, &session.state(), &mut errors))
        .collect();
    if !errors.is_empty() {
        return Err(errors.into());
    }
    Ok(Prepared { canonical: canonical(&document), document, overrides, text, session, compiled })
}

impl Prepared {
    pub(crate) fn interval(&self) -> Interval {
        self.document.source.interval.value
    }

    /// The length of the finer bars that its strategy wants.
    pub(crate) fn detail(&self) -> Option<Interval> {
        self.document.detail.as_ref().filter(|_| self.document.strategy.is_some()).map(|detail| detail.value)
    }

    /// The lengths of bar that a run reads.
    pub(crate) fn intervals(&self) -> Vec<Interval> {
        std::iter::once(self.interval()).chain(self.detail()).collect()
    }

    pub(crate) fn symbols(&self) -> Vec<Symbol> {
        self.compiled.iter().map(|c| Symbol::from(c.symbol.as_str())).collect()
    }

    /// What chains are made for.
    pub(crate) fn binding(&self, from: Micros, statics: &Arc<Statics>) -> Binding {
        Binding { from, columns: self.document.digests_columns(), statics: statics.clone() }
    }

    pub(crate) fn chain(&self, compiled: &Compiled, binding: &Binding) -> anyhow::Result<Chain> {
        Ok(compiled.chain(&self.session.state(), binding)?)
    }

    /// What stands behind the chains: an account for all of them or for each, and the statistics.
    pub(crate) fn tail(&self, chains: &[&Chain], binding: &Binding) -> anyhow::Result<Tail> {
        let Some(account) = &self.document.account else { return Ok(Tail::default()) };
        let (count, balance, variant) = (self.compiled.len(), account.terms.balance, self.document.variant);
        Ok(match portfolio(&self.compiled, chains, binding)? {
            Some(portfolio) => Tail::portfolio(portfolio, Last::portfolio(count, balance).by(variant)),
            None => Tail::from(Some(Last::new(count, balance).by(variant))),
        })
    }

    /// Whether all symbols share one account.
    pub(crate) fn is_portfolio(&self) -> bool {
        self.document.account.as_ref().is_some_and(|account| account.terms.scope == Scope::Portfolio)
    }

    /// What outputs are told apart by: the symbols, and the account over all of them if there is one.
    pub(crate) fn keys(&self) -> Vec<Symbol> {
        let mut keys = self.symbols();
        keys.extend(self.is_portfolio().then(|| Symbol::from(ALL)));
        keys
    }

    /// Tasks of an output: one for each symbol, or one for what all of them share.
    pub(super) fn tasks(&self, output: Output, each: usize) -> usize {
        if self.is_portfolio() && output != Output::Columns { 1 } else { each }
    }

    /// Names of tags by number, as rows of trades have them.
    pub(crate) fn tags(&self) -> Vec<String> {
        self.compiled.first().map(|c| c.tags().to_vec()).unwrap_or_default()
    }

    /// Tables that the run keeps, the metrics aside.
    pub(super) fn tables(&self) -> Vec<Output> {
        let kept = |(table, output)| self.document.keeps(table).then_some(output);
        let pairs = [
            (Table::Columns, Output::Columns),
            (Table::Orders, Output::Orders),
            (Table::Trades, Output::Trades),
            (Table::Equity, Output::Equity),
        ];
        pairs.into_iter().filter_map(kept).collect()
    }
}

/// Says what is known about the warm-up before a run begins.
pub(crate) fn announce(prepared: &Prepared) {
    let symbols = prepared.symbols();
    let shown: Vec<&str> = symbols.iter().take(6).map(|s| &**s).collect();
    let more = if symbols.len() > 6 { format!(" and {} more", symbols.len() - 6) } else { String::new() };
    say(&format!("{}: {}{more}, {} bars", prepared.document.name.value, shown.join(", "), prepared.interval()));
}
