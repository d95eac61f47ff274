//! The stack machine that a pickle is a program for (`pickletools` of Python's library documents every instruction),
//! with the instructions that generators' files need, and limits on everything.

use super::calls;
use super::fault::{Fault, MAX_NAME, PickleError};
use super::known::{Foreign, Known};
use super::text_codes;
use super::value::{Id, Pickle, Run, Value};
use crate::array::{Array, Data};
use crate::byte_reader::ByteReader;
use std::collections::HashMap;

/// Instructions: the published files have about ten thousand. It bounds time, stack, memo and everything that is made.
const MAX_STEPS: usize = 1 << 20;
/// Containers that are open at a time.
const MAX_DEPTH: usize = 64;
/// Longer runs of bytes stay in the file.
const MAX_RUN: u64 = 256;
/// All that are kept together: shorter ones, and those of protocol 0, which writes bytes as lines of text.
const MAX_RUNS: u64 = 64 << 20;
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
            || self.make_scalar_of_text(code, source)?
            || self.make_container(code)?
            || self.remember(code, source)?
            || self.make_object(code, source)?;
        if known { Ok(None) } else { Err(Fault::Instruction { code }) }
    }

    /// Marks of the program itself. Like those below, it gives back whether the instruction is one of its own.
    fn begin(&mut self, code: u8, source: &mut ByteReader) -> Result<bool, Fault> {
        match code {
            0x80 => {
                let [protocol] = source.array()?;
                if protocol > 5 {
                    return Err(Fault::Protocol(protocol));
                }
            }
            // Buffers of protocol 5 that whoever wrote it has put elsewhere.
            0x97 | 0x98 => return Err(Fault::OutOfBand),
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
            0x8e | 0x96 => self.bytes(u64::from_le_bytes(source.array()?), source)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// The same as protocol 0 writes them: a line of text each.
    fn make_scalar_of_text(&mut self, code: u8, source: &mut ByteReader) -> Result<bool, Fault> {
        match code {
            b'I' => {
                let value = match line(source)?.as_str() {
                    "00" => Value::Bool(false),
                    "01" => Value::Bool(true),
                    digits => Value::Int(text_codes::int(digits)?),
                };
                self.push(value);
            }
            b'L' => {
                let digits = line(source)?;
                self.int(text_codes::int(digits.strip_suffix('L').unwrap_or(&digits))?);
            }
            b'F' => {
                let value = text_codes::float(&line(source)?)?;
                self.push(Value::Float(value));
            }
            b'S' => {
                let bytes = text_codes::string(&self.long_line(source)?)?;
                self.push(Value::Bytes(Run::Here(bytes)));
            }
            b'V' => {
                let text = text_codes::unicode(&self.long_line(source)?)?;
                self.push(Value::Text(Run::Here(text.into_bytes())));
            }
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
            b'l' => {
                let items = self.pop_to_mark()?;
                self.push(Value::List(items));
            }
            b'a' => {
                let item = self.pop()?;
                self.append(&[item])?;
            }
            b'e' => {
                let items = self.pop_to_mark()?;
                self.append(&items)?;
            }
            b'}' => self.push(Value::Dict(Vec::new())),
            b'd' => {
                let items = self.pop_to_mark()?;
                self.push(Value::Dict(Vec::new()));
                self.set_items(&items)?;
            }
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

    /// The memo, and the stack itself.
    fn remember(&mut self, code: u8, source: &mut ByteReader) -> Result<bool, Fault> {
        match code {
            b'q' => self.memoize(u32::from(u8::from_le_bytes(source.array()?)))?,
            b'r' => self.memoize(u32::from_le_bytes(source.array()?))?,
            // No more entries than steps, so the number fits.
            0x94 => self.memoize(self.memo.len() as u32)?,
            b'h' => self.recall(u32::from(u8::from_le_bytes(source.array()?)))?,
            b'j' => self.recall(u32::from_le_bytes(source.array()?))?,
            b'p' => self.memoize(memo_number(source)?)?,
            b'g' => self.recall(memo_number(source)?)?,
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            // Of an empty container it is the mark that goes.
            b'0' if self.stack.len() == self.floor() => drop(self.pop_to_mark()?),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_to_mark()?),
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
                let Value::Tuple(arguments) = &self.values[pair[1]] else {
                    return Err(Fault::Wrong { expected: "a tuple of arguments", found: self.values[pair[1]].kind() });
                };
                let arguments = arguments.iter().take(MAX_ARGUMENTS + 1).copied().collect::<Vec<_>>();
                self.call(pair[0], &arguments)?;
            }
            // The same as protocols 0 and 1 write it, the arguments behind a mark.
            b'i' => {
                let (module, name) = (line(source)?, line(source)?);
                self.import(&module, &name)?;
                let class = self.pop()?;
                let arguments = self.pop_to_mark()?;
                self.call(class, &arguments)?;
            }
            b'o' => {
                let items = self.pop_to_mark()?;
                let (class, arguments) = items.split_first().ok_or(Fault::Stack)?;
                self.call(*class, arguments)?;
            }
            b'b' => self.build()?,
            b'P' => return Err(Fault::Storage),
            b'Q' => {
                let identifier = self.pop()?;
                let Value::Tuple(parts) = &self.values[identifier] else { return Err(Fault::Storage) };
                let parts: Vec<&Value> = parts.iter().take(MAX_ARGUMENTS).map(|id| &self.values[*id]).collect();
                let value = calls::storage(&parts)?;
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
        self.keep(len)?;
        Ok(Run::Here(source.take(len)?))
    }

    /// Counts bytes that stay in memory.
    fn keep(&mut self, len: u64) -> Result<(), Fault> {
        self.runs += len;
        if self.runs > MAX_RUNS { Err(Fault::Kept { limit: MAX_RUNS }) } else { Ok(()) }
    }

    /// Counts the bytes that a value keeps.
    fn keep_value(&mut self, value: &Value) -> Result<(), Fault> {
        match value {
            Value::Bytes(Run::Here(bytes)) | Value::Array(Array { data: Data::Here(bytes), .. }) => {
                self.keep(bytes.len() as u64)
            }
            _ => Ok(()),
        }
    }

    /// A line that may be as long as an array.
    fn long_line(&mut self, source: &mut ByteReader) -> Result<Vec<u8>, Fault> {
        let line = bytes_of_line(source, MAX_RUNS - self.runs)?.ok_or(Fault::Kept { limit: MAX_RUNS })?;
        self.keep(line.len() as u64)?;
        Ok(line)
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
        let unknown = || Fault::Global {
            module: module.escape_debug().collect(),
            name: name.escape_debug().collect(),
            whose: Foreign::of(module, name),
        };
        let known = Known::of(module, name).ok_or_else(unknown)?;
        self.push(Value::Global(known));
        Ok(())
    }

    /// Pushes what a callable makes of arguments, which are few.
    fn call(&mut self, callable: Id, arguments: &[Id]) -> Result<(), Fault> {
        if arguments.len() > MAX_ARGUMENTS {
            return Err(Fault::Limit { what: "arguments of a call", limit: MAX_ARGUMENTS as u64 });
        }
        let arguments: Vec<&Value> = arguments.iter().map(|id| &self.values[*id]).collect();
        let value = calls::call(&self.values[callable], &arguments, &self.values)?;
        if let Value::Dict(copied) = &value {
            self.steps += copied.len();
        }
        self.keep_value(&value)?;
        self.push(value);
        Ok(())
    }

    /// Gives the object below the top of the stack the state on the top.
    fn build(&mut self) -> Result<(), Fault> {
        let state = self.pop()?;
        let object = self.top()?;
        if let Value::Object(_, slot) = &mut self.values[object] {
            *slot = Some(state);
        } else if let Some(built) = calls::build(&self.values[object], &self.values[state], &self.values)? {
            self.keep_value(&built)?;
            self.values[object] = built;
        }
        Ok(())
    }
}

/// Text up to the end of the line, no longer than a name.
fn line(source: &mut ByteReader) -> Result<String, Fault> {
    let bytes = bytes_of_line(source, MAX_NAME as u64)?.ok_or(Fault::Name)?;
    String::from_utf8(bytes).map_err(|_| Fault::Name)
}

/// The bytes up to the end of the line; `None` if there are more than `most`.
fn bytes_of_line(source: &mut ByteReader, most: u64) -> Result<Option<Vec<u8>>, Fault> {
    let mut bytes = Vec::new();
    loop {
        match source.array()? {
            [b'\n'] => return Ok(Some(bytes)),
            _ if bytes.len() as u64 == most => return Ok(None),
            [byte] => bytes.push(byte),
        }
    }
}

fn memo_number(source: &mut ByteReader) -> Result<u32, Fault> {
    let digits = line(source)?;
    digits.parse().map_err(|_| Fault::Text { expected: "the number of a memo entry" })
}

#[cfg(test)]
mod tests;
