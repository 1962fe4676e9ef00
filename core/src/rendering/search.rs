//! Finds the places that make rendered fields, by mutation: many fields at a time.
//!
//! A place is changed where it stands, everything is rendered again, and it is claimed for a field only if the field then says the very text
//! that was put there. Every place has a text of its own, so that one rendering with many changes tells of many fields:
//!
//! 1. *Scouts* change the likeliest places of all fields at once, then the next ones of the fields that did not move. One that fails is
//!    halved, until what fails stands alone.
//! 2. *Proofs* change only what the scouts found, in halves of it, cut another way each time: of any two places there is a rendering with the
//!    one and without the other. So a place that is claimed moved its field whatever else was changed, and what did not move in one of them is
//!    not its doing.
//! 3. What is left, and what could not be told apart, is changed *alone*.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::inputs::Inputs;
use super::marks::{Codes, FieldOf, Marked, Seen, plain, value_beside};
use super::mutate::{self, At, Mutation, Place, Sources};
use super::parts::PartOf;
use super::trace::{Traced, by_position, first_leaf, needles};
use super::{Found, Line, Origin, SourceField};
use crate::blueprint::{Manifest, Render};
use crate::model::{FieldPath, Files, ObjectRef, RepoPath, Segment, SourceSpan};
use crate::yaml::{Node, value_at};

/// Places of one field that scouts change, at most; a field's first alone, then those up to the second number, then the others.
const LEVELS: [usize; 4] = [0, 1, 8, 64];
/// Places of one field that are changed alone, at most. Each costs a rendering.
const ALONE: usize = 8;

/// What a rendering with a mutation in it gave: its objects, or nothing, where it failed.
pub type Answer<'a> = Option<&'a [Manifest]>;

/// One rendering, to search in.
#[derive(Debug, Clone, Copy)]
pub struct SearchInput<'a> {
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

/// A search for the places that make fields of one rendering.
#[derive(Debug)]
pub struct Search<'a> {
    input: SearchInput<'a>,
    /// The objects before, all scalars as texts.
    plain: Vec<Node>,
    places: Vec<Marker>,
    fields: Vec<Wanted<'a>>,
    stage: Stage,
    /// Places to change at once, next.
    queue: VecDeque<Vec<usize>>,
    asked: Vec<usize>,
    /// With these places changed, and no other, nothing can be rendered.
    failing: BTreeSet<usize>,
    proofs: Vec<(BTreeSet<usize>, Seen)>,
}

/// A place, and the text that it gets.
#[derive(Debug)]
struct Marker {
    at: At,
    text: String,
    to: String,
    /// What `to` is known by; empty: by nothing.
    code: String,
}

/// One field that is looked for.
#[derive(Debug)]
struct Wanted<'a> {
    object: usize,
    asked: &'a FieldPath,
    /// By position: a name that is changed is no longer where its name says.
    path: FieldPath,
    text: String,
    /// Which part of it is looked for, and no other.
    part: Option<PartOf>,
    /// Names are searched apart: changing one may take objects from what is said about them elsewhere.
    is_name: bool,
    /// The likeliest first.
    places: Vec<usize>,
    /// Places whose text it showed.
    suspects: BTreeSet<usize>,
    /// Places without which it says the same.
    quiet: BTreeSet<usize>,
    /// Places that were changed alone for it.
    tried: BTreeSet<usize>,
    outcome: Outcome,
}

#[derive(Debug)]
enum Outcome {
    Open,
    /// The place, how many other fields move with it at most, and whether it is just as many.
    Found {
        place: usize,
        also: usize,
        exactly: bool,
    },
    Unknown(String),
}

/// The fields that a place moves, and how many more it may.
type Told = (BTreeSet<FieldOf>, usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Scout { names: bool, level: usize },
    Proof { names: bool },
    Alone,
}

impl<'a> Search<'a> {
    /// Begins a search for fields of what was rendered.
    pub fn new(input: SearchInput<'a>, fields: impl Iterator<Item = (&'a ObjectRef, &'a FieldPath)>) -> Self {
        Self::of(input, fields.map(|(object, field)| (object, field, None)))
    }

    /// Begins a search for parts of fields.
    pub fn of_parts(input: SearchInput<'a>, parts: &'a [(ObjectRef, FieldPath, PartOf)]) -> Self {
        Self::of(input, parts.iter().map(|(object, field, part)| (object, field, Some(*part))))
    }

