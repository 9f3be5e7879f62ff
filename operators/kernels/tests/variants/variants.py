"""Metrics of one made-up run as empyrical, quantstats, vectorbt, backtesting.py and freqtrade give them.

    python3 -m venv venv && venv/bin/pip install empyrical-reloaded==0.7.1 quantstats==0.0.86 vectorbt==1.2.0 backtesting==0.6.6
    venv/bin/pip download --no-deps freqtrade==2026.9 -d wheels   # only its data/metrics.py is used
    venv/bin/python variants.py FOLDER-WITH-freqtrade/data/metrics.py > golden.csv

The run is arithmetic, so that the test makes the same: 400 days, one bar each, and 60 trades. Output: variant,metric,value.
"""

import importlib.util
import os
import sys
import warnings

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")
BALANCE, DAYS, TRADES = 10_000.0, 400, 60
returns = [((i * 7919) % 1000 - 480) / 20_000 for i in range(DAYS)]
nets = [((i * 104_729) % 2000 - 900) / 10 for i in range(TRADES)]
costs = [1_000 + 10 * i for i in range(TRADES)]

equity, value = [], BALANCE
for change in returns:
    value *= 1 + change
    equity.append(value)
index = pd.date_range("2024-01-01", periods=DAYS, freq="D")
days = pd.Series(returns, index=index)
percents = pd.Series([net / cost for net, cost in zip(nets, costs)])


def empyrical():
    import empyrical as e

    return {
        "total_return": e.cum_returns_final(days), "cagr": e.annual_return(days), "volatility": e.annual_volatility(days),
        "sharpe": e.sharpe_ratio(days), "sortino": e.sortino_ratio(days), "calmar": e.calmar_ratio(days),
        "omega": e.omega_ratio(days), "max_drawdown_pct": -e.max_drawdown(days), "tail_ratio": e.tail_ratio(days),
        "var_95": e.value_at_risk(days), "cvar_95": e.conditional_value_at_risk(days),
    }


def quantstats():
    import quantstats.stats as q

    return {
        "total_return": q.comp(days), "cagr": q.cagr(days), "volatility": q.volatility(days), "sharpe": q.sharpe(days),
        "sortino": q.sortino(days), "calmar": q.calmar(days), "omega": q.omega(days), "max_drawdown_pct": -q.max_drawdown(days),
        "ulcer_index": q.ulcer_index(days), "tail_ratio": q.tail_ratio(days), "var_95": q.value_at_risk(days),
        "cvar_95": q.conditional_value_at_risk(days), "skew": q.skew(days), "kurtosis": q.kurtosis(days),
        "best_day": q.best(days), "worst_day": q.worst(days),
    }


def vectorbt():
    import vectorbt  # noqa: F401, it registers the accessor

    r = days.vbt.returns(freq="1D", year_freq="365 days")
    return {
        "total_return": r.total(), "cagr": r.annualized(), "volatility": r.annualized_volatility(), "sharpe": r.sharpe_ratio(),
        "sortino": r.sortino_ratio(), "calmar": r.calmar_ratio(), "omega": r.omega_ratio(), "max_drawdown_pct": -r.max_drawdown(),
        "tail_ratio": r.tail_ratio(), "var_95": r.value_at_risk(), "cvar_95": r.cond_value_at_risk(),
    }


def backtesting_py():
    from backtesting._stats import compute_stats

    class Indicators:
        _indicators = []

    trades = pd.DataFrame({"PnL": nets, "ReturnPct": percents, "EntryBar": range(TRADES), "ExitBar": range(1, TRADES + 1)})
    trades["Duration"] = pd.Timedelta(days=1)
    close = np.linspace(100, 200, DAYS)
    s = compute_stats(trades, np.array(equity), pd.DataFrame({"Close": close}, index=index), Indicators())
    return {
        "total_return": s["Return [%]"] / 100, "cagr": s["CAGR [%]"] / 100, "volatility": s["Volatility (Ann.) [%]"] / 100,
        "sharpe": s["Sharpe Ratio"], "sortino": s["Sortino Ratio"], "calmar": s["Calmar Ratio"],
        "max_drawdown_pct": -s["Max. Drawdown [%]"] / 100, "trades": s["# Trades"], "win_rate": s["Win Rate [%]"] / 100,
        "best_trade_pct": s["Best Trade [%]"] / 100, "worst_trade_pct": s["Worst Trade [%]"] / 100,
        "avg_trade_pct": s["Avg. Trade [%]"] / 100, "profit_factor": s["Profit Factor"], "sqn": s["SQN"],
        "kelly": s["Kelly Criterion"],
    }


def freqtrade(folder):
    spec = importlib.util.spec_from_file_location("metrics", os.path.join(folder, "freqtrade/data/metrics.py"))
    f = importlib.util.module_from_spec(spec)
    sys.modules["metrics"] = f
    spec.loader.exec_module(f)
    trades = pd.DataFrame({"profit_abs": nets, "close_date": index[1 : TRADES + 1]})
    first, last = index[0], index[-1]
    drawdown = f.calculate_max_drawdown(trades, starting_balance=BALANCE)
    won, lost = trades.profit_abs[trades.profit_abs > 0].sum(), -trades.profit_abs[trades.profit_abs < 0].sum()
    return {
        "total_return": sum(nets) / BALANCE, "cagr": f.calculate_cagr((last - first).days, BALANCE, BALANCE + sum(nets)),
        "sharpe": f.calculate_sharpe(trades, first, last, BALANCE), "sortino": f.calculate_sortino(trades, first, last, BALANCE),
        "calmar": f.calculate_calmar(trades, first, last, BALANCE), "max_drawdown": drawdown.drawdown_abs,
        "max_drawdown_pct": drawdown.relative_account_drawdown, "expectancy": f.calculate_expectancy(trades)[0],
        "sqn": f.calculate_sqn(trades, BALANCE), "profit_factor": won / lost,
    }


if __name__ == "__main__":
    found = {
        "empyrical": empyrical(), "quantstats": quantstats(), "vectorbt": vectorbt(), "backtesting_py": backtesting_py(),
        "freqtrade": freqtrade(sys.argv[1]),
    }
    for variant, values in found.items():
        for name, value in values.items():
            print(f"{variant},{name},{float(value)!r}")
