//! Nanoseconds a bar of every TA-Lib function: TA-Lib's C, ours over whole columns, ours bar by bar.
//!
//! `cargo bench -p candleflow-kernels --bench indicators -- PYTHON [NAME ...]`, where PYTHON has `ta-lib` and `numpy`
//! (`deploy/dev/bench-indicators` sets it up). Input are 500,000 recorded bars. A function is timed only after its
//! values were found equal to TA-Lib's on every row, within the tolerance of the conformance test. Rounds of the three
//! alternate; a time is the least of the rounds, in processor time of the thread, so that what else runs on the machine
//! counts little; its spread is how far the lower quartile is above it. What is slower by no more than both spreads is as
//! fast. Room for outputs is made once, outside of the measured time, for all three.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a benchmark prints, and stops where it cannot run"
)]

#[path = "../tests/common/mod.rs"]
mod common;

use candleflow_kernels::indicator::{Class, Group, Indicator, lookup};
use common::{Bars, shared};
use cpu_time::ThreadTime;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const ROWS: usize = 500_000;
const ROUNDS: usize = 11;
/// A round of one of the three takes at least so many nanoseconds.
const ROUND: f64 = 3e6;

/// Functions of TA-Lib whose own running sums are off by more than the tolerance on some rows. The conformance test
/// holds ours to a direct computation there; here such rows are counted, and may be one in fifty.
const ROUNDING: &[&str] = &["beta", "ht_dcphase", "ht_sine", "linearreg_angle", "mama"];

type Columns = BTreeMap<&'static str, Vec<f64>>;

/// The last 500,000 five-minute bars of BTCUSDT until the end of 2023.
fn columns(data: &Path) -> Columns {
    let mut bars = Bars::default();
    for year in 2017..=2023 {
        bars.extend(&Bars::read(&data.join(format!("klines_5m/BTCUSDT-5m-{year}.csv.gz"))));
    }
    let from = bars.len().checked_sub(ROWS).unwrap();
    let cut = |column: &[f64]| column[from..].to_vec();
    let rows = 0..ROWS;
    let (high, low, close) = (cut(&bars.high), cut(&bars.low), cut(&bars.close));
    let share = rows.clone().map(|k| if high[k] > low[k] { (close[k] - low[k]) / (high[k] - low[k]) } else { 0.5 });
    let share = share.collect();
    let periods = rows.map(|row| (1 + row * 7 % 40) as f64).collect();
    [
        ("open", cut(&bars.open)),
        ("high", high),
        ("low", low),
        ("close", close),
        ("volume", cut(&bars.volume)),
        ("periods", periods),
        ("share", share),
    ]
    .into()
}

/// TA-Lib in its process.
struct Peer {
    child: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    folder: PathBuf,
}

/// A function as TA-Lib describes it.
struct Function {
    name: String,
    inputs: Vec<String>,
    params: Vec<(String, f64)>,
}

