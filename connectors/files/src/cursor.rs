//! Where the second reading is: in which part of the file, at which record.

use crate::{
    error::FileError,
    inspect::{self, PlannedPart},
    lines::Line,
    records::Records,
};
use candleflow_schema::{Defect, Quarantined};
use std::path::Path;

/// A place in the parts of a file.
#[derive(Default)]
pub(crate) struct Cursor {
    part: usize,
    /// The records of the part, and how many were passed.
    open: Option<(Records, u64)>,
}

impl Cursor {
    /// Goes to the next record; `false` at the end of the last part.
    pub(crate) fn advance(&mut self, path: &Path, parts: &[PlannedPart]) -> Result<bool, FileError> {
        while let Some(planned) = parts.get(self.part) {
            let label = &planned.part.label;
            let (records, rows) = match &mut self.open {
                Some(open) => open,
                None => {
                    let records = planned.records(path).map_err(|e| inspect::broken(label, e, (0, 0)))?;
                    self.open.insert((records, 0))
                }
            };
            let place = records.place();
            if records.advance(&planned.format).map_err(|e| inspect::broken(label, e, place))? {
                *rows += 1;
                return Ok(true);
            }
            if *rows != planned.rows {
                return Err(FileError::Changed { file: label.clone() });
            }
            self.open = None;
            self.part += 1;
        }
        Ok(false)
    }

    /// The current record and its part.
    pub(crate) fn record<'a>(&'a self, parts: &'a [PlannedPart]) -> Option<(&'a PlannedPart, Line<'a>)> {
        Some((parts.get(self.part)?, self.open.as_ref()?.0.line()))
    }
}

/// A record that cannot be used, as it stands there.
pub(crate) fn quarantined(part: &PlannedPart, line: Line<'_>, defect: &Defect) -> Quarantined {
    Quarantined::new(&part.part.label, line.number as i64, defect, line.bytes)
}
