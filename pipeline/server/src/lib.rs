//! The HTTP API: what runs have done, what the lake holds, and SQL over both.
//!
//! ```text
//!  request ─► around (time, panics, problems, figures) ─► route ─► Sql (threads of its own) ─► lake
//! ```
//! Read-only: nothing here changes anything. Every error is a [`Problem`] (RFC 9457), every route is in the OpenAPI
//! document at `/api/openapi.json`. In JSON decimals are strings, times are RFC 3339 in UTC, what is unknown is null.
//! Loopback by default; there is no authentication here, so whoever listens elsewhere puts a proxy before it.
//!
//! Reading order: `serve`, `app`, `around`, `problem`, `params`, `rows`; then a file per group of routes: `health`, `runs`,
//! `outputs`, `equity`, `klines`, `sql`.

mod app;
mod around;
mod cursor;
mod equity;
mod health;
mod indicators;
mod klines;
mod outputs;
mod params;
mod problem;
mod rows;
mod runs;
mod serve;
mod sql;
mod telemetry;

pub use app::{State, app, openapi};
pub use problem::Problem;
pub use serve::{Running, ServeConfig, ServeError, ServeLimits, serve};
pub use telemetry::recorder;
