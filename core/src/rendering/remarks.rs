//! What the files of a rendering say that nothing comes of, or another thing than stands there. Only what is certain: for `lint`.

use std::ops::Range;

use super::Rendering;
use super::inputs::{Inputs, KUSTOMIZATIONS};
use super::mutate::occurrences;
use super::parts::split_image;
use crate::blueprint::{Manifest, Render, Renderer};
use crate::model::{Diagnostic, File, Files, RepoPath};
use crate::yaml::{self, Document, Kind, Node, Value, nearest};

/// An entry of a kustomization that changes nothing.
pub const WITHOUT_EFFECT: &str = "kustomize-without-effect";
/// A tag that YAML takes for a number.
pub const TAG_NUMBER: &str = "tag-number";

impl Rendering {
    /// Looks through the files that it was made of.
    #[must_use]
    pub fn remarked(mut self, render: &Render, inputs: &Inputs, files: &Files) -> Self {
        self.remarks = match render.root() {
            Some((Renderer::Kustomize, _)) => match &self.outcome {
                Ok(made) => without_effect(inputs, files, made),
                Err(_) => Vec::new(),
            },
            Some((Renderer::Helm, root)) => {
                let values = root.join("values.yaml").into_iter().chain(render.values.iter().cloned());
                values.flat_map(|path| documents(&path, files)).flat_map(|document| tags(&document)).collect()
            }
            None => Vec::new(),
        };
        self
    }
}

fn documents(path: &RepoPath, files: &Files) -> Vec<Document> {
    let parsed = files.blob(path).and_then(|blob| yaml::parse(path.as_str(), &blob.bytes, Kind::Manifest).ok());
    parsed.unwrap_or_default()
}

/// Tags of values files that Helm prints otherwise than they are written.
fn tags(document: &Document) -> Vec<Diagnostic> {
    fn walk<'n>(node: &'n Node, found: &mut Vec<&'n Node>) {
        for entry in node.entries() {
            if entry.key.to_ascii_lowercase().ends_with("tag") {
                found.push(&entry.value);
            }
            walk(&entry.value, found);
        }
        node.items().iter().for_each(|item| walk(item, found));
    }
    let mut all = Vec::new();
    walk(&document.root, &mut all);
    let told = |node: &Node| {
        let printed = number(node)?;
        let written = document.source.text.get(node.range()).filter(|written| *written != printed)?;
        let message = format!("without quotes the tag {written} is a number, which Helm prints as {printed}");
        let diagnostic = Diagnostic::warning(TAG_NUMBER, message).label(document.span_of(node), "here");
        Some(diagnostic.source(document.source.clone()).help(format!("write \"{written}\" in quotes")))
    };
    all.into_iter().filter_map(told).collect()
}

/// How Helm prints a number, to which every number of a file is a float; `None`: it is none.
fn number(node: &Node) -> Option<String> {
    match &node.value {
        Value::Int(number) => {
            let text = number.to_string();
            let digits = text.trim_start_matches('-');
            if digits.len() <= 6 {
                return Some(text);
            }
            let (sign, exponent) = (&text[..text.len() - digits.len()], digits.len() - 1);
            let (first, rest) = digits.split_at(1);
            let rest = rest.trim_end_matches('0');
            let point = if rest.is_empty() { "" } else { "." };
            Some(format!("{sign}{first}{point}{rest}e+{exponent:02}"))
        }
        Value::Float(text) => Some(text.to_string()),
        _ => None,
    }
}

/// What a kustomization names so that something is done to it.
struct Named<'d> {
    text: &'d str,
    node: &'d Node,
    /// The entry that it is of: what stands in that is no sign of an object.
    entry: Range<usize>,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Image,
    Name,
    Kind,
}

fn without_effect(inputs: &Inputs, files: &Files, made: &[Manifest]) -> Vec<Diagnostic> {
    let paths = inputs.depth.keys().flat_map(|folder| KUSTOMIZATIONS.iter().filter_map(|name| folder.join(name).ok()));
    let kustomizations: Vec<(RepoPath, Document)> = paths
        .flat_map(|path| documents(&path, files).into_iter().map(move |document| (path.clone(), document)))
        .collect();
    let named: Vec<(&RepoPath, &Document, Named<'_>)> = kustomizations
        .iter()
        .flat_map(|(path, document)| named(document).into_iter().map(move |named| (path, document, named)))
        .collect();
    let texts: Vec<(&RepoPath, &str)> = files
        .0
        .iter()
        .filter_map(|(path, file)| match file {
            File::Blob(blob) => Some((path, std::str::from_utf8(&blob.bytes).ok()?)),
            File::Refused(_) => None,
        })
        .collect();
    // With a prefix an object has a name that stands nowhere.
    let renames = ["namePrefix", "nameSuffix", "PrefixTransformer", "SuffixTransformer"];
    let renamed = texts.iter().any(|(_, text)| renames.iter().any(|key| text.contains(key)));
    let mut found = Vec::new();
    for (path, document, Named { text, node, entry, what }) in &named {
        let is_sign = |at_path: &RepoPath, at: usize| {
            let own = at_path == *path && entry.contains(&at);
            let another =
                || named.iter().any(|(other, _, named)| *other == at_path && named.node.range().contains(&at));
            !own && !another()
        };
        let mut signs = texts.iter().flat_map(|(at_path, all)| occurrences(all, text).map(move |at| (*at_path, at)));
        if (renamed && *what == What::Name) || signs.any(|(at_path, at)| is_sign(at_path, at)) {
            continue;
        }
        let (wrong, known) = told(*what, made);
        let message = format!("nothing that is rendered here has the {wrong} {text}: this entry changes nothing");
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        let help = match nearest(text, &known) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("write the {wrong} as the resources have it, or delete the entry"),
        };
        let diagnostic = Diagnostic::warning(WITHOUT_EFFECT, message).label(document.span_of(node), "here");
        found.push(diagnostic.source(document.source.clone()).help(help));
    }
    found
}

