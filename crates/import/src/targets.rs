//! What fuzzers call, a function a foreign format: any bytes must give a generator that draws, or an error with words.
//!
//! `tests/fuzz.rs` calls them for a bounded number of mutations whenever the tests run, `fuzz/` under libFuzzer by hand.

use crate::source::Source;
use crate::{FormatError, Network, Options, discriminator, generator, twin};
use mirror::generator::Generator;
use nn::Tensor;

/// A target's name and what it does with some bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const ALL: [Target; 3] = [("pickle", pickle), ("torch", torch), ("safetensors", safetensors)];

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
        check(twin::from_bytes(bytes, max_resolution).map_err(|e| e.to_string()));
    }
}

fn foreign(bytes: &[u8]) {
    let words = |error: FormatError| error.to_string();
    for network in [Network::G, Network::Gs] {
        for max_resolution in [None, Some(8)] {
            let options = Options { network, max_resolution, half: false };
            check(generator(&mut Source::of(bytes.to_vec()), options).map_err(words));
        }
    }
    if let Err(error) = discriminator(&mut Source::of(bytes.to_vec())) {
        assert!(!error.to_string().is_empty(), "an error without words");
    }
}

/// What was taken must draw; small ones do, so that it does not take long.
fn check(read: Result<Generator, String>) {
    match read {
        Err(words) => assert!(!words.is_empty(), "an error without words"),
        Ok(generator) if generator.config().values() < 50_000 && generator.config().resolution <= 32 => {
            let latent =
                Tensor::new([1, 1, 1, generator.config().latent_size], vec![1.0; generator.config().latent_size]);
            assert_eq!(generator.forward(&latent).w(), generator.config().resolution);
        }
        Ok(_) => {}
    }
}
