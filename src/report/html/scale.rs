//! [`Scale`]: from instants to places on a chart.
//!
//! Places along the time are percentages and all else is pixels, so that a chart is as wide as the page, and its texts
//! have the same size on a telephone and on a wide screen.

use jiff::Timestamp;

use super::super::text;
use super::markup::Html;

/// Steps between ticks, in milliseconds.
const STEPS: [u64; 17] = [
    200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000, 300_000, 600_000, 900_000,
    1_800_000, 3_600_000, 7_200_000, 21_600_000,
];
/// So many ticks fit beside each other on a telephone.
const TICKS: u64 = 6;
/// A chart of less than this would be all beginning and no end, in milliseconds.
const SHORTEST: u64 = 1_000;

/// The time that a chart shows.
#[derive(Debug, Clone, Copy)]
pub struct Scale {
    /// What times are counted from: `UpdateService`, where there was one.
    pub zero: Timestamp,
    first: Timestamp,
    /// Milliseconds.
    length: u64,
}

impl Scale {
    /// From `first` to `last`, with times counted from `zero`.
    pub fn new(zero: Timestamp, first: Timestamp, last: Timestamp) -> Self {
        Self { zero, first, length: millis(first, last).max(SHORTEST) }
    }

    /// Percent of the width; what is outside is at the border.
    pub fn x(&self, at: Timestamp) -> f64 {
        let place = millis(self.first, at).min(self.length);
        place as f64 * 100.0 / self.length as f64
    }

    /// Where something begins and how wide it is, in percent. The shortest can still be seen.
    pub fn span(&self, from: Timestamp, until: Timestamp) -> (f64, f64) {
        const THINNEST: f64 = 0.4;
        let from = self.x(from).min(100.0 - THINNEST);
        (from, (self.x(until) - from).max(THINNEST))
    }

    /// `+12.3 s` after, or `-0.4 s` before what times are counted from.
    pub fn told(&self, at: Timestamp) -> String {
        if at < self.zero {
            return format!("-{}", text::duration(millis(at, self.zero)));
        }
        format!("+{}", text::duration(millis(self.zero, at)))
    }

    /// Lines with their times at the top, down to `height`, in pixels.
    pub fn axis(&self, h: &mut Html, height: u32) {
        for (place, label) in self.ticks() {
            let x = percent(place);
            let height = height.to_string();
            h.void("line", &[("class", "grid"), ("x1", &x), ("x2", &x), ("y1", "16"), ("y2", &height)]);
            let anchor = match place {
                place if place < 4.0 => "start",
                place if place > 96.0 => "end",
                _ => "middle",
            };
            let attributes = [("class", "tick"), ("x", x.as_str()), ("y", "11"), ("text-anchor", anchor)];
            h.leaf("text", &attributes, &label);
        }
    }

    fn ticks(&self) -> Vec<(f64, String)> {
        let longest = STEPS[STEPS.len() - 1];
        let step = STEPS.into_iter().find(|step| self.length / step < TICKS).unwrap_or_else(|| {
            // Of days, every step is a multiple of the longest one.
            longest * (self.length / (longest * TICKS) + 1)
        });
        let offset = self.zero.duration_since(self.first).as_millis();
        let step_signed = i128::from(step);
        let first = (-offset).div_euclid(step_signed) + i128::from((-offset).rem_euclid(step_signed) > 0);
        (first..)
            .map(|number| number * step_signed)
            .take_while(|at| at + offset <= i128::from(self.length))
            .map(|at| ((at + offset) as f64 * 100.0 / self.length as f64, tick(at, step)))
            .collect()
    }
}

/// `0`, `30 s`, `1:30`, `1:00:00`
fn tick(at: i128, step: u64) -> String {
    let sign = if at < 0 { "-" } else { "" };
    let ms = at.unsigned_abs();
    let seconds = ms / 1_000;
    match seconds {
        _ if ms == 0 => "0".to_owned(),
        _ if step < 1_000 => format!("{sign}{}.{} s", seconds, ms % 1_000 / 100),
        0..60 => format!("{sign}{seconds} s"),
        60..3_600 => format!("{sign}{}:{:02}", seconds / 60, seconds % 60),
        _ => format!("{sign}{}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60),
    }
}

/// `12.34%`
pub fn percent(place: f64) -> String {
    format!("{place:.2}%")
}

/// From one instant to a later one; 0 where it is not later.
pub fn millis(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.duration_since(from).as_millis()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::at;
    use super::*;

    #[test]
    fn ticks_are_round_times_after_the_update() {
        let told = |first: i64, last: i64| {
            let ticks = Scale::new(at(0), at(first), at(last)).ticks();
            ticks.iter().map(|(place, label)| format!("{label} at {place:.0}")).collect::<Vec<_>>().join(", ")
        };
        assert_eq!(told(0, 26_500), "0 at 0, 5 s at 19, 10 s at 38, 15 s at 57, 20 s at 75, 25 s at 94");
        assert_eq!(
            told(-10_000, 40_000),
            "-10 s at 0, 0 at 20, 10 s at 40, 20 s at 60, 30 s at 80, 40 s at 100"
        );
        assert_eq!(told(0, 400_000), "0 at 0, 2:00 at 30, 4:00 at 60, 6:00 at 90");
        assert_eq!(told(0, 0), "0 at 0, 0.2 s at 20, 0.4 s at 40, 0.6 s at 60, 0.8 s at 80, 1.0 s at 100");
        let days = Scale::new(at(0), at(0), at(1_000_000_000)).ticks().len();
        assert!((2..=7).contains(&days), "{days}");
    }

    #[test]
    fn places_stay_on_the_chart() {
        let scale = Scale::new(at(1_000), at(0), at(10_000));
        assert_eq!([-5, 0, 5_000, 20_000].map(|ms| scale.x(at(ms))), [0.0, 0.0, 50.0, 100.0]);
        let (from, width) = scale.span(at(10_000), at(10_000));
        assert_eq!([percent(from), percent(width)], ["99.60%", "0.40%"], "what is short can still be seen");
        assert_eq!([0, 3_500].map(|ms| scale.told(at(ms))), ["-1.0 s", "+2.5 s"]);
    }
}
