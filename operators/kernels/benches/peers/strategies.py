"""Strategies beside vectorbt and raptorbt: same bars, same signals, results compared before any time is printed.

    python strategies.py drive BENCH-BINARY [BARS-FILE ...]   what `make bench` runs, in a venv with both peers
    python strategies.py vectorbt|raptorbt COLUMNS            the processes that it starts

The driver decodes the bars once into a plain file of columns. Each engine is a process of its own that maps this file,
takes one command per line, and answers one line of JSON; commands alternate between engines, so that what else the
machine does meets all of them. Timed is what a user waits for, from decoded columns in memory to metrics in memory,
indicators included. Processor time is compared; wall time stands beside it.
"""

import gzip
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

for threads in ("NUMBA_NUM_THREADS", "RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[threads] = "1"  # figures are per core
os.environ["RAPTORBT_NO_VERSION_CHECK"] = "1"

import numpy as np

BALANCE, FEE = 10_000.0, 0.0005
RUN = {"bars": 500_000, "fast": 12, "slow": 26}
SWEEP = {"bars": 200_000, "fast": [5 + 2 * i for i in range(20)], "slow": [50 + 2 * i for i in range(50)]}
# Averages begin with the mean of their first bars in two engines and with the first close in one: after this many bars
# nothing of it is left, and no engine trades before.
SILENT = 2_000
# The peers take every 40th of the thousand sets: all of them would take minutes.
PEER_SETS = [(f, s) for f in SWEEP["fast"] for s in SWEEP["slow"]][::40]
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "7"))


# ---------------------------------------------------------------- columns

COLUMNS = ["open_time", "open", "high", "low", "close", "volume"]


def write_columns(path, frame):
    """Little-endian columns one after the other: times in microseconds, prices scaled by 1e8, volume as a double."""
    with open(path, "wb") as out:
        out.write(np.int64(len(frame["open_time"])).tobytes())
        for name in COLUMNS:
            out.write(frame[name].tobytes())


def read_columns(path, last):
    count = int(np.fromfile(path, np.int64, 1)[0])
    at, columns = 8, {}
    for name in COLUMNS:
        kind = np.float64 if name == "volume" else np.int64
        values = np.fromfile(path, kind, count, offset=at)[-last:]
        columns[name] = values if name in ("open_time", "volume") else values / 1e8
        at += 8 * count
    return columns


def bars_of_files(paths):
    import pandas as pd

    frames = []
    for path in paths:
        with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as file:
            header = not file.readline()[:1].isdigit()
        names = None if header else COLUMNS + ["close_time", "quote_volume", "trades", "buy", "buy_quote", "ignore"]
        frame = pd.read_csv(path, header=0 if header else None, names=names)
        frame = frame.rename(columns={"timestamp": "open_time"})
        if frame["open_time"].dtype == object or str(frame["open_time"].dtype).startswith("str"):
            frame["open_time"] = pd.to_datetime(frame["open_time"], format="ISO8601").astype("datetime64[us]").astype("int64")
        elif frame["open_time"].iloc[0] < 10**14:
            frame["open_time"] *= 1000
        frames.append(frame[COLUMNS])
    frame = pd.concat(frames).drop_duplicates("open_time").sort_values("open_time")
    prices = {name: np.rint(frame[name].to_numpy(float) * 1e8).astype(np.int64) for name in COLUMNS[1:5]}
    return {"open_time": frame["open_time"].to_numpy(np.int64), **prices, "volume": frame["volume"].to_numpy(float)}


def seeded_bars(count):
    random = np.random.default_rng(7)
    close = np.rint(30_000 * np.exp(np.cumsum(random.normal(0, 0.0015, count))) * 100)
    opened = np.concatenate([close[:1], close[:-1]])
    spread = np.rint(close * 0.001 * random.random((2, count)))
    prices = {"open": opened, "high": np.maximum(opened, close) + spread[0], "low": np.minimum(opened, close) - spread[1], "close": close}
    prices = {name: (values * 1_000_000).astype(np.int64) for name, values in prices.items()}
    times = np.arange(count, dtype=np.int64) * 300_000_000 + 1_546_300_800_000_000
    return {"open_time": times, **prices, "volume": np.ones(count)}


# ---------------------------------------------------------------- peers


def crosses(fast, slow, silent):
    above, below = fast > slow, fast < slow
    up, down = np.zeros_like(above), np.zeros_like(above)
    up[1:], down[1:] = above[1:] & ~above[:-1], below[1:] & ~below[:-1]
    up[:silent], down[:silent] = False, False
    return up, down


