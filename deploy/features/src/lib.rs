//! Nothing but dependencies.
//!
//! Cargo picks the features of a dependency from the crates that are built together. Without this crate, testing
//! `candleflow-lake` alone would compile DataFusion a second time, because the whole workspace asks for more features
//! of `hyper`, `serde` and a few others. Crates that link DataFusion depend on it; it has no code.
