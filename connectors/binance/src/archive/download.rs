//! Files of the archive in a cache folder: fetched once, checked against their CHECKSUM, renamed when they are whole.
//!
//! Beside `NAME.zip` stands `NAME.json` with ETag, sha256 and how it was checked. Files whose period ended less than 45
//! days ago are asked for again (`If-None-Match`), since the exchange replaces files silently; older ones are kept. A
//! CHECKSUM that does not match is tried once more, then the file is kept as unverified: reading it decides.

use super::{
    ArchiveConfig,
    plan::{ArchiveFile, Period},
};
use crate::{
    backoff::Backoff,
    error::BinanceError,
    rest::{LEAST_WALL, http_client, transport},
};
use candleflow_schema::{Clock, time::DAY};
use reqwest::{
    StatusCode,
    header::{ETAG, IF_NONE_MATCH, RETRY_AFTER},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{fs, io::AsyncWriteExt};
use tokio_util::sync::CancellationToken;
use url::Url;

/// Age after which a file is no longer replaced, as far as is known.
const RESTATED_FOR: i64 = 45 * DAY;
/// Longest silence inside a download.
const IDLE: Duration = Duration::from_secs(30);
/// Longest CHECKSUM file.
const CHECKSUM_LIMIT: usize = 4096;

/// How far the bytes of a file are trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verified {
    /// They match the CHECKSUM.
    Checksum,
    /// They do not match it, twice.
    Mismatch,
    /// There is no CHECKSUM.
    Absent,
}

/// A file in the cache.
#[derive(Debug, Clone)]
pub(super) struct Cached {
    pub(super) path: PathBuf,
    pub(super) verified: Verified,
}

#[derive(Debug, Serialize, Deserialize)]
struct Note {
    etag: Option<String>,
    sha256: String,
    verified: Verified,
}

/// Fetches files into the cache.
#[derive(Clone)]
pub(super) struct Downloader {
    config: Arc<ArchiveConfig>,
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    cancel: CancellationToken,
}

/// What a GET brought.
enum Answer {
    Whole { etag: Option<String>, sha256: String },
    Unchanged,
    Missing,
}

impl Downloader {
    pub(super) fn new(
        config: Arc<ArchiveConfig>,
        clock: Arc<dyn Clock>,
        cancel: CancellationToken,
    ) -> Result<Self, BinanceError> {
        Ok(Self { config, http: http_client()?, clock, cancel })
    }

    /// The file, from the cache or the archive; `None` when the archive does not have it.
    pub(super) async fn get(&self, file: &ArchiveFile) -> Result<Option<Cached>, BinanceError> {
        let folder = file.folder()[3..]
            .iter()
            .fold(self.config.cache.join(folder_of(file.period)), |path, part| path.join(part));
        fs::create_dir_all(&folder).await.map_err(|e| io("cannot make the cache folder", &folder, &e))?;
        let path = folder.join(file.name() + ".zip");
        let noted = folder.join(file.name() + ".json");
        let note: Option<Note> = match (fs::try_exists(&path).await.unwrap_or(false), fs::read(&noted).await) {
            (true, Ok(bytes)) => serde_json::from_slice(&bytes).ok(),
            _ => None,
        };
        let fixed = file.period.range().1 + RESTATED_FOR < self.clock.now();
        if let Some(note) = note.as_ref().filter(|_| fixed) {
            return Ok(Some(Cached { path, verified: note.verified }));
        }
        let part = folder.join(format!("{}.{}.part", file.name(), std::process::id()));
        let etag = note.as_ref().and_then(|n| n.etag.clone());
        let mut fetched = None;
        for attempt in 0..2 {
            match self.download(self.url(file, ".zip"), &part, etag.as_deref().filter(|_| attempt == 0)).await? {
                Answer::Missing => return Ok(None),
                Answer::Unchanged => {
                    let verified = note.as_ref().map_or(Verified::Absent, |n| n.verified);
                    return Ok(Some(Cached { path, verified }));
                }
                Answer::Whole { etag, sha256 } => {
                    let stated = self.checksum(file).await?;
                    let verified = match &stated {
                        None => Verified::Absent,
                        Some(stated) if *stated == sha256 => Verified::Checksum,
                        Some(_) => Verified::Mismatch,
                    };
                    fetched = Some(Note { etag, sha256, verified });
                    if verified != Verified::Mismatch {
                        break;
                    }
                    tracing::warn!(file = file.name(), "the file does not match its CHECKSUM");
                }
            }
        }
        let Some(note) = fetched else { return Ok(None) };
        fs::rename(&part, &path).await.map_err(|e| io("cannot rename into the cache", &path, &e))?;
        let bytes = serde_json::to_vec(&note).map_err(|e| BinanceError::Internal(e.to_string()))?;
        fs::write(&part, bytes).await.map_err(|e| io("cannot write to the cache", &part, &e))?;
        fs::rename(&part, &noted).await.map_err(|e| io("cannot rename into the cache", &noted, &e))?;
        Ok(Some(Cached { path, verified: note.verified }))
    }

    /// Takes a file out of the cache that cannot be read.
    pub(super) async fn forget(&self, path: &Path) {
        // What is gone already need not be removed; what cannot be removed is fetched anew all the same.
        let _ = fs::remove_file(path.with_extension("json")).await;
    }

