//! How long the bars of a file are, by what is in it: the commonest step between open times, and the commonest length
//! by close times. Both are only counted; what they mean is decided once, at the end.

use candleflow_schema::{
    Interval, Micros,
    interval::ALL,
    time::{DAY, SECOND},
};
use std::collections::HashMap;

/// Different spans that are counted apart; bars have few, and a file that has more is no file of bars.
const SPANS: usize = 4096;

/// How often each span occurs.
#[derive(Debug, Default)]
pub(crate) struct Spans {
    counts: HashMap<Micros, u64>,
    last: (Micros, u64),
}

impl Spans {
    /// Counts a span.
    pub(crate) fn add(&mut self, span: Micros) {
        if span == self.last.0 {
            self.last.1 += 1;
            return;
        }
        self.flush();
        self.last = (span, 1);
    }

    fn flush(&mut self) {
        let (span, n) = std::mem::take(&mut self.last);
        if n > 0 && (self.counts.len() < SPANS || self.counts.contains_key(&span)) {
            *self.counts.entry(span).or_default() += n;
        }
    }

    /// The commonest span; of equally common ones the one that `stated` expects, else the shortest.
    fn commonest(&mut self, stated: Option<Interval>) -> Option<Micros> {
        self.flush();
        let fits = |span: Micros| stated.is_some_and(|i| is_length(i, span));
        self.counts.iter().map(|(span, n)| (*n, fits(*span), -span)).max().map(|(_, _, span)| -span)
    }
}

/// Whether a span is the length of a bar of that interval.
fn is_length(interval: Interval, span: Micros) -> bool {
    match interval {
        Interval::Mo1 => span % DAY == 0 && (28..=31).contains(&(span / DAY)),
        other => other.nominal() == span,
    }
}

fn named(span: Micros) -> Option<Interval> {
    ALL.iter().map(|(_, interval)| *interval).find(|i| is_length(*i, span))
}

/// What the content says of the length of its bars.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    /// Between open times that follow each other.
    pub(crate) steps: Spans,
    /// From open time to close time.
    pub(crate) lengths: Spans,
}

/// What was concluded.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The bars have this length.
    Is(Interval),
    /// The content contradicts what was stated; what the content says.
    Contradicts(String),
    /// The content does not say; why.
    Unknown(String),
}

impl Evidence {
    /// Counts the length of a bar by its close time, which is up to a second before the next bar opens.
    pub(crate) fn add_length(&mut self, open: Micros, close: Micros) {
        let span = close - open;
        let rounded = (span + SECOND - 1).div_euclid(SECOND) * SECOND;
        let next = [rounded, rounded + SECOND].into_iter().find(|s| named(*s).is_some() && s - span <= SECOND);
        self.lengths.add(next.unwrap_or(span));
    }

    /// The length of the bars. What was stated must agree with one of the two; where nothing was stated both must
    /// agree with each other.
    pub(crate) fn judge(&mut self, stated: Option<Interval>) -> Verdict {
        let step = self.steps.commonest(stated);
        let length = self.lengths.commonest(stated).filter(|span| named(*span).is_some());
        let Some(stated) = stated else {
            return match (step.map(|s| (s, named(s))), length.and_then(named)) {
                (Some((_, Some(a))), Some(b)) if a != b => {
                    Verdict::Unknown(format!("by its close times they are of {b}, by the steps between them of {a}"))
                }
                (Some((_, Some(interval))), _) | (None, Some(interval)) => Verdict::Is(interval),
                (Some((step, None)), _) => {
                    Verdict::Unknown(format!("they are mostly {} apart, which is no interval of bars", span_text(step)))
                }
                (None, None) => Verdict::Unknown("it has one bar only, and no close time".into()),
            };
        };
        match (step, length) {
            (None, None) => Verdict::Is(stated),
            (Some(s), _) | (_, Some(s)) if is_length(stated, s) => Verdict::Is(stated),
            (_, Some(l)) if is_length(stated, l) => Verdict::Is(stated),
            (Some(s), _) => Verdict::Contradicts(format!("{} (the commonest step between open times)", span_text(s))),
            (None, Some(l)) => Verdict::Contradicts(format!("{} (by its close time)", span_text(l))),
        }
    }
}

fn span_text(span: Micros) -> String {
    named(span).map_or_else(|| format!("{} s", span as f64 / SECOND as f64), |i| i.name().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const M: Micros = 60 * SECOND;

    fn judge(steps: &[Micros], lengths: &[Micros], stated: Option<&str>) -> Verdict {
        let mut evidence = Evidence::default();
        steps.iter().for_each(|s| evidence.steps.add(*s));
        lengths.iter().for_each(|l| evidence.add_length(0, *l));
        evidence.judge(stated.map(|s| s.parse().unwrap()))
    }

    #[test]
    fn the_commonest_step_decides() {
        assert_eq!(judge(&[M, M, 284 * M, M], &[], None), Verdict::Is(Interval::M1));
        assert_eq!(judge(&[M, M, 5 * M], &[], Some("1m")), Verdict::Is(Interval::M1));
        assert_eq!(judge(&[5 * M, M], &[], Some("5m")), Verdict::Is("5m".parse().unwrap()));
        assert_eq!(judge(&[31 * DAY, 28 * DAY, 31 * DAY, 30 * DAY], &[], None), Verdict::Is(Interval::Mo1));
        assert_eq!(judge(&[28 * DAY], &[], Some("1M")), Verdict::Is(Interval::Mo1));
        assert!(matches!(judge(&[5 * M, 5 * M], &[], Some("1m")), Verdict::Contradicts(t) if t.starts_with("5m")));
        assert!(matches!(judge(&[7 * M, 7 * M], &[], None), Verdict::Unknown(t) if t.contains("420 s")));
        assert!(matches!(judge(&[], &[], None), Verdict::Unknown(_)));
        assert_eq!(judge(&[], &[], Some("1h")), Verdict::Is("1h".parse().unwrap()));
    }

    #[test]
    fn a_close_time_proves_the_length_of_sparse_bars() {
        let length = M - 1_000;
        assert_eq!(judge(&[3 * M, 3 * M], &[length; 3], Some("1m")), Verdict::Is(Interval::M1));
        assert_eq!(judge(&[], &[length], None), Verdict::Is(Interval::M1));
        for length in [M, M - 1, M - SECOND] {
            assert_eq!(judge(&[], &[length], None), Verdict::Is(Interval::M1), "{length}");
        }
        assert!(matches!(judge(&[5 * M, 5 * M], &[length; 3], None), Verdict::Unknown(_)));
        assert!(matches!(judge(&[], &[length], Some("1h")), Verdict::Contradicts(_)));
    }
}
