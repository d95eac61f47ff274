//! Names as the archive's table has them, for people to read.

/// `ABBOTT, Josiah Gardner` as `Josiah Gardner Abbott`. `None` of an empty one.
pub(super) fn first_name_first(listed: &str) -> Option<String> {
    let mut parts = listed.split(',').map(str::trim).filter(|part| !part.is_empty());
    let last = in_small_letters(parts.next()?);
    let first = parts.next().map(str::to_owned);
    // Such as "Jr.".
    let rest = parts.map(str::to_owned);
    Some(first.into_iter().chain([last]).chain(rest).collect::<Vec<String>>().join(" "))
}

/// `McCULLOCH` as `McCulloch`: only the first of several capitals stays.
fn in_small_letters(name: &str) -> String {
    let mut before = ' ';
    let mut letter = |c: char| {
        let small = before.is_uppercase() && c.is_uppercase();
        before = c;
        if small { c.to_lowercase().collect() } else { c.to_string() }
    };
    name.chars().map(&mut letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_name_comes_first_and_capitals_become_small() {
        for (listed, name) in [
            ("ABBOTT, Josiah Gardner", "Josiah Gardner Abbott"),
            ("McCULLOCH, Roscoe Conkling", "Roscoe Conkling McCulloch"),
            ("D'ALESANDRO, Thomas, Jr.", "Thomas D'Alesandro Jr."),
            ("AKIN, W. Todd", "W. Todd Akin"),
            ("LEGGETT-SMITH, Ann", "Ann Leggett-Smith"),
            ("GARCÍA, Chuy", "Chuy García"),
            ("Solo", "Solo"),
        ] {
            assert_eq!(first_name_first(listed).as_deref(), Some(name));
        }
        assert_eq!(first_name_first(" , "), None);
    }
}
