//! The text of an expression to SQL syntax, with errors that point into the text.

use candleflow_config::{Diagnostics, document::Expr};
use datafusion::sql::sqlparser::{
    ast::{self, Ident},
    dialect::GenericDialect,
    parser::{Parser, ParserError},
    tokenizer::{Location, Token},
};

/// Deeper nesting than this is refused.
const DEPTH: usize = 60;
/// Longer text than this is refused.
const LENGTH: usize = 20_000;

/// Parses one expression; errors go to `errors`.
pub(super) fn parse(expr: &Expr, errors: &mut Diagnostics) -> Option<ast::Expr> {
    if expr.value.len() > LENGTH {
        errors.add(expr.place, format!("an expression of more than {LENGTH} characters"));
        return None;
    }
    let dialect = GenericDialect {};
    let parsed = Parser::new(&dialect).with_recursion_limit(DEPTH).try_with_sql(&expr.value).and_then(|mut parser| {
        let parsed = parser.parse_expr()?;
        let next = parser.peek_token();
        match next.token {
            Token::EOF => Ok(parsed),
            found => Err(ParserError::ParserError(format!("expected the end, found: {found}{}", next.span.start))),
        }
    });
    match parsed {
        Ok(parsed) => Some(parsed),
        Err(ParserError::ParserError(text) | ParserError::TokenizerError(text)) => {
            let (message, at) = split(&text);
            errors.add(expr.place.inside(&expr.value, at), format!("not an expression: {message}"));
            None
        }
        Err(ParserError::RecursionLimitExceeded) => {
            errors.add(expr.place, format!("an expression nested more than {DEPTH} levels deep"));
            None
        }
    }
}

/// The message without its ` at Line: 1, Column: 7`, and the column from 0.
fn split(text: &str) -> (&str, usize) {
    let Some((message, rest)) = text.split_once(" at Line: ") else { return (text, 0) };
    let column = rest.rsplit("Column: ").next().and_then(|c| c.trim().parse::<usize>().ok());
    (message, column.map_or(0, |c| c.saturating_sub(1)))
}

/// How many characters of the text stand before this word.
pub(super) fn offset(ident: &Ident) -> usize {
    let Location { column, .. } = ident.span.start;
    (column as usize).saturating_sub(1)
}
