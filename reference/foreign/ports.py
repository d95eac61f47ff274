"""Generators as programs in PyTorch define them, in NumPy: their names, their layouts, their order of steps.
Each gives back a state dict (name: array) and a function from latents to pictures."""
import numpy as np
from paper import conv2d, enlarged, lrelu, pixel_norm

def conv(x, w):
    """torch.nn.functional.conv2d with half the kernel as padding, w [out, in, k, k]."""
    return conv2d(x, w.transpose(2, 3, 1, 0))

def he(w, gain=np.sqrt(2)):
    return gain / np.sqrt(np.prod(w.shape[1:]))

def channels(b):
    return b.reshape(1, -1, 1, 1)

def draw(rng, *shape):
    return rng.standard_normal(shape).astype(np.float32)

def gan_zoo(depths, latent, rng):
    """pytorch_GAN_zoo: every layer's result, bias included, times sqrt(2/fan-in); a bias for every value of the first."""
    s = {'formatLayer.weight': draw(rng, 16 * depths[0], latent), 'formatLayer.bias': 0.5 * draw(rng, 16 * depths[0])}
    def layer(name, out, into, k):
        s[name + '.weight'], s[name + '.bias'] = draw(rng, out, into, k, k), 2 * draw(rng, out)
    layer('groupScale0.0', depths[0], depths[0], 3)
    layer('toRGBLayers.0', 3, depths[0], 1)
    for i, (below, depth) in enumerate(zip(depths, depths[1:])):
        layer(f'scaleLayers.{i}.0', depth, below, 3)
        layer(f'scaleLayers.{i}.1', depth, depth, 3)
        layer(f'toRGBLayers.{i + 1}', 3, depth, 1)
    def forward(z):
        run = lambda name, x: (conv(x, s[name + '.weight']) + channels(s[name + '.bias'])) * he(s[name + '.weight'])
        w = s['formatLayer.weight']
        x = lrelu((pixel_norm(z) @ w.T + s['formatLayer.bias']) * he(w)).reshape(len(z), -1, 4, 4)
        x = pixel_norm(lrelu(run('groupScale0.0', pixel_norm(x))))
        for i in range(len(depths) - 1):
            x = pixel_norm(lrelu(run(f'scaleLayers.{i}.0', enlarged(x))))
            x = pixel_norm(lrelu(run(f'scaleLayers.{i}.1', x)))
        return run(f'toRGBLayers.{len(depths) - 1}', x)
    return s, forward

def kernel_over_a_pixel(z, w):
    """conv2d of one pixel with a 4x4 kernel and three pixels of padding."""
    return np.einsum('nl,mlyx->nmyx', z, w[:, :, ::-1, ::-1])

def proggan(depths, latent, rng, old):
    """proggan of gandissect: norm, enlarge, convolve, scale and add, leaky ReLU. Before, the scale was a parameter."""
    s, names = {}, []
    def layer(name, out, into, k, gain=np.sqrt(2)):
        s[name + '.conv.weight'], s[name + '.wscale.b'] = draw(rng, out, into, k, k), 0.2 * draw(rng, out)
        if old:
            s[name + '.wscale.scale'] = np.array([1.1 * he(s[name + '.conv.weight'], gain)], np.float32)
        names.append(name)
    name = (lambda n: f'features.{n}') if old else (lambda n: f'layer{n + 1}')
    into = [latent] + [d for d in depths for _ in range(2)]
    out = [d for d in depths for _ in range(2)]
    for n, (a, b) in enumerate(zip(into, out)):
        layer(name(n), b, a, 3 if n else 4)
    side = 4 * 2 ** (len(depths) - 1)
    layer('output' if old else f'output_{side}x{side}', 3, depths[-1], 1, 1)
    def forward(z):
        x = z
        for n, layer in enumerate(names):
            w, b, last = s[layer + '.conv.weight'], channels(s[layer + '.wscale.b']), n == len(names) - 1
            scale = s[layer + '.wscale.scale'][0] if old else he(w, 1 if last else np.sqrt(2))
            x = pixel_norm(x)
            if n > 1 and n % 2 == 0 and not last:
                x = enlarged(x)
            x = kernel_over_a_pixel(x, w) if n == 0 else conv(x, w)
            x = x * scale + b
            x = x if last else lrelu(x)
        return x
    return s, forward

def genforce(depths, latent, rng):
    """PGGANGenerator of genforce, unfused."""
    s = {'lod': np.array(0, np.float32)}
    def layer(name, out, into, k):
        s[name + '.weight'], s[name + '.bias'] = draw(rng, out, into, k, k), 0.2 * draw(rng, out)
    for i, depth in enumerate(depths):
        layer(f'layer{2 * i}', depth, depths[i - 1] if i else latent, 3 if i else 4)
        layer(f'layer{2 * i + 1}', depth, depth, 3)
        layer(f'output{i}', 3, depth, 1)
    def forward(z):
        run = lambda name, x, gain=np.sqrt(2): conv(x, s[name + '.weight'] * he(s[name + '.weight'], gain)) + channels(s[name + '.bias'])
        w = s['layer0.weight']
        x = pixel_norm(pixel_norm(z) * np.sqrt(latent))
        x = lrelu(kernel_over_a_pixel(x, w * he(w)) + channels(s['layer0.bias']))
        for i in range(len(depths)):
            if i:
                x = lrelu(run(f'layer{2 * i}', enlarged(pixel_norm(x))))
            x = lrelu(run(f'layer{2 * i + 1}', pixel_norm(x)))
        return run(f'output{len(depths) - 1}', pixel_norm(x), 1)
    return s, forward

def twin(depths, latent, rng):
    """The PyTorch twin of our trainer: the paper's names, [out, in, k, k], scaled at run time."""
    s, levels = {}, len(depths) + 1
    def layer(name, shape, biases):
        s[f'layers.{name}.weight'], s[f'layers.{name}.bias'] = draw(rng, *shape), 0.2 * draw(rng, biases)
    layer('4x4/Dense', (16 * depths[0], latent), depths[0])
    layer('4x4/Conv', (depths[0], depths[0], 3, 3), depths[0])
    for i, depth in enumerate(depths):
        if i:
            layer(f'{4 << i}x{4 << i}/Conv0', (depth, depths[i - 1], 3, 3), depth)
            layer(f'{4 << i}x{4 << i}/Conv1', (depth, depth, 3, 3), depth)
        layer(f'ToRGB_lod{levels - 2 - i}', (3, depth, 1, 1), 3)
    def forward(z):
        w = lambda name, gain=np.sqrt(2): s[f'layers.{name}.weight'] * he(s[f'layers.{name}.weight'], gain)
        run = lambda name, x, gain=np.sqrt(2): conv(x, w(name, gain)) + channels(s[f'layers.{name}.bias'])
        act = lambda x: pixel_norm(lrelu(x))
        x = (pixel_norm(z) @ w('4x4/Dense', np.sqrt(2) / 4).T).reshape(len(z), -1, 4, 4)
        x = act(run('4x4/Conv', act(x + channels(s['layers.4x4/Dense.bias']))))
        for i in range(1, len(depths)):
            x = act(run(f'{4 << i}x{4 << i}/Conv0', enlarged(x)))
            x = act(run(f'{4 << i}x{4 << i}/Conv1', x))
        return run('ToRGB_lod0', x, 1)
    return s, forward
