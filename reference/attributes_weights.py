"""Two things that the pack's attribute net went through between its runs of `narcissus train attributes` (see its recipe).

    python reference/attributes_weights.py colour OLD NEW      a net of luminance only gets colours, of which it makes nothing yet
    python reference/attributes_weights.py mean NEW RUN...     the mean of the weights of several runs

Needs numpy and safetensors.
"""

import sys

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file


def read(path):
    with safe_open(path, "np") as file:
        return {key: file.get_tensor(key).astype(np.float32) for key in file.keys()}, file.metadata()


def save(path, weights, metadata):
    save_file({key: np.ascontiguousarray(value, np.float16) for key, value in weights.items()}, path, metadata)


def colour(old, new):
    weights, metadata = read(old)
    first = weights["conv0/weight"]
    if first.shape[1] != 1:
        sys.exit(f"{old}: expected a net that sees one number a pixel, found {first.shape[1]}")
    weights["conv0/weight"] = np.concatenate([first, np.zeros_like(first), np.zeros_like(first)], axis=1)
    save(new, weights, metadata)


def mean(new, *runs):
    nets = [read(run) for run in runs]
    save(new, {key: np.mean([net[key] for net, _ in nets], axis=0) for key in nets[0][0]}, nets[0][1])


if __name__ == "__main__":
    commands = {"colour": (colour, 2), "mean": (mean, 2)}
    command, least = commands.get(sys.argv[1] if len(sys.argv) > 1 else "", (None, 0))
    if command is None or len(sys.argv) - 2 < least or (command is colour and len(sys.argv) != 4):
        sys.exit(__doc__)
    command(*sys.argv[2:])
