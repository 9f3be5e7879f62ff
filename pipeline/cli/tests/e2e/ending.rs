//! The end of a live run through kill -9: it is recorded before the last rows, and holds whatever is asked for then.

use crate::{
    live::{FROM, PATIENCE, PIPELINE, SINCE, START, bars, digests},
    support::{Home, Running, Said, pause},
};
use std::time::Instant;

/// A market that goes on while the jobs on it end, and its address.
fn market(home: &Home) -> Option<(Running, String)> {
    let files = bars(home)?;
    let mut args = vec!["exchange", "--speed", "1500", "--start", START, "--listen", "127.0.0.1:0", "--replay"];
    args.extend(files.iter().map(String::as_str));
    let exchange = home.start("exchange", &args);
    let url = exchange.line("CANDLEFLOW_EXCHANGE=", PATIENCE);
    Some((exchange, url))
}

fn up(home: &Home, name: &str, files: &[&str], url: &str, to: &str) -> Running {
    let more = ["--exchange", url, "--since", SINCE, "--from", FROM, "--to", to, "--listen", "127.0.0.1:0"];
    home.start(name, &[&["up"], files, &more].concat())
}

/// What a run leaves when it is killed between its last rows and its `runs` row.
fn forget_runs(home: &Home) {
    for table in ["runs", "metrics", "metrics_by_day", "metrics_by_symbol"] {
        std::fs::remove_dir_all(home.path("data/lake").join(table)).unwrap();
    }
}

/// All rows of a run's outputs, without its name.
fn rows(home: &Home, run: &str) -> Vec<String> {
    let of = |table: &str| {
        let sql = format!("select * from {table} where run_id = '{run}'");
        let out = home.run(&["sql", &sql, "--format", "csv"]).good().out.replace(run, "");
        let mut lines: Vec<String> = out.lines().skip(1).map(|line| format!("{table} {line}")).collect();
        lines.sort();
        lines
    };
    ["orders", "trades", "equity"].into_iter().flat_map(of).collect()
}

fn run_ids(said: &Said) -> Vec<String> {
    let id = |line: &str| line.strip_prefix("run ").map(|rest| rest.trim().to_owned());
    said.out.lines().filter_map(id).collect()
}

#[test]
fn a_job_killed_before_its_runs_row_ends_where_it_had_whatever_its_to() {
    let home = Home::new();
    let Some((_exchange, url)) = market(&home) else { return };
    home.write("parity.yaml", PIPELINE);
    let to = "2021-04-25T04:00";
    let first = up(&home, "up1", &["parity.yaml"], &url, to).end(PATIENCE).good();
    forget_runs(&home);
    for (name, other) in [("later", "2021-04-25T06:00"), ("earlier", "2021-04-25T03:00")] {
        let again = up(&home, name, &["parity.yaml"], &url, other).end(PATIENCE).good();
        assert_eq!(
            (again.value("run"), again.value("digest")),
            (first.value("run"), first.value("digest")),
            "{again:?}"
        );
        let told = "had ended before its run was recorded: it ends at 2021-04-25T04:00:00Z, and not at --to";
        assert!(again.err.contains(told), "{again:?}");
        let history = home.run(&["run", "parity.yaml", "--from", FROM, "--to", to]).good();
        assert_eq!(history.value("digest"), first.value("digest"));
        assert_eq!(rows(&home, first.value("run")), rows(&home, history.value("run")), "each row once");
        forget_runs(&home);
    }
}

#[test]
fn a_job_that_was_stopped_and_killed_before_its_runs_row_ends_where_it_was_stopped() {
    let home = Home::new();
    let Some((_exchange, url)) = market(&home) else { return };
    home.write("parity.yaml", PIPELINE);
    let together = PIPELINE.replace("name: parity", "name: together").replace("signals.parity", "signals.together");
    home.write("together.yaml", &together.replace("balance: 10000,", "balance: 10000, scope: portfolio,"));
    let files = ["parity.yaml", "together.yaml"];
    let running = up(&home, "up1", &files, &url, "2021-04-25T11:00");
    let signals = |topic: &str| home.run(&["topics", "peek", topic, "-n", "9999"]).out.lines().count();
    let deadline = Instant::now() + PATIENCE;
    while signals("signals.parity") < 5 || signals("signals.together") < 5 {
        assert!(Instant::now() < deadline, "no signal came");
        pause();
    }
    running.interrupt();
    let first = running.end(PATIENCE).good();
    let (ids, found) = (run_ids(&first), digests(&first));
    assert_eq!((ids.len(), found.len()), (2, 2), "{first:?}");
    let before: Vec<_> = ids.iter().map(|id| rows(&home, id)).collect();
    forget_runs(&home);
    let again = up(&home, "up2", &files, &url, "2021-04-25T11:00").end(PATIENCE).good();
    assert_eq!((run_ids(&again), digests(&again)), (ids.clone(), found), "{again:?}");
    let after: Vec<_> = ids.iter().map(|id| rows(&home, id)).collect();
    assert_eq!(after, before, "each row once");
    for id in &ids {
        let rerun = home.run(&["rerun", id]).good();
        assert!(digests(&first).contains(&rerun.value("digest").to_owned()), "{rerun:?}");
    }
}