class Vectorbt:
    """Long only, at the next open: signals moved by one bar, orders at the open, equity at the close."""

    def __init__(self, path):
        import pandas as pd
        import vectorbt as vbt

        self.vbt, self.pd = vbt, pd
        self.frames = {}
        for name, part in (("run", RUN), ("sweep", SWEEP)):
            columns = read_columns(path, part["bars"])
            index = pd.to_datetime(columns["open_time"], unit="us")
            self.frames[name] = {k: pd.Series(columns[k], index=index) for k in ("open", "close")}
        self.freq = pd.Timedelta(index[-1] - index[-2])
        self.year = pd.Timedelta(days=365) / self.freq

    def portfolio(self, frame, pairs):
        fast = self.vbt.MA.run(frame["close"], [f for f, _ in pairs], ewm=True, short_name="fast").ma.to_numpy()
        slow = self.vbt.MA.run(frame["close"], [s for _, s in pairs], ewm=True, short_name="slow").ma.to_numpy()
        up, down = crosses(fast.reshape(len(fast), -1), slow.reshape(len(slow), -1), SILENT)
        moved = [np.vstack([np.zeros((1, x.shape[1]), bool), x[:-1]]) for x in (up, down)]
        tile = lambda series: self.pd.DataFrame(np.repeat(series.to_numpy()[:, None], len(pairs), 1), index=series.index)
        return self.vbt.Portfolio.from_signals(
            tile(frame["close"]), entries=moved[0], exits=moved[1], price=tile(frame["open"]), size=np.inf,
            init_cash=BALANCE, fees=FEE, freq=self.freq,
        )

    def four(self, portfolio):
        return [portfolio.total_return(), portfolio.sharpe_ratio(), portfolio.max_drawdown(), portfolio.trades.closed.count()]

    def run(self):
        portfolio = self.portfolio(self.frames["run"], [(RUN["fast"], RUN["slow"])])
        self.last = portfolio, self.four(portfolio)

    def stats(self):
        portfolio = self.portfolio(self.frames["run"], [(RUN["fast"], RUN["slow"])])
        self.last = portfolio, portfolio.stats(column=0)

    def sweep(self):
        self.swept = []
        for at in range(0, len(PEER_SETS), 5):
            portfolio = self.portfolio(self.frames["sweep"], PEER_SETS[at : at + 5])
            self.swept.append((portfolio, self.four(portfolio)))

    def results(self):
        self.run()
        portfolio, four = self.last
        trades = portfolio.trades.closed.records
        self.sweep()
        sets = []
        for portfolio, (returned, _, drawdown, count) in self.swept:
            days = portfolio.value().resample("1D").last().dropna()
            changes = days / days.shift(1).fillna(BALANCE) - 1.0
            sharpe = changes.mean() / changes.std(ddof=1) * 365**0.5
            sets += [list(row) for row in zip(*(x.tolist() for x in (returned, sharpe, -drawdown, count)))]
        self.swept = self.last = None
        columns = ["entry_idx", "exit_idx", "entry_price", "exit_price", "pnl"]
        return {
            "trades": trades[columns].to_numpy(float).tolist(),
            "run": {"total_return": four[0].iloc[0], "max_drawdown_pct": -four[2].iloc[0], "sharpe_of_bars": four[1].iloc[0] / self.year**0.5},
            "sets": sets,
        }


class Raptorbt:
    """Long only, at the next open, with its own average; every run computes all of its metrics."""

    def __init__(self, path):
        import raptorbt

        self.raptorbt = raptorbt
        self.columns = {name: read_columns(path, part["bars"]) for name, part in (("run", RUN), ("sweep", SWEEP))}
        times = self.columns["run"]["open_time"]
        self.year = float(365 * 86_400e6 / (times[-1] - times[-2]))
        self.config = raptorbt.BacktestConfig(
            initial_capital=BALANCE, fees=FEE, slippage=0.0, fill_timing="next_bar_open", periods_per_year=self.year
        )

    def inputs(self, c):
        return c["open_time"], c["open"], c["high"], c["low"], c["close"], c["volume"]

    def signals(self, c, fast, slow):
        return crosses(self.raptorbt.ema(c["close"], fast), self.raptorbt.ema(c["close"], slow), SILENT)

    def run(self):
        c = self.columns["run"]
        up, down = self.signals(c, RUN["fast"], RUN["slow"])
        self.last = self.raptorbt.run_single_backtest(
            *self.inputs(c), up, down, direction=1, weight=1.0, symbol="X", config=self.config
        )
        self.last.metrics.sharpe_ratio

    def sweep(self):
        c = self.columns["sweep"]
        lines = {n: self.raptorbt.ema(c["close"], n) for n in {n for pair in PEER_SETS for n in pair}}
        items = []
        for place, (fast, slow) in enumerate(PEER_SETS):
            up, down = crosses(lines[fast], lines[slow], SILENT)
            items.append(self.raptorbt.BatchSingleItem(str(place), up, down, 1, 1.0, "X"))
        self.swept = self.raptorbt.batch_single_backtest(*self.inputs(c), items, self.config)

    def results(self):
        self.run()
        closed = [t for t in self.last.trades() if t.exit_reason == "Signal"]
        trades = [[t.entry_idx, t.exit_idx, t.entry_price, t.exit_price, t.pnl] for t in closed]
        m = self.last.metrics
        self.sweep()
        order = sorted(self.swept, key=lambda item: int(item[0]))
        sets = []
        for _, r in order:
            ended = sum(t.exit_reason != "Signal" for t in r.trades())
            x = r.metrics
            sets.append([x.total_return_pct / 100, None, x.max_drawdown_pct / 100, x.total_closed_trades - ended])
        self.swept = None
        run = {"total_return": m.total_return_pct / 100, "max_drawdown_pct": m.max_drawdown_pct / 100, "sharpe_of_bars": m.sharpe_ratio / self.year**0.5}
        return {"trades": trades, "run": run, "sets": sets, "count": len(order)}


