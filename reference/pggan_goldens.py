#!/usr/bin/env python3
"""Makes testdata/pggan.safetensors: a small progressive GAN with random weights, in PyTorch, and what it computes.

Written from the paper and its published parameter names, apart from the Rust code. The file holds the weights under
their names (run-time scale multiplied in; the discriminator's under "D/") and, under "golden/":
  z [2, latent]; block0.. after every block; picture; faded (lod 0.3); score of the pictures x, score_faded (lod 0.3),
  dx and d/<name>: gradients of the sum of scores; penalty and r/<name>: 0.5 * sum of squared dx, and its gradient.
Usage: python3 reference/pggan_goldens.py testdata/pggan.safetensors
"""
import math, sys
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

RES, BASE, MAX, LATENT, FADE = 16, 64, 10, 12, 0.3
R = int(math.log2(RES))
maps = lambda stage: min(BASE >> stage, MAX)
lrelu = lambda x: F.leaky_relu(x, 0.2)
norm = lambda x: x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)
double = lambda x: x.repeat_interleave(2, 2).repeat_interleave(2, 3)

def layer(w, name, *shape, biases=None, gain=math.sqrt(2)):
    w[name + '/weight'] = torch.randn(*shape, dtype=torch.float64) * gain / math.sqrt(math.prod(shape[1:]))
    w[name + '/bias'] = 0.2 * torch.randn(biases or shape[0], dtype=torch.float64)

def generator_weights():
    w = {}
    layer(w, '4x4/Dense', maps(1) * 16, LATENT, biases=maps(1))
    layer(w, '4x4/Conv', maps(1), maps(1), 3, 3)
    for r in range(2, R + 1):
        if r > 2:
            layer(w, f'{2**r}x{2**r}/Conv0', maps(r - 1), maps(r - 2), 3, 3)
            layer(w, f'{2**r}x{2**r}/Conv1', maps(r - 1), maps(r - 1), 3, 3)
        layer(w, f'ToRGB_lod{R - r}', 3, maps(r - 1), 1, 1, gain=1)
    return w

def discriminator_weights():
    w = {}
    for r in range(R, 1, -1):
        layer(w, f'FromRGB_lod{R - r}', maps(r - 1), 3, 1, 1)
        if r > 2:
            layer(w, f'{2**r}x{2**r}/Conv0', maps(r - 1), maps(r - 1), 3, 3)
            layer(w, f'{2**r}x{2**r}/Conv1', maps(r - 2), maps(r - 1), 3, 3)
    layer(w, '4x4/Conv', maps(1), maps(1) + 1, 3, 3)
    layer(w, '4x4/Dense0', maps(0), maps(1) * 16)
    layer(w, '4x4/Dense1', 1, maps(0), gain=1)
    return w

def conv(w, name, x):
    k = w[name + '/weight']
    return F.conv2d(x, k, w[name + '/bias'], padding=k.shape[-1] // 2)

def generate(w, z):
    """Maps after every block, the picture, the picture while the last level fades in."""
    x = (norm(z) @ w['4x4/Dense/weight'].T).view(len(z), maps(1), 4, 4) + w['4x4/Dense/bias'].view(1, -1, 1, 1)
    blocks = [norm(lrelu(conv(w, '4x4/Conv', norm(lrelu(x)))))]
    for r in range(3, R + 1):
        x = norm(lrelu(conv(w, f'{2**r}x{2**r}/Conv0', double(blocks[-1]))))
        blocks.append(norm(lrelu(conv(w, f'{2**r}x{2**r}/Conv1', x))))
    new, old = conv(w, 'ToRGB_lod0', blocks[-1]), double(conv(w, 'ToRGB_lod1', blocks[-2]))
    return blocks, new, (1 - FADE) * new + FADE * old

def discriminate(w, picture, fade=0.0):
    x = lrelu(conv(w, 'FromRGB_lod0', picture))
    for r in range(R, 2, -1):
        x = lrelu(conv(w, f'{2**r}x{2**r}/Conv1', lrelu(conv(w, f'{2**r}x{2**r}/Conv0', x))))
        x = F.avg_pool2d(x, 2)
        if r == R:
            x = (1 - fade) * x + fade * lrelu(conv(w, 'FromRGB_lod1', F.avg_pool2d(picture, 2)))
    groups = x.view(len(x) // 4, 4, *x.shape[1:])
    deviation = (groups.var(1, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3)).repeat_interleave(4)
    x = torch.cat([x, deviation.view(-1, 1, 1, 1).expand(-1, 1, 4, 4)], 1)
    x = lrelu(conv(w, '4x4/Conv', x)).flatten(1)
    x = lrelu(F.linear(x, w['4x4/Dense0/weight'], w['4x4/Dense0/bias']))
    return F.linear(x, w['4x4/Dense1/weight'], w['4x4/Dense1/bias']).squeeze(1)

def main():
    torch.manual_seed(5)
    g, d = generator_weights(), discriminator_weights()
    z, x = torch.randn(2, LATENT, dtype=torch.float64), 0.5 * torch.randn(8, 3, RES, RES, dtype=torch.float64)
    blocks, picture, faded = generate(g, z)
    out = {'z': z, 'picture': picture, 'faded': faded, **{f'block{i}': b for i, b in enumerate(blocks)}}

    x.requires_grad_(True)
    names = [n for n in d if 'FromRGB' not in n or 'lod0' in n]
    for n in names:
        d[n].requires_grad_(True)
    score = discriminate(d, x)
    dx, *grads = torch.autograd.grad(score.sum(), [x] + [d[n] for n in names], create_graph=True)
    penalty = 0.5 * dx.square().sum()
    second = torch.autograd.grad(penalty, [d[n] for n in names], allow_unused=True)
    out.update(x=x, score=score, score_faded=discriminate(d, x, FADE), dx=dx, penalty=penalty.view(1))
    for n, a, b in zip(names, grads, second):
        out['d/' + n] = a
        out['r/' + n] = torch.zeros_like(a) if b is None else b

    tensors = {**g, **{'D/' + k: v for k, v in d.items()}, **{'golden/' + k: v for k, v in out.items()}}
    tensors = {k: v.detach().float().contiguous() for k, v in tensors.items()}
    meta = dict(format='narcissus-pggan-1', resolution=RES, fmap_base=BASE, fmap_max=MAX, latent_size=LATENT, fade=FADE)
    save_file(tensors, sys.argv[1], {k: str(v) for k, v in meta.items()})

main()
