//! What is looked for when the place that makes a rendered field is: its texts, and which place is likelier than another.

use super::inputs::Inputs;
use super::mutate;
use crate::blueprint::{Manifest, Render, Renderer};
use crate::model::{FieldPath, Files, ObjectRef, RepoPath, Segment};
use crate::yaml::{Node, Value};

/// Parts of one text that are looked for: a script has many.
const MOST_PARTS: usize = 16;

/// What is looked for, and in what.
#[derive(Debug)]
pub(super) struct Traced<'a> {
    pub(super) render: &'a Render,
    inputs: &'a Inputs,
    field: &'a FieldPath,
    pub(super) object: &'a ObjectRef,
    /// The template that Helm says the object comes from.
    template: Option<RepoPath>,
}

impl<'a> Traced<'a> {
    pub(super) fn new(
        render: &'a Render,
        inputs: &'a Inputs,
        files: &Files,
        object: &'a Manifest,
        field: &'a FieldPath,
    ) -> Self {
        let template = template(render, object).filter(|path| files.get(path).is_some());
        Self { render, inputs, field, object: &object.object, template }
    }
}

/// The field itself, or the first scalar below it.
pub(super) fn first_leaf(path: FieldPath, node: &Node) -> (FieldPath, &Node) {
    match &node.value {
        Value::Mapping(entries) if !entries.is_empty() => {
            let entry = entries.iter().find(|e| !matches!(e.value.value, Value::Null)).unwrap_or(&entries[0]);
            first_leaf(path.key(entry.key.as_str()), &entry.value)
        }
        Value::Sequence(items) if !items.is_empty() => first_leaf(path.join(Segment::Index(0)), &items[0]),
        _ => (path, node),
    }
}

/// A path whose list items are named by their place.
pub(super) fn by_position(root: &Node, path: &FieldPath) -> Option<FieldPath> {
    let mut node = root;
    let mut steps = Vec::with_capacity(path.0.len());
    for step in &path.0 {
        node = match step {
            Segment::Key(key) => node.get(key)?,
            Segment::Index(index) => node.items().get(*index)?,
            Segment::Item(keys) => {
                let holds = |item: &Node| {
                    let said = |(key, value): &(String, String)| {
                        item.get(key).and_then(mutate::scalar_text).map_or(key == "protocol", |text| text == *value)
                    };
                    keys.iter().all(said)
                };
                let mut found = node.items().iter().enumerate().filter(|(_, item)| holds(item));
                let (index, item) = found.next().filter(|_| found.next().is_none())?;
                steps.push(Segment::Index(index));
                node = item;
                continue;
            }
        };
        steps.push(step.clone());
    }
    Some(FieldPath(steps))
}

/// The whole text; then its parts, where it is put together as images are, the last first: tags change oftener than names. Then what stands
/// between any signs, and a version behind a name.
pub(super) fn needles(text: &str) -> Vec<String> {
    let mut needles = vec![text.to_owned()];
    let parts = text.split([':', '@']).rev().chain(text.split(['/', ':', '@']).rev());
    let words = text.split(|c: char| !c.is_alphanumeric() && !matches!(c, '-' | '.' | '_' | '/' | ':'));
    let behind = text.match_indices('-').map(|(at, _)| &text[at + 1..]);
    let versions = behind.filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    for part in parts.chain(words).chain(versions).filter(|part| part.len() > 1) {
        if needles.len() < MOST_PARTS && !needles.iter().any(|known| known == part) {
            needles.push(part.to_owned());
        }
    }
    needles
}

/// The template that a comment of Helm's output names: `# Source: CHART/templates/web.yaml`, the chart's name first.
fn template(render: &Render, object: &Manifest) -> Option<RepoPath> {
    let (Renderer::Helm, root) = render.root()? else { return None };
    let before = object.document.source.text.get(..object.document.root.start as usize)?;
    let line = before.rsplit("# Source: ").next()?.lines().next()?;
    root.join(line.split_once('/')?.1.trim()).ok()
}

impl Traced<'_> {
    /// How far a key's name is from the field's: 0 the same, 1 akin or one of the renderer's own, 2 another; twice that, and one more
    /// where the place says nothing of the object.
    pub(super) fn likeness(&self, key: Option<&str>, context: &str) -> usize {
        let mut wanted = self.field.0.iter().rev().filter_map(|step| match step {
            Segment::Key(key) => Some(key.as_str()),
            Segment::Item(keys) => keys.first().map(|(_, value)| value.as_str()),
            Segment::Index(_) => None,
        });
        let key = key.unwrap_or_default().to_ascii_lowercase();
        let last = wanted.next().unwrap_or_default().to_ascii_lowercase();
        let before = wanted.next().unwrap_or_default().to_ascii_lowercase();
        let stem = |text: &str| text.chars().take(6).collect::<String>();
        let far = match key.as_str() {
            key if !key.is_empty() && (key == last || key == before) => 0,
            "count" | "newtag" | "newname" | "digest" | "value" | "tag" | "repository" | "literals" => 1,
            key if !key.is_empty() && (stem(key) == stem(&last) || stem(key) == stem(&before)) => 1,
            _ => 2,
        };
        far * 2 + usize::from(!context.contains(&self.object.name))
    }

    /// The same for a place in text that is no YAML: by the line that it stands on.
    pub(super) fn in_line(&self, text: &str, at: usize) -> usize {
        let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let key = text[start..at].trim_start().trim_start_matches("- ").split([':', '=']).next();
        self.likeness(key, text)
    }

    /// Which of several files wins, the likeliest first; `None`: no renderer reads values from it.
    pub(super) fn order(&self, path: &RepoPath) -> Option<usize> {
        let name = path.file_name();
        if matches!(name, "Chart.lock" | "values.schema.json" | "README.md" | "NOTES.txt") {
            return None;
        }
        match self.render.root()? {
            (Renderer::Helm, root) => {
                let own = self.render.own_values.iter().map(|own| &own.file);
                let position = self.render.values.iter().chain(own).rev().position(|values| values == path);
                let values = || root.join("values.yaml").is_ok_and(|own| own == *path).then_some(50);
                let template = || (self.template.as_ref() == Some(path)).then_some(60);
                position.or_else(values).or_else(template).or(Some(if matches!(name, "values.yaml" | "Chart.yaml") {
                    70
                } else {
                    80
                }))
            }
            (Renderer::Kustomize, _) => {
                let folder = path.as_str().rsplit_once('/').map_or(".", |(folder, _)| folder);
                let nearest = self.inputs.depth.iter().filter(|(known, _)| path.is_within(known));
                let depth = nearest.max_by_key(|(known, _)| known.as_str().len()).map_or(32, |(_, depth)| *depth);
                let here = self.inputs.depth.keys().any(|known| known.as_str() == folder);
                Some(depth * 2 + usize::from(!here))
            }
        }
    }
}