impl Peer {
    fn start(python: &str, columns: &Columns) -> (Peer, Vec<Function>) {
        let folder = std::env::temp_dir().join(format!("candleflow-bench-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        for (name, column) in columns {
            let bytes: Vec<u8> = column.iter().flat_map(|value| value.to_le_bytes()).collect();
            std::fs::write(folder.join(name).with_extension("column"), bytes).unwrap();
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers/talib_c.py");
        let mut command = Command::new(python);
        command.arg(script).arg(&folder).arg(ROWS.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (requests, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut peer = Peer { child, requests, answers, folder };
        let mut functions = Vec::new();
        loop {
            let line = peer.line();
            let cells: Vec<&str> = line.split('\t').collect();
            let &[name, inputs, params] = cells.as_slice() else { break };
            let params = params.split(';').filter_map(|pair| pair.split_once('='));
            functions.push(Function {
                name: name.to_owned(),
                inputs: inputs.split(',').map(str::to_owned).collect(),
                params: params.map(|(name, value)| (name.to_owned(), value.parse().unwrap())).collect(),
            });
        }
        (peer, functions)
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.answers.read_line(&mut line).unwrap() > 0, "the process with TA-Lib ended");
        line.trim_end_matches('\n').to_owned()
    }

    fn ask(&mut self, request: &str) -> u64 {
        writeln!(self.requests, "{request}").unwrap();
        self.requests.flush().unwrap();
        self.line().parse().unwrap()
    }

    /// TA-Lib's columns; NaN before the first value.
    fn values(&mut self, name: &str) -> Vec<Vec<f64>> {
        let count = self.ask(&format!("load {name}"));
        let read = |at| {
            let bytes = std::fs::read(self.folder.join(format!("theirs.{at}"))).unwrap();
            bytes.as_chunks().0.iter().map(|bytes| f64::from_le_bytes(*bytes)).collect()
        };
        (0..count).map(read).collect()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Nanoseconds a call, the mean of some calls.
fn timed(calls: usize, mut work: impl FnMut()) -> f64 {
    let start = ThreadTime::now();
    (0..calls).for_each(|_| work());
    start.elapsed().as_nanos() as f64 / calls as f64
}

/// The least, and how far the lower quartile is above it.
fn least(mut times: Vec<f64>) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    (times[0], times[times.len() / 4] - times[0])
}

/// How far apart two values may be, as in the conformance test.
fn tolerance(indicator: &Indicator, inputs: &[&[f64]], params: &[f64], theirs: &[f64]) -> f64 {
    let size = |column: &[f64]| {
        let mut sizes: Vec<f64> = column.iter().map(|value| value.abs()).filter(|value| value.is_finite()).collect();
        sizes.sort_by(f64::total_cmp);
        sizes.get(sizes.len() / 2).copied().unwrap_or(0.0)
    };
    match (indicator.class, indicator.name) {
        (Class::Exact, _) => 0.0,
        (_, "linearreg_slope") => 1e-9 * size(inputs[0]) / params[0],
        _ => 1e-9 * size(theirs),
    }
}

/// Rows on which ours is not TA-Lib's.
fn differing(indicator: &Indicator, inputs: &[&[f64]], params: &[f64], ours: &[f64], theirs: &[f64]) -> usize {
    let allowed = tolerance(indicator, inputs, params, theirs);
    let relative = if indicator.class == Class::Exact { 0.0 } else { 1e-9 };
    let same =
        |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= allowed.max(relative * b.abs());
    ours.iter().zip(theirs).filter(|&(&a, &b)| !same(a, b)).count()
}

/// What one function took: TA-Lib, whole columns, bar by bar; least and spread in nanoseconds a bar.
struct Line {
    name: String,
    group: Group,
    times: [(f64, f64); 3],
    off: usize,
}

impl Line {
    fn ratio(&self) -> f64 {
        self.times[0].0 / self.times[1].0
    }

    /// Whether columns take longer than TA-Lib, by more than the spread of both.
    fn slower(&self) -> bool {
        let [theirs, ours, _] = self.times;
        ours.0 - theirs.0 > ours.1 + theirs.1
    }
}

fn measure(peer: &mut Peer, function: &Function, columns: &Columns) -> Result<Line, String> {
    let indicator = lookup(&function.name).ok_or("not in the registry")?;
    let named: Vec<(&str, f64)> = function.params.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    let params = indicator.bind(&[], &named).map_err(|error| error.to_string())?;
    let inputs: Vec<&[f64]> = function.inputs.iter().map(|name| columns[name.as_str()].as_slice()).collect();
    let mut made = vec![vec![0.0; ROWS]; indicator.outputs.len()];

    let theirs = peer.values(&function.name);
    run(indicator, &params, &inputs, &mut made, ROWS);
    let off = made.iter().zip(&theirs).map(|(a, b)| differing(indicator, &inputs, &params, a, b)).max().unwrap();
    if theirs.len() != made.len() || off > if ROUNDING.contains(&indicator.name) { ROWS / 50 } else { 0 } {
        return Err(format!("{off} rows differ"));
    }
    let by_bar = made.clone();
    run(indicator, &params, &inputs, &mut made, 1);
    if made.iter().flatten().zip(by_bar.iter().flatten()).any(|(a, b)| a.to_bits() != b.to_bits()) {
        return Err("bar by bar is not as over columns".to_owned());
    }

    let time = |calls| format!("time {calls}");
    let first = [
        peer.ask(&time(1)) as f64,
        timed(1, || run(indicator, &params, &inputs, &mut made, ROWS)),
        timed(1, || run(indicator, &params, &inputs, &mut made, 1)),
    ];
    let calls = first.map(|once| (ROUND / once).ceil() as usize);
    let mut rounds = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        rounds[0].push(peer.ask(&time(calls[0])) as f64);
        rounds[1].push(timed(calls[1], || run(indicator, &params, &inputs, &mut made, ROWS)));
        rounds[2].push(timed(calls[2], || run(indicator, &params, &inputs, &mut made, 1)));
    }
    let bars = ROWS as f64;
    let times = rounds.map(|round| least(round.iter().map(|nanos| nanos / bars).collect()));
    Ok(Line { name: function.name.clone(), group: indicator.group, times, off })
}

/// A fresh kernel over all rows, `size` at a time.
fn run(indicator: &Indicator, params: &[f64], inputs: &[&[f64]], made: &mut [Vec<f64>], size: usize) {
    let mut kernel = indicator.make(params).unwrap();
    if size == ROWS {
        let mut slices: Vec<&mut [f64]> = made.iter_mut().map(Vec::as_mut_slice).collect();
        return kernel.run(inputs, &mut slices);
    }
    const WIDEST: usize = 5;
    let (none, outputs): (&[f64], usize) = (&[], made.len());
    for row in 0..ROWS {
        let mut x = [none; WIDEST];
        let mut y: [&mut [f64]; WIDEST] = std::array::from_fn(|_| Default::default());
        for (x, input) in x.iter_mut().zip(inputs) {
            *x = &input[row..=row];
        }
        for (y, output) in y.iter_mut().zip(made.iter_mut()) {
            *y = &mut output[row..=row];
        }
        kernel.run(&x[..inputs.len()], &mut y[..outputs]);
    }
}

fn mean_ratio<'a>(lines: impl Iterator<Item = &'a Line>) -> f64 {
    let (sum, count) = lines.fold((0.0, 0.0), |(sum, count), line| (sum + libm::log(line.ratio()), count + 1.0));
    libm::exp(sum / count)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let Some((python, wanted)) = arguments.split_first() else {
        return eprintln!("skipped: say which Python has ta-lib and numpy, or run deploy/dev/bench-indicators");
    };
    let Some(shared) = shared() else { return };
    let columns = columns(&shared.join("data"));
    let (mut peer, functions) = Peer::start(python, &columns);
    let named = |function: &&Function| wanted.is_empty() || wanted.iter().any(|name| function.name.starts_with(name));

    println!(
        "ns a bar, {ROWS} bars, processor time, least of {ROUNDS} rounds + distance of the lower quartile; ratio = TA-Lib / ours"
    );
    println!(
        "{:<20} {:>16} {:>16} {:>7} {:>16} {:>7}",
        "function", "TA-Lib", "columns", "ratio", "bar by bar", "ratio"
    );
    let (mut lines, mut wrong) = (Vec::new(), Vec::new());
    for function in functions.iter().filter(named) {
        match measure(&mut peer, function, &columns) {
            Ok(line) => {
                let [theirs, ours, by_bar] = line.times.map(|(time, spread)| format!("{time:.2} + {spread:.2}"));
                let slow = line.times[0].0 / line.times[2].0;
                let note = if line.off > 0 { format!("  {} rows off", line.off) } else { String::new() };
                println!(
                    "{:<20} {theirs:>16} {ours:>16} {:>7.2} {by_bar:>16} {slow:>7.2}{note}",
                    line.name,
                    line.ratio()
                );
                lines.push(line);
            }
            Err(error) => wrong.push(format!("{}: {error}", function.name)),
        }
    }
    let groups: BTreeMap<String, Group> = lines.iter().map(|line| (line.group.to_string(), line.group)).collect();
    println!("geometric mean of the ratio over columns: {:.2} of {} functions", mean_ratio(lines.iter()), lines.len());
    for (name, group) in groups {
        let of_group: Vec<&Line> = lines.iter().filter(|line| line.group == group).collect();
        println!("  {name:<12} {:>6.2} of {}", mean_ratio(of_group.iter().copied()), of_group.len());
    }
    let (slower, close): (Vec<&Line>, Vec<&Line>) =
        lines.iter().filter(|line| line.ratio() < 1.0).partition(|line| line.slower());
    println!("slower than TA-Lib over columns: {}; by no more than the spread: {}", slower.len(), close.len());
    for line in slower {
        println!("  {:<20} {:.2}", line.name, line.ratio());
    }
    assert!(wrong.is_empty(), "not timed, since the values are not TA-Lib's:\n{}", wrong.join("\n"));
}
