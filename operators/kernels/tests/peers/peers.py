"""Runs the cases of `cases.rs` through backtesting.py, vectorbt and backtrader and writes what they traded.

    python3.11 -m venv venv && venv/bin/pip install -r requirements.txt
    venv/bin/python peers.py FOLDER-WITH-BTCUSDT-1h-2025-0[345].csv golden/ [ENGINE ...]

Input: hourly BTCUSDT bars of Binance's public archive, 2025-03 to 2025-05 (2,208 bars). Signals are computed here,
in plain Python, and by the test in the same order of operations, so that all engines are asked the same question.
Output: one file per engine; a line is `case,side,qty,entry bar,entry price,exit bar,exit price,net pnl`.

A case is `sma-both-open-fee-limit_stop`: the cross, the sides, where market orders fill, the fee, and words that say
what else is asked; `CASES` lists them per engine. The words:

    stop target trail       protective levels around the signal's close; `trail` follows closes (vectorbt: highs)
    tight                   stop and target so near that the bar of entry often reaches them
    limit buystop           resting entries; a new signal withdraws what waits
    stoplimit pullback      stop-limit entries: the limit beyond the stop, or before it
    exitlimit exitstop      resting exits in place of market exits; no entry before they have filled
    only                    entries without exit signals
    net                     entries of 10 long and 4 short without exits: one nets the other
    half full cash          sizes from money: half of it, all but 1e-9, all (vectorbt's `inf`)
    poor                    10 units with an account that cannot always pay them
    slip                    slippage, in each engine's own way
"""

import csv
import glob
import os
import sys
import warnings

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")

STOP, TARGET, TRAIL = 0.98, 1.03, 0.98
# For longs; shorts have them mirrored around the close.
LIMIT, STOP_ENTRY, BEYOND, BEFORE = 0.995, 1.005, 1.006, 1.003
TIGHT_STOP, TIGHT_TARGET = 0.993, 1.007
RICH, POOR, SHARE = 10_000_000_000.0, 850_000.0, {"half": 0.5, "full": 0.999999999}
SLIP = {"backtesting_py": 0.001, "vectorbt": 0.001, "backtrader": 0.002}


def level(close, share, side):
    return close * share if side > 0 else close * (2.0 - share)


def protection(words):
    return (TIGHT_STOP, TIGHT_TARGET) if "tight" in words else (STOP, TARGET)


def units(side, words):
    return 4 if "net" in words and side < 0 else 10


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


def with_backtesting(rows, kind, sides, at, fee, words):
    from backtesting import Backtest, Strategy

    up, down = crosses(kind, [row[4] for row in rows])
    index = pd.to_datetime([row[0] for row in rows], unit="us")
    frame = pd.DataFrame([row[1:] for row in rows], columns=["Open", "High", "Low", "Close", "Volume"], index=index)
    resting_exits = words & {"exitlimit", "exitstop"}
    stop, target = protection(words)

    class Cross(Strategy):
        def init(self):
            pass

        def enter(self, side, close):
            self.withdraw()
            kw = {"size": 0.5 if "half" in words else units(side, words)}
            if words & {"stop", "trail"}:
                kw["sl"] = level(close, stop, side)
            if "target" in words:
                kw["tp"] = level(close, target, side)
            if "limit" in words:
                kw["limit"] = level(close, LIMIT, side)
            if words & {"buystop", "stoplimit", "pullback"}:
                kw["stop"] = level(close, STOP_ENTRY, side)
            if words & {"stoplimit", "pullback"}:
                kw["limit"] = level(close, BEYOND if "stoplimit" in words else BEFORE, side)
            (self.buy if side > 0 else self.sell)(**kw)

        def leave(self, side, close):
            if "net" in words:
                return
            if not resting_exits:
                self.position.close()
                return
            self.withdraw()
            at_limit = {"limit": level(close, STOP_ENTRY, side)}
            at_stop = {"stop": level(close, LIMIT, side)}
            kw = at_limit if "exitlimit" in words else at_stop
            (self.sell if side > 0 else self.buy)(size=10, **kw)

        def withdraw(self):
            for order in list(self.orders):
                if order.parent_trade is None:
                    order.cancel()

        def follow(self, close):
            for trade in self.trades:
                at = level(close, TRAIL, 1 if trade.is_long else -1)
                if at > trade.sl if trade.is_long else at < trade.sl:
                    trade.sl = at

        def next(self):
            i = len(self.data) - 1
            close = float(self.data.Close[-1])
            if "trail" in words:
                self.follow(close)
            for signal, side in ((up[i], 1), (down[i], -1)):
                if not signal:
                    continue
                held = int(np.sign(self.position.size))
                if held == -side:
                    self.leave(held, close)
                if held != side and (side > 0 or sides == "both") and not (resting_exits and held):
                    self.enter(side, close)

    cash = POOR if "poor" in words else RICH / 1000 if "half" in words else RICH
    spread = SLIP["backtesting_py"] if "slip" in words else 0.0
    test = Backtest(frame, Cross, cash=cash, commission=fee, spread=spread, trade_on_close=at == "close")
    trades = test.run()["_trades"]
    for t in trades.sort_values(["ExitBar", "EntryBar"], kind="stable").itertuples():
        side = "long" if t.Size > 0 else "short"
        yield side, abs(t.Size), t.EntryBar, t.EntryPrice, t.ExitBar, t.ExitPrice, t.PnL


