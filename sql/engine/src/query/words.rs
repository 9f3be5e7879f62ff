//! `interval` is a column of every table of bars, and in SQL also begins a length of time.
//!
//! The parser takes it for a length of time whenever an expression could follow: `interval IN ('1m')` and `ORDER BY
//! interval DESC` would be lengths of `IN(...)` and `DESC`. Only text and numbers make one here, so before another word
//! the name is put into quotes.

use datafusion::sql::sqlparser::{
    dialect::PostgreSqlDialect,
    tokenizer::{Token, TokenWithSpan, Tokenizer, TokenizerError},
};
use std::{borrow::Cow, collections::BTreeSet};

const NAME: &str = "interval";

/// The text with the column in quotes where it would be misread.
pub(super) fn with_columns(sql: &str) -> Result<Cow<'_, str>, TokenizerError> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location()?;
    let tokens: Vec<&TokenWithSpan> = tokens.iter().filter(|t| !matches!(t.token, Token::Whitespace(_))).collect();
    let mut places = BTreeSet::new();
    for (at, token) in tokens.iter().enumerate() {
        let after_cast = at > 0 && (is_word(tokens[at - 1], "as") || tokens[at - 1].token == Token::DoubleColon);
        let next = tokens.get(at + 1).map(|next| &next.token);
        let misread = matches!(next, Some(Token::Word(_) | Token::LParen | Token::Minus | Token::Plus));
        if is_word(token, NAME) && misread && !after_cast {
            places.insert((token.span.start.line, token.span.start.column));
        }
    }
    if places.is_empty() {
        return Ok(Cow::Borrowed(sql));
    }
    let mut text = String::with_capacity(sql.len() + 2 * places.len());
    let (mut line, mut column, mut left) = (1, 1, 0);
    for letter in sql.chars() {
        if places.contains(&(line, column)) {
            text.push('"');
            left = NAME.len();
        }
        // In quotes a name keeps its case, and the column's is lower.
        text.push(if left > 0 { letter.to_ascii_lowercase() } else { letter });
        if left == 1 {
            text.push('"');
        }
        left = left.saturating_sub(1);
        (line, column) = if letter == '\n' { (line + 1, 1) } else { (line, column + 1) };
    }
    Ok(Cow::Owned(text))
}

/// Whether a token is this word, without quotes.
fn is_word(token: &TokenWithSpan, word: &str) -> bool {
    matches!(&token.token, Token::Word(w) if w.quote_style.is_none() && w.value.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_column_is_parted_from_the_length_of_time() {
        for (sql, expected) in [
            ("SELECT interval FROM t", "SELECT \"interval\" FROM t"),
            (
                "a WHERE interval IN ('1m')\n AND INTERVAL  IS NULL",
                "a WHERE \"interval\" IN ('1m')\n AND \"interval\"  IS NULL",
            ),
            ("ORDER BY k.interval DESC, interval", "ORDER BY k.\"interval\" DESC, interval"),
            ("time - INTERVAL '1 minute' = x", "time - INTERVAL '1 minute' = x"),
            (
                "interval = '1m' AND CAST('1 hour' AS INTERVAL) > y::interval AND z",
                "interval = '1m' AND CAST('1 hour' AS INTERVAL) > y::interval AND z",
            ),
            ("'interval in' \"interval\" in", "'interval in' \"interval\" in"),
            ("é interval in", "é \"interval\" in"),
        ] {
            assert_eq!(with_columns(sql).unwrap(), expected);
        }
    }
}
