//! Averages several networks that were trained on from the same one.

use octrls_core::network::proto::{FLOAT16, GraphProto, TensorProto};

use super::{
    error::ExportError,
    precision::{dims, to_half},
};

/// Replaces the weights of `graph` by their mean with those of `others`, in the same number format.
///
/// # Errors
/// [`ExportError::Mismatch`] if another network has different weights, [`ExportError::OutOfRange`] as [`super::halve`].
pub(super) fn blend(graph: &mut GraphProto, others: &[GraphProto]) -> Result<(), ExportError> {
    let share = 1.0 / (1 + others.len()) as f64;
    for weight in &mut graph.initializer {
        let mut sums: Vec<f64> = weight.values().into_iter().map(f64::from).collect();
        for other in others {
            let like = other.initializer.iter().find(|w| w.name == weight.name && w.dims == weight.dims);
            let values = like.ok_or_else(|| ExportError::Mismatch(weight.name.clone()))?.values();
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += f64::from(value));
        }
        let mean: Vec<f32> = sums.into_iter().map(|sum| (sum * share) as f32).collect();
        *weight = match weight.data_type {
            FLOAT16 => to_half(weight, &mean)?,
            _ => TensorProto::new(&weight.name, &dims(weight), &mean),
        };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(weight: TensorProto) -> GraphProto {
        GraphProto { initializer: vec![weight], ..GraphProto::default() }
    }

    #[test]
    fn averages_weights_in_the_precision_of_the_first() {
        let single = |values: &[f32]| graph(TensorProto::new("w", &[2, 1], values));
        let half = |values: &[f32]| graph(TensorProto::narrowed("w", &[2, 1], values).expect("in range"));
        let mut first = single(&[1.0, -2.0]);
        blend(&mut first, &[half(&[2.0, 0.5]), single(&[3.0, 0.0])]).expect("alike");
        assert_eq!(first, single(&[2.0, -0.5]));
        let mut first = half(&[1.0, -2.0]);
        blend(&mut first, &[single(&[2.0, 0.0])]).expect("alike");
        assert_eq!(first, half(&[1.5, -1.0]));
    }

    #[test]
    fn rejects_other_architectures_by_weight_name() {
        let mut first = graph(TensorProto::new("w", &[2, 1], &[1.0, 2.0]));
        for (name, dims) in [("w", [1, 2]), ("v", [2, 1])] {
            let other = graph(TensorProto::new(name, &dims, &[1.0, 2.0]));
            assert!(matches!(blend(&mut first, &[other]), Err(ExportError::Mismatch(name)) if name == "w"));
        }
    }
}
