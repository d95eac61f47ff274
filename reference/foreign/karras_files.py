"""Pickles of the layouts of Karras' programs, without these programs: classes of the right names, states of the right keys, arrays
pickled by NumPy under the module names of its versions 1."""
import io
import pickle
import struct
import sys
import types
import numpy as np

def class_in(module, name):
    """An empty class that pickles as module.name."""
    made = type(name, (), {'__module__': module, '__getstate__': lambda self: self.state})
    setattr(sys.modules.setdefault(module, types.ModuleType(module)), name, made)
    return made

TensorFlowNetwork = class_in('tfutil', 'Network')
TheanoNetwork = class_in('network', 'Network')

class Pickler(pickle._Pickler):
    """Writes NumPy's names as its versions 1 did."""
    dispatch = dict(pickle._Pickler.dispatch)

    def save_global(self, obj, name=None):
        if getattr(obj, '__module__', '') == 'numpy._core.multiarray':
            return self.import_name('numpy.core.multiarray', obj.__name__, obj)
        return super().save_global(obj, name)

    dispatch[types.FunctionType] = save_global

    def import_name(self, module, name, obj):
        if self.proto >= 4:
            self.save(module)
            self.save(name)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + f'{module}\n{name}\n'.encode())
        self.memoize(obj)

class Python2Pickler(Pickler):
    """Protocol 2 as Python 2 writes it: text and bytes are both strings of bytes, and classes have their old names."""
    dispatch = dict(Pickler.dispatch)

    def save_string(self, obj):
        data = obj if isinstance(obj, bytes) else obj.encode('ascii')
        self.write(pickle.SHORT_BINSTRING + struct.pack('<B', len(data)) + data if len(data) < 256
                   else pickle.BINSTRING + struct.pack('<i', len(data)) + data)
        self.memoize(obj)

    dispatch[str] = dispatch[bytes] = save_string

def dump(obj, path, protocol, pickler=Pickler):
    buffer = io.BytesIO()
    pickler(buffer, protocol).dump(obj)
    with open(path, 'wb') as f:
        f.write(buffer.getvalue())
    # Python itself must be able to read it.
    if pickler is Pickler:
        pickle.loads(buffer.getvalue())

def network(kind, state):
    made = object.__new__(kind)
    made.state = state
    return made

def tensorflow_state(kind, variables, settings):
    return {'version': 2, 'name': kind, 'static_kwargs': settings,
            'build_module_src': 'import os\nos.system("echo this text must never be run")\n' * 20,
            'build_func_name': kind + '_paper', 'variables': list(variables)}

def theano_state(kind, variables, settings):
    """The same network as the Theano program had it: its layouts, its order, weight, scale, bias."""
    v, wscale, values = dict(variables), settings.get('use_wscale', True), []
    levels = int(np.log2(settings['resolution']))
    flip = lambda w: np.ascontiguousarray(w[::-1, ::-1].transpose(3, 2, 0, 1))
    def add(name, turn, gain=np.sqrt(2)):
        w = v[name + '/weight']
        scale = np.float32(gain / np.sqrt(np.prod(w.shape[:-1]))) if wscale else None
        # Some scale of its own, so that nobody can guess it.
        weight = turn(w) * (np.float32(0.5) if wscale else 1)
        values.extend([weight.astype(np.float32)] + ([np.array(2 * scale, np.float32)] if wscale else []) + [v[name + '/bias']])
    one = lambda w: w[0, 0]
    if kind == 'G':
        add('4x4/Dense', lambda w: w.reshape(len(w), -1, 4, 4).transpose(1, 0, 2, 3), np.sqrt(2) / 4)
        add('4x4/Conv', flip)
        for r in range(3, levels + 1):
            add(f'{2**r}x{2**r}/Conv0', flip)
            add(f'{2**r}x{2**r}/Conv1', flip)
        for lod in range(levels - 1):
            add(f'ToRGB_lod{lod}', one, 1)
    else:
        add('FromRGB_lod0', one)
        for r in range(levels, 2, -1):
            add(f'{2**r}x{2**r}/Conv0', flip)
            add(f'{2**r}x{2**r}/Conv1', flip)
            add(f'FromRGB_lod{levels - r + 1}', one)
        add('4x4/Conv', flip)
        add('4x4/Dense0', lambda w: w.T.reshape(w.shape[1], -1, 4, 4)[:, :, ::-1, ::-1])
        add('4x4/Dense1', lambda w: w, 1)
    spec = {'func': kind + '_paper', **{k: s for k, s in settings.items() if k not in ('fused_scale', 'mbstd_group_size')}}
    return {'build_func_spec': spec, 'param_values': values, 'toplevel_params': {'cur_lod': np.float32(v['lod'])}}
