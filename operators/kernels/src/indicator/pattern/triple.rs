//! Patterns of three candles.

use super::candles::*;
use crate::indicator::params::Param;
use crate::indicator::registry::Indicator;

/// How far the third candle must go back into the first.
const PENETRATION: &[Param] = &[Param::float("penetration", 0.3, 0.0, 3e37)];

pub(super) const CDL2CROWS: Indicator =
    cdl::<12>("cdl2crows", "two crows: black above a long white candle, then black into its body", |_| {
        candles(12, [BODY_LONG.at(2)], asked!(cdl2crows))
    });

#[inline(always)]
fn cdl2crows<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let found = all([
        at.white(2),
        at.body(2) > at.usual(0),
        at.black(1),
        at.gap_up(1, 2),
        at.black(0),
        at.open(0) < at.open(1),
        at.open(0) > at.close(1),
        at.close(0) > at.open(2),
        at.close(0) < at.close(2),
    ]);
    signal(found, -100.0)
}

pub(super) const CDL3INSIDE: Indicator =
    cdl::<12>("cdl3inside", "three inside: harami, then a close beyond the first open", |_| {
        candles(12, [BODY_LONG.at(2), BODY_SHORT.at(1)], asked!(cdl3inside))
    });

#[inline(always)]
fn cdl3inside<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let down = all([at.black(0), at.close(0) < at.open(2)]);
    let up = all([at.white(0), at.close(0) > at.open(2)]);
    let found = all([
        at.body(2) > at.usual(0),
        at.body(1) <= at.usual(1),
        at.top(1) < at.top(2),
        at.bottom(1) > at.bottom(2),
        either(at.white(2), down, up),
    ]);
    signal(found, -at.color(2) * 100.0)
}

pub(super) const CDL3OUTSIDE: Indicator =
    cdl::<3>("cdl3outside", "three outside: engulfing, then a close further on", |_| {
        candles(3, [], asked!(cdl3outside))
    });

#[inline(always)]
fn cdl3outside<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let up = all([at.white(1), at.black(2), at.close(1) > at.open(2), at.open(1) < at.close(2)]);
    let down = all([at.black(1), at.white(2), at.open(1) > at.close(2), at.close(1) < at.open(2)]);
    let found = any([all([up, at.close(0) > at.close(1)]), all([down, at.close(0) < at.close(1)])]);
    signal(found, at.color(1) * 100.0)
}

pub(super) const CDL3STARSINSOUTH: Indicator =
    cdl::<12>("cdl3starsinsouth", "three stars in the south: three black candles, each smaller and inside", |_| {
        const SEEN: [Seen; 5] =
            [BODY_LONG.at(2), SHADOW_LONG.at(2), SHADOW_VERY_SHORT.at(1), BODY_SHORT.at(0), SHADOW_VERY_SHORT.at(0)];
        candles(12, SEEN, asked!(cdl3starsinsouth))
    });

#[inline(always)]
fn cdl3starsinsouth<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let first = all([at.black(2), at.body(2) > at.usual(0), at.lower(2) > at.usual(1)]);
    let second = all([
        at.black(1),
        at.body(1) < at.body(2),
        at.open(1) > at.close(2),
        at.open(1) <= at.high(2),
        at.low(1) < at.close(2),
        at.low(1) >= at.low(2),
        at.lower(1) > at.usual(2),
    ]);
    let third = all([
        at.black(0),
        at.body(0) < at.usual(3),
        at.lower(0) < at.usual(4),
        at.upper(0) < at.usual(4),
        at.low(0) > at.low(1),
        at.high(0) < at.high(1),
    ]);
    signal(all([first, second, third]), 100.0)
}

/// Three white candles, each closing higher.
#[inline(always)]
fn advancing<const N: usize>(at: &At<'_, N>) -> bool {
    all([at.white(2), at.white(1), at.white(0), at.close(0) > at.close(1), at.close(1) > at.close(2)])
}

pub(super) const CDL3WHITESOLDIERS: Indicator =
    cdl::<12>("cdl3whitesoldiers", "three advancing white soldiers: no upper shadows, none far smaller", |_| {
        const SEEN: [Seen; 8] = [
            SHADOW_VERY_SHORT.at(2),
            SHADOW_VERY_SHORT.at(1),
            SHADOW_VERY_SHORT.at(0),
            NEAR.at(2),
            NEAR.at(1),
            FAR.at(2),
            FAR.at(1),
            BODY_SHORT.at(0),
        ];
        candles(12, SEEN, asked!(cdl3whitesoldiers))
    });

