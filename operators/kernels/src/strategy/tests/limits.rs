//! Cooldown and what stops entries.

use super::*;

fn cooldown(bars: u32, after: CooldownAfter) -> Spec {
    let mut spec = sides(|side| side.stop_loss = Some(Level::Percent(pct("5"))));
    spec.cooldown = Some(Cooldown { bars, after });
    spec
}

/// True at every close, flat by the stop in bar 3.
const BARS: [&str; 7] = [
    "100 100 100 100 L",
    "100 100 100 100 L",
    "100 100 90 100 L",
    "100 100 100 100 L",
    "101 101 101 101 L",
    "102 102 102 102 L",
    "103 103 103 103",
];

#[test]
fn a_cooldown_silences_entry_rules_at_that_close_and_the_next() {
    let after = |bars| run(&cooldown(bars, CooldownAfter::Any), &BARS).trades()[1].clone();
    assert_eq!(after(1), "long 1@101#5 -> 103#7 open", "not heard at the close of bar 3");
    assert_eq!(after(2), "long 1@102#6 -> 103#7 open");
    let mut none = cooldown(1, CooldownAfter::Any);
    none.cooldown = None;
    assert_eq!(run(&none, &BARS).trades()[1], "long 1@100#4 -> 103#7 open");
}

#[test]
fn a_cooldown_may_follow_losses_or_stops_only() {
    assert_eq!(run(&cooldown(2, CooldownAfter::Loss), &BARS).trades()[1], "long 1@102#6 -> 103#7 open");
    assert_eq!(run(&cooldown(2, CooldownAfter::Stop), &BARS).trades()[1], "long 1@102#6 -> 103#7 open");
    let win = ["100 100 100 100 L", "100 100 100 100 X", "110 110 110 110 L", "111 111 111 111"];
    let second = |after| run(&cooldown(3, after), &win).trades().get(1).cloned();
    assert_eq!(second(CooldownAfter::Any), None);
    assert_eq!(second(CooldownAfter::Loss).as_deref(), Some("long 1@111#4 -> 111#4 open"));
    assert_eq!(second(CooldownAfter::Stop).as_deref(), Some("long 1@111#4 -> 111#4 open"));
}

#[test]
fn a_cooldown_cancels_resting_entries_and_spares_the_entry_of_a_reversal() {
    let mut spec = cooldown(2, CooldownAfter::Any);
    spec.long.as_mut().unwrap().entry.push(EntryRule { limit: Some(A), expire: Expire::Never, ..EntryRule::market(B) });
    spec.pyramiding.max = 2;
    let bars = ["100 100 100 100 L", "100 100 100 100 b=1 a=80", "100 100 90 100", "80 80 80 80"];
    let ran = check(&spec, &bars, &["long 1@100#2 -> 95#3 stop_loss"]);
    assert_eq!(ran.refusals(), ["cancelled cooldown #3"]);
    let bars = ["100 100 100 100 L", "100 100 100 100 S", "100 100 100 100", "99 99 99 99"];
    check(&cooldown(5, CooldownAfter::Any), &bars, &["long 1@100#2 -> 100#3 reverse", "short 1@100#3 -> 99#4 open"]);
}

