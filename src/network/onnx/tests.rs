use std::collections::HashSet;

use prost::Message;
use tract_core::internal::Approximation;

use super::{
    proto::{AttributeProto, GraphProto, INT64, OperatorSetIdProto, TensorProto, ValueInfoProto},
    *,
};

const SIZE: InputSize = InputSize { width: 18, height: 12 };
const CHANNELS: usize = 4;

fn int(name: &str, i: i64) -> AttributeProto {
    AttributeProto::int(name, i)
}

fn ints(name: &str, ints: &[i64]) -> AttributeProto {
    AttributeProto::ints(name, ints)
}

fn float(name: &str, f: f32) -> AttributeProto {
    AttributeProto::float(name, f)
}

fn text(name: &str, s: &str) -> AttributeProto {
    AttributeProto::text(name, s)
}

fn node(op: &str, input: &[&str], output: &str, attribute: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        op_type: op.to_owned(),
        input: input.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        attribute,
        ..NodeProto::default()
    }
}

fn tensor(name: &str, dims: &[usize], values: &[f32]) -> TensorProto {
    TensorProto::new(name, dims, values)
}

fn whole(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        data_type: INT64,
        raw_data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        ..tensor(name, &[values.len()], &[])
    }
}

fn sines(dims: &[usize]) -> Vec<f32> {
    let count = dims.iter().product::<usize>();
    (0..count).map(|i| (i as f32 * 0.71 + 0.3).sin()).collect()
}

/// Numbers of both signs that do not repeat.
fn wave(name: &str, dims: &[usize]) -> TensorProto {
    tensor(name, dims, &sines(dims))
}

/// The same as 16-bit floats.
fn half(name: &str, dims: &[usize]) -> TensorProto {
    TensorProto::narrowed(name, dims, &sines(dims)).expect("numbers in range")
}

/// A model whose `nodes` compute `y` from `x`, an image of four channels with values of both signs.
fn model(opset: i64, nodes: Vec<NodeProto>, mut initializer: Vec<TensorProto>) -> ModelProto {
    initializer.push(wave("lift", &[CHANNELS, 1, 3, 3]));
    let lift = node("Conv", &["image", "lift"], "x", vec![ints("pads", &[1; 4]), ints("kernel_shape", &[3, 3])]);
    let graph = GraphProto {
        node: std::iter::once(lift).chain(nodes).collect(),
        initializer,
        input: vec![ValueInfoProto::new("image", &[1, 1, SIZE.height, SIZE.width])],
        output: vec![ValueInfoProto { name: "y".to_owned(), ..ValueInfoProto::default() }],
        ..GraphProto::default()
    };
    let opset = OperatorSetIdProto { version: opset, ..OperatorSetIdProto::default() };
    ModelProto { ir_version: 8, opset_import: vec![opset], graph: Some(graph), ..ModelProto::default() }
}