    fn of(
        input: SearchInput<'a>,
        fields: impl Iterator<Item = (&'a ObjectRef, &'a FieldPath, Option<PartOf>)>,
    ) -> Self {
        let sources = Sources::new(input.files);
        let rendered = input.before.first().map(|object| &*object.document.source.text);
        let mut codes = Codes::beside(sources.texts().chain(rendered));
        let objects: BTreeMap<&ObjectRef, usize> =
            input.before.iter().enumerate().map(|(at, manifest)| (&manifest.object, at)).collect();
        let mut search = Self {
            input,
            plain: input.before.iter().map(|manifest| plain(&manifest.document.root)).collect(),
            places: Vec::new(),
            fields: Vec::new(),
            stage: Stage::Scout { names: false, level: 0 },
            queue: VecDeque::new(),
            asked: Vec::new(),
            failing: BTreeSet::new(),
            proofs: Vec::new(),
        };
        let mut known = BTreeMap::new();
        for (object, field, part) in fields {
            let Some(object) = objects.get(object) else { continue };
            let wanted = search.wanted(&sources, *object, (field, part), &mut codes, &mut known);
            search.fields.push(wanted);
        }
        search.scout();
        search
    }

    fn wanted(
        &mut self,
        sources: &Sources<'_>,
        object: usize,
        (asked, part): (&'a FieldPath, Option<PartOf>),
        codes: &mut Codes,
        known: &mut BTreeMap<(usize, String, usize, usize), usize>,
    ) -> Wanted<'a> {
        let SearchInput { render, inputs, files, before, .. } = self.input;
        let manifest = &before[object];
        let mut wanted = Wanted {
            object,
            asked,
            path: asked.clone(),
            text: String::new(),
            part,
            is_name: false,
            places: Vec::new(),
            suspects: BTreeSet::new(),
            quiet: BTreeSet::new(),
            tried: BTreeSet::new(),
            outcome: Outcome::Open,
        };
        let found = (|| {
            let node = value_at(&manifest.document, asked).ok_or("what is rendered does not hold it")?;
            let (path, node) = first_leaf(asked.clone(), node);
            let path = by_position(&manifest.document.root, &path).ok_or("it is in its list more than once")?;
            Ok::<_, &str>((path, mutate::shown_text(node).ok_or("it is null")?))
        })();
        (wanted.path, wanted.text) = match found {
            Ok(found) => found,
            Err(why) => {
                wanted.outcome = Outcome::Unknown(why.into());
                return wanted;
            }
        };
        wanted.is_name = is_name(&wanted.path);
        let traced = Traced::new(render, inputs, files, manifest, asked);
        let mut places =
            mutate::places(&traced, sources, &needles(part.map_or(&*wanted.text, |part| part.said_by(&wanted.text))));
        places.truncate(LEVELS[3]);
        if places.is_empty() {
            let renderer = render.root().map_or_else(String::new, |(renderer, _)| renderer.to_string());
            wanted.outcome = Outcome::Unknown(format!("nothing that {renderer} reads says it in these words"));
        }
        for Place { at, text, .. } in places {
            let (kind, whose, range) = at.region();
            let place = *known.entry((kind, whose.to_owned(), range.start, range.end)).or_insert_with(|| {
                let (to, code) = if matches!(&*text, "{}" | "[]") {
                    let (_, code) = codes.mark("");
                    (code.clone(), code)
                } else {
                    codes.mark(&text)
                };
                self.places.push(Marker { at, text, to, code });
                self.places.len() - 1
            });
            wanted.places.push(place);
        }
        wanted
    }

    /// The mutation to render next; `None`: the search has ended.
    pub fn next_mutation(&mut self) -> Option<Mutation> {
        while self.queue.is_empty() {
            self.stage = match self.stage {
                Stage::Scout { names, level } if level + 2 < LEVELS.len() => Stage::Scout { names, level: level + 1 },
                Stage::Scout { names, .. } => Stage::Proof { names },
                Stage::Proof { names } => {
                    self.settle();
                    if names { Stage::Alone } else { Stage::Scout { names: true, level: 0 } }
                }
                Stage::Alone => {
                    let next = self.next_alone()?;
                    self.queue.push_back(vec![next]);
                    continue;
                }
            };
            match self.stage {
                Stage::Scout { .. } => self.scout(),
                Stage::Proof { names } => self.prove(names),
                Stage::Alone => {}
            }
        }
        self.asked = self.queue.pop_front()?;
        let changed = self.asked.iter().map(|place| &self.places[*place]);
        let changed = changed.map(|place| (&place.at, &*place.text, &*place.to));
        Some(mutate::mutation(self.input.render, self.input.files, changed))
    }

