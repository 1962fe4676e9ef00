use rstest::rstest;

use crate::model::{FieldPath, Segment};
use crate::yaml::{Edit, EditRefused, Scalar, apply};

/// `spec.containers[name=web].image`, `args[0]`.
pub(super) fn path(text: &str) -> FieldPath {
    let mut segments = Vec::new();
    for part in text.split('.') {
        let (key, items) = part.split_once('[').unwrap_or((part, ""));
        if !key.is_empty() {
            segments.push(Segment::Key(key.into()));
        }
        for item in items.split('[').map(|item| item.trim_end_matches(']')).filter(|item| !item.is_empty()) {
            segments.push(match item.parse() {
                Ok(index) => Segment::Index(index),
                Err(_) => Segment::Item(
                    item.split(',')
                        .filter_map(|pair| pair.split_once('='))
                        .map(|(k, v)| (k.into(), v.into()))
                        .collect(),
                ),
            });
        }
    }
    FieldPath(segments)
}

fn int(number: i128) -> Scalar {
    Scalar::Int(number)
}

fn string(text: &str) -> Scalar {
    Scalar::String(text.into())
}

fn edit(at: &str, from: Option<Scalar>, to: Scalar) -> Edit {
    Edit { document: 0, path: path(at), from, to: Some(to) }
}

fn applied(text: &str, edits: &[Edit]) -> Result<String, EditRefused> {
    apply("t.yaml", text.as_bytes(), edits).map(|bytes| String::from_utf8(bytes).expect("UTF-8"))
}

#[rstest]
#[case::comment("spec:\n  replicas:   3   # three\n", "spec:\n  replicas:   5   # three\n")]
#[case::flow("spec: {a: 1, replicas: 3, b: [x]}\n", "spec: {a: 1, replicas: 5, b: [x]}\n")]
#[case::flow_tight("{\"spec\":{\"replicas\":3}}", "{\"spec\":{\"replicas\":5}}")]
#[case::octal("spec:\n  replicas: 0o3\n", "spec:\n  replicas: 5\n")]
#[case::crlf("spec:\r\n  replicas: 3 # x\r\n  a: é\r\n", "spec:\r\n  replicas: 5 # x\r\n  a: é\r\n")]
#[case::bom("\u{feff}spec:\n  replicas: 3", "\u{feff}spec:\n  replicas: 5")]
#[case::hash_in_block(
    "a: |\n  # no\n  replicas: 3\nspec:\n  replicas: 3\nz: >\n  # x\n",
    "a: |\n  # no\n  replicas: 3\nspec:\n  replicas: 5\nz: >\n  # x\n"
)]
#[case::unused_anchor("spec: &s\n  replicas: 3\n", "spec: &s\n  replicas: 5\n")]
#[case::empty("spec:\n  replicas: 3\n  b:\n", "spec:\n  replicas: 5\n  b:\n")]
#[case::duplicate_last("spec:\n  replicas: 1\n  replicas: 3\n", "spec:\n  replicas: 1\n  replicas: 5\n")]
#[case::explicit_key("? spec\n: replicas: 3\n", "? spec\n: replicas: 5\n")]
fn t17_only_the_value_changes(#[case] before: &str, #[case] after: &str) {
    assert_eq!(applied(before, &[edit("spec.replicas", Some(int(3)), int(5))]).expect(before), after);
}

