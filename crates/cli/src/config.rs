//! Flags from the environment and from a configuration file.
//!
//! Both become properties of clap's own arguments (its `env` and its default), so that the order is clap's: a flag
//! wins over the environment, the environment over the file, the file over the built-in default.

use clap::builder::BoolishValueParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, Command};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// The configuration file that a command line or the environment names.
pub fn named_in(arguments: &[OsString]) -> Option<PathBuf> {
    let mut arguments = arguments.iter().skip(1).take_while(|a| *a != "--");
    while let Some(argument) = arguments.next() {
        if argument == "--config" {
            return arguments.next().map(PathBuf::from);
        }
        if let Some(path) = argument.to_str().and_then(|a| a.strip_prefix("--config=")) {
            return Some(path.into());
        }
    }
    std::env::var_os("NARCISSUS_CONFIG").filter(|p| !p.is_empty()).map(PathBuf::from)
}

/// Gives every flag of every command its environment variable and its value in the file.
///
/// # Errors
/// If the file cannot be read, is not TOML, or has a key that is no flag.
pub fn apply(command: Command, file: Option<&Path>) -> Result<Command, clap::Error> {
    let Some(file) = file else { return extend(command, &Table::new(), "") };
    let at = |e: &dyn std::fmt::Display| {
        let text = e.to_string();
        let line = text.lines().map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" ");
        wrong(format!("configuration file {}: {line}", file.display()))
    };
    let table: Table = std::fs::read_to_string(file).map_err(|e| at(&e))?.parse().map_err(|e: toml::de::Error| {
        let line = e.span().map_or(String::new(), |s| format!(" (byte {})", s.start));
        at(&format!("{}{line}", e.message()))
    })?;
    extend(command, &table, "").map_err(|e| at(&e))
}

fn extend(mut command: Command, table: &Table, prefix: &str) -> Result<Command, clap::Error> {
    for (key, value) in table {
        let known = match value {
            Value::Table(_) => command.find_subcommand(key).is_some(),
            _ => command.get_arguments().any(|a| flag(a) == Some(key.as_str()) && key != "config"),
        };
        if !known {
            let what = if value.is_table() { "command" } else { "flag" };
            return Err(wrong(format!("unknown key \"{prefix}{key}\": there is no such {what}")));
        }
    }
    let names: Vec<String> = command.get_subcommands().map(|c| c.get_name().to_owned()).collect();
    for name in names {
        let below = table.get(&name).and_then(Value::as_table).cloned().unwrap_or_default();
        let mut result = Ok(());
        command = command.mut_subcommand(&name, |sub| {
            let spare = sub.clone();
            extend(sub, &below, &format!("{prefix}{name}.")).unwrap_or_else(|e| {
                result = Err(e);
                spare
            })
        });
        result?;
    }
    let mut result = Ok(());
    command = command.mut_args(|argument| {
        let Some(name) = flag(&argument).map(str::to_owned) else { return argument };
        let mut argument = argument.env(variable(&name)).hide_env(true);
        if matches!(argument.get_action(), ArgAction::SetTrue) {
            argument = argument.value_parser(BoolishValueParser::new());
        }
        match table.get(&name).map(words) {
            Some(Some(values)) => argument.required(false).default_values(values),
            Some(None) => {
                result = Err(wrong(format!("key \"{prefix}{name}\": expected text, a number, true, false or a list")));
                argument
            }
            None => argument,
        }
    });
    result.map(|()| command)
}

/// The long name of a flag that can be configured; `None` for a positional argument, and for help and version.
fn flag(argument: &Arg) -> Option<&str> {
    argument.get_long().filter(|name| !matches!(*name, "help" | "version"))
}

fn variable(flag: &str) -> String {
    format!("NARCISSUS_{}", flag.to_uppercase().replace('-', "_"))
}

/// A value as it would stand on the command line.
fn words(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Integer(number) => Some(vec![number.to_string()]),
        Value::Float(number) => Some(vec![number.to_string()]),
        Value::Boolean(yes) => Some(vec![yes.to_string()]),
        Value::Array(values) => values.iter().map(|v| words(v).filter(|w| w.len() == 1)?.pop()).collect(),
        Value::Datetime(_) | Value::Table(_) => None,
    }
}

fn wrong(message: String) -> clap::Error {
    clap::Error::raw(ErrorKind::InvalidValue, message.trim_start_matches("error: ").to_owned() + "\n")
}
