//! Pickles that are read, and pickles that are refused.

use super::*;
use crate::pickle::View;

fn load_bytes(bytes: &[u8]) -> Result<Pickle, String> {
    load(&mut ByteReader::of(bytes.to_vec())).map_err(|e| e.to_string())
}

fn refusal(bytes: &[u8]) -> String {
    load_bytes(bytes).expect_err("it should be refused")
}

#[test]
fn plain_values_are_read() {
    // {"a": (1, -2.5, None), "b": [True, 300, -7]}, as Python writes it in protocol 2.
    let bytes = b"\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01K\x01G\xc0\x04\x00\x00\x00\x00\x00\x00N\x87q\x02X\x01\x00\x00\x00bq\x03]q\x04(\x88M\x2c\x01J\xf9\xff\xff\xffeu.";
    let pickle = load_bytes(bytes).unwrap();
    let tuple = pickle.root().get("a").unwrap().items().unwrap();
    assert_eq!(tuple[0].int(), Ok(1));
    assert_eq!(tuple[1].number(), Ok(-2.5));
    assert_eq!(tuple[2].value(), &Value::None);
    let ints: Vec<_> =
        pickle.root().get("b").unwrap().items().unwrap()[1..].iter().map(View::int).map(Result::unwrap).collect();
    assert_eq!(ints, [300, -7]);
    let error = pickle.root().get("c").err().unwrap().to_string();
    assert_eq!(error, "the pickle: no \"c\" in it");
    assert_eq!(
        tuple[0].text().unwrap_err().to_string(),
        "the pickle, \"a\", entry 0: expected short text, found an int"
    );
}

