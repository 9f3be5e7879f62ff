//! Patterns of one candle.

use super::candles::*;
use crate::indicator::registry::Indicator;

pub(super) const CDLBELTHOLD: Indicator = cdl::<10>("cdlbelthold", "belt-hold: long, opens at its extreme", |_| {
    candles(10, [BODY_LONG.at(0), SHADOW_VERY_SHORT.at(0)], asked!(cdlbelthold))
});

#[inline(always)]
fn cdlbelthold<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let held = if at.white(0) { at.lower(0) } else { at.upper(0) } < at.usual(1);
    signal(all([at.body(0) > at.usual(0), held]), at.color(0) * 100.0)
}

pub(super) const CDLCLOSINGMARUBOZU: Indicator =
    cdl::<10>("cdlclosingmarubozu", "closing marubozu: long, closes at its extreme", |_| {
        candles(10, [BODY_LONG.at(0), SHADOW_VERY_SHORT.at(0)], asked!(cdlclosingmarubozu))
    });

#[inline(always)]
fn cdlclosingmarubozu<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let held = if at.white(0) { at.upper(0) } else { at.lower(0) } < at.usual(1);
    signal(all([at.body(0) > at.usual(0), held]), at.color(0) * 100.0)
}

pub(super) const CDLDOJI: Indicator =
    cdl::<10>("cdldoji", "doji: opens where it closes", |_| candles(10, [BODY_DOJI.at(0)], asked!(cdldoji)));

#[inline(always)]
fn cdldoji<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    signal(at.body(0) <= at.usual(0), 100.0)
}

pub(super) const CDLDRAGONFLYDOJI: Indicator =
    cdl::<10>("cdldragonflydoji", "dragonfly doji: with a lower shadow only", |_| {
        candles(10, [BODY_DOJI.at(0), SHADOW_VERY_SHORT.at(0)], asked!(cdldragonflydoji))
    });

#[inline(always)]
fn cdldragonflydoji<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let tiny = at.usual(1);
    signal(all([at.body(0) <= at.usual(0), at.upper(0) < tiny, at.lower(0) > tiny]), 100.0)
}

pub(super) const CDLGRAVESTONEDOJI: Indicator =
    cdl::<10>("cdlgravestonedoji", "gravestone doji: with an upper shadow only", |_| {
        candles(10, [BODY_DOJI.at(0), SHADOW_VERY_SHORT.at(0)], asked!(cdlgravestonedoji))
    });

#[inline(always)]
fn cdlgravestonedoji<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let tiny = at.usual(1);
    signal(all([at.body(0) <= at.usual(0), at.lower(0) < tiny, at.upper(0) > tiny]), 100.0)
}

pub(super) const CDLHIGHWAVE: Indicator = cdl::<10>("cdlhighwave", "high wave: short body, very long shadows", |_| {
    candles(10, [BODY_SHORT.at(0), SHADOW_VERY_LONG.at(0)], asked!(cdlhighwave))
});

#[inline(always)]
fn cdlhighwave<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let long = at.usual(1);
    let found = all([at.body(0) < at.usual(0), at.upper(0) > long, at.lower(0) > long]);
    signal(found, at.color(0) * 100.0)
}

pub(super) const CDLLONGLEGGEDDOJI: Indicator =
    cdl::<10>("cdllongleggeddoji", "long-legged doji: with a long shadow", |_| {
        candles(10, [BODY_DOJI.at(0), SHADOW_LONG.at(0)], asked!(cdllongleggeddoji))
    });

#[inline(always)]
fn cdllongleggeddoji<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let long = at.usual(1);
    signal(all([at.body(0) <= at.usual(0), any([at.lower(0) > long, at.upper(0) > long])]), 100.0)
}

pub(super) const CDLLONGLINE: Indicator = cdl::<10>("cdllongline", "long line: long body, short shadows", |_| {
    candles(10, [BODY_LONG.at(0), SHADOW_SHORT.at(0)], asked!(cdllongline))
});

#[inline(always)]
fn cdllongline<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let short = at.usual(1);
    let found = all([at.body(0) > at.usual(0), at.upper(0) < short, at.lower(0) < short]);
    signal(found, at.color(0) * 100.0)
}

pub(super) const CDLMARUBOZU: Indicator = cdl::<10>("cdlmarubozu", "marubozu: long body, no shadows", |_| {
    candles(10, [BODY_LONG.at(0), SHADOW_VERY_SHORT.at(0)], asked!(cdlmarubozu))
});

#[inline(always)]
fn cdlmarubozu<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let tiny = at.usual(1);
    let found = all([at.body(0) > at.usual(0), at.upper(0) < tiny, at.lower(0) < tiny]);
    signal(found, at.color(0) * 100.0)
}

pub(super) const CDLRICKSHAWMAN: Indicator =
    cdl::<10>("cdlrickshawman", "rickshaw man: doji in the middle of long shadows", |_| {
        candles(10, [BODY_DOJI.at(0), SHADOW_LONG.at(0), NEAR.at(0)], asked!(cdlrickshawman))
    });

#[inline(always)]
fn cdlrickshawman<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let (long, near) = (at.usual(1), at.usual(2));
    let middle = at.low(0) + (at.high(0) - at.low(0)) / 2.0;
    let found = all([
        at.body(0) <= at.usual(0),
        at.lower(0) > long,
        at.upper(0) > long,
        at.bottom(0) <= middle + near,
        at.top(0) >= middle - near,
    ]);
    signal(found, 100.0)
}

pub(super) const CDLSHORTLINE: Indicator = cdl::<10>("cdlshortline", "short line: short body, short shadows", |_| {
    candles(10, [BODY_SHORT.at(0), SHADOW_SHORT.at(0)], asked!(cdlshortline))
});

#[inline(always)]
fn cdlshortline<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let short = at.usual(1);
    let found = all([at.body(0) < at.usual(0), at.upper(0) < short, at.lower(0) < short]);
    signal(found, at.color(0) * 100.0)
}

pub(super) const CDLSPINNINGTOP: Indicator =
    cdl::<10>("cdlspinningtop", "spinning top: short body, shadows longer than it", |_| {
        candles(10, [BODY_SHORT.at(0)], asked!(cdlspinningtop))
    });

#[inline(always)]
fn cdlspinningtop<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let body = at.body(0);
    let found = all([body < at.usual(0), at.upper(0) > body, at.lower(0) > body]);
    signal(found, at.color(0) * 100.0)
}

pub(super) const CDLTAKURI: Indicator =
    cdl::<10>("cdltakuri", "takuri: doji with a very long lower shadow and no upper one", |_| {
        candles(10, [BODY_DOJI.at(0), SHADOW_VERY_SHORT.at(0), SHADOW_VERY_LONG.at(0)], asked!(cdltakuri))
    });

#[inline(always)]
fn cdltakuri<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let found = all([at.body(0) <= at.usual(0), at.upper(0) < at.usual(1), at.lower(0) > at.usual(2)]);
    signal(found, 100.0)
}
