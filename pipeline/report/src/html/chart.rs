//! A chart: a frame with axes, in it shapes in the coordinates of time and value.
//!
//! ```text
//!  value ticks │ shapes, 1000 wide, stretched to the page
//!              └─ time ticks
//! ```
//! Lines keep their width when the picture is stretched (`non-scaling-stroke`), so dots are lines without length.

use crate::{calendar, trades::nice};
use candleflow_schema::Micros;
use std::fmt::Write as _;

/// Units across; the page stretches them.
const ACROSS: f64 = 1000.0;

/// A chart under construction.
pub(super) struct Chart {
    x: (f64, f64),
    y: (f64, f64),
    /// Its height in pixels.
    height: u32,
    shapes: String,
}

impl Chart {
    /// Over these ranges; values get a little room above and below.
    pub(super) fn new(x: (f64, f64), y: (f64, f64), height: u32) -> Self {
        let room = ((y.1 - y.0) * 0.04).max(y.1.abs().max(y.0.abs()) * 1e-6).max(1e-9);
        let x = if x.1 > x.0 { x } else { (x.0 - 1.0, x.0 + 1.0) };
        Self { x, y: (y.0 - room, y.1 + room), height, shapes: String::new() }
    }

    pub(super) fn x(&self, value: f64) -> f64 {
        (value - self.x.0) / (self.x.1 - self.x.0) * ACROSS
    }

    fn y(&self, value: f64) -> f64 {
        (self.y.1 - value) / (self.y.1 - self.y.0) * f64::from(self.height)
    }

    /// A point as it stands in a path.
    pub(super) fn at(&self, x: f64, y: f64) -> String {
        format!("{} {}", short(self.x(x)), short(self.y(y)))
    }

    /// A path with a class of the style sheet.
    pub(super) fn path(&mut self, class: &str, path: &str) {
        if !path.is_empty() {
            let _ = write!(self.shapes, "<path class=\"{class}\" d=\"{path}\"/>");
        }
    }

    /// A line through points.
    pub(super) fn line(&mut self, class: &str, points: impl Iterator<Item = (f64, f64)>) {
        let mut path = String::new();
        for (x, y) in points {
            path += if path.is_empty() { "M" } else { "L" };
            path += &self.at(x, y);
        }
        self.path(class, &path);
    }

    /// The band between a low and a high at each point.
    pub(super) fn band(&mut self, class: &str, points: &[(f64, f64, f64)]) {
        let mut path = String::new();
        for (x, _, high) in points {
            path += if path.is_empty() { "M" } else { "L" };
            path += &self.at(*x, *high);
        }
        for (x, low, _) in points.iter().rev() {
            path += "L";
            path += &self.at(*x, *low);
        }
        if !path.is_empty() {
            path += "Z";
        }
        self.path(class, &path);
    }

    /// The chart as HTML; `place` is its number in the page's data.
    pub(super) fn finish(self, place: usize, y_text: &dyn Fn(f64) -> String, x_ticks: &[(f64, String)]) -> String {
        let (mut grid, mut labels) = (String::new(), String::new());
        for value in ticks(self.y, (self.height / 50).max(2)) {
            let y = self.y(value);
            let _ = write!(grid, "M0 {y}H{ACROSS}", y = short(y));
            let percent = y / f64::from(self.height) * 100.0;
            let _ = write!(labels, "<span class=\"y\" style=\"top:{percent:.2}%\">{}</span>", y_text(value));
        }
        for (value, text) in x_ticks {
            let percent = self.x(*value) / ACROSS * 100.0;
            if (0.0..=100.0).contains(&percent) {
                let _ = write!(labels, "<span class=\"x\" style=\"left:{percent:.2}%\">{text}</span>");
            }
        }
        let height = self.height;
        format!(
            "<div class=\"chart\" data-chart=\"{place}\" style=\"height:{height}px\"><svg viewBox=\"0 0 {ACROSS} {height}\" preserveAspectRatio=\"none\"><path class=\"grid\" d=\"{grid}\"/>{}</svg><i class=\"cursor\" hidden></i>{labels}</div>\n",
            self.shapes
        )
    }
}

/// At most one digit after the point: a tenth of a pixel.
fn short(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// Round values within a range, at most so many.
pub(super) fn ticks((low, high): (f64, f64), most: u32) -> Vec<f64> {
    let step = nice((high - low) / f64::from(most.max(1)));
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    (first..=last).take(50).map(|i| i as f64 * step).collect()
}

/// Round moments within a range, with how they are written.
pub(super) fn time_ticks(from: Micros, to: Micros) -> Vec<(f64, String)> {
    const HOUR: Micros = 3_600_000_000;
    const MOST: i64 = 8;
    let length = (to - from).max(1);
    let steps = [HOUR / 60, HOUR / 12, HOUR / 4, HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR, 48 * HOUR, 120 * HOUR];
    if let Some(step) = steps.into_iter().find(|s| length / s <= MOST) {
        let text = |t: Micros| {
            let minute = calendar::minute(t);
            let (day, clock) = minute.split_once(' ').unwrap_or((&minute, ""));
            if step >= 24 * HOUR || clock == "00:00" {
                day.get(5..).unwrap_or(day).to_owned()
            } else {
                clock.to_owned()
            }
        };
        let first = (from + step - 1).div_euclid(step);
        return (first..=to.div_euclid(step)).map(|i| (i * step) as f64).map(|t| (t, text(t as Micros))).collect();
    }
    let (year, month, _) = calendar::date(from);
    let (last_year, last_month, _) = calendar::date(to);
    let (first, last) = (year * 12 + i64::from(month), last_year * 12 + i64::from(last_month) - 1);
    let step = [1, 2, 3, 6, 12, 24, 60, 120].into_iter().find(|s| (last - first) / s <= MOST).unwrap_or(240);
    let first = (first + step - 1).div_euclid(step);
    let tick = |i: i64| {
        let months = i * step;
        let name = calendar::MONTHS[months.rem_euclid(12) as usize];
        let year = months.div_euclid(12);
        let text = if months.rem_euclid(12) == 0 { year.to_string() } else { format!("{name} {year}") };
        (calendar::month_start(months) as f64, text)
    };
    (first..=last.div_euclid(step)).map(tick).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use candleflow_schema::time::parse;

    #[test]
    fn ticks_are_round_and_inside() {
        assert_eq!(ticks((0.0, 10.0), 5), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(ticks((-0.07, 0.01), 4).len(), 4);
        assert!(ticks((5.0, 5.0), 4).len() <= 50);
    }

    #[test]
    fn moments_are_written_as_their_distance_needs() {
        let of = |a: &str, b: &str| {
            time_ticks(parse(a).unwrap(), parse(b).unwrap()).into_iter().map(|(_, t)| t).collect::<Vec<_>>()
        };
        assert_eq!(of("2021-05-01T10:00", "2021-05-01T13:00"), ["10:00", "11:00", "12:00", "13:00"]);
        assert_eq!(
            of("2021-04-30T12:00", "2021-05-02"),
            ["12:00", "18:00", "05-01", "06:00", "12:00", "18:00", "05-02"]
        );
        assert_eq!(of("2021-05-01", "2021-05-20"), ["05-03", "05-08", "05-13", "05-18"]);
        assert_eq!(of("2020-11-20", "2021-07-03").len(), 8);
        assert_eq!(of("2017-08-01", "2023-12-31"), ["2018", "2019", "2020", "2021", "2022", "2023"]);
        assert!((1..=9).contains(&of("2017-08-01", "2017-08-01T00:05").len()));
    }
}