def serve(engine):
    """One command per line; every answer carries the process's peak memory."""
    for line in sys.stdin:
        command = line.strip()
        answer = {}
        if command == "results":
            answer = engine.results()
        else:
            wall, cpu = time.perf_counter_ns(), time.process_time_ns()
            getattr(engine, command)()
            answer = {"cpu": time.process_time_ns() - cpu, "wall": time.perf_counter_ns() - wall}
        answer["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps(answer), flush=True)


# ---------------------------------------------------------------- driver


class Process:
    """A process that answers commands."""

    def __init__(self, name, command):
        self.name, self.peak = name, 0
        self.times = {}
        self.pipe = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, command):
        print(command, file=self.pipe.stdin, flush=True)
        while True:
            line = self.pipe.stdout.readline()
            if not line:
                raise SystemExit(f"{self.name} ended while it was asked for `{command}`: see above")
            if line.startswith("{"):
                answer = json.loads(line)
                self.peak = answer["peak"]
                return answer

    def time(self, command):
        answer = self.ask(command)
        self.times.setdefault(command, []).append((answer["cpu"] / 1e6, answer["wall"] / 1e6))

    def cpu(self, command):
        return statistics.median(cpu for cpu, _ in self.times[command])

    def line(self, label, command, per=1.0):
        """Median and spread of processor time, and the median of wall time, in milliseconds."""
        cpu = sorted(cpu / per for cpu, _ in self.times[command])
        wall = statistics.median(wall / per for _, wall in self.times[command])
        print(f"  {label:34} {statistics.median(cpu):9.2f} ms  ({cpu[0]:.2f} to {cpu[-1]:.2f}), wall {wall:.2f}")


def near(a, b):
    return abs(a - b) <= 1e-9 * max(abs(a), abs(b), 1.0)


def compare(ours, theirs, name):
    """Trade by trade, and set by set; whatever differs ends the benchmark."""
    for place, (a, b) in enumerate(zip(ours["trades"], theirs["trades"])):
        # A gain is a small difference of large products: its bound is that of what was bought.
        if a[:2] != b[:2] or not all(near(x, y) for x, y in zip(a[2:4], b[2:4])) or abs(a[4] - b[4]) > 1e-9 * BALANCE * 10:
            raise SystemExit(f"trade {place} differs: ours {a}, {name} {b}")
    if len(ours["trades"]) != len(theirs["trades"]):
        raise SystemExit(f"trades: ours {len(ours['trades'])}, {name} {len(theirs['trades'])}")
    for key, value in ours["run"].items():
        if not near(value, theirs["run"][key]):
            raise SystemExit(f"{key} of the run: ours {value}, {name} {theirs['run'][key]}")
    all_sets = [(f, s) for f in SWEEP["fast"] for s in SWEEP["slow"]]
    for pair, set_ in zip(PEER_SETS, theirs["sets"], strict=True):
        for key, a, b in zip(("total return", "Sharpe", "drawdown", "trades"), ours["sets"][all_sets.index(pair)], set_):
            if b is not None and not near(a, b):
                raise SystemExit(f"{key} of set {pair}: ours {a}, {name} {b}")


def verdict(what, value, target, unit):
    met = "met" if value >= target else "NOT met"
    print(f"  {what}: {value:.1f}{unit}, to reach {target}{unit}: {met}")


