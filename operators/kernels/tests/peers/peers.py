"""Runs the cases of `cases.rs` through backtesting.py, vectorbt and backtrader and writes what they traded.

    python3 -m venv venv && venv/bin/pip install backtesting==0.6.6 vectorbt==1.2.0 backtrader==1.9.78.123
    venv/bin/python peers.py FOLDER-WITH-BTCUSDT-1h-2025-0[345].csv golden/

Input: hourly BTCUSDT bars of Binance's public archive, 2025-03 to 2025-05 (2,208 bars). Signals are computed here,
in plain Python, and by the test in the same order of operations, so that all engines are asked the same question.
Output: one file per engine; a line is `case,side,qty,entry bar,entry price,exit bar,exit price,net pnl`.
"""

import csv
import glob
import os
import sys
import warnings

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")

STOP, TARGET, TRAIL, LIMIT, STOP_ENTRY = 0.98, 1.03, 0.98, 0.995, 1.005


def bars(folder):
    rows = []
    for path in sorted(glob.glob(os.path.join(folder, "BTCUSDT-1h-2025-0[345].csv"))):
        with open(path) as file:
            for row in csv.reader(file):
                time = int(row[0])
                rows.append([time if time > 10**15 else time * 1000] + [float(x) for x in row[1:6]])
    return rows


def sma(close, n):
    out = [float("nan")] * len(close)
    for i in range(n - 1, len(close)):
        total = 0.0
        for x in close[i - n + 1 : i + 1]:
            total += x
        out[i] = total / n
    return out


def ema(close, n):
    alpha, value, out = 2.0 / (n + 1.0), close[0], []
    for x in close:
        value += alpha * (x - value)
        out.append(value)
    return out


def crosses(kind, close):
    fast, slow = (sma(close, 10), sma(close, 30)) if kind == "sma" else (ema(close, 12), ema(close, 26))
    up, down = [False] * len(close), [False] * len(close)
    for i in range(1, len(close)):
        up[i] = fast[i] > slow[i] and fast[i - 1] <= slow[i - 1]
        down[i] = fast[i] < slow[i] and fast[i - 1] >= slow[i - 1]
    return up, down


def with_backtesting(rows, kind, sides, at, fee, exits):
    from backtesting import Backtest, Strategy

    up, down = crosses(kind, [row[4] for row in rows])
    index = pd.to_datetime([row[0] for row in rows], unit="us")
    frame = pd.DataFrame([row[1:] for row in rows], columns=["Open", "High", "Low", "Close", "Volume"], index=index)

    class Cross(Strategy):
        def init(self):
            pass

        def levels(self, close, side):
            kw = {}
            if exits.startswith("stop") or exits.endswith("_stop") or exits == "trail":
                kw["sl"] = close * STOP if side > 0 else close * (2.0 - STOP)
            if "target" in exits:
                kw["tp"] = close * TARGET if side > 0 else close * (2.0 - TARGET)
            return kw

        def enter(self, side, close):
            kw = self.levels(close, side)
            for order in list(self.orders):
                if order.parent_trade is None:
                    order.cancel()
            if exits.startswith("limit"):
                kw["limit"] = close * LIMIT if side > 0 else close * (2.0 - LIMIT)
            if exits.startswith("buystop"):
                kw["stop"] = close * STOP_ENTRY if side > 0 else close * (2.0 - STOP_ENTRY)
            (self.buy if side > 0 else self.sell)(size=10, **kw)

        def next(self):
            i = len(self.data) - 1
            close = float(self.data.Close[-1])
            if exits == "trail":
                for trade in self.trades:
                    level = close * TRAIL if trade.is_long else close * (2.0 - TRAIL)
                    tighter = level > trade.sl if trade.is_long else level < trade.sl
                    if tighter:
                        trade.sl = level
            if up[i]:
                if self.position.is_short:
                    self.position.close()
                if not self.position.is_long:
                    self.enter(1, close)
            elif down[i]:
                if self.position.is_long:
                    self.position.close()
                if sides == "both" and not self.position.is_short:
                    self.enter(-1, close)

    test = Backtest(frame, Cross, cash=10_000_000_000, commission=fee, trade_on_close=at == "close")
    trades = test.run()["_trades"]
    for t in trades.sort_values(["ExitBar", "EntryBar"]).itertuples():
        side = "long" if t.Size > 0 else "short"
        yield side, abs(t.Size), t.EntryBar, t.EntryPrice, t.ExitBar, t.ExitPrice, t.PnL


