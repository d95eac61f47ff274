#!/usr/bin/env python3
"""Times `narcissus select --protocol paper` against scikit-learn's NuSVC, microseconds a candidate.

Both judge pairs of spatial features on the same 327 sequences of made-up faces, as unbalanced as CK+, with the same
share to learn from. scikit-learn judges fewer of them, in as many processes as there are cores. Needs numpy and scikit-learn.
"""
import argparse, json, os, subprocess, tempfile, time
from multiprocessing import Pool

import numpy as np
from sklearn.metrics import confusion_matrix
from sklearn.preprocessing import normalize
from sklearn.svm import NuSVC

COUNTS = dict(anger=45, contempt=18, disgust=59, fear=25, happy=69, sadness=28, surprise=83)


def sequences():
    rng = np.random.default_rng(1)
    labels = np.repeat(list(COUNTS), list(COUNTS.values()))
    mean = rng.uniform(-100, 100, (68, 2))
    moves = {label: 8 * rng.normal(size=(68, 2)) for label in COUNTS}
    neutral = mean + 5 * rng.normal(size=(len(labels), 68, 2))
    strength = rng.uniform(0.3, 1.3, (len(labels), 1, 1))
    expressive = neutral + strength * np.stack([moves[label] for label in labels]) + 3 * rng.normal(size=neutral.shape)
    return labels, neutral, expressive


def judge(job):
    (a, b), x, y, learn = job
    x = normalize(x[:, [a, b]])
    machine = NuSVC(nu=0.1, gamma=0.5).fit(x[learn], y[learn])
    confusion = confusion_matrix(y[~learn], machine.predict(x[~learn]))
    return (np.diag(confusion) / confusion.sum(axis=1)).mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--narcissus', default='target/release/narcissus')
    parser.add_argument('--ours', type=int, default=100_000, help='pairs that we judge')
    parser.add_argument('--theirs', type=int, default=1_000, help='pairs that scikit-learn judges')
    args = parser.parse_args()
    labels, neutral, expressive = sequences()
    with tempfile.TemporaryDirectory() as folder:
        table = os.path.join(folder, 'pairs.csv')
        with open(table, 'w') as out:
            for i, label in enumerate(labels):
                points = np.concatenate([neutral[i].ravel(), expressive[i].ravel()])
                out.write(f'{i},{label},' + ','.join(f'{v:.4f}' for v in points) + '\n')
        command = [args.narcissus, 'select', '--pairs', table, '--sample-pairs', str(args.ours), '--json']
        ours = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    microseconds = ours['seconds'] * 1e6 / ours['selection']['candidates']
    first, second = np.triu_indices(68, 1)
    spatial = lambda faces: (faces[:, first] - faces[:, second]).reshape(len(labels), -1)
    x, y = spatial(neutral) - spatial(expressive), np.unique(labels, return_inverse=True)[1]
    rng = np.random.default_rng(2)
    learn = np.zeros(len(y), bool)
    for c in range(7):
        members = rng.permutation(np.flatnonzero(y == c))
        learn[members[:round(0.6 * len(members))]] = True
    jobs = [(tuple(rng.choice(x.shape[1], 2, replace=False)), x, y, learn) for _ in range(args.theirs)]
    with Pool() as pool:
        pool.map(judge, jobs[:8], chunksize=1)
        began = time.perf_counter()
        pool.map(judge, jobs, chunksize=20)
        theirs = (time.perf_counter() - began) * 1e6 / len(jobs)
    pairs = x.shape[1] * (x.shape[1] - 1) // 2
    print(f'ours {microseconds:.0f} us a candidate, scikit-learn {theirs:.0f}: {theirs / microseconds:.0f} times; '
          f'all {pairs} pairs would take us {microseconds * pairs / 6e7:.0f} minutes, it {theirs * pairs / 3.6e9:.0f} hours')


if __name__ == '__main__':
    main()
