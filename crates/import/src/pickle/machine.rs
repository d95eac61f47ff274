//! The stack machine that a pickle is a program for (`pickletools` of Python's library documents every instruction),
//! with the instructions that generators' files need, and limits on everything.

use super::known::{self, Known};
use super::value::{Id, Pickle, Run, Value};
use crate::source::{Source, SourceError};
use std::collections::HashMap;

/// Instructions: the published files have about ten thousand. It bounds time, stack, memo and everything that is made.
const MAX_STEPS: usize = 1 << 20;
/// Containers that are open at a time.
const MAX_DEPTH: usize = 64;
/// Longer runs of bytes stay in the file.
const MAX_RUN: u64 = 256;
/// All shorter ones together.
const MAX_RUNS: u64 = 16 << 20;
/// A name that is imported.
const MAX_NAME: usize = 256;
/// Arguments of a call.
const MAX_ARGUMENTS: usize = 16;

/// What is wrong, without the place.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The file ends too early.
    #[error("{0}")]
    Source(#[from] SourceError),
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
            Fault::Source(SourceError::Short { wanted, left, .. }) => {
                format!("{wanted} bytes are said to follow, the file has {left} more")
            }
            fault => fault.to_string(),
        }
    }
}

#[derive(Default)]
struct Machine {
    values: Vec<Value>,
    stack: Vec<Id>,
    marks: Vec<usize>,
    memo: HashMap<u32, Id>,
    /// Bytes kept in runs.
    runs: u64,
    /// Instructions so far, and entries that were copied by one.
    steps: usize,
}

/// Reads a pickle from where the source is; the source is then behind it.
///
/// # Errors
/// If it holds anything that a generator's file does not, or is damaged.
pub fn load(source: &mut Source) -> Result<Pickle, PickleError> {
    let mut machine = Machine::default();
    while machine.steps < MAX_STEPS {
        machine.steps += 1;
        let at = source.at();
        match machine.step(source) {
            Ok(None) => {}
            Ok(Some(root)) => return Ok(Pickle { values: machine.values, root }),
            Err(fault) => return Err(PickleError { at, fault }),
        }
    }
    Err(PickleError { at: source.at(), fault: Fault::Limit { what: "instructions", limit: MAX_STEPS as u64 } })
}