def with_vectorbt(rows, kind, sides, at, fee, words):
    import vectorbt as vbt

    o, h, l, c = (np.array([row[k] for row in rows]) for k in (1, 2, 3, 4))
    up, down = (np.array(x) for x in crosses(kind, list(c)))
    stop, target = protection(words)
    price, kw = c, {}
    if at == "open":
        # Stops count from the fill, as they do at the close.
        up, down, price = np.roll(up, 1), np.roll(down, 1), o
        kw["stop_entry_price"] = "price"
    if "stop" in words:
        kw["sl_stop"] = 1.0 - stop
    if "target" in words:
        kw["tp_stop"] = target - 1.0
    if "trail" in words:
        kw.update(sl_stop=1.0 - TRAIL, sl_trail=True)
    kw.update(size=10.0, init_cash=POOR if "poor" in words else RICH)
    if "cash" in words:
        kw.update(size=np.inf, init_cash=10_000.0)
    if "slip" in words:
        kw["slippage"] = SLIP["vectorbt"]
    if sides == "both":
        kw.update(short_entries=down, upon_opposite_entry="reverse")
    elif "only" not in words:
        kw.update(exits=down)
    frame = vbt.Portfolio.from_signals(
        c, entries=up, price=price, open=o, high=h, low=l, fees=fee, freq="1h", **kw
    )
    records = frame.trades.records
    for t in records.sort_values(["exit_idx", "entry_idx"], kind="stable").itertuples():
        if t.status == 1:
            side = "long" if t.direction == 0 else "short"
            yield side, t.size, t.entry_idx, t.entry_price, t.exit_idx, t.exit_price, t.pnl


def with_backtrader(rows, kind, sides, at, fee, words):
    import backtrader as bt

    up, down = crosses(kind, [row[4] for row in rows])
    index = pd.to_datetime([row[0] for row in rows], unit="us")
    frame = pd.DataFrame([row[1:] for row in rows], columns=["open", "high", "low", "close", "volume"], index=index)
    resting_exits = words & {"exitlimit", "exitstop"}
    stop, target = protection(words)
    share = next((SHARE[word] for word in words & set(SHARE)), None)
    done = []

    class Cross(bt.Strategy):
        def __init__(self):
            self.waiting, self.held = [], None

        def notify_order(self, order):
            if order.status != order.Completed:
                return
            # A fill at the signal's close is reported with the next bar.
            e, i = order.executed, len(self) - 1 - (at == "close")
            left, price = e.size, e.price
            if self.held and self.held[0] * left < 0:
                held, entry_bar, entry_price = self.held
                size = np.sign(held) * min(abs(held), abs(left))
                pnl = size * (price - entry_price) - abs(size) * (entry_price + price) * fee
                done.append(("long" if size > 0 else "short", abs(size), entry_bar, entry_price, i, price, pnl))
                self.held, left = (held - size, entry_bar, entry_price) if held != size else None, left + size
            if left:
                self.held = (left, i, price)

        def withdraw(self):
            for order in self.waiting:
                self.cancel(order)
            self.waiting = []

        def units(self, side, close):
            if share is None:
                return units(side, words)
            # Of what is there once the position has been sold at this close, fees included.
            money = self.broker.getvalue() - abs(self.position.size) * close * fee
            return money * share / (close * (1.0 + fee))

        def enter(self, side, close):
            self.withdraw()
            kw = {"size": self.units(side, close), "exectype": bt.Order.Market}
            children = {"stopexec": None, "limitexec": None}
            if "limit" in words:
                kw.update(exectype=bt.Order.Limit, price=level(close, LIMIT, side))
            if "buystop" in words:
                kw.update(exectype=bt.Order.Stop, price=level(close, STOP_ENTRY, side))
            if "stoplimit" in words:
                limit = level(close, BEYOND, side)
                kw.update(exectype=bt.Order.StopLimit, price=level(close, STOP_ENTRY, side), plimit=limit)
            if "stop" in words:
                children.update(stopexec=bt.Order.Stop, stopprice=level(close, stop, side))
            if "trail" in words:
                children.update(stopexec=bt.Order.StopTrail, stopargs={"trailpercent": 1.0 - TRAIL})
            if "target" in words:
                children.update(limitexec=bt.Order.Limit, limitprice=level(close, target, side))
            if children["stopexec"] is None and children["limitexec"] is None:
                self.waiting = [(self.buy if side > 0 else self.sell)(**kw)]
            else:
                orders = (self.buy_bracket if side > 0 else self.sell_bracket)(**kw, **children)
                self.waiting = [order for order in orders if order]

        def leave(self, side, close):
            if "net" in words:
                return
            self.withdraw()
            if not resting_exits:
                self.close()
                return
            at_limit = {"exectype": bt.Order.Limit, "price": level(close, STOP_ENTRY, side)}
            at_stop = {"exectype": bt.Order.Stop, "price": level(close, LIMIT, side)}
            kw = at_limit if "exitlimit" in words else at_stop
            self.waiting = [(self.sell if side > 0 else self.buy)(size=10, **kw)]

        def next(self):
            i, close, held = len(self) - 1, self.data.close[0], int(np.sign(self.position.size))
            for signal, side in ((up[i], 1), (down[i], -1)):
                if not signal:
                    continue
                if held == -side:
                    self.leave(held, close)
                if held != side and (side > 0 or sides == "both") and not (resting_exits and held):
                    self.enter(side, close)

    cerebro = bt.Cerebro(stdstats=False)
    cerebro.adddata(bt.feeds.PandasData(dataname=frame))
    cerebro.addstrategy(Cross)
    cerebro.broker.setcash(POOR if "poor" in words else RICH / 1000 if share else RICH)
    cerebro.broker.setcommission(commission=fee)
    if "slip" in words:
        cerebro.broker.set_slippage_perc(SLIP["backtrader"])
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


