//! When and where orders fill.

/// The `fills` block; [`Default`] is the documented default.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fills {
    /// Where market orders fill.
    pub at: FillAt,
    /// In which order a bar's prices are met.
    pub path: Path,
    /// Whether protective exits act in the bar of entry.
    pub entry_bar_stops: EntryBarStops,
    /// What fills a limit.
    pub limit_fill: LimitFill,
    /// What a bar without trades does.
    pub zero_volume: ZeroVolume,
    /// What percent and distance levels count from.
    pub levels_from: LevelsFrom,
    /// What happens to open trades when the input ends.
    pub at_end: AtEnd,
}

/// Where market orders fill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FillAt {
    /// At the open of the next bar that exists.
    #[default]
    NextOpen,
    /// At the close that placed them: optimistic, and said so in every report.
    Close,
}

/// In which order a bar's prices are met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Path {
    /// Whatever is worst for the trade.
    #[default]
    Pessimistic,
    /// Open, high, low, close.
    Ohlc,
    /// The extreme nearer the open first, the adverse one on a tie.
    Nearest,
    /// Finer bars, each pessimistic; pessimistic where they are missing, and counted.
    Detail,
}

/// Whether protective exits act in the bar of entry; liquidation always does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EntryBarStops {
    /// They do.
    #[default]
    True,
    /// They do not.
    False,
    /// After an entry inside the bar, stops begin with the next bar and targets do not wait.
    Open,
}

/// What fills a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LimitFill {
    /// A price at the limit.
    #[default]
    Touch,
    /// Only a price beyond it.
    Through,
}

/// What a bar with a volume of exactly zero does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ZeroVolume {
    /// Nothing fills, trails or liquidates.
    #[default]
    Wait,
    /// It is a bar like any other.
    Fill,
}

/// What percent and distance levels count from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LevelsFrom {
    /// The fill price, slippage included.
    #[default]
    Fill,
    /// The price before slippage.
    Quote,
}

/// What happens to open trades when the input ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AtEnd {
    /// They stay open, marked at the last close.
    #[default]
    Mark,
    /// They are sold at each symbol's last close, with fee and slippage.
    Close,
    /// The same at the last bar's open.
    LastOpen,
}
