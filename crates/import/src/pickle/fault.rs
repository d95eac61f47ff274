//! Why a pickle is refused.

use crate::byte_reader::ReadError;

/// Bytes of a name that is imported: the longest that we know has 42.
pub(super) const MAX_NAME: usize = 256;

/// What is wrong, without the place.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The file ends too early.
    #[error("{0}")]
    Source(#[from] ReadError),
    /// A name that is not on the list.
    #[error(
        "global \"{module}.{name}\" is none that a generator's file needs\nhint: nothing was run; if this is a PG-GAN, save its state dict or convert it to safetensors"
    )]
    Global {
        /// What would be imported.
        module: String,
        /// What would be taken from it.
        name: String,
    },
    /// An instruction that these files do not need.
    #[error("instruction 0x{code:02x}{} is none that a generator's file needs{hint}", printable(*code))]
    Instruction {
        /// Its code.
        code: u8,
        /// What may help.
        hint: &'static str,
    },
    /// A newer pickle.
    #[error("pickle protocol {0}: expected 2 to 4")]
    Protocol(u8),
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
                format!("{wanted} bytes are said to follow, the file has {left} more")
            }
            fault => fault.to_string(),
        }
    }
}
