//! `docs/pipeline.md` lists every key as the grammar has it. `UPDATE_DOCS=1` writes its tables anew.

use crate::grammar::{self as g, Block, Holds};
use candleflow_kernels::strategy::Profile;
use std::{collections::BTreeSet, fmt::Write as _, fs, path::PathBuf};

/// Every block with a table of its own, by the name that its table has in the page.
const BLOCKS: &[(&str, &Block)] = &[
    ("pipeline", &g::PIPELINE),
    ("source", &g::SOURCE),
    ("column", &g::HIGHER),
    ("strategy", &g::STRATEGY),
    ("side", &g::SIDE),
    ("entry", &g::ENTRY),
    ("exit", &g::EXIT),
    ("size", &g::SIZE),
    ("volatility", &g::VOLATILITY),
    ("level", &g::LEVEL),
    ("target", &g::TARGET),
    ("table", &g::TABLE),
    ("trailing_stop", &g::TRAILING),
    ("break_even", &g::BREAK_EVEN),
    ("pyramiding", &g::PYRAMIDING),
    ("cooldown", &g::COOLDOWN),
    ("limits", &g::LIMITS),
    ("account", &g::ACCOUNT),
    ("fees", &g::FEES),
    ("slippage", &g::SLIPPAGE),
    ("filters", &g::FILTERS),
    ("funding", &g::FUNDING),
    ("fills", &g::FILLS),
    ("metrics", &g::METRICS),
    ("sweep", &g::SWEEP),
    ("range", &g::RANGE),
    ("random", &g::RANDOM),
    ("walk_forward", &g::WALK_FORWARD),
    ("monte_carlo", &g::MONTE_CARLO),
];

fn name(block: &Block) -> &'static str {
    BLOCKS
        .iter()
        .find(|(_, b)| *b == block)
        .map_or_else(|| panic!("add the block '{}' to BLOCKS", block.name), |(n, _)| n)
}

fn holds(kind: Holds) -> String {
    match kind {
        Holds::Word => "a word".into(),
        Holds::OneOf(words) => words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", "),
        Holds::Number => "a number".into(),
        Holds::Count => "a whole number".into(),
        Holds::Percent => "a percentage".into(),
        Holds::Bool => "`true`, `false`".into(),
        Holds::Expression => "an expression".into(),
        Holds::Amount => "a number or an expression".into(),
        Holds::Words => "a list of words".into(),
        Holds::Block(block) => format!("[{0}](#{0})", name(block)),
        Holds::Either(kinds) => kinds.iter().map(|k| holds(*k)).collect::<Vec<_>>().join(" or "),
        Holds::OneOrMore(one) => format!("{}, or a list of them", holds(*one)),
        Holds::List(one) => format!("a list of {}", holds(*one)),
        Holds::Named("number") => "names and numbers".into(),
        Holds::Named(_) => "names and expressions, or [column](#column)".into(),
        Holds::ByTime(one) => format!("times held (`0m`, `30s`, `2h`, `1d`, `1w`), each with {}", holds(*one)),
        Holds::Span => "a length of time, such as `90d`".into(),
        Holds::Grid => "names, each with a list of numbers or [range](#range)".into(),
        Holds::Sinks => "a list of sinks".into(),
    }
}

fn table(block: &Block) -> String {
    let mut text = "| key | holds | default | means |\n|---|---|---|---|\n".to_owned();
    for key in block.keys {
        let default = match (key.required, key.default) {
            (true, _) => "must be given".to_owned(),
            (false, "") => String::new(),
            (false, default) => format!("`{default}`"),
        };
        let _ = writeln!(text, "| `{}` | {} | {default} | {} |", key.name, holds(key.holds), key.doc);
    }
    if block.exactly_one {
        text += "\nExactly one of these keys.\n";
    }
    text
}

fn profiles() -> String {
    let keys: BTreeSet<_> = Profile::ALL.iter().flat_map(|p| p.settings()).map(|(key, _)| key).collect();
    let heads: Vec<_> = Profile::ALL.iter().map(|p| format!("`{}`", p.name())).collect();
    let mut text = format!("| key | {} |\n|---|{}\n", heads.join(" | "), "---|".repeat(heads.len()));
    for key in keys {
        let value =
            |p: &Profile| p.settings().iter().find(|(k, _)| *k == key).map_or(String::new(), |(_, v)| format!("`{v}`"));
        let values: Vec<_> = Profile::ALL.iter().map(value).collect();
        let _ = writeln!(text, "| `{key}` | {} |", values.join(" | "));
    }
    text
}

#[test]
fn the_page_of_keys_is_what_the_grammar_says() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/pipeline.md");
    let page = fs::read_to_string(&path).unwrap_or_default();
    let mut new = page.clone();
    let tables = BLOCKS.iter().map(|(name, block)| (*name, table(block))).chain([("profiles", profiles())]);
    for (name, table) in tables {
        let (open, close) = (format!("<!-- {name} -->\n"), "<!-- end -->");
        let start =
            new.find(&open).unwrap_or_else(|| panic!("docs/pipeline.md has no place for '{open}'")) + open.len();
        let end = start + new[start..].find(close).unwrap_or_else(|| panic!("the table '{name}' has no end"));
        new.replace_range(start..end, &table);
    }
    if page != new && std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, &new).unwrap();
    } else {
        assert_eq!(page, new, "run the tests of candleflow-config with UPDATE_DOCS=1 and read what has changed");
    }
}
