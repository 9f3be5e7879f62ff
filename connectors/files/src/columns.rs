//! What each column of a file is: by its place in the exchange's own layout, or by the name in a header.
//!
//! Names are compared without case, spaces and punctuation. A column that no bar has is passed over and noted.

use std::fmt;

/// What a column says of a bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    OpenTime,
    Open,
    High,
    Low,
    Close,
    Volume,
    QuoteVolume,
    Trades,
    TakerBuy,
    TakerBuyQuote,
    CloseTime,
    Symbol,
    Interval,
    /// The time of day, where date and time are two columns.
    Clock,
    /// A second column that also says when the bar opens.
    OtherTime,
}

/// How many roles there are.
pub(crate) const ROLES: usize = 15;
/// The roles that a bar cannot do without.
const REQUIRED: [Role; 6] = [Role::OpenTime, Role::Open, Role::High, Role::Low, Role::Close, Role::Volume];

/// The twelve columns of the archive and of `GET /api/v3/klines`.
pub(crate) const EXCHANGE: [Option<Role>; 12] = [
    Some(Role::OpenTime),
    Some(Role::Open),
    Some(Role::High),
    Some(Role::Low),
    Some(Role::Close),
    Some(Role::Volume),
    Some(Role::CloseTime),
    Some(Role::QuoteVolume),
    Some(Role::Trades),
    Some(Role::TakerBuy),
    Some(Role::TakerBuyQuote),
    None,
];

/// The header of the archive's futures files, which its spot files do not have.
const FUTURES: [&str; 12] = [
    "opentime",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "closetime",
    "quotevolume",
    "count",
    "takerbuyvolume",
    "takerbuyquotevolume",
    "ignore",
];

const NAMES: [(Role, &[&str]); 12] = [
    (Role::Open, &["open", "o", "openprice"]),
    (Role::High, &["high", "h", "highprice", "max"]),
    (Role::Low, &["low", "l", "lowprice", "min"]),
    (Role::Close, &["close", "c", "closeprice"]),
    (Role::Volume, &["volume", "vol", "v", "basevolume", "volumebase", "baseassetvolume", "volumebaseasset"]),
    (
        Role::QuoteVolume,
        &["quotevolume", "quoteassetvolume", "quotevol", "volumequote", "volumequoteasset", "qav", "quoteav"],
    ),
    (
        Role::Trades,
        &[
            "count",
            "numberoftrades",
            "trades",
            "tradecount",
            "numtrades",
            "ntrades",
            "nooftrades",
            "nbtrades",
            "tradescount",
        ],
    ),
    (
        Role::TakerBuy,
        &[
            "takerbuyvolume",
            "takerbuybaseassetvolume",
            "takerbuybasevolume",
            "takerbuybase",
            "takerbuybasevol",
            "takerbasevol",
            "takerbasevolume",
            "tbbav",
            "tbbaseav",
        ],
    ),
    (
        Role::TakerBuyQuote,
        &[
            "takerbuyquotevolume",
            "takerbuyquoteassetvolume",
            "takerbuyquote",
            "takerbuyquotevol",
            "takerquotevol",
            "takerquotevolume",
            "tbqav",
            "tbquoteav",
        ],
    ),
    (Role::CloseTime, &["closetime", "klineclosetime", "closetimestamp", "endtime", "closetimems"]),
    (Role::Symbol, &["symbol", "pair", "ticker", "tic", "instrument"]),
    (Role::Interval, &["interval", "timeframe"]),
];

/// Names that say that the bar opens then.
const OPEN_TIMES: [&str; 6] = ["opentime", "opentimestamp", "klineopentime", "opentimems", "opentimeutc", "starttime"];
/// Names that only say that it is a time, the likelier first.
const TIMES: [&str; 14] = [
    "timestamp",
    "unix",
    "unixtimestamp",
    "timestampms",
    "timestamputc",
    "ts",
    "epoch",
    "datetime",
    "datetimeutc",
    "date",
    "dateutc",
    "time",
    "timeutc",
    "t",
];

