//! Stores weights as 16-bit floats, which halves the file; the runtime still computes in 32 bits.

use octrls_core::network::proto::{AttributeProto, FLOAT, GraphProto, NodeProto, TensorProto};

use super::error::ExportError;

/// Number format of the weights in a model file. Biases are always 32-bit floats, as are all computations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Precision {
    /// 16-bit floats
    #[default]
    Half,
    /// 32-bit floats
    Single,
}

/// Suffix of a weight after conversion back to a 32-bit float.
const CAST_SUFFIX: &str = ".float";

/// Stores every weight of `graph`, except biases, as 16-bit floats, rounded to nearest. A `Cast` before all other nodes
/// converts each back; runtimes fold it on loading. Weights already in this format stay.
///
/// # Errors
/// [`ExportError::OutOfRange`] for a weight that exceeds the range of 16-bit floats.
pub(super) fn halve(graph: &mut GraphProto) -> Result<(), ExportError> {
    let mut casts = Vec::new();
    for weight in graph.initializer.iter_mut().filter(|w| w.data_type == FLOAT && w.dims.len() > 1) {
        *weight = to_half(weight, &weight.values())?;
        let widened = format!("{}{CAST_SUFFIX}", weight.name);
        for input in graph.node.iter_mut().flat_map(|node| &mut node.input).filter(|input| **input == weight.name) {
            input.clone_from(&widened);
        }
        casts.push(NodeProto {
            input: vec![weight.name.clone()],
            name: format!("Cast_{}", weight.name),
            op_type: "Cast".to_owned(),
            attribute: vec![AttributeProto::int("to", FLOAT.into())],
            output: vec![widened],
            ..NodeProto::default()
        });
    }
    graph.node.splice(..0, casts);
    Ok(())
}

/// `weight` with new `values`, as 16-bit floats.
pub(super) fn to_half(weight: &TensorProto, values: &[f32]) -> Result<TensorProto, ExportError> {
    TensorProto::narrowed(&weight.name, &dims(weight), values)
        .ok_or_else(|| ExportError::OutOfRange(weight.name.clone()))
}

pub(super) fn dims(weight: &TensorProto) -> Vec<usize> {
    weight.dims.iter().map(|&d| d as usize).collect()
}

#[cfg(test)]
mod tests {
    use octrls_core::network::proto::FLOAT16;

    use super::*;

    fn graph(values: &[f32]) -> GraphProto {
        let conv = |input: &str, output: &str| NodeProto {
            input: [input, "w", "b"].map(str::to_owned).into(),
            output: vec![output.to_owned()],
            op_type: "Conv".to_owned(),
            ..NodeProto::default()
        };
        GraphProto {
            node: vec![conv("x", "t"), conv("t", "y")],
            initializer: vec![
                TensorProto::new("b", &[2], &[0.1, 0.2]),
                TensorProto::new("w", &[2, 1, 1, values.len() / 2], values),
            ],
            ..GraphProto::default()
        }
    }

    #[test]
    fn rounds_weights_but_not_biases() {
        let mut graph = graph(&[1.0, -0.3, 65_504.0, 1e-9]);
        halve(&mut graph).expect("weights in range");
        let [bias, weight] = &graph.initializer[..] else { panic!("two initialisers") };
        assert_eq!(bias.values(), [0.1, 0.2]);
        assert_eq!((weight.data_type, weight.raw_data.len()), (FLOAT16, 8));
        // Ten fraction bits of -1.2 x 2^-2: -1229 / 4096.
        assert_eq!(weight.values(), [1.0, -1229.0 / 4096.0, 65_504.0, 0.0]);

        let cast = &graph.node[0];
        assert_eq!(
            (cast.op_type.as_str(), &cast.input[..], &cast.output[..]),
            ("Cast", &["w".to_owned()][..], &["w.float".to_owned()][..])
        );
        for conv in &graph.node[1..] {
            assert_eq!(conv.input[1..], ["w.float", "b"]);
        }
        let once = graph.clone();
        halve(&mut graph).expect("nothing to convert");
        assert_eq!(graph, once);
    }

    #[test]
    fn rejects_a_weight_out_of_range_by_name() {
        assert!(matches!(halve(&mut graph(&[1.0, 65_520.0])), Err(ExportError::OutOfRange(name)) if name == "w"));
    }
}
