//! How far a column is from what it should be.

use arrow::{
    array::{Array, AsArray},
    datatypes::{DataType, Float64Type},
};

/// Rows of a batch, as the lake gives them.
pub(super) const BATCH: usize = 8192;

/// A value is settled when it is within this of the one that all data give, as a part of the column's size.
pub(super) const SETTLED: f64 = 1e-8;

/// The largest distance of two columns of equal length, as a part of the largest value of the second; infinite where one
/// is NULL and the other is not, 1 where what is no number differs.
pub(super) fn distance(got: &dyn Array, expected: &dyn Array) -> f64 {
    if *expected.data_type() != DataType::Float64 {
        return if got.to_data() == expected.to_data() { 0.0 } else { 1.0 };
    }
    let (got, expected) = (got.as_primitive::<Float64Type>(), expected.as_primitive::<Float64Type>());
    if (0..got.len()).any(|i| got.is_null(i) != expected.is_null(i)) {
        return f64::INFINITY;
    }
    let size = expected.iter().flatten().fold(0.0f64, |most, v| most.max(v.abs()));
    let most = got.iter().zip(expected.iter()).fold(0.0f64, |most, pair| match pair {
        (Some(a), Some(b)) if a.to_bits() != b.to_bits() => most.max((a - b).abs()),
        _ => most,
    });
    if most == 0.0 {
        0.0
    } else if size > 0.0 {
        most / size
    } else {
        f64::INFINITY
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{BooleanArray, Float64Array};

    #[test]
    fn distances_are_parts_of_the_largest_value() {
        let of = |a: &[Option<f64>], b: &[Option<f64>]| {
            distance(&Float64Array::from(a.to_vec()), &Float64Array::from(b.to_vec()))
        };
        assert_eq!(of(&[Some(1.0), Some(-4.0)], &[Some(1.0), Some(-4.0)]), 0.0);
        assert_eq!(of(&[Some(2.0), Some(-4.0)], &[Some(1.0), Some(-4.0)]), 0.25);
        assert_eq!(of(&[None], &[Some(1.0)]), f64::INFINITY);
        assert_eq!(of(&[None], &[None]), 0.0);
        assert_eq!(of(&[Some(1e-300)], &[Some(0.0)]), f64::INFINITY);
        let truth = |v: bool| BooleanArray::from(vec![v]);
        assert_eq!((distance(&truth(true), &truth(false)), distance(&truth(true), &truth(true))), (1.0, 0.0));
    }
}
