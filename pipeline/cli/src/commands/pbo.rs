//! `pbo`: the probability of backtest overfitting, of a sweep, or of a file or table of returns.

use crate::{
    args::PboArgs,
    exit::usage,
    settings::Settings,
    talk::print,
    wiring::{
        self,
        research::{Overfit, of_file, of_sets, of_table},
    },
};
use std::{path::Path, process::ExitCode};

pub(super) async fn pbo(args: &PboArgs, settings: &Settings) -> anyhow::Result<ExitCode> {
    let path = Path::new(&args.of);
    let mut sets = if path.exists() { of_file(path)? } else { of_sets(&wiring::lake(settings)?, &args.of).await? };
    if sets.is_empty() {
        sets = of_table(&wiring::lake(settings)?, &args.of).await?;
    }
    if sets.is_empty() {
        return Err(usage(format!("{} is neither a file nor a sweep or table of this lake with rows", args.of)));
    }
    let found = Overfit::of(&sets).ok_or_else(|| usage(format!("{} has one set: nothing to choose from", args.of)))?;
    print(&format!("pbo     {}", found.line()))?;
    print(&format!("splits  {}", found.found.splits))?;
    Ok(ExitCode::SUCCESS)
}
