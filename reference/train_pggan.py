#!/usr/bin/env python3
r"""The progressive GAN of `narcissus train gan` (Karras et al., ICLR 2018) in PyTorch, for whoever has an accelerator.

  table:   narcissus train gan --out DIR --resolution 256 --stop-after 0       writes DIR/portraits.csv: which portraits, how often
  pack:    train_pggan.py --table DIR/portraits.csv --resolution 256 --prepare SMALL     the same portraits no larger than needed, to travel
  train:   train_pggan.py --table SMALL/portraits.csv --out DIR --minutes 13 [--stop-after 9]
  resume:  the same again (DIR/checkpoint.pt goes on), or with --init-generator and --init-discriminator: weight files of another
           run, of this program or of `train gan`; where these are of a lower --resolution, the level above fades in
  check:   train_pggan.py --selftest

Without an accelerator, on a processor with AMX or AVX512_BF16 (1.6 s for 8 pictures at 256 pixels on one such core; 4.0 s without
the pass in C++, and 2.4 s without the setting of malloc, which gives every map back to the system):

  OMP_NUM_THREADS=1 GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.mmap_threshold=34359738368:glibc.malloc.trim_threshold=34359738368 \
    train_pggan.py --bf16 ...                                                   needs a C++ compiler and ninja

Writes `generator.safetensors` (averaged weights, f16, format `narcissus-pggan-1`: goes into a pack as it is),
`discriminator.safetensors` (to go on from), `log.csv` and `samples-KIMG.png`. --minutes is the whole schedule, all
resumed parts together.
"""
import argparse, copy, csv, json, math, os, sys, time
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file

SHARES = {4: 1, 8: 1, 16: 2, 32: 4, 64: 10, 128: 24, 256: 48}   # of the time, by level
FADE = 0.3                                                      # of a level's time
BATCH = {4: 256, 8: 256, 16: 256, 32: 256, 64: 128, 128: 128}   # above: 64
DECAY = 0.25                                                    # the last part, in which the rate falls to a fifth

# ---------------------------------------------------------------- what follows a convolution
try:
    import triton
    import triton.language as tl

    @triton.jit
    def _forward(x, bias, y, rows, C: tl.constexpr, NORM: tl.constexpr, R: tl.constexpr):
        row, col = tl.program_id(0) * R + tl.arange(0, R), tl.arange(0, C)
        at, live = row[:, None].to(tl.int64) * C + col[None, :], row[:, None] < rows
        v = tl.load(x + at, mask=live, other=0.0).to(tl.float32) + tl.load(bias + col)[None, :]
        v = tl.where(v >= 0, v, 0.2 * v)
        if NORM:
            v = v * (1 / tl.sqrt(tl.sum(v * v, 1) / C + 1e-8))[:, None]
        tl.store(y + at, v.to(y.dtype.element_ty), mask=live)

    @triton.jit
    def _backward(x, bias, gy, gx, gbias, rows, C: tl.constexpr, NORM: tl.constexpr, R: tl.constexpr, TURNS: tl.constexpr):
        col = tl.arange(0, C)
        b = tl.load(bias + col)[None, :]
        total = tl.zeros([C], tl.float32)
        for turn in range(TURNS):
            row = (tl.program_id(0) * TURNS + turn) * R + tl.arange(0, R)
            at, live = row[:, None].to(tl.int64) * C + col[None, :], row[:, None] < rows
            u = tl.load(x + at, mask=live, other=0.0).to(tl.float32) + b
            g = tl.load(gy + at, mask=live, other=0.0).to(tl.float32)
            if NORM:
                v = tl.where(u >= 0, u, 0.2 * u)
                s = 1 / tl.sqrt(tl.sum(v * v, 1) / C + 1e-8)
                g = g * s[:, None] - v * (s * s * s * tl.sum(g * v, 1) / C)[:, None]
            g = tl.where(u >= 0, g, 0.2 * g)
            total += tl.sum(tl.where(live, g, 0.0), 0)
            tl.store(gx + at, g.to(gx.dtype.element_ty), mask=live)
        tl.atomic_add(gbias + col, total)

    class Fused(torch.autograd.Function):
        """Bias, leaky ReLU and pixel norm in one pass over channels-last maps; differentiable once."""

        @staticmethod
        def forward(ctx, x, bias, norm):
            x = x.contiguous(memory_format=torch.channels_last)
            ctx.save_for_backward(x, bias)
            ctx.norm, y, c = norm, torch.empty_like(x), x.shape[1]
            rows, r = x.numel() // c, max(1, 2048 // c)
            _forward[(triton.cdiv(rows, r),)](x, bias, y, rows, c, norm, r)
            return y

        @staticmethod
        def backward(ctx, gy):
            x, bias = ctx.saved_tensors
            gy = gy.to(x.dtype).contiguous(memory_format=torch.channels_last)
            gx, gbias, c = torch.empty_like(x), torch.zeros_like(bias), x.shape[1]
            rows, r = x.numel() // c, max(1, 2048 // c)
            turns = 8 if rows > 64 * r else 1
            _backward[(triton.cdiv(rows, r * turns),)](x, bias, gy, gx, gbias, rows, c, ctx.norm, r, turns)
            return gx, gbias, None
