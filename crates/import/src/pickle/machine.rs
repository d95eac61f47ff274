//! The stack machine that a pickle is a program for (`pickletools` of Python's library documents every instruction),
//! with the instructions that generators' files need, and limits on everything.

use super::calls;
use super::fault::{Fault, MAX_NAME, PickleError};
use super::known::Known;
use super::value::{Id, Pickle, Run, Value};
use crate::byte_reader::ByteReader;
use std::collections::HashMap;

/// Instructions: the published files have about ten thousand. It bounds time, stack, memo and everything that is made.
const MAX_STEPS: usize = 1 << 20;
/// Containers that are open at a time.
const MAX_DEPTH: usize = 64;
/// Longer runs of bytes stay in the file.
const MAX_RUN: u64 = 256;
/// All shorter ones together.
const MAX_RUNS: u64 = 16 << 20;
/// Arguments of a call.
const MAX_ARGUMENTS: usize = 16;

/// The state of a pickle that runs.
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
pub fn load(source: &mut ByteReader) -> Result<Pickle, PickleError> {
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
    fn step(&mut self, source: &mut ByteReader) -> Result<Option<Id>, Fault> {
        let [code] = source.array()?;
        if code == b'.' {
            return self.pop().map(Some);
        }
        let known = self.begin(code, source)?
            || self.make_scalar(code, source)?
            || self.make_container(code)?
            || self.remember(code, source)?
            || self.make_object(code, source)?;
        if known { Ok(None) } else { Err(Fault::Instruction { code, hint: hint(code) }) }
    }

    /// Marks of the program itself. Like those below, it gives back whether the instruction is one of its own.
    fn begin(&mut self, code: u8, source: &mut ByteReader) -> Result<bool, Fault> {
        match code {
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
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Values that hold no others.
    fn make_scalar(&mut self, code: u8, source: &mut ByteReader) -> Result<bool, Fault> {
        match code {
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
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Tuples, lists and dictionaries, and what is put into them.
    fn make_container(&mut self, code: u8) -> Result<bool, Fault> {
        match code {
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
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The memo.
    fn remember(&mut self, code: u8, source: &mut ByteReader) -> Result<bool, Fault> {
        match code {
            b'q' => self.memoize(u32::from(u8::from_le_bytes(source.array()?)))?,
            b'r' => self.memoize(u32::from_le_bytes(source.array()?))?,
            // No more entries than steps, so the number fits.
            0x94 => self.memoize(self.memo.len() as u32)?,
            b'h' => self.recall(u32::from(u8::from_le_bytes(source.array()?)))?,
            b'j' => self.recall(u32::from_le_bytes(source.array()?))?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Names that are imported, and what they make.
    fn make_object(&mut self, code: u8, source: &mut ByteReader) -> Result<bool, Fault> {
        match code {
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
                let value = calls::call(&self.values[pair[0]], &arguments, &self.values)?;
                if let Value::Dict(copied) = &value {
                    self.steps += copied.len();
                }
                self.push(value);
            }
            b'b' => self.build()?,
            b'Q' => {
                let identifier = self.pop()?;
                let value = calls::storage(&self.arguments(identifier)?)?;
                self.push(value);
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn push(&mut self, value: Value) {
        self.stack.push(self.values.len());
        self.values.push(value);
    }

    fn int(&mut self, value: impl Into<i128>) {
        self.push(Value::Int(value.into()));
    }

    fn long(&mut self, source: &mut ByteReader) -> Result<(), Fault> {
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

    fn text(&mut self, len: u64, source: &mut ByteReader) -> Result<(), Fault> {
        let run = self.run(len, source)?;
        self.push(Value::Text(run));
        Ok(())
    }

    fn bytes(&mut self, len: u64, source: &mut ByteReader) -> Result<(), Fault> {
        let run = self.run(len, source)?;
        self.push(Value::Bytes(run));
        Ok(())
    }

    fn run(&mut self, len: u64, source: &mut ByteReader) -> Result<Run, Fault> {
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
        } else if let Some(built) = calls::build(&self.values[object], &self.values[state], &self.values)? {
            self.values[object] = built;
        }
        Ok(())
    }
}

/// Text up to the end of the line.
fn line(source: &mut ByteReader) -> Result<String, Fault> {
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
mod tests;
