//! Names of the columns of an answer: what the query says, and not how it is planned.
//!
//! `SELECT ema(close, 12) OVER (PARTITION BY symbol ORDER BY time)` gives a column `ema(close, 12)`. Where two columns
//! would get one name, OVER stays in it; where that does not part them either, a number does. Columns that are named,
//! and the queries inside of a query, are left as they are.

use datafusion::sql::sqlparser::ast::{Expr, Ident, Query, SelectItem, SetExpr, Statement, VisitMut, VisitorMut};
use std::{collections::BTreeMap, ops::ControlFlow};

/// The longest name that is made of an expression, in characters.
const LONGEST: usize = 80;

/// Names the columns of a statement's answer.
pub(super) fn name(statement: &mut Statement) {
    let Statement::Query(query) = statement else { return };
    let Some(items) = projection(query) else { return };
    let short: Vec<Option<String>> = items.iter().map(|item| name_of(item, false)).collect();
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    short.iter().flatten().for_each(|name| *names.entry(name.clone()).or_default() += 1);
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    for (item, short) in items.iter_mut().zip(short) {
        let Some(short) = short else { continue };
        let own = matches!(item, SelectItem::UnnamedExpr(expr) if !is_column(expr));
        let name = match names.get(&short) {
            Some(1) => short,
            _ if own => name_of(item, true).unwrap_or(short),
            _ => short,
        };
        let count = taken.entry(name.clone()).or_default();
        *count += 1;
        let name = if *count > 1 && own { format!("{name} {count}") } else { name };
        if let SelectItem::UnnamedExpr(expr) = item
            && own
        {
            let expr = std::mem::replace(expr, Expr::Identifier(Ident::new("")));
            *item = SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', name) };
        }
    }
}

/// What the outermost query selects; of a union, what its first part does.
fn projection(query: &mut Query) -> Option<&mut Vec<SelectItem>> {
    let mut body = query.body.as_mut();
    loop {
        match body {
            SetExpr::Select(select) => return Some(&mut select.projection),
            SetExpr::SetOperation { left, .. } => body = left.as_mut(),
            SetExpr::Query(inner) => body = inner.body.as_mut(),
            _ => return None,
        }
    }
}

/// The name that a column has or is given.
fn name_of(item: &SelectItem, with_over: bool) -> Option<String> {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
        SelectItem::UnnamedExpr(Expr::Identifier(ident)) => Some(ident.value.clone()),
        SelectItem::UnnamedExpr(Expr::CompoundIdentifier(parts)) => parts.last().map(|ident| ident.value.clone()),
        SelectItem::UnnamedExpr(expr) => Some(text(expr, with_over)),
        _ => None,
    }
}

fn is_column(expr: &Expr) -> bool {
    matches!(expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_))
}

/// An expression as text, without its windows.
fn text(expr: &Expr, with_over: bool) -> String {
    let mut expr = expr.clone();
    if !with_over {
        let _ = expr.visit(&mut WithoutOver);
    }
    let text = expr.to_string();
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

struct WithoutOver;

impl VisitorMut for WithoutOver {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            function.over = None;
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::sql::sqlparser::{dialect::PostgreSqlDialect, parser::Parser};

    fn named(sql: &str) -> String {
        let mut statement = Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap().remove(0);
        name(&mut statement);
        statement.to_string()
    }

    #[test]
    fn columns_are_called_what_the_query_says() {
        for (sql, expected) in [
            ("SELECT a, t.b, 1 AS c FROM t", "SELECT a, t.b, 1 AS c FROM t"),
            ("SELECT count(*), a + 1 FROM t", "SELECT count(*) AS \"count(*)\", a + 1 AS \"a + 1\" FROM t"),
            (
                "SELECT ema(c, 3) OVER (ORDER BY time) * 2 FROM t",
                "SELECT ema(c, 3) OVER (ORDER BY time) * 2 AS \"ema(c, 3) * 2\" FROM t",
            ),
            (
                "SELECT f(a) OVER (ORDER BY x), f(a) OVER (ORDER BY y), f(b) OVER w FROM t",
                "SELECT f(a) OVER (ORDER BY x) AS \"f(a) OVER (ORDER BY x)\", f(a) OVER (ORDER BY y) AS \"f(a) OVER (ORDER BY y)\", f(b) OVER w AS \"f(b)\" FROM t",
            ),
            ("SELECT f(a), f(a) FROM t", "SELECT f(a) AS \"f(a)\", f(a) AS \"f(a) 2\" FROM t"),
            ("SELECT 1 UNION SELECT 2", "SELECT 1 AS \"1\" UNION SELECT 2"),
            ("SELECT * FROM (SELECT count(*) FROM t)", "SELECT * FROM (SELECT count(*) FROM t)"),
        ] {
            assert_eq!(named(sql), expected);
        }
        assert!(named(&format!("SELECT {}", "a + ".repeat(50) + "a")).contains("...\""));
    }
}