except ImportError:
    Fused = None

HOST = r'''
#include <torch/extension.h>
using bf16 = at::BFloat16;
static inline float wide(const bf16* p) { uint32_t b = uint32_t(p->x) << 16; float f; memcpy(&f, &b, 4); return f; }
static inline void narrow(bf16* p, float f) { uint32_t b; memcpy(&b, &f, 4); p->x = uint16_t((b + 0x7fff + (b >> 16 & 1)) >> 16); }

void forward(at::Tensor x, at::Tensor bias, at::Tensor y, int64_t c, bool norm) {
  const bf16* px = (const bf16*)x.data_ptr(); const float* b = bias.data_ptr<float>(); bf16* py = (bf16*)y.data_ptr();
  at::parallel_for(0, x.numel() / c, 1024, [&](int64_t from, int64_t to) {
    std::vector<float> v(c);
    for (int64_t row = from; row < to; row++) {
      float sum = 0;
      for (int64_t i = 0; i < c; i++) { float u = wide(px + row * c + i) + b[i]; v[i] = u >= 0 ? u : 0.2f * u; sum += v[i] * v[i]; }
      float s = norm ? 1 / std::sqrt(sum / c + 1e-8f) : 1;
      for (int64_t i = 0; i < c; i++) narrow(py + row * c + i, v[i] * s);
    }
  });
}

void backward(at::Tensor x, at::Tensor bias, at::Tensor gy, at::Tensor gx, at::Tensor gbias, int64_t c, bool norm) {
  const bf16 *px = (const bf16*)x.data_ptr(), *pg = (const bf16*)gy.data_ptr(); const float* b = bias.data_ptr<float>();
  bf16* po = (bf16*)gx.data_ptr(); float* total = gbias.data_ptr<float>();
  std::mutex one;
  at::parallel_for(0, x.numel() / c, 1024, [&](int64_t from, int64_t to) {
    std::vector<float> v(c), k(c), t(c);
    for (int64_t row = from; row < to; row++) {
      float sum = 0, dot = 0;
      for (int64_t i = 0; i < c; i++) {
        float u = wide(px + row * c + i) + b[i];
        k[i] = u >= 0 ? 1.0f : 0.2f; v[i] = u * k[i]; sum += v[i] * v[i]; dot += v[i] * wide(pg + row * c + i);
      }
      float s = norm ? 1 / std::sqrt(sum / c + 1e-8f) : 1, a = norm ? s * s * s * dot / c : 0;
      for (int64_t i = 0; i < c; i++) {
        float g = k[i] * (wide(pg + row * c + i) * s - v[i] * a);
        t[i] += g; narrow(po + row * c + i, g);
      }
    }
    std::lock_guard<std::mutex> hold(one);
    for (int64_t i = 0; i < c; i++) total[i] += t[i];
  });
}
PYBIND11_MODULE(TORCH_EXTENSION_NAME, m) { m.def("forward", &forward); m.def("backward", &backward); }
'''