#[inline(always)]
fn cdl3whitesoldiers<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let found = all([
        advancing(at),
        at.upper(2) < at.usual(0),
        at.upper(1) < at.usual(1),
        at.upper(0) < at.usual(2),
        at.open(1) > at.open(2),
        at.open(1) <= at.close(2) + at.usual(3),
        at.open(0) > at.open(1),
        at.open(0) <= at.close(1) + at.usual(4),
        at.body(1) > at.body(2) - at.usual(5),
        at.body(0) > at.body(1) - at.usual(6),
        at.body(0) > at.usual(7),
    ]);
    signal(found, 100.0)
}

pub(super) const CDLADVANCEBLOCK: Indicator =
    cdl::<12>("cdladvanceblock", "advance block: three white candles that weaken", |_| {
        const SEEN: [Seen; 9] = [
            NEAR.at(2),
            NEAR.at(1),
            BODY_LONG.at(2),
            SHADOW_SHORT.at(2),
            FAR.at(2),
            FAR.at(1),
            SHADOW_SHORT.at(0),
            SHADOW_SHORT.at(1),
            SHADOW_LONG.at(0),
        ];
        candles(12, SEEN, asked!(cdladvanceblock))
    });

#[inline(always)]
fn cdladvanceblock<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let advance = all([
        advancing(at),
        at.open(1) > at.open(2),
        at.open(1) <= at.close(2) + at.usual(0),
        at.open(0) > at.open(1),
        at.open(0) <= at.close(1) + at.usual(1),
        at.body(2) > at.usual(2),
        at.upper(2) < at.usual(3),
    ]);
    let (one, two, three) = (at.body(2), at.body(1), at.body(0));
    let blocked_by_second = all([two < one - at.usual(4), three < two + at.usual(1)]);
    let blocked_by_third = three < two - at.usual(5);
    let shadowed = any([at.upper(0) > at.usual(6), at.upper(1) > at.usual(7)]);
    let shrinking = all([three < two, two < one, shadowed]);
    let rejected = all([three < two, at.upper(0) > at.usual(8)]);
    signal(all([advance, any([blocked_by_second, blocked_by_third, shrinking, rejected])]), -100.0)
}

pub(super) const CDLSTALLEDPATTERN: Indicator =
    cdl::<12>("cdlstalledpattern", "stalled: two long white candles, then a short one at their end", |_| {
        const SEEN: [Seen; 6] =
            [BODY_LONG.at(2), BODY_LONG.at(1), SHADOW_VERY_SHORT.at(1), NEAR.at(2), BODY_SHORT.at(0), NEAR.at(1)];
        candles(12, SEEN, asked!(cdlstalledpattern))
    });

#[inline(always)]
fn cdlstalledpattern<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let found = all([
        advancing(at),
        at.body(2) > at.usual(0),
        at.body(1) > at.usual(1),
        at.upper(1) < at.usual(2),
        at.open(1) > at.open(2),
        at.open(1) <= at.close(2) + at.usual(3),
        at.body(0) < at.usual(4),
        at.open(0) >= at.close(1) - at.body(0) - at.usual(5),
    ]);
    signal(found, -100.0)
}

pub(super) const CDLABANDONEDBABY: Indicator =
    cdl::<12>("cdlabandonedbaby", "abandoned baby: a doji with gaps on both sides", |p| {
        let penetration = p[0];
        candles(12, [BODY_LONG.at(2), BODY_DOJI.at(1), BODY_SHORT.at(0)], asked!(cdlabandonedbaby, penetration))
    })
    .params(PENETRATION);

#[inline(always)]
fn cdlabandonedbaby<const N: usize>(at: &At<'_, N>, penetration: f64) -> f64 {
    let back = at.body(2) * penetration;
    let down = all([at.white(2), at.black(0), at.close(0) < at.close(2) - back, at.jump_up(1, 2), at.jump_down(0, 1)]);
    let up = all([at.black(2), at.white(0), at.close(0) > at.close(2) + back, at.jump_down(1, 2), at.jump_up(0, 1)]);
    let sizes = all([at.body(2) > at.usual(0), at.body(1) <= at.usual(1), at.body(0) > at.usual(2)]);
    signal(all([sizes, any([up, down])]), at.color(0) * 100.0)
}

