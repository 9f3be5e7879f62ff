//! What blocks must agree on with the source: symbols of one account, finer bars.

use super::Reader;
use crate::document::{Account, Located, Size, Source, Strategy};
use candleflow_kernels::strategy::{Scope, SizedAt};
use candleflow_schema::Interval;

/// Finer bars in one bar: as many as a day has seconds.
const MOST_FINER: i64 = 86_400;

impl Reader {
    /// One account over several symbols holds one asset; limits over symbols need one account.
    pub(super) fn meet(&mut self, source: &Source, strategy: Option<&Strategy>, account: Option<&Account>) {
        let (Some(strategy), Some(account)) = (strategy, account) else { return };
        if account.terms.sized_at == SizedAt::Signal {
            for size in sizes(strategy).filter(|s| matches!(s.value, Size::Target(_))) {
                let advice = "it is computed at the fill: remove account.sized_at: signal, or take another size";
                self.errors.add(size.place, format!("size: target cannot be sized at the signal, {advice}"));
            }
        }
        if account.terms.scope == Scope::Symbol {
            if let Some(most) = &strategy.limits.max_positions {
                let advice = "it counts the symbols of one account: add account: { scope: portfolio }";
                self.errors.add(most.place, format!("max_positions: {advice}"));
            }
            return;
        }
        let quote = &account.quote.value;
        for symbol in source.symbols.iter().filter(|s| !s.value.ends_with(quote.as_str())) {
            self.errors.add(
                symbol.place,
                format!("{} is not quoted in {quote}, as one account over all symbols needs", symbol.value),
            );
        }
    }

    /// Finer bars fill the source's bars exactly.
    pub(super) fn finer(&mut self, source: &Source, detail: Option<&Located<Interval>>) {
        let Some(detail) = detail else { return };
        let base = source.interval.value;
        let fits = match (detail.value, base) {
            (Interval::Fixed(short), Interval::Fixed(long)) => short < long && long % short == 0,
            // Every fixed interval divides a day, and the others are made of days.
            (Interval::Fixed(_), _) => true,
            _ => false,
        };
        if !fits {
            self.errors.add(detail.place, format!("detail: bars of {} do not fill the source's {base}", detail.value));
            return;
        }
        let each = base.nominal() / detail.value.nominal();
        if each > MOST_FINER {
            let text = format!("detail: a bar of {base} has {each} of {}, at most {MOST_FINER} can be", detail.value);
            self.errors.add(detail.place, text);
        }
    }
}

fn sizes(strategy: &Strategy) -> impl Iterator<Item = &Located<Size>> {
    let sides = [&strategy.long, &strategy.short].into_iter().flatten();
    sides.flat_map(|side| side.entry.iter().filter_map(|rule| rule.size.as_ref()).chain(&side.size))
}
