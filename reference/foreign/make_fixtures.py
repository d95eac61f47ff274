#!/usr/bin/env python3
"""Writes files of the layouts of other programs, with random weights, and what paper.py draws with them.

  make_fixtures.py testdata/foreign          the small ones, which are part of the repository
  make_fixtures.py --full karras.pkl         one of the size of the published CelebA-HQ file: 1024x1024, G, D and Gs, 277 MB

Plain Python and NumPy; nothing of TensorFlow, Theano or PyTorch is needed."""
import collections
import sys
import numpy as np
import karras_files as karras
import paper
import ports
import safetensors_file
import torch_files as torch

COMMON = dict(num_channels=3, resolution=16, label_size=0, fmap_base=40, fmap_max=6, latent_size=9)
FULL = dict(num_channels=3, resolution=1024, label_size=0, fmap_base=8192, fmap_max=512, fused_scale=True)

def check_operations(folder):
    kept = safetensors_file.load(f'{folder}/tensorflow.safetensors')
    for name, ours in (('conv2d', paper.conv2d(kept['x'], kept['w'])),
                       ('conv2d_down', paper.conv2d(kept['x'], paper.four_shifts(kept['w']), 2)),
                       ('conv2d_transpose', paper.conv2d_transpose(kept['x'], paper.four_shifts(kept['up'])))):
        assert np.abs(ours - kept[name]).max() < 1e-4, name

def karras_tuple(settings, rng):
    """Variables of G, D and Gs."""
    judge = {**settings, 'mbstd_group_size': 4}
    return [('G', paper.variables('G', settings, rng), settings), ('D', paper.variables('D', judge, rng), judge),
            ('G', paper.variables('G', settings, rng), settings)]

def golden(name, nets, rng, out):
    """What G and Gs draw of two latents, what D says of four pictures."""
    (_, g, settings), (_, d, _), (_, gs, _) = nets
    latent = dict(g)['4x4/Dense/weight'].shape[0]
    z, side = rng.standard_normal((2, latent)), settings['resolution']
    x = 0.5 * rng.standard_normal((4, settings['num_channels'], side, side))
    out.update({f'{name}/z': z, f'{name}/x': x, f'{name}/D': paper.judge(dict(d), x, settings)})
    for network, variables in (('G', g), ('Gs', gs)):
        for picture in paper.generate(dict(variables), z, settings):
            out[f'{name}/{network}/{picture.shape[2]}'] = picture

def write_karras(folder, out):
    rng = np.random.default_rng(7)
    for name, protocol, change in (
            ('tensorflow-fused-p2', 2, dict(fused_scale=True)),
            # Maps that do not halve, one colour, one more bias to get wrong.
            ('tensorflow-unfused-p3', 3, dict(fused_scale=False, fmap_decay=0.7, num_channels=1)),
            ('tensorflow-fused-p4', 4, dict(fused_scale=True, use_wscale=False))):
        nets = karras_tuple({**COMMON, **change}, rng)
        states = [karras.network(karras.TensorFlowNetwork, karras.tensorflow_state(k, v, s)) for k, v, s in nets]
        karras.dump(tuple(states), f'{folder}/{name}.pkl', protocol)
        golden(name, nets, rng, out)
    for name, protocol, pickler, change in (
            ('theano-python2', 2, karras.Python2Pickler, {}),
            ('theano-p4', 4, karras.Pickler, dict(use_wscale=False))):
        nets = karras_tuple({**COMMON, 'fused_scale': False, **change}, rng)
        states = [karras.network(karras.TheanoNetwork, karras.theano_state(k, v, s)) for k, v, s in nets]
        karras.dump(tuple(states), f'{folder}/{name}.pkl', protocol, pickler)
        golden(name, nets, rng, out)

def write_other_protocols(folder, out):
    """The protocols that nobody chooses: 0 in text, 1, and 5 with its arrays in the file."""
    rng = np.random.default_rng(13)
    for protocol in (0, 1, 5):
        nets = karras_tuple({**COMMON, 'resolution': 8, 'fmap_max': 4, 'latent_size': 5, 'fused_scale': False}, rng)
        states = [karras.network(karras.TensorFlowNetwork, karras.tensorflow_state(k, v, s)) for k, v, s in nets]
        karras.dump(tuple(states), f'{folder}/tensorflow-p{protocol}.pkl', protocol)
        golden(f'tensorflow-p{protocol}', nets, rng, out)

def write_torch(folder, out):
    rng = np.random.default_rng(11)
    def tensors(state):
        # Some convolutions lie transposed in their storage.
        kinds = lambda i, a: torch.Tensor.transposed(a) if a.ndim == 4 and i % 4 == 2 else torch.Tensor(a)
        return collections.OrderedDict((k, kinds(i, a)) for i, (k, a) in enumerate(state.items()))
    def keep(name, made, latent):
        state, forward = made
        z = rng.standard_normal((2, latent))
        out.update({f'{name}/z': z, f'{name}/Gs/16': forward(z)})
        return tensors(state)
    depths, latent = [6, 6, 4], 9
    config = torch.ZooConfig()
    config.state = dict(depthScale0=6, depthOtherScales=[6, 4], alpha=0, equalizedlR=True, leakyReluLeak=0.2,
                        perChannelNormalization=True, categoryVectorDim=0, attribKeysOrder=None, learningRate=0.001)
    for name, save in (('gan-zoo', torch.save_archive), ('gan-zoo-legacy', torch.save_legacy)):
        averaged = keep(name, ports.gan_zoo(depths, latent, rng), latent)
        other = tensors(ports.gan_zoo(depths, latent, rng)[0])
        save(dict(config=config, netG=other, netD=collections.OrderedDict(), avgG=averaged), f'{folder}/{name}.pth')
    torch.save_archive(keep('proggan', ports.proggan(depths, latent, rng, False), latent), f'{folder}/proggan.pth')
    torch.save_legacy(dict(state_dict=keep('proggan-old', ports.proggan(depths, latent, rng, True), latent)),
                      f'{folder}/proggan-old.pth')
    smooth = keep('genforce', ports.genforce([6, 5, 5], latent, rng), latent)
    torch.save_archive(dict(generator_smooth=smooth, discriminator=collections.OrderedDict()), f'{folder}/genforce.pth')
    averaged = keep('twin', ports.twin(depths, latent, rng), latent)
    # As reference/train_pggan.py writes it; stopped while the last level faded in; as it was written before; and without a word of that.
    state = dict(G=collections.OrderedDict(), D=collections.OrderedDict(), Gs=averaged, at=dict(pictures=1000, seconds=2.5))
    torch.save_archive(dict(state, lod=0.0), f'{folder}/twin-checkpoint.pth')
    torch.save_archive(dict(state, lod=0.75), f'{folder}/twin-fading.pth')
    torch.save_archive(dict(state, nimg=1000, level=4, fade=0.0, args=dict(data='x', minutes=1.5)), f'{folder}/twin-old.pth')
    torch.save_archive(state, f'{folder}/twin-untold.pth')

def main():
    if sys.argv[1] == '--full':
        nets = karras_tuple(FULL, np.random.default_rng(1))
        states = [karras.network(karras.TensorFlowNetwork, karras.tensorflow_state(k, v, s)) for k, v, s in nets]
        return karras.dump(tuple(states), sys.argv[2], 3)
    folder, out = sys.argv[1], {}
    check_operations(folder)
    write_karras(folder, out)
    write_torch(folder, out)
    write_other_protocols(folder, out)
    safetensors_file.save(f'{folder}/golden.safetensors', out, {'made_by': 'reference/foreign/make_fixtures.py'})

main()
