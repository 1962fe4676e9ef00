//! Finds the place that makes one rendered field, by mutation.
//!
//! First all places that hold the field's text are changed at once, each to a text of its own: what the field then says tells which of them
//! made it. That one is then changed alone, and only this proves it.

use std::collections::BTreeMap;

use super::inputs::Inputs;
use super::mutate::{self, At, Mutation, Place};
use super::{Line, Origin, SourceField};
use crate::blueprint::{Manifest, Render, Renderer};
use crate::model::{FieldPath, Files, ObjectRef, RepoPath, Segment, SourceSpan};
use crate::propose::differences;
use crate::yaml::{Node, Value, value_at};

/// Places that are changed at once, at most.
const TOGETHER: usize = 64;
/// Places that are tried one by one, at most. Each costs a rendering.
const ALONE: usize = 8;
/// Places of several searches that are changed at once.
const MOST_TOGETHER: usize = 600;

/// What a rendering with a mutation in it gave: its objects, or nothing, where it failed.
pub type Answer<'a> = Option<&'a [Manifest]>;

/// One rendering, to search in.
#[derive(Debug, Clone, Copy)]
pub struct TraceInput<'a> {
    /// The workspace's entry.
    pub render: &'a Render,
    /// What it reads.
    pub inputs: &'a Inputs,
    /// The files that [`Inputs::files`] gave.
    pub files: &'a Files,
    /// Where the entry's `set` stands, by key.
    pub settings: &'a BTreeMap<String, SourceSpan>,
    /// What was rendered.
    pub before: &'a [Manifest],
}

/// What is looked for, and in what.
#[derive(Debug)]
pub(super) struct Traced<'a> {
    pub(super) render: &'a Render,
    pub(super) files: &'a Files,
    depth: &'a BTreeMap<RepoPath, usize>,
    field: &'a FieldPath,
    pub(super) object: &'a ObjectRef,
    /// The template that Helm says the object comes from.
    template: Option<RepoPath>,
}

/// A search for the place that makes one field.
#[derive(Debug)]
pub struct Trace<'a> {
    pub(super) traced: Traced<'a>,
    input: TraceInput<'a>,
    object: &'a Manifest,
    field: FieldPath,
    text: String,
    places: Vec<Place>,
    /// Which places are changed by the mutation that was asked for last, and to what.
    asked: Vec<(usize, String)>,
    together: bool,
    joint: bool,
    queue: std::collections::VecDeque<usize>,
    found: Option<Line>,
}

impl<'a> Trace<'a> {
    /// Begins a search for one field of one object.
    ///
    /// # Errors
    /// Why no place can be looked for, in one sentence.
    pub fn new(input: TraceInput<'a>, object: &'a Manifest, field: &'a FieldPath) -> Result<Self, String> {
        let TraceInput { render, inputs, files, .. } = input;
        let node = value_at(&object.document, field).ok_or("what is rendered does not hold it")?;
        let (field_path, node) = first_leaf(field.clone(), node);
        // By position: a name that is changed is no longer where its name says.
        let field_path = by_position(&object.document.root, &field_path).ok_or("it is in its list more than once")?;
        let text = mutate::scalar_text(node).filter(|text| !text.is_empty()).ok_or("it is empty")?;
        let mut traced = Traced {
            render,
            files,
            depth: &inputs.depth,
            field,
            object: &object.object,
            template: template(render, object),
        };
        traced.template = traced.template.filter(|path| files.get(path).is_some());
        let mut places = mutate::places(&traced, &needles(&text));
        places.truncate(TOGETHER);
        if places.is_empty() {
            return Err(format!("nothing that {} reads says it in these words", renderer(render)));
        }
        Ok(Self {
            traced,
            input,
            object,
            field: field_path,
            text,
            together: true,
            joint: false,
            queue: std::collections::VecDeque::new(),
            places,
            asked: Vec::new(),
            found: None,
        })
    }

