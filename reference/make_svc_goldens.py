#!/usr/bin/env python3
"""Writes testdata/nu_svc.json: decisions of scikit-learn's NuSVC (LIBSVM) on small problems.

Needs numpy and scikit-learn. Samples are scaled to unit norm, gamma is one over the number of features, one machine
a pair of classes; "decisions" are those of all pairs for the samples that are not learned from, in LIBSVM's order. The
classes overlap less than nu allows: otherwise the margin is 0, and what is left of the decisions is where the solver stopped. And nu times half the samples
is no whole number: otherwise all may lie at a bound, and LIBSVM takes its offset from rounding errors.
"""
import json
from pathlib import Path

import numpy as np
from sklearn.svm import NuSVC

rng = np.random.default_rng(1)
cases = []
for features, counts, nu, spread in ((2, (30, 12, 50), 0.21, 0.12), (5, (20, 9, 33, 17, 40), 0.17, 0.25), (8, (15, 16, 17), 0.37, 0.6)):
    labels = np.repeat(np.arange(len(counts)), counts)
    centres = rng.normal(size=(len(counts), features))
    x = (centres[labels] + spread * rng.normal(size=(len(labels), features))).astype('<f4') * 20
    x[3] = 0                                               # a face that does not move
    order = rng.permutation(len(labels))
    x, labels = x[order], labels[order]
    learn = rng.random(len(labels)) < 0.6
    norm = np.linalg.norm(x.astype(float), axis=1, keepdims=True)
    unit = np.divide(x, norm, out=np.zeros(x.shape), where=norm > 0)
    machine = NuSVC(nu=nu, gamma=1 / features, tol=1e-7, decision_function_shape='ovo').fit(unit[learn], labels[learn])
    decisions = machine.decision_function(unit[~learn])
    cases.append(dict(nu=nu, labels=labels.tolist(), learn=learn.tolist(), values=x.T.tolist(),
                      decisions=[[round(float(v), 6) for v in row] for row in decisions]))
path = Path(__file__).resolve().parent.parent / 'testdata/nu_svc.json'
path.write_text(json.dumps(dict(cases=cases)) + '\n')
