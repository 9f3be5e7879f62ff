//! The sending half of a connection: batches of frames, written by a task of its own.
//!
//! The connection's task never waits for a slow client: it waits for room, beside everything else that may happen. At
//! most [`BATCHES`] batches are under way; a client that reads slower than its streams send gets everything late, and
//! loses nothing, until its pongs are overdue.

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use futures::{SinkExt, stream::SplitSink};
use std::time::Duration;
use tokio::{
    sync::mpsc::{self, Permit},
    task::JoinHandle,
};

/// Batches under way.
const BATCHES: usize = 4;
/// How long on the wall the last frames may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Where frames go.
#[derive(Debug)]
pub(super) struct Outbox {
    sender: mpsc::Sender<Vec<Message>>,
    writer: JoinHandle<()>,
}

/// Room for one batch.
pub(super) type Room<'a> = Permit<'a, Vec<Message>>;

impl Outbox {
    pub(super) fn new(mut sink: SplitSink<WebSocket, Message>) -> Self {
        let (sender, mut batches) = mpsc::channel::<Vec<Message>>(BATCHES);
        let writer = tokio::spawn(async move {
            while let Some(batch) = batches.recv().await {
                for frame in batch {
                    if sink.feed(frame).await.is_err() {
                        return;
                    }
                }
                if sink.flush().await.is_err() {
                    return;
                }
            }
        });
        Self { sender, writer }
    }

    /// Waits for room; `None` when the client is gone.
    pub(super) async fn room(&self) -> Option<Room<'_>> {
        self.sender.reserve().await.ok()
    }

    /// Writes what is under way, then `last` and a close frame if one is given, and ends. Without a close frame the
    /// client sees the connection break off.
    pub(super) async fn end(self, last: Vec<Message>, close: Option<(u16, String)>) {
        let Self { sender, mut writer } = self;
        let close = close.map(|(code, reason)| Message::Close(Some(CloseFrame { code, reason: reason.into() })));
        let batch = last.into_iter().chain(close).collect();
        let finish = async {
            let sent = sender.send(batch).await;
            drop(sender);
            if sent.is_ok() {
                // A writer that panicked has nothing more to write.
                let _ = (&mut writer).await;
            }
        };
        if tokio::time::timeout(PATIENCE, finish).await.is_err() {
            writer.abort();
        }
    }

    /// Drops what is under way.
    pub(super) fn abandon(self) {
        self.writer.abort();
    }
}
