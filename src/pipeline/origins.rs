//! Which lines make a workload's fields, as an environment has it (X9).

use std::collections::BTreeSet;

use bpctl_core::blueprint::{Catalog, Manifest};
use bpctl_core::model::{FieldPath, Name, ObjectRef, RepoPath};
use bpctl_core::rendering::{Line, Origin, SourceField, all_fields, governed_fields};
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

/// One workload.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WorkloadOrigins {
    /// Its blueprint.
    pub blueprint: Name,
    /// The workload.
    pub workload: ObjectRef,
    /// The file that declares it, or the folder that it is rendered from.
    pub manifest: RepoPath,
    /// Whether a renderer stands between.
    pub rendered: bool,
    /// Its fields, in the manifest's order.
    pub fields: Vec<FieldOrigin>,
}

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct OriginOptions {
    /// This blueprint only.
    pub blueprint: Option<Name>,
    /// Fields at or below this path only, as plans write it.
    pub field: Option<String>,
    /// Also fields that no blueprint speaks about.
    pub all: bool,
}

/// Looks in the work tree; asks no cluster.
pub async fn origins(
    repository: &Repository,
    named: Option<&str>,
    options: &OriginOptions,
) -> Result<(Name, Vec<WorkloadOrigins>), PipelineError> {
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
    let mut wanted = BTreeSet::new();
    for name in &names {
        let manifest = declared(&tree.catalog, &environment, name)?;
        if manifest.rendered {
            let fields = fields(manifest, options).into_iter();
            wanted.extend(fields.map(|(field, _)| (manifest.path.clone(), manifest.object.clone(), field)));
        }
    }
    let files = tree.files.clone();
    render::trace(&mut tree.catalog, &files, &environment, &wanted, render::ASKED_SEARCH).await;
    let mut all = Vec::with_capacity(names.len());
    for name in names {
        let manifest = declared(&tree.catalog, &environment, &name)?;
        let origin = |field: &FieldPath, node: &bpctl_core::yaml::Node| {
            if manifest.rendered {
                return tree.catalog.origin(&environment, manifest, field).cloned();
            }
            let source =
                SourceField { path: manifest.path.clone(), document: manifest.document.index, field: field.clone() };
            let span = manifest.document.span_of(node);
            Some(Origin::Line(Line { span, whole: true, also: 0, field: Some(source) }))
        };
        let fields = fields(manifest, options).into_iter().map(|(field, value)| FieldOrigin {
            origin: origin(&field, value).unwrap_or_else(|| Origin::Unknown("it was not looked for".into())),
            value: value.to_json(),
            field,
        });
        all.push(WorkloadOrigins {
            workload: tree.catalog.blueprints[&name].value.object_in(&environment),
            manifest: manifest.path.clone(),
            rendered: manifest.rendered,
            fields: fields.collect(),
            blueprint: name,
        });
    }
    Ok((environment, all))
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
        Err(unrendered) => {
            let said = unrendered.because.said.as_ref().map_or_else(String::new, bpctl_core::render::sink::terminal);
            let hint = if said.is_empty() { "`bpctl lint` says more".to_owned() } else { format!("it says: {said}") };
            Err(PipelineError::told(unrendered.to_string(), hint))
        }
    }
}

fn fields<'m>(manifest: &'m Manifest, options: &OriginOptions) -> Vec<(FieldPath, &'m bpctl_core::yaml::Node)> {
    let document = &manifest.document;
    let mut fields =
        if options.all || options.field.is_some() { all_fields(document) } else { governed_fields(document) };
    if let Some(wanted) = &options.field {
        fields.retain(|(field, _)| {
            let path = field.to_string();
            path.strip_prefix(wanted.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        });
    }
    fields
}
