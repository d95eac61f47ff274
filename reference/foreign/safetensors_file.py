"""Safetensors files with nothing but NumPy."""
import json
import struct
import numpy as np

NAMES = {'float32': 'F32', 'float16': 'F16'}

def save(path, tensors, metadata):
    header, data, at = {'__metadata__': {k: str(v) for k, v in metadata.items()}}, [], 0
    for name, array in sorted(tensors.items()):
        array = np.ascontiguousarray(array, np.float32 if array.dtype == np.float64 else array.dtype)
        header[name] = {'dtype': NAMES[array.dtype.name], 'shape': list(array.shape), 'data_offsets': [at, at + array.nbytes]}
        data.append(array.tobytes())
        at += array.nbytes
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text + b''.join(data))

def load(path):
    with open(path, 'rb') as f:
        header = json.loads(f.read(struct.unpack('<Q', f.read(8))[0]))
        start, types = f.tell(), {v: k for k, v in NAMES.items()}
        header.pop('__metadata__', None)
        tensors = {}
        for name, about in header.items():
            a, b = about['data_offsets']
            f.seek(start + a)
            tensors[name] = np.frombuffer(f.read(b - a), types[about['dtype']]).reshape(about['shape'])
    return tensors
