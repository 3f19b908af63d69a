//! Models of users: other operators, 16-bit weights, hostile files.

use std::collections::HashSet;

use prost::Message;
use tract_core::internal::tvec;

use super::*;
use crate::network::{
    Calibration, ModelMetadata, Network, Preprocessing,
    proto::{
        AttributeProto, GraphProto, INT64, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
        TensorProto, ValueInfoProto,
    },
};

const SIZE: InputSize = InputSize { width: 18, height: 16 };
/// Channels of the value `x` that the nodes of a test read.
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

fn integers(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        data_type: INT64,
        raw_data: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        ..tensor(name, &[values.len()], &[])
    }
}

fn sines(dims: &[usize]) -> Vec<f32> {
    (0..dims.iter().product::<usize>()).map(|i| (i as f32 * 0.71 + 0.3).sin()).collect()
}

/// Numbers of both signs that do not repeat.
fn wave(name: &str, dims: &[usize]) -> TensorProto {
    tensor(name, dims, &sines(dims))
}

/// The same in 16 bits each.
fn half_wave(name: &str, dims: &[usize]) -> TensorProto {
    TensorProto::narrowed(name, dims, &sines(dims)).expect("numbers in range")
}

/// A model whose `nodes` make `y`, of four channels and the size of the image, from `x` of the same shape. The scores
/// are a 1 x 1 convolution of `y`.
fn model(opset: i64, nodes: Vec<NodeProto>, mut initializer: Vec<TensorProto>) -> ModelProto {
    initializer.extend([wave("lift", &[CHANNELS, 1, 3, 3]), wave("scores.w", &[CLASSES, CHANNELS, 1, 1])]);
    let lift = node("Conv", &["image", "lift"], "x", vec![ints("pads", &[1; 4]), ints("kernel_shape", &[3, 3])]);
    let scores = node("Conv", &["y", "scores.w"], "scores", vec![ints("kernel_shape", &[1, 1])]);
    let graph = GraphProto {
        node: std::iter::once(lift).chain(nodes).chain([scores]).collect(),
        initializer,
        input: vec![ValueInfoProto::new("image", &[1, 1, SIZE.height, SIZE.width])],
        output: vec![ValueInfoProto { name: "scores".to_owned(), ..ValueInfoProto::default() }],
        ..GraphProto::default()
    };
    let metadata = ModelMetadata {
        name: "test".to_owned(),
        version: "1".to_owned(),
        input: SIZE,
        preprocessing: Preprocessing::FitCentreStandardise,
        calibration: Calibration::default(),
        ez_shift: 0.0,
        training_data: String::new(),
        weights_sha256: String::new(),
    };
    let property = |(key, value): (&str, String)| StringStringEntryProto { key: key.to_owned(), value };
    ModelProto {
        ir_version: 8,
        opset_import: vec![OperatorSetIdProto { version: opset, ..OperatorSetIdProto::default() }],
        graph: Some(graph),
        metadata_props: metadata.to_properties().into_iter().map(property).collect(),
        ..ModelProto::default()
    }
}

fn pixels() -> Vec<f32> {
    (0..SIZE.width * SIZE.height).map(|i| (i as f32 * 0.37).sin()).collect()
}

/// Output of tract's own plan.
fn run_with_tract(file: &[u8]) -> Vec<f32> {
    let input = Tensor::from_shape(&[1, 1, SIZE.height, SIZE.width], &pixels()).expect("a tensor");
    let plan = graph(file, SIZE).and_then(optimized).expect("a plan");
    let output = plan.run(tvec!(input.into())).expect("an output");
    output[0].view().as_slice::<f32>().expect("floats").to_vec()
}

#[track_caller]
fn assert_close(found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(1.0_f32, |most, e| most.max(e.abs()));
    for (f, e) in found.iter().zip(expected) {
        assert!((f - e).abs() <= 1e-4 * scale, "{f} instead of {e}, of up to {scale}");
    }
}

