//! Faults that a client must survive: switched on by configuration or by `PUT /control/faults`, decided by a seed.
//!
//! Each connection draws from a stream of its own, seeded by `seed` and its number; requests draw from one stream in the
//! order in which they come. The same seed and the same frames give the same faults. Faults change what is sent, never
//! the market.

pub(crate) mod frames;
pub(crate) mod requests;

use crate::error::ExchangeError;
use serde::{Deserialize, Serialize};

/// All faults; the default has none.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// What the draws are made from.
    pub seed: u64,
    /// Faults of streams.
    pub frames: FrameFaults,
    /// Faults of REST.
    pub rest: RestFaults,
}

/// Faults of streams; probabilities are per event, from 0 to 1.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FrameFaults {
    /// Never sent.
    pub drop: f64,
    /// Sent twice.
    pub duplicate: f64,
    /// Sent after the event that follows it.
    pub reorder: f64,
    /// Sent late.
    pub delay: f64,
    /// How late at most, in milliseconds of the market's clock.
    pub delay_ms: u64,
    /// Closing events (`x:true`) that are never sent; REST has the bar.
    pub skip_closed: f64,
    /// Closing events that say one lot less than REST does: the exchange revised the bar after its close.
    pub revise: f64,
    /// Connections are cut without a close frame after so many events; 0 is never.
    pub cut_every: u64,
    /// After so many events a connection falls silent: no events, no replies, no pings, no pongs, and it stays open.
    pub silent_after: Option<u64>,
}

/// Faults of REST.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RestFaults {
    /// 503 with an HTML body.
    pub server_error: Chance,
    /// 500 with code -1001.
    pub internal: Chance,
    /// 504 with code -1007.
    pub timeout: Chance,
    /// 200 with half of the body.
    pub garbage: Chance,
    /// 403 with the HTML of a web firewall.
    pub forbidden: Chance,
    /// 451 from a restricted location.
    pub restricted: Chance,
    /// 429 with Retry-After, whatever was used.
    pub too_many: Chance,
    /// 418 with Retry-After, without a ban.
    pub banned: Chance,
    /// The connection is closed in the middle of the body.
    pub hang_up: Chance,
    /// WebSocket upgrades answered with 503.
    pub refuse_upgrade: Chance,
    /// Klines lag behind the clock after a bar has closed.
    pub lag: Option<Lag>,
    /// Bodies come slowly.
    pub slow_body: Option<SlowBody>,
}

/// When a fault of REST happens.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Chance {
    /// For each request, from 0 to 1.
    pub probability: f64,
    /// For the next so many requests.
    pub next: u64,
}

/// How klines lag: for `seconds` of the market's clock after a close.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lag {
    /// How long.
    pub seconds: f64,
    /// Whether the bar just closed is not there at all; otherwise it is there as it was `seconds` ago, still open.
    pub missing: bool,
}

/// How slowly bodies come, on the wall.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlowBody {
    /// Bytes at a time.
    pub chunk: usize,
    /// Milliseconds between.
    pub pause_ms: u64,
}

impl Faults {
    /// Checks that probabilities are such.
    pub(crate) fn validate(&self) -> Result<(), ExchangeError> {
        let (f, r) = (&self.frames, &self.rest);
        let lag = r.lag.map_or(0.0, |l| if l.seconds >= 0.0 && l.seconds.is_finite() { 0.0 } else { -1.0 });
        for (name, value) in [
            ("frames.drop", f.drop),
            ("frames.duplicate", f.duplicate),
            ("frames.reorder", f.reorder),
            ("frames.delay", f.delay),
            ("frames.skip_closed", f.skip_closed),
            ("frames.revise", f.revise),
            ("rest.server_error", r.server_error.probability),
            ("rest.internal", r.internal.probability),
            ("rest.timeout", r.timeout.probability),
            ("rest.garbage", r.garbage.probability),
            ("rest.forbidden", r.forbidden.probability),
            ("rest.restricted", r.restricted.probability),
            ("rest.too_many", r.too_many.probability),
            ("rest.banned", r.banned.probability),
            ("rest.hang_up", r.hang_up.probability),
            ("rest.refuse_upgrade", r.refuse_upgrade.probability),
            ("rest.lag.seconds", lag),
        ] {
            if !(0.0..=1.0).contains(&value) {
                let rule = "a probability lies between 0 and 1, a time is not negative";
                return Err(ExchangeError::Setting { name, value: value.to_string(), rule });
            }
        }
        Ok(())
    }
}

/// A number from 0 to 1 of 53 random bits, the same on every platform.
pub(crate) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_from_json_and_checked() {
        let json = r#"{"seed":7,"frames":{"drop":0.1,"silent_after":3},"rest":{"garbage":{"next":2},"lag":{"seconds":4,"missing":true}}}"#;
        let faults: Faults = serde_json::from_str(json).unwrap();
        assert_eq!((faults.seed, faults.frames.drop, faults.rest.garbage.next), (7, 0.1, 2));
        assert!(faults.validate().is_ok());
        assert_eq!(serde_json::from_str::<Faults>(&serde_json::to_string(&faults).unwrap()).unwrap(), faults);
        assert!(serde_json::from_str::<Faults>(r#"{"frames":{"dorp":1}}"#).is_err());
        for bad in [
            r#"{"frames":{"drop":1.5}}"#,
            r#"{"rest":{"banned":{"probability":-1}}}"#,
            r#"{"rest":{"lag":{"seconds":-1,"missing":false}}}"#,
        ] {
            assert!(serde_json::from_str::<Faults>(bad).unwrap().validate().is_err(), "{bad}");
        }
    }
}
