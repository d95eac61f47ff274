"""What the pack's nets went through between the runs that made them (see their recipes).

    python reference/pack_weights.py colour OLD NEW           an attribute net of luminance only gets colours, of which it makes nothing yet
    python reference/pack_weights.py mean NEW RUN...          the mean of the weights of several runs
    python reference/pack_weights.py tables OLD OTHER NEW     the inverter OLD with OTHER's tables of quantiles of age and gender: for a
                                                              new attribute net that OTHER was taught with

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


# Age and gender in a vector of features (`mirror::features::Group::range`), and how many features there are.
AGE, GENDER, FEATURES = 139, 140, 155


def tables(old, other, new):
    weights, metadata = read(old)
    theirs, _ = read(other)
    order = metadata["order"].split()
    for table in ("quantiles/samples", "quantiles/visitors"):
        for name, row in (("age", AGE), ("gender", GENDER)):
            for place in (row, FEATURES + order.index(name)):
                weights[table][place] = theirs[table][row]
    save(new, weights, metadata)


if __name__ == "__main__":
    commands = {"colour": (colour, range(2, 3)), "mean": (mean, range(2, 100)), "tables": (tables, range(3, 4))}
    command, counts = commands.get(sys.argv[1] if len(sys.argv) > 1 else "", (None, ()))
    if len(sys.argv) - 2 not in counts:
        sys.exit(__doc__)
    command(*sys.argv[2:])
