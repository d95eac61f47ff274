#!/usr/bin/env python3
"""Times our generator and our GAN training step against PyTorch's and ONNX Runtime's, on the same weights.

Every contestant is a process of its own that obeys the lines of `src/main.rs` (`dump`, `draw`, `train`), ours
and theirs alike. They take turns, so that a noisy computer is noisy for all of them; pictures are compared before
anything is timed. Exit code 1: somebody's pictures differ, or ours is missing.
"""
import argparse, json, os, platform, statistics, subprocess, sys, tempfile, time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
BATCH, R1_EVERY, R1_GAMMA, RATE = 16, 16, 1.0, 0.002
# Largest difference to PyTorch, over the largest value; bf16 keeps eight bits.
TOLERANCE, TOLERANCE_BF16 = 1e-3, 0.2
# Of pictures from a graphics card: ours are bytes.
TOLERANCE_CARD = 0.05
# Whose warm-up took longer is not asked again; its figures are those of the warm-up.
PATIENCE_MS = 15_000
# Before a turn: the threads of the one before (ONNX Runtime's above all) spin on for a while, waiting for work.
REST_S = 0.2


@dataclass
class Net:
    """A progressive GAN; level r has 2^r pixels and the maps of stage r - 1."""
    resolution: int
    base: int
    most: int
    latent: int

    @property
    def levels(self):
        return self.resolution.bit_length() - 1

    def maps(self, stage):
        return min(self.base >> stage, self.most)


# name: shape, turns, runs a turn (of which the first is not counted where there are several)
DRAWN = {'generator 128': (Net(128, 2048, 128, 512), 15, 4), 'generator 1024': (Net(1024, 8192, 512, 512), 7, 1)}
# On a graphics card: the paper's network up to each level.
ON_CARD = {f'card {size}': (Net(size, 8192, 512, 512), 15, 20) for size in (128, 256, 512, 1024)}
TRAINED = {'training 64': (Net(64, 2048, 128, 512), 5, 2)}


def make_weights(net, path):
    """Random weights in our format, and two latents beside them."""
    from safetensors.numpy import save_file
    rng, tensors = np.random.default_rng(1), {}

    def layer(name, shape, biases, gain=2.0):
        scale = np.sqrt(gain / np.prod(shape[1:]))
        tensors[f'{name}/weight'] = (rng.standard_normal(shape) * scale).astype('<f4')
        tensors[f'{name}/bias'] = (rng.standard_normal(biases) * 0.1).astype('<f4')

    maps = net.maps(1)
    layer('4x4/Dense', (16 * maps, net.latent), maps, gain=2.0 / 16)
    layer('4x4/Conv', (maps, maps, 3, 3), maps)
    for r in range(2, net.levels + 1):
        below, maps = net.maps(r - 2), net.maps(r - 1)
        if r > 2:
            layer(f'{2**r}x{2**r}/Conv0', (maps, below, 3, 3), maps)
            layer(f'{2**r}x{2**r}/Conv1', (maps, maps, 3, 3), maps)
        layer(f'ToRGB_lod{net.levels - r}', (3, maps, 1, 1), 3, gain=1.0)
    about = dict(format='narcissus-pggan-1', resolution=net.resolution, fmap_base=net.base, fmap_max=net.most,
                 latent_size=net.latent)
    save_file(tensors, path, {k: str(v) for k, v in about.items()})
    rng.standard_normal((2, net.latent)).astype('<f4').tofile(path.with_suffix('.latents'))


# ---------------------------------------------------------------- their side, in processes of its own

