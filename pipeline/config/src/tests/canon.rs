//! The canonical form holds every key that affects results, and the defaults are those that the grammar states.

use super::{
    blocks::{self, SLOTS, base, set},
    document, with,
};
use crate::{
    Document, Overrides, canonical,
    document::Side,
    grammar::{self, Block, Holds},
    node::{self, Kind, Node},
    read,
};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// All that a document means, without places; independent of the canonical form.
fn meaning(document: &Document) -> String {
    let mut d = document.clone();
    let strategy = d.strategy.as_mut().expect("a strategy");
    for side in [&mut strategy.long, &mut strategy.short].into_iter().flatten() {
        let Side { entry, size, .. } = side;
        let own = size.take();
        entry.iter_mut().filter(|rule| rule.size.is_none()).for_each(|rule| rule.size.clone_from(&own));
    }
    d.profile = None;
    let text = format!("{d:?}");
    let mut parts = text.split("Place { ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |all, part| all + part.split_once('}').map_or(part, |(_, rest)| rest))
}

#[test]
fn every_value_of_every_key_is_in_the_canonical_form() {
    for slot in SLOTS {
        let mut found = Vec::new();
        for value in 0..slot.values.len() {
            let mut settings = base();
            set(&mut settings, slot, value);
            let document = document(&blocks::text(&settings, false));
            found.push((slot.values[value], meaning(&document), canonical(&document)));
        }
        for (i, a) in found.iter().enumerate() {
            for b in &found[..i] {
                assert_eq!(a.1 == b.1, a.2 == b.2, "{}: {} and {}\n{}\n{}", slot.path, a.0, b.0, a.2, b.2);
            }
        }
    }
}

/// Marks the keys of a block that a file uses.
fn visit(block: &Block, node: &Node, seen: &mut BTreeSet<(&'static str, &'static str)>) {
    let Kind::Map(list) = &node.kind else { return };
    for (key, value) in list {
        if let Some(known) = block.keys.iter().find(|k| k.name == key.text) {
            seen.insert((block.name, known.name));
            under(known.holds, value, seen);
        }
    }
}

fn under(holds: Holds, node: &Node, seen: &mut BTreeSet<(&'static str, &'static str)>) {
    match (holds, &node.kind) {
        (Holds::Block(inner), _) => visit(inner, node, seen),
        (Holds::Either(kinds), _) => kinds.iter().for_each(|k| under(*k, node, seen)),
        (Holds::OneOrMore(one) | Holds::List(one), Kind::Seq(items)) => items.iter().for_each(|n| under(*one, n, seen)),
        (Holds::OneOrMore(one), _) => under(*one, node, seen),
        _ => {}
    }
}

fn keys(holds: Holds, all: &mut BTreeSet<(&'static str, &'static str)>) {
    match holds {
        Holds::Block(block) => {
            for key in block.keys {
                all.insert((block.name, key.name));
                keys(key.holds, all);
            }
        }
        Holds::Either(kinds) => kinds.iter().for_each(|k| keys(*k, all)),
        Holds::OneOrMore(one) | Holds::List(one) | Holds::ByTime(one) => keys(*one, all),
        _ => {}
    }
}

#[test]
fn the_tests_know_every_key() {
    let (mut seen, mut all) = (BTreeSet::new(), BTreeSet::new());
    for slot in SLOTS {
        for value in 0..slot.values.len() {
            let mut settings = base();
            set(&mut settings, slot, value);
            let mut errors = crate::Diagnostics::new("p");
            visit(&grammar::PIPELINE, &node::parse(&blocks::text(&settings, false), &mut errors).unwrap(), &mut seen);
        }
    }
    for block in [&grammar::STRATEGY, &grammar::ACCOUNT, &grammar::FILLS] {
        keys(Holds::Block(block), &mut all);
    }
    let missing: Vec<_> = all.difference(&seen).collect();
    assert!(missing.is_empty(), "add these keys to SLOTS: {missing:?}");
}

#[test]
fn what_the_grammar_calls_a_default_is_one() {
    for slot in SLOTS {
        let (head, key) = slot.path.rsplit_once('.').unwrap();
        let block = match head {
            "strategy" => &grammar::STRATEGY,
            "strategy.long.entry" => &grammar::ENTRY,
            "strategy.long.exit" => &grammar::EXIT,
            "strategy.pyramiding" => &grammar::PYRAMIDING,
            "account" => &grammar::ACCOUNT,
            "account.fees" => &grammar::FEES,
            "account.slippage" => &grammar::SLIPPAGE,
            "fills" => &grammar::FILLS,
            _ => continue,
        };
        let default = block.keys.iter().find(|k| k.name == key).unwrap().default;
        if slot.values.contains(&default) && slot.values.contains(&"") {
            let (mut without, mut said) = (base(), base());
            [&mut without, &mut said].into_iter().for_each(|s| s.extend(slot.with.iter().copied()));
            without.insert(slot.path, "");
            said.insert(slot.path, default);
            let forms = [without, said].map(|s| canonical(&document(&blocks::text(&s, false))));
            assert_eq!(forms[0], forms[1], "{} = {default}", slot.path);
        }
    }
    for (said, short) in [
        (("strategy.break_even", "{ after: 2%, at: 0% }"), ("strategy.break_even", "{ after: 2% }")),
        (("strategy.cooldown", "{ bars: 5, after: any }"), ("strategy.cooldown", "5")),
        (("strategy.size", "{ volatility: { of: 20%, days: 30 } }"), ("strategy.size", "{ volatility: 20% }")),
        (("strategy.trailing_stop", "{ by: 3% }"), ("strategy.trailing_stop", "3%")),
        (("strategy.take_profit", "[{ at: 3% }]"), ("strategy.take_profit", "3%")),
        (
            ("strategy.take_profit", "{ table: { 2h: 1%, 0m: 3% } }"),
            ("strategy.take_profit", "{ table: { 0s: 3%, 120m: 1% } }"),
        ),
        (("strategy.size", "{ target: 0.5 }"), ("strategy.size", "{ target: 50% }")),
    ] {
        let forms = [said, short].map(|s| canonical(&document(&blocks::text(&with(&[s]), false))));
        assert_eq!(forms[0], forms[1], "{said:?}");
    }
}

#[test]
fn a_profile_is_its_keys_and_single_keys_win() {
    for profile in candleflow_kernels::strategy::Profile::ALL {
        let mut said = base();
        said.extend(profile.settings());
        let written = document(&blocks::text(&said, false));
        let text = format!("profile: {}\n{}", profile.name(), blocks::text(&base(), false));
        assert_eq!(canonical(&written), canonical(&document(&text)), "{}", profile.name());
        let own = [("fills.zero_volume", "wait"), ("strategy.on_opposite", "close"), ("account.slippage.pct", "1%")];
        let text = format!("profile: {}\n{}", profile.name(), blocks::text(&with(&own), false));
        said.extend(own);
        assert_eq!(canonical(&document(&blocks::text(&said, false))), canonical(&document(&text)));
    }
}

#[test]
fn spaces_do_not_matter_but_inside_quotes_and_comments() {
    let form =
        |when: &'static str| canonical(&document(&blocks::text(&with(&[("strategy.long.entry.when", when)]), false)));
    assert_eq!(form("\"up  AND\\n up\""), form("up AND up"));
    assert_ne!(form("\"position.tag = 'a  b'\""), form("\"position.tag = 'a b'\""));
    assert_ne!(form("\"up -- no\\n AND up\""), form("\"up -- no AND up\""));
}

proptest! {
    #[test]
    fn any_choice_of_keys_is_read_or_refused_and_its_form_is_its_meaning(
        choices in proptest::collection::vec((0usize..SLOTS.len(), 0usize..8), 0..14),
        one in (0usize..SLOTS.len(), 0usize..8),
    ) {
        let mut settings = base();
        choices.iter().for_each(|(slot, value)| set(&mut settings, &SLOTS[*slot], *value));
        let text = blocks::text(&settings, false);
        let lines = text.lines().count();
        match read("p", &text, &Overrides::default()) {
            Err(errors) => prop_assert!(errors.iter().all(|e| (1..=lines).contains(&e.place.line)), "{errors}"),
            Ok(a) => {
                let turned = document(&blocks::text(&settings, true));
                prop_assert_eq!(canonical(&a), canonical(&turned));
                super::schema::accepts(&text).map_err(|e| TestCaseError::fail(format!("{e}\n{text}")))?;
                set(&mut settings, &SLOTS[one.0], one.1);
                if let Ok(b) = read("p", &blocks::text(&settings, false), &Overrides::default()) {
                    prop_assert_eq!(meaning(&a) == meaning(&b), canonical(&a) == canonical(&b));
                }
            }
        }
    }
}