#[rstest]
#[case("i: nginx:1.1\n", "nginx:1.2", "i: nginx:1.2\n")]
#[case("i: 'nginx:1.1'\n", "it's", "i: 'it''s'\n")]
#[case("i: \"nginx:1.1\"\n", "a\"b\\c", "i: \"a\\\"b\\\\c\"\n")]
#[case("i: 'nginx:1.1'\n", "two\nlines", "i: \"two\\nlines\"\n")]
#[case("i: nginx:1.1\n", "yes", "i: \"yes\"\n")]
#[case("i: nginx:1.1\n", "1_000", "i: \"1_000\"\n")]
#[case("i: nginx:1.1\n", "", "i: \"\"\n")]
#[case("i: nginx:1.1\n", "a # b", "i: \"a # b\"\n")]
#[case("i: nginx:1.1\n", "a: b", "i: \"a: b\"\n")]
#[case("i: nginx:1.1\n", "12:30", "i: \"12:30\"\n")]
#[case("i: nginx:1.1\n", "*x", "i: \"*x\"\n")]
#[case("i: nginx:1.1\n", "---", "i: \"---\"\n")]
#[case("i: nginx:1.1\n", "--x=1", "i: --x=1\n")]
#[case("i: nginx:1.1\n", "é", "i: \"é\"\n")]
#[case("i: nginx:1.1\n", "500m", "i: 500m\n")]
#[case("{i: nginx:1.1}\n", "a,b", "{i: \"a,b\"}\n")]
#[case("{\"i\": nginx:1.1}\n", "x", "{\"i\": \"x\"}\n")]
fn quotes_stay_and_come_where_they_are_needed(#[case] before: &str, #[case] to: &str, #[case] after: &str) {
    assert_eq!(applied(before, &[edit("i", Some(string("nginx:1.1")), string(to))]).expect(before), after);
}

#[test]
fn a_quantity_may_have_been_a_bare_number() {
    let before = "cpu: 0.50\nmemory: 1\n";
    let edits = [edit("cpu", Some(string("0.5")), string("750m")), edit("memory", Some(string("1")), string("2Gi"))];
    assert_eq!(applied(before, &edits).expect(before), "cpu: 750m\nmemory: 2Gi\n");
    assert!(matches!(
        applied("cpu: \"1\"\n", &[edit("cpu", Some(int(1)), int(2))]),
        Err(EditRefused::Unexpected { .. })
    ));
}

#[test]
fn items_are_found_by_merge_keys_and_by_place() {
    let before = "c:\n- name: a\n  image: x\n- image: old # here\n  name: b\n  ports:\n  - containerPort: 80\n    hostPort: 1\n  args: [p, q]\n";
    let edits = [
        edit("c[name=b].image", Some(string("old")), string("new")),
        edit("c[name=b].ports[containerPort=80,protocol=TCP].hostPort", Some(int(1)), int(2)),
        edit("c[1].args[1]", Some(string("q")), string("r")),
    ];
    let after = before.replace("image: old", "image: new").replace("hostPort: 1", "hostPort: 2").replace("q]", "r]");
    assert_eq!(applied(before, &edits).expect(before), after);
    let indented = before.replace('\n', "\n  ");
    assert!(applied(&indented, &edits[..1]).expect("indented list").contains("image: new # here"));
    assert!(matches!(
        applied(before, &[edit("c[name=c].image", None, string("z"))]),
        Err(EditRefused::NotFound { .. })
    ));
    assert!(matches!(applied(before, &[edit("c[7].image", None, string("z"))]), Err(EditRefused::NotFound { .. })));
    let twice = "c:\n- name: a\n  image: x\n- name: a\n  image: x\n";
    assert!(matches!(
        applied(twice, &[edit("c[name=a].image", Some(string("x")), string("z"))]),
        Err(EditRefused::Ambiguous { count: 2, .. })
    ));
}

#[test]
fn the_right_document_is_edited() {
    let before = "# head\n---\na: 1\n---\n# none\n---\na: 1 # second\n";
    let mut second = edit("a", Some(int(1)), int(2));
    second.document = 1;
    assert_eq!(applied(before, &[second.clone()]).expect(before), before.replace("1 # second", "2 # second"));
    second.document = 2;
    assert!(matches!(applied(before, &[second]), Err(EditRefused::NoSuchDocument { index: 2, count: 2 })));
}