    /// What came of the mutation that was asked for last.
    pub fn answer(&mut self, after: Answer<'_>) {
        let asked = std::mem::take(&mut self.asked);
        let Some(after) = after else {
            if let [place] = asked.as_slice() {
                self.failing.insert(*place);
                // What must be a truth value can only be turned, and then nothing shows whose doing it is.
                let turned = match &*self.places[*place].text {
                    "true" => "false",
                    "false" => "true",
                    _ => return,
                };
                self.places[*place].to = turned.into();
                self.places[*place].code.clear();
            } else {
                let (one, two) = asked.split_at(asked.len() / 2);
                self.queue.push_front(two.to_vec());
                self.queue.push_front(one.to_vec());
            }
            return;
        };
        let marked: Marked<'_> = asked
            .iter()
            .map(|place| {
                let Marker { text, code, to, .. } = &self.places[*place];
                let from = if matches!(&**text, "{}" | "[]") { to } else { text };
                (&**code, (*place, &**to, &**from))
            })
            .collect();
        let seen = Seen::new(self.input.before, &self.plain, after, &marked);
        for field in &mut self.fields {
            let at = (field.object, field.path.clone());
            match seen.moved.get(&at) {
                Some(by) => {
                    let shows = |place: &&usize| field.shows(&self.places[**place].code, &seen, &at);
                    let by: Vec<usize> = by.iter().filter(shows).copied().collect();
                    field.suspects.extend(by);
                }
                None if field.now(&self.plain, &seen).as_ref() == Some(&field.text) => {
                    field.quiet.extend(asked.iter().filter(|place| field.places.contains(place)));
                }
                None => {}
            }
        }
        if let [place] = asked.as_slice() {
            self.take(*place, &seen);
        } else if matches!(self.stage, Stage::Proof { .. }) {
            self.proofs.push((asked.into_iter().collect(), seen));
        }
    }

    /// What one place alone makes.
    fn take(&mut self, place: usize, seen: &Seen) {
        let also = (seen.moved.len() + seen.otherwise.len()).saturating_sub(1);
        for index in 0..self.fields.len() {
            let field = &self.fields[index];
            let at = (field.object, field.path.clone());
            // What is computed moves to what nobody wrote.
            let computed =
                || field.places.contains(&place) && field.now(&self.plain, seen).is_some_and(|now| field.became(&now));
            let shown = |by: &BTreeSet<usize>| by.contains(&place) && field.shows(&self.places[place].code, seen, &at);
            let moves = seen.moved.get(&at).map_or_else(computed, shown);
            let wanted = match field.outcome {
                Outcome::Found { place: known, exactly, .. } => !exactly && known == place,
                // What only says something else, as the key that stands above it, makes the field vanish and is not what it comes from.
                Outcome::Open => {
                    let may = field.places.contains(&place) || self.places[place].text == field.text;
                    may && (field.tried.contains(&place) || self.winner(field).is_none_or(|winner| winner == place))
                }
                Outcome::Unknown(_) => false,
            };
            if wanted && moves {
                self.fields[index].outcome = Outcome::Found { place, also, exactly: true };
            } else if wanted && matches!(field.outcome, Outcome::Found { .. }) {
                self.fields[index].outcome = Outcome::Open;
            }
        }
    }

    /// The likeliest of the places that a field showed.
    fn winner(&self, field: &Wanted<'_>) -> Option<usize> {
        let shown = |place: &&usize| field.suspects.contains(place) && !self.failing.contains(place);
        field.places.iter().find(shown).copied()
    }