#[test]
fn models_with_other_operators_run() {
    let one = |op: &str, attributes| vec![node(op, &["x"], "y", attributes)];
    let two = |op: &str| vec![node(op, &["x", "b"], "y", vec![])];
    let per_channel = || vec![wave("b", &[CHANNELS, 1, 1])];
    let norm: Vec<_> = ["b", "c", "d"].map(|name| wave(name, &[CHANNELS])).into();
    let variance = || tensor("e", &[CHANNELS], &[0.5, 1.0, 1.5, 2.0]);
    let resize = |mode| {
        let twice = vec![node("Resize", &["x", "", "b"], "large", vec![text("mode", mode)])];
        let pool = node("AveragePool", &["large"], "y", vec![ints("kernel_shape", &[2; 2]), ints("strides", &[2; 2])]);
        [twice, vec![pool]].concat()
    };
    let twice = || vec![tensor("b", &[4], &[1.0, 1.0, 2.0, 2.0])];
    let window = vec![ints("kernel_shape", &[3; 2]), ints("pads", &[1; 4])];
    let cases = [
        (13, two("Add"), per_channel()),
        (13, two("Sub"), vec![wave("b", &[1, CHANNELS, SIZE.height, SIZE.width])]),
        (13, two("Mul"), vec![wave("b", &[])]),
        (13, two("Div"), per_channel()),
        (13, one("AveragePool", window.clone()), vec![]),
        (13, one("MaxPool", window), vec![]),
        (
            13,
            vec![node("BatchNormalization", &["x", "b", "c", "d", "e"], "y", vec![float("epsilon", 0.01)])],
            [norm.clone(), vec![variance()]].concat(),
        ),
        (13, vec![node("InstanceNormalization", &["x", "b", "c"], "y", vec![])], norm),
        (
            13,
            vec![node("Cast", &["x"], "w", vec![int("to", 11)]), node("Cast", &["w"], "y", vec![int("to", 1)])],
            vec![],
        ),
        (10, one("Clip", vec![float("min", -0.2), float("max", 0.3)]), vec![]),
        (13, vec![node("Clip", &["x", "", "b"], "y", vec![])], vec![tensor("b", &[], &[0.25])]),
        (
            13,
            vec![node("Constant", &[], "b", vec![float("value_float", 0.7)]), node("Mul", &["b", "x"], "y", vec![])],
            vec![],
        ),
        (
            13,
            vec![node(
                "Conv",
                &["x", "b", "c"],
                "y",
                vec![int("group", 2), ints("dilations", &[2, 1]), ints("pads", &[2, 1, 2, 1])],
            )],
            vec![wave("b", &[4, 2, 3, 3]), wave("c", &[4])],
        ),
        (
            13,
            vec![
                node("Conv", &["x", "b"], "half", vec![text("auto_pad", "SAME_UPPER"), ints("strides", &[2, 2])]),
                node("ConvTranspose", &["half", "c"], "y", vec![ints("strides", &[2, 2])]),
            ],
            vec![wave("b", &[3, 4, 3, 3]), wave("c", &[3, 4, 2, 2])],
        ),
        (
            13,
            vec![node("Concat", &["x", "x"], "w", vec![int("axis", -3)]), node("Conv", &["w", "b"], "y", vec![])],
            vec![wave("b", &[4, 8, 1, 1])],
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
            vec![
                node("Pad", &["x", "b", "c"], "w", vec![]),
                node("Conv", &["w", "d"], "y", vec![ints("kernel_shape", &[3, 3])]),
            ],
            vec![integers("b", &[0, 0, 1, 1, 0, 0, 1, 1]), tensor("c", &[], &[0.5]), wave("d", &[4, 4, 3, 3])],
        ),
        (13, resize("nearest"), twice()),
        (13, resize("linear"), twice()),
        (13, vec![node("Einsum", &["x"], "y", vec![text("equation", "nchw->nchw")])], vec![]),
    ];
    let mut seen = HashSet::new();
    for (number, (opset, nodes, initializer)) in cases.into_iter().enumerate() {
        let operators: Vec<_> = nodes.iter().map(|node| node.op_type.clone()).collect();
        let file = model(opset, nodes, initializer).encode_to_vec();
        let network = Network::from_bytes(&file).unwrap_or_else(|e| panic!("case {number}, {operators:?}: {e}"));
        assert!(!network.is_accelerated(), "case {number}, {operators:?}");
        let scores = network.run_input(&pixels()).unwrap_or_else(|e| panic!("case {number}, {operators:?}: {e}"));
        assert!(scores.values().iter().all(|v| v.is_finite()), "case {number}, {operators:?}");
        seen.extend(operators);
    }
    assert!(seen.len() > 20, "{seen:?}");
}

#[test]
fn weights_of_16_bits_give_the_same_scores_as_their_values_in_32() {
    let conv = |weights: &str| node("Conv", &["x", weights], "y", vec![ints("pads", &[1; 4])]);
    let narrow = half_wave("b", &[4, 4, 3, 3]);
    let values: Vec<f32> = narrow.values();
    let cast = vec![node("Cast", &["b"], "w", vec![int("to", 1)]), conv("w")];
    let narrow = model(13, cast, vec![narrow]).encode_to_vec();
    let wide = model(13, vec![conv("b")], vec![tensor("b", &[4, 4, 3, 3], &values)]).encode_to_vec();
    assert_close(&run_with_tract(&narrow), &run_with_tract(&wide));
}

