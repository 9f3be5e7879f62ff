//! `monte-carlo`: other histories out of the trades or returns of a run.

use crate::{
    args::{Format, MonteCarloArgs, Of},
    settings::Settings,
    talk::say,
    wiring::{
        self,
        research::{self, Drawing, draw},
    },
};
use candleflow_config::research::Drawn;
use std::process::ExitCode;

pub(super) async fn monte_carlo(args: MonteCarloArgs, settings: &Settings) -> anyhow::Result<ExitCode> {
    let lake = wiring::lake(settings)?;
    let of = args.of.map(|of| match of {
        Of::Trades => Drawn::Trades,
        Of::Returns => Drawn::Returns,
    });
    let wish = Drawing { sims: args.sims, seed: args.seed, of, block: args.block };
    let drawn = draw(&lake, &args.run_id, wish).await?;
    research::caution(drawn.caution, args.format)?;
    research::show(&drawn.rows, &(0..0), args.format)?;
    if args.format == Format::Table {
        say(&format!("{} histories of {} {}, seed {}", drawn.sims, drawn.count, drawn.what, drawn.seed));
    }
    Ok(ExitCode::SUCCESS)
}
