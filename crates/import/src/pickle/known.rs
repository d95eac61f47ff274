//! The names that a generator's pickle may import.

use crate::array::ElementType;

/// A name that we know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// `numpy.core.multiarray._reconstruct`: an empty array, to be filled by its state.
    NumpyReconstruct,
    /// `numpy.core.multiarray.scalar`: a single number.
    NumpyScalar,
    /// `numpy.ndarray`.
    NumpyArray,
    /// `numpy.dtype`.
    NumpyDtype,
    /// `numpy.core.numeric._frombuffer`: an array of its bytes, as protocol 5 writes it.
    NumpyFromBuffer,
    /// `_codecs.encode`: bytes that were written as text.
    Encode,
    /// `collections.OrderedDict`.
    OrderedDict,
    /// `copy_reg._reconstructor`: an instance of a class, as protocols 0 and 1 write it.
    Reconstructor,
    /// `object`, of which all classes are.
    ObjectClass,
    /// `tfutil.Network`: Karras' networks in TensorFlow.
    TensorFlowNetwork,
    /// `network.Network`: Karras' networks in Theano.
    TheanoNetwork,
    /// `torch._utils._rebuild_tensor`, with or without `_v2`.
    TorchTensor,
    /// `torch._utils._rebuild_parameter`.
    TorchParameter,
    /// `torch.FloatStorage` and its like.
    TorchStorage(ElementType),
    /// `models.utils.config.BaseConfig`: the settings of PyTorch GAN Zoo.
    ZooConfig,
}

impl Known {
    /// Looks a name up.
    pub fn of(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => Self::NumpyReconstruct,
            ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => Self::NumpyScalar,
            ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => Self::NumpyFromBuffer,
            ("numpy", "ndarray") => Self::NumpyArray,
            ("numpy", "dtype") => Self::NumpyDtype,
            ("_codecs", "encode") => Self::Encode,
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("copy_reg" | "copyreg", "_reconstructor") => Self::Reconstructor,
            ("__builtin__" | "builtins", "object") => Self::ObjectClass,
            ("tfutil", "Network") => Self::TensorFlowNetwork,
            ("network", "Network") => Self::TheanoNetwork,
            ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Self::TorchTensor,
            ("torch._utils", "_rebuild_parameter") => Self::TorchParameter,
            ("torch", storage) => Self::TorchStorage(torch_dtype(storage)?),
            (module, "BaseConfig") if format!(".{module}").ends_with(".models.utils.config") => Self::ZooConfig,
            _ => return None,
        })
    }

    /// What it is, for errors.
    pub fn name(self) -> &'static str {
        match self {
            Self::NumpyReconstruct => "numpy's _reconstruct",
            Self::NumpyScalar => "numpy's scalar",
            Self::NumpyArray => "numpy.ndarray",
            Self::NumpyDtype => "numpy.dtype",
            Self::NumpyFromBuffer => "numpy's _frombuffer",
            Self::Encode => "_codecs.encode",
            Self::OrderedDict => "collections.OrderedDict",
            Self::Reconstructor => "copy_reg's _reconstructor",
            Self::ObjectClass => "object",
            Self::TensorFlowNetwork => "tfutil.Network",
            Self::TheanoNetwork => "network.Network",
            Self::TorchTensor => "torch's _rebuild_tensor",
            Self::TorchParameter => "torch's _rebuild_parameter",
            Self::TorchStorage(_) => "a torch storage",
            Self::ZooConfig => "models.utils.config.BaseConfig",
        }
    }

    /// Whether it is a class of which we keep instances, with their state.
    pub fn is_class(self) -> bool {
        matches!(self, Self::TensorFlowNetwork | Self::TheanoNetwork | Self::ZooConfig)
    }
}

fn torch_dtype(storage: &str) -> Option<ElementType> {
    let whole = |bytes, signed| ElementType::Whole { bytes, signed };
    Some(match storage {
        "FloatStorage" => ElementType::F32,
        "HalfStorage" => ElementType::F16,
        "BFloat16Storage" => ElementType::Bf16,
        "DoubleStorage" => ElementType::F64,
        "LongStorage" => whole(8, true),
        "IntStorage" => whole(4, true),
        "ShortStorage" => whole(2, true),
        "CharStorage" => whole(1, true),
        "ByteStorage" | "BoolStorage" => whole(1, false),
        _ => return None,
    })
}

/// Whose file it is, where a name that is refused tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// StyleGAN or StyleGAN2 in TensorFlow.
    StyleGanTensorFlow,
    /// StyleGAN2-ADA or StyleGAN3 in PyTorch.
    StyleGanTorch,
    /// A PyTorch module that was saved as it is, not its state dict.
    TorchModule,
}

impl Foreign {
    /// Looks a name up.
    pub fn of(module: &str, name: &str) -> Option<Self> {
        let package = module.split('.').next().unwrap_or("");
        match (package, name) {
            ("dnnlib", "EasyDict") | ("torch_utils", _) => Some(Self::StyleGanTorch),
            ("dnnlib", _) => Some(Self::StyleGanTensorFlow),
            ("torch", _) if module.starts_with("torch.nn.modules") => Some(Self::TorchModule),
            _ => None,
        }
    }
}
