//! One connection, from its upgrade to its end: a loop over what may happen next.
//!
//! ```text
//!  feed ─► mangler ─► batch ─┐
//!  replies, pings ───────────┴─► outbox ─► client ─► messages ─► controls, heartbeat
//! ```
//! Events are sent when the market's clock has reached them and there is room; a paced clock is told what this
//! connection wants next, and moves no further until it is taken. Ends: the client's close or loss, a rule that it broke
//! (1008), age or the end of the exchange (1001), a command, an injected cut.

use super::{
    controls::{Change, Subscriptions},
    heartbeat::{Due, Heartbeat},
    outbox::{Outbox, Room},
};
use crate::{
    faults::{Faults, frames::FrameMangler},
    feed::{Event, Feed},
    frames::{self, Form},
    server::{Command, Exchange},
    telemetry,
};
use axum::extract::ws::{Message, WebSocket};
use candleflow_schema::{Clock, Micros};
use futures::{StreamExt, stream::SplitStream};
use std::{
    future,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};
use tokio::sync::broadcast::error::RecvError;

/// Events in a batch at most.
const BATCH: usize = 256;
/// Replies that wait for room at most; then nothing more is read, until the client reads or its pongs are overdue.
const MOST_REPLIES: usize = 256;
/// How long on the wall the client may take to answer a close.
const GOODBYE: Duration = Duration::from_secs(1);

/// How a connection ends.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The client closed or is lost.
    Gone,
    /// Close with a code and a reason.
    Close(u16, &'static str),
    /// As a command says.
    Told(u16, String),
    /// Without a close frame.
    Cut,
}

/// What one connection knows.
struct Connection<'a> {
    exchange: &'a Exchange,
    number: u64,
    form: Form,
    subscriptions: Subscriptions,
    feed: Feed,
    mangler: FrameMangler,
    faults: Arc<Faults>,
    heartbeat: Heartbeat,
    /// Replies and pings that wait for room.
    replies: Vec<Message>,
    silent: bool,
}

/// Serves a connection until it ends.
pub(super) async fn run(exchange: &Exchange, socket: WebSocket, form: Form, streams: Vec<String>) {
    let number = exchange.opened.fetch_add(1, Ordering::Relaxed);
    let (sink, mut incoming) = socket.split();
    let outbox = Outbox::new(sink);
    let faults = exchange.faults.borrow().clone();
    let mut connection = Connection {
        exchange,
        number,
        form,
        subscriptions: Subscriptions {
            names: vec![],
            combined: form.combined,
            most: exchange.limits.streams_per_connection,
        },
        feed: Feed::default(),
        mangler: FrameMangler::new(faults.seed, number),
        faults,
        heartbeat: Heartbeat::new(&exchange.limits, &exchange.clock, Instant::now()),
        replies: vec![],
        silent: false,
    };
    tracing::debug!(simulated = true, connection = number, streams = streams.len(), "a client connected");
    let end = match connection.subscriptions.add(streams) {
        Ok(fresh) => {
            connection.subscribe(&fresh);
            connection.serve(&mut incoming, &outbox).await
        }
        Err(_) => End::Close(1008, "Too many subscriptions"),
    };
    exchange.clock.leave(number);
    tracing::debug!(connection = number, ?end, "a connection ended");
    connection.end(end, incoming, outbox).await;
}