    /// The sha256 that the archive states, in lower-case hex; `None` when it states none that can be read.
    async fn checksum(&self, file: &ArchiveFile) -> Result<Option<String>, BinanceError> {
        let mut text = Vec::new();
        match self.attempt(self.url(file, ".zip.CHECKSUM"), None, Sink::Memory(&mut text)).await? {
            Answer::Whole { .. } => {}
            Answer::Missing | Answer::Unchanged => return Ok(None),
        }
        let text = String::from_utf8_lossy(&text);
        let hex = text.split_whitespace().next().unwrap_or_default().to_ascii_lowercase();
        Ok((hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit())).then_some(hex))
    }

    async fn download(&self, url: Url, part: &Path, etag: Option<&str>) -> Result<Answer, BinanceError> {
        self.attempt(url, etag, Sink::File(part)).await
    }

    /// GETs with retries.
    async fn attempt(&self, url: Url, etag: Option<&str>, mut sink: Sink<'_>) -> Result<Answer, BinanceError> {
        let mut backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(30), self.config.seed);
        let mut failures = 0;
        loop {
            let (error, pause) = tokio::select! {
                () = self.cancel.cancelled() => return Err(BinanceError::Cancelled),
                done = self.once(url.clone(), etag, &mut sink) => match done {
                    Ok(answer) => return Ok(answer),
                    Err(failed) => failed,
                },
            };
            failures += 1;
            if !error.retry() || failures >= self.config.attempts {
                return Err(error);
            }
            tracing::debug!(%url, %error, "will be fetched again");
            let pause = self.clock.wall(pause.unwrap_or_default().max(backoff.added()));
            tokio::select! {
                () = self.cancel.cancelled() => return Err(BinanceError::Cancelled),
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    async fn once(
        &self,
        url: Url,
        etag: Option<&str>,
        sink: &mut Sink<'_>,
    ) -> Result<Answer, (BinanceError, Option<Duration>)> {
        let request = format!("GET {url}");
        let idle = self.clock.wall(IDLE).max(LEAST_WALL);
        let late = || BinanceError::Timeout { request: request.clone(), seconds: IDLE.as_secs() };
        let plain = |error| (error, None);
        let mut get = self.http.get(url.clone());
        if let Some(etag) = etag {
            get = get.header(IF_NONE_MATCH, etag);
        }
        let sent = tokio::time::timeout(idle, get.send()).await.map_err(|_| plain(late()))?;
        let mut response = sent.map_err(|e| plain(transport(&request, &e)))?;
        let header = |name| response.headers().get(name).and_then(|v| v.to_str().ok()).map(str::to_owned);
        let (etag, retry_after) = (header(ETAG), header(RETRY_AFTER));
        match response.status() {
            StatusCode::NOT_FOUND => return Ok(Answer::Missing),
            StatusCode::NOT_MODIFIED => return Ok(Answer::Unchanged),
            status if status.is_success() => {}
            status => {
                let text = response.text().await.unwrap_or_default();
                let error =
                    BinanceError::Http { request, status: status.as_u16(), text: text.chars().take(200).collect() };
                return Err((error, retry_after.and_then(|v| v.parse().ok()).map(Duration::from_secs)));
            }
        }
        let mut hash = Sha256::new();
        sink.clear();
        let mut file = match sink {
            Sink::File(path) => {
                Some(fs::File::create(&*path).await.map_err(|e| plain(io("cannot write to the cache", path, &e)))?)
            }
            Sink::Memory(_) => None,
        };
        loop {
            let chunk = tokio::time::timeout(idle, response.chunk()).await.map_err(|_| plain(late()))?;
            let Some(chunk) = chunk.map_err(|e| plain(transport(&request, &e)))? else { break };
            hash.update(&chunk);
            match (&mut *sink, &mut file) {
                (Sink::File(path), Some(file)) => {
                    file.write_all(&chunk).await.map_err(|e| plain(io("cannot write to the cache", path, &e)))?;
                }
                (Sink::Memory(bytes), _) if bytes.len() + chunk.len() <= CHECKSUM_LIMIT => {
                    bytes.extend_from_slice(&chunk)
                }
                _ => return Err(plain(BinanceError::Body { request, cause: "it is too long".into() })),
            }
        }
        if let (Sink::File(path), Some(mut file)) = (sink, file) {
            file.flush().await.map_err(|e| plain(io("cannot write to the cache", path, &e)))?;
            file.sync_all().await.map_err(|e| plain(io("cannot write to the cache", path, &e)))?;
        }
        let sha256 = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
        Ok(Answer::Whole { etag, sha256 })
    }

    fn url(&self, file: &ArchiveFile, ending: &str) -> Url {
        let mut url = self.config.url.clone();
        // The address was checked to be a base when the archive was made.
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(file.folder()).push(&(file.name() + ending));
        }
        url
    }
}

/// Where a body goes.
enum Sink<'a> {
    File(&'a Path),
    Memory(&'a mut Vec<u8>),
}

impl Sink<'_> {
    /// Forgets what an earlier attempt brought; a file is made anew.
    fn clear(&mut self) {
        if let Sink::Memory(bytes) = self {
            bytes.clear();
        }
    }
}

fn folder_of(period: Period) -> &'static str {
    if matches!(period, Period::Day(_)) { "daily" } else { "monthly" }
}

pub(super) fn io(what: &'static str, path: &Path, error: &std::io::Error) -> BinanceError {
    BinanceError::File { what, path: path.display().to_string(), cause: error.to_string() }
}
