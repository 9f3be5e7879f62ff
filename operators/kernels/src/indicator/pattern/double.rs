//! Patterns of two candles.

use super::candles::*;
use crate::indicator::params::Param;
use crate::indicator::registry::Indicator;

pub(super) const CDLCOUNTERATTACK: Indicator =
    cdl::<11>("cdlcounterattack", "counterattack: two long candles of opposite color close at one price", |_| {
        candles(11, [BODY_LONG.at(1), BODY_LONG.at(0), EQUAL.at(1)], |at| {
            let found = at.color(1) == -at.color(0)
                && at.body(1) > at.usual(0)
                && at.body(0) > at.usual(1)
                && at.close(0) <= at.close(1) + at.usual(2)
                && at.close(0) >= at.close(1) - at.usual(2);
            signal(found, at.color(0) * 100.0)
        })
    });

pub(super) const CDLDARKCLOUDCOVER: Indicator =
    cdl::<11>("cdldarkcloudcover", "dark cloud cover: opens above a long white candle, closes well inside it", |p| {
        let penetration = p[0];
        candles(11, [BODY_LONG.at(1)], move |at| {
            let found = at.white(1)
                && at.body(1) > at.usual(0)
                && at.black(0)
                && at.open(0) > at.high(1)
                && at.close(0) > at.open(1)
                && at.close(0) < at.close(1) - at.body(1) * penetration;
            signal(found, -100.0)
        })
    })
    .params(&[Param::float("penetration", 0.5, 0.0, 3e37)]);

pub(super) const CDLDOJISTAR: Indicator = cdl::<11>("cdldojistar", "doji star: doji beyond a long candle", |_| {
    candles(11, [BODY_LONG.at(1), BODY_DOJI.at(0)], |at| {
        let beyond = if at.white(1) { at.gap_up(0, 1) } else { at.gap_down(0, 1) };
        let found = at.body(1) > at.usual(0) && at.body(0) <= at.usual(1) && beyond;
        signal(found, -at.color(1) * 100.0)
    })
});

pub(super) const CDLENGULFING: Indicator =
    cdl::<2>("cdlengulfing", "engulfing: the body covers the one before, 80 where an end is equal", |_| {
        candles(2, [], |at| {
            let (open, close, first, last) = (at.open(0), at.close(0), at.open(1), at.close(1));
            let up = at.white(0) && at.black(1) && ((close >= first && open < last) || (close > first && open <= last));
            let down =
                at.black(0) && at.white(1) && ((open >= last && close < first) || (open > last && close <= first));
            let grade = if open != last && close != first { 100.0 } else { 80.0 };
            signal(up || down, at.color(0) * grade)
        })
    });

pub(super) const CDLHAMMER: Indicator =
    cdl::<11>("cdlhammer", "hammer: short body at or below the low before, long lower shadow", |_| {
        candles(11, [BODY_SHORT.at(0), SHADOW_LONG.at(0), SHADOW_VERY_SHORT.at(0), NEAR.at(1)], |at| {
            let found = at.body(0) < at.usual(0)
                && at.lower(0) > at.usual(1)
                && at.upper(0) < at.usual(2)
                && at.bottom(0) <= at.low(1) + at.usual(3);
            signal(found, 100.0)
        })
    });

pub(super) const CDLHANGINGMAN: Indicator =
    cdl::<11>("cdlhangingman", "hanging man: short body at or above the high before, long lower shadow", |_| {
        candles(11, [BODY_SHORT.at(0), SHADOW_LONG.at(0), SHADOW_VERY_SHORT.at(0), NEAR.at(1)], |at| {
            let found = at.body(0) < at.usual(0)
                && at.lower(0) > at.usual(1)
                && at.upper(0) < at.usual(2)
                && at.bottom(0) >= at.high(1) - at.usual(3);
            signal(found, -100.0)
        })
    });

/// The body is inside the one before: 100, or 80 where an end is equal.
fn inside<const N: usize>(at: &At<'_, N>) -> f64 {
    let (top, bottom, high, low) = (at.top(0), at.bottom(0), at.top(1), at.bottom(1));
    if top < high && bottom > low { 100.0 } else { signal(top <= high && bottom >= low, 80.0) }
}

pub(super) const CDLHARAMI: Indicator =
    cdl::<11>("cdlharami", "harami: short body inside a long one, 80 where an end is equal", |_| {
        candles(11, [BODY_LONG.at(1), BODY_SHORT.at(0)], |at| {
            let found = at.body(1) > at.usual(0) && at.body(0) <= at.usual(1);
            let grade = inside(at);
            signal(found && grade > 0.0, -at.color(1) * grade)
        })
    });

pub(super) const CDLHARAMICROSS: Indicator =
    cdl::<11>("cdlharamicross", "harami cross: doji inside a long body, 80 where an end is equal", |_| {
        candles(11, [BODY_LONG.at(1), BODY_DOJI.at(0)], |at| {
            let found = at.body(1) > at.usual(0) && at.body(0) <= at.usual(1);
            let grade = inside(at);
            signal(found && grade > 0.0, -at.color(1) * grade)
        })
    });

pub(super) const CDLHOMINGPIGEON: Indicator =
    cdl::<11>("cdlhomingpigeon", "homing pigeon: short black body inside a long black one", |_| {
        candles(11, [BODY_LONG.at(1), BODY_SHORT.at(0)], |at| {
            let found = at.black(1)
                && at.black(0)
                && at.body(1) > at.usual(0)
                && at.body(0) <= at.usual(1)
                && at.open(0) < at.open(1)
                && at.close(0) > at.close(1);
            signal(found, 100.0)
        })
    });