/// Images, and targets of patches, that are named by one plain word.
fn named(document: &Document) -> Vec<Named<'_>> {
    let items = |key| document.root.get(key).map(Node::items).unwrap_or_default();
    let mut found = Vec::new();
    for image in items("images") {
        if let Some((text, node)) = image.get("name").and_then(|node| Some((node.as_str()?, node))) {
            found.push(Named { text, node, entry: image.range(), what: What::Image });
        }
    }
    for target in ["patches", "patchesJson6902"].into_iter().flat_map(items).filter_map(|patch| patch.get("target")) {
        for (key, what) in [("name", What::Name), ("kind", What::Kind)] {
            // A name may be a regular expression; and what is generated is of a kind that stands nowhere.
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
            let generated = |text: &str| matches!(text, "ConfigMap" | "Secret");
            let text = target.get(key).and_then(|node| Some((node.as_str()?, node)));
            if let Some((text, node)) = text.filter(|(text, _)| text.chars().all(plain) && !generated(text)) {
                found.push(Named { text, node, entry: target.range(), what });
            }
        }
    }
    found.retain(|named| !named.text.is_empty());
    found
}

/// What the text is, and what it may have been meant for.
fn told(what: What, made: &[Manifest]) -> (&'static str, Vec<String>) {
    match what {
        What::Name => ("name", made.iter().map(|manifest| manifest.object.name.clone()).collect()),
        What::Kind => ("kind", made.iter().map(|manifest| manifest.object.kind.clone()).collect()),
        What::Image => {
            let mut images = Vec::new();
            for manifest in made {
                collect_images(&manifest.document.root, &mut images);
            }
            ("image", images)
        }
    }
}

fn collect_images(node: &Node, found: &mut Vec<String>) {
    for entry in node.entries() {
        if let (true, Value::String(image)) = (entry.key == "image", &entry.value.value) {
            found.push(split_image(image).map_or(&**image, |(name, _)| name).to_owned());
        }
        collect_images(&entry.value, found);
    }
    node.items().iter().for_each(|item| collect_images(item, found));
}

#[cfg(test)]
mod tests {
    use super::super::tests::{files, helm, path};
    use super::super::{Rendering, inputs};
    use crate::blueprint::Render;

    const WEB: &str = "kind: Deployment\nmetadata: {name: shop}\nspec: {image: \"reg/shop:1\"}\n";

    fn remarks(render: &Render, all: &[(&str, &str)]) -> Vec<String> {
        let all = files(all);
        let inputs = inputs(render, &all);
        let made = Rendering::of(render, &inputs, Ok(WEB.as_bytes())).unwrap().remarked(render, &inputs, &all);
        let told =
            |one: &crate::model::Diagnostic| format!("{} {}", one.labels[0].span, one.help.clone().unwrap_or_default());
        made.remarks.iter().map(told).collect()
    }

    /// Would miss: a slip in what a patch or an image is for; one that is right, by a name that another entry, a patch or a prefix makes.
    #[test]
    fn x09_entries_of_a_kustomization_that_nothing_is_like_are_found() {
        let render = Render { kustomize: Some(path("k")), ..Render::default() };
        let with = |kustomization: &str| {
            let text = format!("resources: [web.yaml]\n{kustomization}\n");
            remarks(&render, &[("k/kustomization.yaml", &text), ("k/web.yaml", WEB)])
        };
        for (text, expected) in [
            ("images: [{name: shopp, newTag: v2}]", "k/kustomization.yaml:2:17 write the image"),
            ("images: [{name: reg/shopp, newName: reg/shopp}]", "k/kustomization.yaml:2:17 did you mean `reg/shop`?"),
            (
                "patches: [{target: {kind: Deployment, name: shopp}, path: x}]",
                "k/kustomization.yaml:2:45 did you mean `shop`?",
            ),
            ("patches: [{target: {kind: Deploymnt}, path: x}]", "k/kustomization.yaml:2:27 did you mean `Deployment`?"),
        ] {
            let found = with(text);
            assert!(found.len() == 1 && found[0].starts_with(expected), "{text}: {found:?}");
        }
        for good in [
            "images: [{name: reg/shop, newTag: v2}]",
            "images: [{name: a, newName: b}]\npatches: [{patch: \"- {op: add, path: /spec/image, value: a}\"}]",
            "images: [{name: reg/shop, newName: a}, {name: a, newTag: v2}]",
            "patches: [{target: {name: \"sh.*\"}, path: x}]",
            "namePrefix: p-\npatches: [{target: {name: p-shop}, path: x}]",
            "patches: [{target: {kind: ConfigMap}, path: x}]",
        ] {
            assert_eq!(with(good), Vec::<String>::new(), "{good}");
        }
    }

    #[test]
    fn x09_a_tag_that_is_printed_otherwise_is_found() {
        let with = |tag: &str| {
            remarks(&helm("c"), &[("c/Chart.yaml", "name: c"), ("c/values.yaml", &format!("a: {{imageTag: {tag}}}"))])
        };
        for bad in ["1.10", "1.0", "20240101", "010", "1_000"] {
            assert_eq!(with(bad), [format!("c/values.yaml:1:15 write \"{bad}\" in quotes")], "{bad}");
        }
        for good in ["1.1", "\"1.10\"", "17", "v1", "123456", "null", "1.2.0"] {
            assert_eq!(with(good), Vec::<String>::new(), "{good}");
        }
    }
}
