//! `candleflow explain`: the plan, the operators, each column's warm-up and the size of the state, as text.

use crate::{compile::Compiled, lower::Binding};
use datafusion::{common::Result, execution::SessionState};
use std::fmt::Write as _;

/// The plan of one symbol for people.
///
/// # Errors
/// When the plan cannot be lowered.
pub fn explain(compiled: &Compiled, session: &SessionState) -> Result<String> {
    let chain = compiled.chain(session, &Binding { columns: true, ..Binding::default() })?;
    let mut text = format!("symbol {}\n\nlogical plan\n", compiled.symbol);
    for line in compiled.plan.display_indent().to_string().lines() {
        let _ = writeln!(text, "  {}", shortened(line));
    }
    text += "\noperators                                                        state, at most\n";
    for operator in chain.operators() {
        let what = format!("{:<10} {}", operator.name(), operator.describe());
        let _ = writeln!(text, "  {what:<62} {:>10} B", operator.state_bound());
    }
    if !compiled.columns.is_empty() {
        text += "\ncolumns                    warm-up: bars until within 1e-8 of the converged value\n";
        for (name, settled) in &compiled.columns {
            let _ = writeln!(text, "  {name:<24} {}", bars(*settled));
        }
    }
    let _ = writeln!(text, "\na run reads {} before its first row", bars(compiled.warmup));
    let _ = writeln!(text, "a snapshot is at most {} B", chain.state_bound());
    Ok(text)
}

fn bars(settled: Option<usize>) -> String {
    match settled {
        Some(bars) => format!("{bars} bars"),
        None => "all bars there are (a value depends on the whole past)".into(),
    }
}

/// Without the window frames that every indicator has.
fn shortened(line: &str) -> String {
    let mut text = line.to_owned();
    while let Some(start) = text.find(" PARTITION BY [") {
        let Some(end) = text[start..].find(" CURRENT ROW").map(|e| start + e + " CURRENT ROW".len()) else { break };
        text.replace_range(start..end, "");
    }
    text
}
