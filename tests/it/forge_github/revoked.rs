//! How long GitHub may still merge by itself what bpctl would not let it merge any more (the moment that `docs/THREAT_MODEL.md` leaves).

use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::fake::{CI, strict};
use super::{Shop, told};

/// Would miss: a pass that reads on, writes or sleeps while what it knows to be wrong is armed; a verdict that stays green.
#[test]
fn what_is_armed_is_taken_back_within_a_few_requests_of_the_facts_that_changed() {
    let shop = Shop::new();
    // GitHub holds it back for what only GitHub knows, an open conversation say: a rule that is there for the merge alone. So it is armed.
    shop.fake.with(|world| {
        let mut green = world.meanwhile.take().expect("the CI");
        world.meanwhile = Some(Box::new(move |world, line| {
            green(world, line);
            world.rules.truncate(1);
            if line.ends_with("/merge") {
                world.rules.push(strict(&[("conversation", CI)]));
            }
        }));
    });
    let report = shop.apply("token-app");
    let (number, head) = {
        let pull = shop.pull_of("frontend");
        (pull["number"].clone(), pull["head"]["sha"].as_str().expect("a head").to_owned())
    };
    assert_eq!(shop.fake.with(|world| world.armed.clone()), [format!("PR_{number}")], "{}", told(&report));
    assert_eq!(shop.verdict(&head)["conclusion"], "success");

    // What it was proposed for is not seen any more.
    std::fs::remove_file(shop.repo.path().join("clusters/staging/usage.json")).expect("removed");
    let seen: Arc<Mutex<Vec<(String, bool, Instant)>>> = Arc::default();
    let record = Arc::clone(&seen);
    shop.fake.with(|world| {
        world.meanwhile = Some(Box::new(move |world, line| {
            let armed = !world.armed.is_empty();
            record.lock().expect("no panic").push((line.into(), armed, Instant::now()));
        }));
    });
    let report = shop.apply("token-app");
    assert!(shop.fake.with(|world| world.armed.is_empty()), "{}", told(&report));
    assert_ne!(shop.verdict(&head)["conclusion"], "success");
    let seen = seen.lock().expect("no panic");
    // The request that disarms, the one that revokes, and before both the last that reads what this pull request is judged by.
    let disarms = seen.iter().position(|(_, armed, ..)| !armed).expect("a request after it") - 1;
    let revokes = seen.iter().rposition(|(line, ..)| line.starts_with("POST ") && line.ends_with("/check-runs"));
    let revokes = revokes.expect("a verdict");
    let first = seen.iter().position(|(line, ..)| line.ends_with(&format!("/pulls/{number}"))).expect("it looked");
    let spent = |from: usize, to: usize| seen[to].2.duration_since(seen[from].2).as_millis();
    println!(
        "disarmed {} requests and {} ms, revoked {} requests and {} ms after the look began; {} requests after the pass did",
        disarms - first,
        spent(first, disarms),
        revokes - first,
        spent(first, revokes),
        disarms
    );
    assert!(seen[disarms].0.ends_with("/graphql") && disarms < revokes, "armed while it is not green: {seen:#?}");
    assert!(disarms - first <= 16 && revokes - disarms <= 4, "{first} {disarms} {revokes}: {seen:#?}");
}
