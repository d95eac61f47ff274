#!/usr/bin/env python3
"""Computes the operations of paper.py by TensorFlow (the `tensorflow` package of PyPI, 2.x) and keeps what it says in
testdata/foreign/tensorflow.safetensors; make_fixtures.py checks paper.py against that file whenever it runs.

Run by hand: python3 reference/foreign/check_tensorflow.py testdata/foreign/tensorflow.safetensors"""
import sys
import numpy as np
import tensorflow as tf
import paper
import safetensors_file

def nhwc(f):
    return lambda x: np.transpose(f(np.transpose(x, (0, 2, 3, 1))).numpy(), (0, 3, 1, 2))

def main():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((2, 3, 6, 6)).astype(np.float32)
    w = rng.standard_normal((3, 3, 3, 4)).astype(np.float32)
    up = rng.standard_normal((3, 3, 4, 3)).astype(np.float32)
    out = dict(x=x, w=w, up=up)
    out['conv2d'] = nhwc(lambda x: tf.nn.conv2d(x, w, 1, 'SAME'))(x)
    down = paper.four_shifts(w).astype(np.float32)
    out['conv2d_down'] = nhwc(lambda x: tf.nn.conv2d(x, down, 2, 'SAME'))(x)
    shifted = paper.four_shifts(up).astype(np.float32)
    out['conv2d_transpose'] = nhwc(lambda x: tf.nn.conv2d_transpose(x, shifted, [2, 12, 12, 4], 2, 'SAME'))(x)
    for name, ours in (('conv2d', paper.conv2d(x, w)), ('conv2d_down', paper.conv2d(x, down, 2)),
                       ('conv2d_transpose', paper.conv2d_transpose(x, shifted))):
        print(f'{name}: largest difference {np.abs(ours - out[name]).max():.2e}')
        assert np.abs(ours - out[name]).max() < 1e-4, name
    safetensors_file.save(sys.argv[1], out, {'made_by': f'tensorflow {tf.__version__}'})

main()
