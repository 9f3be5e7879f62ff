//! `candleflow explain`: the plan, the operators, each column's warm-up and the size of the state, as text.

use crate::{compile::Compiled, lower::Binding, portfolio::portfolio};
use candleflow_stream::portfolio::MOST_WAITING;
use datafusion::{
    common::Result,
    execution::SessionState,
    logical_expr::{Expr, LogicalPlan},
};
use std::fmt::Write as _;

/// The plan of one symbol for people.
///
/// # Errors
/// When the plan cannot be lowered.
pub fn explain(compiled: &Compiled, session: &SessionState) -> Result<String> {
    let chain = compiled.chain(session, &Binding { columns: true, ..Binding::default() })?;
    let mut text = format!("symbol {}\n\nlogical plan\n", compiled.symbol);
    steps(&compiled.plan, 1, &mut text);
    text += "\noperators                                                        state, at most\n";
    for operator in chain.operators() {
        let what = format!("{:<10} {}", operator.name(), operator.describe());
        let _ = writeln!(text, "  {what:<62} {:>10} B", operator.state_bound());
    }
    let called = compiled.called();
    let unnamed = compiled.unnamed();
    let unnamed = unnamed.iter().map(|(name, settled)| (called.get(name).unwrap_or(name), *settled));
    let columns: Vec<_> = compiled.columns.iter().map(|(name, settled)| (name, *settled)).chain(unnamed).collect();
    if let Some(width) = columns.iter().map(|(name, _)| name.len().max(24)).max() {
        let _ = writeln!(text, "\n{:<width$}   warm-up: bars until within 1e-8 of the converged value", "columns");
        for (name, settled) in columns {
            let _ = writeln!(text, "  {name:<width$} {}", bars(settled));
        }
    }
    let _ = writeln!(text, "\na run reads {} before its first row", bars(compiled.warmup));
    let _ = writeln!(text, "a snapshot is at most {} B", chain.state_bound());
    Ok(text)
}

/// The account over all symbols for people; `None` where each symbol has its own.
///
/// # Errors
/// When a plan cannot be lowered, or the plans do not fit one account.
pub fn explain_account(compiled: &[Compiled], session: &SessionState) -> Result<Option<String>> {
    let binding = Binding::default();
    let chains = compiled.iter().map(|one| one.chain(session, &binding)).collect::<Result<Vec<_>>>()?;
    let Some(account) = portfolio(compiled, &chains.iter().collect::<Vec<_>>(), &binding)? else { return Ok(None) };
    let (none, one) = (account.state_bound(0), account.state_bound(1));
    let mut text = "where the symbols meet                                           state, at most\n".to_owned();
    let _ = writeln!(text, "  {:<62} {none:>10} B", format!("{:<10} {}", "portfolio", account.describe()));
    let _ = writeln!(
        text,
        "\nan event time waits until every symbol is known up to it: {} B for each bar that waits, at most {MOST_WAITING} of them",
        one - none
    );
    Ok(Some(text))
}

fn bars(settled: Option<usize>) -> String {
    match settled {
        Some(bars) => format!("{bars} bars"),
        None => "all bars there are (a value depends on the whole past)".into(),
    }
}

/// A line per node, the last step first; of projections and windows only what they add.
fn steps(plan: &LogicalPlan, depth: usize, text: &mut String) {
    let new = |exprs: &[Expr]| {
        let new: Vec<_> =
            exprs.iter().filter(|e| matches!(e, Expr::Alias(_))).map(|e| shortened(&e.to_string())).collect();
        new.join(", ")
    };
    let line = match plan {
        LogicalPlan::Projection(node) => format!("Projection: {}", new(&node.expr)),
        LogicalPlan::Window(node) => format!("Window: {}", new(&node.window_expr)),
        other => other.display().to_string(),
    };
    let _ = writeln!(text, "{}{line}", "  ".repeat(depth));
    plan.inputs().into_iter().for_each(|input| steps(input, depth + 1, text));
}

/// An expression without window frames, the name of the table and the types of its numbers.
fn shortened(expr: &str) -> String {
    let mut text = expr.replace("bars.", "");
    for (open, close, keep) in [(" PARTITION BY [", " CURRENT ROW", false), ("Float64(", ")", true)] {
        while let Some(start) = text.find(open) {
            let Some(length) = text[start + open.len()..].find(close) else { break };
            let inner = start + open.len()..start + open.len() + length;
            let inside = if keep { text[inner.clone()].to_owned() } else { String::new() };
            text.replace_range(start..inner.end + close.len(), &inside);
        }
    }
    text
}
