//! How long GitHub may still merge by itself what bpctl would not let it merge any more (the moment that `docs/THREAT_MODEL.md` leaves).

use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::fake::{self, CI, strict};
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
    assert!(disarms - first <= 14 && revokes - disarms <= 6, "{first} {disarms} {revokes}: {seen:#?}");
}

/// One way to lose a permit: what happens, how it ends, and whether it is the server's answer that fails, so that the pass does.
struct Loss {
    name: &'static str,
    happens: fn(&Shop, u64),
    ends: fn(&Shop, u64),
    stops: bool,
}

const LOSSES: [Loss; 6] = [
    Loss {
        name: "the approval is dismissed",
        happens: |shop, number| {
            shop.fake.with(|world| world.reviews.get_mut(&number).expect("one")[0]["state"] = "DISMISSED".into())
        },
        ends: |shop, number| {
            shop.fake.with(|world| world.reviews.get_mut(&number).expect("one")[0]["state"] = "APPROVED".into())
        },
        stops: false,
    },
    Loss {
        name: "who approved it asks for changes",
        happens: |shop, number| shop.fake.with(|world| world.review(number, "reviewer", "CHANGES_REQUESTED")),
        ends: |shop, number| shop.fake.with(|world| world.review(number, "reviewer", "APPROVED")),
        stops: false,
    },
    Loss {
        name: "it is made a draft",
        happens: |shop, number| shop.fake.with(|world| world.pull(number)["draft"] = true.into()),
        ends: |shop, number| shop.fake.with(|world| world.pull(number)["draft"] = false.into()),
        stops: false,
    },
    Loss {
        name: "it is sent to another branch, where no list of proposals has it",
        happens: |shop, number| shop.fake.with(|world| world.pull(number)["base"]["ref"] = "other".into()),
        ends: |shop, number| shop.fake.with(|world| world.pull(number)["base"]["ref"] = "main".into()),
        stops: true,
    },
    Loss {
        name: "it cannot be read",
        happens: |shop, number| {
            let path = format!("/pulls/{number}");
            let fails = move |line: &str| line.ends_with(&path).then(|| fake::Answer(500, String::new(), Vec::new()));
            shop.fake.with(|world| world.fault = Some(Box::new(fails)));
        },
        ends: |shop, _| shop.fake.with(|world| world.fault = None),
        stops: true,
    },
    Loss {
        name: "a required check is red",
        happens: |shop, number| {
            shop.fake.with(|world| {
                let head = world.head(number);
                world.check(&head, "ci", "failure", CI);
            })
        },
        ends: |shop, number| {
            shop.fake.with(|world| {
                let head = world.head(number);
                world.check(&head, "ci", "success", CI);
            })
        },
        stops: false,
    },
];

/// Would miss: a way to lose a permit after which GitHub is left to merge all the same. Whatever ends a pass or keeps a pull request from being
/// judged is one.
#[test]
fn r06_whatever_takes_the_permit_takes_it_from_github_too() {
    let shop = Shop::new();
    shop.fake.with(|world| world.conversation = true);
    let pass = || shop.bpctl("token-app").run(&["apply", "--env", "staging"]);
    pass().exits(0);
    let number = shop.pull_of("backend")["number"].as_u64().expect("a number");
    shop.fake.with(|world| world.review(number, "reviewer", "APPROVED"));
    let armed = || shop.fake.with(|world| !world.pull(number)["auto_merge"].is_null());
    pass().exits(0);
    assert!(armed(), "approved, and GitHub holds it");
    for Loss { name, happens, ends, stops } in LOSSES {
        happens(&shop, number);
        let ran = pass();
        assert!(stops || ran.code == Some(0), "{name}: {}", ran.stderr);
        assert!(!armed(), "{name}: {}\n{}", ran.stdout, ran.stderr);
        ends(&shop, number);
        let ran = pass();
        assert!(armed(), "{name}, and it is over: {}\n{}", ran.stdout, ran.stderr);
    }

    // A freeze that the base branch gets: after it, nothing is permitted, whatever the check of the change said before.
    let on_base = |file: &str, text: &str| {
        shop.fetch();
        shop.repo.git(&["checkout", "-q", "--force", "-B", "next", "origin/main"]);
        shop.repo.commit(&[(file, text)], "by a person");
        let own = shop.fake.with(|world| world.git.display().to_string());
        shop.repo.git(&["push", "-q", &own, "next:main"]);
    };
    let policy = "blueprints/policies/base.yaml";
    let rules = shop.repo.read(policy);
    on_base(
        policy,
        &format!("{rules}freezes: [{{name: always, from: 2020-01-01T00:00:00Z, to: 2096-01-01T00:00:00Z}}]\n"),
    );
    pass().exits(0);
    assert!(!armed(), "frozen");
    on_base(policy, &rules);
    for _ in 0..3 {
        pass();
    }
    assert!(armed(), "the freeze is over, and the head up to date");

    // Rules that cannot be read permit nothing, and no pass gets far enough to judge.
    on_base("blueprints/backend/blueprint.yaml", "kind: [\n");
    pass().exits(1);
    assert!(!armed(), "no rules");
}
