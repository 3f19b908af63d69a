"""Checks a model file with the onnx checker, and compares its output in octrls with onnxruntime's.

Usage: check_onnx.py MODEL LOGITS_PROGRAM
LOGITS_PROGRAM is the built example `logits` of the package `octrls`: `logits MODEL INPUT OUTPUT` runs the model on raw
little-endian f32 values.
"""

import pathlib
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime

MAX_DIFFERENCE = 1e-3

model_path, program = sys.argv[1:]
model = onnx.load(model_path)
onnx.checker.check_model(model, full_check=True)
properties = {p.key: p.value for p in model.metadata_props}
for key in ("name", "version", "classes", "input", "preprocessing", "intervals", "training_data", "weights_sha256"):
    assert properties.get(f"octrls.{key}"), f"the model does not state octrls.{key}"
assert model.opset_import[0].version == 17, model.opset_import
assert not any(n.op_type in ("BatchNormalization", "Softmax") for n in model.graph.node)

session = onnxruntime.InferenceSession(model_path, providers=["CPUExecutionProvider"])
shape = session.get_inputs()[0].shape
x = np.random.default_rng(1).standard_normal(shape, dtype=np.float32)
outputs = session.run(None, {session.get_inputs()[0].name: x})
# Scores of the layers and, if the model has them, of the lesions.
expected = np.concatenate(outputs, axis=1)

with tempfile.TemporaryDirectory() as folder:
    source, target = pathlib.Path(folder, "input"), pathlib.Path(folder, "output")
    x.tofile(source)
    subprocess.run([program, model_path, source, target], check=True)
    actual = np.fromfile(target, dtype="<f4").reshape(expected.shape)

difference = float(np.abs(actual - expected).max())
layers = outputs[0].shape[1]
agreement = float((actual[:, :layers].argmax(1) == expected[:, :layers].argmax(1)).mean())
print(f"{model_path}: checked; octrls against onnxruntime: max abs difference {difference:.2e}, argmax {agreement:.6f}")
assert difference < MAX_DIFFERENCE and agreement > 0.9999
