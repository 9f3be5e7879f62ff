//! What may be asked: one statement that reads tables.
//!
//! A list of what is allowed, on the parsed text; after planning the plan itself is looked at once more. Nothing here
//! trusts that a name is harmless: names that are no table's have no meaning at all, because the session knows no way
//! to open a file (see `catalog`).

use super::{
    error::{Limit, QueryError},
    words,
};
use datafusion::{
    logical_expr::LogicalPlan,
    prelude::SQLOptions,
    sql::{
        parser::{DFParserBuilder, Statement},
        sqlparser::{
            ast::{self, ObjectName, TableFactor, Visit, Visitor},
            dialect::PostgreSqlDialect,
            tokenizer::{Token, Tokenizer},
        },
    },
};
use std::ops::ControlFlow;

/// The longest text that is read.
pub const MAX_SQL: usize = 256 << 10;
/// The most words and signs: plans grow with them, and so do the stacks that walk plans.
pub const MAX_TOKENS: usize = 10_000;
/// Signs and words that make a plan deeper, and how many there may be.
const MAX_DEPTH: usize = 1_000;
/// Functions that make rows and read nothing.
const ROW_MAKERS: [&str; 2] = ["generate_series", "range"];
/// What `SHOW TABLES` stands for.
const SHOW_TABLES: &str =
    "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name";

/// The one statement of a text, if it may be run.
pub(super) fn check(sql: &str) -> Result<Statement, QueryError> {
    if sql.len() > MAX_SQL {
        return Err(Limit::Length(MAX_SQL).into());
    }
    measure(sql)?;
    let sql = words::with_columns(sql).map_err(|e| QueryError::Syntax(e.to_string()))?;
    let statement = parse(&sql)?;
    allow(&statement)?;
    if let Some(inner) = sql_of(&statement)
        && let ControlFlow::Break(outside) = inner.visit(&mut Sources)
    {
        return Err(QueryError::Outside(outside));
    }
    if matches!(sql_of(&statement), Some(ast::Statement::ShowTables { .. })) {
        return parse(SHOW_TABLES);
    }
    Ok(statement)
}

/// Looks at the plan of a statement that was allowed.
pub(super) fn verify(plan: &LogicalPlan) -> Result<(), QueryError> {
    let reading = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    reading.verify_plan(plan).map_err(|_| QueryError::Refused(first_words(&plan.display().to_string())))
}

/// The statement itself, or the one that is explained.
fn sql_of(statement: &Statement) -> Option<&ast::Statement> {
    match statement {
        Statement::Statement(inner) => Some(inner),
        Statement::Explain(explain) => sql_of(&explain.statement),
        _ => None,
    }
}

/// [`sql_of`], to be changed.
pub(super) fn sql_of_mut(statement: &mut Statement) -> Option<&mut ast::Statement> {
    match statement {
        Statement::Statement(inner) => Some(inner),
        Statement::Explain(explain) => sql_of_mut(&mut explain.statement),
        _ => None,
    }
}

fn parse(sql: &str) -> Result<Statement, QueryError> {
    let mut statements = DFParserBuilder::new(sql).with_dialect(&PostgreSqlDialect {}).build()?.parse_statements()?;
    match (statements.len(), statements.pop_front()) {
        (1, Some(statement)) => Ok(statement),
        (n, _) => Err(QueryError::Statements(n)),
    }
}

fn measure(sql: &str) -> Result<(), QueryError> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize();
    let tokens = tokens.map_err(|e| QueryError::Syntax(e.to_string()))?;
    let mut count = 0;
    let mut deep = 0;
    for token in tokens.iter().filter(|t| !matches!(t, Token::Whitespace(_))) {
        count += 1;
        deep += usize::from(deepens(token));
    }
    if count > MAX_TOKENS {
        return Err(Limit::Tokens(MAX_TOKENS).into());
    }
    if deep > MAX_DEPTH {
        return Err(Limit::Operators(MAX_DEPTH).into());
    }
    Ok(())
}

/// Whether a sign or word makes a plan deeper.
fn deepens(token: &Token) -> bool {
    let words = ["select", "join", "union", "intersect", "except", "and", "or", "not", "case", "when", "is", "between"];
    match token {
        Token::Word(word) => words.iter().any(|w| word.value.eq_ignore_ascii_case(w)),
        Token::Comma | Token::Period | Token::SemiColon | Token::EOF => false,
        Token::LParen | Token::RParen | Token::LBracket | Token::RBracket => false,
        Token::Number(..) | Token::SingleQuotedString(_) => false,
        _ => true,
    }
}

fn allow(statement: &Statement) -> Result<(), QueryError> {
    let refused = || Err(QueryError::Refused(first_words(&statement.to_string())));
    match statement {
        Statement::Statement(inner) => match inner.as_ref() {
            ast::Statement::Query(_)
            | ast::Statement::ShowTables { .. }
            | ast::Statement::ShowColumns { .. }
            | ast::Statement::ExplainTable { .. } => Ok(()),
            _ => refused(),
        },
        Statement::Explain(explain) => match explain.statement.as_ref() {
            Statement::Statement(inner) if matches!(inner.as_ref(), ast::Statement::Query(_)) => Ok(()),
            _ => refused(),
        },
        _ => refused(),
    }
}

fn first_words(statement: &str) -> String {
    let words: Vec<&str> = statement.split_whitespace().take(2).collect();
    let words = words.join(" ").replace(['(', ':'], "");
    words.chars().take(40).collect()
}

/// Finds what stands in the place of a table and cannot be one.
struct Sources;

impl Visitor for Sources {
    type Break = String;

    fn pre_visit_query(&mut self, query: &ast::Query) -> ControlFlow<String> {
        match into_table(query.body.as_ref()) {
            Some(into) => ControlFlow::Break(format!("SELECT INTO {into}")),
            None => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<String> {
        match factor {
            TableFactor::Table { name, args: Some(_), .. } if is_row_maker(name) => ControlFlow::Continue(()),
            TableFactor::Table { name, args: Some(_), .. } | TableFactor::Function { name, .. } => {
                ControlFlow::Break(format!("{name}(..)"))
            }
            TableFactor::Table { name, args: None, .. } if is_location(name) => ControlFlow::Break(name_of(name)),
            TableFactor::TableFunction { expr, .. } => ControlFlow::Break(expr.to_string()),
            _ => ControlFlow::Continue(()),
        }
    }
}

fn into_table(body: &ast::SetExpr) -> Option<String> {
    match body {
        ast::SetExpr::Select(select) => select.into.as_ref().map(|into| into.name.to_string()),
        _ => None,
    }
}

fn is_row_maker(name: &ObjectName) -> bool {
    ROW_MAKERS.iter().any(|known| name_of(name).eq_ignore_ascii_case(known))
}

/// `'file.parquet'`, `"s3://bucket/x"`, `"/etc/passwd"`: no table of the lake has such a name.
fn is_location(name: &ObjectName) -> bool {
    name.0.iter().filter_map(|part| part.as_ident()).any(|part| {
        let value = part.value.as_str();
        part.quote_style == Some('\'') || (part.quote_style.is_some() && value.contains(['/', '\\', '.', ':']))
    })
}

fn name_of(name: &ObjectName) -> String {
    let parts: Vec<&str> = name.0.iter().filter_map(|part| part.as_ident()).map(|part| part.value.as_str()).collect();
    parts.join(".")
}
