//! Several samples of the same thing as one figure with its spread.

use super::measure::Sample;

/// A median with the smallest and the largest of what it is the median of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

/// The spread of one figure over all samples that have it; None when none has.
pub(crate) fn spread(
    samples: &[Sample],
    figure: impl Fn(&Sample) -> Option<f64>,
) -> Option<Spread> {
    spread_of(samples.iter().filter_map(figure).collect())
}

fn spread_of(mut figures: Vec<f64>) -> Option<Spread> {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    let upper = *figures.get(middle)?;
    let median = match figures.len() % 2 {
        0 => (upper + *figures.get(middle.checked_sub(1)?)?) / 2.0,
        _ => upper,
    };
    Some(Spread {
        median,
        min: *figures.first()?,
        max: *figures.last()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        let spread = |median, min, max| Some(Spread { median, min, max });
        let table: [(&[f64], Option<Spread>); 5] = [
            (&[], None),
            (&[4.0], spread(4.0, 4.0, 4.0)),
            (&[9.0, 1.0], spread(5.0, 1.0, 9.0)),
            (&[9.0, 1.0, 2.0], spread(2.0, 1.0, 9.0)),
            (&[4.0, 3.0, 2.0, 1.0], spread(2.5, 1.0, 4.0)),
        ];
        for (figures, expected) in table {
            assert_eq!(spread_of(figures.to_vec()), expected, "{figures:?}");
        }
    }
}
