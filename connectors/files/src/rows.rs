//! A record of a recognised text to a bar with its symbol, the same for all rows of a file.

use crate::{
    cells::Cells, columns::Role, format::Content, inspect::PlannedPart, lines::Line, options::Options, record,
    symbols::Symbols,
};
use candleflow_schema::{Bar, Defect, Interval};

/// How rows are read, the same for all of a file.
pub(crate) struct RowReader<'a> {
    pub(crate) options: &'a Options,
    pub(crate) symbols: &'a mut Symbols,
    pub(crate) interval: Interval,
    /// Times that were put right.
    pub(crate) rescaled: &'a mut u64,
}

impl RowReader<'_> {
    /// Reads a row and appends its bar; gives the number of its symbol, or nothing for a record that is no bar.
    pub(crate) fn row(
        &mut self,
        part: &PlannedPart,
        line: Line<'_>,
        bars: &mut Vec<Bar>,
    ) -> Result<Option<usize>, Defect> {
        let mut cells = Cells::new();
        match part.format.read(line.text()?, &mut cells)? {
            Content::Complete => Ok(None),
            Content::Bar(bar) => self.topic_bar(part, *bar, bars).map(Some),
            Content::Cells => self.cells(part, &cells, bars).map(Some),
        }
    }

    fn topic_bar(&mut self, part: &PlannedPart, mut bar: Bar, bars: &mut Vec<Bar>) -> Result<usize, Defect> {
        bar.validate()?;
        let symbol = self.symbol(part, &bar.symbol)?;
        bar.symbol = self.symbols.get(symbol).clone();
        bar.origin = self.options.origin;
        bars.push(bar);
        Ok(symbol)
    }

    fn cells(&mut self, part: &PlannedPart, cells: &Cells<'_>, bars: &mut Vec<Bar>) -> Result<usize, Defect> {
        let moment = record::open_time(cells).map_err(|e| Defect::Time(e.reason(&cells.open_time())))?;
        let symbol = self.symbol(part, cells.some(Role::Symbol).unwrap_or_default())?;
        record::check_close(cells, moment.at, self.interval)?;
        bars.push(record::bar(cells, moment.at, self.symbols.get(symbol), self.interval, self.options.origin)?);
        *self.rescaled += u64::from(moment.rescaled);
        Ok(symbol)
    }

    /// The symbol of a row; that it is the stated one was seen in the first reading.
    fn symbol(&mut self, part: &PlannedPart, text: &str) -> Result<usize, Defect> {
        if let Some(stated) = part.symbol {
            return Ok(stated);
        }
        let number = if text.is_empty() { None } else { self.symbols.number(text) };
        number.ok_or_else(|| Defect::Shape("the row does not say its symbol".into()))
    }
}
