//! Tables as programs and spreadsheets save them.
//!
//! Commas, semicolons or tabs separate the columns; cells may be quoted; lines end as on any system. The text is UTF-8, UTF-16 with a
//! byte order mark, or Windows-1252, which spreadsheets still write for some languages. Numbers may have a decimal comma.

use super::Gender;
use anyhow::{Context, Result, bail, ensure};
use csv::StringRecord;
use std::path::{Path, PathBuf};

/// Columns that an error lists.
const LISTED: usize = 12;

/// A table in memory.
pub struct Table {
    path: PathBuf,
    /// As the file has them; none in a table without a header.
    columns: Vec<String>,
    /// The numbers of the lines, and their cells.
    rows: Vec<(u64, StringRecord)>,
}

impl Table {
    /// A table whose first line names its columns, these among them, in any order and in capitals or not.
    ///
    /// # Errors
    /// If the file cannot be read, is no table, or lacks a column: says which, and what separates the others.
    pub fn read(path: &Path, needed: &[&str]) -> Result<Self> {
        let at = || path.display().to_string();
        let (separator, mut rows) = read_cells(path).with_context(at)?;
        ensure!(!rows.is_empty(), "{}: the table is empty: expected a line with the names of its columns", at());
        let (_, header) = rows.remove(0);
        let columns: Vec<String> = header.iter().map(str::to_owned).collect();

        let missing: Vec<String> =
            needed.iter().filter(|n| position(&columns, n).is_none()).map(|n| format!("\"{n}\"")).collect();
        let lacks = match &missing[..] {
            [] => None,
            [one] => Some(format!("column {one} is missing")),
            several => Some(format!("columns {} are missing", several.join(", "))),
        };
        if let Some(lacks) = lacks {
            bail!("{}: {lacks}: {}", at(), found(separator, &columns));
        }

        // A cell without a column is a comma that separates nothing, or a quote that is missing.
        for (line, cells) in &rows {
            let stray = cells.iter().skip(columns.len()).find(|cell| !cell.is_empty());
            if let Some(stray) = stray {
                bail!(
                    "{}, row {line}: \"{stray}\" stands behind the last column: expected {} cells, separated by {}",
                    at(),
                    columns.len(),
                    separator.name()
                );
            }
        }
        Ok(Self { path: path.to_owned(), columns, rows })
    }

    /// A table that begins with its first row.
    ///
    /// # Errors
    /// If the file cannot be read or is no table.
    pub fn read_without_header(path: &Path) -> Result<Self> {
        let (_, rows) = read_cells(path).with_context(|| path.display().to_string())?;
        Ok(Self { path: path.to_owned(), columns: Vec::new(), rows })
    }

    /// The names of the columns, as the file has them.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// Its rows, from above.
    pub fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.rows.iter().map(|(line, cells)| Row { table: self, line: *line, cells })
    }
}

/// A row of a [`Table`].
#[derive(Clone, Copy)]
pub struct Row<'a> {
    table: &'a Table,
    line: u64,
    cells: &'a StringRecord,
}

impl<'a> Row<'a> {
    /// Where it is, for errors.
    pub fn place(&self) -> String {
        format!("{}, row {}", self.table.path.display(), self.line)
    }

    /// All cells, whatever their columns.
    pub fn cells(&self) -> impl Iterator<Item = &'a str> {
        self.cells.iter()
    }

    /// The text of a column; empty where there is none.
    pub fn text(&self, column: &str) -> &'a str {
        position(&self.table.columns, column).and_then(|i| self.cells.get(i)).unwrap_or("")
    }

    /// The text of a column that must not be empty.
    pub fn needed_text(&self, column: &str) -> Result<&'a str> {
        let text = self.text(column);
        ensure!(!text.is_empty(), "{}: column \"{column}\" is empty", self.place());
        Ok(text)
    }

    /// The number of a column, `None` where there is none.
    pub fn number(&self, column: &str) -> Result<Option<f32>> {
        match self.text(column) {
            "" => Ok(None),
            text => number(text).map(Some).with_context(|| self.at(column)),
        }
    }

    /// The number of a column that must not be empty.
    pub fn needed_number(&self, column: &str) -> Result<f32> {
        number(self.needed_text(column)?).with_context(|| self.at(column))
    }

    /// `N` points, multiplied by `scale`: numbers separated by spaces.
    pub fn points<const N: usize>(&self, column: &str, scale: f32) -> Result<[[f32; 2]; N]> {
        let v: Vec<f32> =
            self.text(column).split_whitespace().map(number).collect::<Result<_>>().with_context(|| self.at(column))?;
        ensure!(v.len() == 2 * N, "{}: expected {} numbers, found {}", self.at(column), 2 * N, v.len());
        Ok(std::array::from_fn(|i| [v[2 * i] * scale, v[2 * i + 1] * scale]))
    }

    /// The gender, `None` where it is not known.
    pub fn gender(&self) -> Result<Option<Gender>> {
        match self.text("gender").to_lowercase().as_str() {
            "" => Ok(None),
            "f" | "female" => Ok(Some(Gender::Female)),
            "m" | "male" => Ok(Some(Gender::Male)),
            _ => bail!("{}: expected F or M, found \"{}\"", self.at("gender"), self.text("gender")),
        }
    }

    fn at(&self, column: &str) -> String {
        format!("{}, column \"{column}\"", self.place())
    }
}

