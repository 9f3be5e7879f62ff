//! Events: crossings, bars since, value when. Here a NULL is a row like others.

mod cross;
mod lag;
mod since;

use super::registry::Indicator;

pub(super) const ALL: &[&Indicator] = &[
    &cross::CROSSOVER,
    &cross::CROSSUNDER,
    &cross::CROSSANY,
    &lag::LAG,
    &since::BARS_SINCE,
    &since::HIGHEST_SINCE,
    &since::LOWEST_SINCE,
    &since::VALUE_WHEN,
];
