"""Direct computation, in extended precision, of what TA-Lib's running sums get wrong by more than 1e-9.

A few of TA-Lib's functions carry sums from bar to bar whose rounding shows: beta where the market hardly moved, and
the Hilbert family, whose four-bar price average runs, where the price stands still (the transforms of a constant are
0, but not those of a constant plus rounding). There the direct computation is the truth.
"""

import numpy as np

LONG = np.longdouble
WAVE, PHASE = 12, 37


def beta(columns, inputs, timeperiod):
    x, y = (columns[name].astype(LONG) for name in inputs)
    n = int(timeperiod)
    returns = [np.diff(v) / v[:-1] for v in (x, y)]
    windows = [np.lib.stride_tricks.sliding_window_view(v, n) for v in returns]
    dx, dy = (w - w.mean(axis=1, keepdims=True) for w in windows)
    xx, xy = (dx * dx).sum(axis=1), (dx * dy).sum(axis=1)
    flat = xx <= LONG(1e-17) * (windows[0] ** 2).sum(axis=1)
    out = np.full(len(x), np.nan)
    out[n:] = np.where(flat, 0, xy / np.where(flat, 1, xx)).astype(float)
    return [out]


def waves(price, skip):
    """Smoothed price, in-phase and quadrature part and period of every bar from `skip` on."""
    p = price.astype(LONG)
    smooth = np.zeros(len(p), LONG)
    smooth[3:] = (4 * p[3:] + 3 * p[2:-1] + 2 * p[1:-2] + p[:-3]) / LONG(10)
    a, b = LONG(0.0962), LONG(0.5769)
    detrended, quadrature, masked = (np.zeros(len(p), LONG) for _ in range(3))
    masked[skip:] = smooth[skip:]
    i2 = q2 = re = im = period = LONG(0)
    rows = []

    def transform(series, at):
        return ((a * series[at] - a * series[at - 6]) - b * series[at - 4]) + b * series[at - 2]

    for t in range(skip, len(p)):
        scale = LONG(0.075) * period + LONG(0.54)
        detrended[t] = transform(masked, t) * scale
        q1 = transform(detrended, t) * scale
        quadrature[t] = q1
        i1 = detrended[t - 3]
        ji = transform(detrended, t - 3) * scale
        jq = transform(quadrature, t) * scale
        before = (i2, q2)
        q2 = LONG(0.2) * (q1 + ji) + LONG(0.8) * before[1]
        i2 = LONG(0.2) * (i1 - jq) + LONG(0.8) * before[0]
        re = LONG(0.2) * (i2 * before[0] + q2 * before[1]) + LONG(0.8) * re
        im = LONG(0.2) * (i2 * before[1] - q2 * before[0]) + LONG(0.8) * im
        last = period
        if im != 0 and re != 0:
            period = 360 / np.degrees(np.arctan(im / re))
        period = min(period, LONG(1.5) * last)
        period = max(period, LONG(0.67) * last)
        period = min(max(period, LONG(6)), LONG(50))
        period = LONG(0.2) * period + LONG(0.8) * last
        rows.append((smooth[t], i1, q1, period))
    return rows


def mama(columns, inputs, fastlimit, slowlimit):
    price = columns[inputs[0]]
    out = [np.full(len(price), np.nan) for _ in range(2)]
    m = f = phase = LONG(0)
    for t, (_, i1, q1, _) in enumerate(waves(price, WAVE), WAVE):
        now = np.degrees(np.arctan(q1 / i1)) if i1 != 0 else LONG(0)
        turned = max(phase - now, LONG(1))
        phase = now
        alpha = max(LONG(fastlimit) / turned, LONG(slowlimit)) if turned > 1 else LONG(fastlimit)
        m = alpha * price[t] + (1 - alpha) * m
        f = alpha / 2 * m + (1 - alpha / 2) * f
        if t >= 32:
            out[0][t], out[1][t] = m, f
    return out


def phase(columns, inputs):
    price = columns[inputs[0]]
    out = np.full(len(price), np.nan, LONG)
    smooth = np.zeros(50 + len(price), LONG)
    period = angle = LONG(0)
    tau = 2 * np.arccos(LONG(-1))
    for t, (s, _, _, p) in enumerate(waves(price, PHASE), PHASE):
        smooth[50 + t] = s
        period = LONG(0.33) * p + LONG(0.67) * period
        bars = int(period + LONG(0.5))
        k = np.arange(bars).astype(LONG) * tau / bars
        newest = smooth[50 + t : 50 + t - bars : -1]
        real, imaginary = (np.sin(k) * newest).sum(), (np.cos(k) * newest).sum()
        if imaginary != 0:
            angle = np.degrees(np.arctan(real / imaginary))
        elif real < 0:
            angle -= 90
        elif real > 0:
            angle += 90
        angle += 90 + 360 / period + (180 if imaginary < 0 else 0)
        angle -= 360 if angle > 315 else 0
        if t >= 63:
            out[t] = angle
    return out


def ht_dcphase(columns, inputs):
    return [phase(columns, inputs).astype(float)]


def ht_sine(columns, inputs):
    angle = phase(columns, inputs)
    return [np.sin(np.radians(angle + ahead)).astype(float) for ahead in (0, 45)]


def ma(columns, inputs, timeperiod, matype):
    if matype != 7 or timeperiod == 1:
        return None
    return mama(columns, inputs, 0.5, 0.05)[:1]


FUNCTIONS = {"BETA": beta, "MAMA": mama, "MA": ma, "HT_DCPHASE": ht_dcphase, "HT_SINE": ht_sine}


def corrected(function, columns, inputs, parameters, theirs):
    """TA-Lib's columns with the direct value where they are off, and how many rows that were."""
    if function not in FUNCTIONS:
        return theirs, [0] * len(theirs)
    truth = FUNCTIONS[function](columns, inputs, **parameters)
    if truth is None:
        return theirs, [0] * len(theirs)
    made, counts = [], []
    for column, direct in zip(theirs, truth):
        size = np.nanmedian(np.abs(column))
        off = np.abs(column - direct) > 0.5e-9 * np.maximum(np.abs(direct), size)
        made.append(np.where(off, direct, column))
        counts.append(int(off.sum()))
    return made, counts
