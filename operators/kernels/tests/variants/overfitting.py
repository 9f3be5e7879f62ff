"""Probability of backtest overfitting and deflated Sharpe ratios, computed from their definitions with numpy and scipy.

    venv/bin/python overfitting.py > overfitting.csv        # the venv of variants.py

Bailey, Borwein, Lopez de Prado and Zhu (2015): all splits of 16 blocks of rows into halves; the best column of one half
by Sharpe ratio, and its relative rank (ties in the middle) in the other. The Sharpe ratios are those of
Bailey and Lopez de Prado (2014). Output: name,value.
"""

import itertools

import numpy as np
from scipy.stats import norm, rankdata

DAYS, SETS, BLOCKS = 320, 12, 16
returns = np.array([[((d * 7919 + s * 104_729 + d * s * 31) % 1000 - 490 + 3 * s) / 20_000 for s in range(SETS)] for d in range(DAYS)])


def sharpe(rows):
    return rows.mean(axis=0) / rows.std(axis=0, ddof=1)


def pbo():
    blocks, below, ranks = np.split(returns, BLOCKS), 0, []
    for chosen in itertools.combinations(range(BLOCKS), BLOCKS // 2):
        inside = np.concatenate([blocks[b] for b in chosen])
        outside = np.concatenate([blocks[b] for b in range(BLOCKS) if b not in chosen])
        best = int(np.argmax(sharpe(inside)))
        rank = rankdata(sharpe(outside))[best] / (SETS + 1)
        ranks.append(rank)
        below += rank <= 0.5
    return below / len(ranks), float(np.mean(ranks)), len(ranks)


if __name__ == "__main__":
    probability, rank, splits = pbo()
    print(f"probability,{float(probability)!r}\nmean_rank,{rank!r}\nsplits,{splits}")
    daily = sharpe(returns)
    variance = float(daily.var(ddof=1) * 365)
    print(f"variance,{variance!r}")
    for place in (0, 5, 11):
        x = returns[:, place]
        skew, kurtosis = float(((x - x.mean()) ** 3).mean() / x.std() ** 3), float(((x - x.mean()) ** 4).mean() / x.std() ** 4)
        gamma = 0.5772156649015329
        expected = np.sqrt(variance / 365) * ((1 - gamma) * norm.ppf(1 - 1 / SETS) + gamma * norm.ppf(1 - 1 / (SETS * np.e)))
        error = np.sqrt(1 - skew * daily[place] + (kurtosis - 1) / 4 * daily[place] ** 2)
        for name, against in (("probabilistic", 0.0), ("deflated", expected)):
            value = norm.cdf((daily[place] - against) * np.sqrt(DAYS - 1) / error)
            print(f"{name}_{place},{float(value)!r}")
