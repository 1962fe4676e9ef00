//! Adoption of what the cluster has into Git (X8): what somebody asked for, and which pull requests propose it.

use std::collections::BTreeMap;
use std::str::FromStr;

use bpctl_core::action::Action;
use bpctl_core::blueprint::{Catalog, Delivery, Tier};
use bpctl_core::model::{Name, ObjectRef};
use bpctl_core::observe::{FactKey, FactValue, Known, Observation, OpenAdoption, UnknownCode};
use bpctl_core::plan::Plan;
use bpctl_core::yaml::nearest;

use super::observe::forge_unknown;
use super::{PipelineError, history};
use crate::forge::{BranchName, Forge, PullFilter, PullSummary};
use crate::git::Repository;

/// What somebody wants to keep: `frontend`, or one field of it, `frontend:LOG_LEVEL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdoptRequest {
    /// The blueprint.
    pub blueprint: Name,
    /// The field, as plans or `bpctl where` write it, or a part of it; `None`: all that differ.
    pub field: Option<String>,
}

impl FromStr for AdoptRequest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, field) = text.split_once(':').map_or((text, None), |(name, field)| (name, Some(field)));
        let blueprint = Name::new(name).map_err(|error| error.to_string())?;
        match field {
            Some("") => Err("there is no field behind the colon".into()),
            field => Ok(Self { blueprint, field: field.map(ToOwned::to_owned) }),
        }
    }
}

impl std::fmt::Display for AdoptRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.field {
            Some(field) => write!(f, "{}:{field}", self.blueprint),
            None => write!(f, "{}", self.blueprint),
        }
    }
}

/// Adds to an observation what was asked for: it decides as any fact does, and stands in the evidence.
pub(super) fn ask(observation: &mut Observation, requests: &[AdoptRequest]) {
    let mut asked: BTreeMap<&Name, Vec<&AdoptRequest>> = BTreeMap::new();
    for request in requests {
        asked.entry(&request.blueprint).or_default().push(request);
    }
    for (name, requests) in asked {
        let fields: Option<Vec<String>> = requests.iter().map(|request| request.field.clone()).collect();
        observation.add(FactKey::Asked(name.clone()), "arguments", FactValue::Asked(fields.unwrap_or_default()));
    }
}

/// Refuses what no blueprint is called.
pub(super) fn is_known(catalog: &Catalog, environment: &Name, requests: &[AdoptRequest]) -> Result<(), PipelineError> {
    for AdoptRequest { blueprint: name, .. } in requests {
        let Some(blueprint) = catalog.blueprints.get(name) else {
            let names: Vec<&str> = catalog.blueprints.keys().map(Name::as_str).collect();
            let hint = nearest(name.as_str(), &names).map_or_else(
                || format!("it has: {}", names.iter().take(20).copied().collect::<Vec<_>>().join(", ")),
                |near| format!("did you mean `{near}`?"),
            );
            return Err(PipelineError::told(format!("there is no blueprint {name}"), hint));
        };
        if !blueprint.value.is_in(environment) {
            let hint = "spec.target.environments names where it is";
            return Err(PipelineError::told(format!("{name} is not in {environment}"), hint));
        }
    }
    Ok(())
}

/// Refuses where something that was asked for is not planned: nothing of the blueprint is adopted then.
pub(super) fn is_planned(plan: &Plan, requests: &[AdoptRequest]) -> Result<(), PipelineError> {
    for AdoptRequest { blueprint: name, .. } in requests {
        let Some(part) = plan.blueprints.iter().find(|part| part.name == *name) else {
            let told = format!("nothing of {name} is adopted: it is not among the blueprints that are planned");
            return Err(PipelineError::told(told, "name it as a target too"));
        };
        if part.items.iter().any(|item| matches!(item.action, Action::Adopt(_))) {
            continue;
        }
        let because: Vec<&str> =
            part.not_proposed.iter().filter(|why| why.what == "adopt").map(|why| why.because.as_str()).collect();
        let told = format!("nothing of {name} is adopted: {}", because.join("; "));
        return Err(PipelineError::told(
            told,
            format!("bpctl plan --env {} shows what differs, and who wrote it", plan.environment),
        ));
    }
    Ok(())
}

