//! What a check run shows beside the lines of a pull request (B10, X9).

use super::{Shop, Value};

/// Line, level, title and message of what a head's newest verdict of the app's shows.
fn shown(shop: &Shop, head: &str) -> Vec<(String, u64, String, String)> {
    let verdict = shop.verdict(head);
    let marks = verdict["output"]["annotations"].as_array().cloned().unwrap_or_default();
    let text = |mark: &Value, key: &str| mark[key].as_str().expect("text").to_owned();
    let one = |mark: &Value| {
        assert_eq!(mark["start_line"], mark["end_line"], "{mark}");
        let place = format!("{}:{}", text(mark, "path"), mark["start_line"]);
        (place, mark["start_line"].as_u64().expect("a line"), text(mark, "annotation_level"), text(mark, "message"))
    };
    marks.iter().map(one).collect()
}

/// The number of the first line of a file of a commit that holds this.
fn line_of(shop: &Shop, commit: &str, path: &str, text: &str) -> u64 {
    let file = shop.repo.git(&["show", &format!("{commit}:{path}")]);
    file.lines().position(|line| line.contains(text)).expect("a line") as u64 + 1
}

/// Would miss: a mark on another line than the head's, one for what is simply allowed, a warning that stays after the yes, a check that is written
/// again for its marks' sake.
#[test]
fn x09_what_waits_for_a_person_is_shown_at_its_lines() {
    let shop = Shop::new();
    shop.apply("token-app");
    shop.fetch();
    let waits = shop.pull_of("backend");
    let head = waits["head"]["sha"].as_str().expect("a head").to_owned();
    let replicas = line_of(&shop, &head, "deploy/backend.yaml", "replicas:");
    let marks = shown(&shop, &head);
    let place = format!("deploy/backend.yaml:{replicas}");
    let mark = marks.iter().find(|(at, ..)| *at == place).unwrap_or_else(|| panic!("{place} in {marks:#?}"));
    assert_eq!(mark.2, "warning");
    assert!(mark.3.starts_with("Deployment/backend spec.replicas: 3 → 4\n"), "{marks:#?}");
    assert!(marks.iter().all(|(_, _, level, _)| level == "warning"), "{marks:#?}");
    // What was simply allowed shows nothing.
    let merged = shop.pull_of("frontend");
    assert_eq!(shown(&shop, merged["head"]["sha"].as_str().expect("a head")), []);
    // A pass that finds the same writes no check.
    let runs = || shop.fake.with(|world| world.runs.iter().filter(|run| run["name"] == "bpctl/verdict").count());
    let before = runs();
    shop.apply("token-app");
    assert_eq!(runs(), before);
    // With the yes of the person they tell, and warn no more.
    let number = waits["number"].as_u64().expect("a number");
    shop.fake.with(|world| world.review(number, "reviewer", "APPROVED"));
    shop.apply("token-app");
    let after = shown(&shop, &head);
    assert!(!after.is_empty() && after.iter().all(|(_, _, level, _)| level == "notice"), "{after:#?}");
}

/// Would miss: a forbidden line without its mark, bytes without a meaning that nobody is shown, a credential or an escape sequence of a person's
/// file in a mark, and marks where only a status may be written.
#[test]
fn x09_t10_a_persons_pull_request_is_marked_where_it_may_not_be() {
    let shop = Shop::new();
    shop.repo.git(&["checkout", "-q", "-b", "mine"]);
    shop.repo.replace("deploy/frontend.yaml", "replicas: 2", "replicas: 0");
    shop.repo.replace(
        "deploy/backend.yaml",
        "image: registry.shop.example/backend:2.0.1",
        "image: \"x:1\\e[31m\\u202Ey\"",
    );
    let backend = shop.repo.read("deploy/backend.yaml");
    shop.repo.write("deploy/backend.yaml", &format!("{backend}# a word\n"));
    let head = shop.repo.commit(&[], "mine");
    shop.repo.git(&["checkout", "-q", "main"]);
    let own = shop.fake.with(|world| world.git.display().to_string());
    shop.repo.git(&["push", "-q", &own, "mine"]);
    let number = shop.fake.with(|world| world.open("mine", "Mine", "author"));
    let judge = |token: &str| {
        shop.fake.counted();
        shop.bpctl(token).run(&["judge", &number.to_string(), "--env", "staging", "--post"]).exits(6);
        shop.fake.with(|world| world.log.iter().filter(|(line, _)| line.starts_with("POST /api/v3/repos")).count())
    };
    assert_eq!(judge("token-app"), 1);
    let marks = shown(&shop, &head);
    let at = |path: &str, text: &str| format!("{path}:{}", line_of(&shop, &head, path, text));
    let found =
        |place: &str| marks.iter().find(|(at, ..)| at == place).unwrap_or_else(|| panic!("{place}: {marks:#?}"));
    assert_eq!(marks[0].2, "failure", "the gravest first: {marks:#?}");
    let zero = found(&at("deploy/frontend.yaml", "replicas:"));
    assert!(zero.2 == "failure" && zero.3.contains("spec.replicas: 2 → 0"), "{zero:?}");
    let image = found(&at("deploy/backend.yaml", "image:"));
    assert!(image.3.contains("\\u{1b}[31m\\u{202e}y"), "{image:?}");
    let bytes = found("deploy/backend.yaml:1");
    assert!(bytes.3.contains("bytes differ besides the fields"), "{bytes:?}");
    // A person's token may write a status alone, which has no lines.
    assert_eq!(judge("token-author"), 1);
    let statuses = shop.fake.with(|world| world.statuses.clone());
    assert_eq!(statuses.len(), 1);
    assert!(statuses[0].get("output").is_none() && statuses[0]["context"] == "bpctl/verdict", "{statuses:?}");
}
