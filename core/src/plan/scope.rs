//! A part of the blueprints, for a plan that is about those only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blueprint::WORKSPACE_FILE;
use crate::blueprint::{Blueprint, Catalog, Located};
use crate::model::{Name, NameError, RepoPath, glob};
use crate::yaml::Node;

/// What part of the blueprints a plan is about. A plan without one is about all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Scope {
    /// What was asked for, as it was written: `--target frontend`.
    pub asked: Vec<String>,
    /// How many blueprints there are in all.
    pub of: usize,
}

/// Names of blueprints, with `*` for any part of one: `frontend`, `cart-*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target(String);

impl std::str::FromStr for Target {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // What is a name wherever a letter stands for the rest.
        Name::new(text.replace('*', "x")).map(|_| Self(text.into()))
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl Target {
    /// Whether it is a blueprint's name, or a pattern of it.
    pub fn matches(&self, name: &Name) -> bool {
        glob(&self.0, name.as_str())
    }
}

/// Labels that a workload's manifest has to have, as `kubectl -l` writes them: `app=web,tier!=db,team,app in (web,api)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    text: String,
    terms: Vec<Term>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Term {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Has(String),
    HasNot(String),
}

/// A selector that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no label selector: write `app=web,tier!=db,team,!canary` or `app in (web,api),tier notin (db)`")]
pub struct SelectorError(String);

/// As Kubernetes limits names of labels with their prefix, and longer than any of their values.
const LONGEST: usize = 317;

impl std::str::FromStr for Selector {
    type Err = SelectorError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || SelectorError(text.chars().take(80).collect());
        let word = |part: &str| {
            let part = part.trim();
            let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
            (part.len() <= LONGEST && part.chars().all(good)).then(|| part.to_owned()).ok_or_else(wrong)
        };
        let key = |part: &str| word(part).and_then(|word| if word.is_empty() { Err(wrong()) } else { Ok(word) });
        // `app in (web,api)`: the word and its values.
        let set = |rest: &str| {
            let (operator, values) = rest.trim().strip_suffix(')')?.split_once('(')?;
            Some((operator.trim().to_owned(), values.split(',').map(word).collect::<Result<Vec<_>, _>>()))
        };
        let terms = terms(text).into_iter().map(|term| {
            if let Some((name, (operator, values))) =
                term.trim().split_once(char::is_whitespace).and_then(|(name, rest)| Some((name, set(rest)?)))
            {
                match operator.as_str() {
                    "in" => Ok(Term::In(key(name)?, values?)),
                    "notin" => Ok(Term::NotIn(key(name)?, values?)),
                    _ => Err(wrong()),
                }
            } else if let Some((name, value)) = term.split_once("!=") {
                Ok(Term::NotIn(key(name)?, vec![word(value)?]))
            } else if let Some((name, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
                Ok(Term::In(key(name)?, vec![word(value)?]))
            } else if let Some(name) = term.trim().strip_prefix('!') {
                Ok(Term::HasNot(key(name)?))
            } else {
                Ok(Term::Has(key(term)?))
            }
        });
        Ok(Self { text: text.into(), terms: terms.collect::<Result<_, _>>()? })
    }
}

/// The terms: commas between parentheses are between values.
fn terms(text: &str) -> Vec<&str> {
    let mut inside = false;
    text.split(|c| {
        inside = match c {
            '(' => true,
            ')' => false,
            _ => inside,
        };
        c == ',' && !inside
    })
    .collect()
}

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

impl Selector {
    /// Whether the workload's manifest has these labels. What no manifest declares is not selected; what may be is, so that nobody takes
    /// it for seen.
    pub fn selects(&self, catalog: &Catalog, environment: &Name, blueprint: &Located<Blueprint>) -> bool {
        let target = &blueprint.value.spec.target;
        let object = blueprint.value.object_in(environment);
        let manifest = match catalog.declared(environment, &target.source, &object) {
            Ok(Some(manifest)) => manifest,
            Ok(None) => return false,
            Err(_) => return true,
        };
        let label = |name: &str| {
            let labels = manifest.document.root.at(&["metadata", "labels"])?;
            labels.get(name).and_then(Node::as_str)
        };
        self.terms.iter().all(|term| match term {
            Term::In(name, values) => label(name).is_some_and(|label| values.iter().any(|value| value == label)),
            // As kubectl has it: who lacks the label is not in the set either.
            Term::NotIn(name, values) => label(name).is_none_or(|label| values.iter().all(|value| value != label)),
            Term::Has(name) => label(name).is_some(),
            Term::HasNot(name) => label(name).is_none(),
        })
    }
}

/// Whether a change of this file may change what is planned of a blueprint (R6): its own file, what lies below its source, what a rendering
/// reads that its source meets or that makes its workload, and the workspace, which says what is rendered and from where.
pub fn touches(catalog: &Catalog, environment: &Name, blueprint: &Located<Blueprint>, path: &RepoPath) -> bool {
    let source = &blueprint.value.spec.target.source;
    if *path == blueprint.path || path.is_within(source) || path.as_str() == WORKSPACE_FILE {
        return true;
    }
    let object = blueprint.value.object_in(environment);
    let makes = |root: &RepoPath| {
        let mut made = catalog.renderings(environment).iter().filter(|rendering| rendering.root == *root);
        // What could not be rendered may make any workload.
        made.any(|rendering| match &rendering.outcome {
            Ok(objects) => objects.iter().any(|manifest| manifest.object == object),
            Err(_) => true,
        })
    };
    catalog.roots_reading(path).into_iter().any(|root| root.meets(source) || makes(root))
}

/// One of several runs that share the work: `2/5`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which, from 1.
    pub index: u32,
    /// Of how many.
    pub of: u32,
}

