//! Values as protocol 0 writes them, in text: Python's own notation of numbers and strings.

use super::fault::Fault;

/// A whole number in decimals.
pub fn int(text: &str) -> Result<i128, Fault> {
    text.trim().parse().map_err(|_| Fault::Text { expected: "a whole number" })
}

/// A number.
pub fn float(text: &str) -> Result<f64, Fault> {
    text.trim().parse().map_err(|_| Fault::Text { expected: "a number" })
}

/// The bytes of a string in quotes, with Python's escapes.
pub fn string(line: &[u8]) -> Result<Vec<u8>, Fault> {
    let damaged = || Fault::Text { expected: "a string in quotes" };
    let inner = match line.trim_ascii() {
        [first @ (b'\'' | b'"'), inner @ .., last] if first == last => inner,
        _ => return Err(damaged()),
    };

    let (mut bytes, mut rest) = (Vec::with_capacity(inner.len()), inner);
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'\\' {
            bytes.push(*byte);
            continue;
        }
        let (escaped, after) = rest.split_first().ok_or_else(damaged)?;
        rest = after;
        match escaped {
            b'n' => bytes.push(b'\n'),
            b'r' => bytes.push(b'\r'),
            b't' => bytes.push(b'\t'),
            b'\\' | b'\'' | b'"' => bytes.push(*escaped),
            b'x' => {
                let (digits, after) = rest.split_at_checked(2).ok_or_else(damaged)?;
                bytes.push(hexadecimal(digits).and_then(|v| u8::try_from(v).ok()).ok_or_else(damaged)?);
                rest = after;
            }
            _ => return Err(damaged()),
        }
    }
    Ok(bytes)
}

/// Text of which only some characters are escaped: `\uXXXX` and `\UXXXXXXXX`. Every other byte is the character of its number.
pub fn unicode(line: &[u8]) -> Result<String, Fault> {
    let damaged = || Fault::Text { expected: "text with escapes of four or eight digits" };
    let (mut units, mut rest) = (Vec::with_capacity(line.len()), line);
    while let [byte, after @ ..] = rest {
        let digits = match rest {
            [b'\\', b'u', ..] => 4,
            [b'\\', b'U', ..] => 8,
            _ => {
                units.push(u16::from(*byte));
                rest = after;
                continue;
            }
        };
        let code = rest.get(2..2 + digits).and_then(hexadecimal).ok_or_else(damaged)?;
        match u16::try_from(code) {
            Ok(unit) => units.push(unit),
            Err(_) => units.extend_from_slice(char::from_u32(code).ok_or_else(damaged)?.encode_utf16(&mut [0; 2])),
        }
        rest = &rest[2 + digits..];
    }
    String::from_utf16(&units).map_err(|_| damaged())
}

fn hexadecimal(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |value, digit| value.checked_mul(16)?.checked_add(char::from(*digit).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pythons_notation_is_read() {
        assert_eq!((int("-12").unwrap(), float("-2.5e3").unwrap()), (-12, -2500.0));
        assert_eq!(string(br#"'a\n\x00\xff\'\\ "'"#).unwrap(), b"a\n\0\xff'\\ \"");
        assert_eq!(string(b"\"it's\"").unwrap(), b"it's");
        assert_eq!(unicode(b"a\xff\\u000a\\u005cu\\U0001f600\\ud83d\\ude00").unwrap(), "aÿ\n\\u😀😀");
    }

    #[test]
    fn what_is_damaged_is_refused() {
        assert!(int("1.5").is_err() && int("").is_err() && float("one").is_err());
        for text in [&b""[..], b"'", b"'a", b"a'", b"'a\"", br"'\'", br"'\x1'", br"'\x1g'", br"'\q'"] {
            assert!(string(text).is_err(), "{:?}", String::from_utf8_lossy(text));
        }
        for text in [&br"\u12"[..], br"\u12g4", br"\Uffffffff", br"\ud83d"] {
            assert!(unicode(text).is_err(), "{:?}", String::from_utf8_lossy(text));
        }
    }
}
