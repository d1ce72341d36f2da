//! Statistics of a measurement that was repeated.

use std::time::Duration;

/// Values in the order of their size.
#[derive(Clone, Debug)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// Milliseconds.
    pub fn of_times(times: &[Duration]) -> Self {
        Self::new(times.iter().map(|time| time.as_secs_f64() * 1000.0).collect())
    }

    pub fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn median(&self) -> f64 {
        self.at(50)
    }

    pub fn p99(&self) -> f64 {
        self.at(99)
    }

    pub fn least(&self) -> f64 {
        self.at(0)
    }

    pub fn most(&self) -> f64 {
        self.at(100)
    }

    /// The smallest value that so many percent of all do not exceed; NaN where there are none.
    fn at(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        self.0.get(rank - 1).copied().unwrap_or(f64::NAN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let samples = Samples::new((1..=200).rev().map(f64::from).collect());
        assert_eq!((samples.median(), samples.p99(), samples.most()), (100.0, 198.0, 200.0));
        let three = Samples::new(vec![3.0, 1.0, 2.0]);
        assert_eq!((three.median(), three.p99()), (2.0, 3.0));
        assert!(Samples::new(Vec::new()).median().is_nan());
    }
}
