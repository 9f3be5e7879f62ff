//! Where each symbol's rows stand in a file of `klines`: kept in the file's footer, so that a reader of one symbol
//! decodes the rows of no other.

use parquet::{
    arrow::arrow_reader::{RowSelection, RowSelector},
    file::metadata::{KeyValue, ParquetMetaData},
};

const KEY: &str = "candleflow.symbols";

/// For each row group, its symbols in order with their numbers of rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SymbolRows {
    groups: Vec<Vec<(String, u64)>>,
    /// Rows of the open group; 0 when there is none.
    rows: u64,
}

impl SymbolRows {
    /// Counts rows that are written next; a group takes at most `most`.
    pub(crate) fn add(&mut self, symbol: &str, mut rows: u64, most: u64) {
        while rows > 0 {
            if self.rows == 0 {
                self.groups.push(vec![]);
            }
            let part = rows.min(most - self.rows);
            let Some(group) = self.groups.last_mut() else { return };
            match group.last_mut() {
                Some((last, n)) if last == symbol => *n += part,
                _ => group.push((symbol.to_owned(), part)),
            }
            self.rows = (self.rows + part) % most;
            rows -= part;
        }
    }

    /// The next row begins a group.
    pub(crate) fn close(&mut self) {
        self.rows = 0;
    }

    pub(crate) fn to_footer(&self) -> Option<KeyValue> {
        Some(KeyValue { key: KEY.to_owned(), value: Some(serde_json::to_string(&self.groups).ok()?) })
    }

    /// `None` for a file that does not say, or says what is not so.
    pub(crate) fn from_footer(footer: &ParquetMetaData) -> Option<Self> {
        let pairs = footer.file_metadata().key_value_metadata()?;
        let text = pairs.iter().find(|pair| pair.key == KEY)?.value.as_deref()?;
        let groups: Vec<Vec<(String, u64)>> = serde_json::from_str(text).ok()?;
        let rows = groups.iter().map(|group| group.iter().map(|(_, n)| *n as i64).sum::<i64>());
        rows.eq(footer.row_groups().iter().map(|g| g.num_rows())).then_some(Self { groups, rows: 0 })
    }

    /// The rows of a symbol in a group; `None` when there are none.
    pub(crate) fn select(&self, group: usize, symbol: &str) -> Option<RowSelection> {
        let group = self.groups.get(group)?;
        let place = group.iter().position(|(s, _)| s == symbol)?;
        let before: u64 = group[..place].iter().map(|(_, n)| n).sum();
        let selectors = vec![RowSelector::skip(before as usize), RowSelector::select(group[place].1 as usize)];
        Some(RowSelection::from(selectors))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_counted_as_they_are_written() {
        let mut symbols = SymbolRows::default();
        symbols.add("A", 3, 10);
        symbols.add("A", 2, 10);
        symbols.add("B", 5, 10);
        symbols.close();
        symbols.add("C", 25, 10);
        symbols.close();
        symbols.close();
        symbols.add("D", 1, 10);
        let named = |groups: &[&[(&str, u64)]]| -> Vec<Vec<(String, u64)>> {
            groups.iter().map(|g| g.iter().map(|(s, n)| ((*s).to_owned(), *n)).collect()).collect()
        };
        let expected: [&[(&str, u64)]; 5] =
            [&[("A", 5), ("B", 5)], &[("C", 10)], &[("C", 10)], &[("C", 5)], &[("D", 1)]];
        assert_eq!(symbols.groups, named(&expected));
        let selection = symbols.select(0, "B").unwrap();
        assert_eq!(selection.iter().map(|s| (s.skip, s.row_count)).collect::<Vec<_>>(), [(true, 5), (false, 5)]);
        assert!(symbols.select(1, "B").is_none() && symbols.select(9, "B").is_none());
    }
}
