//! Patterns of two candles.

use super::candles::*;
use crate::indicator::params::Param;
use crate::indicator::registry::Indicator;

pub(super) const CDLCOUNTERATTACK: Indicator =
    cdl::<11>("cdlcounterattack", "counterattack: two long candles of opposite color close at one price", |_| {
        candles(11, [BODY_LONG.at(1), BODY_LONG.at(0), EQUAL.at(1)], asked!(cdlcounterattack))
    });

#[inline(always)]
fn cdlcounterattack<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let found = all([
        at.color(1) == -at.color(0),
        at.body(1) > at.usual(0),
        at.body(0) > at.usual(1),
        at.close(0) <= at.close(1) + at.usual(2),
        at.close(0) >= at.close(1) - at.usual(2),
    ]);
    signal(found, at.color(0) * 100.0)
}

pub(super) const CDLDARKCLOUDCOVER: Indicator =
    cdl::<11>("cdldarkcloudcover", "dark cloud cover: opens above a long white candle, closes well inside it", |p| {
        let penetration = p[0];
        candles(11, [BODY_LONG.at(1)], asked!(cdldarkcloudcover, penetration))
    })
    .params(&[Param::float("penetration", 0.5, 0.0, 3e37)]);

#[inline(always)]
fn cdldarkcloudcover<const N: usize>(at: &At<'_, N>, penetration: f64) -> f64 {
    let found = all([
        at.white(1),
        at.body(1) > at.usual(0),
        at.black(0),
        at.open(0) > at.high(1),
        at.close(0) > at.open(1),
        at.close(0) < at.close(1) - at.body(1) * penetration,
    ]);
    signal(found, -100.0)
}

pub(super) const CDLDOJISTAR: Indicator = cdl::<11>("cdldojistar", "doji star: doji beyond a long candle", |_| {
    candles(11, [BODY_LONG.at(1), BODY_DOJI.at(0)], asked!(cdldojistar))
});

#[inline(always)]
fn cdldojistar<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let beyond = either(at.white(1), at.gap_up(0, 1), at.gap_down(0, 1));
    let found = all([at.body(1) > at.usual(0), at.body(0) <= at.usual(1), beyond]);
    signal(found, -at.color(1) * 100.0)
}

pub(super) const CDLENGULFING: Indicator =
    cdl::<2>("cdlengulfing", "engulfing: the body covers the one before, 80 where an end is equal", |_| {
        candles(2, [], asked!(cdlengulfing))
    });

#[inline(always)]
fn cdlengulfing<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let (open, close, first, last) = (at.open(0), at.close(0), at.open(1), at.close(1));
    let up =
        all([at.white(0), at.black(1), any([all([close >= first, open < last]), all([close > first, open <= last])])]);
    let down =
        all([at.black(0), at.white(1), any([all([open >= last, close < first]), all([open > last, close <= first])])]);
    let grade = if all([open != last, close != first]) { 100.0 } else { 80.0 };
    signal(any([up, down]), at.color(0) * grade)
}

pub(super) const CDLHAMMER: Indicator =
    cdl::<11>("cdlhammer", "hammer: short body at or below the low before, long lower shadow", |_| {
        candles(11, [BODY_SHORT.at(0), SHADOW_LONG.at(0), SHADOW_VERY_SHORT.at(0), NEAR.at(1)], asked!(cdlhammer))
    });

#[inline(always)]
fn cdlhammer<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let found = all([
        at.body(0) < at.usual(0),
        at.lower(0) > at.usual(1),
        at.upper(0) < at.usual(2),
        at.bottom(0) <= at.low(1) + at.usual(3),
    ]);
    signal(found, 100.0)
}

pub(super) const CDLHANGINGMAN: Indicator =
    cdl::<11>("cdlhangingman", "hanging man: short body at or above the high before, long lower shadow", |_| {
        candles(11, [BODY_SHORT.at(0), SHADOW_LONG.at(0), SHADOW_VERY_SHORT.at(0), NEAR.at(1)], asked!(cdlhangingman))
    });

#[inline(always)]
fn cdlhangingman<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let found = all([
        at.body(0) < at.usual(0),
        at.lower(0) > at.usual(1),
        at.upper(0) < at.usual(2),
        at.bottom(0) >= at.high(1) - at.usual(3),
    ]);
    signal(found, -100.0)
}