#[rstest]
#[case::after_the_last_simple("a:\n  b: 1 # c\n  d:\n    e: 1\n", "a:\n  b: 1 # c\n  k: v\n  d:\n    e: 1\n")]
#[case::no_final_newline("a:\n  b: 1", "a:\n  b: 1\n  k: v")]
#[case::crlf("a:\r\n  b: 1\r\n", "a:\r\n  b: 1\r\n  k: v\r\n")]
#[case::crlf_no_final_newline("x: 1\r\na:\r\n  b: 1", "x: 1\r\na:\r\n  b: 1\r\n  k: v")]
#[case::no_simple_sibling("a:\n  d:\n    e: 1\n", "a:\n  k: v\n  d:\n    e: 1\n")]
#[case::block_text_sibling("a:\n  d: |+\n    e\n\nz: 1\n", "a:\n  k: v\n  d: |+\n    e\n\nz: 1\n")]
#[case::flow("a: {b: 1}\n", "a: {b: 1, k: v}\n")]
#[case::flow_empty("a: {}\n", "a: {k: v}\n")]
#[case::flow_comma("a: {b: 1, }\n", "a: {b: 1, k: v, }\n")]
#[case::json("{\"a\": {\"b\": 1}}\n", "{\"a\": {\"b\": 1, \"k\": \"v\"}}\n")]
#[case::flow_bare_key("a: {b}\n", "a: {b, k: v}\n")]
#[case::empty_value("a:\n  k:\n", "a:\n  k: v\n")]
#[case::empty_value_comment("a:\n  k: # none yet\n", "a:\n  k: v # none yet\n")]
#[case::empty_value_flow("a: {k: }\n", "a: {k: v }\n")]
#[case::bare_key_flow("a: {k}\n", "a: {k: v}\n")]
#[case::tilde("a:\n  k: ~\n", "a:\n  k: v\n")]
#[case::sibling_empty("a:\n  b:\n", "a:\n  b:\n  k: v\n")]
#[case::merged("x: &x {p: 1}\na:\n  q: 1\n  <<: *x\n", "x: &x {p: 1}\na:\n  q: 1\n  k: v\n  <<: *x\n")]
fn an_absent_key_is_inserted(#[case] before: &str, #[case] after: &str) {
    assert_eq!(applied(before, &[edit("a.k", None, string("v"))]).expect(before), after);
}

#[test]
fn replicas_come_first_under_spec_and_keys_line_up_in_list_items() {
    let before = "kind: Deployment\nspec:\n  # the selector\n  selector: x\n  template: {}\n";
    assert_eq!(
        applied(before, &[edit("spec.replicas", None, int(2))]).expect(before),
        "kind: Deployment\nspec:\n  # the selector\n  replicas: 2\n  selector: x\n  template: {}\n"
    );
    let list = "c:\n  - name: a\n    r: {}\n  - r: {}\n    name: b\n";
    assert_eq!(
        applied(list, &[edit("c[name=a].k", None, int(1)), edit("c[name=b].k", None, int(2))]).expect(list),
        "c:\n  - name: a\n    r: {}\n    k: 1\n  - r: {}\n    name: b\n    k: 2\n"
    );
    let first = "c:\n- r:\n    x: 1\n";
    assert_eq!(applied(first, &[edit("c[0].k", None, int(1))]).expect(first), "c:\n- k: 1\n  r:\n    x: 1\n");
}

