//! The edit of a blueprint that lets an operation go without approval (X12): one word from one list to another, and the version that such a
//! change needs. What was meant is compared with what the edited file says, field by field.

use std::ops::Range;

use crate::blueprint::lint::version_bumps;
use crate::blueprint::{Blueprint, Catalog, Located, Operation};
use crate::model::{Blob, FieldPath, File, Files};
use crate::yaml::{self, Edit, Node, Scalar};

/// A blueprint's file with these operations allowed, and its new version.
///
/// # Errors
/// Why a person has to edit it, in one sentence.
pub fn widened(
    before: &Catalog,
    blueprint: &Located<Blueprint>,
    files: &Files,
    operations: &[Operation],
) -> Result<(Vec<u8>, String), String> {
    let by_hand = |why: &str| format!("{}: {why}; a person edits it", blueprint.path);
    let source = &blueprint.document.source().text;
    let mut splices = Vec::new();
    for operation in operations {
        splices.extend(splice(source, blueprint, *operation).map_err(|why| by_hand(&why))?);
    }
    splices.sort_by_key(|(range, _)| std::cmp::Reverse((range.start, range.end)));
    let mut text = source.to_string();
    for (range, new) in splices {
        text.replace_range(range, &new);
    }
    let after = reread(files, blueprint, text.as_bytes()).map_err(|why| by_hand(&why))?;
    let mut meant = blueprint.value.clone();
    if let Some(authority) = &mut meant.governance.agent_authority {
        authority.requires_approval.retain(|listed| !operations.contains(listed));
        authority.allowed_operations.extend(operations);
    }
    let name = &blueprint.value.metadata.name;
    if after.blueprints.get(name).map(|edited| &edited.value) != Some(&meant) {
        return Err(by_hand("its lists are not written so that one word can be moved"));
    }
    let bump = version_bumps(before, &after).into_iter().find_map(|needed| needed.fix);
    let version = bump.ok_or_else(|| by_hand("which version it needs is not known"))?;
    let edit = Edit {
        document: blueprint.document.index,
        path: FieldPath::keys(["metadata", "version"]),
        from: Some(Scalar::String(blueprint.value.metadata.version.to_string())),
        to: Some(Scalar::String(version.clone())),
    };
    let bytes =
        yaml::apply(blueprint.path.as_str(), text.as_bytes(), &[edit]).map_err(|why| by_hand(&why.to_string()))?;
    let whole = reread(files, blueprint, &bytes).map_err(|why| by_hand(&why))?;
    match version_bumps(before, &whole).first() {
        None => Ok((bytes, version)),
        Some(lacking) => Err(by_hand(&lacking.message)),
    }
}

fn reread(files: &Files, blueprint: &Located<Blueprint>, bytes: &[u8]) -> Result<Catalog, String> {
    let mut files = files.clone();
    files.0.insert(blueprint.path.clone(), File::Blob(Blob { id: String::new(), bytes: bytes.into() }));
    let catalog = Catalog::load(&files).map_err(|problem| problem.message)?;
    match catalog.diagnostics.first() {
        None => Ok(catalog),
        Some(problem) => Err(problem.message.clone()),
    }
}

/// The word out of the one list, where it stands there, and into the other.
fn splice(
    text: &str,
    blueprint: &Located<Blueprint>,
    operation: Operation,
) -> Result<Vec<(Range<usize>, String)>, String> {
    let list = |key: &str| blueprint.document.root.at(&["governance", "agent_authority", key]);
    let word = operation.name();
    let mut splices = Vec::new();
    if let Some(asked) = list("requires_approval")
        && let Some(position) = asked.items().iter().position(|item| item.as_str() == Some(word))
    {
        splices.push((out_of(text, asked, position)?, String::new()));
    }
    let allowed = list("allowed_operations").ok_or("it has no list allowed_operations")?;
    splices.push(into(text, allowed, word));
    Ok(splices)
}

fn is_flow(text: &str, list: &Node) -> bool {
    text.as_bytes().get(list.range().start) == Some(&b'[')
}

