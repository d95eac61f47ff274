//! Mutations of good files, thrown at every reader: none may panic, hang or take much memory. The mutations are seeded, so
//! that a finding repeats; `NARCISSUS_FUZZ_SEED` begins elsewhere and `NARCISSUS_FUZZ_ROUNDS` does more. `fuzz/` has the same targets for
//! libFuzzer, which learns from what the readers do.

use import::targets;
use nn::Rng;
use std::path::Path;

/// Mutations a target, unless the environment says otherwise: some seconds on one core.
const ROUNDS: usize = 4000;

/// What the readers look for, and what they must refuse.
const WORDS: &[&[u8]] = &[
    b"numpy.core.multiarray\n_reconstruct\n",
    b"numpy.core.multiarray\nscalar\n",
    b"ccollections\nOrderedDict\n",
    b"cos\nsystem\n",
    b"ccopy_reg\n_reconstructor\n",
    b"cnumpy.core.numeric\n_frombuffer\n",
    b"(ios\nsystem\n",
    b"I10\n",
    b"L99999999999999999999L\n",
    b"F1e400\n",
    b"S'\\x00'\n",
    b"V\\u0000\xff\n",
    b"p0\n",
    b"g0\n",
    b"\x96\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x97",
    b"0",
    b"1",
    b"2",
    b"l",
    b"d",
    b"o",
    b"ctfutil\nNetwork\n",
    b"\x80\x02",
    b"\x95\xff\xff\xff\xff\xff\xff\xff\xff",
    b"B\xff\xff\xff\xff",
    b"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f",
    b"J\xff\xff\xff\xff",
    b"h\x00",
    b"q\x00",
    b"R",
    b"b",
    b"(",
    b"t",
    b"\x85",
    b"]",
    b"}",
    b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x00",
    b"\x00\x00\xc0\x7f",
    b".",
];

#[test]
fn no_mutation_of_a_good_file_breaks_a_reader() {
    let number = |name: &str, default: usize| std::env::var(name).ok().and_then(|v| v.parse().ok()).unwrap_or(default);
    let rounds = number("NARCISSUS_FUZZ_ROUNDS", ROUNDS);
    let seed = number("NARCISSUS_FUZZ_SEED", 1);
    println!("seed {seed}, {rounds} mutations a target");
    let mut rng = Rng::new(seed as u64);
    let seeds = seeds();
    for (name, target) in targets::ALL {
        let good: Vec<&Vec<u8>> = seeds.iter().filter(|(of, _)| *of == name).map(|(_, bytes)| bytes).collect();
        assert!(!good.is_empty(), "no good file for {name}");
        for round in 0..rounds {
            let bytes = mutated(&good, &mut rng);
            let outcome = std::panic::catch_unwind(|| target(&bytes));
            if outcome.is_err() {
                let kept = std::env::temp_dir().join(format!("narcissus-fuzz-{name}-{round}"));
                std::fs::write(&kept, &bytes).unwrap();
                panic!("target {name}, round {round}: the file is in {}", kept.display());
            }
        }
    }
    if let Some(peak) = host::peak_memory().map(|bytes| bytes >> 20) {
        assert!(peak < 1024, "a malformed file took {peak} MB");
    }
}

/// Good files by the target that reads them.
fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/foreign");
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    let target = |path: &Path| match path.extension()?.to_str()? {
        "pkl" => Some("pickle"),
        "pth" => Some("torch"),
        _ => None,
    };
    let mut seeds: Vec<_> =
        files.iter().filter_map(|path| Some((target(path)?, std::fs::read(path).unwrap()))).collect();
    let config = mirror::generator::Config { resolution: 8, fmap_base: 16, fmap_max: 4, fmap_min: 1, latent_size: 3 };
    let own = mirror::generator::Generator::new(config, &mut Rng::new(2));
    seeds.push(("safetensors", own.to_bytes(&Default::default(), nn::io::Dtype::F16)));
    seeds
}

/// One of the good files after a few changes.
fn mutated(good: &[&Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let below = |rng: &mut Rng, n: usize| rng.below(n.max(1));
    let mut bytes = good[below(rng, good.len())].clone();
    for _ in 0..1 + below(rng, 4) {
        // Mostly where the program is, and not among the weights.
        let len = bytes.len();
        let at = if below(rng, 3) > 0 { below(rng, len.min(4096)) } else { below(rng, len) };
        match below(rng, 8) {
            0 => bytes.truncate(at),
            1 | 2 if len > 0 => bytes[at] ^= 1 << below(rng, 8),
            3 if len > 0 => bytes[at] = below(rng, 256) as u8,
            4 => {
                let word = WORDS[below(rng, WORDS.len())];
                bytes.splice(at..at, word.iter().copied());
            }
            5 => {
                let word = WORDS[below(rng, WORDS.len())];
                let end = (at + word.len()).min(len);
                bytes.splice(at..end, word.iter().copied());
            }
            6 => {
                let end = (at + below(rng, 40)).min(len);
                bytes.drain(at..end);
            }
            _ => {
                let other = good[below(rng, good.len())];
                let from = below(rng, other.len());
                let to = (from + below(rng, 200)).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied());
            }
        }
    }
    bytes
}
