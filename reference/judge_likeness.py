#!/usr/bin/env python3
"""Whether reflections are nearer to their own viewers than to others', by a net that has no part in the mirror: dlib's face recognition
ResNet (public domain, trained on faces that we never saw).

    pip install dlib-bin face_recognition_models pillow numpy
    narcissus reflect data/eval/visitors --out out
    python3 reference/judge_likeness.py data/eval/visitors out

Prints the mean distance of viewers to their own and to others' reflections, the rank of the own one among all, and how often it is in
the nearest fifth. It only measures: nothing that it says is stored or learned from.
"""
import importlib.util
import pathlib
import sys

import dlib
import numpy as np
from PIL import Image

MODELS = pathlib.Path(importlib.util.find_spec("face_recognition_models").origin).parent / "models"
# Pictures are looked at in this size; a drawn face fills its picture, and gets a margin.
SIDE, MARGIN, CROPS = 512, 128, 4

detect = dlib.get_frontal_face_detector()
points = dlib.shape_predictor(str(MODELS / "shape_predictor_68_face_landmarks.dat"))
net = dlib.face_recognition_model_v1(str(MODELS / "dlib_face_recognition_resnet_model_v1.dat"))


def embed(path, margin):
    image = Image.open(path).convert("RGB")
    scale = SIDE / max(image.size)
    image = np.array(image.resize([round(s * scale) for s in image.size], Image.LANCZOS))
    if margin:
        image = np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
    faces = detect(image, 0) or detect(image, 1)
    if not faces:
        return None
    face = max(faces, key=lambda rect: rect.area())
    return np.array(net.compute_face_descriptor(image, points(image, face), CROPS))


def main(viewers, out):
    own, reflections = [], []
    files = sorted(p for p in pathlib.Path(viewers).iterdir() if p.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    for file in files:
        reflection = pathlib.Path(out) / f"{file.stem}.reflection.png"
        if not reflection.exists():
            continue
        viewer, reflected = embed(file, 0), embed(reflection, MARGIN)
        if viewer is not None and reflected is not None:
            own.append(viewer)
            reflections.append(reflected)
    n = len(own)
    if n < 5:
        sys.exit(f"both faces of a viewer found {n} times: at least 5 are needed")
    distances = np.linalg.norm(np.array(own)[:, None] - np.array(reflections)[None], axis=2)
    mine = np.diag(distances)
    others = (distances.sum() - mine.sum()) / (n * n - n)
    ranks = (distances < mine[:, None]).sum(1)
    fifth = 100 * (ranks < n / 5).mean()
    print(f"{n} of {len(files)} viewers: own reflection at {mine.mean():.3f}, others' at {others:.3f};", end=" ")
    print(f"rank of the own {ranks.mean() + 1:.1f} in the mean, {np.median(ranks) + 1:.0f} in the median; in the nearest fifth {fifth:.0f} %")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