impl Machine {
    /// Runs an instruction; gives back the pickle's value after the last.
    fn step(&mut self, source: &mut Source) -> Result<Option<Id>, Fault> {
        let [code] = source.array()?;
        match code {
            b'.' => return self.pop().map(Some),
            0x80 => {
                let [protocol] = source.array()?;
                if !(2..=4).contains(&protocol) {
                    return Err(Fault::Protocol(protocol));
                }
            }
            // The length of a frame only helps those who read from a stream.
            0x95 => drop(source.array::<8>()?),
            b'(' => {
                if self.marks.len() == MAX_DEPTH {
                    return Err(Fault::Limit { what: "open containers", limit: MAX_DEPTH as u64 });
                }
                self.marks.push(self.stack.len());
            }
            b'N' => self.push(Value::None),
            0x88 => self.push(Value::Bool(true)),
            0x89 => self.push(Value::Bool(false)),
            b'K' => self.int(u8::from_le_bytes(source.array()?)),
            b'M' => self.int(u16::from_le_bytes(source.array()?)),
            b'J' => self.int(i32::from_le_bytes(source.array()?)),
            0x8a => self.long(source)?,
            b'G' => {
                let value = f64::from_be_bytes(source.array()?);
                self.push(Value::Float(value));
            }
            b'X' => self.text(u32::from_le_bytes(source.array()?).into(), source)?,
            0x8c => self.text(u8::from_le_bytes(source.array()?).into(), source)?,
            0x8d => self.text(u64::from_le_bytes(source.array()?), source)?,
            b'U' | b'C' => self.bytes(u8::from_le_bytes(source.array()?).into(), source)?,
            // Signed in Python 2; one that is negative is then longer than any file.
            b'T' | b'B' => self.bytes(u32::from_le_bytes(source.array()?).into(), source)?,
            0x8e => self.bytes(u64::from_le_bytes(source.array()?), source)?,
            b')' => self.push(Value::Tuple(Vec::new())),
            0x85..=0x87 => {
                let count = usize::from(code - 0x84);
                let items = self.pop_many(count)?;
                self.push(Value::Tuple(items));
            }
            b't' => {
                let items = self.pop_to_mark()?;
                self.push(Value::Tuple(items));
            }
            b']' => self.push(Value::List(Vec::new())),
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])?;
            }
            b'e' => {
                let items = self.pop_to_mark()?;
                self.append(&items)?;
            }
            b'}' => self.push(Value::Dict(Vec::new())),
            b's' => {
                let pair = self.pop_many(2)?;
                self.set_items(&pair)?;
            }
            b'u' => {
                let pairs = self.pop_to_mark()?;
                self.set_items(&pairs)?;
            }
            b'q' => self.memoize(u32::from(u8::from_le_bytes(source.array()?)))?,
            b'r' => self.memoize(u32::from_le_bytes(source.array()?))?,
            // No more entries than steps, so the number fits.
            0x94 => self.memoize(self.memo.len() as u32)?,
            b'h' => self.recall(u32::from(u8::from_le_bytes(source.array()?)))?,
            b'j' => self.recall(u32::from_le_bytes(source.array()?))?,
            b'c' => {
                let (module, name) = (line(source)?, line(source)?);
                self.import(&module, &name)?;
            }
            0x93 => {
                let names = self.pop_many(2)?;
                let [module, name] = [self.name(names[0])?, self.name(names[1])?];
                self.import(&module, &name)?;
            }
            // Calling, and making an instance of a class.
            b'R' | 0x81 => {
                let pair = self.pop_many(2)?;
                let arguments = self.arguments(pair[1])?;
                let value = known::call(&self.values[pair[0]], &arguments, &self.values)?;
                if let Value::Dict(copied) = &value {
                    self.steps += copied.len();
                }
                self.push(value);
            }
            b'b' => self.build()?,
            b'Q' => {
                let identifier = self.pop()?;
                let value = known::storage(&self.arguments(identifier)?)?;
                self.push(value);
            }
            _ => return Err(Fault::Instruction { code, hint: hint(code) }),
        }
        Ok(None)
    }

    fn push(&mut self, value: Value) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    fn int(&mut self, value: impl Into<i128>) {
        self.push(Value::Int(value.into()));
    }

    fn long(&mut self, source: &mut Source) -> Result<(), Fault> {
        let [len] = source.array()?;
        if len > 16 {
            return Err(Fault::Long(len));
        }
        let bytes = source.take(len.into())?;
        let fill = if bytes.last().is_some_and(|b| b & 0x80 != 0) { 0xff } else { 0 };
        let mut wide = [fill; 16];
        wide[..bytes.len()].copy_from_slice(&bytes);
        self.push(Value::Int(i128::from_le_bytes(wide)));
        Ok(())
    }

    fn text(&mut self, len: u64, source: &mut Source) -> Result<(), Fault> {
        let run = self.run(len, source)?;
        self.push(Value::Text(run));
        Ok(())
    }

    fn bytes(&mut self, len: u64, source: &mut Source) -> Result<(), Fault> {
        let run = self.run(len, source)?;
        self.push(Value::Bytes(run));
        Ok(())
    }

    fn run(&mut self, len: u64, source: &mut Source) -> Result<Run, Fault> {
        if len > MAX_RUN {
            return Ok(Run::There(source.skip(len)?));
        }
        self.runs += len;
        if self.runs > MAX_RUNS {
            return Err(Fault::Limit { what: "bytes of short texts", limit: MAX_RUNS });
        }
        Ok(Run::Here(source.take(len)?))
    }

    /// What was pushed since the last mark stays out of reach of single instructions, as in Python.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<Id, Fault> {
        if self.stack.len() <= self.floor() {
            return Err(Fault::Stack);
        }
        self.stack.pop().ok_or(Fault::Stack)
    }

    fn pop_many(&mut self, count: usize) -> Result<Vec<Id>, Fault> {
        match self.stack.len().checked_sub(count) {
            Some(from) if from >= self.floor() => Ok(self.stack.split_off(from)),
            _ => Err(Fault::Stack),
        }
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, Fault> {
        let mark = self.marks.pop().ok_or(Fault::Stack)?;
        Ok(self.stack.split_off(mark))
    }

    fn top(&self) -> Result<Id, Fault> {
        self.stack[self.floor()..].last().copied().ok_or(Fault::Stack)
    }

    fn append(&mut self, items: &[Id]) -> Result<(), Fault> {
        let top = self.top()?;
        match &mut self.values[top] {
            Value::List(list) => list.extend(items),
            other => return Err(Fault::Wrong { expected: "a list", found: other.kind() }),
        }
        Ok(())
    }

    fn set_items(&mut self, items: &[Id]) -> Result<(), Fault> {
        let top = self.top()?;
        match &mut self.values[top] {
            Value::Dict(pairs) if items.len().is_multiple_of(2) => {
                pairs.extend(items.chunks_exact(2).map(|pair| (pair[0], pair[1])));
            }
            other => return Err(Fault::Wrong { expected: "a dict and pairs for it", found: other.kind() }),
        }
        Ok(())
    }

    fn memoize(&mut self, number: u32) -> Result<(), Fault> {
        let top = self.top()?;
        self.memo.insert(number, top);
        Ok(())
    }

    fn recall(&mut self, number: u32) -> Result<(), Fault> {
        let id = *self.memo.get(&number).ok_or(Fault::Memo(number))?;
        self.stack.push(id);
        Ok(())
    }

    fn name(&self, id: Id) -> Result<String, Fault> {
        match &self.values[id] {
            Value::Text(Run::Here(bytes)) if bytes.len() <= MAX_NAME => {
                String::from_utf8(bytes.clone()).map_err(|_| Fault::Name)
            }
            _ => Err(Fault::Name),
        }
    }

    fn import(&mut self, module: &str, name: &str) -> Result<(), Fault> {
        let unknown = || Fault::Global { module: module.escape_debug().collect(), name: name.escape_debug().collect() };
        let known = Known::of(module, name).ok_or_else(unknown)?;
        self.push(Value::Global(known));
        Ok(())
    }

    /// The entries of a tuple that is not long.
    fn arguments(&self, id: Id) -> Result<Vec<&Value>, Fault> {
        match &self.values[id] {
            Value::Tuple(items) if items.len() <= MAX_ARGUMENTS => {
                Ok(items.iter().map(|id| &self.values[*id]).collect())
            }
            other => Err(Fault::Wrong { expected: "a tuple of arguments", found: other.kind() }),
        }
    }

    /// Gives the object below the top of the stack the state on the top.
    fn build(&mut self) -> Result<(), Fault> {
        let state = self.pop()?;
        let object = self.top()?;
        if let Value::Object(_, slot) = &mut self.values[object] {
            *slot = Some(state);
        } else if let Some(built) = known::build(&self.values[object], &self.values[state], &self.values)? {
            self.values[object] = built;
        }
        Ok(())
    }
}