/// A network that our operators cover: 8 channels, 3 x 3 convolutions with ReLU, one level down and up again. With
/// `bias`, each convolution adds one.
fn unet(bias: bool) -> ModelProto {
    let mut initializer = vec![
        wave("w1", &[8, 1, 3, 3]),
        wave("w2", &[8, 8, 3, 3]),
        wave("w6", &[8, 8, 3, 3]),
        wave("w3", &[8, 8, 2, 2]),
        wave("w4", &[8, 16, 3, 3]),
        wave("w5", &[CLASSES, 8, 1, 1]),
    ];
    if bias {
        initializer.extend([1, 2, 3, 4, 6].map(|i| wave(&format!("b{i}"), &[8])));
    }
    initializer.push(wave("b5", &[CLASSES]));
    let inputs = |from: &str, number: usize| {
        let bias = (bias || number == 5).then(|| format!("b{number}"));
        [Some(from.to_owned()), Some(format!("w{number}")), bias].into_iter().flatten().collect::<Vec<_>>()
    };
    let layer = |op: &str, from: &str, number, to: &str, attribute| NodeProto {
        input: inputs(from, number),
        ..node(op, &[], to, attribute)
    };
    let pads = || vec![ints("pads", &[1; 4]), ints("kernel_shape", &[3, 3])];
    let halves = || vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])];
    let nodes = vec![
        layer("Conv", "image", 1, "c1", pads()),
        node("Relu", &["c1"], "r1", vec![]),
        layer("Conv", "r1", 6, "c6", pads()),
        node("Relu", &["c6"], "r6", vec![]),
        node("MaxPool", &["r6"], "p1", halves()),
        layer("Conv", "p1", 2, "c2", pads()),
        node("Relu", &["c2"], "r2", vec![]),
        layer("ConvTranspose", "r2", 3, "u", halves()),
        node("Concat", &["r6", "u"], "j", vec![int("axis", 1)]),
        layer("Conv", "j", 4, "c4", pads()),
        node("Relu", &["c4"], "r4", vec![]),
        layer("Conv", "r4", 5, "scores", vec![ints("kernel_shape", &[1, 1])]),
    ];
    let mut model = model(13, vec![node("Identity", &["x"], "y", vec![])], vec![]);
    let graph = model.graph.as_mut().expect("a graph");
    (graph.node, graph.initializer) = (nodes, initializer);
    model
}

#[test]
fn our_operators_cover_convolutions_with_and_without_bias() {
    for bias in [true, false] {
        let file = unet(bias).encode_to_vec();
        let network = Network::from_bytes(&file).expect("a model");
        assert!(network.is_accelerated() || fearless_simd::Level::new().is_fallback(), "bias: {bias}");
        let scores = network.run_input(&pixels()).expect("scores");
        assert_close(scores.values(), &run_with_tract(&file));
    }
}

#[track_caller]
fn assert_refused(what: &str, file: &[u8]) {
    let error = Network::from_bytes(file).err().unwrap_or_else(|| panic!("{what} loads"));
    assert_eq!(error.code().as_str(), "E-MODEL-LOAD", "{what}: {error}");
}

