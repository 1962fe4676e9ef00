//! Which lines make a workload's fields, as an environment has it (X9).

use std::collections::BTreeSet;

use bpctl_core::blueprint::{Catalog, Manifest};
use bpctl_core::model::{FieldPath, Name, ObjectRef, RepoPath, WorkloadKind};
use bpctl_core::rendering::{Line, Origin, SourceField, all_fields, governed_fields};
use bpctl_core::yaml::{Node, nearest};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value as Json;

use super::{PipelineError, plan, render, tree};
use crate::git::Repository;

/// One field and its line.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldOrigin {
    /// The field.
    pub field: FieldPath,
    /// What reaches the cluster.
    pub value: Json,
    /// Where it comes from.
    pub origin: Origin,
}

/// One workload, or one object that belongs to it.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadOrigins {
    /// Its blueprint.
    pub blueprint: Name,
    /// The object.
    pub workload: ObjectRef,
    /// The file that declares it, or the folder that it is rendered from.
    pub manifest: RepoPath,
    /// Whether a renderer stands between.
    pub rendered: bool,
    /// Its fields, in the manifest's order.
    pub fields: Vec<FieldOrigin>,
}

/// What was found.
#[derive(Debug)]
pub struct Origins {
    /// The environment.
    pub environment: Name,
    /// Objects, by blueprint: the workload first.
    pub workloads: Vec<WorkloadOrigins>,
    /// Blueprints whose workload nothing declares there, and why.
    pub missing: Vec<(Name, PipelineError)>,
    /// Where no field is as asked: what may have been meant.
    pub near: Option<String>,
}

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct OriginOptions {
    /// This blueprint only.
    pub blueprint: Option<Name>,
    /// Fields at or below this path only, as plans or this command write it; else those in which it is a part: `image`, `LOG_LEVEL`.
    pub field: Option<String>,
    /// Also fields that no blueprint speaks about.
    pub all: bool,
}

/// Looks in the work tree; asks no cluster.
pub async fn origins(
    repository: &Repository,
    named: Option<&str>,
    options: &OriginOptions,
) -> Result<Origins, PipelineError> {
    let mut tree = tree::work_tree(repository)?;
    plan::whole(&tree.catalog)?;
    let environment = plan::choose_environment(&tree.catalog.workspace.value, named)?;
    tree.render(std::slice::from_ref(&environment)).await;
    let names: Vec<Name> = match &options.blueprint {
        Some(name) if !tree.catalog.blueprints.contains_key(name) => {
            let known: Vec<&str> = tree.catalog.blueprints.keys().take(20).map(Name::as_str).collect();
            let hint = format!("it has: {}", known.join(", "));
            return Err(PipelineError::told(format!("there is no blueprint {name}"), hint));
        }
        Some(name) => vec![name.clone()],
        None => {
            let there = tree.catalog.blueprints.iter().filter(|(_, blueprint)| blueprint.value.is_in(&environment));
            there.map(|(name, _)| name.clone()).collect()
        }
    };
    let mut missing = Vec::new();
    for name in &names {
        if let Err(error) = declared(&tree.catalog, &environment, name) {
            missing.push((name.clone(), error));
        }
    }
    // One that is not there keeps the others from nobody; asked for alone, it is what went wrong.
    if missing.len() == names.len()
        && let Some((_, error)) = missing.pop()
    {
        return Err(error);
    }
    let mut wanted = BTreeSet::new();
    let near = {
        let objects: Vec<_> = names.iter().flat_map(|name| objects(&tree.catalog, &environment, name)).collect();
        let how = How::of(options, &objects);
        for (_, manifest) in objects.iter().filter(|(_, manifest)| manifest.rendered) {
            let fields = how.fields(manifest).into_iter();
            wanted.extend(fields.map(|(field, _)| (manifest.path.clone(), manifest.object.clone(), field)));
        }
        how.near(&objects)
    };
    let files = tree.files.clone();
    render::trace(&mut tree.catalog, &files, &environment, &wanted, render::ASKED_SEARCH).await;
    let catalog = &tree.catalog;
    let all: Vec<_> = names.iter().flat_map(|name| objects(catalog, &environment, name)).collect();
    let how = How::of(options, &all);
    let mut workloads = Vec::with_capacity(names.len());
    for name in &names {
        for (object, manifest) in objects(catalog, &environment, name) {
            let origin = |field: &FieldPath, node: &Node| {
                if manifest.rendered {
                    return catalog.origin(&environment, manifest, field).cloned();
                }
                let (path, document) = (manifest.path.clone(), manifest.document.index);
                let source = SourceField { path, document, field: manifest.document.in_file(field) };
                let span = manifest.document.span_of(node);
                Some(Origin::Line(Line {
                    span,
                    whole: true,
                    part: None,
                    also: 0,
                    field: Some(source),
                    parts: Vec::new(),
                }))
            };
            let fields = how.fields(manifest).into_iter().map(|(field, value)| FieldOrigin {
                origin: origin(&field, value).unwrap_or_else(|| Origin::Unknown("it was not looked for".into())),
                value: value.to_json(),
                field,
            });
            let fields: Vec<FieldOrigin> = fields.collect();
            // Of what belongs to a workload, and of what was not asked for, there is no line to tell.
            if fields.is_empty() && (options.field.is_some() || WorkloadKind::of(&object).is_none()) {
                continue;
            }
            let (blueprint, path) = (name.clone(), manifest.path.clone());
            let rendered = manifest.rendered;
            workloads.push(WorkloadOrigins { blueprint, workload: object, manifest: path, rendered, fields });
        }
    }
    Ok(Origins { environment, workloads, missing, near })
}