/// A finite number, with a decimal point or a decimal comma.
pub fn number(text: &str) -> Result<f32> {
    let pointed = if text.contains('.') { text.to_owned() } else { text.replacen(',', ".", 1) };
    pointed.parse().ok().filter(|v: &f32| v.is_finite()).with_context(|| format!("\"{text}\" is no number"))
}

/// Where a column is.
fn position(columns: &[String], name: &str) -> Option<usize> {
    columns.iter().position(|c| c.eq_ignore_ascii_case(name))
}

/// The columns that a table has, for errors.
fn found(separator: Separator, columns: &[String]) -> String {
    let mut names: Vec<String> = columns.iter().take(LISTED).map(|c| format!("\"{}\"", c.escape_debug())).collect();
    if columns.len() > LISTED {
        names.push(format!("{} more", columns.len() - LISTED));
    }
    match &columns {
        [_] => format!("no comma, semicolon or tab separates the first line, {}", names.join("")),
        _ => format!("separated by {}, the first line has {}", separator.name(), names.join(", ")),
    }
}

/// What stands between two cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Separator {
    Tab,
    Semicolon,
    Comma,
}

impl Separator {
    /// The most frequent one of a line, outside of quotes.
    fn of_line(line: &str) -> Self {
        let mut counts = [(Self::Comma, 0), (Self::Semicolon, 0), (Self::Tab, 0)];
        let mut quoted = false;
        for c in line.chars() {
            quoted ^= c == '"';
            counts.iter_mut().filter(|(s, _)| !quoted && c == char::from(s.byte())).for_each(|(_, n)| *n += 1);
        }
        // Of equally many the last: where there are decimal commas, the semicolons separate.
        counts.into_iter().max_by_key(|(_, n)| *n).map_or(Self::Comma, |(s, n)| if n > 0 { s } else { Self::Comma })
    }

    fn byte(self) -> u8 {
        match self {
            Self::Tab => b'\t',
            Self::Semicolon => b';',
            Self::Comma => b',',
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Tab => "tabs",
            Self::Semicolon => "semicolons",
            Self::Comma => "commas",
        }
    }
}

/// The lines of a file that are not empty, each with its number and its cells.
fn read_cells(path: &Path) -> Result<(Separator, Vec<(u64, StringRecord)>)> {
    let text = decode(&std::fs::read(path)?)?.replace("\r\n", "\n").replace('\r', "\n");

    // Excel's own first line, which says what separates.
    let first = text.lines().next().unwrap_or("");
    let said = first.trim().trim_matches('"').strip_prefix("sep=").filter(|s| s.len() <= 1);
    let separator = match said {
        // A tab at the end of the line is trimmed away.
        Some("" | "\t") => Separator::Tab,
        _ => Separator::of_line(first),
    };

    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .delimiter(separator.byte())
        .from_reader(text.as_bytes());
    let (mut rows, mut line, mut at) = (Vec::new(), 1, 0);
    for record in reader.records().skip(usize::from(said.is_some())) {
        let record = record?;
        if record.iter().all(str::is_empty) {
            continue;
        }
        // A record's own place is before the empty lines that the reader has skipped.
        let lines_end = |text: &str| text.bytes().take_while(|b| *b == b'\n').count();
        let before = record.position().map_or(at, |p| p.byte() as usize);
        let begins = before + lines_end(&text[before..]);
        line += text[at..begins].bytes().filter(|b| *b == b'\n').count() as u64;
        at = begins;
        rows.push((line, record));
    }
    Ok((separator, rows))
}

/// The text of a file, whichever way a spreadsheet has written it.
fn decode(bytes: &[u8]) -> Result<String> {
    let units = |order: fn([u8; 2]) -> u16| -> Vec<u16> {
        bytes[2..].as_chunks::<2>().0.iter().map(|pair| order(*pair)).collect()
    };
    match bytes {
        [b'P', b'K', 3, 4, ..] | [0xd0, 0xcf, 0x11, 0xe0, ..] => {
            bail!("a spreadsheet's own file, no table of text\nhint: save it as CSV (UTF-8)")
        }
        [0xff, 0xfe, ..] => String::from_utf16(&units(u16::from_le_bytes)).context("damaged UTF-16 text"),
        [0xfe, 0xff, ..] => String::from_utf16(&units(u16::from_be_bytes)).context("damaged UTF-16 text"),
        _ if bytes.contains(&0) => bail!("no table of text: it has bytes of zero\nhint: save it as CSV (UTF-8)"),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8(rest.to_vec()).context("damaged UTF-8 text"),
        _ => Ok(String::from_utf8(bytes.to_vec()).unwrap_or_else(|_| bytes.iter().map(|b| windows_1252(*b)).collect())),
    }
}