/// Text up to the end of the line.
fn line(source: &mut Source) -> Result<String, Fault> {
    let mut bytes = Vec::new();
    loop {
        let [byte] = source.array()?;
        match byte {
            b'\n' => return String::from_utf8(bytes).map_err(|_| Fault::Name),
            _ if bytes.len() == MAX_NAME => return Err(Fault::Name),
            _ => bytes.push(byte),
        }
    }
}

fn hint(code: u8) -> &'static str {
    match code {
        b'I' | b'L' | b'F' | b'S' | b'V' | b'l' | b'd' | b'p' | b'g' | b'0' | b'1' | b'2' | b'i' | b'o' | b'P' => {
            "\nhint: pickle protocols 0 and 1 are not read; load it where it was made and dump it with protocol 2"
        }
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::super::value::View;
    use super::*;

    fn load_bytes(bytes: &[u8]) -> Result<Pickle, String> {
        load(&mut Source::of(bytes.to_vec())).map_err(|e| e.to_string())
    }

    fn refusal(bytes: &[u8]) -> String {
        load_bytes(bytes).expect_err("it should be refused")
    }

    #[test]
    fn plain_values_are_read() {
        // {"a": (1, -2.5, None), "b": [True, 300, -7]}, as Python writes it in protocol 2.
        let bytes = b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01K\x01G\xc0\x04\x00\x00\x00\x00\x00\x00N\x87q\x02X\x01\x00\x00\x00bq\x03]q\x04(\x88M\x2c\x01J\xf9\xff\xff\xffeu.";
        let pickle = load_bytes(bytes).unwrap();
        let tuple = pickle.root().get("a").unwrap().items().unwrap();
        assert_eq!(tuple[0].int(), Ok(1));
        assert_eq!(tuple[1].number(), Ok(-2.5));
        assert_eq!(tuple[2].value(), &Value::None);
        let ints: Vec<_> =
            pickle.root().get("b").unwrap().items().unwrap()[1..].iter().map(View::int).map(Result::unwrap).collect();
        assert_eq!(ints, [300, -7]);
        let error = pickle.root().get("c").err().unwrap().to_string();
        assert_eq!(error, "the pickle: no \"c\" in it");
        assert_eq!(
            tuple[0].text().unwrap_err().to_string(),
            "the pickle, \"a\", entry 0: expected short text, found an int"
        );
    }

    #[test]
    fn whoever_wants_to_run_something_is_named() {
        let system = refusal(b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.");
        assert!(system.starts_with("pickle, byte 2: global \"os.system\" is none"), "{system}");
        let eval = refusal(b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.");
        assert!(eval.starts_with("pickle, byte 18: global \"builtins.eval\""), "{eval}");
        // Python 2's name for it, a class of another GAN, and a name that hides in an attribute.
        assert!(refusal(b"\x80\x02c__builtin__\nexec\n.").contains("__builtin__.exec"));
        assert!(refusal(b"\x80\x02cdnnlib.tflib.network\nNetwork\n.").contains("dnnlib.tflib.network.Network"));
        assert!(refusal(b"\x80\x04\x8c\x05numpy\x8c\x0fndarray.__new__\x93.").contains("numpy.ndarray.__new__"));
    }

    #[test]
    fn a_cycle_is_no_trouble() {
        // l = []; l.append(l)
        let pickle = load_bytes(b"\x80\x02]q\x00h\x00a.").unwrap();
        let mut view = pickle.root();
        for _ in 0..1000 {
            view = view.items().unwrap().swap_remove(0);
        }
        // A tuple that holds itself cannot be written without the instructions that we leave out.
        assert!(refusal(b"\x80\x02(]q\x00(h\x00tq\x01a0h\x01.").contains("hint"));
    }

    #[test]
    fn sizes_that_lie_take_no_memory() {
        for bytes in [
            &b"\x80\x02T\xff\xff\xff\xffab"[..],
            b"\x80\x03B\xff\xff\xff\x7f",
            b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fa",
            b"\x80\x02X\x10\x00\x00\x00abc.",
        ] {
            assert!(refusal(bytes).contains("are said to follow"), "{bytes:?}");
        }
        assert!(refusal(b"").starts_with("pickle, byte 0: 1 bytes are said"));
        assert!(refusal(b"\x80\x02K\x01").contains("byte 4"));
    }

    #[test]
    fn endless_programs_end() {
        let mut bytes = b"\x80\x02N".to_vec();
        bytes.extend(std::iter::repeat_n(0x85, 2 * MAX_STEPS));
        assert!(refusal(&bytes).contains("more than 1048576 instructions"));
        let mut bytes = b"\x80\x02".to_vec();
        bytes.extend(std::iter::repeat_n(b'(', 100));
        assert!(refusal(&bytes).contains("open containers"));
        // Copies of a copy of a copy ...
        let mut bytes = b"\x80\x02ccollections\nOrderedDict\nq\x00](".to_vec();
        bytes.extend(std::iter::repeat_n(*b"NN\x86", 1000).flatten());
        bytes.extend(b"e\x85q\x01");
        bytes.extend(std::iter::repeat_n(*b"h\x00h\x01R", 100_000).flatten());
        assert!(refusal(&bytes).contains("instructions"));
        // Deep, but within the limit: freed without recursion.
        let mut bytes = b"\x80\x02N".to_vec();
        bytes.extend(std::iter::repeat_n(0x85, MAX_STEPS - 10));
        bytes.push(b'.');
        assert!(load_bytes(&bytes).is_ok());
    }

    #[test]
    fn programs_that_make_no_sense_are_refused() {
        for (bytes, words) in [
            (&b"\x80\x02."[..], "stack"),
            (b"\x80\x02t.", "stack"),
            (b"\x80\x02N(a.", "stack"),
            (b"\x80\x02Nh\x07.", "memo entry 7"),
            (b"\x80\x02NNa.", "expected a list"),
            (b"\x80\x02}(Nu.", "pairs"),
            (b"\x80\x02N)R.", "expected a callable"),
            (b"\x80\x02NNb.", "has a state"),
            (b"\x80\x05N.", "protocol 5"),
            (b"\x80\x01N.", "protocol 1"),
            (b"I1\n.", "protocols 0 and 1"),
            (b"\x80\x02\x96", "instruction 0x96"),
            (b"\x80\x02cnumpy\ndtype\nX\x02\x00\x00\x00O8\x85R.", "dtype \"O8\""),
            (b"\x80\x02\x8a\x40", "whole number of 64 bytes"),
            (b"\x80\x02cnumpy\nndarray\n)R.", "arguments that it does not take"),
        ] {
            let error = refusal(bytes);
            assert!(error.contains(words), "{error} lacks {words}");
        }
        let long = [b"\x80\x02c".to_vec(), vec![b'a'; 1000]].concat();
        assert!(refusal(&long).contains("at most 256 bytes"));
    }

    #[test]
    fn big_endian_is_named() {
        // numpy.dtype("f4") with the state that makes it ">f4".
        let bytes = b"\x80\x02cnumpy\ndtype\nX\x02\x00\x00\x00f4K\x00K\x01\x87R(K\x03X\x01\x00\x00\x00>NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb.";
        assert!(refusal(bytes).contains("byte order \">\": expected little endian"));
    }
}
