//! A corpus of files that are wrong, made of the good ones: each is refused with words that say what and where, and nothing of it is
//! left behind.

use import::byte_reader::ByteReader;
use import::{ImportOptions, Network, generator};
use std::path::Path;

fn good(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/foreign").join(name)).unwrap()
}

fn refusal(bytes: Vec<u8>) -> String {
    match generator(&mut ByteReader::of(bytes), ImportOptions::default()) {
        Ok(_) => panic!("it should be refused"),
        Err(error) => error.to_string(),
    }
}

/// The place of the last occurrence, which is in Gs.
fn last(bytes: &[u8], wanted: &[u8]) -> usize {
    bytes.windows(wanted.len()).rposition(|w| w == wanted).unwrap_or_else(|| panic!("no {wanted:?} in it"))
}

fn replaced(name: &str, old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut bytes = good(name);
    let at = last(&bytes, old);
    bytes.splice(at..at + old.len(), new.iter().copied());
    bytes
}

fn assert_refused(bytes: Vec<u8>, words: &[&str]) {
    let error = refusal(bytes);
    assert!(words.iter().all(|w| error.contains(w)), "\"{error}\" should have {words:?}");
}

const P3: &str = "tensorflow-unfused-p3.pkl";
const P2: &str = "tensorflow-fused-p2.pkl";
const PYTHON2: &str = "theano-python2.pkl";

#[test]
fn truncated_anywhere() {
    for name in [P3, P2, PYTHON2, "tensorflow-fused-p4.pkl", "theano-p4.pkl"] {
        let bytes = good(name);
        for end in (4..bytes.len()).step_by(397).chain([1, 2, 3, bytes.len() - 1]) {
            let error = refusal(bytes[..end].to_vec());
            assert!(error.contains("byte "), "{name} cut at {end}: {error}");
        }
    }
}

#[test]
fn whatever_would_run() {
    let other = |module: &str, name: &str| {
        let line = format!("c{module}\n{name}\n");
        assert_refused(
            replaced(P3, b"ctfutil\nNetwork\n", line.as_bytes()),
            &[&format!("\"{module}.{name}\""), "byte 2"],
        );
    };
    other("os", "system");
    other("builtins", "eval");
    other("builtins", "getattr");
    other("subprocess", "Popen");
    other("numpy.lib.npyio", "load");
    other("tfutil", "exec");
    other("dnnlib.tflib.network", "Network");
    other("torch_utils.persistence", "_reconstruct_persistent_obj");
    assert_refused(
        b"\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94.".to_vec(),
        &["\"posix.system\""],
    );
    // What runs an attribute of something harmless.
    assert_refused(b"\x80\x02cnumpy\nndarray\ncos\nsystem\n}X\x01\x00\x00\x00abb.".to_vec(), &["\"os.system\""]);
}

#[test]
fn lying_sizes() {
    // The length of the last array's bytes, which are a bias of five numbers: more than the file has, and less than the shape needs.
    let bytes = good(P3);
    let at = last(&bytes, b"C\x04") + 1;
    let mut more = bytes.clone();
    more[at] = 0xff;
    assert!(generator(&mut ByteReader::of(more), ImportOptions::default()).is_err());
    let dense = {
        let mut at = last(&bytes, b"4x4/Dense/weight");
        // The bytes of an array that is not short are an instruction "B" and four bytes of length.
        at += bytes[at..].iter().position(|b| *b == b'B').unwrap() + 1;
        at
    };
    let mut long = bytes.clone();
    long[dense..dense + 4].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_refused(long, &["4294967295 bytes are said to follow", "byte "]);
    let mut huge = bytes;
    let shape = last(&huge[..dense], b"K\x09K") + 1;
    huge[shape] = 200;
    assert_refused(huge, &["tensor \"4x4/Dense/weight\""]);
}

/// A pickle of (None, None, network) whose state has these variables, in protocol 2.
fn network_with(variables: &[u8], settings: &[u8]) -> Vec<u8> {
    let text = |t: &str| [b"X".to_vec(), (t.len() as u32).to_le_bytes().to_vec(), t.as_bytes().to_vec()].concat();
    [
        b"\x80\x02NNctfutil\nNetwork\n)\x81}(".to_vec(),
        [text("version"), b"K\x02".to_vec()].concat(),
        [text("build_func_name"), text("G_paper")].concat(),
        [text("static_kwargs"), settings.to_vec()].concat(),
        [text("variables"), variables.to_vec()].concat(),
        b"ub\x87.".to_vec(),
    ]
    .concat()
}