    /// The first mutation of several searches in one rendering at once; [`Trace::answer`] goes to each of them. `None`: there is nothing to
    /// save.
    pub fn first_of_all(traces: &mut [Self]) -> Option<Mutation> {
        let mut salts: BTreeMap<String, usize> = BTreeMap::new();
        let mut chosen: Vec<(Place, String)> = Vec::new();
        // Whoever changes a name takes the object away from what is said about it elsewhere, and tells nothing about other fields.
        let joining = traces.iter_mut().filter(|trace| !trace.is_name());
        for trace in joining {
            if chosen.len() > MOST_TOGETHER {
                break;
            }
            let mut asked = Vec::with_capacity(trace.places.len());
            for (index, place) in trace.places.iter().enumerate() {
                let next = salts.len();
                let salt = *salts.entry(format!("{:?}", place.at)).or_insert(next);
                let to = mutate::other(&place.text, salt);
                if salt == next {
                    chosen.push((place.clone(), to.clone()));
                }
                asked.push((index, to));
            }
            trace.asked = asked;
            trace.joint = true;
        }
        let traced = traces.iter().filter(|trace| trace.joint).collect::<Vec<_>>();
        let (true, Some(first)) = (traced.len() > 1, traced.first()) else {
            for trace in traces.iter_mut() {
                trace.joint = false;
            }
            return None;
        };
        let places: Vec<_> = chosen.iter().map(|(place, to)| (place, to.clone())).collect();
        Some(mutate::mutation(&first.traced, &places))
    }

    /// Whether it takes part in a mutation of several searches.
    pub fn is_joint(&self) -> bool {
        self.joint
    }

    fn is_name(&self) -> bool {
        let key = |step: &Segment| matches!(step, Segment::Key(key) if key == "labels" || key == "matchLabels");
        self.field.0.iter().any(key) || matches!(self.field.0.last(), Some(Segment::Key(key)) if key == "name")
    }

    /// The mutation to render next; `None`: the search has ended.
    pub fn next_mutation(&mut self) -> Option<Mutation> {
        if self.found.is_some() {
            return None;
        }
        self.asked = if self.together {
            self.places.iter().enumerate().map(|(salt, place)| (salt, mutate::other(&place.text, salt))).collect()
        } else {
            let place = self.queue.pop_front()?;
            vec![(place, mutate::other(&self.places[place].text, 0))]
        };
        let places: Vec<_> = self.asked.iter().map(|(place, to)| (&self.places[*place], to.clone())).collect();
        Some(mutate::mutation(&self.traced, &places))
    }

    /// What came of the mutation that was asked for last.
    pub fn answer(&mut self, after: Answer<'_>) {
        let asked = std::mem::take(&mut self.asked);
        let now = after.and_then(|after| self.text_in(after));
        if std::mem::take(&mut self.joint) && now.is_none() {
            return; // too much at once; it goes on alone
        }
        if std::mem::take(&mut self.together) {
            let suspects: Vec<usize> = match &now {
                // It failed, or took the object away: nothing is known yet.
                None => Vec::new(),
                // Truth values cannot be told apart, and may have turned twice.
                Some(now) if *now == self.text => asked.iter().map(|(place, _)| *place).collect(),
                Some(now) => {
                    let held = |(place, to): &(usize, String)| now.contains(to.as_str()).then_some(*place);
                    asked.iter().filter_map(held).collect()
                }
            };
            let unmoved = now.as_deref() == Some(&self.text) && !matches!(self.text.as_str(), "true" | "false");
            self.queue = match (unmoved, suspects.is_empty()) {
                // Something wins over all of these places, or none of them has to do with it.
                (true, _) => std::collections::VecDeque::new(),
                (false, true) => (0..self.places.len().min(ALONE)).collect(),
                (false, false) => {
                    // Of a text that is put together, a later part says more: changing the name of an image hides what sets its tag.
                    let part = |place: &usize| self.places[*place].rank[0];
                    let first = suspects.iter().map(part).min().unwrap_or(0);
                    let better = (0..self.places.len()).filter(|place| part(place) < first).take(ALONE / 2);
                    better.chain(suspects.iter().copied()).take(ALONE).collect()
                }
            };
            return;
        }
        let (Some(after), Some(now), Some((place, _))) = (after, now, asked.first()) else { return };
        if now == self.text {
            return;
        }
        let moved: usize = self.input.before.iter().map(|before| moved(before, after)).sum::<usize>()
            + after.iter().filter(|new| !self.input.before.iter().any(|old| old.object == new.object)).count();
        self.found = self.line(&self.places[*place], moved.saturating_sub(1));
    }

