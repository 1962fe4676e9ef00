//! Random edits of generated files: every other byte stays, and what is read back is what was meant.

use proptest::prelude::*;

use crate::model::{FieldPath, Segment};
use crate::yaml::{Edit, Kind, Node, Scalar, Value, apply, parse};

/// How a generated file is laid out.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "four independent choices")]
struct Layout {
    crlf: bool,
    bom: bool,
    indented_lists: bool,
    final_newline: bool,
}

#[derive(Debug, Clone)]
enum Tree {
    Plain(String),
    Single(String),
    Double(String),
    Block(Vec<String>),
    Flow(Vec<(String, i32)>),
    List(Vec<Tree>),
    Map(Vec<(Tree, Option<String>)>),
    Nothing,
}

fn tree() -> impl Strategy<Value = Tree> {
    let plain = prop_oneof![
        any::<i32>().prop_map(|number| number.to_string()),
        "(true|no|~|0x1f|1_000|0777|1\\.5|2e3|100m|1Gi|nginx:1\\.2|a b#c|x-y/z|日本 é)",
        "[a-z][a-z0-9./:-]{0,8}[a-z0-9]",
    ];
    let leaf = prop_oneof![
        4 => plain.prop_map(Tree::Plain),
        1 => "[a-z #:,\\[\\]é\"-]{0,10}".prop_map(Tree::Single),
        1 => "[a-z #:,\\[\\]{}é'-]{0,10}".prop_map(Tree::Double),
        1 => prop::collection::vec("[a-z][a-z #:-]{0,8}", 1..4).prop_map(Tree::Block),
        1 => prop::collection::vec(("[a-z]{1,4}", any::<i32>()), 0..4).prop_map(Tree::Flow),
        1 => Just(Tree::Nothing),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            2 => prop::collection::vec((inner.clone(), prop::option::of("[a-z: '#-]{0,8}")), 1..5).prop_map(Tree::Map),
            1 => prop::collection::vec(inner, 1..4).prop_map(Tree::List),
        ]
    })
}

/// Writes a value after its `key:` or `-`.
#[expect(clippy::format_push_string, reason = "a test may allocate")]
fn write(tree: &Tree, indent: usize, layout: Layout, comment: Option<&str>, out: &mut String) {
    let end = comment.map_or("\n".to_owned(), |comment| format!("  # {comment}\n"));
    match tree {
        Tree::Plain(text) => *out += &format!(" {text}{end}"),
        Tree::Single(text) => *out += &format!(" '{text}'{end}"),
        Tree::Double(text) => *out += &format!(" \"{text}\"{end}"),
        Tree::Nothing => *out += &end,
        Tree::Block(lines) => {
            *out += &format!(" |{end}");
            for line in lines {
                *out += &format!("{}{line}\n", " ".repeat(indent + 2));
            }
        }
        Tree::Flow(entries) => {
            let entries: Vec<_> = entries.iter().enumerate().map(|(at, (key, n))| format!("{key}{at}: {n}")).collect();
            *out += &format!(" {{{}}}{end}", entries.join(", "));
        }
        Tree::List(items) => {
            *out += &end;
            let indent = if layout.indented_lists { indent + 2 } else { indent };
            for item in items {
                *out += &format!("{}-", " ".repeat(indent));
                write(item, indent + 2, layout, None, out);
            }
        }
        Tree::Map(entries) => {
            *out += &end;
            for (at, (value, comment)) in entries.iter().enumerate() {
                *out += &format!("{}key{at}:", " ".repeat(indent + 2));
                write(value, indent + 2, layout, comment.as_deref(), out);
            }
        }
    }
}

fn render(trees: &[Tree], layout: Layout) -> String {
    let mut text = String::new();
    for tree in trees {
        text += "---\n# a document\nroot:";
        write(tree, 0, layout, Some("root"), &mut text);
    }
    if layout.crlf {
        text = text.replace('\n', "\r\n");
    }
    if !layout.final_newline {
        text.truncate(text.trim_end().len());
    }
    if layout.bom { format!("\u{feff}{text}") } else { text }
}

fn layout() -> impl Strategy<Value = Layout> {
    any::<(bool, bool, bool, bool)>().prop_map(|(crlf, bom, indented_lists, final_newline)| Layout {
        crlf,
        bom,
        indented_lists,
        final_newline,
    })
}

/// Every scalar of a document, with its path.
fn scalars(node: &Node, path: &FieldPath, out: &mut Vec<(FieldPath, Node)>) {
    for entry in node.entries() {
        scalars(&entry.value, &path.key(entry.key.clone()), out);
    }
    for (at, item) in node.items().iter().enumerate() {
        scalars(item, &path.join(Segment::Index(at)), out);
    }
    if !matches!(node.value, Value::Sequence(_) | Value::Mapping(_)) {
        out.push((path.clone(), node.clone()));
    }
}

fn as_scalar(node: &Node) -> Option<Scalar> {
    match &node.value {
        Value::Bool(flag) => Some(Scalar::Bool(*flag)),
        Value::Int(number) => Some(Scalar::Int(number.get())),
        Value::Float(text) | Value::String(text) => Some(Scalar::String(text.to_string())),
        _ => None,
    }
}