def networks():
    """The PyTorch modules; a function, so that the parent never loads PyTorch."""
    import torch
    import torch.nn as nn
    import torch.nn.functional as F

    def activate(x):
        return F.leaky_relu(x, 0.2)

    def pixel_norm(x):
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)

    class Scaled(nn.Module):
        """A convolution or dense layer whose weight is multiplied by a constant at run time (1: a plain layer)."""
        def __init__(self, weight, bias, scale=1.0):
            super().__init__()
            self.weight, self.bias, self.scale = nn.Parameter(weight / scale), nn.Parameter(bias), scale

        def forward(self, x):
            weight = self.weight if self.scale == 1.0 else self.weight * self.scale
            if weight.dim() == 2:
                return F.linear(x, weight, self.bias)
            return F.conv2d(x, weight, self.bias, padding=weight.shape[2] // 2)

    class Generator(nn.Module):
        def __init__(self, net, tensors, to_train=False, channels_last=False):
            super().__init__()
            self.channels_last = channels_last

            def layer(name, gain=2.0, biases=True):
                weight, bias = tensors[f'{name}/weight'], tensors[f'{name}/bias']
                scale = float(np.sqrt(gain / weight[0].numel())) if to_train else 1.0
                return Scaled(weight, bias if biases else torch.zeros(len(weight)), scale)

            # The first layer has a bias a map, not one an output.
            self.dense, self.bias = layer('4x4/Dense', 2.0 / 16, False), nn.Parameter(tensors['4x4/Dense/bias'])
            self.dense.bias.requires_grad_(False)
            self.conv = layer('4x4/Conv')
            sizes = [2**r for r in range(3, net.levels + 1)]
            self.first = nn.ModuleList(layer(f'{s}x{s}/Conv0') for s in sizes)
            self.second = nn.ModuleList(layer(f'{s}x{s}/Conv1') for s in sizes)
            self.to_rgb = layer('ToRGB_lod0', 1.0)

        def forward(self, z):
            x = self.dense(pixel_norm(z)).view(len(z), -1, 4, 4)
            if self.channels_last:
                x = x.contiguous(memory_format=torch.channels_last)
            x = pixel_norm(activate(x + self.bias.view(1, -1, 1, 1)))
            x = pixel_norm(activate(self.conv(x)))
            for first, second in zip(self.first, self.second):
                x = pixel_norm(activate(first(F.interpolate(x, scale_factor=2.0, mode='nearest'))))
                x = pixel_norm(activate(second(x)))
            return self.to_rgb(x)

    class Discriminator(nn.Module):
        def __init__(self, net):
            super().__init__()

            def layer(*shape, gain=2.0):
                scale = float(np.sqrt(gain / np.prod(shape[1:])))
                return Scaled(torch.randn(shape) * scale, torch.zeros(shape[0]), scale)

            down = range(net.levels, 2, -1)
            self.from_rgb = layer(net.maps(net.levels - 1), 3, 1, 1)
            self.first = nn.ModuleList(layer(net.maps(r - 1), net.maps(r - 1), 3, 3) for r in down)
            self.second = nn.ModuleList(layer(net.maps(r - 2), net.maps(r - 1), 3, 3) for r in down)
            self.conv = layer(net.maps(1), net.maps(1) + 1, 3, 3)
            self.hidden, self.score = layer(net.maps(0), 16 * net.maps(1)), layer(1, net.maps(0), gain=1.0)

        def forward(self, x):
            x = activate(self.from_rgb(x))
            for first, second in zip(self.first, self.second):
                x = F.avg_pool2d(activate(second(activate(first(x)))), 2)
            n, c, h, w = x.shape
            groups = x.float().reshape(n // 4, 4, c, h, w)
            spread = (groups.var(1, unbiased=False) + 1e-8).sqrt().mean((1, 2, 3)).repeat_interleave(4)
            x = torch.cat([x, spread.to(x.dtype).view(n, 1, 1, 1).expand(n, 1, h, w)], 1)
            return self.score(activate(self.hidden(activate(self.conv(x)).flatten(1)))).float().squeeze(1)

    return Generator, Discriminator


class Drawer:
    """PyTorch without gradients: eager, channels_last or compiled."""
    def __init__(self, kind, net, weights, threads):
        import torch
        from safetensors.torch import load_file
        torch.set_num_threads(threads)
        self.torch, last = torch, 'channels_last' in kind
        self.run = networks()[0](net, load_file(weights), channels_last=last).eval().requires_grad_(False)
        if last:
            self.run = self.run.to(memory_format=torch.channels_last)
        if 'compile' in kind:
            import torch._inductor.config
            torch._inductor.config.freezing = True
            self.run = torch.compile(self.run, dynamic=False)

    def draw(self, z):
        with self.torch.no_grad():
            return self.run(self.torch.from_numpy(z))

    def numpy(self, y):
        return y.float().permute(0, 2, 3, 1).contiguous().numpy()


class CardDrawer(Drawer):
    """PyTorch on a CUDA card; as ours, it gives the picture's bytes to the CPU."""
    def __init__(self, kind, net, weights, threads):
        super().__init__(kind, net, weights, threads)
        self.half, self.run = 'f16' in kind, self.run.cuda()
        if self.half:
            self.run = self.run.half()

    def draw(self, z):
        with self.torch.no_grad():
            z = self.torch.from_numpy(z).cuda()
            y = self.run(z.half() if self.half else z)
            return (y.float() * 127.5 + 127.5).round().clamp(0, 255).to(self.torch.uint8).cpu()

    def numpy(self, y):
        return super().numpy(y) / 127.5 - 1


class OnnxRuntime:
    def __init__(self, _kind, _net, weights, threads):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        self.session = onnxruntime.InferenceSession(weights.with_suffix('.onnx'), options, ['CPUExecutionProvider'])

    def draw(self, z):
        return self.session.run(None, {'z': z})[0]

    def numpy(self, y):
        return np.ascontiguousarray(y.transpose(0, 2, 3, 1))


class Trainer(Drawer):
    """PyTorch's training step: logistic loss, lazy R1, averaged generator; f32 or bf16 autocast (R1 stays f32)."""
    def __init__(self, kind, net, weights, threads):
        import torch
        from safetensors.torch import load_file
        torch.set_num_threads(threads)
        torch.manual_seed(1)
        self.torch, self.net, self.amp = torch, net, torch.autocast('cpu', torch.bfloat16, enabled='bf16' in kind)
        Generator, Discriminator = networks()
        make = lambda: Generator(net, load_file(weights), True, True).to(memory_format=torch.channels_last)
        self.g, self.averaged = make(), make().requires_grad_(False)
        self.d = Discriminator(net).to(memory_format=torch.channels_last)
        learned = [p for p in self.g.parameters() if p.requires_grad]
        self.adam_g, self.adam_d = (torch.optim.Adam(p, RATE, (0.0, 0.99), fused=True)
                                    for p in (learned, list(self.d.parameters())))
        side = net.resolution
        self.data = torch.randint(256, (64, 3, side, side), dtype=torch.uint8)
        self.pictures = 0

    def run(self, z):
        with self.amp:
            return self.g(z)

    def reals(self, n):
        torch = self.torch
        x = self.data[torch.randint(len(self.data), (n,))].float() / 127.5 - 1
        x = torch.where(torch.rand(n, 1, 1, 1) < 0.5, x.flip(3), x)
        return x.contiguous(memory_format=torch.channels_last)

    def judge(self, x):
        with self.amp:
            return self.d(x)

    def step(self, n, penalised):
        torch, softplus = self.torch, self.torch.nn.functional.softplus
        self.d.requires_grad_(True)
        self.adam_d.zero_grad()
        with torch.no_grad():
            fake = self.run(torch.randn(n, self.net.latent))
        real = self.reals(n)
        on_real, on_fake = self.judge(torch.cat([real, fake.float()])).split(n)
        (softplus(-on_real).mean() + softplus(on_fake).mean()).backward()
        if penalised:
            real.requires_grad_(True)
            slope, = torch.autograd.grad(self.d(real).sum(), real, create_graph=True)
            weight = R1_GAMMA * (self.net.resolution / 64) ** 2 * R1_EVERY
            (weight / 2 * slope.square().sum((1, 2, 3)).mean()).backward()
        self.adam_d.step()

        self.d.requires_grad_(False)
        self.adam_g.zero_grad()
        loss = softplus(-self.judge(self.run(torch.randn(n, self.net.latent)).float())).mean()
        loss.backward()
        self.adam_g.step()
        self.pictures += n
        torch._foreach_lerp_(list(self.averaged.parameters()), list(self.g.parameters()),
                             1 - 0.5 ** (n / min(10_000, 0.05 * self.pictures)))
        assert torch.isfinite(loss), 'the training diverged'


def export(net, weights):
    import torch
    from safetensors.torch import load_file
    model = networks()[0](net, load_file(weights)).eval().requires_grad_(False)
    torch.onnx.export(model, (torch.zeros(1, net.latent),), weights.with_suffix('.onnx'), input_names=['z'],
                      dynamo=True, external_data=False, verbose=False)


def worker(kind, net, weights, threads):
    """Obeys as our side does. Networks are compiled and exported for a batch of 1; `dump` draws one by one."""
    answers, sys.stdout = sys.stdout, sys.stderr            # libraries may chat
    if kind == 'export':
        return export(net, weights)
    latents = np.fromfile(weights.with_suffix('.latents'), '<f4').reshape(-1, net.latent)
    peer = (Trainer if 'training' in kind else OnnxRuntime if 'ONNX' in kind else CardDrawer if 'CUDA' in kind else Drawer)(kind, net, weights, threads)
    print('ready', file=answers, flush=True)
    for line in sys.stdin:
        word, *rest = line.split()
        began = time.perf_counter()
        if word == 'draw':
            peer.draw(latents[:int(rest[0])])
        elif word == 'train':
            peer.step(int(rest[0]), rest[1:] == ['r1'])
        elif word == 'dump':
            np.concatenate([peer.numpy(peer.draw(latents[i:i + 1])) for i in range(len(latents))]).tofile(rest[0])
        print((time.perf_counter() - began) * 1e3, file=answers, flush=True)


# ---------------------------------------------------------------- the comparison

class Contestant:
    def __init__(self, name, command, env=None):
        self.name, self.times, self.penalised, self.note = name, [], [], ''
        self.difference = None
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log, text=True, env={**os.environ, **(env or {})})
        self.greeting = self.hear()

    def peak_mib(self):
        status = open(f'/proc/{self.process.pid}/status')
        return int(next(line for line in status if line.startswith('VmHWM')).split()[1]) / 1024

    def hear(self):
        answer = self.process.stdout.readline().strip()
        if not answer:
            self.process.wait()
            self.log.seek(0)
            lines = self.log.read().decode(errors='replace').strip().splitlines() or ['it ended without a word']
            raise RuntimeError(lines[-1][:200])
        return answer

    def ask(self, line):
        self.process.stdin.write(line + '\n')
        self.process.stdin.flush()
        return float(self.hear())

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def enter(entries, folder, tolerance=TOLERANCE):
    """Starts the contestants one after another and compares their pictures with the first one's."""
    contestants, failed, reference, isa = [], {}, None, None
    for name, command, env in entries:
        print(f'  starting {name}', file=sys.stderr)
        try:
            c = Contestant(name, command, env)
            if env and c.greeting == isa:                   # the same as without the variable
                c.close()
                continue
            if name == 'ours':
                isa, c.note = c.greeting, c.greeting
            file = folder / 'dump'
            c.ask(f'dump {file}')
            y = np.fromfile(file, '<f4')
            reference = y if reference is None else reference
            of_card = 'gpu' in name or 'CUDA' in name
            # A card's pictures come as bytes, which end at -1 and 1.
            expected = np.clip(reference, -1, 1) if of_card else reference
            c.difference = float(np.abs((np.clip(y, -1, 1) if of_card else y) - expected).max())
            limit = (TOLERANCE_BF16 if 'bf16' in name else TOLERANCE_CARD if of_card else tolerance) * float(np.abs(reference).max())
            if not c.difference <= limit:
                c.close()
                raise RuntimeError(f'its pictures differ by {c.difference:.1e}, allowed are {limit:.1e}')
            contestants.append(c)
        except (RuntimeError, OSError, ValueError) as why:
            failed[name] = str(why)
            print(f'  {name}: {why}', file=sys.stderr)
    return contestants, failed


def compare(name, args, folder):
    net, turns, runs = {**DRAWN, **TRAINED, **ON_CARD}[name]
    training, weights = name in TRAINED, folder / f'{name.split()[-1]}.safetensors'
    make_weights(net, weights)
    shape = [net.resolution, net.base, net.most, net.latent]
    theirs = lambda kind: (kind, [sys.executable, __file__, '--threads', args.threads, '--worker', kind, weights, *shape], None)
    ours = lambda name, threads=args.threads, *flags, **env: (
        name, [args.peer, weights, weights.with_suffix('.latents'), '--threads', threads, *flags], env)
    if training:
        entries = [theirs('PyTorch training, channels_last'), theirs('PyTorch training, bf16 autocast'), ours('ours')]
    elif name in ON_CARD:
        kinds = [f'CUDA {kind}{last}{half}' for half in ('', ' f16') for kind in ('eager', 'torch.compile') for last in ('', ' channels_last')]
        entries = [theirs('PyTorch eager'), *map(theirs, kinds), ours('ours'), ours('ours, gpu', args.threads, '--gpu', 'f32'),
                   ours('ours, gpu f16', args.threads, '--gpu', 'f16')]
    else:
        subprocess.run([*map(str, theirs('export')[1])], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        entries = [*map(theirs, ('PyTorch eager', 'PyTorch channels_last', 'torch.compile', 'torch.compile channels_last',
                                 'ONNX Runtime')),
                   ours('ours'), *([ours('ours, 1 thread', 1)] if args.threads != 1 else []),
                   *(ours(f'ours, {isa}', NARCISSUS_SIMD=isa) for isa in ('avx2', 'portable')),
                   ours('ours, bf16', args.threads, '--bf16')]
    contestants, failed = enter([e for e in entries if e[0] not in args.skip], folder)
    for turn in range(-1, args.turns or turns):              # turn -1 warms up
        print(f'  {name}: turn {turn + 1}', file=sys.stderr)
        for c in contestants:
            if turn >= 0 and min(c.times) > PATIENCE_MS:
                c.note = 'one run only'
                continue
            time.sleep(REST_S)
            ms = [c.ask(f'train {BATCH}' if training else 'draw 1') for _ in range(runs if turn >= 0 else 1)]
            r1 = [c.ask(f'train {BATCH} r1')] if training else []
            if turn <= 0:
                c.times, c.penalised = [], []
            c.times += ms if training else ms[min(1, len(ms) - 1):]
            c.penalised += r1
    rows = []
    for c in contestants:
        peak = c.peak_mib()
        c.close()
        row = dict(name=c.name, median_ms=statistics.median(c.times), min_ms=min(c.times), runs=len(c.times),
                   peak_mib=peak, difference=c.difference, note=c.note)
        if training:
            row['r1_median_ms'], row['r1_min_ms'] = statistics.median(c.penalised), min(c.penalised)
            cycle = lambda plain, r1: R1_EVERY * BATCH * 1e3 / ((R1_EVERY - 1) * plain + r1)
            row['pictures_per_s'] = cycle(row['median_ms'], row['r1_median_ms'])
            row['pictures_per_s_best'] = cycle(row['min_ms'], row['r1_min_ms'])
        rows.append(row)
    return rows, failed


def table(name, rows, failed):
    training = name in TRAINED
    head = ['median ms', 'min ms', *(['R1 ms', 'pictures/s', 'best'] if training else []), 'peak MiB', 'difference']
    print(f'\n{name:36}' + ''.join(f'{h:>12}' for h in head))
    for r in rows:
        cells = [f'{r["median_ms"]:.2f}', f'{r["min_ms"]:.2f}',
                 *([f'{r["r1_median_ms"]:.2f}', f'{r["pictures_per_s"]:.2f}', f'{r["pictures_per_s_best"]:.2f}'] if training else []),
                 f'{r["peak_mib"]:.0f}', f'{r["difference"]:.1e}']
        label = r['name'] + (f' ({r["note"]})' if r['note'] else '')
        print(f'{label:36}' + ''.join(f'{c:>12}' for c in cells))
    for who, why in failed.items():
        print(f'{who:36}{why}')


def build(args):
    """Our side from the workspace; where cargo put it."""
    command = ['cargo', 'build', '--release', '-p', 'bench', '--bin', 'peer', '--message-format', 'json']
    command += ['--features', 'gpu'] if args.card or set(args.only or ()) & set(ON_CARD) else []
    out = subprocess.run(command, cwd=HERE, check=True, stdout=subprocess.PIPE, text=True).stdout
    return next(m['executable'] for m in map(json.loads, out.splitlines()) if m.get('executable'))


def about(args):
    from importlib.metadata import version
    cpu = platform.processor()
    if os.path.exists('/proc/cpuinfo'):
        cpu = next((s.split(':')[1].strip() for s in open('/proc/cpuinfo') if s.startswith('model name')), cpu)
    versions = {p: version(p) for p in ('torch', 'onnxruntime')}
    return dict(cpu=cpu, cores=os.cpu_count(), threads=args.threads, versions=versions)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--peer', help='our side; by default it is built from the workspace')
    parser.add_argument('--only', choices=[*DRAWN, *TRAINED, *ON_CARD], action='append', help='again for several; default: all')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--turns', type=int, help='in place of the default of each network')
    parser.add_argument('--skip', action='append', default=[], metavar='CONTESTANT', help='as the table names it')
    parser.add_argument('--json', help='writes the figures to this file')
    parser.add_argument('--card', action='store_true', help='on a graphics card, which PyTorch must reach through CUDA')
    parser.add_argument('--worker', nargs=6, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        kind, weights, *shape = args.worker
        return worker(kind, Net(*map(int, shape)), Path(weights), args.threads)
    args.peer = args.peer or build(args)
    result = dict(about(args), networks={}, failed={})
    print(f'{result["cpu"]}, {result["cores"]} cores, {args.threads} threads; ' +
          ', '.join(f'{k} {v}' for k, v in result['versions'].items()))
    with tempfile.TemporaryDirectory() as folder:
        for name in args.only or (ON_CARD if args.card else [*DRAWN, *TRAINED]):
            rows, failed = compare(name, args, Path(folder))
            table(name, rows, failed)
            result['networks'][name], result['failed'][name] = rows, failed
            if args.json:
                Path(args.json).write_text(json.dumps(result, indent=1))
    ours = all(any(r['name'] == 'ours' for r in rows) for rows in result['networks'].values())
    differ = any('differ' in why for failed in result['failed'].values() for why in failed.values())
    return 0 if ours and not differ else 1


if __name__ == '__main__':
    sys.exit(main())