/// The workload and what belongs to it, as far as it is declared.
fn objects<'c>(catalog: &'c Catalog, environment: &Name, name: &Name) -> Vec<(ObjectRef, &'c Manifest)> {
    let Ok(manifest) = declared(catalog, environment, name) else { return Vec::new() };
    let workload = (catalog.blueprints[name].value.object_in(environment), manifest);
    let companions = catalog.companions(environment, name).compared.into_iter();
    [workload].into_iter().chain(companions.map(|companion| (companion.object, companion.manifest))).collect()
}

fn declared<'c>(catalog: &'c Catalog, environment: &Name, name: &Name) -> Result<&'c Manifest, PipelineError> {
    let blueprint = &catalog.blueprints[name].value;
    let (target, object) = (&blueprint.spec.target, blueprint.object_in(environment));
    if !blueprint.is_in(environment) {
        let told = format!("{name} is not in {environment}");
        return Err(PipelineError::told(told, "spec.target.environments names where it is"));
    }
    match catalog.declared(environment, &target.source, &object) {
        Ok(Some(manifest)) => Ok(manifest),
        Ok(None) => Err(PipelineError::told(
            format!("no manifest below {} declares {object} in namespace {}", target.source, object.namespace),
            "`bpctl lint` says more",
        )),
        Err(unclear) => {
            let said = unclear.said().map_or_else(String::new, bpctl_core::render::sink::terminal);
            let hint = if said.is_empty() { "`bpctl lint` says more".to_owned() } else { format!("it says: {said}") };
            Err(PipelineError::told(unclear.to_string(), hint))
        }
    }
}

/// Which fields are meant.
struct How<'a> {
    options: &'a OriginOptions,
    /// No path begins as asked: those in which it is a part are meant.
    loose: bool,
}

impl<'a> How<'a> {
    fn of(options: &'a OriginOptions, objects: &[(ObjectRef, &Manifest)]) -> Self {
        let strict = Self { options, loose: false };
        let found = objects.iter().any(|(_, manifest)| !strict.fields(manifest).is_empty());
        Self { loose: options.field.is_some() && !found, ..strict }
    }

    fn fields<'m>(&self, manifest: &'m Manifest) -> Vec<(FieldPath, &'m Node)> {
        let document = &manifest.document;
        let Some(wanted) = &self.options.field else {
            return if self.options.all { all_fields(document) } else { governed_fields(document) };
        };
        let mut fields = all_fields(document);
        fields.retain(|(field, _)| if self.loose { field.has_part(wanted) } else { field.begins_as(wanted) });
        fields
    }

    /// What may have been meant, where nothing is as asked.
    fn near(&self, objects: &[(ObjectRef, &Manifest)]) -> Option<String> {
        let wanted = self.options.field.as_ref()?;
        if objects.iter().any(|(_, manifest)| !self.fields(manifest).is_empty()) {
            return None;
        }
        let paths = objects.iter().flat_map(|(_, manifest)| all_fields(&manifest.document));
        let paths = paths.flat_map(|(field, _)| field.names());
        let paths: BTreeSet<String> = paths.collect();
        nearest(wanted, &paths.iter().map(String::as_str).collect::<Vec<_>>()).map(ToOwned::to_owned)
    }
}