    /// What was found.
    pub fn origin(self) -> Origin {
        match self.found {
            Some(line) => Origin::Line(line),
            None => Origin::Unknown("no one value was found that it moves with".into()),
        }
    }

    fn text_in(&self, after: &[Manifest]) -> Option<String> {
        let same = after.iter().find(|manifest| manifest.object == self.object.object)?;
        mutate::scalar_text(value_at(&same.document, &self.field)?)
    }

    fn line(&self, place: &Place, also: usize) -> Option<Line> {
        match &place.at {
            At::Setting(key) => {
                let whole = place.text == self.text;
                Some(Line { span: self.input.settings.get(key)?.clone(), whole, also, field: None })
            }
            At::Bytes { path, span, leaf, .. } => {
                let real = self.input.inputs.linked.iter().find_map(|(to, from)| {
                    let rest = path.as_str().strip_prefix(to.as_str())?;
                    RepoPath::new(format!("{from}{rest}")).ok()
                });
                let path = real.unwrap_or_else(|| path.clone());
                let span = SourceSpan { file: path.to_string(), ..span.clone() };
                let whole = place.text == self.text;
                let field = leaf.as_ref().filter(|_| whole).map(|leaf| SourceField {
                    path: path.clone(),
                    document: leaf.document,
                    field: leaf.path.clone(),
                });
                Some(Line { span, whole, also, field })
            }
        }
    }
}

fn renderer(render: &Render) -> String {
    render.root().map_or_else(String::new, |(renderer, _)| renderer.to_string())
}

/// How many fields of an object differ; an object that is gone is one.
fn moved(before: &Manifest, after: &[Manifest]) -> usize {
    match after.iter().find(|new| new.object == before.object) {
        Some(new) => {
            let moved = differences(&before.document.root, &new.document.root);
            moved.iter().filter(|difference| !before.is_unstable(&difference.field)).count()
        }
        None => 1,
    }
}

/// The field itself, or the first scalar below it.
fn first_leaf(path: FieldPath, node: &Node) -> (FieldPath, &Node) {
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
fn by_position(root: &Node, path: &FieldPath) -> Option<FieldPath> {
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

/// The whole text; then its parts, where it is put together as images are, the last first: tags change oftener than names.
fn needles(text: &str) -> Vec<String> {
    let mut needles = vec![text.to_owned()];
    let parts = text.split([':', '@']).rev().chain(text.split(['/', ':', '@']).rev());
    for part in parts.filter(|part| part.len() > 1) {
        if !needles.iter().any(|known| known == part) {
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
                let position = self.render.values.iter().rev().position(|values| values == path);
                let values = || root.join("values.yaml").is_ok_and(|own| own == *path).then_some(50);
                let template = || (self.template.as_ref() == Some(path)).then_some(60);
                position.or_else(values).or_else(template).or(Some(if matches!(name, "values.yaml" | "Chart.yaml") {
                    70
                } else {
                    80
                }))
            }
            (Renderer::Kustomize, _) => {
                let folder = path.as_str().rsplit_once('/').map_or("", |(folder, _)| folder);
                let nearest = self.depth.iter().filter(|(known, _)| path.is_within(known));
                let depth = nearest.max_by_key(|(known, _)| known.as_str().len()).map_or(32, |(_, depth)| *depth);
                let here = self.depth.keys().any(|known| known.as_str() == folder);
                Some(depth * 2 + usize::from(!here))
            }
        }
    }
}
