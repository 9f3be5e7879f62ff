//! The words of the file that stand for a choice of the engine, each table used by the reader, the schema, the canonical
//! form and `explain`.

use candleflow_kernels::metrics::Variant;
use candleflow_kernels::strategy::{
    AtEnd, Clamp, CooldownAfter, EntryBarStops, FillAt, Insufficient, Legs, LevelsFrom, LimitFill, MarginMode,
    Matching, OnOpposite, Path, Profile, PyramidExits, Resting, Scope, SizedAt, ZeroVolume,
};

/// Words and what they stand for; the first is the default where there is one.
pub(crate) type Words<T, const N: usize> = [(&'static str, T); N];

/// The words alone.
pub(crate) const fn names<T, const N: usize>(words: &Words<T, N>) -> [&'static str; N] {
    let mut names = [""; N];
    let mut i = 0;
    while i < N {
        names[i] = words[i].0;
        i += 1;
    }
    names
}

/// The word of a value.
pub(crate) fn word_of<T: PartialEq>(words: &[(&'static str, T)], value: &T) -> &'static str {
    words.iter().find(|(_, v)| v == value).map_or("", |(word, _)| word)
}

pub(crate) const AT: Words<FillAt, 2> = [("next_open", FillAt::NextOpen), ("close", FillAt::Close)];
pub(crate) const PATH: Words<Path, 4> =
    [("pessimistic", Path::Pessimistic), ("ohlc", Path::Ohlc), ("nearest", Path::Nearest), ("detail", Path::Detail)];
/// `true` and `false` are YAML's own and only the third is a word; all three stand here for the canonical form.
pub(crate) const ENTRY_BAR_STOPS: Words<EntryBarStops, 3> =
    [("true", EntryBarStops::True), ("false", EntryBarStops::False), ("open", EntryBarStops::Open)];
pub(crate) const LIMIT_FILL: Words<LimitFill, 2> = [("touch", LimitFill::Touch), ("through", LimitFill::Through)];
pub(crate) const ZERO_VOLUME: Words<ZeroVolume, 2> = [("wait", ZeroVolume::Wait), ("fill", ZeroVolume::Fill)];
pub(crate) const LEVELS_FROM: Words<LevelsFrom, 2> = [("fill", LevelsFrom::Fill), ("quote", LevelsFrom::Quote)];
pub(crate) const AT_END: Words<AtEnd, 3> =
    [("mark", AtEnd::Mark), ("close", AtEnd::Close), ("last_open", AtEnd::LastOpen)];

pub(crate) const SCOPE: Words<Scope, 2> = [("symbol", Scope::Symbol), ("portfolio", Scope::Portfolio)];
pub(crate) const MARGIN: Words<MarginMode, 3> =
    [("isolated", MarginMode::Isolated), ("cross", MarginMode::Cross), ("none", MarginMode::None)];
pub(crate) const CLAMP: Words<Clamp, 2> = [("none", Clamp::None), ("bar", Clamp::Bar)];
pub(crate) const LEGS: Words<Legs, 2> = [("both", Legs::Both), ("entry", Legs::Entry)];
pub(crate) const SIZED_AT: Words<SizedAt, 2> = [("fill", SizedAt::Fill), ("signal", SizedAt::Signal)];
pub(crate) const ON_INSUFFICIENT: Words<Insufficient, 2> =
    [("cut", Insufficient::Cut), ("reject", Insufficient::Reject)];

pub(crate) const ON_OPPOSITE: Words<OnOpposite, 4> = [
    ("reverse", OnOpposite::Reverse),
    ("ignore", OnOpposite::Ignore),
    ("close", OnOpposite::Close),
    ("net", OnOpposite::Net),
];
pub(crate) const RESTING: Words<Resting, 2> = [("replace", Resting::Replace), ("keep", Resting::Keep)];
pub(crate) const COOLDOWN_AFTER: Words<CooldownAfter, 3> =
    [("any", CooldownAfter::Any), ("loss", CooldownAfter::Loss), ("stop", CooldownAfter::Stop)];
pub(crate) const PYRAMID_EXITS: Words<PyramidExits, 2> =
    [("position", PyramidExits::Position), ("per_entry", PyramidExits::PerEntry)];
pub(crate) const VARIANT: Words<Variant, 5> = [
    ("backtesting_py", Variant::BacktestingPy),
    ("empyrical", Variant::Empyrical),
    ("quantstats", Variant::Quantstats),
    ("vectorbt", Variant::Vectorbt),
    ("freqtrade", Variant::Freqtrade),
];
pub(crate) const MATCH: Words<Matching, 2> = [("fifo", Matching::Fifo), ("lifo", Matching::Lifo)];

pub(crate) const PROFILE: Words<Profile, 4> = [
    (Profile::BacktestingPy.name(), Profile::BacktestingPy),
    (Profile::Vectorbt.name(), Profile::Vectorbt),
    (Profile::Backtrader.name(), Profile::Backtrader),
    (Profile::Freqtrade.name(), Profile::Freqtrade),
];