/// A shard that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no shard: write one of 1/N to N/N, for example 2/5")]
pub struct ShardError(String);

impl std::str::FromStr for Shard {
    type Err = ShardError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ShardError(text.chars().take(80).collect());
        let (index, of) = text.split_once('/').ok_or_else(wrong)?;
        let shard = Self { index: index.parse().map_err(|_| wrong())?, of: of.parse().map_err(|_| wrong())? };
        if (1..=shard.of).contains(&shard.index) { Ok(shard) } else { Err(wrong()) }
    }
}

impl std::fmt::Display for Shard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

impl Shard {
    /// Whether the blueprint at this place, of all in the order of their names, belongs to this shard: so that shards of one commit are as
    /// even as can be.
    pub fn holds(self, position: usize) -> bool {
        u64::try_from(position).is_ok_and(|position| position % u64::from(self.of) == u64::from(self.index - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Blob, File, Files};

    /// Would miss: a base, a component or `bpctl.yaml` that a change edits, and a plan of the changed parts that says "nothing to do".
    #[test]
    fn r06_what_a_rendering_reads_touches_the_blueprint() {
        let blueprint = "apiVersion: bpctl.dev/v1\nkind: Blueprint\nmetadata: {name: web, version: 1.0.0, owner: team}\nspec:\n  \
             target: {workload: Deployment/web, namespace: shop, source: overlays}\n";
        let entries = [
            (
                "bpctl.yaml",
                "apiVersion: bpctl.dev/v1\nkind: Workspace\nenvironments:\n  staging: {tier: staging, cluster: {context: lab}, \
                 delivery: gitops, render: [{kustomize: overlays/staging}]}\n",
            ),
            ("blueprints/web.yaml", blueprint),
            ("overlays/staging/kustomization.yaml", "resources: [../../base]\ncomponents: [../../components/debug]\n"),
            ("base/kustomization.yaml", "resources: [web.yaml]\n"),
            ("base/web.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {replicas: 2}\n"),
            ("components/debug/kustomization.yaml", "kind: Component\n"),
        ];
        let path = |text: &str| RepoPath::new(text).expect("a path");
        let file = |text: &str| File::Blob(Blob { id: text.len().to_string(), bytes: text.as_bytes().into() });
        let files = Files(entries.into_iter().map(|(at, text)| (path(at), file(text))).collect());
        let catalog = Catalog::load(&files).expect("a catalog");
        assert!(catalog.diagnostics.is_empty(), "{:?}", catalog.diagnostics);
        let staging = Name::new("staging").expect("a name");
        let web = catalog.blueprints.values().next().expect("a blueprint");
        for (changed, is) in [
            ("base/web.yaml", true),
            ("base/kustomization.yaml", true),
            ("components/debug/kustomization.yaml", true),
            ("overlays/staging/kustomization.yaml", true),
            ("bpctl.yaml", true),
            ("blueprints/web.yaml", true),
            ("blueprints/other.yaml", false),
            ("base/unlisted.yaml", false),
            ("README.md", false),
        ] {
            assert_eq!(touches(&catalog, &staging, web, &path(changed)), is, "{changed}");
        }
    }

    #[test]
    fn every_blueprint_is_in_one_shard() {
        let shards: Vec<Shard> = ["1/3", "2/3", "3/3"].map(|text| text.parse().expect("a shard")).into();
        let mut sizes = [0; 3];
        for position in 0..5 {
            let mine: Vec<usize> = (0..3).filter(|at| shards[*at].holds(position)).collect();
            assert_eq!(mine.len(), 1, "{position}");
            sizes[mine[0]] += 1;
        }
        assert_eq!(sizes, [2, 2, 1], "few are spread as evenly as many");
        for bad in ["0/3", "4/3", "3", "1/0", "a/b", "-1/2", ""] {
            assert!(bad.parse::<Shard>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_target_is_a_name_or_a_pattern_of_one() {
        let matches = |target: &str, name: &str| {
            target.parse::<Target>().expect("a target").matches(&Name::new(name).expect("a name"))
        };
        for (target, name, is) in [
            ("cart", "cart", true),
            ("cart", "cart-api", false),
            ("*", "cart", true),
            ("cart-*", "cart-api", true),
            ("cart-*", "cart", false),
            ("*-api", "cart-api", true),
            ("*-api", "cart-api-2", false),
            ("c*t-*i", "cart-api", true),
            ("a*a", "a", false),
            ("a*b*c*d", "axbxcxd", true),
            ("a*c*b*d", "axbxcxd", false),
        ] {
            assert_eq!(matches(target, name), is, "{target} {name}");
        }
        for bad in ["", "--x", "Cart", "cart?", "../*", "a b*"] {
            assert!(bad.parse::<Target>().is_err(), "{bad}");
        }
    }

    #[test]
    fn selectors_are_read_as_kubectl_reads_them_and_hostile_ones_refused() {
        for good in [
            "app=web",
            "app==web",
            "app = web , tier != db",
            "team",
            "!canary",
            "app.kubernetes.io/name=x",
            "a=",
            "app in (web, api),tier notin(db)",
        ] {
            assert!(good.parse::<Selector>().is_ok(), "{good}");
        }
        let long = "a".repeat(400);
        for bad in [
            "",
            "=",
            "app=web,",
            "a=b=c",
            "app=(a|b)*",
            "app in web",
            "app within (web)",
            "in (web)",
            "app in (web",
            "app in (we(b)",
            "app=\u{1b}[2J",
            "!",
            long.as_str(),
        ] {
            assert!(bad.parse::<Selector>().is_err(), "{bad}");
        }
    }
}
