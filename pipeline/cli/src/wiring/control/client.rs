//! The side of other processes: finds out who owns the embedded log, and asks a running `up`.

use super::{JobInfo, PeekedRecord, Refusal, Submission, TopicPart, file::UpFile};
use crate::{
    exit::{coded, usage},
    settings::Settings,
    wiring,
};
use anyhow::Context;
use candleflow_topics::Log;
use serde::de::DeserializeOwned;
use std::{sync::Arc, time::Duration};

/// How long an answer may take; a job that is stopped may have much to commit.
const PATIENCE: Duration = Duration::from_secs(300);

/// Where the embedded log is.
pub(crate) enum Place {
    /// There is none in that folder.
    Nowhere,
    /// Nobody has it open: it is open here now.
    Here(Arc<dyn Log>),
    /// A running `up` has it.
    Up(Client),
}

/// Finds the embedded log of the settings. `up.json` counts only while the folder is locked.
pub(crate) async fn find(settings: &Settings) -> anyhow::Result<Place> {
    if !settings.log.exists() {
        return Ok(Place::Nowhere);
    }
    let error = match wiring::embedded(settings).await {
        Ok(log) => return Ok(Place::Here(log)),
        Err(error) => error,
    };
    if !matches!(error.downcast_ref(), Some(candleflow_topics::Error::Locked { .. })) {
        return Err(error);
    }
    match UpFile::read(&settings.log) {
        Some(file) => Ok(Place::Up(Client { file, http: reqwest::Client::builder().timeout(PATIENCE).build()? })),
        None => Err(error),
    }
}

/// Refuses what must live inside the `up` that owns the embedded log of the settings.
pub(crate) async fn refuse_beside_up(settings: &Settings, what: &str) -> anyhow::Result<()> {
    match find(settings).await? {
        Place::Up(client) => Err(usage(format!(
            "a 'candleflow up' (process {}) owns the embedded log {}, and {what} lives inside it: submit pipelines with 'candleflow jobs submit FILE', stop it first, give --log another folder, or use Kafka (--kafka HOST:PORT)",
            client.file.pid,
            settings.log.display()
        ))),
        Place::Here(log) => {
            log.close().await;
            Ok(())
        }
        Place::Nowhere => Ok(()),
    }
}

/// Asks a running `up`.
pub(crate) struct Client {
    file: UpFile,
    http: reqwest::Client,
}

impl Client {
    async fn ask<T: DeserializeOwned>(&self, request: reqwest::RequestBuilder) -> anyhow::Result<T> {
        let sent = request.bearer_auth(&self.file.token).send().await;
        let answer = sent.with_context(|| format!("'candleflow up' (process {}) does not answer", self.file.pid))?;
        if answer.status().is_success() {
            return Ok(answer.json().await?);
        }
        let refusal: Refusal = answer.json().await?;
        Err(coded(refusal.code, refusal.error))
    }

    fn url(&self, path: &[&str]) -> anyhow::Result<url::Url> {
        let mut url: url::Url = format!("http://127.0.0.1:{}", self.file.port).parse()?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.extend(path);
        }
        Ok(url)
    }

    pub(crate) async fn topics(&self) -> anyhow::Result<Vec<TopicPart>> {
        self.ask(self.http.get(self.url(&["topics"])?)).await
    }

    pub(crate) async fn peek(&self, topic: &str, count: usize, first: bool) -> anyhow::Result<Vec<PeekedRecord>> {
        let mut url = self.url(&["topics", topic])?;
        url.query_pairs_mut().append_pair("count", &count.to_string()).append_pair("first", &first.to_string());
        self.ask(self.http.get(url)).await
    }

    pub(crate) async fn jobs(&self) -> anyhow::Result<Vec<JobInfo>> {
        self.ask(self.http.get(self.url(&["jobs"])?)).await
    }

    /// Gives the job's name.
    pub(crate) async fn submit(&self, submission: &Submission) -> anyhow::Result<String> {
        self.ask(self.http.post(self.url(&["jobs"])?).json(submission)).await
    }

    /// Gives what became of the job.
    pub(crate) async fn stop(&self, job: &str) -> anyhow::Result<JobInfo> {
        self.ask(self.http.post(self.url(&["jobs", job, "stop"])?)).await
    }
}
