//! Arithmetic on what was measured.

/// The value that this share of them does not exceed; not a number when there are none.
pub fn percentile(mut values: Vec<f64>, share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    values.get((last as f64 * share).round() as usize).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_all_values_is_below_the_percentile() {
        let values: Vec<f64> = (1..=101).rev().map(f64::from).collect();
        assert_eq!(percentile(values.clone(), 0.5), 51.0);
        assert_eq!(percentile(values.clone(), 0.95), 96.0);
        assert_eq!(percentile(values, 1.0), 101.0);
        assert!(percentile(Vec::new(), 0.5).is_nan());
    }
}