/// The character of a byte of Windows-1252.
fn windows_1252(byte: u8) -> char {
    const UPPER: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    if (0x80..0xa0).contains(&byte) { UPPER[usize::from(byte - 0x80)] } else { char::from(byte) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8], needed: &[&str]) -> Result<Table, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("faces.csv");
        std::fs::write(&path, bytes).unwrap();
        Table::read(&path, needed).map_err(|e| format!("{e:#}").replace(&folder.path().display().to_string(), ""))
    }

    #[track_caller]
    fn assert_is_the_table(bytes: &[u8]) {
        let table = read(bytes, &["file", "age", "points"]).unwrap();
        let rows: Vec<Row> = table.rows().collect();
        assert_eq!(rows.len(), 2, "{:?}", String::from_utf8_lossy(bytes));
        assert_eq!((rows[0].text("file"), rows[1].text("file")), ("Zoë.png", "b.png"));
        assert_eq!((rows[0].number("age").unwrap(), rows[1].number("age").unwrap()), (Some(40.5), None));
        assert_eq!(rows[0].points::<1>("points", 2.0).unwrap(), [[3.0, 4.0]]);
    }

    #[test]
    fn a_table_is_read_however_a_spreadsheet_saves_it() {
        let plain = "file,age,points\nZoë.png,40.5,1.5 2\nb.png,,\n";
        let german = "file;age;points\r\nZoë.png;40,5;1,5 2\r\nb.png;;\r\n";
        let tabs = "file\tage\tpoints\nZoë.png\t40,5\t1,5 2\nb.png\t\t\n";
        for text in [
            plain.to_owned(),
            german.to_owned(),
            tabs.to_owned(),
            format!("\u{feff}{german}"),
            german.replace("\r\n", "\r"),
            format!("sep=;\r\n{german}"),
            format!("sep=\t\r\n{tabs}"),
            // All cells quoted, a decimal comma among commas, spaces, capitals, lines of nothing, cells of nothing behind the last.
            "\"File\",\"Age\",\"Points\"\n\"Zoë.png\",\"40,5\",\"1,5 2\"\n\"b.png\",\"\",\"\"\n".to_owned(),
            " FILE , Age , points \n\nZoë.png , 40.5 , 1.5 2 \n;;\n".replace(";;", ",,") + "b.png,,,,\n",
            "file,age,points\nZoë.png,40.5,1.5 2\nb.png\n".to_owned(),
        ] {
            assert_is_the_table(text.as_bytes());
        }
        let utf16 = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
            format!("\u{feff}{tabs}").encode_utf16().flat_map(order).collect()
        };
        assert_is_the_table(&utf16(u16::to_le_bytes));
        assert_is_the_table(&utf16(u16::to_be_bytes));
        assert_is_the_table(&german.chars().map(|c| c as u8).collect::<Vec<u8>>());
    }

    #[test]
    fn a_missing_column_is_named_with_the_separator_that_was_found() {
        for (text, words) in [
            (
                "datei;alter\na.png;4\n",
                "columns \"file\", \"age\" are missing: separated by semicolons, the first line has \"datei\", \"alter\"",
            ),
            (
                "file age gender\na.png 3 F\n",
                "columns \"file\", \"age\" are missing: no comma, semicolon or tab separates the first line, \"file age gender\"",
            ),
            ("file\tyears\n", "column \"age\" is missing: separated by tabs"),
            ("", "the table is empty"),
        ] {
            let error = read(text.as_bytes(), &["file", "age"]).err().unwrap();
            assert!(error.contains("faces.csv: ") && error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_bad_cell_is_named_with_its_row_and_column() {
        let table = read(b"file;age;gender\n\na.png;old;X\n;nan;F\n", &[]).unwrap();
        let rows: Vec<Row> = table.rows().collect();
        let words = |error: anyhow::Error| format!("{error:#}");
        let error = words(rows[0].number("age").unwrap_err());
        assert!(error.ends_with("faces.csv, row 3, column \"age\": \"old\" is no number"), "{error}");
        let error = words(rows[0].gender().unwrap_err());
        assert!(error.ends_with("row 3, column \"gender\": expected F or M, found \"X\""), "{error}");
        assert!(words(rows[1].needed_text("file").unwrap_err()).ends_with("row 4: column \"file\" is empty"));
        assert!(rows[1].needed_number("age").is_err() && rows[1].gender().unwrap() == Some(Gender::Female));
        let error = words(rows[0].points::<2>("gender", 1.0).unwrap_err());
        assert!(error.contains("\"X\" is no number"), "{error}");

        let error = read(b"file,age\na.png,40,5\n", &[]).err().unwrap();
        assert!(
            error.contains("row 2: \"5\" stands behind the last column: expected 2 cells, separated by commas"),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_table_is_named() {
        for (bytes, words) in [
            (&b"PK\x03\x04 and so on"[..], "a spreadsheet's own file"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1", "a spreadsheet's own file"),
            (b"f\0i\0l\0e\0", "bytes of zero"),
            (b"\xff\xfe\x00\xd8\x41\x00", "damaged UTF-16"),
        ] {
            let error = read(bytes, &["file"]).err().unwrap();
            assert!(error.contains(words), "{error}");
        }
    }
}
