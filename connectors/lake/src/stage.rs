//! A file to the store, and how the table's log would name it: staged, not yet part of the table.
//!
//! A file that is staged and never committed is an orphan; vacuum removes it.

use crate::{
    error::Error,
    snapshot::{TAG_FIRST, TAG_TASK},
    write::Encoded,
};
use candleflow_schema::Micros;
use deltalake::kernel::Add;
use object_store::{ObjectStore, ObjectStoreExt, WriteMultipart, path::Path};
use std::{collections::HashMap, sync::Arc};

/// Files larger than this go up in parts of this size.
const PART_BYTES: usize = 16 << 20;

/// Where in a table a staged file goes, and whose it is.
#[derive(Default)]
pub(crate) struct Staging<'a> {
    /// Columns and values, in the order in which they make a path.
    pub(crate) partition: Vec<(String, String)>,
    /// Task and ordinal of the first row.
    pub(crate) task: Option<(&'a str, u64)>,
    /// The time that the log gives the file.
    pub(crate) now: Micros,
    /// Whether it brings rows, or only other places for rows that the table has.
    pub(crate) data_change: bool,
}

/// Puts a file into the table's folder and says how the log would name it.
pub(crate) async fn stage(
    table: &str,
    store: &Arc<dyn ObjectStore>,
    file: Encoded,
    at: Staging<'_>,
) -> Result<Add, Error> {
    let mut path: String = at.partition.iter().map(|(k, v)| format!("{k}={}/", tame(v))).collect();
    path += &format!("part-{}.parquet", uuid::Uuid::new_v4());
    let (size, rows) = (file.bytes.len(), file.rows);
    upload(store, &Path::from(path.as_str()), file.bytes).await?;
    crate::telemetry::file_written(table, rows, size as u64);
    let tags = at.task.map(|(task, first)| {
        let tag = |name: &str, value: String| (name.to_owned(), Some(value));
        HashMap::from([tag(TAG_TASK, task.to_owned()), tag(TAG_FIRST, first.to_string())])
    });
    let stats = serde_json::to_string(&file.stats).map_err(|e| Error::corrupt(&path, e))?;
    Ok(Add {
        path,
        partition_values: at.partition.into_iter().map(|(k, v)| (k, Some(v))).collect(),
        size: size as i64,
        modification_time: at.now.div_euclid(1000),
        data_change: at.data_change,
        stats: Some(stats),
        tags,
        ..Add::default()
    })
}

/// A partition's value as part of a path: only for people to read, the log has the value itself.
fn tame(value: &str) -> String {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let text: String = value.chars().take(80).map(|c| if fits(c) { c } else { '_' }).collect();
    if text.starts_with('.') { format!("_{text}") } else { text }
}

async fn upload(store: &Arc<dyn ObjectStore>, path: &Path, bytes: Vec<u8>) -> Result<(), Error> {
    if bytes.len() <= PART_BYTES {
        store.put(path, bytes.into()).await?;
        return Ok(());
    }
    let mut parts = WriteMultipart::new_with_chunk_size(store.put_multipart(path).await?, PART_BYTES);
    for chunk in bytes.chunks(PART_BYTES) {
        parts.wait_for_capacity(2).await?;
        parts.write(chunk);
    }
    parts.finish().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_make_harmless_paths() {
        assert_eq!(tame("../../etc"), "_.._.._etc");
        assert_eq!(tame("2021-04"), "2021-04");
        assert_eq!(tame("a/b=c d"), "a_b_c_d");
    }
}
