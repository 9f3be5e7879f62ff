//! What connects the crates: the only place where connectors, engine and runtime meet.

pub(crate) mod check;
pub(crate) mod clock;
pub(crate) mod control;
pub(crate) mod copy;
pub(crate) mod handover;
pub(crate) mod instruments;
pub(crate) mod live_source;
pub(crate) mod market;
pub(crate) mod report;
pub(crate) mod research;
pub(crate) mod rows;
pub(crate) mod run;
pub(crate) mod signals;
pub(crate) mod stack;
pub(crate) mod story;
pub(crate) mod sync;
pub(crate) mod topic_id;
pub(crate) mod upkeep;

use crate::settings::Settings;
use candleflow_lake::{Lake, Options};
use candleflow_schema::{Clock, SystemClock};
use candleflow_topics::{Embedded, EmbeddedConfig, Kafka, KafkaConfig, Log};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Opens the lake of the settings.
pub(crate) fn lake(settings: &Settings) -> anyhow::Result<Lake> {
    Ok(Lake::open(&settings.lake, Options { storage: settings.storage.clone(), ..Options::default() })?)
}

/// Connects to Kafka; without brokers the command cannot run outside `up`, which owns the embedded log.
pub(crate) fn kafka(settings: &Settings, what: &str) -> anyhow::Result<Arc<dyn Log>> {
    let Some(brokers) = &settings.kafka else {
        return Err(crate::exit::usage(format!(
            "{what} needs Kafka, because processes cannot share the embedded log: give --kafka HOST:PORT, or run everything in one process with 'candleflow up', which takes more pipelines from 'candleflow jobs submit'"
        )));
    };
    let config = KafkaConfig { extra: settings.kafka_client.clone(), ..KafkaConfig::new(brokers.clone()) };
    Ok(Arc::new(Kafka::connect(config)?))
}

/// Opens the embedded log, which this process owns from now on.
pub(crate) async fn embedded(settings: &Settings) -> anyhow::Result<Arc<dyn Log>> {
    let now = || SystemClock.now() / 1_000;
    Ok(Arc::new(Embedded::open(EmbeddedConfig::new(&settings.log, Arc::new(now))).await?))
}

/// A token that Ctrl-C and SIGTERM cancel; a second Ctrl-C ends the process at once.
pub(crate) fn interrupt() -> CancellationToken {
    let token = CancellationToken::new();
    let cancel = token.clone();
    tokio::spawn(async move {
        let terminate = async {
            match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
                Ok(mut signal) => {
                    signal.recv().await;
                }
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = terminate => {}
        }
        crate::talk::say("stopping ... (again to stop at once)");
        cancel.cancel();
        if tokio::signal::ctrl_c().await.is_ok() {
            std::process::exit(i32::from(crate::exit::INTERRUPTED));
        }
    });
    token
}