/// The body is inside the one before: 100, or 80 where an end is equal.
#[inline(always)]
fn inside<const N: usize>(at: &At<'_, N>) -> f64 {
    let (top, bottom, high, low) = (at.top(0), at.bottom(0), at.top(1), at.bottom(1));
    if all([top < high, bottom > low]) { 100.0 } else { signal(all([top <= high, bottom >= low]), 80.0) }
}

pub(super) const CDLHARAMI: Indicator =
    cdl::<11>("cdlharami", "harami: short body inside a long one, 80 where an end is equal", |_| {
        candles(11, [BODY_LONG.at(1), BODY_SHORT.at(0)], asked!(cdlharami))
    });

#[inline(always)]
fn cdlharami<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let found = all([at.body(1) > at.usual(0), at.body(0) <= at.usual(1)]);
    let grade = inside(at);
    signal(all([found, grade > 0.0]), -at.color(1) * grade)
}

pub(super) const CDLHARAMICROSS: Indicator =
    cdl::<11>("cdlharamicross", "harami cross: doji inside a long body, 80 where an end is equal", |_| {
        candles(11, [BODY_LONG.at(1), BODY_DOJI.at(0)], asked!(cdlharamicross))
    });

#[inline(always)]
fn cdlharamicross<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let found = all([at.body(1) > at.usual(0), at.body(0) <= at.usual(1)]);
    let grade = inside(at);
    signal(all([found, grade > 0.0]), -at.color(1) * grade)
}

pub(super) const CDLHOMINGPIGEON: Indicator =
    cdl::<11>("cdlhomingpigeon", "homing pigeon: short black body inside a long black one", |_| {
        candles(11, [BODY_LONG.at(1), BODY_SHORT.at(0)], asked!(cdlhomingpigeon))
    });

#[inline(always)]
fn cdlhomingpigeon<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let found = all([
        at.black(1),
        at.black(0),
        at.body(1) > at.usual(0),
        at.body(0) <= at.usual(1),
        at.open(0) < at.open(1),
        at.close(0) > at.close(1),
    ]);
    signal(found, 100.0)
}

/// A long black candle, then a white one that opens below its low.
#[inline(always)]
fn black_then_low_white<const N: usize>(at: &At<'_, N>) -> bool {
    all([at.black(1), at.white(0), at.open(0) < at.low(1)])
}

pub(super) const CDLINNECK: Indicator =
    cdl::<11>("cdlinneck", "in-neck: white candle from below a long black one, up to its close", |_| {
        candles(11, [BODY_LONG.at(1), EQUAL.at(1)], asked!(cdlinneck))
    });

#[inline(always)]
fn cdlinneck<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let found = all([
        black_then_low_white(at),
        at.body(1) > at.usual(0),
        at.close(0) <= at.close(1) + at.usual(1),
        at.close(0) >= at.close(1),
    ]);
    signal(found, -100.0)
}

pub(super) const CDLONNECK: Indicator =
    cdl::<11>("cdlonneck", "on-neck: white candle from below a long black one, up to its low", |_| {
        candles(11, [BODY_LONG.at(1), EQUAL.at(1)], asked!(cdlonneck))
    });

#[inline(always)]
fn cdlonneck<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let found = all([
        black_then_low_white(at),
        at.body(1) > at.usual(0),
        at.close(0) <= at.low(1) + at.usual(1),
        at.close(0) >= at.low(1) - at.usual(1),
    ]);
    signal(found, -100.0)
}

pub(super) const CDLTHRUSTING: Indicator =
    cdl::<11>("cdlthrusting", "thrusting: white candle from below a long black one, not past its middle", |_| {
        candles(11, [BODY_LONG.at(1), EQUAL.at(1)], asked!(cdlthrusting))
    });

#[inline(always)]
fn cdlthrusting<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let found = all([
        black_then_low_white(at),
        at.body(1) > at.usual(0),
        at.close(0) > at.close(1) + at.usual(1),
        at.close(0) <= at.close(1) + at.body(1) * 0.5,
    ]);
    signal(found, -100.0)
}

pub(super) const CDLPIERCING: Indicator =
    cdl::<11>("cdlpiercing", "piercing: long white candle from below a long black one, past its middle", |_| {
        candles(11, [BODY_LONG.at(1), BODY_LONG.at(0)], asked!(cdlpiercing))
    });