impl Connection<'_> {
    async fn serve(&mut self, incoming: &mut SplitStream<WebSocket>, outbox: &Outbox) -> End {
        let mut commands = self.exchange.commands.subscribe();
        let mut faults = self.exchange.faults.subscribe();
        loop {
            self.silent = self.silent || self.mangler.silent(&self.faults.frames);
            let due = self.due();
            if self.silent {
                self.exchange.clock.leave(self.number);
            } else {
                self.exchange.clock.want(self.number, self.feed.streams(), due);
            }
            let owes = self.owes(due);
            tokio::select! {
                biased;
                () = self.exchange.ending.cancelled(), if !owes => {
                    if self.owes(due) {
                        continue;
                    }
                    self.notice();
                    return End::Close(1001, "Server shutting down");
                }
                command = commands.recv() => match command {
                    Ok(Command::Disconnect(Some((code, reason)))) => return End::Told(code, reason),
                    Ok(Command::Disconnect(None)) => return End::Cut,
                    Ok(Command::Notice) => self.notice(),
                    // A connection that missed commands was too busy to be told.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => return End::Gone,
                },
                Ok(()) = faults.changed() => {
                    self.faults = faults.borrow_and_update().clone();
                    self.mangler = FrameMangler::new(self.faults.seed, self.number);
                    self.silent = false;
                },
                message = incoming.next(), if !self.silent && self.replies.len() < MOST_REPLIES => match message {
                    Some(Ok(message)) => if let Some(end) = self.receive(message) { return end },
                    Some(Err(_)) | None => return End::Gone,
                },
                () = until(self.alarm()) => if let Some(end) = self.beat() { return end },
                room = self.ready(outbox, due) => match room {
                    Some(room) => if let Some(end) = self.send(room) { return end },
                    None => return End::Gone,
                },
            }
        }
    }

    /// Whether something is still to be sent before the end: at the end of the market, what is due.
    fn owes(&self, due: Option<Micros>) -> bool {
        let over = self.exchange.over.load(Ordering::Relaxed);
        over && !self.silent && due.is_some_and(|due| due <= self.exchange.clock.now())
    }

    /// When the next frame of a stream is due.
    fn due(&mut self) -> Option<Micros> {
        let (feed, late) = (self.feed.due(), self.mangler.due());
        feed.into_iter().chain(late).min()
    }

    /// Waits until there is something to send, and room for it.
    async fn ready<'o>(&self, outbox: &'o Outbox, due: Option<Micros>) -> Option<Room<'o>> {
        if self.silent {
            return future::pending().await;
        }
        if self.replies.is_empty() {
            match due {
                Some(due) => self.exchange.clock.reached(due).await,
                None => future::pending().await,
            }
        }
        outbox.room().await
    }

    /// Sends replies, and what the clock has reached.
    fn send(&mut self, room: Room<'_>) -> Option<End> {
        let mut batch = std::mem::take(&mut self.replies);
        let mut frames = Vec::with_capacity(4);
        let mut cut = false;
        while batch.len() < BATCH && !cut && !self.mangler.silent(&self.faults.frames) {
            let Some(due) = self.due() else { break };
            if due > self.exchange.clock.now() {
                self.exchange.clock.want(self.number, self.feed.streams(), Some(due));
                if due > self.exchange.clock.now() {
                    break;
                }
            }
            if self.mangler.due() == Some(due) {
                self.mangler.late(due, &mut frames);
            } else {
                self.take(&mut frames);
            }
            batch.extend(frames.drain(..).map(Message::text));
            cut = self.mangler.cut(&self.faults.frames);
        }
        telemetry::frames(batch.len());
        room.send(batch);
        cut.then(|| {
            telemetry::fault("cut");
            End::Cut
        })
    }

    /// Takes the next event of the feed through the faults.
    fn take(&mut self, out: &mut Vec<String>) {
        let Self { exchange, form, feed, mangler, faults, .. } = self;
        feed.pop(&exchange.market, |stream, time, event| {
            let instrument = &exchange.market.listings()[stream.listing].instrument;
            let closed = matches!(event, Event::Kline { closed: true, .. });
            let revised = mangler.revises(&faults.frames, closed).then(|| event.less(instrument.step));
            let event = revised.as_ref().unwrap_or(event);
            let frame = frames::event(*form, stream, &instrument.symbol, time, event);
            mangler.event(&faults.frames, time, closed, frame, out);
        });
    }

    fn receive(&mut self, message: Message) -> Option<End> {
        let pong = match &message {
            Message::Pong(payload) => Some(payload.as_ref()),
            // A close may come at any time.
            Message::Close(_) => return Some(End::Gone),
            _ => None,
        };
        if !self.heartbeat.message(Instant::now(), pong) {
            return Some(End::Close(1008, "Too many requests"));
        }
        let text = match &message {
            Message::Text(text) => text.as_str(),
            Message::Binary(bytes) => std::str::from_utf8(bytes).unwrap_or(""),
            _ => return None,
        };
        let (reply, change) = self.subscriptions.answer(text);
        self.form.combined = self.subscriptions.combined;
        match change {
            Change::Nothing => {}
            Change::Subscribe(names) => self.subscribe(&names),
            Change::Unsubscribe(names) => names.iter().for_each(|name| self.feed.unsubscribe(name)),
        }
        self.replies.push(Message::text(reply));
        None
    }

    fn subscribe(&mut self, names: &[String]) {
        let now = self.exchange.clock.now();
        for name in names {
            self.feed.subscribe(&self.exchange.market, name, now, self.exchange.empty_bars);
        }
    }

    fn notice(&mut self) {
        self.replies.push(Message::text(frames::shutdown(self.form, self.exchange.clock.now())));
    }

    /// When to look at the timers next. What is silent still grows old.
    fn alarm(&self) -> Option<Instant> {
        if self.silent { self.heartbeat.expiry() } else { Some(self.heartbeat.deadline()) }
    }

    fn beat(&mut self) -> Option<End> {
        if self.silent {
            return Some(End::Cut);
        }
        match self.heartbeat.due(Instant::now(), self.exchange.clock.now() / 1_000)? {
            Due::Ping(payload) => {
                self.replies.push(Message::Ping(payload.into()));
                None
            }
            Due::Overdue => Some(End::Close(1008, "Pong timeout")),
            Due::Expired => Some(End::Close(1001, "Connection is too old")),
        }
    }

    async fn end(self, end: End, mut incoming: SplitStream<WebSocket>, outbox: Outbox) {
        let close = match end {
            End::Gone => {
                telemetry::disconnected("gone");
                return outbox.abandon();
            }
            End::Cut => {
                telemetry::disconnected("cut");
                return outbox.end(vec![], None).await;
            }
            End::Close(code, reason) => {
                telemetry::disconnected(reason);
                (code, reason.to_owned())
            }
            End::Told(code, reason) => {
                telemetry::disconnected("told");
                (code, reason)
            }
        };
        if self.silent {
            return outbox.abandon();
        }
        outbox.end(self.replies, Some(close)).await;
        // What the client still sends is read, lest the close frame be lost with the connection.
        let farewell = async { while let Some(Ok(_)) = incoming.next().await {} };
        let _ = tokio::time::timeout(GOODBYE, farewell).await;
    }
}

/// Waits for a moment; for none, forever.
async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment.into()).await,
        None => future::pending().await,
    }
}