/// A long black candle, then a white one that opens below its low.
fn black_then_low_white<const N: usize>(at: &At<'_, N>) -> bool {
    at.black(1) && at.white(0) && at.open(0) < at.low(1)
}

pub(super) const CDLINNECK: Indicator =
    cdl::<11>("cdlinneck", "in-neck: white candle from below a long black one, up to its close", |_| {
        candles(11, [BODY_LONG.at(1), EQUAL.at(1)], |at| {
            let found = black_then_low_white(at)
                && at.body(1) > at.usual(0)
                && at.close(0) <= at.close(1) + at.usual(1)
                && at.close(0) >= at.close(1);
            signal(found, -100.0)
        })
    });

pub(super) const CDLONNECK: Indicator =
    cdl::<11>("cdlonneck", "on-neck: white candle from below a long black one, up to its low", |_| {
        candles(11, [BODY_LONG.at(1), EQUAL.at(1)], |at| {
            let found = black_then_low_white(at)
                && at.body(1) > at.usual(0)
                && at.close(0) <= at.low(1) + at.usual(1)
                && at.close(0) >= at.low(1) - at.usual(1);
            signal(found, -100.0)
        })
    });

pub(super) const CDLTHRUSTING: Indicator =
    cdl::<11>("cdlthrusting", "thrusting: white candle from below a long black one, not past its middle", |_| {
        candles(11, [BODY_LONG.at(1), EQUAL.at(1)], |at| {
            let found = black_then_low_white(at)
                && at.body(1) > at.usual(0)
                && at.close(0) > at.close(1) + at.usual(1)
                && at.close(0) <= at.close(1) + at.body(1) * 0.5;
            signal(found, -100.0)
        })
    });

pub(super) const CDLPIERCING: Indicator =
    cdl::<11>("cdlpiercing", "piercing: long white candle from below a long black one, past its middle", |_| {
        candles(11, [BODY_LONG.at(1), BODY_LONG.at(0)], |at| {
            let found = black_then_low_white(at)
                && at.body(1) > at.usual(0)
                && at.body(0) > at.usual(1)
                && at.close(0) < at.open(1)
                && at.close(0) > at.close(1) + at.body(1) * 0.5;
            signal(found, 100.0)
        })
    });

pub(super) const CDLINVERTEDHAMMER: Indicator =
    cdl::<11>("cdlinvertedhammer", "inverted hammer: short body below the one before, long upper shadow", |_| {
        candles(11, [BODY_SHORT.at(0), SHADOW_LONG.at(0), SHADOW_VERY_SHORT.at(0)], |at| {
            let found =
                at.body(0) < at.usual(0) && at.upper(0) > at.usual(1) && at.lower(0) < at.usual(2) && at.gap_down(0, 1);
            signal(found, 100.0)
        })
    });

pub(super) const CDLSHOOTINGSTAR: Indicator =
    cdl::<11>("cdlshootingstar", "shooting star: short body above the one before, long upper shadow", |_| {
        candles(11, [BODY_SHORT.at(0), SHADOW_LONG.at(0), SHADOW_VERY_SHORT.at(0)], |at| {
            let found =
                at.body(0) < at.usual(0) && at.upper(0) > at.usual(1) && at.lower(0) < at.usual(2) && at.gap_up(0, 1);
            signal(found, -100.0)
        })
    });

/// Two marubozu of opposite color with a gap between them.
fn kicked<const N: usize>(at: &At<'_, N>) -> bool {
    at.color(1) == -at.color(0)
        && at.body(1) > at.usual(0)
        && at.upper(1) < at.usual(2)
        && at.lower(1) < at.usual(2)
        && at.body(0) > at.usual(1)
        && at.upper(0) < at.usual(3)
        && at.lower(0) < at.usual(3)
        && if at.black(1) { at.jump_up(0, 1) } else { at.jump_down(0, 1) }
}

const KICKING: [Seen; 4] = [BODY_LONG.at(1), BODY_LONG.at(0), SHADOW_VERY_SHORT.at(1), SHADOW_VERY_SHORT.at(0)];

pub(super) const CDLKICKING: Indicator =
    cdl::<11>("cdlkicking", "kicking: two marubozu of opposite color with a gap between them", |_| {
        candles(11, KICKING, |at| signal(kicked(at), at.color(0) * 100.0))
    });

pub(super) const CDLKICKINGBYLENGTH: Indicator =
    cdl::<11>("cdlkickingbylength", "kicking, with the sign of the longer of the two", |_| {
        candles(11, KICKING, |at| {
            let longer = usize::from(at.body(0) <= at.body(1));
            signal(kicked(at), at.color(longer) * 100.0)
        })
    });

pub(super) const CDLMATCHINGLOW: Indicator =
    cdl::<6>("cdlmatchinglow", "matching low: two black candles close at one price", |_| {
        candles(6, [EQUAL.at(1)], |at| {
            let equal = at.usual(0);
            let found =
                at.black(1) && at.black(0) && at.close(0) <= at.close(1) + equal && at.close(0) >= at.close(1) - equal;
            signal(found, 100.0)
        })
    });

pub(super) const CDLSEPARATINGLINES: Indicator = cdl::<11>(
    "cdlseparatinglines",
    "separating lines: opposite colors from one opening price, the second belt-hold",
    |_| {
        candles(11, [SHADOW_VERY_SHORT.at(0), BODY_LONG.at(0), EQUAL.at(1)], |at| {
            let held = if at.white(0) { at.lower(0) } else { at.upper(0) } < at.usual(0);
            let found = at.color(1) == -at.color(0)
                && at.open(0) <= at.open(1) + at.usual(2)
                && at.open(0) >= at.open(1) - at.usual(2)
                && at.body(0) > at.usual(1)
                && held;
            signal(found, at.color(0) * 100.0)
        })
    },
);
