//! Folds batch normalisations into the convolutions before them, to save their cost at inference.

use std::collections::BTreeMap;

use octrls_core::network::proto::{NodeProto, TensorProto};

use super::error::ExportError;

/// Folds every `BatchNormalization` of `nodes` into the `Conv` whose output only it uses.
///
/// With scale `s = gamma / sqrt(variance + epsilon)` the weights become `w s` and the bias `beta + (b - mean) s`.
pub(super) fn fold_batch_norms(
    nodes: &mut Vec<NodeProto>,
    weights: &mut BTreeMap<String, TensorProto>,
) -> Result<(), ExportError> {
    while let Some(at) = nodes.iter().position(|n| n.op_type == "BatchNormalization") {
        let norm = nodes.remove(at);
        let users = nodes.iter().filter(|n| n.input.contains(&norm.input[0])).count();
        let conv = nodes.iter_mut().find(|n| n.op_type == "Conv" && n.output[0] == norm.input[0]);
        let conv = conv.filter(|_| users == 0).ok_or_else(|| ExportError::Fold(norm.name.clone()))?;
        fold(conv, &norm, weights)?;
    }
    Ok(())
}

fn fold(
    conv: &mut NodeProto,
    norm: &NodeProto,
    weights: &mut BTreeMap<String, TensorProto>,
) -> Result<(), ExportError> {
    let value = |name: &String| weights.get(name).ok_or_else(|| ExportError::Fold(name.clone()));
    let [gamma, beta, mean, variance] = [1, 2, 3, 4].map(|k| value(&norm.input[k]).map(TensorProto::values));
    let (gamma, beta, mean, variance) = (gamma?, beta?, mean?, variance?);
    let epsilon = norm.attribute.iter().find(|a| a.name == "epsilon").map_or(1e-5, |a| f64::from(a.f));
    let weight = value(&conv.input[1])?.clone();
    let mut bias = match conv.input.get(2) {
        Some(name) => value(name)?.values(),
        None => vec![0.0; gamma.len()],
    };

    let dims: Vec<usize> = weight.dims.iter().map(|&d| d as usize).collect();
    let mut kernels = weight.values();
    let size = kernels.len() / gamma.len().max(1);
    for (c, kernel) in kernels.chunks_exact_mut(size.max(1)).enumerate() {
        let scale = f64::from(gamma[c]) / (f64::from(variance[c]) + epsilon).sqrt();
        for w in kernel {
            *w = (f64::from(*w) * scale) as f32;
        }
        bias[c] = (f64::from(bias[c]) - f64::from(mean[c])).mul_add(scale, f64::from(beta[c])) as f32;
    }

    let name = weight.name;
    let bias_name = format!("{}.bias", name.trim_end_matches(".weight"));
    weights.insert(name.clone(), TensorProto::new(&name, &dims, &kernels));
    weights.insert(bias_name.clone(), TensorProto::new(&bias_name, &[bias.len()], &bias));
    conv.input.truncate(2);
    conv.input.push(bias_name);
    conv.output.clone_from(&norm.output);
    Ok(())
}

#[cfg(test)]
mod tests {
    use octrls_core::network::proto::AttributeProto;

    use super::*;

    fn node(op_type: &str, input: &[&str], output: &str, attribute: Vec<AttributeProto>) -> NodeProto {
        NodeProto {
            input: input.iter().map(|&s| s.to_owned()).collect(),
            output: vec![output.to_owned()],
            name: op_type.to_owned(),
            op_type: op_type.to_owned(),
            attribute,
            ..NodeProto::default()
        }
    }

    fn weights() -> BTreeMap<String, TensorProto> {
        let vectors = [("g", 3.0), ("b", 0.5), ("m", 1.0), ("v", 3.0)];
        let mut all: BTreeMap<_, _> =
            vectors.into_iter().map(|(n, v)| (n.to_owned(), TensorProto::new(n, &[1], &[v]))).collect();
        all.insert("c.weight".to_owned(), TensorProto::new("c.weight", &[1, 1, 1, 2], &[2.0, -4.0]));
        all
    }

    #[test]
    fn folding_scales_weights_and_adds_a_bias() {
        let norm =
            node("BatchNormalization", &["t", "g", "b", "m", "v"], "y", vec![AttributeProto::float("epsilon", 1.0)]);
        let mut nodes = vec![node("Conv", &["x", "c.weight"], "t", Vec::new()), norm];
        let mut weights = weights();
        fold_batch_norms(&mut nodes, &mut weights).expect("foldable");
        assert_eq!(nodes.len(), 1);
        assert_eq!(nodes[0].input, ["x", "c.weight", "c.bias"]);
        assert_eq!(nodes[0].output, ["y"]);
        // Scale 3 / sqrt(3 + 1).
        assert_eq!(weights["c.weight"].values(), [3.0, -6.0]);
        assert_eq!(weights["c.bias"].values(), [0.5 - 1.5]);
    }

    #[test]
    fn rejects_a_norm_after_a_shared_convolution() {
        let norm = node("BatchNormalization", &["t", "g", "b", "m", "v"], "y", Vec::new());
        let conv = node("Conv", &["x", "c.weight"], "t", Vec::new());
        let mut nodes = vec![conv, norm, node("Relu", &["t"], "z", Vec::new())];
        assert!(matches!(fold_batch_norms(&mut nodes, &mut weights()), Err(ExportError::Fold(_))));
    }
}
