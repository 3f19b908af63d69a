use super::*;

/// Bytes of a text in which `#` stands for the escape character.
fn raw(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat().into_iter().map(|b| if b == b'#' { ESCAPE } else { b }).collect()
}

fn name(sets: &str, bytes: &[u8]) -> String {
    CharacterSets::named(sets.as_bytes()).decode(bytes, Parts::Names)
}

#[test]
fn names_of_the_standard() {
    // PS3.5, H.3.1 and H.3.2.
    let japanese = raw(&[b"Yamada^Tarou=#$B;3ED#(B^#$BB@O:#(B=#$B$d$^$@#(B^#$B$?$m$&#(B"]);
    assert_eq!(name("\\ISO 2022 IR 87", &japanese), "Yamada^Tarou=山田^太郎=やまだ^たろう");
    let katakana = raw(&[b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3=#$B;3ED#(J^#$BB@O:#(J=#$B$d$^$@#(J^#$B$?$m$&#(J"]);
    assert_eq!(name("ISO 2022 IR 13\\ISO 2022 IR 87", &katakana), "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう");
    // I.2.
    let korean = raw(&[b"Hong^Gildong=#$)C\xfb\xf3^#$)C\xd1\xce\xd4\xd7=#$)C\xc8\xab^#$)C\xb1\xe6\xb5\xbf"]);
    assert_eq!(name("\\ISO 2022 IR 149", &korean), "Hong^Gildong=洪^吉洞=홍^길동");
    // J.1 to J.4 and K.2.
    let utf = "Wang^XiaoDong=王^小東=".as_bytes();
    assert_eq!(name("ISO_IR 192", utf), "Wang^XiaoDong=王^小東=");
    let gb18030 = b"Wang^XiaoDong=\xcd\xf5^\xd0\xa1\xb6\xab=";
    assert_eq!(name("GB18030", gb18030), "Wang^XiaoDong=王^小东=");
    assert_eq!(name("GBK", gb18030), "Wang^XiaoDong=王^小东=");
    let gb2312 = raw(&[b"Zhang^XiaoDong=#$)A\xd5\xc5^#$)A\xd0\xa1\xb6\xab="]);
    assert_eq!(name("\\ISO 2022 IR 58", &gb2312), "Zhang^XiaoDong=张^小东=");
}

#[test]
fn single_byte_sets() {
    for (set, bytes, expected) in [
        ("ISO_IR 100", &b"Buc^J\xe9r\xf4me"[..], "Buc^Jérôme"),
        ("ISO_IR 101", b"W\xb3a\xb6ciwy", "Właściwy"),
        ("ISO_IR 109", b"\xa6a\xf8o", "Ĥaĝo"),
        ("ISO_IR 110", b"\xb3\xbaa", "ŗēa"),
        ("ISO_IR 144", b"\xbb\xee\xda\x63\x65\xdc\xd1\xe3\xe0\xd3", "Люкceмбург"),
        ("ISO_IR 127", b"\xe2\xc8\xc7\xe6\xea^\xe4\xe6\xd2\xc7\xd1", "قباني^لنزار"),
        ("ISO_IR 126", b"\xc4\xe9\xef\xed\xf5\xf3\xe9\xef\xf2", "Διονυσιος"),
        ("ISO_IR 138", b"\xf9\xf8\xe5\xef^\xe3\xe1\xe5\xf8\xe4", "שרון^דבורה"),
        ("ISO_IR 148", b"\xc7avu\xfeo\xf0lu", "Çavuşoğlu"),
        ("ISO_IR 166", b"\xb9\xd2\xc1", "นาม"),
        ("ISO_IR 203", b"\xa4 \xbc", "€ Œ"),
        ("ISO_IR 13", b"\xd4\xcf\xc0\xde^\xc0\xdb\xb3", "ﾔﾏﾀﾞ^ﾀﾛｳ"),
        ("ISO_IR 6", b"plain", "plain"),
        ("", b"plain", "plain"),
        ("", b"M\xfcller", "M\u{fffd}ller"),
        ("ISO_IR 100 ", b"M\xfcller", "Müller"),
    ] {
        assert_eq!(name(set, bytes), expected, "{set}");
    }
}

#[test]
fn separators_restore_the_first_set() {
    let sets = "ISO 2022 IR 100\\ISO 2022 IR 144";
    // Without a second escape sequence, the bytes after a separator are Latin again.
    for separator in ["^", "=", "\\", "\n", "\r", "\t", "\x0c"] {
        let bytes = raw(&[b"\xe9#-L\xee", separator.as_bytes(), b"\xe9"]);
        assert_eq!(name(sets, &bytes), format!("éю{separator}é"), "{separator:?}");
    }
    let values = CharacterSets::named(sets.as_bytes());
    let bytes = raw(&[b"#-L\xee^\xee\\\xe9"]);
    assert_eq!(values.decode(&bytes, Parts::Values), "ю^ю\\é");
    assert_eq!(values.decode(&bytes, Parts::None), "ю^ю\\щ");
}

#[test]
fn bytes_of_a_character_of_two_separate_nothing() {
    // The second byte of each is one of ^, = and \.
    let bytes = raw(&[b"#$B0^0=0\\#(B^x"]);
    let text = name("\\ISO 2022 IR 87", &bytes);
    assert_eq!((text.chars().count(), text.ends_with("^x"), text.contains(UNKNOWN)), (5, true, false), "{text}");
    let gbk = CharacterSets::named(b"GBK").decode(b"\x81\x5c\\\xcd\xf5", Parts::Values);
    assert_eq!(gbk.split('\\').count(), 2, "{gbk}");
}

#[test]
fn the_latin_half_of_the_japanese_set_has_a_yen_where_nothing_is_separated() {
    let sets = CharacterSets::named(b"ISO_IR 13");
    assert_eq!(sets.decode(b"a\\b~", Parts::Values), "a\\b\u{203e}");
    assert_eq!(sets.decode(b"a\\b", Parts::None), "a\u{a5}b");
}

#[test]
fn what_is_no_text_is_marked() {
    assert_eq!(name("\\ISO 2022 IR 87", &raw(&[b"a#%Gb"])), "a\u{fffd}%Gb");
    assert_eq!(name("\\ISO 2022 IR 87", &raw(&[b"#$B;"])), "\u{fffd}", "half a character");
    assert_eq!(name("\\ISO 2022 IR 149", &raw(&[b"#$)C\xfb"])), "\u{fffd}");
    assert_eq!(name("", b"\x1b"), "\u{fffd}");
    assert_eq!(name("ISO_IR 192", b"a\xff"), "a\u{fffd}");
    assert_eq!(name("no such set", b"a\xe9"), "a\u{fffd}");
    // Whatever the bytes, decoding ends.
    for seed in 0..200_u32 {
        let mut state = seed;
        let mut byte = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            [ESCAPE, b'$', b'(', b')', b'B', b'C', b'^', b'\\', 0xa1, (state >> 24) as u8][(state >> 16) as usize % 10]
        };
        let bytes: Vec<u8> = (0..64).map(|_| byte()).collect();
        for sets in ["\\ISO 2022 IR 87", "ISO 2022 IR 13", "GB18030", "ISO_IR 192"] {
            let _ = name(sets, &bytes);
        }
    }
}