#[test]
fn a_cooldown_begins_whenever_the_position_is_flat_after_an_entry_was_tried() {
    // At each case the position is flat at the third open; the next entry is heard at the close of bar 4, not of bar 3.
    let bars = |second: &str| {
        [
            "100 100 100 100 L a=0.01".to_owned(),
            format!("100 100 100 100 {second}"),
            "100 100 100 100 L a=0.01".to_owned(),
            "101 101 101 101 L a=0.01".to_owned(),
            "102 102 102 102".to_owned(),
        ]
    };
    let trades = |spec: &Spec, second: &str| {
        let bars = bars(second);
        run(spec, &bars.each_ref().map(String::as_str)).trades()
    };
    let again = "long 1@102#5 -> 102#5 open";
    let mut spec = cooldown(1, CooldownAfter::Any);
    spec.on_opposite = OnOpposite::Net;
    assert_eq!(trades(&spec, "S"), ["long 1@100#2 -> 100#3 net", again]);
    // A reversal whose entry is refused.
    let mut spec = cooldown(1, CooldownAfter::Any);
    spec.limits.trades_per_day = Some(1);
    let ran = run(&spec, &bars("S").each_ref().map(String::as_str));
    assert_eq!(ran.refusals(), ["rejected trades_per_day #3", "rejected trades_per_day #5"]);
    // A target of zero.
    let mut spec = cooldown(1, CooldownAfter::Any);
    spec.long.as_mut().unwrap().size = Some(Size::Target(A));
    assert_eq!(
        trades(&spec, "L a=0"),
        ["long 1@100#2 -> 100#3 target", "long 0.980392156862745098@102#5 -> 102#5 open"]
    );
    // Losses only: these had none.
    let mut spec = cooldown(1, CooldownAfter::Loss);
    spec.on_opposite = OnOpposite::Net;
    assert_eq!(trades(&spec, "S"), ["long 1@100#2 -> 100#3 net", "long 1@101#4 -> 102#5 open"]);
}

#[test]
fn a_cooldown_at_a_close_cancels_the_entries_of_that_close_after_it() {
    let mut spec = cooldown(1, CooldownAfter::Any);
    (spec.fills.at, spec.on_opposite) = (FillAt::Close, OnOpposite::Net);
    let short = spec.short.as_mut().unwrap();
    short.entry.push(EntryRule::market(A));
    let ran = check(&spec, &["100 100 100 100 L", "100 100 100 100 S a=1"], &["long 1@100#1 -> 100#2 net"]);
    assert_eq!(ran.refusals(), ["cancelled cooldown #2"]);
}

#[test]
fn a_cooldown_wins_over_at_close() {
    let mut spec = cooldown(1, CooldownAfter::Any);
    spec.fills.at = FillAt::Close;
    let bars = ["100 100 100 100 L", "100 100 100 100 X S", "99 99 99 99 S", "98 98 98 98"];
    check(&spec, &bars, &["long 1@100#1 -> 100#2 signal", "short 1@99#3 -> 98#4 open"]);
}

#[test]
fn trades_per_day_counts_entry_fills_of_the_utc_day() {
    let mut spec = both();
    spec.limits.trades_per_day = Some(1);
    // Bars of six hours: four a day.
    let bars = ["9 9 9 9 L", "9 9 9 9 X", "9 9 9 9 L", "9 9 9 9 L", "9 9 9 9 L", "9 9 9 9"];
    let ran = run_bars(&spec, SymbolSpec::default(), &read(&bars, 360), 360);
    assert_eq!(ran.trades(), ["long 1@9#2 -> 9#3 signal", "long 1@9#5 -> 9#6 open"]);
    assert_eq!(ran.refusals(), ["rejected trades_per_day #4"]);
}

#[test]
fn a_days_loss_stops_entries_until_the_next_day() {
    let mut spec = sides(|side| side.size = Some(Size::Equity(Ratio::ONE)));
    spec.limits.day_loss = Some(pct("5"));
    let bars = ["100 100 100 100 L", "100 100 94 94 X", "94 94 94 94 L", "94 94 94 94 L", "94 94 94 94"];
    let ran = run_bars(&spec, SymbolSpec::default(), &read(&bars, 360), 360);
    assert_eq!(ran.refusals(), ["rejected day_loss #4"]);
    assert_eq!(ran.trades()[1], "long 100@94#5 -> 94#5 open", "the next day");
}

#[test]
fn a_drawdown_closes_everything_and_ends_entries() {
    let mut spec = sides(|side| side.size = Some(Size::Equity(Ratio::ONE)));
    spec.limits.drawdown = Some(pct("10"));
    let bars = ["100 100 100 100 L", "100 100 90 90 L", "89 89 89 89 L", "95 95 95 95 L", "99 99 99 99"];
    let ran = check(&spec, &bars, &["long 100@100#2 -> 89#3 drawdown"]);
    assert_eq!(ran.equity.last().unwrap().equity, 8_900.0);
    spec.fills.at = FillAt::Close;
    check(&spec, &bars, &["long 100@100#1 -> 90#2 drawdown"]);
}
