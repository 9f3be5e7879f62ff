//! A pipeline file to plans of its symbols, with all its mistakes at once.

use crate::{exit::usage, talk::say};
use candleflow_config::{Diagnostics, Document, Overrides, canonical, document::Table, read};
use candleflow_engine::{Binding, Compiled, compile, session};
use candleflow_runtime::Last;
use candleflow_schema::{Interval, Micros, Symbol};
use candleflow_stream::{Chain, Output};
use datafusion::prelude::SessionContext;
use std::path::Path;

/// A pipeline that has been read and planned for each of its symbols.
pub(crate) struct Prepared {
    pub(crate) document: Document,
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
    Ok(Prepared { canonical: canonical(&document), document, text, session, compiled })
}

impl Prepared {
    pub(crate) fn interval(&self) -> Interval {
        self.document.source.interval.value
    }

    pub(crate) fn symbols(&self) -> Vec<Symbol> {
        self.compiled.iter().map(|c| Symbol::from(c.symbol.as_str())).collect()
    }

    pub(super) fn chain(&self, compiled: &Compiled, from: Micros) -> anyhow::Result<Chain> {
        let binding = Binding { from, columns: self.document.digests_columns() };
        Ok(compiled.chain(&self.session.state(), &binding)?)
    }

    pub(super) fn last(&self) -> anyhow::Result<Option<Last>> {
        let Some(account) = &self.document.account else { return Ok(None) };
        Ok(Some(Last::new(self.compiled.len(), account.terms.balance)))
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

pub(super) fn optimistic(prepared: &Prepared) -> bool {
    prepared.document.strategy.is_some() && prepared.document.fills.at == candleflow_kernels::strategy::FillAt::Close
}

/// Says what is known about the warm-up before a run begins.
pub(crate) fn announce(prepared: &Prepared) {
    let symbols = prepared.symbols();
    let shown: Vec<&str> = symbols.iter().take(6).map(|s| &**s).collect();
    let more = if symbols.len() > 6 { format!(" and {} more", symbols.len() - 6) } else { String::new() };
    say(&format!("{}: {}{more}, {} bars", prepared.document.name.value, shown.join(", "), prepared.interval()));
}
