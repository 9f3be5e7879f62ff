//! One record as text cells by role: borrowed from the record, nothing copied, nothing interpreted.

use crate::columns::{self, Columns, ROLES, Role};
use candleflow_schema::Defect;
use serde::{
    Deserializer as _,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// The cells of a record; empty where the record says nothing.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cells<'a> {
    text: [&'a str; ROLES],
}

impl<'a> Cells<'a> {
    /// No cells yet.
    pub(crate) fn new() -> Self {
        Self { text: [""; ROLES] }
    }

    /// The text of a role, without blanks around it. Other control characters stay: where one stands, a digit may have
    /// stood.
    pub(crate) fn get(&self, role: Role) -> &'a str {
        trim(self.text[role as usize])
    }

    /// The text of a role unless it is empty or one of the ways in which files write "nothing".
    pub(crate) fn some(&self, role: Role) -> Option<&'a str> {
        let text = self.get(role);
        let nothing = matches!(text, "" | "null" | "NULL" | "NaN" | "nan" | "None" | "NA" | "N/A" | "\\N");
        (!nothing).then_some(text)
    }

    /// When the bar opens, as it stands there; joined where date and time of day are two columns.
    pub(crate) fn open_time(&self) -> Cow<'a, str> {
        match self.get(Role::Clock) {
            "" => Cow::Borrowed(self.get(Role::OpenTime)),
            clock => Cow::Owned(format!("{} {clock}", self.get(Role::OpenTime).replace('.', "-"))),
        }
    }
}

/// Text without blanks and tabs around it.
pub(crate) fn trim(mut text: &str) -> &str {
    while let Some((b' ' | b'\t', _)) = text.as_bytes().split_first() {
        text = &text[1..];
    }
    while let Some((b' ' | b'\t', rest)) = text.as_bytes().split_last() {
        text = &text[..rest.len()];
    }
    text
}

/// The fields of a delimited line: what stands between the delimiters, quotes around a whole field taken off.
pub(crate) struct Fields<'a> {
    rest: Option<&'a str>,
    delimiter: u8,
}

impl<'a> Fields<'a> {
    pub(crate) fn new(line: &'a str, delimiter: u8) -> Self {
        Self { rest: Some(line), delimiter }
    }
}

impl<'a> Iterator for Fields<'a> {
    type Item = Result<&'a str, Defect>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.rest?;
        let padding = rest.len() - rest.trim_start_matches(' ').len();
        if rest.as_bytes().get(padding) != Some(&b'"') {
            let (field, after) = cut(rest, self.delimiter);
            self.rest = after;
            return Some(Ok(field));
        }
        let inner = &rest[padding + 1..];
        let Some(length) = closing_quote(inner) else {
            self.rest = None;
            return Some(Err(Defect::Shape("a quote is opened and not closed".into())));
        };
        let (between, after) = cut(&inner[length + 1..], self.delimiter);
        self.rest = after;
        if !between.trim().is_empty() {
            self.rest = None;
            return Some(Err(Defect::Shape(format!("'{}' stands behind a closing quote", between.trim()))));
        }
        Some(Ok(&inner[..length]))
    }
}

fn cut(text: &str, delimiter: u8) -> (&str, Option<&str>) {
    // The delimiter is ASCII, so that both sides of it are whole characters.
    match text.bytes().position(|b| b == delimiter) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    }
}

/// Where the quote closes; two quotes in a row are one in the text.
fn closing_quote(inner: &str) -> Option<usize> {
    let bytes = inner.as_bytes();
    let mut from = 0;
    loop {
        let at = from + memchr::memchr(b'"', &bytes[from..])?;
        if bytes.get(at + 1) != Some(&b'"') {
            return Some(at);
        }
        from = at + 2;
    }
}

/// The cells of a delimited line. One empty field too many at the end is a trailing delimiter.
pub(crate) fn delimited<'a>(
    line: &'a str,
    delimiter: u8,
    columns: &Columns,
    cells: &mut Cells<'a>,
) -> Result<(), Defect> {
    let mut count = 0;
    let mut last = "";
    let mut put = |field: &'a str| {
        if let Some(Some(role)) = columns.roles.get(count) {
            cells.text[*role as usize] = field;
        }
        (count, last) = (count + 1, field);
    };
    let bytes = line.as_bytes();
    if memchr::memchr(b'"', bytes).is_some() {
        for field in Fields::new(line, delimiter) {
            put(field?);
        }
    } else {
        let mut start = 0;
        for end in memchr::memchr_iter(delimiter, bytes).chain([bytes.len()]) {
            put(&line[start..end]);
            start = end + 1;
        }
    }
    let expected = columns.roles.len();
    if count != expected && !(count == expected + 1 && last.trim().is_empty()) {
        return Err(Defect::Shape(format!("has {count} columns, expected {expected}")));
    }
    Ok(())
}

/// The cells of a JSON array with values by place.
pub(crate) fn array<'a>(text: &'a str, columns: &Columns) -> Result<Cells<'a>, Defect> {
    struct Places<'c>(&'c Columns);
    impl<'de> Visitor<'de> for Places<'_> {
        type Value = (Cells<'de>, usize);

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an array of numbers and strings")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            let (mut cells, mut count) = (Cells::new(), 0);
            while let Some(item) = items.next_element::<&'de RawValue>()? {
                if let Some(Some(role)) = self.0.roles.get(count) {
                    cells.text[*role as usize] = scalar(item).map_err(serde::de::Error::custom)?;
                }
                count += 1;
            }
            Ok((cells, count))
        }
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let read = json.deserialize_seq(Places(columns)).and_then(|read| json.end().map(|()| read));
    let (cells, count) = read.map_err(|e| Defect::Shape(format!("not an array of values: {e}")))?;
    if count != columns.roles.len() {
        return Err(Defect::Shape(format!("has {count} values, expected {}", columns.roles.len())));
    }
    Ok(cells)
}

