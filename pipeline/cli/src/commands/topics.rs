//! `topics`: what topics there are, and what they hold: of Kafka, of the embedded log, or of a running `up`.

use crate::{
    args::TopicsCommand,
    exit::usage,
    output,
    settings::Settings,
    talk::{print, say},
    wiring::{
        self,
        control::{self, Place},
        topic_id,
    },
};
use std::process::ExitCode;

pub(super) async fn topics(command: TopicsCommand, settings: &Settings) -> anyhow::Result<ExitCode> {
    let place = match &settings.kafka {
        Some(_) => Place::Here(wiring::kafka(settings, "topics")?),
        None => control::find(settings).await?,
    };
    match command {
        TopicsCommand::List => {
            let parts = match &place {
                Place::Here(log) => control::list(log).await?,
                Place::Up(up) => up.topics().await?,
                Place::Nowhere => return Err(nowhere(settings)),
            };
            let header = ["topic", "partition", "first", "end"];
            let row =
                |p: control::TopicPart| [p.topic, p.partition.to_string(), p.first.to_string(), p.end.to_string()];
            print(&output::rows(&header, parts.into_iter().map(row)))?;
        }
        TopicsCommand::Peek { topic, count, first } => {
            let records = match &place {
                Place::Here(log) => control::peek(log, &topic, count, first).await?,
                Place::Up(up) => up.peek(&topic, count, first).await?,
                Place::Nowhere => return Err(nowhere(settings)),
            };
            for control::PeekedRecord { partition, offset, key, value } in records {
                let (key, value) = (key.as_deref().unwrap_or("-"), value.as_deref().unwrap_or("-"));
                print(&format!("{partition}/{offset} {key} {value}"))?;
            }
        }
        TopicsCommand::Delete { topic } => {
            let log = match place {
                Place::Here(log) => log,
                Place::Up(_) => {
                    return Err(usage("topics of a running 'candleflow up' cannot be deleted: stop it first"));
                }
                Place::Nowhere => return Err(nowhere(settings)),
            };
            if topic.starts_with("candleflow.") {
                return Err(usage(format!(
                    "{topic} keeps how far syncs and jobs are: without it they would begin again and write everything twice"
                )));
            }
            if topic.starts_with("klines.") {
                topic_id::forget(&log, &topic).await?;
            }
            if !log.delete_topic(&topic).await? {
                return Err(usage(format!("there is no topic {topic}")));
            }
            say(&format!("deleted {topic}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn nowhere(settings: &Settings) -> anyhow::Error {
    usage(format!(
        "there is no embedded log in {}: 'candleflow up' makes one; give --log its folder, or --kafka HOST:PORT",
        settings.log.display()
    ))
}
