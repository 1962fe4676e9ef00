//! Issues of the GitHub for tests, beside its pull requests: one list, one row of numbers.

use serde_json::{Value, json};

use super::{Answer, Request, World, page, user};

/// What is answered to a request about issues; `None`: it is about something else.
pub(super) fn answer(
    request: &Request,
    rest: &[&str],
    body: &Value,
    world: &mut World,
    by: &str,
    base: &str,
) -> Option<Answer> {
    let wanted = |key: &str| request.query.get(key).map(String::as_str);
    match (request.method.as_str(), rest) {
        ("GET", ["issues"]) => {
            let pulls = world.pulls.iter().map(|pull| {
                let mut issue = pull.clone();
                issue["pull_request"] = json!({ "url": "https://api.test" });
                issue
            });
            let all = world.issues.iter().cloned().chain(pulls);
            let found = all.filter(|issue| {
                let labels = issue["labels"].as_array().cloned().unwrap_or_default();
                let label = wanted("labels").is_none_or(|label| labels.iter().any(|one| one["name"] == label));
                let state = wanted("state").unwrap_or("open");
                let since =
                    wanted("since").is_none_or(|since| issue["updated_at"].as_str().is_some_and(|at| at >= since));
                label && since && (state == "all" || issue["state"] == state)
            });
            let mut found: Vec<Value> = found.collect();
            found.sort_by_key(|issue| std::cmp::Reverse(issue["number"].as_u64()));
            Some(page(&found, request, base))
        }
        ("POST", ["issues"]) => {
            let number = 1_000 + world.issues.len();
            let labels: Vec<Value> =
                body["labels"].as_array().into_iter().flatten().map(|name| json!({ "name": name })).collect();
            let issue = json!({
                "number": number, "title": body["title"], "body": body["body"], "labels": labels, "user": user(by),
                "state": "open", "created_at": world.time(), "updated_at": world.time()
            });
            world.issues.push(issue.clone());
            Some(Answer::json(201, &issue))
        }
        ("GET" | "PATCH", ["issues", one]) => {
            let time = world.time();
            let number: u64 = one.parse().ok()?;
            let issue = world.issues.iter_mut().find(|issue| issue["number"] == number)?;
            for key in ["title", "body", "state"] {
                if let Some(value) = body.get(key).filter(|_| request.method == "PATCH") {
                    issue[key] = value.clone();
                    issue["updated_at"] = time.clone().into();
                }
            }
            Some(Answer::json(200, &issue.clone()))
        }
        _ => None,
    }
}