/// What the columns of a file are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Columns {
    /// By place.
    pub(crate) roles: Vec<Option<Role>>,
    /// The names as they stand in the header; empty without one.
    pub(crate) names: Vec<String>,
    /// Whether the header is that of the archive's futures files.
    pub(crate) futures: bool,
}

/// What a line that may be a header is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Header {
    /// No header of bars.
    No,
    /// A header that lacks columns; their names.
    Lacks(Vec<&'static str>),
    /// Two columns of one meaning.
    Twice(String, String),
    /// A header.
    Yes(Columns),
}

impl Columns {
    /// Columns by place.
    pub(crate) fn placed(roles: &[Option<Role>]) -> Self {
        Self { roles: roles.to_vec(), names: Vec::new(), futures: false }
    }

    /// The name of the column that has a role.
    pub(crate) fn name(&self, role: Role) -> String {
        let at = self.roles.iter().position(|r| *r == Some(role));
        at.and_then(|i| self.names.get(i).cloned()).unwrap_or_else(|| role.to_string())
    }

    /// The names of columns that are passed over.
    pub(crate) fn ignored(&self) -> Vec<&str> {
        let unused = self.names.iter().zip(&self.roles).filter(|(name, role)| role.is_none() && !name.is_empty());
        unused.map(|(name, _)| name.as_str()).filter(|name| !plain(name).eq("ignore")).collect()
    }
}

/// Reads a line as a header. `symbol` tells which of `Volume BTC` and `Volume USDT` is which.
pub(crate) fn header(names: &[&str], symbol: Option<&str>) -> Header {
    let plains: Vec<String> = names.iter().map(|n| plain(n)).collect();
    let mut roles: Vec<Option<Role>> = plains.iter().map(|p| role(p)).collect();
    for (role, name) in roles.iter_mut().zip(&plains) {
        if role.is_none() {
            *role = volume_of(name, symbol);
        }
    }
    times(&plains, &mut roles);
    let has = |role: Role| roles.contains(&Some(role));
    if REQUIRED.iter().filter(|r| has(**r)).count() < 3 {
        return Header::No;
    }
    for (i, role) in roles.iter().enumerate() {
        if let Some(first) = roles[..i].iter().position(|r| r.is_some() && r == role) {
            return Header::Twice(names[first].trim().to_owned(), names[i].trim().to_owned());
        }
    }
    let lacking: Vec<&str> = REQUIRED.iter().filter(|r| !has(**r)).map(|r| r.name()).collect();
    if !lacking.is_empty() {
        return Header::Lacks(lacking);
    }
    let names = names.iter().map(|n| n.trim().trim_matches('"').to_owned()).collect();
    Header::Yes(Columns { roles, names, futures: plains.iter().map(String::as_str).eq(FUTURES) })
}

/// The role that a name of one column gives it, times apart.
pub(crate) fn role(plain: &str) -> Option<Role> {
    NAMES.iter().find(|(_, names)| names.contains(&plain)).map(|(role, _)| *role)
}

/// Whether a name says that a column is the time at which a bar opens.
pub(crate) fn time_rank(plain: &str) -> Option<usize> {
    let explicit = OPEN_TIMES.iter().position(|n| *n == plain);
    explicit.or_else(|| TIMES.iter().position(|n| *n == plain).map(|i| OPEN_TIMES.len() + i))
}

/// Picks the time column. An explicit `open_time` makes every other time a column to pass over.
fn times(plains: &[String], roles: &mut [Option<Role>]) {
    let place = |name: &str| plains.iter().position(|p| p == name);
    let mut ranked: Vec<(usize, usize)> =
        plains.iter().enumerate().filter_map(|(i, p)| time_rank(p).map(|rank| (rank, i))).collect();
    ranked.sort_unstable();
    let Some(&(best, at)) = ranked.first() else { return };
    roles[at] = Some(Role::OpenTime);
    if let (Some(date), Some(clock), 2) = (place("date"), place("time"), ranked.len()) {
        roles[date] = Some(Role::OpenTime);
        roles[clock] = Some(Role::Clock);
    } else if best >= OPEN_TIMES.len()
        && let Some(&(_, other)) = ranked.get(1)
    {
        roles[other] = Some(Role::OtherTime);
    }
}

