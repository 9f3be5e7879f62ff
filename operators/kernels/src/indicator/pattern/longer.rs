//! Patterns of four and five candles.

use super::candles::*;
use crate::indicator::params::Param;
use crate::indicator::registry::Indicator;

pub(super) const CDL3BLACKCROWS: Indicator =
    cdl::<13>("cdl3blackcrows", "three black crows after a white candle, each from inside the last", |_| {
        const SEEN: [Seen; 3] = [SHADOW_VERY_SHORT.at(2), SHADOW_VERY_SHORT.at(1), SHADOW_VERY_SHORT.at(0)];
        candles(13, SEEN, asked!(cdl3blackcrows))
    });

#[inline(always)]
fn cdl3blackcrows<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let found = all([
        at.white(3),
        at.black(2),
        at.lower(2) < at.usual(0),
        at.black(1),
        at.lower(1) < at.usual(1),
        at.black(0),
        at.lower(0) < at.usual(2),
        at.open(1) < at.open(2),
        at.open(1) > at.close(2),
        at.open(0) < at.open(1),
        at.open(0) > at.close(1),
        at.high(3) > at.close(2),
        at.close(2) > at.close(1),
        at.close(1) > at.close(0),
    ]);
    signal(found, -100.0)
}

/// The candle opens in or near the body of the one before it.
#[inline(always)]
fn opens_near<const N: usize>(at: &At<'_, N>, back: usize, near: f64) -> bool {
    all([at.open(back) >= at.bottom(back + 1) - near, at.open(back) <= at.top(back + 1) + near])
}

pub(super) const CDL3LINESTRIKE: Indicator =
    cdl::<8>("cdl3linestrike", "three-line strike: three of one color, then one over all of them", |_| {
        candles(8, [NEAR.at(3), NEAR.at(2)], asked!(cdl3linestrike))
    });

#[inline(always)]
fn cdl3linestrike<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let struck_down =
        all([at.close(1) > at.close(2), at.close(2) > at.close(3), at.open(0) > at.close(1), at.close(0) < at.open(3)]);
    let struck_up =
        all([at.close(1) < at.close(2), at.close(2) < at.close(3), at.open(0) < at.close(1), at.close(0) > at.open(3)]);
    let found = all([
        at.color(3) == at.color(2),
        at.color(2) == at.color(1),
        at.color(0) == -at.color(1),
        opens_near(at, 2, at.usual(0)),
        opens_near(at, 1, at.usual(1)),
        either(at.white(1), struck_down, struck_up),
    ]);
    signal(found, at.color(1) * 100.0)
}

pub(super) const CDLCONCEALBABYSWALL: Indicator =
    cdl::<13>("cdlconcealbabyswall", "concealing baby swallow: four black candles, the last over the third", |_| {
        const SEEN: [Seen; 3] = [SHADOW_VERY_SHORT.at(3), SHADOW_VERY_SHORT.at(2), SHADOW_VERY_SHORT.at(1)];
        candles(13, SEEN, asked!(cdlconcealbabyswall))
    });

#[inline(always)]
fn cdlconcealbabyswall<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let found = all([
        at.black(3),
        at.black(2),
        at.black(1),
        at.black(0),
        at.lower(3) < at.usual(0),
        at.upper(3) < at.usual(0),
        at.lower(2) < at.usual(1),
        at.upper(2) < at.usual(1),
        at.gap_down(1, 2),
        at.upper(1) > at.usual(2),
        at.high(1) > at.close(2),
        at.high(0) > at.high(1),
        at.low(0) < at.low(1),
    ]);
    signal(found, 100.0)
}

pub(super) const CDLBREAKAWAY: Indicator =
    cdl::<14>("cdlbreakaway", "breakaway: a gap in the trend, two candles further, one back into the gap", |_| {
        candles(14, [BODY_LONG.at(4)], asked!(cdlbreakaway))
    });