#[test]
fn models_that_contradict_themselves_are_refused() {
    let conv = |attributes| vec![node("Conv", &["x", "b", "c"], "y", attributes)];
    let add = || vec![node("Add", &["x", "b"], "y", vec![])];
    let broken = [
        (vec![node("Relu", &["z"], "y", vec![])], vec![]),
        (vec![node("Relu", &[], "y", vec![])], vec![]),
        (vec![node("NoSuchOperator", &["x"], "y", vec![])], vec![]),
        (conv(vec![]), vec![wave("b", &[4, 3, 3, 3]), wave("c", &[4])]),
        (conv(vec![]), vec![wave("b", &[4, 4, 3, 3]), wave("c", &[3])]),
        (conv(vec![]), vec![wave("b", &[]), wave("c", &[3])]),
        (conv(vec![int("group", 0)]), vec![wave("b", &[4, 4, 3, 3]), wave("c", &[4])]),
        (conv(vec![int("group", 3)]), vec![wave("b", &[4, 4, 3, 3]), wave("c", &[4])]),
        (conv(vec![ints("pads", &[1, 1])]), vec![wave("b", &[4, 4, 3, 3]), wave("c", &[4])]),
        (conv(vec![ints("strides", &[0, 0])]), vec![wave("b", &[4, 4, 3, 3]), wave("c", &[4])]),
        (vec![node("ConvTranspose", &["x", "x"], "y", vec![])], vec![]),
        (vec![node("Concat", &["x", "x"], "y", vec![int("axis", 7)])], vec![]),
        (vec![node("Concat", &[], "y", vec![int("axis", 0)])], vec![]),
        (vec![node("Pad", &["x", "b"], "y", vec![])], vec![integers("b", &[-1, 0])]),
        (vec![node("MaxPool", &["x"], "y", vec![ints("kernel_shape", &[2])])], vec![]),
        (vec![node("BatchNormalization", &["x", "b", "b", "b", "b"], "y", vec![])], vec![wave("b", &[3])]),
        (add(), vec![wave("b", &[7, 5])]),
        (vec![node("Add", &["x", "x"], "w", vec![])], vec![]),
        (vec![node("Cast", &["x"], "y", vec![])], vec![]),
        (vec![node("Cast", &["x"], "y", vec![int("to", 99)])], vec![]),
        (vec![node("Resize", &["x"], "y", vec![])], vec![]),
        (vec![node("Resize", &["x", "", "b"], "y", vec![])], vec![tensor("b", &[4], &[1.0, 1.0, -2.0, 2.0])]),
        (vec![node("Resize", &["x", "", "b"], "y", vec![])], vec![tensor("b", &[4], &[1.0, 1.0, 1e9, 2.0])]),
        (vec![node("Resize", &["x", "", "", "b"], "y", vec![])], vec![integers("b", &[1, 4, 1 << 40, -1])]),
        (add(), vec![tensor("b", &[1 << 40, 1 << 40], &[1.0])]),
        (add(), vec![tensor("b", &[1 << 40], &[1.0])]),
        (add(), vec![tensor("b", &[1 << 40], &[])]),
        (
            [vec![node("ConstantOfShape", &["c"], "b", vec![])], add()].concat(),
            vec![integers("c", &[1 << 20, 1 << 20])],
        ),
        ([vec![node("Expand", &["x", "c"], "b", vec![])], add()].concat(), vec![integers("c", &[1 << 40, 4, 16, 18])]),
        ([vec![node("Tile", &["x", "c"], "b", vec![])], add()].concat(), vec![integers("c", &[1, 1 << 40, 1, 1])]),
        (
            [vec![node("Tile", &["d", "c"], "b", vec![])], add()].concat(),
            vec![integers("c", &[1 << 40]), wave("d", &[4])],
        ),
        (add(), vec![TensorProto { dims: vec![-4, 1, 1], ..wave("b", &[4]) }]),
        (add(), vec![TensorProto { data_type: 16, ..tensor("b", &[1], &[1.0]) }]),
        (add(), vec![TensorProto { data_location: 1, ..tensor("b", &[1], &[]) }]),
        (add(), vec![TensorProto { raw_data: vec![0; 7], ..tensor("b", &[2], &[]) }]),
    ];
    for (number, (nodes, initializer)) in broken.into_iter().enumerate() {
        assert_refused(&format!("model {number}"), &model(13, nodes, initializer).encode_to_vec());
    }
    let whole = model(13, vec![node("Identity", &["x"], "y", vec![])], vec![]);
    assert_refused("no graph", &ModelProto { graph: None, ..whole.clone() }.encode_to_vec());
    assert_refused("no nodes", &ModelProto { graph: Some(GraphProto::default()), ..whole }.encode_to_vec());
}

#[test]
fn truncated_and_altered_files_cause_no_panic() {
    let file = unet(true).encode_to_vec();
    for len in (0..file.len()).step_by(97) {
        // Metadata comes last, so some of these lack it.
        let error = Network::from_bytes(&file[..len]).err().unwrap_or_else(|| panic!("{len} bytes load"));
        assert!(["E-MODEL-LOAD", "E-MODEL-METADATA"].contains(&error.code().as_str()), "{len}: {error}");
    }
    let mut state = 1_u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as usize
    };
    for _ in 0..300 {
        let mut altered = file.clone();
        for _ in 0..3 {
            let at = random() % altered.len();
            altered[at] = random() as u8;
        }
        // A changed weight still loads; anything else is an error.
        let _ = Network::from_bytes(&altered);
    }
}
