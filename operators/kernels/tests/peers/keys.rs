//! No key of a profile is there for nothing: without it, some case no longer trades as the peer did.

use candleflow_kernels::money::{Money, Ratio};
use candleflow_kernels::strategy::{
    Clamp, EntryBarStops, Fees, FillAt, Insufficient, Legs, LevelsFrom, MarginMode, OnOpposite, SizedAt, Spec,
    ZeroVolume,
};

use super::cases::{Case, Peer};
use super::{data, of_peer};

/// A key that a profile sets, put back to its default.
type Key = (&'static str, fn(&mut Spec));

const LEVELS_FROM: Key = ("levels_from", |spec| spec.fills.levels_from = LevelsFrom::Fill);
const LEGS: Key = ("slippage.legs", |spec| spec.account.slippage.legs = Legs::Both);
const CLAMP: Key = ("slippage.clamp", |spec| spec.account.slippage.clamp = Clamp::None);
const SIZED_AT: Key = ("sized_at", |spec| spec.account.sized_at = SizedAt::Fill);
const INSUFFICIENT: Key = ("on_insufficient", |spec| spec.account.on_insufficient = Insufficient::Cut);
const OPPOSITE: Key = ("on_opposite", |spec| spec.on_opposite = OnOpposite::Reverse);
const COOLDOWN: Key = ("cooldown", |spec| spec.cooldown = None);
const ENTRY_BAR: Key = ("entry_bar_stops", |spec| spec.fills.entry_bar_stops = EntryBarStops::True);

/// The keys in which the profile differs from the defaults, as far as these bars can tell: they have no bar without
/// volume and nothing that would be liquidated, and each case says itself where market orders fill.
fn keys(peer: Peer) -> Vec<Key> {
    match peer {
        Peer::BacktestingPy => vec![LEVELS_FROM, LEGS, INSUFFICIENT, OPPOSITE],
        Peer::Vectorbt => vec![LEVELS_FROM, COOLDOWN],
        Peer::Backtrader => vec![ENTRY_BAR, CLAMP, SIZED_AT, INSUFFICIENT, OPPOSITE],
    }
}

const PEERS: [Peer; 3] = [Peer::BacktestingPy, Peer::Vectorbt, Peer::Backtrader];

#[test]
fn every_key_of_a_profile_is_listed() {
    for peer in PEERS {
        let fees = Fees { maker: Ratio::ZERO, taker: Ratio::ZERO, fixed: Money::ZERO };
        let default = Spec::new(Money::parse("1").unwrap(), fees);
        let mut spec = default.clone();
        peer.profile().apply(&mut spec);
        for (_, put_back) in keys(peer) {
            let before = spec.clone();
            put_back(&mut spec);
            assert_ne!(spec, before, "{peer:?}");
        }
        (spec.fills.at, spec.fills.zero_volume) = (FillAt::NextOpen, ZeroVolume::Wait);
        spec.account.margin = MarginMode::Isolated;
        assert_eq!(spec, default, "{peer:?}");
    }
}

#[test]
fn every_key_of_a_profile_decides_a_case() {
    let Some(bars) = data::hourly() else { return };
    for peer in PEERS {
        let cases: Vec<Case> = of_peer(peer).iter().map(|(name, _)| Case::of(peer, name)).collect();
        for (name, put_back) in keys(peer) {
            let decides = |case: &Case| case.run(&bars) != case.run_with(&bars, put_back).0;
            assert!(cases.iter().rev().any(decides), "{peer:?}: {name}");
        }
    }
}
