"""Files as torch.save writes them, without PyTorch: classes and functions of the right names, storages apart from the pickle."""
import collections
import io
import pickle
import struct
import sys
import types
import zipfile
import numpy as np
from karras_files import class_in

def module(name):
    return sys.modules.setdefault(name, types.ModuleType(name))

def stand_in(module_name, name):
    """A function that pickles as module.name and is never called here."""
    f = types.FunctionType((lambda *a: None).__code__, {}, name)
    f.__module__, f.__qualname__ = module_name, name
    setattr(module(module_name), name, f)
    return f

rebuild = None if 'torch' in sys.modules else stand_in('torch._utils', '_rebuild_tensor_v2')
STORAGES = {n: class_in('torch', s) for n, s in (('float32', 'FloatStorage'), ('float16', 'HalfStorage'),
                                                 ('int64', 'LongStorage'))} if rebuild else {}
for parent in ('models', 'models.utils'):
    module(parent)
ZooConfig = class_in('models.utils.config', 'BaseConfig')

class Tensor:
    """Numbers in a storage; `base` shares that of another tensor, so that strides matter."""
    def __init__(self, array, base=None):
        self.storage = base if base is not None else np.ascontiguousarray(array)
        self.array = array

    def __reduce__(self):
        a, size = self.array, self.array.itemsize
        offset = (a.__array_interface__['data'][0] - self.storage.__array_interface__['data'][0]) // size
        strides = tuple(s // size for s in a.strides)
        return rebuild, (Storage(self.storage), offset, a.shape, strides, False, collections.OrderedDict())

    @classmethod
    def transposed(cls, array):
        """The same numbers, the first two axes swapped in the storage."""
        base = np.ascontiguousarray(array.swapaxes(0, 1))
        return cls(base.swapaxes(0, 1), base)

class Storage:
    def __init__(self, array):
        self.array = array

class Pickler(pickle._Pickler):
    def __init__(self, file, legacy):
        super().__init__(file, 2)
        self.storages, self.legacy = {}, legacy

    def persistent_id(self, obj):
        if isinstance(obj, Storage):
            key = str(self.storages.setdefault(id(obj.array), (len(self.storages), obj.array))[0])
            found = ('storage', STORAGES[obj.array.dtype.name], key, 'cpu', obj.array.size)
            return (*found, None) if self.legacy else found

def save_archive(obj, path):
    data = io.BytesIO()
    pickler = Pickler(data, legacy=False)
    pickler.dump(obj)
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_STORED) as archive:
        add = lambda name, content: archive.writestr(zipfile.ZipInfo('archive/' + name), content)
        add('data.pkl', data.getvalue())
        add('byteorder', 'little')
        for key, array in pickler.storages.values():
            add(f'data/{key}', array.tobytes())
        add('version', '3\n')

def save_legacy(obj, path):
    with open(path, 'wb') as f:
        for first in (0x1950a86a20f9469cfc6c, 1001, dict(protocol_version=1001, little_endian=True,
                                                        type_sizes=dict(short=2, int=4, long=4))):
            pickle.dump(first, f, 2)
        pickler = Pickler(f, legacy=True)
        pickler.dump(obj)
        pickle.dump([str(key) for key, _ in pickler.storages.values()], f, 2)
        for _, array in pickler.storages.values():
            f.write(struct.pack('<q', array.size) + array.tobytes())
