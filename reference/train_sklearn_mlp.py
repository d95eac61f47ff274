#!/usr/bin/env python3
"""The original artwork's inverter, taught on our pairs: scikit-learn's MLPRegressor with two hidden layers of 256, from features
to the latent, by partial_fit in chunks of 500 with ten passes each, as the original did.

    python3 reference/train_sklearn_mlp.py runs/inverter/pairs.safetensors original.safetensors
    narcissus evaluate inverter --pairs runs/inverter/pairs.safetensors --original original.safetensors

Needs numpy, scikit-learn and safetensors. Every tenth pair is left out, as `evaluate inverter` does for the other models. The
features are standardised (the original took raw pixels, which is worse); the file folds that into the first layer.
"""
import sys

import numpy as np
from safetensors.numpy import load_file, save_file
from sklearn.neural_network import MLPRegressor

CHUNK, PASSES = 500, 10


def main(pairs_path, out_path):
    pairs = load_file(pairs_path)
    quality = pairs["quality"]
    features = pairs["features"].reshape(len(quality), -1)
    latents = pairs["latents"].reshape(len(quality), -1)
    learn = (quality > 0) & (np.arange(len(quality)) % 10 != 0)
    held = (quality > 0) & ~learn
    mean, scale = features[learn].mean(0), features[learn].std(0) + 1e-6
    x = (features - mean) / scale
    model = MLPRegressor(hidden_layer_sizes=(256, 256), random_state=1)
    rows = np.flatnonzero(learn)
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        for _ in range(PASSES):
            model.partial_fit(x[chunk], latents[chunk])
    error = ((model.predict(x[held]) - latents[held]) ** 2).mean()
    print(f"{len(rows)} pairs; held out: explains {100 * (1 - error / latents[held].var()):.1f} % of the latents")
    tensors = {}
    for i, (weight, bias) in enumerate(zip(model.coefs_, model.intercepts_)):
        weight = weight.T.astype(np.float64)
        if i == 0:
            weight = weight / scale
            bias = bias - weight @ mean
        tensors[f"{i}/weight"] = np.ascontiguousarray(weight, dtype=np.float32)
        tensors[f"{i}/bias"] = np.asarray(bias, dtype=np.float32)
    save_file(tensors, out_path)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
