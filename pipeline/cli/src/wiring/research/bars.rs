//! Which bars a study reads: pinned files, and where each symbol begins and ends.

use super::study::Study;
use crate::{
    exit::usage,
    wiring::run::{finer, first, times},
};
use candleflow_lake::{At, FileRef, Lake, Order, Read, Span};
use candleflow_schema::{Interval, Micros, Source, Symbol, time};
use std::sync::Arc;

/// Event times `from < time <= to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) from: Micros,
    pub(super) to: Micros,
}

/// Every symbol's event times up to the end of what a study may see.
pub(super) struct Bars {
    files: Arc<Vec<FileRef>>,
    interval: Interval,
    symbols: Vec<(Symbol, Vec<Micros>)>,
}

impl Bars {
    /// The bars of a study's symbols up to `to` in these files.
    pub(super) async fn open(
        study: &Study,
        lake: &Lake,
        files: &Arc<Vec<FileRef>>,
        to: Micros,
    ) -> anyhow::Result<Bars> {
        let interval = study.prepared.interval();
        let mut symbols = Vec::new();
        for symbol in study.prepared.symbols() {
            let all = times(lake, interval, &symbol, Micros::MIN, to, &At::Files(files.clone())).await?;
            symbols.push((symbol, all));
        }
        Ok(Bars { files: files.clone(), interval, symbols })
    }

    /// Refuses a window in which a symbol has no bars, and rules that need more bars than there are.
    pub(super) fn check(&self, study: &Study, window: Window) -> anyhow::Result<()> {
        let (set, needs) = study.lookback;
        for (symbol, times) in &self.symbols {
            let inside = count(times, window);
            if inside == 0 {
                let (from, to) = (bound(window.from, "the beginning"), bound(window.to, "the end"));
                let interval = self.interval;
                return Err(usage(format!(
                    "the lake has no {interval} bars of {symbol} between {from} and {to}: see 'candleflow data coverage'"
                )));
            }
            let there = times.partition_point(|t| *t <= window.to);
            if needs >= there {
                return Err(usage(format!(
                    "a window is longer than the data: in set {set} ({}) a rule has its first value after {needs} bars, and {symbol} has {there}",
                    study.named(set)
                )));
            }
        }
        Ok(())
    }

    /// First and last event time of all symbols.
    pub(super) fn span(&self) -> Option<(Micros, Micros)> {
        let first = self.symbols.iter().filter_map(|(_, times)| times.first()).min()?;
        let last = self.symbols.iter().filter_map(|(_, times)| times.last()).max()?;
        Some((*first, *last))
    }

    /// Bars that a pass over a window reads, warm-up included.
    pub(super) fn count(&self, window: Window, warmup: Option<usize>) -> u64 {
        let of = |times: &[Micros]| {
            let begins = first(&times[..times.partition_point(|t| *t <= window.from)], warmup);
            count(times, Window { from: begins, to: window.to }) as u64
        };
        self.symbols.iter().map(|(_, times)| of(times)).sum()
    }

    /// Symbols with bars in a window whose warm-up before it is shorter than wanted.
    pub(super) fn short(&self, window: Window, warmup: Option<usize>) -> Vec<String> {
        let short =
            |times: &[Micros]| warmup.is_none_or(|wanted| times.partition_point(|t| *t <= window.from) < wanted);
        let symbols = self.symbols.iter().filter(|(_, times)| short(times) && count(times, window) > 0);
        if warmup == Some(0) { Vec::new() } else { symbols.map(|(symbol, _)| symbol.to_string()).collect() }
    }

    /// A source per symbol, with warm-up, and with finer bars where the study wants them.
    pub(super) async fn sources(
        &self,
        study: &Study,
        lake: &Lake,
        window: Window,
    ) -> anyhow::Result<Vec<(Symbol, Box<dyn Source>)>> {
        let at = At::Files(self.files.clone());
        let mut sources = Vec::new();
        for (symbol, times) in &self.symbols {
            let begins = first(&times[..times.partition_point(|t| *t <= window.from)], study.warmup);
            let spans = vec![Span { symbol: symbol.clone(), from: begins, to: window.to }];
            let read = Read { spans, ..Read::of(self.interval, &[], 0, 0).at(at.clone()) };
            let source: Box<dyn Source> = Box::new(lake.source(&read, Order::BySymbol, None).await?);
            let range = (window.from, window.to);
            sources
                .push((symbol.clone(), finer::over_history(&study.prepared, lake, symbol, range, &at, source).await?));
        }
        Ok(sources)
    }
}

fn count(times: &[Micros], window: Window) -> usize {
    times.partition_point(|t| *t <= window.to) - times.partition_point(|t| *t <= window.from)
}

fn bound(at: Micros, open: &str) -> String {
    if at == Micros::MIN || at == Micros::MAX { open.to_owned() } else { time::format(at) }
}