/// A long white candle, a small one above it, a black one that goes back into the first.
#[inline(always)]
fn evening<const N: usize>(at: &At<'_, N>, penetration: f64) -> f64 {
    let found = all([
        at.body(2) > at.usual(0),
        at.white(2),
        at.body(1) <= at.usual(1),
        at.gap_up(1, 2),
        at.body(0) > at.usual(2),
        at.black(0),
        at.close(0) < at.close(2) - at.body(2) * penetration,
    ]);
    signal(found, -100.0)
}

/// A long black candle, a small one below it, a white one that goes back into the first.
#[inline(always)]
fn morning<const N: usize>(at: &At<'_, N>, penetration: f64) -> f64 {
    let found = all([
        at.body(2) > at.usual(0),
        at.black(2),
        at.body(1) <= at.usual(1),
        at.gap_down(1, 2),
        at.body(0) > at.usual(2),
        at.white(0),
        at.close(0) > at.close(2) + at.body(2) * penetration,
    ]);
    signal(found, 100.0)
}

const STAR: [Seen; 3] = [BODY_LONG.at(2), BODY_SHORT.at(1), BODY_SHORT.at(0)];
const DOJI_STAR: [Seen; 3] = [BODY_LONG.at(2), BODY_DOJI.at(1), BODY_SHORT.at(0)];

pub(super) const CDLEVENINGSTAR: Indicator =
    cdl::<12>("cdleveningstar", "evening star: long white, short above it, black back into the first", |p| {
        let penetration = p[0];
        candles(12, STAR, asked!(evening, penetration))
    })
    .params(PENETRATION);

pub(super) const CDLEVENINGDOJISTAR: Indicator =
    cdl::<12>("cdleveningdojistar", "evening doji star: long white, doji above it, black back into the first", |p| {
        let penetration = p[0];
        candles(12, DOJI_STAR, asked!(evening, penetration))
    })
    .params(PENETRATION);

pub(super) const CDLMORNINGSTAR: Indicator =
    cdl::<12>("cdlmorningstar", "morning star: long black, short below it, white back into the first", |p| {
        let penetration = p[0];
        candles(12, STAR, asked!(morning, penetration))
    })
    .params(PENETRATION);

pub(super) const CDLMORNINGDOJISTAR: Indicator =
    cdl::<12>("cdlmorningdojistar", "morning doji star: long black, doji below it, white back into the first", |p| {
        let penetration = p[0];
        candles(12, DOJI_STAR, asked!(morning, penetration))
    })
    .params(PENETRATION);

pub(super) const CDLGAPSIDESIDEWHITE: Indicator =
    cdl::<7>("cdlgapsidesidewhite", "side by side: two like white candles beyond a gap", |_| {
        candles(7, [NEAR.at(1), EQUAL.at(1)], asked!(cdlgapsidesidewhite))
    });

#[inline(always)]
fn cdlgapsidesidewhite<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let up = all([at.gap_up(1, 2), at.gap_up(0, 2)]);
    let down = all([at.gap_down(1, 2), at.gap_down(0, 2)]);
    let found = all([
        any([up, down]),
        at.white(1),
        at.white(0),
        at.body(0) >= at.body(1) - at.usual(0),
        at.body(0) <= at.body(1) + at.usual(0),
        at.open(0) >= at.open(1) - at.usual(1),
        at.open(0) <= at.open(1) + at.usual(1),
    ]);
    signal(found, if up { 100.0 } else { -100.0 })
}

pub(super) const CDLIDENTICAL3CROWS: Indicator =
    cdl::<12>("cdlidentical3crows", "identical three crows: each black candle opens where the last closed", |_| {
        const SEEN: [Seen; 5] =
            [SHADOW_VERY_SHORT.at(2), SHADOW_VERY_SHORT.at(1), SHADOW_VERY_SHORT.at(0), EQUAL.at(2), EQUAL.at(1)];
        candles(12, SEEN, asked!(cdlidentical3crows))
    });

#[inline(always)]
fn cdlidentical3crows<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let found = all([
        at.black(2),
        at.lower(2) < at.usual(0),
        at.black(1),
        at.lower(1) < at.usual(1),
        at.black(0),
        at.lower(0) < at.usual(2),
        at.close(2) > at.close(1),
        at.close(1) > at.close(0),
        at.open(1) <= at.close(2) + at.usual(3),
        at.open(1) >= at.close(2) - at.usual(3),
        at.open(0) <= at.close(1) + at.usual(4),
        at.open(0) >= at.close(1) - at.usual(4),
    ]);
    signal(found, -100.0)
}

