//! What rules look at: the catalog, every form that a blueprint takes, its manifest; computed once and shared.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::blueprint::{Blueprint, Catalog, Environment, Located, Manifest, TierName};
use crate::model::{Diagnostic, Name, RepoPath, SourceSpan, Timestamp};
use crate::yaml::Node;

/// What a catalog does not know of the world around it. The edges say it; the core asks nobody.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The clock.
    pub now: Timestamp,
    /// Paths that `bpctl.yaml` names and nothing stands at.
    pub missing: BTreeSet<RepoPath>,
}

impl Surroundings {
    /// At this time, with nothing known to be missing.
    pub fn at(now: Timestamp) -> Self {
        Self { now, missing: BTreeSet::new() }
    }
}

/// A blueprint as written, or as one of its environments has it, so that an override is checked like the rest; and with each manifest
/// that such environments have of it.
#[derive(Debug)]
pub struct Variant<'c> {
    /// The blueprint. Spans lead to the override where there is one.
    pub blueprint: Arc<Located<Blueprint>>,
    /// The workspace's environments in which it holds so.
    pub environments: Vec<(&'c Name, &'c Environment)>,
    /// What declares its workload in these environments, where that was found.
    pub manifest: Option<&'c Manifest>,
}

impl Variant<'_> {
    /// Whether it holds so in production.
    pub fn in_prod(&self) -> bool {
        self.environments.iter().any(|(_, environment)| environment.tier == TierName::Prod)
    }
}

/// What a rule looks at.
#[derive(Debug)]
pub struct Look<'c> {
    /// Everything that the tree says.
    pub catalog: &'c Catalog,
    /// Every blueprint as written and as each of its environments has it.
    pub variants: Vec<Variant<'c>>,
    /// What lies around the catalog.
    pub surroundings: &'c Surroundings,
}

