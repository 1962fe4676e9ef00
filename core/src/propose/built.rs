//! What kustomizations come to that no entry of the workspace renders: whoever delivers them makes these objects, and what a change makes
//! otherwise of a workload, or of what acts on it, is that workload's blueprint's to judge (T21).

use super::declared::Workload;
use super::kustomizations::{Home, Unrendered};
use super::reach;
use super::rendered::{compared, made_otherwise};
use super::{Change, Side};
use crate::blueprint::{Blueprint, Catalog, Manifest};
use crate::model::RepoPath;
use crate::rendering::Rendering;

/// One kustomization, built on both sides.
pub(super) struct Built<'s> {
    sides: [&'s Rendering; 2],
    /// The objects that differ, as they stand on each side; `None`: one of the two cannot be built.
    changed: Option<Vec<&'s Manifest>>,
    /// Where it is delivered.
    home: Home,
}

impl<'s> Built<'s> {
    /// All that were built on both sides. `unrendered`: what says where a controller puts them.
    pub(super) fn all(before: &'s Side, after: &'s Side, unrendered: &Unrendered) -> Vec<Self> {
        let both = before.beside.iter().filter_map(|(root, before)| Some((root, before, after.beside.get(root)?)));
        let one = |(root, before, after): (&RepoPath, &'s Rendering, &'s Rendering)| {
            let sides = [before, after];
            let changes: Option<Vec<Change>> = compared(before, after).ok();
            let changed = changes.map(|changes| made_otherwise(&changes, sides));
            let home = Home { own: None, moved: unrendered.moved_to(root).collect() };
            Self { sides, changed, home }
        };
        both.map(one).collect()
    }

    /// Whether it is made of a file on one of the two sides.
    pub(super) fn reads(&self, path: &RepoPath) -> bool {
        self.sides.iter().any(|side| side.reads(path))
    }

    /// Whether both sides could be built.
    pub(super) fn is_known(&self) -> bool {
        self.changed.is_some()
    }

    /// Whether it makes a blueprint's workload, or what acts on it, otherwise.
    pub(super) fn concerns(&self, catalog: &Catalog, blueprint: &Blueprint) -> bool {
        let changed = self.changed.as_deref().unwrap_or_default();
        let mut environments = catalog.workspace.value.environments.keys().filter(|name| blueprint.is_in(name));
        !changed.is_empty()
            && environments.any(|environment| {
                let workload = Workload::of(catalog, blueprint, environment, &self.home);
                changed.iter().any(|manifest| workload.has(manifest))
            })
    }

    /// Whether it tells a controller otherwise what to deliver.
    pub(super) fn delivers_otherwise(&self) -> bool {
        self.changed.as_deref().is_some_and(|changed| !reach::delivering(changed).is_empty())
    }
}