/// The cells of a JSON object with values by name.
pub(crate) fn object(text: &str) -> Result<Cells<'_>, Defect> {
    struct Names;
    impl<'de> Visitor<'de> for Names {
        type Value = Cells<'de>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object of numbers and strings")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut cells = Cells::new();
            let mut seen = [false; ROLES];
            let mut best = usize::MAX;
            while let Some(key) = map.next_key::<Cow<'de, str>>()? {
                let name = columns::plain(&key);
                let rank = columns::time_rank(&name);
                let role = columns::role(&name).or(rank.filter(|r| *r < best).map(|_| Role::OpenTime));
                let Some(role) = role else {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                };
                if role == Role::OpenTime {
                    best = rank.unwrap_or(best);
                } else if std::mem::replace(&mut seen[role as usize], true) {
                    return Err(serde::de::Error::custom(format!("two values for {role}")));
                }
                cells.text[role as usize] =
                    scalar(map.next_value::<&'de RawValue>()?).map_err(serde::de::Error::custom)?;
            }
            Ok(cells)
        }
    }
    let mut json = serde_json::Deserializer::from_str(text);
    let read = json.deserialize_map(Names).and_then(|read| json.end().map(|()| read));
    read.map_err(|e| Defect::Shape(format!("not an object of values: {e}")))
}

/// The text of a number or a string, digit for digit as it stands there.
fn scalar(value: &RawValue) -> Result<&str, String> {
    let text = value.get();
    match text.as_bytes().first() {
        Some(b'"') if !text.contains('\\') => Ok(&text[1..text.len() - 1]),
        Some(b'0'..=b'9' | b'-') => Ok(text),
        _ if text == "null" => Ok(""),
        _ => Err(format!("'{}' is neither a number nor a plain string", text.chars().take(40).collect::<String>())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::EXCHANGE;

    fn fields(line: &str, delimiter: u8) -> Result<Vec<&str>, Defect> {
        Fields::new(line, delimiter).collect()
    }

    #[test]
    fn fields_with_and_without_quotes() {
        assert_eq!(fields("a,b,,c", b','), Ok(vec!["a", "b", "", "c"]));
        assert_eq!(fields("\"a\";\"b;c\"; \"d\" ;e", b';'), Ok(vec!["a", "b;c", "d", "e"]));
        assert_eq!(fields("\"a\"\"b\",c", b','), Ok(vec!["a\"\"b", "c"]));
        assert_eq!(fields("", b','), Ok(vec![""]));
        assert_eq!(fields("ü|é", b'|'), Ok(vec!["ü", "é"]));
        for line in ["\"a,b", "\"1\"2,3", "1,\"2", "\""] {
            assert!(fields(line, b',').is_err(), "{line}");
        }
    }

    #[test]
    fn the_number_of_columns_must_be_right_but_for_a_trailing_delimiter() {
        let columns = Columns::placed(&EXCHANGE);
        let row = "1,2,3,4,5,6,7,8,9,10,11,12";
        for row in [row.to_owned(), format!("{row},"), format!("\"{}\"", row.replace(',', "\",\""))] {
            let mut cells = Cells::new();
            assert_eq!(delimited(&row, b',', &columns, &mut cells), Ok(()), "{row}");
            assert_eq!((cells.get(Role::OpenTime), cells.get(Role::TakerBuyQuote)), ("1", "11"), "{row}");
        }
        for row in ["1,2", "1,2,3,4,5,6,7,8,9,10,11,12,13", "1,2,3,4,5,6,7,8,9,10,11,12,,", "1,2,3,4,5,6,7,8,9,10,11"] {
            assert!(matches!(delimited(row, b',', &columns, &mut Cells::new()), Err(Defect::Shape(_))), "{row}");
        }
    }

    #[test]
    fn json_numbers_keep_their_digits() {
        let columns = Columns::placed(&EXCHANGE);
        let row = r#"[1502928000000,"4261.48000000",4485.390000000000001,"3",null,"1",1,"2",3,"4","5","0"]"#;
        let cells = array(row, &columns).unwrap();
        assert_eq!(cells.get(Role::Open), "4261.48000000");
        assert_eq!(cells.get(Role::High), "4485.390000000000001");
        assert_eq!(cells.get(Role::Close), "");
        for row in
            ["[1,2]", "[", "{}", "[1,2,3,[4],5,6,7,8,9,10,11,12]", r#"[1,"2\u0031",3,4,5,6,7,8,9,10,11,12]"#, "[1] 2"]
        {
            assert!(array(row, &columns).is_err(), "{row}");
        }
        let cells = object(r#"{"date":"x","open_time":1,"Open":"2","close":3.5,"extra":{"a":[1]}}"#).unwrap();
        assert_eq!((cells.get(Role::OpenTime), cells.get(Role::Open), cells.get(Role::Close)), ("1", "2", "3.5"));
        assert!(object(r#"{"open":1,"open":2}"#).is_err());
    }
}
