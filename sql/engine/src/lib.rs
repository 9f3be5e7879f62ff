//! Pipelines and SQL on DataFusion.
//!
//! [`compile()`] turns a pipeline file into a logical plan per symbol, [`Compiled::chain`] lowers it to the operators of
//! `candleflow-stream`; [`session()`] is the DataFusion session in which both happen.
//! [`query::Sql`] answers read-only SQL over the lake's tables as [`catalog`] shows them.

mod called;
pub mod catalog;
pub mod compile;
pub mod explain;
pub mod lower;
pub mod portfolio;
pub mod project;
pub mod query;

pub use candleflow_functions::{Description, describe as indicators, page as indicators_page};
pub use catalog::lake_session;
pub use compile::{
    Compiled, compile,
    many::{Filter, Many, named},
};
pub use explain::{explain, explain_account};
pub use lower::{Binding, Statics};
pub use portfolio::{Gathering, portfolio};
pub use query::{Answer, Limits, QueryError, Sql};

use datafusion::{
    config::{ConfigOptions, Dialect},
    prelude::{SessionConfig, SessionContext},
};

/// A session with our functions, in which results do not depend on how work is split: no work stealing between files.
pub fn session() -> SessionContext {
    let mut options = ConfigOptions::new();
    options.execution.enable_file_stream_work_stealing = false;
    // It cannot plan a field of a struct above two equal window functions, and no table here has structs to prune.
    options.optimizer.enable_leaf_expression_pushdown = false;
    // In this dialect `interval`, a column of every table of bars, is a name like any other.
    options.sql_parser.dialect = Dialect::PostgreSQL;
    options.execution.time_zone = Some("UTC".into());
    let context = SessionContext::new_with_config(SessionConfig::from(options).with_information_schema(true));
    candleflow_functions::register(&context);
    context
}