def with_vectorbt(rows, kind, sides, at, fee, exits):
    import vectorbt as vbt

    o, h, l, c = (np.array([row[k] for row in rows]) for k in (1, 2, 3, 4))
    up, down = (np.array(x) for x in crosses(kind, list(c)))
    price = c
    if at == "open":
        up, down, price = np.roll(up, 1), np.roll(down, 1), o
    kw = {}
    if "stop" in exits:
        kw["sl_stop"] = 1.0 - STOP
    if "target" in exits:
        kw["tp_stop"] = TARGET - 1.0
    if exits == "trail":
        kw.update(sl_stop=1.0 - TRAIL, sl_trail=True)
    if exits == "cash":
        kw.update(size=np.inf, init_cash=10_000.0)
    else:
        kw.update(size=10.0, init_cash=10_000_000_000.0)
    if sides == "both":
        kw.update(short_entries=down, upon_opposite_entry="reverse")
    else:
        kw.update(exits=down)
    frame = vbt.Portfolio.from_signals(
        c, entries=up, price=price, open=o, high=h, low=l, fees=fee, freq="1h", **kw
    )
    records = frame.trades.records
    for t in records.sort_values(["exit_idx", "entry_idx"]).itertuples():
        if t.status == 1:
            side = "long" if t.direction == 0 else "short"
            yield side, t.size, t.entry_idx, t.entry_price, t.exit_idx, t.exit_price, t.pnl


def with_backtrader(rows, kind, sides, at, fee, exits):
    import backtrader as bt

    up, down = crosses(kind, [row[4] for row in rows])
    index = pd.to_datetime([row[0] for row in rows], unit="us")
    frame = pd.DataFrame([row[1:] for row in rows], columns=["open", "high", "low", "close", "volume"], index=index)
    done = []

    class Cross(bt.Strategy):
        def __init__(self):
            self.waiting, self.held = [], None

        def notify_order(self, order):
            if order.status != order.Completed:
                return
            e, i = order.executed, len(self) - 1
            left, price = e.size, e.price
            if self.held and self.held[0] * left < 0:
                size, entry_bar, entry_price, entry_fee = self.held
                fee_out = abs(size) * price * fee
                pnl = size * (price - entry_price) - entry_fee - fee_out
                done.append(("long" if size > 0 else "short", abs(size), entry_bar, entry_price, i, price, pnl))
                self.held, left = None, left + size
            if left:
                self.held = (left, i, price, abs(left) * price * fee)

        def cancel_all(self):
            for order in self.waiting:
                self.cancel(order)
            self.waiting = []

        def enter(self, side, close):
            kw = {"size": 10, "exectype": bt.Order.Market}
            kw["stopexec"] = kw["limitexec"] = None
            if exits.startswith("limit"):
                kw["exectype"] = bt.Order.Limit
                kw["price"] = close * LIMIT if side > 0 else close * (2.0 - LIMIT)
            if exits.startswith("buystop"):
                kw["exectype"] = bt.Order.Stop
                kw["price"] = close * STOP_ENTRY if side > 0 else close * (2.0 - STOP_ENTRY)
            if exits.startswith("stop") or exits.endswith("_stop"):
                kw.update(stopexec=bt.Order.Stop, stopprice=close * STOP if side > 0 else close * (2.0 - STOP))
            if "target" in exits:
                kw.update(limitexec=bt.Order.Limit, limitprice=close * TARGET if side > 0 else close * (2.0 - TARGET))
            if exits == "trail":
                kw.update(stopexec=bt.Order.StopTrail, stopargs={"trailpercent": 1.0 - TRAIL})
            if not kw["stopexec"] and not kw["limitexec"]:
                del kw["stopexec"], kw["limitexec"]
                self.waiting = [(self.buy if side > 0 else self.sell)(**kw)]
            else:
                orders = (self.buy_bracket if side > 0 else self.sell_bracket)(**kw)
                self.waiting = [order for order in orders if order]

        def next(self):
            i, close, size = len(self) - 1, self.data.close[0], self.position.size
            if up[i]:
                if size < 0:
                    self.cancel_all()
                    self.close()
                if size <= 0:
                    self.cancel_all()
                    self.enter(1, close)
            elif down[i]:
                if size > 0:
                    self.cancel_all()
                    self.close()
                if sides == "both" and size >= 0:
                    self.cancel_all()
                    self.enter(-1, close)

    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(bt.feeds.PandasData(dataname=frame))
    cerebro.addstrategy(Cross)
    cerebro.broker.setcash(10_000_000_000)
    cerebro.broker.setcommission(commission=fee)
    if at == "close":
        cerebro.broker.set_coc(True)
    cerebro.run()
    yield from done