pub(super) const CDLSTICKSANDWICH: Indicator =
    cdl::<7>("cdlsticksandwich", "stick sandwich: white between two black candles that close at one price", |_| {
        candles(7, [EQUAL.at(2)], asked!(cdlsticksandwich))
    });

#[inline(always)]
fn cdlsticksandwich<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let found = all([
        at.black(2),
        at.white(1),
        at.black(0),
        at.low(1) > at.close(2),
        at.close(0) <= at.close(2) + at.usual(0),
        at.close(0) >= at.close(2) - at.usual(0),
    ]);
    signal(found, 100.0)
}

pub(super) const CDLTASUKIGAP: Indicator =
    cdl::<7>("cdltasukigap", "tasuki gap: a gap, then a like candle back into it", |_| {
        candles(7, [NEAR.at(1)], asked!(cdltasukigap))
    });

#[inline(always)]
fn cdltasukigap<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let like = (at.body(1) - at.body(0)).abs() < at.usual(0);
    let up = all([
        at.gap_up(1, 2),
        at.white(1),
        at.black(0),
        at.open(0) < at.close(1),
        at.open(0) > at.open(1),
        at.close(0) < at.open(1),
        at.close(0) > at.top(2),
    ]);
    let down = all([
        at.gap_down(1, 2),
        at.black(1),
        at.white(0),
        at.open(0) < at.open(1),
        at.open(0) > at.close(1),
        at.close(0) > at.open(1),
        at.close(0) < at.bottom(2),
    ]);
    signal(all([any([up, down]), like]), at.color(1) * 100.0)
}

pub(super) const CDLTRISTAR: Indicator =
    cdl::<12>("cdltristar", "tristar: three doji, the middle one beyond the others", |_| {
        candles(12, [BODY_DOJI.at(2)], asked!(cdltristar))
    });

#[inline(always)]
fn cdltristar<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let doji = at.usual(0);
    let small = all([at.body(2) <= doji, at.body(1) <= doji, at.body(0) <= doji]);
    let down = all([at.gap_up(1, 2), at.top(0) < at.top(1)]);
    let up = all([at.gap_down(1, 2), at.bottom(0) > at.bottom(1)]);
    signal(all([small, any([up, down])]), if up { 100.0 } else { -100.0 })
}

pub(super) const CDLUNIQUE3RIVER: Indicator =
    cdl::<12>("cdlunique3river", "unique three river: long black, black with a new low, short white below", |_| {
        candles(12, [BODY_LONG.at(2), BODY_SHORT.at(0)], asked!(cdlunique3river))
    });

#[inline(always)]
fn cdlunique3river<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let found = all([
        at.body(2) > at.usual(0),
        at.black(2),
        at.black(1),
        at.close(1) > at.close(2),
        at.open(1) <= at.open(2),
        at.low(1) < at.low(2),
        at.body(0) < at.usual(1),
        at.white(0),
        at.open(0) > at.low(1),
    ]);
    signal(found, 100.0)
}

pub(super) const CDLUPSIDEGAP2CROWS: Indicator =
    cdl::<12>("cdlupsidegap2crows", "upside gap two crows: two black candles above a long white one", |_| {
        candles(12, [BODY_LONG.at(2), BODY_SHORT.at(1)], asked!(cdlupsidegap2crows))
    });

#[inline(always)]
fn cdlupsidegap2crows<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let found = all([
        at.white(2),
        at.body(2) > at.usual(0),
        at.black(1),
        at.body(1) <= at.usual(1),
        at.gap_up(1, 2),
        at.black(0),
        at.open(0) > at.open(1),
        at.close(0) < at.close(1),
        at.close(0) > at.close(2),
    ]);
    signal(found, -100.0)
}

pub(super) const CDLXSIDEGAP3METHODS: Indicator =
    cdl::<2>("cdlxsidegap3methods", "gap three methods: a gap that the third candle closes", |_| {
        candles(2, [], asked!(cdlxsidegap3methods))
    });

#[inline(always)]
fn cdlxsidegap3methods<const N: usize>(at: &At<'_, N>, _: f64) -> f64 {
    let gap = either(at.white(2), at.gap_up(1, 2), at.gap_down(1, 2));
    let found = all([
        at.color(2) == at.color(1),
        at.color(1) == -at.color(0),
        at.open(0) < at.top(1),
        at.open(0) > at.bottom(1),
        at.close(0) < at.top(2),
        at.close(0) > at.bottom(2),
        gap,
    ]);
    signal(found, at.color(2) * 100.0)
}
