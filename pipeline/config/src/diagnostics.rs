//! Errors that say where, what was expected, and what was probably meant.

use std::fmt;

/// A place in a pipeline file: line and column, both from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Place {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
}

impl Place {
    /// The place of character `at` (from 0) of a text that begins here. A place inside a text of several lines cannot be
    /// told from its offset; its beginning is given then.
    pub fn inside(self, text: &str, at: usize) -> Place {
        if text.contains('\n') { self } else { Place { column: self.column + at, ..self } }
    }
}

/// One error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Where.
    pub place: Place,
    /// What is wrong, what was expected, what to do.
    pub message: String,
}

/// All errors of one file, in the order of their places.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diagnostics {
    /// The file, as the user named it.
    pub file: String,
    list: Vec<Diagnostic>,
}

impl Diagnostics {
    /// No errors yet in `file`.
    pub fn new(file: &str) -> Self {
        Self { file: file.to_owned(), list: Vec::new() }
    }

    /// Adds an error; the same error at the same place is kept once.
    pub fn add(&mut self, place: Place, message: impl Into<String>) {
        let new = Diagnostic { place, message: message.into() };
        if !self.list.contains(&new) {
            let at = self.list.partition_point(|d| d.place <= place);
            self.list.insert(at, new);
        }
    }

    /// Adds what another pass over the same file found.
    pub fn extend(&mut self, other: Diagnostics) {
        other.list.into_iter().for_each(|d| self.add(d.place, d.message));
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The errors.
    pub fn iter(&self) -> impl Iterator<Item = &Diagnostic> {
        self.list.iter()
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, d) in self.list.iter().enumerate() {
            let end = if i + 1 < self.list.len() { "\n" } else { "" };
            write!(f, "{}:{}:{}: {}{end}", self.file, d.place.line, d.place.column, d.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// The known name that `name` was probably meant to be, as `, did you mean 'x'?`, or all of them if they are few.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = known.into_iter().collect();
    known.sort_unstable();
    known.dedup();
    let lower = name.to_lowercase();
    let best = known.iter().map(|k| (distance(&lower, &k.to_lowercase()), *k)).min();
    match best {
        Some((d, k)) if d <= 1 + name.chars().count() / 4 => format!(", did you mean '{k}'?"),
        _ if !known.is_empty() && known.len() <= 16 => format!(", expected one of {}", known.join(", ")),
        _ => String::new(),
    }
}

/// Edits (insert, delete, replace, swap of neighbours) between two short words.
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let replace = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
                let mut best = replace.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(rows[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered() {
        let known = ["close", "open", "high", "low", "volume", "quote_volume", "time"];
        assert_eq!(nearest("clsoe", known), ", did you mean 'close'?");
        assert_eq!(nearest("Volum", known), ", did you mean 'volume'?");
        assert!(nearest("xyzzy", known).starts_with(", expected one of close, high"));
        assert_eq!(nearest("xyzzy", std::iter::repeat_n(known, 1).flatten().chain(["a1"; 1]).take(0)), "");
    }

    #[test]
    fn errors_come_in_the_order_of_their_places_and_once() {
        let mut all = Diagnostics::new("p.yaml");
        all.add(Place { line: 4, column: 2 }, "later");
        all.add(Place { line: 2, column: 9 }, "first");
        all.add(Place { line: 4, column: 2 }, "later");
        assert_eq!(all.to_string(), "p.yaml:2:9: first\np.yaml:4:2: later");
    }
}
