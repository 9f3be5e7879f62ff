//! The lake against a real folder and a real S3 server, with real bars, through crashes.

mod crash;
mod data;
mod klines;
mod model;
mod outputs;
mod proxy;
mod real;
mod s3;
mod sql;
mod upkeep;
