//! Which partition a key belongs to: murmur2 as Kafka's Java client computes it.
//!
//! Both logs use this one function, so a key has the same partition in either, and a topic written here can be joined
//! with one written by any Java client.

const SEED: u32 = 0x9747_b28c;
const M: u32 = 0x5bd1_e995;
const R: u32 = 24;

/// The 32-bit murmur2 hash, `org.apache.kafka.common.utils.Utils.murmur2`.
pub fn murmur2(data: &[u8]) -> i32 {
    // The Java client hashes arrays, whose length is 32 bits.
    let mut h = SEED ^ (data.len() as u32);
    let mut words = data.chunks_exact(4);
    for word in words.by_ref() {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k ^= k >> R;
        h = h.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    let tail = words.remainder();
    if !tail.is_empty() {
        for (i, byte) in tail.iter().enumerate() {
            h ^= u32::from(*byte) << (8 * i);
        }
        h = h.wrapping_mul(M);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    h ^= h >> 15;
    h as i32
}

/// The partition of `key` in a topic of `partitions`: `toPositive(murmur2(key)) % partitions`.
///
/// `partitions` must be above zero, which topic creation guarantees.
pub fn partition_for(key: &[u8], partitions: i32) -> i32 {
    debug_assert!(partitions > 0, "a topic has at least one partition");
    (murmur2(key) & 0x7fff_ffff) % partitions.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of `UtilsTest.testMurmur2` in Apache Kafka.
    #[test]
    fn hashes_as_the_java_client_does() {
        let cases: [(&[u8], i32); 6] = [
            (b"21", -973_932_308),
            (b"foobar", -790_332_482),
            (b"a-little-bit-long-string", -985_981_536),
            (b"a-little-bit-longer-string", -1_486_304_829),
            (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            (b"abc", 479_470_107),
        ];
        for (key, hash) in cases {
            assert_eq!(murmur2(key), hash, "{:?}", String::from_utf8_lossy(key));
        }
    }

    #[test]
    fn partitions_are_never_negative_and_spread() {
        let mut seen = [0u32; 7];
        for i in 0..10_000 {
            let p = partition_for(format!("SYMBOL{i}").as_bytes(), 7);
            seen[usize::try_from(p).unwrap()] += 1;
        }
        assert!(seen.iter().all(|n| *n > 1_000), "{seen:?}");
        // murmur2("21") is negative: the sign bit is masked, not negated.
        assert_eq!(partition_for(b"21", 1_000), (-973_932_308i32 & 0x7fff_ffff) % 1_000);
    }
}