    fn scout(&mut self) {
        let Stage::Scout { names, level } = self.stage else { return };
        let open = |field: &&Wanted<'_>| {
            field.is_name == names && matches!(field.outcome, Outcome::Open) && self.winner(field).is_none()
        };
        let mut chosen: BTreeSet<usize> = BTreeSet::new();
        let mut taken: BTreeMap<(usize, &str), BTreeMap<usize, usize>> = BTreeMap::new();
        for field in self.fields.iter().filter(open) {
            let range = LEVELS[level].min(field.places.len())..LEVELS[level + 1].min(field.places.len());
            for place in &field.places[range] {
                if self.failing.contains(place) || chosen.contains(place) {
                    continue;
                }
                // Two texts may stand in one another; the first keeps its place.
                let (kind, whose, range) = self.places[*place].at.region();
                let taken = taken.entry((kind, whose)).or_default();
                if taken.range(..range.end).next_back().is_some_and(|(_, end)| *end > range.start) {
                    continue;
                }
                taken.insert(range.start, range.end);
                chosen.insert(*place);
            }
        }
        if !chosen.is_empty() {
            self.queue.push_back(chosen.into_iter().collect());
        }
    }

    /// Renderings with what was found, of which any two places are told apart.
    fn prove(&mut self, names: bool) {
        let open = self.fields.iter().filter(|field| field.is_name == names && matches!(field.outcome, Outcome::Open));
        let mut winners: Vec<usize> = Vec::new();
        for place in open.filter_map(|field| self.winner(field)).collect::<BTreeSet<_>>() {
            if !winners.iter().any(|other| overlap(&self.places[*other].at, &self.places[place].at)) {
                winners.push(place);
            }
        }
        let bits = usize::BITS - winners.len().saturating_sub(1).leading_zeros();
        if winners.len() <= 2 * bits as usize || winners.len() < 2 {
            self.queue.extend(winners.into_iter().map(|place| vec![place]));
            return;
        }
        for bit in 0..bits {
            for side in [0, 1] {
                let half = winners.iter().enumerate().filter(|(index, _)| index >> bit & 1 == side);
                self.queue.push_back(half.map(|(_, place)| *place).collect());
            }
        }
    }

    /// What the proofs say together.
    fn settle(&mut self) {
        let proofs = std::mem::take(&mut self.proofs);
        let mut told: BTreeMap<usize, Option<Told>> = BTreeMap::new();
        for index in 0..self.fields.len() {
            let field = &self.fields[index];
            let (Outcome::Open, Some(place)) = (&field.outcome, self.winner(field)) else { continue };
            let Some((moved, otherwise)) = told.entry(place).or_insert_with(|| together(place, &proofs)) else {
                continue;
            };
            if moved.contains(&(field.object, field.path.clone())) {
                let (also, exactly) = ((moved.len() + *otherwise).saturating_sub(1), *otherwise == 0);
                self.fields[index].outcome = Outcome::Found { place, also, exactly };
            }
        }
    }

    fn next_alone(&mut self) -> Option<usize> {
        for index in 0..self.fields.len() {
            let field = &self.fields[index];
            if !matches!(field.outcome, Outcome::Open) || field.tried.len() >= ALONE {
                continue;
            }
            let shown = field.places.iter().filter(|place| field.suspects.contains(place));
            // What it stood still with, it does not come from.
            let others =
                field.places.iter().filter(|place| !field.suspects.contains(place) && !field.quiet.contains(place));
            let usable = |place: &usize| !self.failing.contains(place) || self.places[*place].code.is_empty();
            let left = |place: &&usize| usable(place) && !field.tried.contains(place);
            if let Some(next) = shown.chain(others).find(left).copied() {
                self.fields[index].tried.insert(next);
                return Some(next);
            }
        }
        let unsure = |field: &Wanted<'_>| match field.outcome {
            Outcome::Found { place, exactly: false, .. } if !self.failing.contains(&place) => Some(place),
            _ => None,
        };
        self.fields.iter().find_map(unsure)
    }

    /// What was found. `late`: the search was given up before its end.
    pub fn origins(self, late: bool) -> Vec<Found> {
        let SearchInput { before, .. } = self.input;
        let open =
            if late { "the search for lines took too long" } else { "no one value was found that it moves with" };
        let origin = |field: &Wanted<'_>| match &field.outcome {
            Outcome::Open => Origin::Unknown(open.into()),
            Outcome::Unknown(why) => Origin::Unknown(why.clone()),
            Outcome::Found { place, also, .. } => {
                let marker = &self.places[*place];
                let whole = marker.text == field.text;
                let line = line(self.input, &marker.at, whole, *also);
                let line = line.map(|line| Line { part: (!whole).then(|| marker.text.clone()), ..line });
                line.map_or_else(|| Origin::Unknown(open.into()), Origin::Line)
            }
        };
        let keyed = |field: &Wanted<'_>| ((before[field.object].object.clone(), field.asked.clone()), origin(field));
        self.fields.iter().map(keyed).collect()
    }
}