#[test]
fn cycles_and_nests() {
    // variables = []; variables.append(variables)
    assert_refused(
        network_with(b"]q\x07h\x07a", b"}"),
        &["\"variables\", entry 0: expected a name and an array, found a list"],
    );
    // A dictionary that holds itself.
    assert_refused(
        network_with(b"]", b"}q\x07X\x0a\x00\x00\x00resolutionh\x07s"),
        &["\"resolution\"", "expected an int, found a dict"],
    );
    // A tuple of a hundred thousand, and one in one in one.
    let huge = [b"(".to_vec(), b"N".repeat(100_000), b"t".to_vec()].concat();
    assert_refused(network_with(&huge, b"}"), &["\"variables\", entry 0: expected a tuple or a list, found None"]);
    let deep = [b"N".to_vec(), b"\x85".repeat(100_000)].concat();
    assert_refused(network_with(&deep, b"}"), &["variables"]);
    let open = b"(".repeat(100_000);
    assert_refused(network_with(&open, b"}"), &["open containers"]);
    assert_refused(b"\x80\x02]q\x00h\x00a.".to_vec(), &["expected"]);
}

#[test]
fn settings_that_cannot_be() {
    let with = |key: &str, value: &[u8]| {
        let key = [b"}X".to_vec(), (key.len() as u32).to_le_bytes().to_vec(), key.as_bytes().to_vec()].concat();
        network_with(b"]", &[key, value.to_vec(), b"s".to_vec()].concat())
    };
    assert_refused(
        with("resolution", b"M\x2c\x01"),
        &["\"resolution\": expected a power of two from 4 to 1024, file has 300"],
    );
    assert_refused(
        with("resolution", b"\x8a\x10".iter().chain([0x7f; 16].iter()).copied().collect::<Vec<_>>().as_slice()),
        &["resolution"],
    );
    assert_refused(with("label_size", b"K\x0a"), &["\"label_size\": expected 0", "file has 10"]);
    assert_refused(with("use_pixelnorm", b"\x89"), &["\"use_pixelnorm\": expected True"]);
    assert_refused(with("pixelnorm_epsilon", b"K\x01"), &["pixelnorm_epsilon"]);
    assert_refused(with("fused_scale", b"]"), &["\"fused_scale\"", "expected a bool, found a list"]);
    assert_refused(with("resolution", b"K\x20"), &["variables: no \"4x4/Dense/weight\" in it"]);
    assert_refused(replaced(P3, b"G_paper", b"G_other"), &["built by \"G_other\""]);
    assert_refused(replaced(P3, b"versionq", b"varsionq"), &["no \"version\" in it"]);
}

