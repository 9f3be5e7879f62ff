//! The command line: reads arguments and settings, wires connectors to the runtime, prints.
//!
//! The only crate that knows all the others. Results go to stdout, talk to stderr; exit codes are in [`exit`].

mod args;
mod commands;
mod exit;
mod output;
mod settings;
mod talk;
mod wiring;

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args = args::Args::parse();
    talk::log(args.verbose);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return exit::report(&anyhow::anyhow!("cannot start threads: {error}")),
    };
    let result = runtime.block_on(commands::run(args));
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    match result {
        Ok(code) => code,
        Err(error) => exit::report(&error),
    }
}
