//! In which of a workspace's environments a workload that was found in one of them is, and where each of those has it (P18).

use super::{Beside, DeriveOptions, Found};
use crate::blueprint::Manifest;
use crate::model::{Name, ObjectRef, RepoPath};
use crate::rendering::Rendering;

/// What a blueprint has to say so that it holds in every environment that has the workload.
pub(super) struct Spread {
    /// A folder that holds what declares it in each of them.
    pub source: RepoPath,
    /// These alone have it; `None`: all.
    pub environments: Option<Vec<Name>>,
    /// Where its namespace is another one.
    pub namespaces: Vec<(Name, String)>,
    /// What it governs beside what was found.
    pub covers: Vec<(Name, ObjectRef)>,
    /// What people should know of it.
    pub note: Option<String>,
}

impl Spread {
    /// Looks for the workload in the other environments. One that cannot be rendered there is taken to be there: `lint` says what is wrong.
    pub(super) fn of(
        found: &Found,
        source: RepoPath,
        own: &[&Rendering],
        beside: &[Beside],
        options: &DeriveOptions,
    ) -> Self {
        let mut there: Vec<(&Beside, Option<&RepoPath>, ObjectRef)> = Vec::new();
        let mut without: Vec<&Name> = Vec::new();
        for other in beside {
            let made = other.renderings.iter().find_map(|rendering| {
                let mut all = rendering.outcome.as_ref().ok()?.iter();
                Some((&rendering.root, all.find(|manifest| found.is_named(&manifest.object))?))
            });
            let here = match made {
                Some((root, manifest)) if !manifest.object.namespace.is_empty() => {
                    Some((Some(root), found.object.in_namespace(manifest.object.namespace.as_str())))
                }
                Some((root, _)) => Some((Some(root), found.object.clone())),
                // The same file, as long as nothing there renders what holds it.
                None if !found.rendered && !other.roots.iter().any(|root| root.meets(&source)) => {
                    Some((None, found.object.clone()))
                }
                None if other.renderings.iter().any(|rendering| rendering.outcome.is_err()) => continue,
                None => None,
            };
            match here {
                Some((root, object)) if !other.governed.iter().any(|(governed, _)| *governed == object) => {
                    there.push((other, root, object));
                }
                _ => without.push(&other.environment),
            }
        }
        let roots: Vec<&RepoPath> = there.iter().filter_map(|(_, root, _)| *root).collect();
        let wide = roots.iter().try_fold(source.clone(), |wide, root| wide.common(root));
        let wide = wide.filter(|wide| *wide == source || is_source(wide, found, own, &there));
        let mut note = None;
        if wide.is_none() {
            let (apart, rest) = there.into_iter().partition::<Vec<_>, _>(|(_, root, _)| root.is_some());
            let told = apart
                .iter()
                .filter_map(|(other, root, _)| Some(format!("{} makes it in {}", (*root)?, other.environment)));
            let told = told.collect::<Vec<_>>().join(" and ");
            note = Some(format!(
                "{told}, and no folder holds that and {source} alone: write a second blueprint of {} with `environments` in its target",
                found.object
            ));
            without.extend(apart.iter().map(|(other, ..)| &other.environment));
            there = rest;
        }
        let mut environments: Vec<Name> = there.iter().map(|(other, ..)| other.environment.clone()).collect();
        environments.push(options.environment.clone());
        environments.sort();
        Self {
            source: wide.unwrap_or(source),
            environments: (!without.is_empty()).then_some(environments),
            namespaces: there
                .iter()
                .filter(|(.., object)| object.namespace != found.object.namespace)
                .map(|(other, _, object)| (other.environment.clone(), object.namespace.clone()))
                .collect(),
            covers: there.into_iter().map(|(other, _, object)| (other.environment.clone(), object)).collect(),
            note,
        }
    }
}

/// Whether each environment that has the workload finds it once below this folder.
fn is_source(
    wide: &RepoPath,
    found: &Found,
    own: &[&Rendering],
    there: &[(&Beside, Option<&RepoPath>, ObjectRef)],
) -> bool {
    let once = |renderings: &mut dyn Iterator<Item = &Rendering>, object: &ObjectRef| {
        let below = renderings.filter(|rendering| rendering.root.meets(wide));
        let made = below.filter_map(|rendering| rendering.outcome.as_ref().ok()).flat_map(|all| all.iter());
        made.filter(|made: &&Manifest| object.is_declared_by(&made.object)).count() == 1
    };
    // What stands there as it is would no more be found by itself below a folder of which something is rendered.
    found.rendered
        && once(&mut own.iter().copied(), &found.object)
        && there.iter().all(|(other, root, object)| root.is_some() && once(&mut other.renderings.iter(), object))
}