impl Wanted<'_> {
    /// Whether what is looked for shows a code: of an image that is put together another part may.
    fn shows(&self, code: &str, seen: &Seen, at: &FieldOf) -> bool {
        let Some(part) = self.part else { return true };
        seen.shown.get(at).is_some_and(|image| part.said_by(image).contains(code))
    }

    /// Whether it says something else: of an image this part, and no other.
    fn became(&self, now: &str) -> bool {
        let differs = |part: PartOf| part.said_by(now) != part.said_by(&self.text);
        self.part.map_or(now != self.text, |part| differs(part) && !differs(part.other()))
    }

    /// What it says without the changes that showed themselves.
    fn now(&self, before: &[Node], seen: &Seen) -> Option<String> {
        mutate::shown_text(value_beside(&before[self.object], seen.objects.get(&self.object)?, &self.path)?)
    }
}

/// The fields that one place moved, in all of these renderings that it is changed in, and how many moved in all of them without showing whose
/// doing it is; `None`: they do not tell it from all others.
fn together(place: usize, proofs: &[(BTreeSet<usize>, Seen)]) -> Option<Told> {
    let mut with = proofs.iter().filter(|(changed, _)| changed.contains(&place));
    let by = |seen: &Seen| -> BTreeSet<_> {
        seen.moved.iter().filter(|(_, by)| by.contains(&place)).map(|(field, _)| field.clone()).collect()
    };
    let (changed, seen) = with.next()?;
    let (mut changed, mut moved, mut otherwise) = (changed.clone(), by(seen), seen.otherwise.clone());
    let mut unsteady = 0;
    for (also_changed, seen) in with {
        changed.retain(|other| also_changed.contains(other));
        otherwise.retain(|field| seen.otherwise.contains(field));
        let now = by(seen);
        unsteady += moved.symmetric_difference(&now).count();
        moved.retain(|field| now.contains(field));
    }
    (changed.len() == 1).then_some((moved, otherwise.len() + unsteady))
}

fn is_name(path: &FieldPath) -> bool {
    let key = |step: &Segment| matches!(step, Segment::Key(key) if key == "labels" || key == "matchLabels");
    path.0.iter().any(key) || matches!(path.0.last(), Some(Segment::Key(key)) if key == "name")
}

fn overlap(one: &At, two: &At) -> bool {
    let ((kind, whose, range), (other_kind, other_whose, other)) = (one.region(), two.region());
    (kind, whose) == (other_kind, other_whose) && range.start < other.end && other.start < range.end
}

