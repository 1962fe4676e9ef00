//! GraphQL of the GitHub for tests.

use serde_json::{Value, json};

use super::{Answer, BOT, World, account, user};

/// What is answered to a query or a mutation by this account.
pub(super) fn answer(body: &Value, world: &mut World, by: &str) -> Answer {
    let (query, variables) = (body["query"].as_str().unwrap_or_default(), &body["variables"]);
    let data = |data: Value| Answer::json(200, &json!({ "data": data }));
    let refused = |kind: &str, message: &str| {
        Answer::json(200, &json!({ "data": null, "errors": [{ "type": kind, "message": message }] }))
    };
    if query.contains("viewer") {
        return data(json!({ "viewer": { "login": by, "databaseId": account(by).0 } }));
    }
    if query.contains("pullRequests(") {
        let open: Vec<&Value> = world.pulls.iter().filter(|pull| pull["state"] == "open").collect();
        let name = |login: &Value| login.as_str().unwrap_or_default().trim_end_matches("[bot]").to_owned();
        let shown: Vec<Value> = open.iter().map(|pull| {
            let queued = world.queued.iter().any(|queued| pull["node_id"] == queued.as_str());
            json!({
                "id": pull["node_id"], "number": pull["number"], "headRefName": pull["head"]["ref"],
                "autoMergeRequest": pull["auto_merge"].as_object().map(|armed| json!({ "enabledBy": { "login": name(&armed["enabled_by"]["login"]) } })),
                "mergeQueueEntry": queued.then(|| json!({ "enqueuer": { "login": name(&json!(BOT)) } }))
            })
        }).collect();
        let page = json!({ "hasNextPage": false, "endCursor": null });
        return data(
            json!({ "repository": { "pullRequests": { "totalCount": shown.len(), "pageInfo": page, "nodes": shown } } }),
        );
    }
    if let Some(number) = variables["number"].as_u64() {
        let head = world.head(number);
        let repository = world.repository();
        let mut walk = repository.revwalk().expect("a walk");
        walk.push(head.parse().expect("an id")).expect("pushed");
        walk.hide(world.tip("main").expect("main").parse().expect("an id")).expect("hidden");
        let commits: Vec<Value> = walk.flatten().map(|id| {
            let commit = repository.find_commit(id).expect("a commit");
            let person = |person: git2::Signature<'_>| {
                let login = person.name().unwrap_or_default().to_owned();
                let known = (account(&login).0 != 99).then(|| json!({ "login": login, "databaseId": account(&login).0 }));
                json!({ "name": login, "email": person.email().unwrap_or_default(), "user": known })
            };
            let authors = json!({ "totalCount": 1, "nodes": [person(commit.author())] });
            json!({ "commit": { "oid": id.to_string(), "authors": authors, "committer": person(commit.committer()) } })
        }).collect();
        let reopened = world.events.iter().filter(|event| event["event"] == "reopened" && event["issue"] == number);
        let reopened: Vec<Value> = reopened.map(|event| json!({ "createdAt": event["created_at"] })).collect();
        let entry = world.queued.contains(&format!("PR_{number}")).then(|| json!({ "enqueuer": { "login": BOT } }));
        return data(json!({ "repository": { "pullRequest": {
            "commits": { "totalCount": commits.len(), "pageInfo": { "hasNextPage": false, "endCursor": null }, "nodes": commits },
            "timelineItems": { "nodes": reopened }, "mergeQueueEntry": entry
        } } }));
    }
    if query.contains("createCommitOnBranch") {
        return commit(&variables["input"], world, by).map_or_else(|why| refused("STALE_DATA", &why), data);
    }
    let pull = variables["pull"].as_str().unwrap_or_default().to_owned();
    let Some(number) = pull.strip_prefix("PR_").and_then(|text| text.parse().ok()) else {
        return refused("NOT_FOUND", "no such node");
    };
    if let Some(head) = variables["head"].as_str()
        && world.head(number) != head
    {
        return refused("UNPROCESSABLE", "Expected head sha didn't match current head ref.");
    }
    if query.contains("enablePullRequestAutoMerge") {
        world.pull(number)["auto_merge"] = json!({ "enabled_by": user(by), "merge_method": "merge" });
        world.armed.push(pull);
    } else if query.contains("disablePullRequestAutoMerge") {
        if world.pull(number)["auto_merge"].is_null() {
            return refused("UNPROCESSABLE", "Can't disable auto-merge for this pull request.");
        }
        world.pull(number)["auto_merge"] = Value::Null;
        world.armed.retain(|armed| *armed != pull);
    } else if query.contains("enqueuePullRequest") {
        world.queued.push(pull);
    } else if query.contains("dequeuePullRequest") {
        world.queued.retain(|queued| *queued != pull);
    }
    data(json!({ "done": { "id": "x" } }))
}

/// A commit on a branch's expected head, as GitHub makes it: by the account that asked, made by GitHub.
fn commit(input: &Value, world: &mut World, by: &str) -> Result<Value, String> {
    let branch = input["branch"]["branchName"].as_str().unwrap_or_default().to_owned();
    let (expected, tip) = (input["expectedHeadOid"].as_str().unwrap_or_default(), world.tip(&branch));
    if tip.as_deref() != Some(expected) {
        return Err(format!("Expected branch to point to \"{expected}\" but it did not."));
    }
    let repository = world.repository();
    let parent = repository.find_commit(expected.parse().expect("an id")).expect("a commit");
    let mut update = git2::build::TreeUpdateBuilder::new();
    for addition in input["fileChanges"]["additions"].as_array().into_iter().flatten() {
        let contents = addition["contents"].as_str().expect("contents");
        let bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, contents).expect("base64");
        let blob = repository.blob(&bytes).expect("a blob");
        update.upsert(addition["path"].as_str().expect("a path"), blob, git2::FileMode::Blob);
    }
    for deletion in input["fileChanges"]["deletions"].as_array().into_iter().flatten() {
        update.remove(deletion["path"].as_str().expect("a path"));
    }
    let tree = update.create_updated(&repository, &parent.tree().expect("a tree")).expect("a tree");
    let tree = repository.find_tree(tree).expect("a tree");
    let time = git2::Time::new(world.now, 0);
    let address = format!("{}+{by}@users.noreply.github.com", account(by).0);
    let author = git2::Signature::new(by, &address, &time).expect("a person");
    let github = git2::Signature::new("GitHub", "noreply@github.com", &time).expect("GitHub");
    let words = |key: &str| input["message"][key].as_str().unwrap_or_default();
    let message = format!("{}\n\n{}", words("headline"), words("body"));
    let made = repository.commit(None, &author, &github, &message, &tree, &[&parent]).expect("a commit").to_string();
    world.set_branch(&branch, &made, by);
    Ok(json!({ "createCommitOnBranch": { "commit": { "oid": made } } }))
}
