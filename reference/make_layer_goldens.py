#!/usr/bin/env python3
"""Writes testdata/layers.safetensors: every layer's output and gradients as PyTorch computes them.

  pip install torch safetensors numpy && python3 reference/make_layer_goldens.py

Per case NAME: NAME/x, NAME/y, NAME/dy, NAME/dx and, where the layer learns, NAME/weight, NAME/bias, NAME/dweight,
NAME/dbias. Activations are NHWC; weights as PyTorch has them ([out, in, k, k], [out, in]).
"""
import os
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

torch.manual_seed(1)
torch.use_deterministic_algorithms(True)
out = {}


def case(name, f, shape, weight=None):
    """f(x NCHW, weight, bias) -> y NCHW."""
    x = torch.randn(shape, requires_grad=True)
    learned = []
    if weight:
        learned = [torch.randn(weight, requires_grad=True), torch.randn(weight[0], requires_grad=True)]
    y = f(x, *learned)
    dy = torch.randn_like(y)
    y.backward(dy)
    nhwc = lambda t: t.detach().permute(0, 2, 3, 1).contiguous()
    out.update({f'{name}/x': nhwc(x), f'{name}/y': nhwc(y), f'{name}/dy': nhwc(dy), f'{name}/dx': nhwc(x.grad)})
    for key, t in zip(('weight', 'bias'), learned):
        out[f'{name}/{key}'], out[f'{name}/d{key}'] = t.detach().clone(), t.grad.clone()


def stddev(x):
    n, c, h, w = x.shape
    y = x.reshape(n // 4, 4, c, h, w)
    y = (y - y.mean(1, keepdim=True)).square().mean(1).add(1e-8).sqrt().mean((1, 2, 3))
    return torch.cat([x, y.repeat_interleave(4).view(n, 1, 1, 1).expand(n, 1, h, w)], 1)


case('conv3x3', lambda x, w, b: F.conv2d(x, w, b, padding=1), (2, 3, 6, 5), (4, 3, 3, 3))
case('conv1x1', lambda x, w, b: F.conv2d(x, w, b), (2, 4, 5, 3), (3, 4, 1, 1))
case('conv_stride2', lambda x, w, b: F.conv2d(x, w, b, padding=1, stride=2), (2, 3, 7, 6), (5, 3, 3, 3))
case('dense', lambda x, w, b: F.linear(x.permute(0, 2, 3, 1).flatten(1), w, b)[:, :, None, None], (3, 4, 2, 3), (5, 24))
case('leaky_relu', lambda x: F.leaky_relu(x, 0.2), (2, 3, 4, 5))
case('pixel_norm', lambda x: x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8), (2, 6, 3, 3))
case('upsample', lambda x: F.interpolate(x, scale_factor=2, mode='nearest'), (2, 3, 3, 4))
case('avg_pool', lambda x: F.avg_pool2d(x, 2), (2, 3, 4, 6))
case('global_avg_pool', lambda x: x.mean((2, 3), keepdim=True), (2, 3, 4, 6))
case('minibatch_stddev', stddev, (8, 3, 4, 4))

# Adam: ten steps of a fixed gradient sequence.
p = torch.nn.Parameter(torch.randn(6))
out['adam/start'] = p.detach().clone()
optimizer, grads, steps = torch.optim.Adam([p], lr=0.01, betas=(0.5, 0.99)), torch.randn(10, 6), []
for g in grads:
    p.grad = g.clone()
    optimizer.step()
    steps.append(p.detach().clone())
out['adam/grads'], out['adam/steps'] = grads, torch.stack(steps)

path = os.path.join(os.path.dirname(__file__), '..', 'testdata', 'layers.safetensors')
save_file(out, path, {'script': 'reference/make_layer_goldens.py', 'torch': torch.__version__})
