//! Settings: flags over `CANDLEFLOW_*` environment variables over `candleflow.toml` over defaults.
//!
//! Secrets (keys of object storage, passwords of Kafka) come from the environment or the file, never from flags, and are
//! never shown.

use crate::exit::usage;
use serde::Deserialize;
use std::{collections::BTreeMap, path::PathBuf};

/// What every command may need.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// Folder or `s3://bucket/prefix` of the lake.
    lake: Option<String>,
    /// Brokers of Kafka; without them topics live in the embedded log.
    kafka: Option<String>,
    /// Folder of the embedded log.
    log: Option<PathBuf>,
    /// Settings of the object storage, such as `aws_endpoint`.
    #[serde(default)]
    storage: BTreeMap<String, String>,
    /// Settings of the Kafka client, such as `security.protocol`.
    #[serde(default)]
    kafka_client: BTreeMap<String, String>,
}

/// The settings in force.
#[derive(Clone)]
pub(crate) struct Settings {
    /// Folder or `s3://bucket/prefix` of the lake.
    pub(crate) lake: String,
    /// Brokers of Kafka.
    pub(crate) kafka: Option<String>,
    /// Folder of the embedded log.
    pub(crate) log: PathBuf,
    /// Settings of the object storage.
    pub(crate) storage: Vec<(String, String)>,
    /// Settings of the Kafka client.
    pub(crate) kafka_client: BTreeMap<String, String>,
}

const FILE: &str = "candleflow.toml";

impl Settings {
    /// Flags (which clap has already filled from the environment) over the file over defaults.
    pub(crate) fn load(lake: Option<String>, kafka: Option<String>, log: Option<PathBuf>) -> anyhow::Result<Self> {
        let file = match std::fs::read_to_string(FILE) {
            Ok(text) => toml::from_str::<File>(&text).map_err(|e| usage(format!("{FILE}: {e}")))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => File::default(),
            Err(error) => return Err(usage(format!("{FILE}: {error}"))),
        };
        Ok(Self {
            lake: lake.or(file.lake).unwrap_or_else(|| "data/lake".into()),
            kafka: kafka.or(file.kafka).filter(|k| !k.is_empty()),
            log: log.or(file.log).unwrap_or_else(|| "data/log".into()),
            storage: file.storage.into_iter().collect(),
            kafka_client: file.kafka_client,
        })
    }
}