#[inline(always)]
fn cdlbreakaway<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let falls = |newer: usize| all([at.high(newer) < at.high(newer + 1), at.low(newer) < at.low(newer + 1)]);
    let rises = |newer: usize| all([at.high(newer) > at.high(newer + 1), at.low(newer) > at.low(newer + 1)]);
    let up = all([at.gap_down(3, 4), falls(2), falls(1), at.close(0) > at.open(3), at.close(0) < at.close(4)]);
    let down = all([at.gap_up(3, 4), rises(2), rises(1), at.close(0) < at.open(3), at.close(0) > at.close(4)]);
    let found = all([
        at.body(4) > at.usual(0),
        at.color(4) == at.color(3),
        at.color(3) == at.color(1),
        at.color(1) == -at.color(0),
        either(at.black(4), up, down),
    ]);
    signal(found, at.color(0) * 100.0)
}

pub(super) const CDLLADDERBOTTOM: Indicator = cdl::<14>(
    "cdlladderbottom",
    "ladder bottom: four black candles, the last with an upper shadow, then white",
    |_| candles(14, [SHADOW_VERY_SHORT.at(1)], asked!(cdlladderbottom)),
);

#[inline(always)]
fn cdlladderbottom<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let found = all([
        at.black(4),
        at.black(3),
        at.black(2),
        at.open(4) > at.open(3),
        at.open(3) > at.open(2),
        at.close(4) > at.close(3),
        at.close(3) > at.close(2),
        at.black(1),
        at.upper(1) > at.usual(0),
        at.white(0),
        at.open(0) > at.open(1),
        at.close(0) > at.high(1),
    ]);
    signal(found, 100.0)
}

pub(super) const CDLMATHOLD: Indicator =
    cdl::<14>("cdlmathold", "mat hold: long white, three small ones that fall little, white to a new high", |p| {
        const SEEN: [Seen; 4] = [BODY_LONG.at(4), BODY_SHORT.at(3), BODY_SHORT.at(2), BODY_SHORT.at(1)];
        let penetration = p[0];
        candles(14, SEEN, asked!(cdlmathold, penetration))
    })
    .params(&[Param::float("penetration", 0.5, 0.0, 3e37)]);

#[inline(always)]
fn cdlmathold<const N: usize>(at: &At<'_, N>, penetration: f64) -> f64 {
    let floor = at.close(4) - at.body(4) * penetration;
    let held = |back: usize| all([at.bottom(back) < at.close(4), at.bottom(back) > floor]);
    let higher = |a: f64, b: f64| if a > b { a } else { b };
    let found = all([
        at.white(4),
        at.black(3),
        at.white(0),
        at.gap_up(3, 4),
        held(2),
        held(1),
        at.top(2) < at.open(3),
        at.top(1) < at.top(2),
        at.open(0) > at.close(1),
        at.close(0) > higher(higher(at.high(3), at.high(2)), at.high(1)),
        at.body(4) > at.usual(0),
        at.body(3) < at.usual(1),
        at.body(2) < at.usual(2),
        at.body(1) < at.usual(3),
    ]);
    signal(found, 100.0)
}

pub(super) const CDLRISEFALL3METHODS: Indicator =
    cdl::<14>("cdlrisefall3methods", "three methods: long, three small ones against it inside its range, long", |_| {
        const SEEN: [Seen; 5] =
            [BODY_LONG.at(4), BODY_SHORT.at(3), BODY_SHORT.at(2), BODY_SHORT.at(1), BODY_LONG.at(0)];
        candles(14, SEEN, asked!(cdlrisefall3methods))
    });

#[inline(always)]
fn cdlrisefall3methods<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let color = at.color(4);
    let within = |back: usize| all([at.bottom(back) < at.high(4), at.top(back) > at.low(4)]);
    let found = all([
        at.body(4) > at.usual(0),
        at.body(3) < at.usual(1),
        at.body(2) < at.usual(2),
        at.body(1) < at.usual(3),
        at.body(0) > at.usual(4),
        color == -at.color(3),
        at.color(3) == at.color(2),
        at.color(2) == at.color(1),
        at.color(1) == -at.color(0),
        within(3),
        within(2),
        within(1),
        at.close(2) * color < at.close(3) * color,
        at.close(1) * color < at.close(2) * color,
        at.open(0) * color > at.close(1) * color,
        at.close(0) * color > at.close(4) * color,
    ]);
    signal(found, 100.0 * color)
}
