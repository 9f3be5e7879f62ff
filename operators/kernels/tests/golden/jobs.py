"""Which columns of TA-Lib are golden: data, functions, parameter sets.

Every function runs with its defaults and with two other parameter sets, on three series. Used by generate.py.
"""

import csv
import gzip
import os
from pathlib import Path

import numpy as np
import talib
from talib import abstract


def shared():
    """The folder with the recorded market data."""
    named = os.environ.get("CANDLEFLOW_SHARED")
    if named:
        return Path(named)
    for folder in Path(__file__).resolve().parents:
        for candidate in (folder / "shared", folder.parent / "shared"):
            if (candidate / "data" / "README.md").exists():
                return candidate
    raise SystemExit("no folder with the recorded market data: set CANDLEFLOW_SHARED")


# Name of the series, file below data/.
SERIES = [
    ("btc", "klines_5m/BTCUSDT-5m-2017.csv.gz"),
    ("eth", "klines_1m/ETHUSDT-1m-20210420-20210520.csv.gz"),
    ("btt", "klines_1m/BTTUSDT-1m-20210420-20210520.csv.gz"),
]


def read(file):
    """open, high, low, close, volume, and a made-up column of periods, 1 to 40."""
    with gzip.open(shared() / "data" / file, "rt") as lines:
        rows = [[float(cell) for cell in row[1:6]] for row in list(csv.reader(lines))[1:]]
    columns = dict(zip(("open", "high", "low", "close", "volume"), np.array(rows).T.copy()))
    columns["periods"] = np.array([1.0 + row * 7 % 40 for row in range(len(rows))])
    return columns


# Parameter sets beside the defaults, where halving and doubling does not exercise enough.
SETS = {
    "MA": [{"timeperiod": n, "matype": t} for t in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13) for n in (1, 14)],
    "BBANDS": [dict(timeperiod=5, nbdevup=1.5, nbdevdn=2.5, matype=1), dict(timeperiod=40, nbdevup=3.0, nbdevdn=1.0, matype=3)],
    "APO": [dict(fastperiod=5, slowperiod=9, matype=0), dict(fastperiod=30, slowperiod=10, matype=2)],
    "PPO": [dict(fastperiod=5, slowperiod=9, matype=0), dict(fastperiod=30, slowperiod=10, matype=4)],
    "PVO": [dict(fastperiod=5, slowperiod=9, matype=0), dict(fastperiod=30, slowperiod=10, matype=5)],
    "MACDEXT": [
        dict(fastperiod=5, fastmatype=1, slowperiod=20, slowmatype=2, signalperiod=4, signalmatype=3),
        dict(fastperiod=30, fastmatype=6, slowperiod=10, slowmatype=8, signalperiod=1, signalmatype=0),
    ],
    "STOCH": [
        dict(fastk_period=14, slowk_period=3, slowk_matype=1, slowd_period=5, slowd_matype=2),
        dict(fastk_period=1, slowk_period=1, slowk_matype=0, slowd_period=1, slowd_matype=0),
    ],
    "STOCHF": [dict(fastk_period=14, fastd_period=5, fastd_matype=1), dict(fastk_period=40, fastd_period=1, fastd_matype=2)],
    "STOCHRSI": [
        dict(timeperiod=7, fastk_period=10, fastd_period=5, fastd_matype=1),
        dict(timeperiod=30, fastk_period=1, fastd_period=1, fastd_matype=0),
    ],
    "KDJ": [
        dict(fastk_period=14, slowk_period=5, slowk_matype=0, slowd_period=2, slowd_matype=1),
        dict(fastk_period=1, slowk_period=1, slowk_matype=13, slowd_period=7, slowd_matype=13),
    ],
    "MAVP": [dict(minperiod=5, maxperiod=20, matype=1), dict(minperiod=1, maxperiod=40, matype=2)],
    "MAMA": [dict(fastlimit=0.3, slowlimit=0.1), dict(fastlimit=0.9, slowlimit=0.01)],
    "SAR": [dict(acceleration=0.01, maximum=0.1), dict(acceleration=0.3, maximum=0.2)],
    "SAREXT": [
        dict(startvalue=-3000.0, offsetonreverse=0.01, accelerationinitlong=0.03, accelerationmaxshort=0.1),
        dict(startvalue=0.001, accelerationinitshort=0.5, accelerationshort=0.05, accelerationlong=0.01),
    ],
    "T3": [dict(timeperiod=1, vfactor=0.7), dict(timeperiod=12, vfactor=0.2)],
    "KC": [dict(timeperiod=5, atrperiod=20, nbdev=1.5), dict(timeperiod=50, atrperiod=1, nbdev=-1.0)],
    "SUPERTREND": [dict(timeperiod=2, multiplier=1.0), dict(timeperiod=30, multiplier=0.0)],
    "PERCENTILE": [dict(timeperiod=5, percentile=0.0), dict(timeperiod=100, percentile=87.5)],
    "STDDEV": [dict(timeperiod=2, nbdev=2.0), dict(timeperiod=60, nbdev=-0.5)],
    "VAR": [dict(timeperiod=1, nbdev=1.0), dict(timeperiod=60, nbdev=3.0)],
}


def parameter_sets(function):
    """Defaults first, then the others."""
    defaults = dict(abstract.Function(function).info["parameters"])
    if not defaults:
        return [defaults]
    if function in SETS:
        return [defaults] + [defaults | other for other in SETS[function]]
    if function.startswith("CDL"):
        return [defaults] + [{name: value / 2 for name, value in defaults.items()}, {name: 0.0 for name in defaults}]
    short = {name: max(2, int(value) // 2) for name, value in defaults.items()}
    long = {name: int(value) * 3 + 1 for name, value in defaults.items()}
    return [defaults, short, long]


def inputs(function):
    """Names of the columns that the function takes, in order."""
    names = []
    for value in abstract.Function(function).info["input_names"].values():
        names += [value] if isinstance(value, str) else value
    return names


def outputs(function, columns, parameters):
    """TA-Lib's columns, in order, as float64; NaN before the first value, also where TA-Lib writes 0."""
    made = getattr(talib, function)(*[columns[name] for name in inputs(function)], **parameters)
    made = made if isinstance(made, tuple) else (made,)
    lookback = abstract.Function(function, **parameters).lookback
    result = []
    for column in made:
        column = column.astype(np.float64)
        column[:lookback] = np.nan
        result.append(column)
    return result


def functions():
    """All functions of TA-Lib, sorted."""
    return sorted(talib.get_functions())
