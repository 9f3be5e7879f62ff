//! `serve`: the HTTP API over the lake.

use crate::{args::ServeArgs, settings::Settings, talk::say, wiring};
use candleflow_server::{ServeConfig, serve as start};
use std::process::ExitCode;

pub(super) async fn serve(args: ServeArgs, settings: &Settings) -> anyhow::Result<ExitCode> {
    let lake = wiring::lake(settings)?;
    let cancel = wiring::interrupt();
    let running = start(ServeConfig { listen: args.listen, ..ServeConfig::new(lake) }, cancel).await?;
    say(&format!("HTTP API at http://{} , described at /api/openapi.json", running.addr));
    running.ended().await?;
    Ok(ExitCode::SUCCESS)
}
