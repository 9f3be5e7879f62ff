"""Writes columns.tsv and values.bin: what TA-Lib computes on recorded market data.

    python -m venv v && v/bin/pip install ta-lib==0.8.2 numpy && v/bin/python generate.py [function ...]

A line of columns.tsv is one output of one function with one parameter set on one series: function, parameters,
input columns, series, output, first row with a value, hash of the bits of all rows (FNV-1a over 64-bit words, every
NaN as 0x7ff8000000000000), number of its record in values.bin or -1, rows on which TA-Lib's rounding is off and the
direct computation (direct.py) stands instead. A record there is 96 little-endian float64: the first 24 values, 40 values spread over the
rest, and for each of 16 equal segments the sum of magnitudes and the sum with signs drawn by row. Patterns have the
hash alone: it covers every bar.
"""

import sys
from pathlib import Path

import numpy as np

import direct
import jobs

HERE = Path(__file__).resolve().parent
FIRST, SPREAD, SEGMENTS = 24, 40, 16


def fnv(column):
    bits = np.where(np.isnan(column), np.nan, column).view(np.uint64).copy()
    bits[np.isnan(column)] = 0x7FF8000000000000
    digest = 0xCBF29CE484222325
    for word in bits.tolist():
        digest = ((digest ^ word) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return digest


def positions(rows):
    """Rows that are written out, given how many there are from the first value on."""
    spread = [FIRST + k * (rows - FIRST - 1) // (SPREAD - 1) for k in range(SPREAD)]
    return list(range(FIRST)) + spread


def record(column, lookback):
    values = column[lookback:]
    rows = np.arange(lookback, len(column), dtype=np.uint64)
    sign = np.where((rows * np.uint64(2654435761)) >> np.uint64(16) & np.uint64(1), 1.0, -1.0)
    finite = np.where(np.isfinite(values), values, 0.0)
    sums = []
    for k in range(SEGMENTS):
        part = slice(k * len(values) // SEGMENTS, (k + 1) * len(values) // SEGMENTS)
        sums += [np.abs(finite[part]).sum(), (finite * sign)[part].sum()]
    return np.concatenate([values[positions(len(values))], sums])


def main():
    lines, records = [], []
    for series, file in jobs.SERIES:
        columns = jobs.read(file)
        for function in jobs.functions():
            for parameters in jobs.parameter_sets(function):
                lookback = jobs.abstract.Function(function, **parameters).lookback
                written = ";".join(f"{name}={value!r}" for name, value in parameters.items())
                theirs = jobs.outputs(function, columns, parameters)
                made, corrected = direct.corrected(function, columns, jobs.inputs(function), parameters, theirs)
                for at, column in enumerate(made):
                    offset = -1
                    if not function.startswith("CDL"):
                        offset = len(records)
                        records.append(record(column, lookback))
                    names = ",".join(jobs.inputs(function))
                    cells = (function.lower(), written, names, series, at, lookback, f"{fnv(column):016x}", offset, corrected[at])
                    lines.append("\t".join(map(str, cells)))
    (HERE / "columns.tsv").write_text("\n".join(lines) + "\n")
    (HERE / "values.bin").write_bytes(np.concatenate(records).astype("<f8").tobytes())
    print(len(lines), "columns of", len(jobs.functions()), "functions", file=sys.stderr)


if __name__ == "__main__":
    main()
