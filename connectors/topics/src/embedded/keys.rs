//! Where things lie in the store.
//!
//! ```text
//! keyspace "meta":  format | next | topic/NAME -> TopicMeta | stat/ID/PARTITION -> Stat | group/GROUP\0TOPIC\0PARTITION
//! keyspace "t<ID>": 0 PARTITION LAST -> chunk                     records; LAST is the chunk's last offset
//!                   1 PARTITION KEY  -> offset, tombstone?         compacted topics: where the newest record of KEY is
//!                   2 PARTITION OFFSET -> KEY                      compacted topics: tombstones, oldest first
//! ```
//! A chunk lies under its *last* offset, so that the first key at or above an offset is the chunk that holds it.
//! Numbers are big-endian, so that byte order is their order. A topic's ID is never used again.

const DATA: u8 = 0;
const INDEX: u8 = 1;
const TOMBSTONE: u8 = 2;

/// The keyspace of everything that is not a record.
pub(super) const META: &str = "meta";
/// The version of this layout.
pub(super) const FORMAT: &str = "format";
/// The next topic ID.
pub(super) const NEXT_ID: &str = "next";
/// Before a group's name.
pub(super) const GROUP: &str = "group/";
/// Before a topic's name.
pub(super) const TOPIC: &str = "topic/";

pub(super) fn keyspace(id: u64) -> String {
    format!("t{id}")
}

pub(super) fn topic(name: &str) -> String {
    format!("{TOPIC}{name}")
}

pub(super) fn stat(id: u64, partition: i32) -> Vec<u8> {
    let mut key = stats(id);
    key.extend_from_slice(&partition.to_be_bytes());
    key
}

/// Before every stat of a topic.
pub(super) fn stats(id: u64) -> Vec<u8> {
    let mut key = b"stat/".to_vec();
    key.extend_from_slice(&id.to_be_bytes());
    key
}

pub(super) fn group(group: &str, topic: &str, partition: i32) -> Vec<u8> {
    let mut key = groups(group, topic);
    key.extend_from_slice(&partition.to_be_bytes());
    key
}

/// Before every offset of a group in a topic.
pub(super) fn groups(group: &str, topic: &str) -> Vec<u8> {
    format!("{GROUP}{group}\0{topic}\0").into_bytes()
}

/// Whether a key of [`group`] speaks of `topic`.
pub(super) fn is_group_of(key: &[u8], topic: &str) -> bool {
    let named = key.len().checked_sub(4).and_then(|end| key[..end].strip_suffix(b"\0"));
    named.and_then(|k| k.strip_suffix(topic.as_bytes())).is_some_and(|k| k.ends_with(b"\0"))
}

/// The key of the chunk that ends at `last`.
pub(super) fn data(partition: i32, last: i64) -> [u8; 13] {
    numbered(DATA, partition, last)
}

/// The key under which a compacted topic finds a key's newest record.
pub(super) fn index(partition: i32, key: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(5 + key.len());
    out.push(INDEX);
    out.extend_from_slice(&partition.to_be_bytes());
    out.extend_from_slice(key);
    out
}

/// The key of a tombstone, by its offset.
pub(super) fn tombstone(partition: i32, offset: i64) -> [u8; 13] {
    numbered(TOMBSTONE, partition, offset)
}

/// The offset in a key of [`data`] or [`tombstone`].
pub(super) fn offset_of(key: &[u8]) -> Option<i64> {
    Some(i64::from_be_bytes(key.get(5..13)?.try_into().ok()?))
}

fn numbered(kind: u8, partition: i32, offset: i64) -> [u8; 13] {
    let mut key = [0; 13];
    key[0] = kind;
    key[1..5].copy_from_slice(&partition.to_be_bytes());
    key[5..13].copy_from_slice(&offset.to_be_bytes());
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn byte_order_is_offset_order() {
        let keys: Vec<_> = [0, 1, 255, 256, 70_000, i64::MAX].iter().map(|o| data(3, *o)).collect();
        assert!(keys.is_sorted());
        assert!(data(3, i64::MAX) < data(4, 0));
        assert_eq!(offset_of(&data(3, 70_000)), Some(70_000));
        assert_eq!(offset_of(&tombstone(3, 7)), Some(7));
        assert_eq!(offset_of(b"short"), None);
    }

    #[test]
    fn a_groups_key_names_its_topic() {
        for partition in [0, 1, 0x0062_6172, i32::MAX] {
            let key = group("g", "bars", partition);
            assert!(key.starts_with(&groups("g", "bars")));
            assert!(is_group_of(&key, "bars"));
            assert!(!is_group_of(&key, "ars") && !is_group_of(&key, "g") && !is_group_of(&key, "bar"));
        }
        assert!(!is_group_of(b"abc", "bars"));
    }
}
