//! `pbo`: the probability of backtest overfitting, of a sweep or of a file of returns.

use crate::{
    args::PboArgs,
    exit::usage,
    settings::Settings,
    talk::print,
    wiring::{
        self,
        research::{Overfit, of_file, of_sets},
    },
};
use std::{path::Path, process::ExitCode};

pub(super) async fn pbo(args: &PboArgs, settings: &Settings) -> anyhow::Result<ExitCode> {
    let path = Path::new(&args.of);
    let sets = if path.exists() { of_file(path)? } else { of_sets(&wiring::lake(settings)?, &args.of).await? };
    if sets.is_empty() {
        return Err(usage(format!("{} is neither a file nor a sweep of this lake", args.of)));
    }
    let found = Overfit::of(&sets).ok_or_else(|| usage(format!("{} has one set: nothing to choose from", args.of)))?;
    print(&format!("pbo     {}", found.line()))?;
    print(&format!("splits  {}", found.found.splits))?;
    Ok(ExitCode::SUCCESS)
}