ENGINES = {"backtesting_py": with_backtesting, "vectorbt": with_vectorbt, "backtrader": with_backtrader}

# The words, then what is not asked: a cross, a side, a fill or a fee. The documentation says why.
RESTING = ["limit", "limit_stop", "limit_target", "limit_stop_target", "buystop", "buystop_stop", "buystop_target",
           "buystop_stop_target", "stoplimit", "stoplimit_stop_target", "exitlimit", "exitstop",
           "limit_stop_target_tight", "buystop_stop_tight", "buystop_target_tight", "stoplimit_stop_target_tight"]
PROTECTIVE = ["none", "stop", "target", "stop_target", "stop_target_tight", "trail", "trail_target"]
CASES = {
    "backtesting_py": [
        *((words, "") for words in PROTECTIVE + RESTING),
        ("pullback", ""), ("half", "sma"), ("poor", "sma"), ("net", "sma long"),
        ("slip", "sma"), ("slip_stop_target", "sma"), ("slip_buystop", "sma"),
    ],
    "vectorbt": [
        ("none", ""),
        *((words, "open") for words in PROTECTIVE[1:]),
        *((words, "close both") for words in ("only_stop", "only_target", "only_stop_target", "only_stop_target_tight")),
        ("cash", "both"), ("poor", "sma both"), ("only_slip_stop_target", "sma open both"),
    ],
    "backtrader": [
        ("none", ""),
        *((words, "close") for words in PROTECTIVE[1:] + RESTING + ["buystop_stop_target_tight"]),
        ("half", "sma close"), ("full", "close both"), ("poor", "sma close both"), ("net", "sma close long"),
        ("slip", "sma close"), ("slip_stop_target", "sma close"), ("slip_buystop", "sma close"),
    ],
}


def cases(engine):
    for words, without in CASES[engine]:
        for kind in ("sma", "ema"):
            for sides in ("long", "both"):
                for at in ("open", "close"):
                    for fee in ("fee", "free"):
                        if not {kind, sides, at, fee} & set(without.split()):
                            yield kind, sides, at, fee, words


def main(folder, out, engines):
    rows = bars(folder)
    if "vectorbt" in engines:
        statistics(rows, out)
    for engine in engines:
        with open(os.path.join(out, engine + ".csv"), "w") as file:
            for kind, sides, at, fee, words in cases(engine):
                name, count = "-".join([kind, sides, at, fee, words]), 0
                rate = 0.001 if fee == "fee" else 0.0
                for side, qty, i, entry, j, exit, pnl in ENGINES[engine](rows, kind, sides, at, rate, set(words.split("_"))):
                    numbers = [f"{x:.13g}" for x in (qty, entry, exit, pnl)]
                    values = [side, numbers[0], i, numbers[1], j, *numbers[2:]]
                    file.write(",".join(map(str, [name] + values)) + "\n")
                    count += 1
                print(engine, name, count, flush=True)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:] or list(ENGINES))