def statistics(rows, out):
    """vectorbt's statistics of one run, and of its days, for the metrics of the same run."""
    import vectorbt as vbt

    o, h, l, c = (np.array([row[k] for row in rows]) for k in (1, 2, 3, 4))
    up, down = (np.array(x) for x in crosses("ema", list(c)))
    index = pd.to_datetime([row[0] for row in rows], unit="us")
    frame = vbt.Portfolio.from_signals(
        pd.Series(c, index=index), entries=up, exits=down, open=o, high=h, low=l, fees=0.001, freq="1h",
        sl_stop=1.0 - STOP, tp_stop=TARGET - 1.0, size=np.inf, init_cash=10_000.0,
    )
    equity = frame.value()
    days = equity.resample("1D").last()
    returns = days / days.shift(1).fillna(10_000.0) - 1.0
    stats = returns.vbt.returns(freq="1D", year_freq="365 days")
    trades = frame.trades.closed
    values = {
        "total_return": equity.iloc[-1] / 10_000.0 - 1.0,
        "volatility": stats.annualized_volatility(),
        "sharpe": stats.sharpe_ratio(),
        "sortino": stats.sortino_ratio(),
        "omega": stats.omega_ratio(),
        "max_drawdown_pct": -(equity / np.maximum.accumulate(np.r_[10_000.0, equity.values])[1:] - 1.0).min(),
        "tail_ratio": stats.tail_ratio(),
        "var_95": stats.value_at_risk(),
        "cvar_95": stats.cond_value_at_risk(),
        "trades": trades.count(),
        "winning_trades": trades.winning.count(),
        "losing_trades": trades.losing.count(),
        "win_rate": trades.win_rate(),
        "profit_factor": trades.profit_factor(),
        "expectancy": trades.expectancy(),
        "sqn": trades.sqn(),
        "avg_win": trades.winning.pnl.mean(),
        "avg_loss": trades.losing.pnl.mean(),
        "largest_win": trades.pnl.max(),
        "largest_loss": trades.pnl.min(),
        "avg_trade_pct": trades.returns.mean(),
        "max_win_streak": trades.winning_streak.max(),
        "max_loss_streak": trades.losing_streak.max(),
        "skew": float(((returns - returns.mean()) ** 3).mean() / returns.std(ddof=0) ** 3),
        "kurtosis": float(((returns - returns.mean()) ** 4).mean() / returns.std(ddof=0) ** 4 - 3.0),
        "best_day": returns.max(),
        "worst_day": returns.min(),
        "buy_and_hold_return": c[-1] / c[0] - 1.0,
    }
    with open(os.path.join(out, "statistics.csv"), "w") as file:
        for name, value in values.items():
            file.write(f"{name},{float(value)!r}\n")


ENGINES = {
    "backtesting_py": (with_backtesting, ["none", "stop", "target", "stop_target", "trail", "limit", "limit_stop", "buystop"]),
    "vectorbt": (with_vectorbt, ["none", "stop", "target", "stop_target", "trail", "cash"]),
    "backtrader": (with_backtrader, ["none", "stop", "target", "stop_target", "trail", "limit", "limit_stop", "buystop"]),
}


def expressible(engine, at, sides, exits):
    """Cases whose rules both sides can express; the documentation says why the others cannot."""
    if engine == "vectorbt":
        return (at == "close" or exits == "none") and (exits != "cash" or sides == "long")
    if engine == "backtrader":
        return at == "open"
    return True


def main(folder, out):
    rows = bars(folder)
    statistics(rows, out)
    for engine, (run, variants) in ENGINES.items():
        with open(os.path.join(out, engine + ".csv"), "w") as file:
            for kind in ("sma", "ema"):
                for sides in ("long", "both"):
                    for at in ("open", "close"):
                        for exits in variants:
                            if not expressible(engine, at, sides, exits):
                                continue
                            for fee in (0.001, 0.0):
                                name = "-".join([kind, sides, at, "fee" if fee else "free", exits])
                                count = 0
                                for side, qty, i, entry, j, exit, pnl in run(rows, kind, sides, at, fee, exits):
                                    numbers = [f"{x:.13g}" for x in (qty, entry, exit, pnl)]
                                    values = [side, numbers[0], i, numbers[1], j, *numbers[2:]]
                                    file.write(",".join(map(str, [name] + values)) + "\n")
                                    count += 1
                                print(engine, name, count)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