fn line(input: SearchInput<'_>, at: &At, whole: bool, also: usize) -> Option<Line> {
    match at {
        At::Setting(key) => Some(Line::new(input.settings.get(key)?.clone(), whole, also, None)),
        At::Parameter(at, _) => Some(Line::new(input.render.parameters.get(*at)?.span.clone(), whole, also, None)),
        At::Bytes { path, leaf, .. } if input.render.own_values.as_ref().is_some_and(|own| own.file == *path) => {
            let own = input.render.own_values.as_ref()?;
            let single = leaf.as_ref().and_then(|leaf| own.spans.get(&leaf.path));
            Some(Line::new(single.unwrap_or(&own.whole).clone(), whole, also, None))
        }
        At::Bytes { path, span, leaf, .. } => {
            let real = input.inputs.linked.iter().find_map(|(to, from)| {
                let rest = path.as_str().strip_prefix(to.as_str())?;
                RepoPath::new(format!("{from}{rest}")).ok()
            });
            let path = real.unwrap_or_else(|| path.clone());
            let span = SourceSpan { file: path.to_string(), ..span.clone() };
            let field = leaf.as_ref().filter(|leaf| leaf.whole).map(|leaf| SourceField {
                path: path.clone(),
                document: leaf.document,
                field: leaf.path.clone(),
            });
            Some(Line::new(span, whole, also, field))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{files, helm, path};
    use super::super::{inputs, objects};
    use super::*;

    type Values = BTreeMap<String, String>;
    /// Line, whether it says the whole, and how many other fields move.
    type Found = Option<(usize, bool, usize)>;

    /// What is found for fields of the object that `template` makes of `values`, and how many renderings it took.
    fn found(values: &str, template: impl Fn(&Values) -> Option<String>, fields: &[FieldPath]) -> (Vec<Found>, usize) {
        let render = |all: &Files| {
            let text = std::str::from_utf8(&all.blob(&path("c/values.yaml"))?.bytes).ok()?;
            let pairs = text.lines().filter_map(|line| line.split_once(": "));
            let values: Values = pairs.map(|(key, value)| (key.trim().into(), value.into())).collect();
            objects(&helm("c"), template(&values)?.as_bytes()).ok()
        };
        let all = files(&[("c/Chart.yaml", "name: c"), ("c/values.yaml", values)]);
        let (entry, settings, read) = (helm("c"), BTreeMap::new(), inputs(&helm("c"), &all));
        let before = render(&all).unwrap();
        let input = SearchInput { render: &entry, inputs: &read, files: &all, settings: &settings, before: &before };
        let mut search = Search::new(input, fields.iter().map(|field| (&before[0].object, field)));
        let mut renderings = 0;
        while let Some(mutation) = search.next_mutation() {
            search.answer(render(&mutation.over(&all)).as_deref());
            renderings += 1;
        }
        let place = |(_, origin): ((ObjectRef, FieldPath), Origin)| match origin {
            Origin::Line(line) => Some((line.span.line, line.whole, line.also)),
            Origin::Unknown(_) => None,
        };
        (search.origins(false).into_iter().map(place).collect(), renderings)
    }

    fn deployment(spec: &str) -> String {
        format!("apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec: {spec}\n")
    }

    /// Forty fields that say the same, in a few renderings.
    #[test]
    fn x09_one_rendering_proves_many_lines() {
        let keys: Vec<String> = (0..40).map(|n| format!("k{n:02}")).collect();
        let values = keys.join(": 3\n") + ": 3\n";
        let template = |values: &Values| {
            let fields: Vec<String> = values.iter().map(|(key, value)| format!("{key}: {value}")).collect();
            Some(deployment(&format!("{{{}}}", fields.join(", "))))
        };
        let fields: Vec<FieldPath> = keys.iter().map(|key| FieldPath::keys(["spec", key])).collect();
        let (lines, renderings) = found(&values, template, &fields);
        let expected: Vec<_> = (1..=40).map(|line| Some((line, true, 0))).collect();
        assert_eq!(lines, expected);
        assert!(renderings <= 13, "{renderings}");
    }

    #[test]
    fn x09_a_value_that_a_chart_refuses_hides_no_other_line() {
        let values = "mode: prod\nstrict: true\na: 1\nb: 2\nc: 3\n";
        let template = |v: &Values| {
            let typed = matches!(v["strict"].as_str(), "true" | "false");
            let made = deployment(&format!(
                "{{mode: {}, strict: {}, a: {}, b: {}, c: {}}}",
                v["mode"], v["strict"], v["a"], v["b"], v["c"]
            ));
            (v["mode"] == "prod" && typed).then_some(made)
        };
        let fields = ["mode", "strict", "a", "b", "c"].map(|key| FieldPath::keys(["spec", key]));
        let (lines, _) = found(values, template, &fields);
        let whole = |line| Some((line, true, 0));
        assert_eq!(lines, [None, whole(2), whole(3), whole(4), whole(5)]);
    }

    /// While another value is changed too, the field shows a place that it does not come from.
    #[test]
    fn x09_a_place_that_a_field_shows_only_beside_another_change_is_not_claimed() {
        let values = "count: 3\nmode: prod\nreplicas: 3\na: 1\nb: 2\nc: 4\nd: 5\ne: 6\nf: 7\n";
        let template = |v: &Values| {
            let count = if v["mode"] == "prod" { &v["replicas"] } else { &v["count"] };
            let rest: Vec<String> =
                ["a", "b", "c", "d", "e", "f"].iter().map(|key| format!("{key}: {}", v[*key])).collect();
            Some(deployment(&format!("{{count: {count}, mode: {}, {}}}", v["mode"], rest.join(", "))))
        };
        let keys = ["count", "mode", "a", "b", "c", "d", "e", "f"];
        let fields: Vec<FieldPath> = keys.iter().map(|key| FieldPath::keys(["spec", key])).collect();
        let (lines, _) = found(values, template, &fields);
        assert_eq!(lines[..2], [Some((3, true, 0)), Some((2, true, 0))]);
        assert!(lines.iter().all(Option::is_some), "{lines:?}");
    }

    /// An edit is only made where a line makes one field and no other.
    #[test]
    fn x09_what_is_computed_of_some_values_is_counted_with_these_alone() {
        let keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
        let values = keys.join(": 5\n") + ": 5\n";
        let template = |v: &Values| {
            let sum: i64 = [&v["b"], &v["f"]].iter().filter_map(|text| text.parse::<i64>().ok()).sum();
            let fields: Vec<String> = v.iter().map(|(key, value)| format!("{key}: {value}")).collect();
            Some(deployment(&format!("{{{}, sum: {}, again: {}}}", fields.join(", "), sum * 2, v["c"])))
        };
        let fields: Vec<FieldPath> = keys.iter().map(|key| FieldPath::keys(["spec", key])).collect();
        let also: Vec<usize> =
            found(&values, template, &fields).0.into_iter().flatten().map(|(_, _, also)| also).collect();
        assert_eq!(also, [0, 1, 1, 0, 0, 1, 0, 0]);
    }

    #[test]
    fn x09_a_value_that_names_the_object_too_has_a_line_and_so_has_what_is_empty() {
        let template = |v: &Values| {
            let name = &v["name"];
            Some(format!(
                "kind: Deployment\nmetadata: {{name: {name}, labels: {{app: {name}}}}}\nspec: {{serviceAccountName: {name}, nodeSelector: {}, note: {}}}\n\
                 ---\nkind: Service\nmetadata: {{name: other}}\n",
                v["select"], v["note"],
            ))
        };
        let fields = [
            FieldPath::keys(["metadata", "labels", "app"]),
            FieldPath::keys(["spec", "serviceAccountName"]),
            FieldPath::keys(["spec", "nodeSelector"]),
            FieldPath::keys(["spec", "note"]),
        ];
        let (lines, _) = found("name: web\nselect: {}\nnote: \"\"\n", template, &fields);
        assert_eq!(lines, [Some((1, true, 2)), Some((1, true, 2)), Some((2, true, 0)), Some((3, true, 0))]);
    }

    /// Would miss: a field's line that is told as the place of its key, where its own could not be seen beside another change, and the key's
    /// was changed alone.
    #[test]
    fn x09_the_place_of_a_key_is_not_the_value_s_below_it() {
        let template = |v: &Values| {
            let amount = format!(", requests: {{{}: {}}}", v["key"], v["amount"]);
            let shown = if v["a"] == "x" { &*amount } else { "" };
            Some(deployment(&format!("{{a: {}, metric: {{name: {}}}{shown}}}", v["a"], v["key"])))
        };
        let fields = [
            FieldPath::keys(["spec", "a"]),
            FieldPath::keys(["spec", "metric", "name"]),
            FieldPath::keys(["spec", "requests", "cpu"]),
        ];
        let (lines, _) = found("a: x\namount: 200m\nkey: cpu\n", template, &fields);
        let lines: Vec<_> = lines.into_iter().map(|line| line.map(|(line, whole, _)| (line, whole))).collect();
        assert_eq!(lines, [Some((1, true)), Some((3, true)), Some((2, true))]);
    }

    /// A patch names the item that it is for: with another name it makes another item, and the item that is there keeps its own.
    #[test]
    fn x09_what_makes_another_item_of_a_list_makes_no_field_of_the_one_there_is() {
        let template = |v: &Values| {
            let other = format!("{{name: {}}}, ", v["name"]);
            let more = if v["name"] == "web" { "" } else { &other };
            Some(deployment(&format!("{{containers: [{more}{{name: web, image: {}}}]}}", v["image"])))
        };
        let item = FieldPath::keys(["spec", "containers"]).join(Segment::Index(0));
        let fields = [item.key("name"), item.key("image")];
        let (lines, _) = found("name: web\nimage: web\n", template, &fields);
        assert_eq!(lines, [None, Some((2, true, 0))]);
    }
}