#[inline(always)]
fn cdlpiercing<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let found = all([
        black_then_low_white(at),
        at.body(1) > at.usual(0),
        at.body(0) > at.usual(1),
        at.close(0) < at.open(1),
        at.close(0) > at.close(1) + at.body(1) * 0.5,
    ]);
    signal(found, 100.0)
}

pub(super) const CDLINVERTEDHAMMER: Indicator =
    cdl::<11>("cdlinvertedhammer", "inverted hammer: short body below the one before, long upper shadow", |_| {
        candles(11, [BODY_SHORT.at(0), SHADOW_LONG.at(0), SHADOW_VERY_SHORT.at(0)], asked!(cdlinvertedhammer))
    });

#[inline(always)]
fn cdlinvertedhammer<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let found =
        all([at.body(0) < at.usual(0), at.upper(0) > at.usual(1), at.lower(0) < at.usual(2), at.gap_down(0, 1)]);
    signal(found, 100.0)
}

pub(super) const CDLSHOOTINGSTAR: Indicator =
    cdl::<11>("cdlshootingstar", "shooting star: short body above the one before, long upper shadow", |_| {
        candles(11, [BODY_SHORT.at(0), SHADOW_LONG.at(0), SHADOW_VERY_SHORT.at(0)], asked!(cdlshootingstar))
    });

#[inline(always)]
fn cdlshootingstar<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let found = all([at.body(0) < at.usual(0), at.upper(0) > at.usual(1), at.lower(0) < at.usual(2), at.gap_up(0, 1)]);
    signal(found, -100.0)
}

/// Two marubozu of opposite color with a gap between them.
#[inline(always)]
fn kicked<const N: usize>(at: &At<'_, N>) -> bool {
    let gap = either(at.black(1), at.jump_up(0, 1), at.jump_down(0, 1));
    let first = all([at.body(1) > at.usual(0), at.upper(1) < at.usual(2), at.lower(1) < at.usual(2)]);
    let second = all([at.body(0) > at.usual(1), at.upper(0) < at.usual(3), at.lower(0) < at.usual(3)]);
    all([at.color(1) == -at.color(0), first, second, gap])
}

const KICKING: [Seen; 4] = [BODY_LONG.at(1), BODY_LONG.at(0), SHADOW_VERY_SHORT.at(1), SHADOW_VERY_SHORT.at(0)];

pub(super) const CDLKICKING: Indicator =
    cdl::<11>("cdlkicking", "kicking: two marubozu of opposite color with a gap between them", |_| {
        candles(11, KICKING, asked!(cdlkicking))
    });

#[inline(always)]
fn cdlkicking<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    signal(kicked(at), at.color(0) * 100.0)
}

pub(super) const CDLKICKINGBYLENGTH: Indicator =
    cdl::<11>("cdlkickingbylength", "kicking, with the sign of the longer of the two", |_| {
        candles(11, KICKING, asked!(cdlkickingbylength))
    });

#[inline(always)]
fn cdlkickingbylength<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let longer = if at.body(0) <= at.body(1) { at.color(1) } else { at.color(0) };
    signal(kicked(at), longer * 100.0)
}

pub(super) const CDLMATCHINGLOW: Indicator =
    cdl::<6>("cdlmatchinglow", "matching low: two black candles close at one price", |_| {
        candles(6, [EQUAL.at(1)], asked!(cdlmatchinglow))
    });

#[inline(always)]
fn cdlmatchinglow<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let equal = at.usual(0);
    let found = all([at.black(1), at.black(0), at.close(0) <= at.close(1) + equal, at.close(0) >= at.close(1) - equal]);
    signal(found, 100.0)
}

pub(super) const CDLSEPARATINGLINES: Indicator = cdl::<11>(
    "cdlseparatinglines",
    "separating lines: opposite colors from one opening price, the second belt-hold",
    |_| candles(11, [SHADOW_VERY_SHORT.at(0), BODY_LONG.at(0), EQUAL.at(1)], asked!(cdlseparatinglines)),
);

#[inline(always)]
fn cdlseparatinglines<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let held = if at.white(0) { at.lower(0) } else { at.upper(0) } < at.usual(0);
    let found = all([
        at.color(1) == -at.color(0),
        at.open(0) <= at.open(1) + at.usual(2),
        at.open(0) >= at.open(1) - at.usual(2),
        at.body(0) > at.usual(1),
        held,
    ]);
    signal(found, at.color(0) * 100.0)
}