class Host(torch.autograd.Function):
    """The same pass on a processor, in bf16 (`--bf16`): PyTorch's own goes over the maps ten times."""
    built = None

    @staticmethod
    def build():
        from torch.utils.cpp_extension import load_inline
        Host.built = load_inline('pggan_host', HOST, extra_cflags=['-O3', '-march=native', '-ffast-math'])

    @staticmethod
    def forward(ctx, x, bias, norm):
        x = x.to(torch.bfloat16).contiguous(memory_format=torch.channels_last)
        ctx.save_for_backward(x, bias)
        ctx.norm, y = norm, torch.empty_like(x)
        Host.built.forward(x, bias, y, x.shape[1], norm)
        return y

    @staticmethod
    def backward(ctx, gy):
        x, bias = ctx.saved_tensors
        gy = gy.to(x.dtype).contiguous(memory_format=torch.channels_last)
        gx, gbias = torch.empty_like(x), torch.zeros_like(bias)
        Host.built.backward(x, bias, gy, gx, gbias, x.shape[1], ctx.norm)
        return gx, gbias, None

def pixel_norm(x):
    return x * torch.rsqrt(x.float().square().mean(1, keepdim=True) + 1e-8).to(x.dtype)

def act(x, bias, norm, fused):
    if fused:
        return (Fused if x.is_cuda else Host).apply(x, bias, norm)
    x = F.leaky_relu(x + bias.to(x.dtype).view(1, -1, 1, 1), 0.2)
    return pixel_norm(x) if norm else x

# ---------------------------------------------------------------- networks
class Equalised(nn.Module):
    """Weights drawn from N(0, 1) and scaled at run time (section 4.1 of the paper)."""

    def __init__(self, *shape, gain=math.sqrt(2), biases=None):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(shape))
        self.bias = nn.Parameter(torch.zeros(biases or shape[0]))
        self.scale = gain / math.sqrt(math.prod(shape[1:]))

    def scaled(self):
        return self.weight * self.scale

def enlarged(x, w):
    """A 3x3 convolution of x with each pixel doubled: one transposed convolution by the kernel's sums."""
    w = w.flip(2, 3)
    w = F.pad(w, (0, 1, 0, 1)) + F.pad(w, (1, 0, 0, 1)) + F.pad(w, (0, 1, 1, 0)) + F.pad(w, (1, 0, 1, 0))
    return F.conv_transpose2d(x, w.transpose(0, 1), stride=2, padding=1)

def lerp(a, b, t):
    return a + (b - a) * t

def double(x):
    return F.interpolate(x, scale_factor=2, mode='nearest')

class Net(nn.Module):
    """Layers by the names of the weight file."""

    def __init__(self, a):
        super().__init__()
        self.top, self.layers = int(math.log2(a.resolution)), nn.ModuleDict()
        self.maps = lambda r: min(max(int(a.fmap_base / 2 ** (r - 1)), a.fmap_min), a.fmap_max)    # of the level of 2^r pixels
        self.fused = False

    def conv(self, r, i):
        return self.layers[f'{2 ** r}x{2 ** r}/Conv{i}']

    def export(self):
        return {f'{n}/{k}': t.detach().half().cpu().contiguous() for n, m in self.layers.items()
                for k, t in (('weight', m.scaled()), ('bias', m.bias))}

    @torch.no_grad()
    def read(self, file):
        """Reads a weight file, of this or of a lower resolution: how many thousands of pictures it has been shown, and its finest level."""
        with safe_open(file, 'pt') as tensors:
            meta, names = tensors.metadata() or {}, set(tensors.keys())
            top = max(int(math.log2(int(n.split('x')[0]))) for n in names if n[0].isdigit())
            for n, m in self.layers.items():
                kind, _, lod = n.partition('_lod')
                here = f'{kind}_lod{int(lod) - self.top + top}' if lod else n
                if here + '/weight' in names:
                    m.weight.copy_(tensors.get_tensor(here + '/weight').float() / m.scale)
                    m.bias.copy_(tensors.get_tensor(here + '/bias').float())
                elif (self.top - int(lod) if lod else int(math.log2(int(n.split('x')[0])))) <= top:
                    sys.exit(f'{file}: no tensor {here}/weight')
            return float(meta.get('kimg', 0)), top

