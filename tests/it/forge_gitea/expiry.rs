//! Proposals that nobody approves in time, on the server and by its clock (B10, Z15).

use serde_json::json;

use super::server::{ADMIN, REVIEWER, Shop, told};

/// Would miss: a late approval that the server itself counts, a close without a word, and one that is taken for a person's no.
#[test]
fn z15_an_approval_of_the_61st_minute_is_late_on_the_server_too() {
    // As long as a slow machine takes from the close to the next look at the clock: what is done by then is proposed again at once.
    let shop = Shop::changed(|repo| {
        repo.replace("blueprints/backend/blueprint.yaml", "timeout: 1h", "timeout: 15s");
    });
    shop.apply();
    let number = shop.open_of("backend");
    std::thread::sleep(std::time::Duration::from_secs(17));
    shop.approve(REVIEWER, number);
    let refusals = shop.refusals(number);
    assert!(refusals.iter().any(|line| line.contains("and was asked for until")), "{refusals:?}");
    let lines = told(&shop.apply());
    assert!(lines.iter().any(|line| line.ends_with("no approval within 15s")), "{lines:?}");
    assert!(
        lines
            .iter()
            .any(|line| line.contains(&format!("nobody approved #{number} within 15s; it is proposed again at"))),
        "{lines:?}"
    );
    let pull = shop.pull(number);
    assert_eq!((pull["state"].as_str(), pull["merged"].as_bool()), (Some("closed"), Some(false)), "{pull}");
    let comments = shop.api(ADMIN, "GET", &format!("/issues/{number}/comments"), json!(null), 200);
    let said: Vec<&str> = comments.as_array().expect("a list").iter().filter_map(|one| one["body"].as_str()).collect();
    let closings = said.iter().filter(|body| body.starts_with("Closed by bpctl: no approval within 15s.")).count();
    assert_eq!(closings, 1, "{said:?}");
    // It comes back, as another one.
    std::thread::sleep(std::time::Duration::from_secs(16));
    shop.apply();
    assert_ne!(shop.open_of("backend"), number);
}
