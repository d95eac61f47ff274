"""The networks of "Progressive Growing of GANs" in NumPy, as the paper's TensorFlow program defines them: weights in its
layouts under its names, NCHW, float64. The fused up-convolution is done as it is there: the transposed convolution of stride 2
by the kernel summed over its four shifts by a pixel. Checked against TensorFlow's own operations by check_tensorflow.py."""
import numpy as np

SQRT2 = np.sqrt(2)

def nf(stage, base, most, decay=1.0):
    return min(int(base / 2.0 ** (stage * decay)), most)

def lrelu(x):
    return np.where(x > 0, x, 0.2 * x)

def pixel_norm(x):
    return x / np.sqrt(np.mean(x * x, axis=1, keepdims=True) + 1e-8)

def enlarged(x):
    return x.repeat(2, axis=2).repeat(2, axis=3)

def halved(x):
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).mean((3, 5))

def conv2d(x, w, stride=1):
    """tf.nn.conv2d: a correlation, w [k, k, in, out], SAME padding (the odd pixel of it comes after)."""
    k, (n, _, h, wide) = w.shape[0], x.shape
    out_h, out_w = -(-h // stride), -(-wide // stride)
    pad = lambda out, size: max((out - 1) * stride + k - size, 0)
    ph, pw = pad(out_h, h), pad(out_w, wide)
    x = np.pad(x, ((0, 0), (0, 0), (ph // 2, ph - ph // 2), (pw // 2, pw - pw // 2)))
    y = np.zeros((n, w.shape[3], out_h, out_w))
    for i in range(k):
        for j in range(k):
            part = x[:, :, i:i + stride * (out_h - 1) + 1:stride, j:j + stride * (out_w - 1) + 1:stride]
            y += np.einsum('nchw,co->nohw', part, w[i, j])
    return y

def conv2d_transpose(x, w):
    """tf.nn.conv2d_transpose of stride 2 to twice the size: the gradient of conv2d, w [4, 4, out, in], SAME padding."""
    n, _, h, wide = x.shape
    y = np.zeros((n, w.shape[2], 2 * h + 2, 2 * wide + 2))
    for i in range(4):
        for j in range(4):
            y[:, :, i:i + 2 * h:2, j:j + 2 * wide:2] += np.einsum('nchw,oc->nohw', x, w[i, j])
    return y[:, :, 1:-1, 1:-1]

def four_shifts(w):
    w = np.pad(w, ((1, 1), (1, 1), (0, 0), (0, 0)))
    return w[1:, 1:] + w[:-1, 1:] + w[1:, :-1] + w[:-1, :-1]

def scale(w, gain, wscale, fan_in=None):
    return w * (gain / np.sqrt(fan_in or np.prod(w.shape[:-1]))) if wscale else w

def bias(x, b):
    return x + b.reshape(1, -1, *[1] * (x.ndim - 2))

def generate(v, z, settings):
    """Pictures [n, colours, r, r] at every level, coarsest first; v: variables by name, settings: static_kwargs."""
    levels, wscale = int(np.log2(settings['resolution'])), settings.get('use_wscale', True)
    conv = lambda x, name, gain=SQRT2: bias(conv2d(x, scale(v[name + '/weight'], gain, wscale)), v[name + '/bias'])
    act = lambda x: pixel_norm(lrelu(x))
    x = pixel_norm(z) @ scale(v['4x4/Dense/weight'], SQRT2 / 4, wscale)
    x = act(bias(x.reshape(len(z), -1, 4, 4), v['4x4/Dense/bias']))
    x, pictures = act(conv(x, '4x4/Conv')), []
    for level in range(2, levels + 1):
        name = f'{2**level}x{2**level}/Conv'
        if level > 2:
            if settings.get('fused_scale', True):
                w = v[name + '0_up/weight']
                w = four_shifts(scale(w, SQRT2, wscale, fan_in=9 * w.shape[3]))
                x = act(bias(conv2d_transpose(x, w), v[name + '0_up/bias']))
            else:
                x = act(conv(enlarged(x), name + '0'))
            x = act(conv(x, name + '1'))
        pictures.append(conv(x, f'ToRGB_lod{levels - level}', 1))
    return pictures

def judge(v, x, settings):
    """Scores [n] of pictures of the full resolution; one group for the deviation."""
    levels, wscale = int(np.log2(settings['resolution'])), settings.get('use_wscale', True)
    conv = lambda x, name: bias(conv2d(x, scale(v[name + '/weight'], SQRT2, wscale)), v[name + '/bias'])
    dense = lambda x, name, gain: bias(x @ scale(v[name + '/weight'], gain, wscale), v[name + '/bias'])
    x = lrelu(conv(x, 'FromRGB_lod0'))
    for level in range(levels, 2, -1):
        name = f'{2**level}x{2**level}/Conv'
        x = lrelu(conv(x, name + '0'))
        if settings.get('fused_scale', True):
            w = four_shifts(scale(v[name + '1_down/weight'], SQRT2, wscale)) * 0.25
            x = lrelu(bias(conv2d(x, w, stride=2), v[name + '1_down/bias']))
        else:
            x = halved(lrelu(conv(x, name + '1')))
    deviation = np.sqrt(x.var(axis=0) + 1e-8).mean()
    x = np.concatenate([x, np.full((len(x), 1, 4, 4), deviation)], axis=1)
    x = lrelu(conv(x, '4x4/Conv')).reshape(len(x), -1)
    return dense(lrelu(dense(x, '4x4/Dense0', SQRT2)), '4x4/Dense1', 1)[:, 0]

def variables(kind, settings, rng):
    """Random variables of G or D, in the order in which the program makes them."""
    res, wscale = int(np.log2(settings['resolution'])), settings.get('use_wscale', True)
    n = lambda stage: nf(stage, settings['fmap_base'], settings['fmap_max'], settings.get('fmap_decay', 1.0))
    latent = settings.get('latent_size') or n(0)
    fused, colours, out = settings.get('fused_scale', True), settings['num_channels'], []
    def layer(name, shape, biases, gain=SQRT2, fan_in=None):
        std = 1.0 if wscale else gain / np.sqrt(fan_in or np.prod(shape[:-1]))
        out.append((name + '/weight', (std * rng.standard_normal(shape, np.float32)).astype(np.float32)))
        out.append((name + '/bias', 0.2 * rng.standard_normal(biases, np.float32)))
    rgb = lambda r: f'lod{res - r}'
    if kind == 'G':
        layer('4x4/Dense', (latent, n(1) * 16), n(1), SQRT2 / 4)
        layer('4x4/Conv', (3, 3, n(1), n(1)), n(1))
        layer('ToRGB_' + rgb(2), (1, 1, n(1), colours), colours, 1)
        for r in range(3, res + 1):
            name, a, b = f'{2**r}x{2**r}/Conv', n(r - 2), n(r - 1)
            if fused:
                layer(name + '0_up', (3, 3, b, a), b, fan_in=9 * a)
            else:
                layer(name + '0', (3, 3, a, b), b)
            layer(name + '1', (3, 3, b, b), b)
            layer('ToRGB_' + rgb(r), (1, 1, b, colours), colours, 1)
    else:
        for r in range(res, 1, -1):
            layer('FromRGB_' + rgb(r), (1, 1, colours, n(r - 1)), n(r - 1))
        for r in range(res, 2, -1):
            name, a, b = f'{2**r}x{2**r}/Conv', n(r - 1), n(r - 2)
            layer(name + '0', (3, 3, a, a), a)
            layer(name + ('1_down' if fused else '1'), (3, 3, a, b), b)
        layer('4x4/Conv', (3, 3, n(1) + 1, n(1)), n(1))
        layer('4x4/Dense0', (n(1) * 16, n(0)), n(0))
        layer('4x4/Dense1', (n(0), 1), 1, 1)
    return [('lod', np.float32(0))] + out
