//! What fuzzers call, a function a foreign format: any bytes must give a generator that draws, or an error with words.
//!
//! `tests/fuzz.rs` calls them for a bounded number of mutations whenever the tests run, `fuzz/` under libFuzzer by hand.

use crate::byte_reader::ByteReader;
use crate::{FormatError, ImportOptions, Network, discriminator, generator, twin};
use mirror::generator::Generator;
use nn::Tensor;

/// A target's name and what it does with some bytes.
pub type FuzzTarget = (&'static str, fn(&[u8]));

/// All targets.
pub const ALL: [FuzzTarget; 3] = [("pickle", pickle), ("torch", torch), ("safetensors", safetensors)];

/// The pickles of Karras' programs, every network of them.
pub fn pickle(bytes: &[u8]) {
    foreign(bytes);
}

/// What `torch.save` writes, in either container.
pub fn torch(bytes: &[u8]) {
    foreign(bytes);
}

/// Our own files.
pub fn safetensors(bytes: &[u8]) {
    for max_resolution in [None, Some(8)] {
        check(twin::from_bytes(bytes, max_resolution).map_err(|e| e.to_string()), bytes.len());
    }
}

fn foreign(bytes: &[u8]) {
    let words = |error: FormatError| error.to_string();
    // One way to read it a file, so that more files are tried; which, its length says.
    match bytes.len() % 5 {
        0 => {
            let judge = discriminator(&mut ByteReader::of(bytes.to_vec()));
            assert!(!judge.is_err_and(|error| words(error).is_empty()), "an error without words");
        }
        way => {
            let network = if way % 2 == 0 { Network::G } else { Network::Gs };
            let options = ImportOptions { network, max_resolution: (way > 2).then_some(8), half: false };
            check(generator(&mut ByteReader::of(bytes.to_vec()), options).map_err(words), bytes.len());
        }
    }
}

/// What was taken must draw; a few of the small ones do, so that it does not take long.
fn check(read: Result<Generator, String>, len: usize) {
    let generator = match read {
        Ok(generator) => generator,
        Err(words) => return assert!(!words.is_empty(), "an error without words"),
    };
    let config = generator.config();
    if len.is_multiple_of(16) && config.values() < 50_000 && config.resolution <= 32 {
        let latent = Tensor::new([1, 1, 1, config.latent_size], vec![1.0; config.latent_size]);
        assert_eq!(generator.forward(&latent).w(), config.resolution);
    }
}
