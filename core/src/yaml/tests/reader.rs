use std::fmt::Write;
use std::time::{Duration, Instant};

use proptest::prelude::*;
use rstest::rstest;

use super::go_table::GO;
use super::{at, manifest, refused, written};
use crate::yaml::{Document, Kind, MAX_BYTES, Node, Value, parse};

#[test]
fn t16_every_text_means_what_kubernetes_makes_of_it() {
    let mut wrong = Vec::new();
    for (text, json) in GO {
        let found = match parse("t.yaml", text.as_bytes(), Kind::Manifest) {
            Ok(documents) => documents.first().map_or("null".into(), |document| document.root.to_json().to_string()),
            Err(_) => "ERROR".into(),
        };
        let json_of = |text: &str| serde_json::from_str::<serde_json::Value>(text);
        let same = match (json_of(json), json_of(&found)) {
            (Ok(a), Ok(b)) => a == b,
            _ => *json == found,
        };
        if !same {
            wrong.push(format!("{text:?}: Go {json}, here {found}"));
        }
    }
    assert!(GO.len() > 280);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// YAML 1.2 allows what go-yaml does not; nothing here means something else.
#[test]
fn three_texts_are_read_that_kubernetes_refuses() {
    for (text, value) in [("\tv: 5", "5"), ("v: \"\\/\"", "\"/\""), ("v: \"\\ud83d\\ude00\"", "\"😀\"")] {
        assert_eq!(manifest(text).root.get("v").expect(text).to_json().to_string(), value);
    }
}

#[rstest]
#[case::lists("[", "]", 10_000)]
#[case::lists("[", "]", 100_000)]
#[case::maps("{a: ", "}", 10_000)]
#[case::maps("{a: ", "}", 100_000)]
#[case::dashes("- ", "", 10_000)]
#[case::dashes("- ", "", 100_000)]
#[case::questions("? ", "", 100_000)]
#[case::open_only("[", "", 1_000_000)]
#[case::keys_that_are_maps("{", "}", 100_000)]
fn t15_deep_nesting_is_refused_at_once(#[case] open: &str, #[case] close: &str, #[case] levels: usize) {
    let text = format!("{}{}", open.repeat(levels), close.repeat(levels));
    for kind in [Kind::Own, Kind::Manifest] {
        let start = Instant::now();
        let error = refused(text.as_bytes(), kind);
        assert!(matches!(error.code.as_str(), "yaml-too-deep" | "yaml-key"), "{error:?}");
        assert!(open.starts_with(['?', '{']) || error.code == "yaml-too-deep", "{error:?}");
        assert!(error.labels[0].span.column <= 1 + open.len() * 130, "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(2));
    }
}

#[test]
fn t15_deep_indentation_is_refused_and_a_hundred_levels_are_read() {
    let nested = |levels: usize| (0..levels).fold(String::new(), |text, level| text + &" ".repeat(level) + "a:\n");
    assert_eq!(refused(nested(1000).as_bytes(), Kind::Own).code, "yaml-too-deep");
    assert_eq!(at(&refused(nested(101).as_bytes(), Kind::Own)), ("yaml-too-deep", 101, 101));
    let document = manifest(&nested(100));
    let mut node = &document.root;
    for _ in 0..100 {
        node = node.get("a").expect("a level");
    }
    assert_eq!(node.value, Value::Null);
}

#[test]
fn t15_alias_bombs_are_refused_with_a_place() {
    let mut laughs = String::from("a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]\n");
    for level in 1..12 {
        let aliases = vec![format!("*a{}", level - 1); 9].join(", ");
        writeln!(laughs, "a{level}: &a{level} [{aliases}]").expect("text");
    }
    // One long text, often.
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), "*a, ".repeat(10_000));
    // Merge keys expand too.
    let mut merged = String::from("m0: &m0 {a: 1, b: 2}\n");
    for level in 1..40 {
        let before = level - 1;
        writeln!(merged, "m{level}: &m{level} {{x: *m{before}, <<: *m{before}}}").expect("text");
    }
    for text in [&laughs, &long, &merged] {
        let start = Instant::now();
        let error = refused(text.as_bytes(), Kind::Manifest);
        assert_eq!(error.code, "yaml-alias-bomb");
        assert!(error.labels[0].span.line > 1 && error.labels[0].span.end > error.labels[0].span.start, "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(2));
    }
    assert_eq!(refused(laughs.as_bytes(), Kind::Own).code, "yaml-alias-bomb");
}

#[test]
fn t15_aliases_cannot_make_a_value_too_deep() {
    let mut text = String::from("a0: &a0 [x]\n");
    for level in 1..150 {
        writeln!(text, "a{level}: &a{level} [*a{}]", level - 1).expect("text");
    }
    assert_eq!(at(&refused(text.as_bytes(), Kind::Manifest)).0, "yaml-too-deep");
}

#[test]
fn t15_nested_anchors_without_aliases_cost_nothing() {
    let opened: String = (0..90).fold(String::new(), |text, level| text + &format!("&a{level} ["));
    let text = format!("{opened}{}{}", "x,".repeat(100_000), "]".repeat(90));
    let start = Instant::now();
    assert!(parse("t.yaml", text.as_bytes(), Kind::Own).is_ok());
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

#[test]
fn t15_large_files_are_refused() {
    let error = refused(&vec![b'#'; MAX_BYTES + 1], Kind::Own);
    assert_eq!(at(&error), ("yaml-too-large", 1, 1));
    let many = format!("[{}]", "a,".repeat(600_000));
    assert_eq!(at(&refused(many.as_bytes(), Kind::Own)).0, "yaml-too-large");
    let comments = vec![b'#'; MAX_BYTES];
    assert_eq!(parse("t.yaml", &comments, Kind::Own).expect("one comment").len(), 0);
}

#[test]
fn t15_an_alias_inside_its_own_value_is_a_cycle() {
    assert_eq!(at(&refused(b"a: &a\n  b: *a\n", Kind::Manifest)), ("yaml-alias-cycle", 2, 6));
    assert_eq!(at(&refused(b"&a [*a]\n", Kind::Own)), ("yaml-alias-cycle", 1, 5));
    assert_eq!(at(&refused(b"a: *b\nb: &b 1\n", Kind::Own)), ("yaml-syntax", 1, 4));
}

#[rstest]
#[case("a: 1\nb:\n  c: 1\n  c: 2\n", "duplicate-key", 4, 3)]
#[case("a: 1\n'a': 2\n", "duplicate-key", 2, 1)]
#[case("1: x\n'1': y\n", "duplicate-key", 2, 1)]
#[case("yes: x\ntrue: y\n", "duplicate-key", 2, 1)]
#[case("{a: 1, b: 2, a: 3}\n", "duplicate-key", 1, 14)]
#[case("x: &x {a: 1}\ny:\n  <<: *x\n", "merge-key", 3, 3)]
#[case("a: !!str 1\n", "yaml-tag", 1, 4)]
#[case("a: !secret x\n", "yaml-tag", 1, 4)]
#[case("a: ! 5\n", "yaml-tag", 1, 4)]
#[case("a: !!map\n  b: 1\n", "yaml-tag", 1, 4)]
#[case("? [a]\n: 1\n", "yaml-key", 1, 3)]
#[case("a: 1\n~: 2\n", "yaml-key", 2, 1)]
#[case("a: .inf\n", "yaml-number", 1, 4)]
fn t16_own_files_are_read_strictly(#[case] text: &str, #[case] code: &str, #[case] line: usize, #[case] column: usize) {
    let error = refused(text.as_bytes(), Kind::Own);
    assert_eq!(at(&error), (code, line, column), "{error:?}");
    assert_eq!(error.sources[0].text.as_ref(), text);
}

#[test]
fn t16_a_duplicate_among_many_keys_is_found_and_both_places_are_shown() {
    let mut text: String = (0..40).fold(String::new(), |text, key| text + &format!("k{key}: 1\n"));
    assert!(parse("t.yaml", text.as_bytes(), Kind::Own).is_ok());
    text += "k3: 2\n";
    let error = refused(text.as_bytes(), Kind::Own);
    assert_eq!(at(&error), ("duplicate-key", 41, 1));
    assert_eq!(error.labels[1].span.line, 4);
}

#[test]
fn t16_manifests_keep_both_duplicates_and_the_last_counts() {
    let document = manifest("a: 1\na: 2\n");
    assert_eq!(document.root.entries().len(), 2);
    assert_eq!(document.root.get("a").and_then(Node::as_int), Some(2));
    assert_eq!(at(&refused(b"a: !secret x\n", Kind::Manifest)), ("yaml-tag", 1, 4));
}

#[test]
fn t16_merged_entries_have_the_place_of_the_merge_key() {
    let document = manifest("x: &x {p: 1}\nm:\n  <<: *x\n");
    let entry = document.root.get("m").and_then(|map| map.entry("p")).expect("merged");
    assert_eq!(&document.source.text[entry.key_start as usize..entry.key_end as usize], "<<");
    assert_eq!(written(&document, &entry.value), "*x");
}

#[rstest]
#[case(b"a: \xff\n", 3, 1, 4)]
#[case(b"a: 1\nb: caf\xe9\n", 11, 2, 7)]
#[case(b"a: x\x00y\n", 4, 1, 5)]
#[case(b"a: 1\n\x07b: 2\n", 5, 2, 1)]
#[case(b"a: \xc2\x81\n", 3, 1, 4)]
#[case(b"a: \x7f\n", 3, 1, 4)]
#[case(b"# x\xc2\x85a: 1\n", 3, 1, 4)]
#[case(b"a: \"x\xe2\x80\xa8y\"\n", 5, 1, 6)]
#[case(b"a: |\n  x\xe2\x80\xa9y\n", 8, 2, 4)]
#[case(b"\xff\xfea\x00:\x00", 0, 1, 1)]
#[case(b"\xfe\xff\x00a\x00:", 0, 1, 1)]
#[case(b"a\x00:\x00 \x001\x00", 0, 1, 1)]
#[case(b"\xed\xa0\x80", 0, 1, 1)]
fn t17_bad_encodings_are_refused_with_their_byte(
    #[case] bytes: &[u8],
    #[case] byte: usize,
    #[case] line: usize,
    #[case] column: usize,
) {
    for kind in [Kind::Own, Kind::Manifest] {
        let error = refused(bytes, kind);
        assert_eq!(at(&error), ("yaml-encoding", line, column), "{error:?}");
        assert!(error.message.contains(&format!("byte {byte}")), "{}", error.message);
        assert_eq!(error.labels[0].span.start, byte);
    }
}

#[test]
fn t17_a_byte_order_mark_and_crlf_are_read() {
    let document = manifest("\u{feff}a: 1\r\nb:\r\n  - x\r\n  - \"é\"\r\nc: |\r\n  t\r\n");
    assert_eq!(document.root.to_json(), serde_json::json!({"a": 1, "b": ["x", "é"], "c": "t\n"}));
    assert_eq!(written(&document, document.root.get("a").expect("a")), "1");
    assert_eq!(document.span_of(document.root.get("a").expect("a")).column, 4);
    let items = document.root.get("b").expect("b").items();
    assert_eq!(written(&document, &items[1]), "\"é\"");
    assert_eq!(document.span_of(&items[1]).to_string(), "t.yaml:4:5");
}

/// What each node of a file covers.
fn spans(document: &Document, node: &Node, out: &mut Vec<String>) {
    out.push(written(document, node).to_owned());
    for entry in node.entries() {
        spans(document, &entry.value, out);
    }
    for item in node.items() {
        spans(document, item, out);
    }
}

#[rstest]
#[case("é: 'x'  # c\nb: \"日 本\"\n", &["é: 'x'  # c\nb: \"日 本\"", "'x'", "\"日 本\""])]
#[case("a: x y # c\n\n# d\nb: 1", &["a: x y # c\n\n# d\nb: 1", "x y", "1"])]
#[case("a: |  # c\n  x # y\n  z\n\nb: >-\n\n  f\n# end\n", &["a: |  # c\n  x # y\n  z\n\nb: >-\n\n  f", "|  # c\n  x # y\n  z", ">-\n\n  f"])]
#[case("a: # |\n  !!str &x |2-\n    t\n", &["a: # |\n  !!str &x |2-\n    t", "|2-\n    t"])]
#[case("a:\n- x\n- - y\n-\nb: foo\n  bar\n", &["a:\n- x\n- - y\n-\nb: foo\n  bar", "- x\n- - y\n-", "x", "- y", "y", "", "foo\n  bar"])]
#[case("a: # no - here\n  # - nor here\n- x\n", &["a: # no - here\n  # - nor here\n- x", "- x", "x"])]
#[case("a: {b: [1, 2 ], c: }\nd: []\n", &["a: {b: [1, 2 ], c: }\nd: []", "{b: [1, 2 ], c: }", "[1, 2 ]", "1", "2", "", "[]"])]
#[case("a:\n  b: &x 1\n  c: *x\n", &["a:\n  b: &x 1\n  c: *x", "b: &x 1\n  c: *x", "1", "*x"])]
#[case("- |\n  x\n- b\n", &["- |\n  x\n- b", "|\n  x", "b"])]
#[case("|\n x\n", &["|\n x"])]
#[case("--- >\n x\n", &[">\n x"])]
#[case("a: |\nb: 1\n", &["a: |\nb: 1", "|", "1"])]
fn spans_cover_exactly_what_was_written(#[case] text: &str, #[case] expected: &[&str]) {
    let document = manifest(text);
    let mut found = Vec::new();
    spans(&document, &document.root, &mut found);
    assert_eq!(found, expected);
    // And with Windows line ends.
    let text = text.replace('\n', "\r\n");
    let document = manifest(&text);
    let mut found = Vec::new();
    spans(&document, &document.root, &mut found);
    assert_eq!(found, expected.iter().map(|part| part.replace('\n', "\r\n")).collect::<Vec<_>>());
}

#[test]
fn an_empty_value_stands_right_after_its_colon() {
    let text = "a:\nb: # c\nc :  \nd: {e: , f:}\ng:\n  -\n  - # x\n";
    let document = manifest(text);
    let mut places = Vec::new();
    let at = |path: &[&str]| document.root.at(path).map(Node::range).expect("a value");
    for path in [&["a"][..], &["b"], &["c"], &["d", "e"], &["d", "f"]] {
        places.push((at(path).len(), &text[..at(path).end]));
    }
    for item in document.root.get("g").expect("g").items() {
        places.push((item.range().len(), &text[..item.range().end]));
    }
    assert!(places.iter().all(|(length, before)| *length == 0 && before.ends_with([':', '-'])), "{places:?}");
    assert_eq!(places.last().map(|(_, before)| before.lines().count()), Some(7));
}

#[test]
fn documents_are_counted_without_the_empty_ones() {
    let text = "# only\n---\n---\na: 1\n...\n# c\n---\nb: 2\n---\n# end\n";
    let documents = parse("t.yaml", text.as_bytes(), Kind::Own).expect(text);
    assert_eq!(
        documents.iter().map(|d| (d.index, written(d, &d.root))).collect::<Vec<_>>(),
        [(0, "a: 1"), (1, "b: 2")]
    );
    for nothing in ["", "\n", "# x", "---", "---\n---\n", "\u{feff}", "\r\n"] {
        assert_eq!(parse("t.yaml", nothing.as_bytes(), Kind::Own).expect("nothing").len(), 0, "{nothing:?}");
    }
    assert_eq!(parse("t.yaml", b"null\n", Kind::Own).expect("null").len(), 1);
}

#[rstest]
#[case("a: b: c\n", 1, 5, "cannot stand here")]
#[case("a:\n\tb: 1\n", 2, 1, "a tab")]
#[case("a:\n  b: 1\n\tc: 1\n", 3, 1, "a tab")]
#[case("s:\n  a:\n    x: 1\nb:\n    y: 1\n  c:\n    z: 1\n", 4, 1, "`b` is indented less")]
#[case("s:\n  a: 1\nspec:\n    y: 1\n  c: 1\n", 5, 3, "line up")]
#[case("s:\n  min:3\n  max: 8\n", 2, 3, "without a space")]
#[case("s:\n  min: 3 # c\n    max: 8\n", 3, 5, "indented deeper")]
#[case("s:\n  min: 3\n    max: 8\n", 3, 5, "indented deeper")]
#[case("a: x # c\n  y\n", 1, 6, "a comment in the middle")]
#[case("a:\n  b: 1\n c: 2\n", 3, 2, "line up")]
#[case("a: @x\n", 1, 4, "`@`")]
#[case("a: *nope\n", 1, 4, "`*nope`")]
#[case("a: [1, 2\n", 1, 4, "not closed")]
#[case("a: {{ .Values.x }}\n", 1, 5, "a key must be text")]
fn syntax_errors_say_where_and_what(
    #[case] text: &str,
    #[case] line: usize,
    #[case] column: usize,
    #[case] what: &str,
) {
    let error = refused(text.as_bytes(), Kind::Own);
    assert_eq!((error.labels[0].span.line, error.labels[0].span.column), (line, column), "{error:?}");
    assert!(error.message.contains(what), "{}", error.message);
    assert!(error.help.is_some(), "{error:?}");
}

#[test]
fn an_open_quote_is_shown_where_it_opens() {
    let error = refused(b"a: 1\nb: 'x\nc: 2\n", Kind::Own);
    assert_eq!(error.labels[1].span.to_string(), "t.yaml:2:4", "{error:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn t17_whatever_the_text_nothing_panics_and_spans_lie_in_each_other(
        text in prop_oneof![
            "[a1:\\-? \n\r\t#&*!|>'\"\\[\\]{},%@`~<é日.]{0,40}",
            prop::collection::vec(prop_oneof![
                Just("a: "), Just("- "), Just("\n"), Just("\n  "), Just("&x "), Just("*x"), Just("!!str "), Just("|\n"), Just(" # c"),
                Just("{"), Just("}"), Just("["), Just("]"), Just(", "), Just("? "), Just("<<: "), Just("'é'"), Just("b"), Just("---\n"),
            ], 0..25).prop_map(|parts| parts.concat()),
        ],
        own in any::<bool>(),
    ) {
        fn inside(document: &Document, node: &Node, outer: std::ops::Range<usize>) -> bool {
            let range = node.range();
            document.source.text.get(range.clone()).is_some()
                && range.start >= outer.start
                && range.end <= outer.end
                && node.items().iter().all(|item| inside(document, item, range.clone()))
                && node.entries().iter().all(|entry| {
                    document.source.text.get(entry.key_start as usize..entry.key_end as usize).is_some()
                        && inside(document, &entry.value, range.clone())
                })
        }
        let kind = if own { Kind::Own } else { Kind::Manifest };
        match parse("t.yaml", text.as_bytes(), kind) {
            Ok(documents) => for document in &documents {
                prop_assert!(inside(document, &document.root, 0..text.len()), "{:?}", document.root);
            },
            Err(error) => {
                let range = error.labels[0].span.range();
                prop_assert!(text.get(range).is_some(), "{error:?}");
            }
        }
    }
}

#[test]
#[ignore = "a measurement: run in release"]
#[allow(clippy::print_stderr, reason = "its result is what it prints")]
fn a_thousand_small_files() {
    let one = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  labels: {app: web, tier: front}\nspec:\n  replicas: 3\n  template:\n";
    let lines: String =
        (0..32).fold(String::new(), |text, line| text + &format!("    field{line}: \"value {line}\" # c\n"));
    let text = format!("{one}{lines}");
    for kind in [Kind::Own, Kind::Manifest] {
        let start = Instant::now();
        for _ in 0..1000 {
            std::hint::black_box(parse("t.yaml", text.as_bytes(), kind).expect("sound"));
        }
        eprintln!("{kind:?}: {} lines each, {:?}", text.lines().count(), start.elapsed());
    }
}

/// Would miss: an empty line that `|+` keeps, where a document, a comment or the file ends after it; the last line break, which kubectl adds to
/// a file that has none. As kubectl 1.32 reads them.
#[test]
fn block_text_ends_as_kubectl_has_it() {
    for (text, value) in [
        ("d:\n  x: |+\n    a\n\n---\nb: 1\n", "a\n\n"),
        ("d:\n  x: |+\n    a\n\n\n---\nb: 1\n", "a\n\n\n"),
        ("d:\n  x: |+\n    a\n---\n# c\nb: 1\n", "a\n"),
        ("d:\n  x: |+\n    a\n    \n---\n", "a\n\n"),
        ("d:\n  x: |+\n    a\n  \n", "a\n\n"),
        ("d:\n  x: |+\n\n", "\n"),
        ("d:\n  x: |+\n    a\r\n\r\n", "a\n\n"),
        ("d:\n  x: |+\n    a\n      b\n\n# c\n", "a\n  b\n\n"),
        ("d:\n  x: |+\n    a", "a\n"),
        ("d:\n  x: |\n    a", "a\n"),
        ("d:\n  x: >\n    a", "a\n"),
        ("d:\n  x: |-\n    a", "a"),
    ] {
        let documents = parse("t.yaml", text.as_bytes(), Kind::Manifest).expect(text);
        assert_eq!(documents[0].root.at(&["d", "x"]).and_then(Node::as_str), Some(value), "{text:?}");
    }
}

/// Many files within every bound of a file: would miss a repository that takes all memory, and one that is large and honest.
#[test]
fn t42_files_hold_a_number_of_values_together() {
    let read = |text: &str, files: usize| {
        let content = crate::model::Content::from(text.as_bytes());
        let many: Vec<(&str, &crate::model::Content)> = (0..files).map(|_| ("a.yaml", &content)).collect();
        let answers = crate::yaml::parse_many(&many, Kind::Manifest, (1_000, 0));
        let told = answers.iter().filter_map(|answer| answer.as_ref().err());
        assert!(
            told.clone()
                .all(|one| one.code == "yaml-too-large" && one.message.starts_with("the files before it hold 1000")),
            "{answers:?}"
        );
        assert!(answers.iter().skip_while(|answer| answer.is_ok()).all(Result::is_err), "those after the bound alone");
        answers.iter().filter(|answer| answer.is_ok()).count()
    };
    let list = format!("x: [{}]\n", "0,".repeat(98));
    assert_eq!((read(&list, 9), read(&list, 24)), (9, 10));
    // What is counted before reading is more than there is: a file of few values and many marks is read.
    assert_eq!(read(&format!("x: {}\n", "-".repeat(400)), 24), 24);
    // Aliases repeat what stands once.
    let repeated = format!("a: &a [{}]\nb: [{}]\n", "0,".repeat(20), "*a,".repeat(20));
    assert_eq!(read(&repeated, 24), 3);
}
