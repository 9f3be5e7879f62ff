#!/usr/bin/env python3
"""Digests by hand: the rules of digest.md once more, in a language that shares no code with the engine.

`python3 docs/digest.py` computes the example of digest.md and prints its chains and its run digest. `chain` and `run` take
rows of one's own. Nothing is needed but Python 3.8. Slow, and meant to be read.
"""

import struct

# BLAKE3, plain hash of up to 2^32 bytes: https://github.com/BLAKE3-team/BLAKE3-specs
IV = [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19]
ORDER = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]
START, END, PARENT, ROOT = 1, 2, 4, 8
MASK = 0xFFFFFFFF


def compress(state, block, counter, length, flags):
    v = state + IV[:4] + [counter & MASK, counter >> 32, length, flags]
    m = list(struct.unpack("<16I", block.ljust(64, b"\0")))

    def mix(a, b, c, d, x, y):
        for word, first, second in ((x, 16, 12), (y, 8, 7)):
            v[a] = (v[a] + v[b] + word) & MASK
            v[d] = rotate(v[d] ^ v[a], first)
            v[c] = (v[c] + v[d]) & MASK
            v[b] = rotate(v[b] ^ v[c], second)

    for turn in range(7):
        mix(0, 4, 8, 12, m[0], m[1])
        mix(1, 5, 9, 13, m[2], m[3])
        mix(2, 6, 10, 14, m[4], m[5])
        mix(3, 7, 11, 15, m[6], m[7])
        mix(0, 5, 10, 15, m[8], m[9])
        mix(1, 6, 11, 12, m[10], m[11])
        mix(2, 7, 8, 13, m[12], m[13])
        mix(3, 4, 9, 14, m[14], m[15])
        m = [m[i] for i in ORDER]
    return [v[i] ^ v[i + 8] for i in range(8)]


def rotate(word, by):
    return (word >> by | word << (32 - by)) & MASK


def blake3(data):
    def tree(part, counter, root):
        if len(part) <= 1024:
            state, blocks = IV, [part[i : i + 64] for i in range(0, len(part), 64)] or [b""]
            for i, block in enumerate(blocks):
                last = i == len(blocks) - 1
                flags = (START if i == 0 else 0) | (END | root if last else 0)
                state = compress(state, block, counter, len(block), flags)
            return state
        left = 1024  # the largest power of two of whole chunks that leaves something for the right
        while left * 2 < len(part):
            left *= 2
        both = tree(part[:left], counter, 0) + tree(part[left:], counter + left // 1024, 0)
        return compress(IV, struct.pack("<16I", *both), 0, 64, PARENT | root)

    return struct.pack("<8I", *tree(data, 0, ROOT))


def value(kind, v):
    """The canonical bytes of one value; None is NULL."""
    if v is None:
        return b"\0"
    if kind == "Float64":
        if v != v:
            return b"\1" + (0x7FF8000000000000).to_bytes(8, "little")
        return b"\1" + struct.pack("<d", 0.0 if v == 0 else v)
    if kind == "Utf8":
        text = v.encode()
        return b"\1" + struct.pack("<I", len(text)) + text
    if kind == "Boolean":
        return b"\1" + (b"\1" if v else b"\0")
    if kind.startswith("Decimal128"):
        return b"\1" + v.to_bytes(16, "little", signed=True)  # the scaled integer
    if kind == "Int32":
        return b"\1" + struct.pack("<i", v)
    return b"\1" + struct.pack("<q", v)  # Int64, and microseconds of a Timestamp


def chain(output, key, columns, rows):
    """The chain of an output and key. `columns`: names and types; `rows`: their values."""
    columns = [(i, name, kind) for i, (name, kind) in enumerate(columns) if name != "run_id"]
    start = b"candleflow.chain.1\0" + output.encode() + b"\0" + key.encode()
    for _, name, kind in columns:
        start += b"\0" + name.encode() + b"\0" + kind.encode()
    h, block = blake3(start), b""
    for row in rows:
        block += b"".join(value(kind, row[i]) for i, _, kind in columns)
        if len(block) >= 4096:
            h, block = blake3(h + block), b""
    return blake3(h + block) if block else h


def run(pipeline, chains):
    """The digest of a run. `chains`: output, key, number of rows, chain."""
    data = b"candleflow.run.1\0" + pipeline.encode() + b"\0"
    for output, key, rows, h in sorted(chains, key=lambda c: (c[0].encode(), c[1].encode())):
        data += output.encode() + b"\0" + key.encode() + b"\0" + struct.pack("<Q", rows) + h
    return blake3(data)


def example():
    columns = [
        ("run_id", "Utf8"),
        ("symbol", "Utf8"),
        ("time", 'Timestamp(µs, "UTC")'),
        ("x", "Float64"),
        ("m", "Decimal128(38, 18)"),
        ("t", "Boolean"),
        ("n", "Int64"),
    ]

    def row(i):
        x = None if i % 11 == 3 else float("nan") if i % 50 == 7 else -0.0 if i == 24 else i / 8 - 3
        return ["any", "BTCUSDT", 1619308860000000 + i * 60000000, x, 1 - i * 10**18, i % 3 == 0, None if i == 0 else -i]

    rows = [row(i) for i in range(200)]
    return [("trades", "BTCUSDT", columns, rows), ("trades.final", "BTCUSDT", columns, rows[:1]), ("equity", "ETHUSDT", columns, rows[:0])]


if __name__ == "__main__":
    chains = [(output, key, len(rows), chain(output, key, columns, rows)) for output, key, columns, rows in example()]
    for output, key, rows, h in chains:
        print(f"{output} {key} {rows} {h.hex()}")
    print(f"run {run('{}', chains).hex()}")