#[rstest]
#[case::literal("a: |\n  x\n", "a", "a block text")]
#[case::folded("a: >-\n  x\n", "a", "a block text")]
#[case::lines("a: x\n  y\n", "a", "several lines")]
#[case::quoted_lines("a: \"x\n  y\"\n", "a", "several lines")]
#[case::anchor("a: &p x\n", "a", "carries an anchor")]
#[case::tag("a: !!str x\n", "a", "carries a tag")]
#[case::alias("p: &p x\na: *p\n", "a", "an alias")]
#[case::inside_alias("p: &p {q: x}\na: *p\n", "a.q", "an alias")]
#[case::merge("p: &p {q: x}\na:\n  <<: *p\n", "a.q", "a merge key")]
#[case::inline_merge("a:\n  <<: {q: x}\n", "a.q", "a merge key")]
#[case::only_merged("p: &p {q: x}\na:\n  <<: *p\n", "a.k", "all its keys from a merge key")]
fn what_cannot_be_spliced_is_refused_with_its_reason(#[case] text: &str, #[case] at: &str, #[case] why: &str) {
    let value =
        super::manifest(text).root.at(&at.split('.').collect::<Vec<_>>()).and_then(|node| node.as_str().map(string));
    match applied(text, &[edit(at, value, string("new"))]) {
        Err(EditRefused::Unspliceable { reason, span, .. }) => {
            assert!(reason.contains(why), "{reason}");
            assert!(span.start < text.len());
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_edit_that_reaches_further_is_refused() {
    let text = "p: &p\n  q: 1\na: *p\n";
    match applied(text, &[edit("p.q", Some(int(1)), int(2))]) {
        Err(EditRefused::SideEffect { others, .. }) => assert_eq!(others, ["document 0.a.q"]),
        other => panic!("{other:?}"),
    }
    // A merge key after it would hide the new key.
    let text = "p: &p {q: 1}\na:\n  r: 1\n  <<: *p\n";
    assert!(matches!(applied(text, &[edit("a.q", None, int(2))]), Err(EditRefused::Unspliceable { .. })));
}

#[rstest]
#[case::other_value("a: 4\n", "a", Some(int(3)))]
#[case::other_type("a: '3'\n", "a", Some(int(3)))]
#[case::present("a: 3\n", "a", None)]
#[case::absent("b: 3\n", "a", Some(int(3)))]
#[case::collection("a: [3]\n", "a", Some(int(3)))]
fn a_value_that_is_not_what_was_planned_for_is_refused(
    #[case] text: &str,
    #[case] at: &str,
    #[case] from: Option<Scalar>,
) {
    match applied(text, &[edit(at, from, int(5))]) {
        Err(error @ EditRefused::Unexpected { .. }) => assert!(error.to_string().contains("t.yaml:1:"), "{error}"),
        other => panic!("{other:?}"),
    }
}

#[rstest]
#[case("a: 1\n", "b.c")]
#[case("a: 1\n", "a.c")]
#[case("a:\n", "a.c")]
#[case("a: []\n", "a[0].c")]
fn an_absent_parent_is_refused(#[case] text: &str, #[case] at: &str) {
    assert!(matches!(applied(text, &[edit(at, None, int(5))]), Err(EditRefused::NotFound { .. })));
}

#[test]
fn all_or_nothing_and_unreadable_files() {
    let edits = [edit("a", Some(int(1)), int(2)), edit("b", Some(int(1)), int(2))];
    assert!(applied("a: 1\nb: 7\n", &edits).is_err());
    assert_eq!(applied("a: 1\nb: 1\n", &edits).expect("both"), "a: 2\nb: 2\n");
    assert!(matches!(applied("a: [\n", &edits), Err(EditRefused::Unreadable(_))));
    assert!(matches!(apply("t.yaml", b"a: \xff", &edits), Err(EditRefused::Unreadable(_))));
}

fn removal(at: &str, from: Scalar) -> Edit {
    Edit { document: 0, path: path(at), from: Some(from), to: None }
}

#[rstest]
#[case("a:\n  b: 1\n  c: x   # why\n  d: 2\n", "a.c", "a:\n  b: 1\n  d: 2\n")]
#[case("a: 1\nc: x", "c", "a: 1\n")]
#[case("l:\r\n- name: web\r\n  c: x\r\n  d: 1\r\n", "l[name=web].c", "l:\r\n- name: web\r\n  d: 1\r\n")]
fn x08_a_key_goes_with_its_line(#[case] before: &str, #[case] at: &str, #[case] after: &str) {
    assert_eq!(applied(before, &[removal(at, string("x"))]).expect(before), after);
}

/// Would miss: neighbours that go too, a mapping that becomes nothing, a value that is not the one that was looked at.
#[rstest]
#[case::flow("a: {b: 1, c: x}\n", "a.c")]
#[case::the_only_one("a:\n  c: x\n", "a.c")]
#[case::first_of_an_item("l:\n- c: x\n  d: 1\n", "l[0].c")]
#[case::below("a: 1\nc:\n  x\n", "c")]
#[case::another("a: 1\nc: y\n", "c")]
#[case::anchored("a: 1\nc: &it x\nd: *it\n", "c")]
#[case::absent("a: 1\n", "c")]
#[case::item("a: 1\nc:\n- x\n- y\n", "c[0]")]
fn x08_what_has_no_line_of_its_own_stays(#[case] text: &str, #[case] at: &str) {
    assert!(applied(text, &[removal(at, string("x"))]).is_err());
}
