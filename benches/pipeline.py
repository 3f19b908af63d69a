"""A straight Python pipeline, for comparison: scan files to boundaries, thickness and pictures with OpenCV, NumPy and
onnxruntime, as one would write it in an afternoon.

Usage: pipeline.py MODEL THREADS OUT SCAN...
MODEL is an ONNX file, or `keras` for a Keras model of the seed's design with random weights, which takes TensorFlow.

For each scan a folder with mask.png, overlay.png, boundaries.csv, thickness.csv and result.json. A boundary is where the most
probable class of an A-scan first reaches its layer; no confidence, no verdict, no report.
"""

import csv
import json
import pathlib
import sys
import time

import cv2
import numpy as np

LAYERS = ["NFL", "GCL+IPL", "INL", "OPL", "ONL", "EZ", "RPE", "Choroid"]
COLOURS = np.array([[0, 0, 255], [0, 128, 255], [0, 255, 255], [0, 255, 0], [255, 255, 0], [255, 128, 0], [255, 0, 0],
                    [255, 0, 128], [128, 0, 255]], np.uint8)
SIDE = 640


def segment(scores_of, path, out):
    image = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
    scan = image.astype(np.float32) / 255
    height, width = min(scan.shape[0], SIDE), min(scan.shape[1], SIDE)
    placed = cv2.resize(scan, (width, height), interpolation=cv2.INTER_AREA)
    placed = (placed - placed.mean()) / placed.std()
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    x = np.zeros((1, 1, SIDE, SIDE), np.float32)
    x[0, 0, top:top + height, left:left + width] = placed
    scores = scores_of(x)[:, top:top + height, left:left + width]
    scores = np.exp(scores - scores.max(0))
    probabilities = scores / scores.sum(0)
    classes = probabilities.argmax(0).astype(np.uint8)
    mask = cv2.resize(classes, image.shape[::-1], interpolation=cv2.INTER_NEAREST)

    boundaries = np.full((9, mask.shape[1]), np.nan)
    for k in range(8):
        inside = mask == k + 1
        found = inside.any(0)
        boundaries[k, found] = inside.argmax(0)[found]
    inside = mask == 8
    found = inside.any(0)
    boundaries[8, found] = mask.shape[0] - inside[::-1].argmax(0)[found]
    thickness = np.diff(boundaries, axis=0)

    out.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(out / "mask.png"), mask)
    overlay = cv2.cvtColor(image, cv2.COLOR_GRAY2BGR)
    columns = np.arange(mask.shape[1])
    for k in range(9):
        seen = ~np.isnan(boundaries[k])
        line = np.stack([columns[seen], boundaries[k, seen]], 1).astype(np.int32)
        cv2.polylines(overlay, [line], False, COLOURS[k].tolist(), 1, cv2.LINE_AA)
    cv2.imwrite(str(out / "overlay.png"), overlay)
    for name, table in [("boundaries.csv", boundaries), ("thickness.csv", thickness)]:
        with open(out / name, "w", newline="") as file:
            csv.writer(file).writerows([f"{v:.2f}" for v in row] for row in table.T)
    means = {layer: round(float(np.nanmean(row)), 2) for layer, row in zip(LAYERS, thickness)}
    (out / "result.json").write_text(json.dumps({"scan": path, "mean_thickness_px": means}, indent=1))


def by_onnxruntime(model, threads):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(None, {session.get_inputs()[0].name: x})[0][0]


def by_keras(threads):
    import tensorflow

    tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
    layers = tensorflow.keras.layers

    def convolve(x, width):
        for _ in range(2):
            x = layers.Conv2D(width, 3, padding="same", activation="relu")(x)
        return x

    x = image = layers.Input((SIDE, SIDE, 1))
    skips = []
    for width in (16, 32, 64, 128):
        skips.append(convolve(x, width))
        x = layers.MaxPooling2D()(skips[-1])
    x = convolve(x, 256)
    for width, skip in zip((128, 64, 32, 16), reversed(skips)):
        x = layers.Conv2DTranspose(width, 2, strides=2, padding="same")(x)
        x = convolve(layers.concatenate([x, skip]), width)
    model = tensorflow.keras.Model(image, layers.Conv2D(len(LAYERS) + 1, 1)(x))
    return lambda x: model.predict(x.reshape(1, SIDE, SIDE, 1), verbose=0)[0].transpose(2, 0, 1)


def main():
    model, threads, out, *scans = sys.argv[1:]
    scores_of = by_keras(int(threads)) if model == "keras" else by_onnxruntime(model, int(threads))
    start = time.perf_counter()
    for scan in scans:
        segment(scores_of, scan, pathlib.Path(out, pathlib.Path(scan).name))
    print(f"{(time.perf_counter() - start) * 1e3 / len(scans):.2f}")


main()