/// `Volume BTC` and `Volume USDT`, as some sites name them.
fn volume_of(plain: &str, symbol: Option<&str>) -> Option<Role> {
    let asset = plain.strip_prefix("volume").filter(|a| !a.is_empty())?;
    let symbol = symbol?.to_ascii_lowercase();
    match (symbol.starts_with(asset), symbol.ends_with(asset)) {
        (true, false) => Some(Role::Volume),
        (false, true) => Some(Role::QuoteVolume),
        _ => None,
    }
}

/// A name without case, spaces and punctuation.
pub(crate) fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Role::OpenTime => "open_time",
            Role::Open => "open",
            Role::High => "high",
            Role::Low => "low",
            Role::Close => "close",
            Role::Volume => "volume",
            Role::QuoteVolume => "quote_volume",
            Role::Trades => "trades",
            Role::TakerBuy => "taker_buy_volume",
            Role::TakerBuyQuote => "taker_buy_quote_volume",
            Role::CloseTime => "close_time",
            Role::Symbol => "symbol",
            Role::Interval => "interval",
            Role::Clock => "time",
            Role::OtherTime => "time",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(line: &str, symbol: Option<&str>) -> Vec<Option<Role>> {
        match header(&line.split(',').collect::<Vec<_>>(), symbol) {
            Header::Yes(columns) => columns.roles,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn headers_that_users_have() {
        use Role::*;
        let ohlcv = [Some(OpenTime), Some(Open), Some(High), Some(Low), Some(Close), Some(Volume)];
        for line in [
            "open_time,open,high,low,close,volume",
            "timestamp,Open,High,Low,Close,Volume",
            "Date,open,high,low,close,vol",
            "\"Open time\",\"Open\",\"High\",\"Low\",\"Close\",\"Volume\"",
            "openTime,o,h,l,c,v",
            "<DATETIME>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>",
        ] {
            assert_eq!(roles(line, None), ohlcv, "{line}");
        }
        assert_eq!(
            roles(
                "open_time,open,high,low,close,volume,close_time,quote_asset_volume,number_of_trades,taker_buy_base_asset_volume,taker_buy_quote_asset_volume,ignore",
                None
            ),
            EXCHANGE
        );
        assert_eq!(
            roles("Unix,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT,tradecount", Some("BTCUSDT")),
            [
                Some(OpenTime),
                Some(OtherTime),
                Some(Symbol),
                Some(Open),
                Some(High),
                Some(Low),
                Some(Close),
                Some(Volume),
                Some(QuoteVolume),
                Some(Trades)
            ]
        );
        assert_eq!(roles("date,time,open,high,low,close,volume", None)[..2], [Some(OpenTime), Some(Clock)]);
        assert_eq!(roles("time,open_time,open,high,low,close,volume", None)[..2], [None, Some(OpenTime)]);
        assert_eq!(roles(",volume,close,low,high,open,timestamp", None)[0], None);
    }

    #[test]
    fn what_is_wrong_with_a_header_is_said() {
        let read = |line: &str| header(&line.split(',').collect::<Vec<_>>(), None);
        assert_eq!(read("id,price,qty,time"), Header::No);
        assert_eq!(read("time,open,close"), Header::Lacks(vec!["high", "low", "volume"]));
        assert_eq!(read("Unix,Open,High,Low,Close,Volume BTC"), Header::Lacks(vec!["volume"]));
        assert_eq!(read("time,open,high,low,close,volume,Vol"), Header::Twice("volume".into(), "Vol".into()));
        let futures = "open_time,open,high,low,close,volume,close_time,quote_volume,count,taker_buy_volume,taker_buy_quote_volume,ignore";
        assert!(matches!(read(futures), Header::Yes(c) if c.futures && c.ignored().is_empty()));
        let spot = futures.replace("count", "trades");
        assert!(matches!(read(&spot), Header::Yes(c) if !c.futures));
    }
}