class Generator(Net):
    def __init__(self, a):
        super().__init__(a)
        L, m = self.layers, self.maps
        L['4x4/Dense'] = Equalised(m(2) * 16, a.latent, gain=math.sqrt(2) / 4, biases=m(2))
        L['4x4/Conv'] = Equalised(m(2), m(2), 3, 3)
        for r in range(2, self.top + 1):
            if r > 2:
                L[f'{2 ** r}x{2 ** r}/Conv0'] = Equalised(m(r), m(r - 1), 3, 3)
                L[f'{2 ** r}x{2 ** r}/Conv1'] = Equalised(m(r), m(r), 3, 3)
            L[f'ToRGB_lod{self.top - r}'] = Equalised(3, m(r), 1, 1, gain=1)

    def rgb(self, x, r):
        l = self.layers[f'ToRGB_lod{self.top - r}']
        return F.conv2d(x, l.scaled(), l.bias).float()

    def forward(self, z, level, fade=None):
        """Pictures of 2^level pixels, faded towards the level below by `fade` (0 to 1)."""
        L, f = self.layers, self.fused
        d = L['4x4/Dense']
        x = F.linear(pixel_norm(z), d.scaled()).view(len(z), -1, 4, 4).contiguous(memory_format=torch.channels_last)
        x = act(x, d.bias, True, f)
        x = act(F.conv2d(x, L['4x4/Conv'].scaled(), padding=1), L['4x4/Conv'].bias, True, f)
        for r in range(3, level + 1):
            below, (c0, c1) = x, (self.conv(r, i) for i in (0, 1))
            x = act(enlarged(x, c0.scaled()), c0.bias, True, f)
            x = act(F.conv2d(x, c1.scaled(), padding=1), c1.bias, True, f)
        y = self.rgb(x, level)
        return y if fade is None or level == 2 else lerp(y, double(self.rgb(below, level - 1)), fade)