fn new_value() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        any::<i64>().prop_map(|number| Scalar::Int(number.into())),
        any::<bool>().prop_map(Scalar::Bool),
        "\\PC{0,12}".prop_map(Scalar::String),
        any::<String>().prop_map(Scalar::String),
        "(yes|No|~|null|1e3|0x1|-|--|---|\\.\\.\\.|a: b|a #b|'|\"|\\*a|&a|!a|%a|@a|`a|\\{|\\[|, |<<|=|\\.inf|08)"
            .prop_map(Scalar::String),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn t17_an_edit_changes_one_value_and_no_other_byte(
        trees in prop::collection::vec(tree(), 1..3),
        layout in layout(),
        pick in any::<prop::sample::Index>(),
        to in new_value(),
    ) {
        let text = render(&trees, layout);
        let documents = parse("t.yaml", text.as_bytes(), Kind::Manifest).map_err(|e| TestCaseError::fail(format!("{e:?}\n{text}")))?;
        prop_assert_eq!(documents.len(), trees.len());
        let mut places = Vec::new();
        for document in &documents {
            let mut found = Vec::new();
            scalars(&document.root, &FieldPath::default(), &mut found);
            places.extend(found.into_iter().map(|(path, node)| (document.index, path, node)));
        }
        prop_assume!(!places.is_empty());
        let (document, path, node) = pick.get(&places).clone();
        let written = &text[node.range()];
        let edit = Edit { document, path: path.clone(), from: as_scalar(&node), to: Some(to.clone()) };
        let result = apply("t.yaml", text.as_bytes(), &[edit]);
        if written.starts_with('|') {
            prop_assert!(result.is_err());
            return Ok(());
        }
        let after = result.map_err(|e| TestCaseError::fail(format!("{e} for {path}\n{text}")))?;
        // Bytes: what stood before and after the value still does.
        let (head, tail) = (&text.as_bytes()[..node.start as usize], &text.as_bytes()[node.end as usize..]);
        prop_assert!(after.starts_with(head) && after.ends_with(tail) && after.len() >= head.len() + tail.len());
        // Meaning, by paths: one value differs, and it is the intended one.
        let changed = parse("t.yaml", &after, Kind::Manifest).map_err(|e| TestCaseError::fail(format!("{e:?}")))?;
        let mut now = Vec::new();
        for document in &changed {
            let mut found = Vec::new();
            scalars(&document.root, &FieldPath::default(), &mut found);
            now.extend(found.into_iter().map(|(path, node)| (document.index, path, node)));
        }
        prop_assert_eq!(now.len(), places.len());
        for (before, now) in places.iter().zip(&now) {
            prop_assert_eq!((&before.0, &before.1), (&now.0, &now.1));
            if (before.0, &before.1) == (document, &path) {
                prop_assert_eq!(as_scalar(&now.2), Some(to.clone()));
            } else {
                prop_assert_eq!(&before.2.value, &now.2.value);
            }
        }
    }

    #[test]
    fn t17_an_inserted_key_leaves_every_byte(
        trees in prop::collection::vec(tree(), 1..3),
        layout in layout(),
        pick in any::<prop::sample::Index>(),
        to in new_value(),
    ) {
        fn maps(node: &Node, path: &FieldPath, out: &mut Vec<FieldPath>) {
            if matches!(node.value, Value::Mapping(_)) {
                out.push(path.clone());
            }
            node.entries().iter().for_each(|entry| maps(&entry.value, &path.key(entry.key.clone()), out));
            node.items().iter().enumerate().for_each(|(at, item)| maps(item, &path.join(Segment::Index(at)), out));
        }
        let text = render(&trees, layout);
        let documents = parse("t.yaml", text.as_bytes(), Kind::Manifest).map_err(|e| TestCaseError::fail(format!("{e:?}\n{text}")))?;
        let mut places = Vec::new();
        maps(&documents[0].root, &FieldPath::default(), &mut places);
        let path = pick.get(&places).key("added");
        let edit = Edit { document: 0, path: path.clone(), from: None, to: Some(to.clone()) };
        let after = apply("t.yaml", text.as_bytes(), &[edit]).map_err(|e| TestCaseError::fail(format!("{e} for {path}\n{text}")))?;
        let same_head = after.iter().zip(text.as_bytes()).take_while(|(a, b)| a == b).count();
        let same_tail = after.iter().rev().zip(text.as_bytes().iter().rev()).take_while(|(a, b)| a == b).count();
        prop_assert!(same_head + same_tail >= text.len(), "{}", String::from_utf8_lossy(&after));
        if layout.crlf {
            let after = String::from_utf8_lossy(&after);
            prop_assert_eq!(after.matches('\n').count(), after.matches("\r\n").count());
        }
        // The same edit cannot be made twice.
        let again = Edit { document: 0, path: path.clone(), from: None, to: Some(to.clone()) };
        prop_assert!(apply("t.yaml", &after, &[again]).is_err());
        let back = Edit { document: 0, path, from: Some(to), to: Some(Scalar::Bool(true)) };
        prop_assert!(apply("t.yaml", &after, &[back]).is_ok());
    }
}