#[test]
fn whoever_wants_to_run_something_is_named() {
    let system = refusal(b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R.");
    assert!(system.starts_with("pickle, byte 2: global \"os.system\" is none"), "{system}");
    let eval = refusal(b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.");
    assert!(eval.starts_with("pickle, byte 18: global \"builtins.eval\""), "{eval}");
    // Python 2's name for it, a class of another GAN, and a name that hides in an attribute.
    assert!(refusal(b"\x80\x02c__builtin__\nexec\n.").contains("__builtin__.exec"));
    assert!(refusal(b"\x80\x02cdnnlib.tflib.network\nNetwork\n.").contains("dnnlib.tflib.network.Network"));
    assert!(refusal(b"\x80\x04\x8c\x05numpy\x8c\x0fndarray.__new__\x93.").contains("numpy.ndarray.__new__"));
}

#[test]
fn whoever_wants_to_run_something_is_named_in_every_protocol() {
    for bytes in [
        &b"cos\nsystem\n(S'ls'\ntR."[..],
        b"(S'ls'\nios\nsystem\n.",
        b"(cos\nsystem\nU\x02lso.",
        b"\x80\x03cos\nsystem\n.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
        b"\x80\x05\x8c\x02os\x8c\x06system\x93.",
        b"ccopy_reg\n_reconstructor\n(cos\nsystem\n",
    ] {
        let error = refusal(bytes);
        assert!(error.contains("global \"os.system\" is none") && error.contains("nothing was run"), "{error}");
    }
    // What is known makes no instance of what is none of ours.
    assert!(
        refusal(b"ccopy_reg\n_reconstructor\n(cnumpy\ndtype\nc__builtin__\nobject\nNtR.").contains("does not take")
    );
}

#[test]
fn networks_that_are_no_progressive_gan_are_named() {
    for (bytes, words) in [
        (&b"\x80\x02cdnnlib.tflib.network\nNetwork\n."[..], "a StyleGAN or StyleGAN2"),
        (
            b"\x80\x05\x8c\x17torch_utils.persistence\x8c\x1b_reconstruct_persistent_obj\x93.",
            "StyleGAN2-ADA or StyleGAN3",
        ),
        (b"\x80\x02ctorch.nn.modules.conv\nConv2d\n.", "state_dict()"),
    ] {
        let error = refusal(bytes);
        assert!(error.contains(words) && error.contains("nothing was run"), "{error}");
    }
}

#[test]
fn values_of_protocols_0_and_1_are_read() {
    // {'a': (1, -2.5, None), 'b': [True, 300L, u'ä\n']}, as Python 2 writes it in protocol 0.
    let bytes = b"(dp0\nS'a'\np1\n(I1\nF-2.5\nNtp2\nsS'b'\np3\n(lp4\nI01\naL300L\naV\xe4\\u000a\np5\nas.";
    let pickle = load_bytes(bytes).unwrap();
    let root = pickle.root();
    let tuple = root.get("a").unwrap().items().unwrap();
    assert_eq!((tuple[0].int(), tuple[1].number(), tuple[2].value()), (Ok(1), Ok(-2.5), &Value::None));
    let list = root.get("b").unwrap().items().unwrap();
    assert_eq!((list[0].value(), list[1].int(), list[2].text()), (&Value::Bool(true), Ok(300), Ok("ä\n")));
    // ((1, 2), (1, 2)) by way of a duplicate, and what is thrown away.
    let pickle = load_bytes(b"((K\x01K\x02t2N0(NN1t.").unwrap();
    let twice = pickle.root().items().unwrap();
    assert_eq!((twice.len(), twice[0].value()), (2, twice[1].value()));
}

#[test]
fn long_lines_take_no_more_memory_than_is_allowed() {
    // A text of a megabyte, encoded again and again.
    let mut bytes = b"c_codecs\nencode\np0\n(V".to_vec();
    bytes.extend(std::iter::repeat_n(b'a', 1 << 20));
    bytes.extend(b"\nVlatin1\ntp1\n");
    bytes.extend(std::iter::repeat_n(*b"g0\ng1\nR", 1000).flatten());
    assert!(refusal(&bytes).contains("bytes of short texts, or of arrays that protocol 0 writes as text"));
}

#[test]
fn a_cycle_is_no_trouble() {
    // l = []; l.append(l)
    let pickle = load_bytes(b"\x80\x02]q\x00h\x00a.").unwrap();
    let mut view = pickle.root();
    for _ in 0..1000 {
        view = view.items().unwrap().swap_remove(0);
    }
    // A tuple that holds a list that holds the tuple.
    let pickle = load_bytes(b"\x80\x02(]q\x00(h\x00tq\x01a0h\x01.").unwrap();
    let list = pickle.root().items().unwrap().swap_remove(0);
    assert_eq!(list.items().unwrap()[0].value(), pickle.root().value());
}

#[test]
fn sizes_that_lie_take_no_memory() {
    for bytes in [
        &b"\x80\x02T\xff\xff\xff\xffab"[..],
        b"\x80\x03B\xff\xff\xff\x7f",
        b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\x80\x04\x8d\xff\xff\xff\xff\xff\xff\xff\x7fa",
        b"\x80\x02X\x10\x00\x00\x00abc.",
    ] {
        assert!(refusal(bytes).contains("are said to follow"), "{bytes:?}");
    }
    assert!(refusal(b"").starts_with("pickle, byte 0: 1 bytes are said"));
    assert!(refusal(b"\x80\x02K\x01").contains("byte 4"));
}

#[test]
fn endless_programs_end() {
    let mut bytes = b"\x80\x02N".to_vec();
    bytes.extend(std::iter::repeat_n(0x85, 2 * MAX_STEPS));
    assert!(refusal(&bytes).contains("more than 1048576 instructions"));
    let mut bytes = b"\x80\x02".to_vec();
    bytes.extend(std::iter::repeat_n(b'(', 100));
    assert!(refusal(&bytes).contains("open containers"));
    // Copies of a copy of a copy ...
    let mut bytes = b"\x80\x02ccollections\nOrderedDict\nq\x00](".to_vec();
    bytes.extend(std::iter::repeat_n(*b"NN\x86", 1000).flatten());
    bytes.extend(b"e\x85q\x01");
    bytes.extend(std::iter::repeat_n(*b"h\x00h\x01R", 100_000).flatten());
    assert!(refusal(&bytes).contains("instructions"));
    // Deep, but within the limit: freed without recursion.
    let mut bytes = b"\x80\x02N".to_vec();
    bytes.extend(std::iter::repeat_n(0x85, MAX_STEPS - 10));
    bytes.push(b'.');
    assert!(load_bytes(&bytes).is_ok());
}

#[test]
fn programs_that_make_no_sense_are_refused() {
    for (bytes, words) in [
        (&b"\x80\x02."[..], "stack"),
        (b"\x80\x02t.", "stack"),
        (b"\x80\x02N(a.", "stack"),
        (b"\x80\x02Nh\x07.", "memo entry 7"),
        (b"\x80\x02NNa.", "expected a list"),
        (b"\x80\x02}(Nu.", "pairs"),
        (b"\x80\x02N)R.", "expected a callable"),
        (b"\x80\x02NNb.", "has a state"),
        (b"\x80\x06N.", "protocol 6: expected 0 to 5"),
        (b"\x80\x05\x97.", "arrays lie outside of the file"),
        (b"\x80\x05\x98.", "arrays lie outside of the file"),
        (b"I1.5\n.", "expected a whole number"),
        (b"S'a\n.", "expected a string in quotes"),
        (b"Vab\ngx\n.", "the number of a memo entry"),
        (b"g1\n.", "memo entry 1"),
        (b"P1\n.", "persistent identifier"),
        (b"(o.", "stack"),
        (b"1.", "stack"),
        (b"0.", "stack"),
        (b"\x80\x02\x8f", "instruction 0x8f"),
        (b"\x80\x02cnumpy\ndtype\nX\x02\x00\x00\x00O8\x85R.", "dtype \"O8\""),
        (b"\x80\x02\x8a\x40", "whole number of 64 bytes"),
        (b"\x80\x02cnumpy\nndarray\n)R.", "arguments that it does not take"),
    ] {
        let error = refusal(bytes);
        assert!(error.contains(words), "{error} lacks {words}");
    }
    let long = [b"\x80\x02c".to_vec(), vec![b'a'; 1000]].concat();
    assert!(refusal(&long).contains("at most 256 bytes"));
}

#[test]
fn big_endian_is_named() {
    // numpy.dtype("f4") with the state that makes it ">f4".
    let bytes = b"\x80\x02cnumpy\ndtype\nX\x02\x00\x00\x00f4K\x00K\x01\x87R(K\x03X\x01\x00\x00\x00>NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb.";
    assert!(refusal(bytes).contains("byte order \">\": expected little endian"));
}