/// The same, and refuses what nobody may do: a pass that somebody started to adopt does not bring back what they wanted to keep.
pub(super) fn is_permitted(plan: &Plan, requests: &[AdoptRequest]) -> Result<(), PipelineError> {
    is_planned(plan, requests)?;
    let forbidden =
        plan.items().find(|item| matches!(item.action, Action::Adopt(_)) && item.verdict.tier == Tier::Forbidden);
    let Some(item) = forbidden else { return Ok(()) };
    let rule = item.verdict.principal().map_or_else(String::new, |rule| format!(" by {}: {}", rule.cite, rule.because));
    let told = format!("nothing of {} is adopted: it is forbidden{rule}", item.action.blueprint());
    let instead = item.verdict.alternative.clone().unwrap_or_else(|| "let it be brought back".into());
    Err(PipelineError::told(told, format!("instead: {instead}")))
}

/// The open adoptions of this environment, by blueprint: what they are about is not brought back. Only asked where bpctl delivers.
pub(super) async fn open(
    environment: &Name,
    delivery: Delivery,
    catalogs: &[&Catalog],
    repository: &Repository,
    forge: &dyn Forge,
) -> Known<BTreeMap<Name, Vec<OpenAdoption>>> {
    let mut all: BTreeMap<Name, Vec<OpenAdoption>> = BTreeMap::new();
    if delivery != Delivery::Direct {
        return Known::Known(all);
    }
    let (pulls, me) = match (forge.pulls(PullFilter::Open).await, forge.identity().await) {
        (Ok(pulls), Ok(me)) => (pulls, me),
        (Err(error), _) | (_, Err(error)) => return Known::Unknown(forge_unknown(&error)),
    };
    for pull in pulls.iter().filter(|pull| pull.author.id == me.id) {
        let named = pull.head_branch.as_deref().and_then(|branch| BranchName::parse_proposal(environment, branch));
        let Some((name, _)) = named.filter(|(_, operation)| operation == "adopt") else { continue };
        let objects = match objects(environment, catalogs, &name, repository, pull).await {
            Ok(objects) => objects,
            Err(error) => return Known::unknown(UnknownCode::Incomplete, error.to_string()),
        };
        all.entry(name).or_default().push(OpenAdoption { pull: pull.number, opened_at: pull.opened_at, objects });
    }
    Known::Known(all)
}

/// The objects that an adoption changes; `None`: not known, because somebody else's commits are on its branch, or it cannot be read.
async fn objects(
    environment: &Name,
    catalogs: &[&Catalog],
    name: &Name,
    repository: &Repository,
    pull: &PullSummary,
) -> Result<Option<Vec<ObjectRef>>, PipelineError> {
    let info = repository.commit_info(&pull.head)?;
    let found = catalogs.iter().find_map(|catalog| Some((catalog, catalog.blueprints.get(name)?)));
    let Some((catalog, blueprint)) =
        found.filter(|_| info.parents.len() == 1 && super::ledger::is_own(&info.author.email))
    else {
        return Ok(None);
    };
    let source = &blueprint.value.spec.target.source;
    let companions = catalog.companions(environment, name).compared.into_iter().map(|companion| companion.object);
    let mut touched = Vec::new();
    for object in [blueprint.value.object_in(environment)].into_iter().chain(companions) {
        let sought = history::Sought::alone(object.clone(), source.clone());
        match history::changed(repository, catalogs, environment, &sought, &pull.head).await {
            None => return Ok(None),
            Some(landed) if landed.changes.is_empty() => {}
            Some(_) => touched.push(object),
        }
    }
    Ok((!touched.is_empty()).then_some(touched))
}