#[test]
fn numbers_that_are_none() {
    let bytes = good(P3);
    let name = last(&bytes, b"4x4/Conv/weight");
    let values = name + bytes[name..].iter().position(|b| *b == b'B').unwrap() + 5;
    for (value, index) in [(f32::NAN, 0), (f32::INFINITY, 1)] {
        let mut bytes = bytes.clone();
        bytes[values + 4 * index..][..4].copy_from_slice(&value.to_le_bytes());
        assert_refused(bytes, &["tensor \"4x4/Conv/weight\"", "not finite"]);
    }
    let mut unfinished = good(PYTHON2);
    let at = last(&unfinished, b"cur_lod");
    // The scalar's four bytes are the first string of that length behind it.
    let at = at + unfinished[at..].windows(2).position(|w| w == b"U\x04").unwrap() + 2;
    unfinished[at..at + 4].copy_from_slice(&1.5_f32.to_le_bytes());
    // Python writes a text only once: the key stands in G's state, and that of Gs recalls it.
    let read = |bytes: &[u8], max_resolution| {
        let options = ImportOptions { network: Network::G, max_resolution, half: false };
        generator(&mut ByteReader::of(bytes.to_vec()), options).map_err(|e| e.to_string())
    };
    let error = read(&unfinished, None).err().unwrap();
    assert!(error.contains("lod 1.5") && error.contains("hint: --max-resolution 4"), "{error}");
    assert_eq!(read(&unfinished, Some(4)).unwrap().config().resolution, 4);
    assert!(read(&unfinished, Some(8)).is_err());
    unfinished[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    assert!(read(&unfinished, None).err().unwrap().contains("lod NaN"));
}

#[test]
fn arrays_of_other_types() {
    let dtype = |code: &str, order: &str| {
        let replaced = |bytes: Vec<u8>, old: &[u8], new: &[u8]| {
            let at = bytes.windows(old.len()).position(|w| w == old).unwrap();
            [&bytes[..at], new, &bytes[at + old.len()..]].concat()
        };
        let bytes = replaced(good(P3), b"X\x02\x00\x00\x00f4", format!("X\x02\x00\x00\x00{code}").as_bytes());
        replaced(bytes, b"X\x01\x00\x00\x00<", format!("X\x01\x00\x00\x00{order}").as_bytes())
    };
    assert_refused(dtype("f4", ">"), &["byte order \">\"", "little endian", "byte "]);
    assert_refused(dtype("O8", "<"), &["dtype \"O8\""]);
    assert_refused(dtype("c8", "<"), &["dtype \"c8\""]);
    assert_refused(dtype("f8", "<"), &["a number of 4 bytes: expected 8"]);
    assert_refused(dtype("i4", "<"), &["floating-point"]);
    assert_refused(replaced(P3, b"4x4/Dense/weight", b"4x4/Dense/weighs"), &["no \"4x4/Dense/weight\""]);
}

#[test]
fn other_files() {
    for (bytes, words) in [
        (&b""[..], "the file is empty"),
        (b"\x80", "byte 0: 1 bytes are said to follow"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"\x01\x02\x03", "no format that is known, it begins with the bytes 01 02 03"),
        (b"I1\n.", "expected a tuple or a list, found an int"),
        (b"cos\nsystem\n(S'ls'\ntR.", "global \"os.system\""),
        (b"\x80\x05\x8c\x05posix\x8c\x06system\x93.", "global \"posix.system\""),
        (b"<!DOCTYPE html><html><title>Drive</title>", "a web page (\"Drive\")"),
        (b"Entry not found", "a text (\"Entry not found\")"),
        (b"\x80\x05\x97.", "lie outside of the file"),
        (b"\x80\x02NNN\x87.", "expected an instance of a class, found None"),
        (b"\x80\x02N.", "expected a tuple or a list, found None"),
        (b"\x80\x02N\x85.", "no network Gs in it, it holds 1"),
        (b"\x80\x02NNctfutil\nNetwork\n\x87.", "expected an instance of a class, found tfutil.Network"),
        (b"\x80\x02NNctfutil\nNetwork\n)\x81\x87.", "expected an instance of a class"),
        (b"\x80\x02NNctfutil\nNetwork\n)\x81Nb\x87.", "expected a dict, found None"),
    ] {
        assert_refused(bytes.to_vec(), &[words]);
    }
    let options = ImportOptions { network: Network::G, ..ImportOptions::default() };
    assert!(generator(&mut ByteReader::of(b"\x80\x02).".to_vec()), options).is_err());
}

const ARCHIVE: &str = "gan-zoo.pth";
const LEGACY: &str = "gan-zoo-legacy.pth";

#[test]
fn checkpoints_truncated_anywhere() {
    for name in [ARCHIVE, LEGACY, "proggan-old.pth"] {
        let bytes = good(name);
        for end in (16..bytes.len()).step_by(397).chain([1, 2, 3, bytes.len() - 1]) {
            assert!(!refusal(bytes[..end].to_vec()).is_empty(), "{name} cut at {end}");
        }
    }
    assert_refused(good(LEGACY)[..9000].to_vec(), &["byte ", "are said to follow"]);
    assert_refused(good(ARCHIVE)[..9000].to_vec(), &["archive"]);
}

/// All occurrences.
fn all_replaced(name: &str, old: &[u8], new: &[u8]) -> Vec<u8> {
    all_replaced_in(&good(name), old, new)
}

fn all_replaced_in(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let (mut changed, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        if bytes[at..].starts_with(old) {
            changed.extend(new);
            at += old.len();
        } else {
            changed.push(bytes[at]);
            at += 1;
        }
    }
    assert_ne!(bytes, changed, "no {old:?} in it");
    changed
}

#[test]
fn checkpoints_that_run_something_or_lie() {
    let system = all_replaced(LEGACY, b"ctorch._utils\n_rebuild_tensor_v2\n", b"cos\nsystem\n");
    assert_refused(system, &["\"os.system\"", "byte "]);
    // Of the same length, so that the archive's own sizes stay true; its sums are not looked at, as nothing is run or unpacked.
    let system = all_replaced(ARCHIVE, b"cmodels.utils.config\nBaseConfig\n", b"cmodels.utils.config\nExecutable\n");
    assert_refused(system, &["\"models.utils.config.Executable\""]);
    assert_refused(all_replaced(LEGACY, b"FloatStorage", b"FloatStoragf"), &["\"torch.FloatStoragf\""]);
    assert_refused(all_replaced(LEGACY, b"FloatStorage", b"LongStorage"), &["byte "]);
    assert_refused(all_replaced(ARCHIVE, b"little", b"bigend"), &["byte order \"bigend\"", "expected little"]);
    assert_refused(all_replaced(ARCHIVE, b"data.pkl", b"data.plk"), &["no data.pkl in the archive"]);
    assert_refused(all_replaced(ARCHIVE, b"archive/data/20", b"archive/atad/20"), &["storage \"", "not in the file"]);
    assert_refused(all_replaced(ARCHIVE, b"formatLayer", b"farmatLayer"), &["no program that is known", "hint"]);
    assert_refused(all_replaced(ARCHIVE, b"groupScale0", b"groupScaleO"), &["no \"groupScale0.0.weight\""]);
    // leakyReluLeak, alpha.
    let leak = all_replaced(ARCHIVE, &0.2_f64.to_be_bytes(), &0.3_f64.to_be_bytes());
    assert_refused(leak, &["\"leakyReluLeak\": expected 0.2, file has 0.3"]);
}

#[test]
fn an_archive_that_is_compressed_or_another_kind_of_archive() {
    // Method 8 in every local and central header.
    let mut bytes = good(ARCHIVE);
    for i in 0..bytes.len() - 12 {
        match &bytes[i..i + 4] {
            b"PK\x03\x04" => bytes[i + 8] = 8,
            b"PK\x01\x02" => bytes[i + 10] = 8,
            _ => {}
        }
    }
    assert_refused(bytes, &["is compressed"]);
    assert_refused(b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0".to_vec(), &["no data.pkl"]);
    assert_refused(
        b"PK\x03\x04 and nothing more".to_vec(),
        &["archive cannot be read", "hint: a download has not ended"],
    );
    // The names of other programs' archives, in one of the same lengths.
    let renamed = |from: &[u8], to: &[u8]| all_replaced(ARCHIVE, from, to);
    assert_refused(
        renamed(b"archive/data.pkl", b"network-gs01.pkl"),
        &["no data.pkl", "\"network-gs01.pkl\"", "unpack it"],
    );
    let script =
        all_replaced_in(&renamed(b"archive/data/10", b"archive/code/10"), b"archive/byteorder", b"abc/constants.pkl");
    assert_refused(script, &["TorchScript", "state_dict()"]);
}

#[test]
fn discriminators_whose_layers_do_not_fit() {
    let judged =
        |bytes: Vec<u8>| import::discriminator(&mut ByteReader::of(bytes)).map(|_| ()).map_err(|e| e.to_string());
    assert!(judged(good(P3)).is_ok() && judged(good(PYTHON2)).is_ok());
    let error = judged(replaced(P3, b"D_paper", b"G_paper")).unwrap_err();
    assert!(error.contains("built by \"G_paper\", and that is no discriminator"), "{error}");
    // Twice the same layer, where the one of the level below belongs.
    let error = judged(replaced(P3, b"FromRGB_lod1/weight", b"FromRGB_lod9/weight")).unwrap_err();
    assert!(error.contains("no \"FromRGB_lod1/weight\""), "{error}");
    // Two biases in each other's place.
    let mut bytes = good(P3);
    let (first, second) = (last(&bytes, b"4x4/Dense0/bias"), last(&bytes, b"4x4/Dense1/bias"));
    (bytes[first + 9], bytes[second + 9]) = (b'1', b'0');
    let error = judged(bytes).unwrap_err();
    assert!(error.contains("tensor \"4x4/Dense0/bias\": expected [6], file has [1]"), "{error}");
}
