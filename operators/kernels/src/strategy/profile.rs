//! Settings that make the engine do what another one does.
//!
//! A profile is a list of keys of the strategy, `fills` and `account` blocks; single keys in the file override it.
//! What a peer does that no key can say is on the documentation page `peers.md`.

use super::spec::{
    AtEnd, Clamp, Cooldown, CooldownAfter, EntryBarStops, FillAt, Insufficient, Legs, LevelsFrom, LimitFill,
    MarginMode, OnOpposite, Path, SizedAt, Spec, ZeroVolume,
};

/// An engine whose rules can be asked for by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Profile {
    /// backtesting.py 0.6.6.
    BacktestingPy,
    /// vectorbt 1.2.0, `Portfolio.from_signals`.
    Vectorbt,
    /// backtrader 1.9.78.
    Backtrader,
    /// freqtrade's backtesting.
    Freqtrade,
}

/// Keys that every profile sets, before those of its own.
const COMMON: [(&str, &str); 3] =
    [("fills.path", "pessimistic"), ("fills.limit_fill", "touch"), ("fills.zero_volume", "fill")];

impl Profile {
    /// All of them.
    pub const ALL: [Profile; 4] = [Profile::BacktestingPy, Profile::Vectorbt, Profile::Backtrader, Profile::Freqtrade];

    /// The name in the file.
    pub const fn name(self) -> &'static str {
        match self {
            Profile::BacktestingPy => "backtesting_py",
            Profile::Vectorbt => "vectorbt",
            Profile::Backtrader => "backtrader",
            Profile::Freqtrade => "freqtrade",
        }
    }

    /// The profile of a name.
    pub fn of(name: &str) -> Option<Profile> {
        Profile::ALL.into_iter().find(|profile| profile.name() == name)
    }

    /// What it sets, as keys and values of the file.
    pub fn settings(self) -> Vec<(&'static str, &'static str)> {
        let own: &[(&str, &str)] = match self {
            Profile::BacktestingPy => &[
                ("fills.at", "next_open"),
                ("fills.entry_bar_stops", "true"),
                ("fills.levels_from", "quote"),
                ("fills.at_end", "mark"),
                ("account.margin", "none"),
                ("account.slippage.legs", "entry"),
                ("account.on_insufficient", "reject"),
                ("strategy.on_opposite", "net"),
            ],
            Profile::Vectorbt => &[
                ("fills.at", "close"),
                ("fills.levels_from", "quote"),
                ("fills.at_end", "mark"),
                ("account.margin", "none"),
                ("account.on_insufficient", "cut"),
                ("strategy.on_opposite", "reverse"),
                ("strategy.cooldown", "{ bars: 1, after: any }"),
            ],
            Profile::Backtrader => &[
                ("fills.at", "next_open"),
                ("fills.entry_bar_stops", "false"),
                ("fills.at_end", "mark"),
                ("account.margin", "none"),
                ("account.slippage.clamp", "bar"),
                ("account.sized_at", "signal"),
                ("account.on_insufficient", "reject"),
                ("strategy.on_opposite", "net"),
            ],
            Profile::Freqtrade => &[
                ("fills.at", "next_open"),
                ("fills.entry_bar_stops", "true"),
                ("fills.levels_from", "fill"),
                ("fills.at_end", "close"),
                ("account.margin", "isolated"),
                ("account.on_insufficient", "reject"),
                ("strategy.on_opposite", "ignore"),
            ],
        };
        COMMON.iter().chain(own).copied().collect()
    }

    /// Sets its keys.
    pub fn apply(self, spec: &mut Spec) {
        let (fills, account) = (&mut spec.fills, &mut spec.account);
        (fills.path, fills.limit_fill, fills.zero_volume) = (Path::Pessimistic, LimitFill::Touch, ZeroVolume::Fill);
        match self {
            Profile::BacktestingPy => {
                (fills.at, fills.entry_bar_stops) = (FillAt::NextOpen, EntryBarStops::True);
                (fills.levels_from, fills.at_end) = (LevelsFrom::Quote, AtEnd::Mark);
                (account.margin, account.slippage.legs) = (MarginMode::None, Legs::Entry);
                (account.on_insufficient, spec.on_opposite) = (Insufficient::Reject, OnOpposite::Net);
            }
            Profile::Vectorbt => {
                (fills.at, fills.levels_from, fills.at_end) = (FillAt::Close, LevelsFrom::Quote, AtEnd::Mark);
                (account.margin, account.on_insufficient) = (MarginMode::None, Insufficient::Cut);
                spec.on_opposite = OnOpposite::Reverse;
                spec.cooldown = Some(Cooldown { bars: 1, after: CooldownAfter::Any });
            }
            Profile::Backtrader => {
                (fills.at, fills.entry_bar_stops) = (FillAt::NextOpen, EntryBarStops::False);
                (fills.at_end, account.margin) = (AtEnd::Mark, MarginMode::None);
                (account.slippage.clamp, account.sized_at) = (Clamp::Bar, SizedAt::Signal);
                (account.on_insufficient, spec.on_opposite) = (Insufficient::Reject, OnOpposite::Net);
            }
            Profile::Freqtrade => {
                (fills.at, fills.entry_bar_stops) = (FillAt::NextOpen, EntryBarStops::True);
                (fills.levels_from, fills.at_end) = (LevelsFrom::Fill, AtEnd::Close);
                (account.margin, account.on_insufficient) = (MarginMode::Isolated, Insufficient::Reject);
                spec.on_opposite = OnOpposite::Ignore;
            }
        }
    }
}