fn out_of(text: &str, list: &Node, position: usize) -> Result<Range<usize>, String> {
    let ranges: Vec<Range<usize>> = list.items().iter().map(Node::range).collect();
    let own = ranges[position].clone();
    if is_flow(text, list) {
        let next = ranges.get(position + 1).map(|next| own.start..next.start);
        let last = position.checked_sub(1).map(|before| ranges[before].end..own.end);
        return Ok(next.or(last).unwrap_or(own));
    }
    if ranges.len() == 1 {
        return Err("nothing would be left of requires_approval".into());
    }
    let start = text[..own.start].rfind('\n').map_or(0, |newline| newline + 1);
    let stop = text[own.end..].find('\n').map_or(text.len(), |newline| own.end + newline + 1);
    Ok(start..stop)
}

fn into(text: &str, list: &Node, word: &str) -> (Range<usize>, String) {
    let Some(last) = list.items().last().map(Node::range) else {
        let inside = list.range().start + 1;
        return (inside..inside, word.to_owned());
    };
    if is_flow(text, list) {
        return (last.end..last.end, format!(", {word}"));
    }
    let start = text[..last.start].rfind('\n').map_or(0, |newline| newline + 1);
    let stop = text[last.end..].find('\n').map_or(text.len(), |newline| last.end + newline);
    (stop..stop, format!("\n{}{word}", &text[start..last.start]))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::model::{Digest, RepoPath};

    const HEAD: &str = "apiVersion: bpctl.dev/v1\nkind: Blueprint\nmetadata: {name: web, version: 1.4.0, owner: team}   # ours\n\
        spec:\n  target: {workload: Deployment/web, namespace: shop, source: deploy/web.yaml}\ngovernance:\n  agent_authority:\n";

    fn world(authority: &str) -> Files {
        let workspace = "apiVersion: bpctl.dev/v1\nkind: Workspace\nenvironments:\n  staging: {tier: staging, cluster: {context: lab}}\n";
        let blob = |text: &str| {
            File::Blob(Blob { id: Digest::of_bytes(text.as_bytes()).to_string(), bytes: text.as_bytes().into() })
        };
        let path = |text: &str| RepoPath::new(text).expect("a path");
        Files(
            [(path("bpctl.yaml"), blob(workspace)), (path("blueprints/web.yaml"), blob(&format!("{HEAD}{authority}")))]
                .into(),
        )
    }

    fn widen(authority: &str) -> Result<String, String> {
        let files = world(authority);
        let catalog = Catalog::load(&files).expect("a catalog");
        let blueprint = catalog.blueprints.values().next().expect("a blueprint");
        let (bytes, version) = widened(&catalog, blueprint, &files, &[Operation::Scale])?;
        let text = String::from_utf8(bytes).expect("UTF-8");
        assert_eq!(version, "2.0.0");
        let rest = text.strip_prefix(&HEAD.replace("1.4.0", "2.0.0")).expect("only the version differs there");
        Ok(rest.to_owned())
    }

    /// Would miss: a word that is not moved, a comment that goes with it, and a version that `lint --base` refuses.
    #[rstest]
    #[case(
        "    allowed_operations: [reconcile]\n    requires_approval: [scale, rollback]   # for now\n",
        "    allowed_operations: [reconcile, scale]\n    requires_approval: [rollback]   # for now\n"
    )]
    #[case(
        "    allowed_operations: []\n    requires_approval: [rollback, scale]\n",
        "    allowed_operations: [scale]\n    requires_approval: [rollback]\n"
    )]
    #[case(
        "    requires_approval:\n      - rollback   # never\n      - scale\n    allowed_operations:\n      - reconcile   # always\n",
        "    requires_approval:\n      - rollback   # never\n    allowed_operations:\n      - reconcile   # always\n      - scale\n"
    )]
    #[case("    allowed_operations: [reconcile]\n", "    allowed_operations: [reconcile, scale]\n")]
    fn x12_one_word_is_moved_and_the_version_rises(#[case] before: &str, #[case] after: &str) {
        assert_eq!(widen(before).expect(before), after);
    }

    #[rstest]
    #[case::no_list("    requires_approval: [scale]\n")]
    #[case::the_only_one("    allowed_operations: [reconcile]\n    requires_approval:\n      - scale\n")]
    #[case::behind_an_anchor(
        "    allowed_operations: &all [reconcile]\n    requires_approval: [scale]\n    forbidden_operations: *all\n"
    )]
    fn x12_what_cannot_be_moved_is_a_persons(#[case] before: &str) {
        assert!(widen(before).is_err());
    }
}
