//! `topics`: what topics there are, and what they hold.

use crate::{
    args::TopicsCommand,
    exit::usage,
    settings::Settings,
    talk::{print, say},
    wiring,
};
use candleflow_topics::Start;
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use std::{process::ExitCode, sync::Arc, time::Duration};

pub(super) async fn topics(command: TopicsCommand, settings: &Settings) -> anyhow::Result<ExitCode> {
    let log =
        if settings.kafka.is_some() { wiring::kafka(settings, "topics")? } else { wiring::embedded(settings).await? };
    match command {
        TopicsCommand::List => {
            let mut table = Table::new();
            table.load_preset(UTF8_FULL_CONDENSED).set_header(["topic", "partition", "first", "end"]);
            for topic in log.list_topics().await? {
                for partition in 0..topic.partitions {
                    let ends = log.ends(&topic.name, partition).await?;
                    table.add_row([
                        topic.name.clone(),
                        partition.to_string(),
                        ends.first.to_string(),
                        ends.end.to_string(),
                    ]);
                }
            }
            print(&table.to_string())?;
        }
        TopicsCommand::Peek { topic, count, first } => peek(&log, &topic, count, first).await?,
        TopicsCommand::Delete { topic } => {
            if !log.delete_topic(&topic).await? {
                return Err(usage(format!("there is no topic {topic}")));
            }
            say(&format!("deleted {topic}"));
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn peek(log: &Arc<dyn candleflow_topics::Log>, topic: &str, count: usize, first: bool) -> anyhow::Result<()> {
    let known = log.topic(topic).await?.ok_or_else(|| usage(format!("there is no topic {topic}")))?;
    let show = |d: &candleflow_topics::Delivered| {
        let text =
            |b: &Option<_>| b.as_ref().map_or("-".into(), |b: &bytes::Bytes| String::from_utf8_lossy(b).into_owned());
        print(&format!("{}/{} {} {}", d.partition, d.offset, text(&d.record.key), text(&d.record.value)))
    };
    for partition in 0..known.partitions {
        let ends = log.ends(topic, partition).await?;
        let start = if first { ends.first } else { (ends.end - count as i64).max(ends.first) };
        let mut reader = log.reader(topic, &[(partition, Start::Offset(start))]).await?;
        let mut left = count;
        while left > 0 && !reader.positions().iter().all(|p| p.at_end) {
            for delivered in reader.next_batch(left, Duration::from_secs(2)).await?.iter().take(left) {
                show(delivered)?;
                left -= 1;
            }
        }
    }
    Ok(())
}
