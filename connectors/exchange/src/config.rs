//! Settings of an exchange. Every limit that the real one has is here, with the real one's value as the default.

use crate::{error::ExchangeError, faults::Faults};
use candleflow_schema::Micros;
use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    ops::RangeInclusive,
    str::FromStr,
    time::Duration,
};

/// Speeds that a clock can be given.
const SPEEDS: RangeInclusive<f64> = 0.001..=1_000_000.0;

/// How an exchange is run.
#[derive(Debug, Clone)]
pub struct ExchangeConfig {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether `listen` may be an address that other machines reach.
    pub allow_remote: bool,
    /// How fast its clock runs.
    pub speed: Speed,
    /// What its clock shows when it starts. Bars before it are history that REST has at once, bars after it unfold.
    /// Without it: the first bar's open time.
    pub start: Option<Micros>,
    /// What happens when the clock has passed the last bar.
    pub at_end: AtEnd,
    /// Whether streams send the closing event of bars in which nothing was traded.
    pub empty_bars: EmptyBars,
    /// Limits and timers.
    pub limits: Limits,
    /// Faults from the start on; `PUT /control/faults` changes them.
    pub faults: Faults,
    /// Whether `/control/` is there at all.
    pub control: bool,
}

impl Default for ExchangeConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            allow_remote: false,
            speed: Speed::Scaled(1.0),
            start: None,
            at_end: AtEnd::Continue,
            empty_bars: EmptyBars::default(),
            limits: Limits::default(),
            faults: Faults::default(),
            control: true,
        }
    }
}

/// How fast the market's clock runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// So many market seconds per second on the wall, 0.001 to 1,000,000.
    Scaled(f64),
    /// As fast as subscribers take it, without skipping anything: the clock stands until this many streams are
    /// subscribed (at least one), then jumps from event to event as all of them are taken. Limits and heartbeats are
    /// then counted on the wall.
    Max {
        /// How many streams must be subscribed before the clock moves for the first time.
        wait_for_streams: usize,
    },
}

impl FromStr for Speed {
    type Err = String;

    /// Reads `max`, or a number of market seconds per second: `60` or `60x`.
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Speed::Max { wait_for_streams: 1 });
        }
        let number = text.strip_suffix('x').unwrap_or(text).parse::<f64>().ok();
        let speed = number.filter(|s| SPEEDS.contains(s));
        speed.map(Speed::Scaled).ok_or_else(|| format!("'{text}' is not a speed: write max, or 0.001 to 1000000"))
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Speed::Scaled(speed) => write!(f, "{speed}"),
            Speed::Max { .. } => f.write_str("max"),
        }
    }
}

/// What happens when the clock has passed the last bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AtEnd {
    /// The clock goes on, there is nothing newer, and the exchange answers until it is stopped.
    #[default]
    Continue,
    /// Connections get `serverShutdown` and are closed, and the exchange ends.
    Stop,
}

/// Whether a stream sends the closing event of a bar in which nothing was traded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EmptyBars {
    /// As the real exchange was seen to do: `1s` streams do, longer ones do not.
    #[default]
    Seconds,
    /// Every stream does.
    Always,
    /// No stream does.
    Never,
}

/// Limits and timers, all counted on the market's clock unless said otherwise.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Request weight per address and minute.
    pub weight_per_minute: u64,
    /// Requests per address and five minutes.
    pub requests_per_5_minutes: u64,
    /// WebSocket connections that an address may open in five minutes.
    pub connections_per_5_minutes: u64,
    /// Connections open at once, from anywhere.
    pub open_connections: usize,
    /// Streams per connection.
    pub streams_per_connection: usize,
    /// Client messages per connection and second, pings and pongs included.
    pub messages_per_second: usize,
    /// Requests answered with 429 in one minute that lead to a ban.
    pub refusals_before_ban: u32,
    /// The first ban; each further one is twice as long.
    pub first_ban: Duration,
    /// The longest ban.
    pub longest_ban: Duration,
    /// How often the server pings.
    pub ping_every: Duration,
    /// How long a pong may take.
    pub pong_within: Duration,
    /// A pong is never missed before this has passed on the wall, so that a fast market does not cut clients for the
    /// scheduling of the machine.
    pub pong_at_least: Duration,
    /// The greatest age of a connection.
    pub connection_age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            weight_per_minute: 6_000,
            requests_per_5_minutes: 300_000,
            connections_per_5_minutes: 300,
            open_connections: 1_024,
            streams_per_connection: 1_024,
            messages_per_second: 5,
            refusals_before_ban: 10,
            first_ban: Duration::from_secs(120),
            longest_ban: Duration::from_secs(3 * 86_400),
            ping_every: Duration::from_secs(20),
            pong_within: Duration::from_secs(60),
            pong_at_least: Duration::from_secs(1),
            connection_age: Duration::from_secs(86_400),
        }
    }
}

impl ExchangeConfig {
    /// Checks every setting that has a range.
    pub(crate) fn validate(&self) -> Result<(), ExchangeError> {
        let refuse = |name, value: String, rule| Err(ExchangeError::Setting { name, value, rule });
        if !self.listen.ip().is_loopback() && !self.allow_remote {
            return Err(ExchangeError::NotLoopback(self.listen));
        }
        if let Speed::Scaled(speed) = self.speed
            && !SPEEDS.contains(&speed)
        {
            return refuse("speed", speed.to_string(), "must lie between 0.001 and 1000000");
        }
        if self.limits.weight_per_minute == 0 {
            return refuse("weight_per_minute", "0".into(), "must be at least 1");
        }
        if self.limits.ping_every.is_zero() || self.limits.pong_within.is_zero() {
            return refuse("ping_every or pong_within", "0".into(), "must be longer than nothing");
        }
        self.faults.validate()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_written_as_people_write_them() {
        assert_eq!("60".parse(), Ok(Speed::Scaled(60.0)));
        assert_eq!("0.5x".parse(), Ok(Speed::Scaled(0.5)));
        assert_eq!("max".parse(), Ok(Speed::Max { wait_for_streams: 1 }));
        for bad in ["", "0", "-1", "fast", "NaN", "inf", "1e9"] {
            assert!(bad.parse::<Speed>().is_err(), "{bad}");
        }
        for speed in ["60", "0.5", "max"] {
            assert_eq!(speed.parse::<Speed>().unwrap().to_string(), speed);
        }
    }
}