impl<'c> Look<'c> {
    /// Prepares what all rules share.
    pub fn new(catalog: &'c Catalog, surroundings: &'c Surroundings) -> Self {
        let environments = &catalog.workspace.value.environments;
        let mut variants = Vec::with_capacity(catalog.blueprints.len());
        for blueprint in catalog.blueprints.values() {
            let target = &blueprint.value.spec.target;
            let in_environment = |name: &Name| {
                let object = blueprint.value.is_in(name).then(|| blueprint.value.object_in(name))?;
                catalog.manifest(name, &target.source, &object)
            };
            // What has expired holds no more, and must not be judged by (X11).
            let holds = |expires: Option<Timestamp>| expires.is_none_or(|expires| expires > surroundings.now);
            let overrides = blueprint.value.environments.iter();
            let overrides: BTreeSet<&Name> =
                overrides.filter(|(_, over)| holds(over.expires)).map(|(name, _)| name).collect();
            // Those without overrides share the blueprint, and a manifest only where the same one reaches them.
            let mut shared: Vec<Variant<'c>> = Vec::new();
            for (name, environment) in environments {
                if overrides.contains(name) || !blueprint.value.is_in(name) {
                    continue;
                }
                let manifest = in_environment(name);
                let same = |variant: &&mut Variant<'c>| match (variant.manifest, manifest) {
                    (Some(one), Some(other)) => std::ptr::eq(one, other),
                    (one, other) => one.is_none() && other.is_none(),
                };
                match shared.iter_mut().find(same) {
                    Some(variant) => variant.environments.push((name, environment)),
                    None => shared.push(Variant {
                        blueprint: Arc::clone(blueprint),
                        environments: vec![(name, environment)],
                        manifest,
                    }),
                }
            }
            if shared.is_empty() {
                let environments = Vec::new();
                shared.push(Variant { blueprint: Arc::clone(blueprint), environments, manifest: None });
            }
            variants.append(&mut shared);
            // Of an environment that is not there one finding is enough.
            for name in overrides.into_iter().filter(|name| environments.contains_key(*name)) {
                let Some(blueprint) = catalog.blueprint_as_written(&blueprint.value.metadata.name, name) else {
                    continue;
                };
                variants.push(Variant {
                    blueprint: Arc::new(blueprint.into_owned()),
                    environments: environments.iter().filter(|(known, _)| *known == name).collect(),
                    manifest: in_environment(name),
                });
            }
        }
        Self { catalog, variants, surroundings }
    }

    /// All manifests: as they stand, and as they are rendered for any environment.
    pub fn all_manifests(&self) -> impl Iterator<Item = &'c Manifest> {
        let catalog = self.catalog;
        let environments = catalog.workspace.value.environments.keys();
        let rendered = environments.flat_map(|name| catalog.renderings(name)).filter_map(|r| r.outcome.as_ref().ok());
        let plain = catalog.manifests.values().flat_map(|file| file.iter());
        plain.chain(rendered.flat_map(|manifests| manifests.iter()))
    }

    /// The manifests of blueprints' workloads, as environments have them.
    pub fn targets(&self) -> impl Iterator<Item = &'c Manifest> {
        self.variants.iter().filter_map(|variant| variant.manifest)
    }

    /// Whether a manifest is among those of a blueprint's source, as an environment has it.
    pub fn reaches(&self, manifest: &Manifest) -> bool {
        let mut blueprints = self.catalog.blueprints.values().map(|blueprint| &blueprint.value);
        blueprints.any(|blueprint| {
            let source = &blueprint.spec.target.source;
            let environments = self.catalog.workspace.value.environments.keys();
            environments.filter(|name| blueprint.is_in(name)).any(|name| {
                let plain = || manifest.path.is_within(source) && !self.catalog.renders(name, source);
                if manifest.rendered { manifest.path.meets(source) } else { plain() }
            })
        })
    }

    /// Whether every file was read, and everything rendered: what is found nowhere is nowhere.
    pub fn knows_all(&self) -> bool {
        let environments = self.catalog.workspace.value.environments.keys();
        let mut rendered = environments.flat_map(|name| self.catalog.renderings(name));
        self.all_read() && rendered.all(|rendering| rendering.outcome.is_ok())
    }

    /// Whether what declares a blueprint's objects could not be rendered.
    pub fn is_unrendered(&self, variant: &Variant<'_>) -> bool {
        let blueprint = &variant.blueprint.value;
        let mut environments = self.catalog.workspace.value.environments.keys().filter(|name| blueprint.is_in(name));
        let source = &blueprint.spec.target.source;
        environments.any(|name| self.catalog.declared(name, source, &blueprint.object_in(name)).is_err())
    }

    /// Whether every file was read. If not, a name that is nowhere may stand in one that was not.
    pub fn all_read(&self) -> bool {
        let Catalog { diagnostics, unresolved, unreadable, .. } = self.catalog;
        diagnostics.is_empty() && unresolved.is_empty() && unreadable.is_empty()
    }
}

/// Adds a place in a file, and the file's text.
pub(super) fn mark<T>(diagnostic: Diagnostic, on: &Located<T>, path: &[&str], label: impl Into<String>) -> Diagnostic {
    diagnostic.label(on.span(path), label).source(on.source())
}

/// Adds a place in a manifest, and the manifest's text.
pub(super) fn mark_node(diagnostic: Diagnostic, on: &Manifest, node: &Node, label: impl Into<String>) -> Diagnostic {
    let span = match node.entries().first() {
        Some(first) => on.document.span(first.key_start as usize..first.key_end as usize),
        None => on.document.span_of(node),
    };
    diagnostic.label(span, label).source(on.document.source.clone())
}

/// The place of an item of a list.
pub(super) fn item_span<T>(on: &Located<T>, path: &[&str], position: usize) -> SourceSpan {
    let item = on.document.root.at(path).and_then(|list| list.items().get(position));
    item.map_or_else(|| on.span(path), |item| on.document.span_of(item))
}

/// The place of a key, without its value.
pub(super) fn key_span<T>(on: &Located<T>, parents: &[&str], key: &str) -> SourceSpan {
    let entry = on.document.root.at(parents).and_then(|parent| parent.entry(key));
    entry.map_or_else(|| on.span(parents), |entry| on.document.span(entry.key_start as usize..entry.key_end as usize))
}

/// A container's name, for messages.
pub(super) fn container_name(container: &Node) -> &str {
    container.get("name").and_then(Node::as_str).unwrap_or("without a name")
}
