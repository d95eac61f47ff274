//! Why a pickle is refused.

use super::known::Foreign;
use crate::byte_reader::ReadError;
use crate::error::CUT_SHORT;

/// Bytes of a name that is imported: the longest that we know has 42.
pub(super) const MAX_NAME: usize = 256;

/// What is wrong, without the place.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The file ends too early.
    #[error("{0}")]
    Source(#[from] ReadError),
    /// A name that is not on the list.
    #[error("global \"{module}.{name}\" is {}", why_refused(*whose))]
    Global {
        /// What would be imported.
        module: String,
        /// What would be taken from it.
        name: String,
        /// Whose file it is, where the name tells.
        whose: Option<Foreign>,
    },
    /// An instruction that these files do not need.
    #[error("instruction 0x{code:02x}{} is none that a generator's file needs", printable(*code))]
    Instruction {
        /// Its code.
        code: u8,
    },
    /// A newer pickle.
    #[error("pickle protocol {0}: expected 0 to 5\nhint: load it where it was made and dump it with protocol 4")]
    Protocol(u8),
    /// Protocol 5 may leave arrays out.
    #[error(
        "its arrays lie outside of the file (buffers of protocol 5)\nhint: load it where it was made and dump it with protocol 4"
    )]
    OutOfBand,
    /// A line of protocol 0 that is not what it should be.
    #[error("a line of text: expected {expected}")]
    Text {
        /// What it should be.
        expected: &'static str,
    },
    /// More is kept in memory than is good.
    #[error(
        "more than {limit} bytes of short texts, or of arrays that protocol 0 writes as text\nhint: load it where it was made and dump it with protocol 4"
    )]
    Kept {
        /// How much there may be.
        limit: u64,
    },
    /// Something is taken from an empty stack.
    #[error("an instruction takes more than there is on the stack")]
    Stack,
    /// The memo has nothing under a number.
    #[error("memo entry {0} was never written")]
    Memo(u32),
    /// Another value than the instruction needs.
    #[error("expected {expected}, found {found}")]
    Wrong {
        /// What the instruction needs.
        expected: &'static str,
        /// What there is.
        found: &'static str,
    },
    /// Arguments that a known name does not take.
    #[error("{callable} is called with arguments that it does not take")]
    Call {
        /// The name.
        callable: &'static str,
    },
    /// A dtype that no weight has.
    #[error("dtype \"{0}\": expected f2, f4, f8 or a whole number")]
    Dtype(String),
    /// Numbers that are not little endian.
    #[error("dtype in byte order \"{0}\": expected little endian, \"<\"")]
    ByteOrder(String),
    /// A single number of the wrong size.
    #[error("a number of {found} bytes: expected {expected}")]
    Scalar {
        /// What the dtype says.
        expected: usize,
        /// What is there.
        found: usize,
    },
    /// An array's state is not what NumPy writes.
    #[error("the state of a numpy.ndarray: expected (1, shape, dtype, order, bytes)")]
    ArrayState,
    /// A storage's identifier is not what PyTorch writes.
    #[error("a persistent identifier: expected (\"storage\", type, key, device, numbers)")]
    Storage,
    /// An extent that cannot be.
    #[error("an array's extent of {0}")]
    Extent(i128),
    /// More axes than an array can have.
    #[error("an array of {0} axes")]
    Axes(usize),
    /// Bytes written as text, but not a character a byte.
    #[error("bytes written as text have a character above 255")]
    Latin1,
    /// A whole number too long.
    #[error("a whole number of {0} bytes: expected at most 16")]
    Long(u8),
    /// A name too long, or not text.
    #[error("the name of a global: expected a line of at most {MAX_NAME} bytes of text")]
    Name,
    /// More than any generator has.
    #[error("more than {limit} {what}: no generator's file has that many")]
    Limit {
        /// What there is too much of.
        what: &'static str,
        /// How much there may be.
        limit: u64,
    },
}

fn why_refused(whose: Option<Foreign>) -> &'static str {
    match whose {
        None => {
            "none that a generator's file needs\nhint: nothing was run; if this is a PG-GAN, save its state dict or convert it to safetensors"
        }
        Some(Foreign::StyleGanTensorFlow) => {
            "of NVIDIA's TensorFlow programs: this is a StyleGAN or StyleGAN2, which draws in another way than a progressive GAN and cannot be imported\nhint: nothing was run; karras2018iclr-*.pkl are the progressive ones"
        }
        Some(Foreign::StyleGanTorch) => {
            "of NVIDIA's PyTorch programs: this is a StyleGAN2-ADA or StyleGAN3, which draws in another way than a progressive GAN and cannot be imported\nhint: nothing was run; docs/foreign-generators.md lists what can be imported"
        }
        Some(Foreign::TorchModule) => {
            "a PyTorch module: the whole model was saved, and its code would have to be run\nhint: nothing was run; save the model's state_dict() with torch.save where it was made"
        }
    }
}

fn printable(code: u8) -> String {
    if code.is_ascii_graphic() { format!(" (\"{}\")", char::from(code)) } else { String::new() }
}

/// Why a pickle was refused.
#[derive(Debug, thiserror::Error)]
#[error("pickle, byte {at}: {}", self.words())]
pub struct PickleError {
    /// Where the instruction is.
    pub at: u64,
    /// What is wrong.
    pub fault: Fault,
}

impl PickleError {
    /// The fault; the instruction's place is place enough.
    fn words(&self) -> String {
        match &self.fault {
            Fault::Source(ReadError::Short { wanted, left, .. }) => {
                format!("{wanted} bytes are said to follow, the file has {left} more\n{CUT_SHORT}")
            }
            fault => fault.to_string(),
        }
    }
}
