//! Where a page ended, as text that means nothing to its reader: the JSON of the place, in hexadecimal.

use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Write;

/// A place as text.
pub(crate) fn write(place: &impl Serialize) -> String {
    // Places are numbers and texts, which always serialise; writing to a String cannot fail.
    let json = serde_json::to_vec(place).unwrap_or_default();
    json.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The place behind a text; `None` when [`write()`] did not make it.
pub(crate) fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
    if !text.is_ascii() || text.len() % 2 == 1 {
        return None;
    }
    let byte = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).ok();
    let json: Option<Vec<u8>> = (0..text.len()).step_by(2).map(byte).collect();
    serde_json::from_slice(&json?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back_and_nothing_else_is() {
        let place = (Some(5i64), "run é".to_owned());
        assert_eq!(read(&write(&place)), Some(place));
        for bad in ["", "0", "zz", "5b5d", "é", "+1+1"] {
            assert_eq!(read::<(Option<i64>, String)>(bad), None, "{bad}");
        }
    }
}