fn run(model: TypedModel) -> TValue {
    let pixels: Vec<f32> = (0..SIZE.width * SIZE.height).map(|i| (i as f32 * 0.37).sin()).collect();
    let input = Tensor::from_shape(&[1, 1, SIZE.height, SIZE.width], &pixels).expect("a tensor");
    let plan = model.into_decluttered().and_then(TypedModel::into_optimized).and_then(TypedModel::into_runnable);
    plan.and_then(|plan| plan.run(tvec!(input.into()))).expect("an output").remove(0)
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn every_operator_gives_what_tracts_reader_makes_of_it() {
    let one = |op: &str, attributes| vec![node(op, &["x"], "y", attributes)];
    let two = |op: &str| vec![node(op, &["x", "b"], "y", vec![])];
    let window = |side: i64, stride: i64| vec![ints("kernel_shape", &[side; 2]), ints("strides", &[stride; 2])];
    let with = |mut attributes: Vec<AttributeProto>, more: Vec<AttributeProto>| {
        attributes.extend(more);
        attributes
    };
    let side = || vec![wave("b", &[CHANNELS, 1, 1])];
    let resize = |mode, transform, nearest| {
        let how =
            vec![text("mode", mode), text("coordinate_transformation_mode", transform), text("nearest_mode", nearest)];
        vec![node("Resize", &["x", "", "b"], "y", how)]
    };
    let twice = || vec![tensor("b", &[4], &[1.0, 1.0, 2.0, 2.0])];
    let norm: Vec<_> = ["b", "c", "d"].map(|name| wave(name, &[CHANNELS])).into();
    let variance = || tensor("e", &[CHANNELS], &[0.5, 1.0, 1.5, 2.0]);
    let cases = [
        (13, two("Add"), side()),
        (13, two("Sub"), vec![wave("b", &[1, CHANNELS, SIZE.height, SIZE.width])]),
        (13, two("Mul"), vec![wave("b", &[])]),
        (13, two("Div"), side()),
        (13, one("AveragePool", with(window(3, 2), vec![ints("pads", &[1; 4]), int("count_include_pad", 1)])), vec![]),
        (13, one("AveragePool", with(window(3, 2), vec![int("ceil_mode", 1), ints("pads", &[0; 4])])), vec![]),
        (13, one("MaxPool", window(2, 2)), vec![]),
        (13, one("MaxPool", with(window(3, 2), vec![ints("pads", &[1, 0, 1, 0]), int("ceil_mode", 1)])), vec![]),
        (
            13,
            vec![node("BatchNormalization", &["x", "b", "c", "d", "e"], "y", vec![float("epsilon", 0.01)])],
            [norm.clone(), vec![variance()]].concat(),
        ),
        (13, vec![node("InstanceNormalization", &["x", "b", "c"], "y", vec![])], norm.clone()),
        (
            13,
            vec![node("Cast", &["b"], "w", vec![int("to", 1)]), node("Conv", &["x", "w"], "y", vec![])],
            vec![half("b", &[2, 4, 3, 3])],
        ),
        (
            13,
            vec![node("Cast", &["x"], "w", vec![int("to", 11)]), node("Cast", &["w"], "y", vec![int("to", 1)])],
            vec![],
        ),
        (10, one("Clip", vec![float("min", -0.2), float("max", 0.3)]), vec![]),
        (13, vec![node("Clip", &["x", "", "b"], "y", vec![])], vec![tensor("b", &[], &[0.25])]),
        (13, vec![node("Concat", &["x", "x"], "y", vec![int("axis", -3)])], vec![]),
        (
            13,
            vec![node("Constant", &[], "b", vec![float("value_float", 0.7)]), node("Mul", &["b", "x"], "y", vec![])],
            vec![],
        ),
        (
            13,
            vec![node("Conv", &["x", "b", "c"], "y", vec![int("group", 2), ints("dilations", &[2, 1])])],
            vec![wave("b", &[6, 2, 3, 3]), wave("c", &[6])],
        ),
        (
            13,
            vec![node("Conv", &["x", "b"], "y", vec![text("auto_pad", "SAME_UPPER"), ints("strides", &[2, 2])])],
            vec![wave("b", &[1, 4, 3, 3])],
        ),
        (
            13,
            vec![node("ConvTranspose", &["x", "b", "c"], "y", vec![ints("strides", &[2, 2])])],
            vec![wave("b", &[4, 3, 2, 2]), wave("c", &[3])],
        ),
        (
            13,
            vec![node(
                "ConvTranspose",
                &["x", "b"],
                "y",
                vec![int("group", 2), ints("strides", &[2, 2]), ints("pads", &[1; 4]), ints("output_padding", &[1, 1])],
            )],
            vec![wave("b", &[4, 3, 3, 3])],
        ),
        (13, one("Dropout", vec![]), vec![]),
        (13, one("Identity", vec![]), vec![]),
        (14, one("HardSwish", vec![]), vec![]),
        (13, one("LeakyRelu", vec![float("alpha", 0.2)]), vec![]),
        (13, one("Relu", vec![]), vec![]),
        (13, one("Sigmoid", vec![]), vec![]),
        (13, one("Tanh", vec![]), vec![]),
        (13, one("Softmax", vec![int("axis", 1)]), vec![]),
        (11, one("Softmax", vec![int("axis", 1)]), vec![]),
        (
            13,
            vec![node("Pad", &["x", "b", "c"], "y", vec![])],
            vec![whole("b", &[0, 0, 1, 2, 0, 0, 0, 3]), tensor("c", &[], &[0.5])],
        ),
        (
            13,
            vec![node("Pad", &["x", "b"], "y", vec![text("mode", "reflect")])],
            vec![whole("b", &[0, 0, 1, 2, 0, 0, 0, 3])],
        ),
        (
            18,
            vec![node("Pad", &["x", "b", "", "c"], "y", vec![text("mode", "edge")])],
            vec![whole("b", &[1, 2, 3, 4]), whole("c", &[-1, 2])],
        ),
        (13, resize("nearest", "asymmetric", "floor"), twice()),
        (13, resize("linear", "half_pixel", "round_prefer_floor"), twice()),
        (
            13,
            vec![node("Resize", &["x", "", "", "b"], "y", vec![text("mode", "linear")])],
            vec![whole("b", &[1, 4, 20, 30])],
        ),
        (13, resize("nearest", "half_pixel", "round_prefer_floor"), vec![tensor("b", &[4], &[1.0, 1.0, 1.5, 0.6])]),
        (13, resize("nearest", "align_corners", "ceil"), vec![tensor("b", &[4], &[1.0, 1.0, 3.0, 2.5])]),
        (13, resize("nearest", "pytorch_half_pixel", "round_prefer_ceil"), twice()),
        (13, resize("cubic", "half_pixel_symmetric", "floor"), vec![tensor("b", &[4], &[1.0, 1.0, 2.0, 0.7])]),
        (
            18,
            vec![node(
                "Resize",
                &["x", "", "b"],
                "y",
                vec![text("mode", "linear"), int("antialias", 1), int("exclude_outside", 1), ints("axes", &[-2, 3])],
            )],
            vec![tensor("b", &[2], &[0.5, 0.4])],
        ),
        (
            18,
            vec![node(
                "Resize",
                &["x", "", "", "b"],
                "y",
                vec![text("keep_aspect_ratio_policy", "not_larger"), text("mode", "linear"), ints("axes", &[2, 3])],
            )],
            vec![whole("b", &[24, 24])],
        ),
        (
            13,
            vec![node(
                "Resize",
                &["x", "c", "", "b"],
                "y",
                vec![
                    text("mode", "linear"),
                    text("coordinate_transformation_mode", "tf_crop_and_resize"),
                    float("extrapolation_value", 0.7),
                ],
            )],
            vec![whole("b", &[1, 4, 10, 16]), tensor("c", &[8], &[0.0, 0.0, 0.1, -0.2, 1.0, 1.0, 0.9, 0.8])],
        ),
        (11, vec![node("Resize", &["x", "c", "b"], "y", vec![])], [twice(), vec![tensor("c", &[0], &[])]].concat()),
    ];
    let mut seen = HashSet::new();
    for (number, (opset, nodes, initializer)) in cases.into_iter().enumerate() {
        seen.extend(nodes.iter().map(|node| node.op_type.clone()));
        let proto = model(opset, nodes, initializer);
        let what = format!("case {number}, {seen:?}");
        assert!(foreign(&proto).is_none(), "{what}");
        let ours = run(read(&proto, SIZE).unwrap_or_else(|e| panic!("{what}: {e:#}")));
        let expected = run(by_tract(&proto.encode_to_vec(), SIZE).unwrap_or_else(|e| panic!("{what}: {e:#}")));
        ours.close_enough(&expected, Approximation::Approximate).unwrap_or_else(|e| panic!("{what}: {e:#}"));
    }
    assert_eq!(seen, OPERATORS.map(str::to_owned).into(), "every operator is in a case");
}

#[test]
fn a_foreign_operator_is_named_with_a_code_of_its_own() {
    let proto = model(13, vec![node("Einsum", &["x"], "y", vec![text("equation", "nchw->nchw")])], vec![]);
    let read = graph(&proto.encode_to_vec(), &proto, SIZE);
    if cfg!(feature = "every-operator") {
        assert!(read.is_ok());
    } else {
        let error = read.expect_err("an operator that is not among ours");
        assert_eq!(error.code(), "E-MODEL-OPERATOR");
        assert!(error.to_string().contains("node y uses operator Einsum"), "{error}");
    }
}

#[test]
fn what_does_not_fit_is_an_error_and_no_panic() {
    let conv = |attributes| vec![node("Conv", &["x", "b", "c"], "y", attributes)];
    let broken = [
        (vec![node("Relu", &["z"], "y", vec![])], vec![]),
        (vec![node("Relu", &[], "y", vec![])], vec![]),
        (conv(vec![]), vec![wave("b", &[4, 3, 3, 3]), wave("c", &[4])]),
        (conv(vec![]), vec![wave("b", &[4, 4, 3, 3]), wave("c", &[3])]),
        (conv(vec![]), vec![wave("b", &[]), wave("c", &[3])]),
        (conv(vec![int("group", 0)]), vec![wave("b", &[4, 4, 3, 3]), wave("c", &[4])]),
        (conv(vec![ints("pads", &[1, 1])]), vec![wave("b", &[4, 4, 3, 3]), wave("c", &[4])]),
        (vec![node("ConvTranspose", &["x", "x"], "y", vec![])], vec![]),
        (vec![node("Concat", &["x", "x"], "y", vec![int("axis", 7)])], vec![]),
        (vec![node("Concat", &[], "y", vec![int("axis", 0)])], vec![]),
        (vec![node("Pad", &["x", "b"], "y", vec![])], vec![whole("b", &[-1, 0])]),
        (vec![node("MaxPool", &["x"], "y", vec![ints("kernel_shape", &[2])])], vec![]),
        (vec![node("BatchNormalization", &["x", "b", "b", "b", "b"], "y", vec![])], vec![wave("b", &[3])]),
        (vec![node("Softmax", &["x"], "y", vec![int("axis", -9)])], vec![]),
        (vec![node("Add", &["x", "b"], "y", vec![])], vec![wave("b", &[7, 5])]),
        (vec![node("Add", &["x", "x"], "w", vec![])], vec![]),
        (vec![node("Cast", &["x"], "y", vec![])], vec![]),
        (vec![node("Cast", &["x"], "y", vec![int("to", 99)])], vec![]),
        (vec![node("Resize", &["x"], "y", vec![])], vec![]),
        (vec![node("Resize", &["x", "", "b"], "y", vec![])], vec![tensor("b", &[4], &[1.0, 1.0, -2.0, 2.0])]),
        (vec![node("Resize", &["x", "", "b"], "y", vec![])], vec![tensor("b", &[4], &[1.0, 1.0, 1e9, 2.0])]),
        (vec![node("Resize", &["x", "", "", "b"], "y", vec![])], vec![whole("b", &[1, 4, 1 << 40, -1])]),
        (vec![node("Add", &["x", "b"], "y", vec![])], vec![tensor("b", &[1 << 40, 1 << 40], &[1.0])]),
        (vec![node("Add", &["x", "b"], "y", vec![])], vec![TensorProto { data_type: 16, ..tensor("b", &[1], &[1.0]) }]),
        (vec![node("Add", &["x", "b"], "y", vec![])], vec![TensorProto { data_location: 1, ..tensor("b", &[1], &[]) }]),
        (vec![node("Relu", &["x"], "y", vec![])], vec![TensorProto { raw_data: vec![0; 7], ..tensor("b", &[2], &[]) }]),
    ];
    for (number, (nodes, initializer)) in broken.into_iter().enumerate() {
        let error = graph(&[], &model(13, nodes, initializer), SIZE).expect_err(&format!("model {number} is broken"));
        assert_eq!(error.code(), "E-MODEL-LOAD", "model {number}: {error}");
    }
    assert_eq!(graph(&[], &ModelProto::default(), SIZE).expect_err("no graph").code(), "E-MODEL-LOAD");
}