class Discriminator(Net):
    def __init__(self, a):
        super().__init__(a)
        L, m = self.layers, self.maps
        for r in range(self.top, 1, -1):
            L[f'FromRGB_lod{self.top - r}'] = Equalised(m(r), 3, 1, 1)
            if r > 2:
                L[f'{2 ** r}x{2 ** r}/Conv0'] = Equalised(m(r), m(r), 3, 3)
                L[f'{2 ** r}x{2 ** r}/Conv1'] = Equalised(m(r - 1), m(r), 3, 3)
        L['4x4/Conv'] = Equalised(m(2), m(2) + 1, 3, 3)
        L['4x4/Dense0'] = Equalised(m(1), m(2) * 16)
        L['4x4/Dense1'] = Equalised(1, m(1), gain=1)

    def layer(self, l, x, fused):
        return act(F.conv2d(x, l.scaled(), padding=l.weight.shape[-1] // 2), l.bias, False, fused)

    def forward(self, y, level, fade=None, fused=None):
        L, f = self.layers, self.fused if fused is None else fused
        x = self.layer(L[f'FromRGB_lod{self.top - level}'], y, f)
        for r in range(level, 2, -1):
            x = self.layer(self.conv(r, 0), x, f)
            x = F.avg_pool2d(self.layer(self.conv(r, 1), x, f), 2)
            if r == level and fade is not None:
                x = lerp(x, self.layer(L[f'FromRGB_lod{self.top - r + 1}'], F.avg_pool2d(y, 2), f), fade)
        with torch.autocast(x.device.type, enabled=False):
            x = x.float()
            groups = x.reshape(-1, 4, *x.shape[1:])             # standard deviation within groups of four (section 3)
            s = (groups - groups.mean(1, keepdim=True)).square().mean(1).add(1e-8).sqrt().mean((1, 2, 3))
            x = torch.cat([x, s.repeat_interleave(4).view(-1, 1, 1, 1).expand(-1, 1, 4, 4)], 1)
            x = F.leaky_relu(F.conv2d(x, L['4x4/Conv'].scaled(), L['4x4/Conv'].bias, padding=1), 0.2).flatten(1)
            x = F.leaky_relu(F.linear(x, L['4x4/Dense0'].scaled(), L['4x4/Dense0'].bias), 0.2)
            return F.linear(x, L['4x4/Dense1'].scaled(), L['4x4/Dense1'].bias).squeeze(1)

# ---------------------------------------------------------------- portraits
class Portraits:
    """Levels {log2 of the size: u8 [n, 3, s, s]} of the portraits that have the pixels, the widest first, and how often each is drawn
    there, as `train gan` decided it."""

    def __init__(self, a, device):
        rows, folder = list(csv.DictReader(open(a.table, newline=''))), os.path.dirname(a.table)
        top, self.levels, self.weights = int(math.log2(a.resolution)), {}, {}
        by_level = {r: [] for r in range(2, top + 1)}
        for row in rows:
            x = pixels(os.path.join(folder, row['path']), top)
            for r in range(int(math.log2(x.shape[-1])), 1, -1):
                by_level[r].append(x.round().to(torch.uint8))
                x = F.avg_pool2d(x, 2)
        for r, pictures in by_level.items():
            weights = torch.tensor([float(row[f'weight_{2 ** r}'] or 0) for row in rows[:len(pictures)]])
            self.levels[r], self.weights[r] = torch.stack(pictures).to(device), weights.to(device)
        print(*(f'{2 ** r} pixels: {len(x)} portraits' for r, x in self.levels.items()), sep='\n', flush=True)

    def draw(self, n, level, fade):
        at = torch.multinomial(self.weights[level], n, replacement=True)
        x = self.levels[level][at].float() / 127.5 - 1
        x = torch.where(torch.rand(n, 1, 1, 1, device=x.device) < 0.5, x.flip(3), x)
        return x if fade is None or level == 2 else lerp(x, double(F.avg_pool2d(x, 2)), fade)

def pixels(path, top):
    """The square picture, f32 [3, s, s] from 0 to 255, at the largest power of two that it has, at most 2^top."""
    picture = Image.open(path).convert('RGB')
    size = 2 ** min(top, int(math.log2(picture.width)))
    picture = picture if picture.width == size else picture.resize((size, size), Image.LANCZOS)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).float()

def prepare(a):
    """The portraits of a table no larger than they are learned, and the table that names them there."""
    rows, top = list(csv.DictReader(open(a.table, newline=''))), int(math.log2(a.resolution))
    os.makedirs(a.prepare, exist_ok=True)
    with open(os.path.join(a.prepare, 'portraits.csv'), 'w', newline='') as f:
        table = csv.DictWriter(f, rows[0].keys())
        table.writeheader()
        for i, row in enumerate(rows):
            x = pixels(os.path.join(os.path.dirname(a.table), row['path']), top)
            row['path'], row['width'] = f'{i:05}.webp', x.shape[-1]
            Image.fromarray(x.permute(1, 2, 0).byte().numpy()).save(os.path.join(a.prepare, row['path']), quality=92)
            table.writerow(row)
    return 0

def augment(x, p):
    """Colour, translation and cutout (Zhao et al., NeurIPS 2020), each on each picture with probability p."""
    n, _, h, w = x.shape
    rand = lambda: torch.rand(n, 1, 1, 1, device=x.device)
    on = lambda: (rand() < p).float()
    x = x + (rand() - 0.5) * on()
    mean = x.mean(1, keepdim=True)
    x = mean + (x - mean) * (1 + (2 * rand() - 1) * on())
    mean = x.mean((1, 2, 3), keepdim=True)
    x = mean + (x - mean) * (1 + (rand() - 0.5) * on())
    i, j = torch.arange(h, device=x.device).view(1, 1, h, 1), torch.arange(w, device=x.device).view(1, 1, 1, w)
    if h >= 8:
        dy, dx = (((rand() * (2 * (h // 8) + 1)).floor() - h // 8) * on() for _ in range(2))
        x = (j == i + dy).float() @ x @ (i == j + dx).float()
    cy, cx = (rand() * (h + 1)).floor(), (rand() * (w + 1)).floor()
    hole = (i >= cy - h // 4) & (i < cy + h // 4) & (j >= cx - w // 4) & (j < cx + w // 4)
    return x * (1 - hole.float() * on())

# ---------------------------------------------------------------- training
def schedule(share, top):
    """(level, fade, learning rate's factor) when `share` of the time is over."""
    levels = range(2, top + 1)
    whole, t = sum(SHARES[2 ** r] for r in levels), 0.0
    for r in levels:
        part = SHARES[2 ** r] / whole
        if share < t + part or r == top:
            inside = (share - t) / part
            fade = max(0.0, 1 - inside / FADE) if r > 2 else 0.0
            return r, fade, min(1.0, max(0.2, 0.2 + 0.8 * (1 - share) / DECAY))
        t += part

def replace(write, path):
    write(path + '.tmp')
    os.replace(path + '.tmp', path)

def train(a):
    device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    torch.manual_seed(a.seed)
    torch.set_float32_matmul_precision('high')
    torch.backends.cudnn.benchmark = True
    os.makedirs(a.out, exist_ok=True)
    path = lambda name: os.path.join(a.out, name)
    portraits = Portraits(a, device)
    G, D = (net(a).to(device, memory_format=torch.channels_last) for net in (Generator, Discriminator))
    top = G.top
    kimg, begun = 0.0, 0                                            # the level that the weight files draw
    if a.init_generator:
        (kimg, begun), _ = (net.read(f) for net, f in ((G, a.init_generator), (D, a.init_discriminator)))
    averaged = copy.deepcopy(G).requires_grad_(False)
    G.fused = D.fused = averaged.fused = (device.type == 'cuda' or a.bf16) and fused_agrees(device)
    print(f'{device}, fused {G.fused}, G {sum(p.numel() for p in G.parameters()):,}, '
          f'D {sum(p.numel() for p in D.parameters()):,} parameters', flush=True)
    adam = lambda net: torch.optim.Adam(net.parameters(), lr=a.rate, betas=(0.0, 0.99), eps=1e-8, fused=device.type == 'cuda')
    opt_g, opt_d = adam(G), adam(D)
    at = dict(pictures=round(1000 * kimg), steps=0, seconds=0.0, level=0, began=0, since=0, augment=a.augment, sure=0.0)
    if os.path.exists(path('checkpoint.pt')):
        state = torch.load(path('checkpoint.pt'), map_location=device, weights_only=True)
        for k, x in (('G', G), ('D', D), ('Gs', averaged), ('opt_g', opt_g), ('opt_d', opt_d)):
            x.load_state_dict(state[k])
        at = state['at']
        torch.manual_seed(a.seed + at['steps'])
        print('goes on from', at, flush=True)
    amp = torch.autocast(device.type, torch.bfloat16, enabled=device.type == 'cuda' or a.bf16)
    seen = torch.randn(48, a.latent, generator=torch.Generator().manual_seed(a.seed + 1)).to(device)
    log = open(path('log.csv'), 'a')
    if not log.tell():
        log.write('pictures,pixels,fade,loss_g,loss_d,score_real,score_fake,r1,sure,augment,per_second,seconds\n')
    start, before = time.time(), at['seconds']
    sums, n_sums, n_r1, t_log, p_log = torch.zeros(6, device=device), 0, 0, time.time(), at['pictures']
    t_save = time.time()
    fade_now = torch.zeros((), device=device)

    def save(level, fade):
        at['seconds'] = before + time.time() - start
        meta = dict(format='narcissus-pggan-1', resolution=a.resolution, fmap_base=a.fmap_base, fmap_max=a.fmap_max,
                    fmap_min=a.fmap_min, latent_size=a.latent, kimg=f'{at["pictures"] / 1000:.1f}', lod=f'{top - level + float(fade):.3f}',
                    seed=a.seed, dataset=a.dataset)
        meta = {k: str(v) for k, v in meta.items()}
        replace(lambda f: save_file(averaged.export(), f, meta), path('generator.safetensors'))
        meta['format'] = 'narcissus-pggan-discriminator-1'
        replace(lambda f: save_file(D.export(), f, meta), path('discriminator.safetensors'))
        replace(lambda f: torch.save(dict(G=G.state_dict(), D=D.state_dict(), Gs=averaged.state_dict(), at=at, lod=float(top - level + fade),
                                          opt_g=opt_g.state_dict(), opt_d=opt_d.state_dict()), f), path('checkpoint.pt'))
        with torch.no_grad(), amp:
            x = averaged(seen, level, fade)
        x = (x * 127.5 + 127.5).round().clamp(0, 255).to(torch.uint8).view(6, 8, *x.shape[1:]).permute(0, 3, 1, 4, 2)
        Image.fromarray(x.reshape(6 * x.shape[1], 8 * x.shape[3], 3).cpu().numpy()).save(
            path(f'samples-{at["pictures"] // 1000:06d}.png'))

    while True:
        now = time.time() - start
        share = (before + now) / (a.minutes * 60)
        if share >= 1 or a.stop_after and now >= a.stop_after * 60:
            break
        level, f, slower = schedule(share, top)
        if a.init_generator:                                            # the level above what the files draw fades in, or nothing does
            level, f = top, max(0.0, 1 - share / FADE) if begun < top else 0.0
        fade = fade_now.fill_(f) if f > 0 else None
        n, gamma = BATCH.get(2 ** level, 64), max(a.r1_gamma * (2 ** level / 64) ** 2, 0.05)
        n = min(n, a.batch) if a.batch else n
        if level != at['level']:
            opt_g, opt_d = adam(G), adam(D)
            at.update(level=level, began=at['pictures'], since=0)
            print(f'--- {2 ** level} pixels at {at["pictures"] / 1000:.1f} kimg, {before + now:.0f} s', flush=True)
        for group in (*opt_g.param_groups, *opt_d.param_groups):
            group['lr'] = a.rate * slower * min(1.0, (at['since'] + 1) / 100)     # Adam's first steps are as long as any

        D.requires_grad_(True)
        opt_d.zero_grad(set_to_none=True)
        with torch.no_grad(), amp:
            fake = G(torch.randn(n, a.latent, device=device), level, fade)
        real, fake = augment(portraits.draw(n, level, fade), at['augment']), augment(fake, at['augment'])
        with amp:
            s_real, s_fake = D(torch.cat([real, fake]).contiguous(memory_format=torch.channels_last), level, fade).split(n)
        loss_d = F.softplus(-s_real).mean() + F.softplus(s_fake).mean()
        loss_d.backward()
        if at['steps'] % 16 == 0:                                       # lazy R1, f32
            x = real.detach().requires_grad_(True)
            g, = torch.autograd.grad(D(x, level, fade, fused=False).sum(), x, create_graph=True)
            penalty = g.square().sum((1, 2, 3)).mean()
            (penalty * (gamma / 2 * 16)).backward()
            sums[4] += penalty.detach()
            n_r1 += 1
        opt_d.step()

        D.requires_grad_(False)
        opt_g.zero_grad(set_to_none=True)
        with amp:
            fake = G(torch.randn(n, a.latent, device=device), level, fade)
        fake = augment(fake, at['augment']).contiguous(memory_format=torch.channels_last)
        with amp:
            s = D(fake, level, fade)
        loss_g = F.softplus(-s).mean()
        loss_g.backward()
        opt_g.step()

        at['pictures'], at['steps'], at['since'], n_sums = at['pictures'] + n, at['steps'] + 1, at['since'] + 1, n_sums + 1
        half_life = a.average_over * 1000
        if not a.init_generator or begun < top:                         # else there are no beginnings to forget
            half_life = min(half_life, 0.05 * at['pictures'], 0.1 * (at['pictures'] - at['began']) + n)
        torch._foreach_lerp_(list(averaged.parameters()), list(G.parameters()), 1 - 0.5 ** (n / half_life))
        sums[:4] += torch.stack([loss_g.detach(), loss_d.detach(), s_real.detach().mean(), s_fake.detach().mean()])
        sums[5] += s_real.detach().sign().mean()
        if time.time() - t_log > a.log_every:
            v = (sums / torch.tensor([n_sums] * 4 + [max(n_r1, 1), n_sums], device=device)).tolist()
            at['sure'] = v[5]
            if a.augment_target:                                        # from nothing to always over 100,000 pictures, at most 0.85
                by = math.copysign((at['pictures'] - p_log) / 1e5, at['sure'] - a.augment_target)
                at['augment'] = min(max(at['augment'] + by, 0.0), 0.85)
            row = [at['pictures'], 2 ** level, f'{f:.3f}', *(f'{x:.4f}' for x in v), f'{at["augment"]:.3f}',
                   f'{(at["pictures"] - p_log) / (time.time() - t_log):.0f}', f'{before + time.time() - start:.0f}']
            print(*row, sep=',', file=log, flush=True)
            print(*row, flush=True)
            if not all(map(math.isfinite, v)):
                sys.exit('diverged: nothing was written')
            sums, n_sums, n_r1, t_log, p_log = torch.zeros(6, device=device), 0, 0, time.time(), at['pictures']
        if time.time() - t_save > a.save_every * 60:
            save(level, f)
            t_save = time.time()
    save(level, f)
    print('stopped at', at, flush=True)

# ---------------------------------------------------------------- checks
def fused_agrees(device):
    """Whether the fused pass gives what the plain one gives, pictures and gradients."""
    if device.type == 'cpu':
        Host.build()
    elif Fused is None:
        return False
    worst = 0.0
    dtype, allowed = (torch.bfloat16, 1e-2) if device.type == 'cpu' else (torch.float32, 1e-4)
    for norm in (True, False):
        for c, size in ((32, 20), (256, 4)):
            x = torch.randn(3, c, size, size, device=device).contiguous(memory_format=torch.channels_last)
            x, b, g = x.to(dtype), torch.randn(c, device=device), torch.randn_like(x)
            def run(fused):
                u, v = x.to(dtype if fused else torch.float32).clone().requires_grad_(True), b.clone().requires_grad_(True)
                y = act(u, v, norm, fused)
                return (y.detach(), *torch.autograd.grad((y * g).sum(), (u, v)))
            worst = max(worst, *((p - q).norm() / q.norm() for p, q in zip(run(True), run(False))))
    print(f'fused against plain: {worst:.1e}', flush=True)
    return bool(worst < allowed)

def selftest():
    """The enlarging convolution, both ends of a fade, a file read back, the fused pass, R1's second derivative."""
    a = argparse.Namespace(resolution=32, fmap_base=256, fmap_max=32, fmap_min=1, latent=48)
    G, D = Generator(a), Discriminator(a)
    for p in (*G.parameters(), *D.parameters()):
        p.data.add_(0.1 * torch.randn_like(p))
    z, x, w = torch.randn(8, 48), torch.randn(2, 5, 6, 6), torch.randn(7, 5, 3, 3)
    y, zero, one = G(z, 5), torch.tensor(0.0), torch.tensor(1.0)
    G2 = Generator(a)
    save_file({k: t.float() for k, t in G.export().items()}, 'selftest.safetensors.tmp')
    G2.read('selftest.safetensors.tmp')
    larger = Generator(argparse.Namespace(**{**vars(a), 'resolution': 64, 'fmap_min': 12}))
    larger.read('selftest.safetensors.tmp')
    os.remove('selftest.safetensors.tmp')
    pairs = dict(enlarged=(enlarged(x, w), F.conv2d(double(x), w, padding=1)), fade_g0=(G(z, 5, zero), y),
                 fade_g1=(G(z, 5, one), double(G(z, 4))), fade_d0=(D(y, 5, zero), D(y, 5)),
                 fade_d1=(D(y, 5, one), D(F.avg_pool2d(y, 2), 4)), read=(G2(z, 5) / 1e2, y / 1e2),
                 grown=(larger(z, 5) / 1e2, y / 1e2))
    errors = {k: ((p - q).abs().max() / q.abs().max()).item() for k, (p, q) in pairs.items()}
    r = y.detach().requires_grad_(True)
    torch.autograd.grad(D(r, 5, one / 2).sum(), r, create_graph=True)[0].square().sum().backward()
    ok = all(v < (1e-2 if k in ('read', 'grown') else 1e-5) for k, v in errors.items())
    ok &= D.conv(5, 0).weight.grad.abs().sum().item() > 0
    ok &= fused_agrees(torch.device('cpu'))
    ok &= Fused is None or not torch.cuda.is_available() or fused_agrees(torch.device('cuda'))
    print(json.dumps({k: f'{v:.1e}' for k, v in errors.items()}), 'ok' if ok else 'FAILED')
    return 0 if ok else 1

def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for k in ('table', 'prepare', 'out', 'init-generator', 'init-discriminator'):
        p.add_argument('--' + k)
    p.add_argument('--selftest', action='store_true')
    p.add_argument('--bf16', action='store_true', help='also on a CPU')
    for k, v in dict(resolution=128, fmap_base=2048, fmap_max=256, fmap_min=1, latent=256, minutes=13.0, stop_after=0.0, seed=1, batch=0,
                     rate=0.002, r1_gamma=0.25, augment=0.7, augment_target=0.6, average_over=15.0, log_every=10.0, save_every=10.0,
                     dataset='congress, office').items():
        p.add_argument('--' + k.replace('_', '-'), type=type(v), default=v)
    a = p.parse_args()
    if a.selftest:
        return selftest()
    if not a.table or not (a.out or a.prepare):
        p.error('--table and either --out or --prepare are needed')
    if bool(a.init_generator) != bool(a.init_discriminator):
        p.error('--init-generator and --init-discriminator go together')
    return prepare(a) if a.prepare else train(a)

if __name__ == '__main__':
    sys.exit(main())