def drive(bench, files):
    folder = tempfile.mkdtemp(prefix="candleflow-bench-")
    path = os.path.join(folder, "bars")
    if files:
        bars, source = bars_of_files(files), ", ".join(os.path.basename(file) for file in files)
    else:
        bars, source = seeded_bars(RUN["bars"]), "a MADE-UP market of a seed: no recorded bars were found or given"
    if len(bars["open_time"]) < RUN["bars"]:
        raise SystemExit(f"{RUN['bars']:,} bars are needed, the files hold {len(bars['open_time']):,}")
    write_columns(path, bars)
    here = [sys.executable, os.path.abspath(__file__)]
    ours = Process("candleflow", [bench, path])
    vectorbt, raptorbt = (Process(name, here + [name, path]) for name in ("vectorbt", "raptorbt"))
    everyone = [ours, vectorbt, raptorbt]
    try:
        found = [process.ask("results") for process in everyone]
        for theirs, process in zip(found[1:], everyone[1:]):
            compare(found[0], theirs, process.name)
        trades, sets = len(found[0]["trades"]), sum(int(s[3]) for s in found[0]["sets"])
        print(f"\nStrategies, the last bars of {source}")
        print(f"Equal before anything was timed: {trades:,} trades of the run (bars, prices, gains to 1e-9), its return,")
        print(f"drawdown and Sharpe ratio; the same of {len(PEER_SETS)} sets of the sweep; runs and sets bit for bit with the engine.")
        print("Processor time, one thread each, median (least to most); wall time is what this machine's load made of it.")
        for round_ in range(ROUNDS):
            for command in ("run", "sweep", "sweep_all", "engine", "engine_bare", "engine_stops", "values"):
                ours.time(command)
            raptorbt.time("run")
            for command in ("run", "stats"):
                vectorbt.time(command)
            if round_ < 3:
                raptorbt.time("sweep")
                vectorbt.time("sweep")
        peaks = {process.name: process.peak for process in everyone}
        ours.time("sweep_8")
        report(ours, vectorbt, raptorbt, found[0]["metrics"], sets, peaks)
    finally:
        for process in everyone:
            process.pipe.stdin.close()
            process.pipe.wait()
        os.remove(path)
        os.rmdir(folder)


def report(ours, vectorbt, raptorbt, metrics, trades, peaks):
    import importlib.metadata as installed

    versions = {name: installed.version(name) for name in ("vectorbt", "raptorbt")}
    print(f"\nThe run: {RUN['bars']:,} bars, EMA {RUN['fast']} over {RUN['slow']}, from columns to metrics, averages included")
    ours.line(f"candleflow, {metrics} metrics twice", "run")
    raptorbt.line(f"raptorbt {versions['raptorbt']}, its metrics", "run")
    vectorbt.line(f"vectorbt {versions['vectorbt']}, 4 metrics", "run")
    vectorbt.line(f"vectorbt {versions['vectorbt']}, stats()", "stats")
    ours.line("candleflow, bar by bar, every row", "engine")
    ours.line("  with stop and target", "engine_stops")
    verdict("times faster than raptorbt", raptorbt.cpu("run") / ours.cpu("run"), 5, "")
    print(f"  times faster than vectorbt with 4 metrics: {vectorbt.cpu('run') / ours.cpu('run'):.1f}")
    share = 100 * (1 - ours.cpu("engine_bare") / ours.cpu("engine"))
    print(f"  metrics: {share:.1f} % of the engine's time as rows come (to stay below 10 %), and at the end, with what sorts:")
    ours.line("all values of a run", "values")

    bars = SWEEP["bars"]
    count = len(SWEEP["fast"]) * len(SWEEP["slow"])
    print(f"\nThe sweep: {count:,} sets of {bars:,} bars, {trades:,} trades; of each set return, Sharpe, drawdown, trades, as")
    print("`sweep: { metrics: [...] }` of a pipeline file has them computed; ours twice, with open trades marked and closed")
    ours.line(f"candleflow, {count:,} sets", "sweep")
    ours.line(f"candleflow, all {metrics} metrics", "sweep_all")
    for peer in (raptorbt, vectorbt):
        peer.line(f"{peer.name}, {len(PEER_SETS)} sets", "sweep")
    rate = lambda process, sets, command="sweep": sets * bars / process.cpu(command) / 1e3
    for process, sets in ((ours, count), (raptorbt, len(PEER_SETS)), (vectorbt, len(PEER_SETS))):
        print(f"  {process.name:12} {rate(process, sets):8.1f} M bar-evaluations a second on one core")
    print(f"  candleflow with all metrics: {rate(ours, count, 'sweep_all'):.1f}")
    verdict("candleflow", rate(ours, count), 500, " M/s")
    print("\nPeak memory of each process, bars and both works included (resident, high-water mark)")
    for name, peak in peaks.items():
        print(f"  {name:12} {peak / 2**20:7.0f} MiB")
    print(f"  candleflow after a sweep of {8 * count:,} sets: {ours.peak / 2**20:.0f} MiB")


if __name__ == "__main__":
    if sys.argv[1] == "drive":
        drive(sys.argv[2], sys.argv[3:])
    else:
        serve({"vectorbt": Vectorbt, "raptorbt": Raptorbt}[sys.argv[1]](sys.argv[2]))
