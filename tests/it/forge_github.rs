//! The program on a GitHub that behaves as documented: Git over HTTP, the API as `src/forge/github/fake.rs` has it.

#[path = "../../src/forge/github/fake.rs"]
mod fake;
mod labels;
mod marks;
mod permissions;
mod revoked;

use serde_json::{Value, json};

use self::fake::{APP, BOT, CI, Fake};
use crate::support::{Program, Repo};

/// The shipped example on the server, with `reviewer` as the approver, and a CI that is green on every head.
pub struct Shop {
    pub fake: Fake,
    pub repo: Repo,
}

impl Shop {
    pub fn new() -> Self {
        Self::changed(|_| {})
    }

    fn changed(change: impl FnOnce(&Repo)) -> Self {
        let (fake, repo) = (Fake::new(), Repo::shop());
        repo.replace("bpctl.yaml", "forge: local ", "forge: github ");
        repo.replace("bpctl.yaml", "local: {allowed_signers: blueprints/allowed_signers}\n", "");
        for blueprint in ["backend", "backend-canary", "frontend"] {
            repo.replace(&format!("blueprints/{blueprint}/blueprint.yaml"), "alice@shop.example", "reviewer");
        }
        change(&repo);
        repo.commit(&[], "for the server");
        repo.git(&["remote", "add", "origin", &fake.address()]);
        let own = fake.with(|world| world.git.display().to_string());
        repo.git(&["push", "-q", &own, "main"]);
        fake.with(|world| {
            world.meanwhile = Some(Box::new(|world, _| {
                let heads = world.pulls.iter().filter(|pull| pull["state"] == "open");
                let heads: Vec<String> =
                    heads.filter_map(|pull| Some(pull["head"]["sha"].as_str()?.to_owned())).collect();
                for head in heads {
                    if world.conclusion(&head, "ci", CI).is_none() {
                        world.check(&head, "ci", "success", CI);
                    }
                }
            }));
        });
        Self { fake, repo }
    }

    fn bpctl(&self, token: &str) -> Program {
        self.repo.bpctl().with("BPCTL_TOKEN", token)
    }

    #[track_caller]
    fn apply(&self, token: &str) -> Value {
        self.bpctl(token).run(&["apply", "--env", "staging", "-o", "json"]).exits(0).json()
    }

    pub fn pull_of(&self, blueprint: &str) -> Value {
        let branch = format!("bpctl/staging/{blueprint}/scale");
        self.fake
            .with(|world| world.pulls.iter().find(|pull| pull["head"]["ref"] == branch.as_str()).cloned())
            .expect("a pull request")
    }

    /// What the server has, as a checkout would.
    pub fn fetch(&self) {
        let own = self.fake.with(|world| world.git.display().to_string());
        self.repo.git(&["fetch", "-q", &own, "+refs/heads/*:refs/remotes/origin/*"]);
    }

    fn verdict(&self, head: &str) -> Value {
        self.fake.with(|world| world.conclusion(head, "bpctl/verdict", APP).cloned()).expect("a verdict")
    }
}

fn told(report: &Value) -> String {
    let steps = report["steps"].as_array().expect("steps");
    steps
        .iter()
        .map(|step| {
            format!(
                "{}: {}\n",
                step["blueprint"].as_str().unwrap_or_default(),
                step["told"].as_str().unwrap_or_default()
            )
        })
        .collect()
}

/// The story: what is allowed is merged, what needs a person waits for one and survives a moved base, and the account of it.
#[test]
fn an_app_merges_what_is_allowed_and_what_a_person_approved() {
    let shop = Shop::new();
    let first = shop.apply("token-app");
    let frontend = shop.pull_of("frontend");
    assert!(frontend["merged_at"].is_string(), "{first}");
    let merges = shop.fake.with(|world| world.merges.clone());
    assert_eq!((merges.len(), merges[0].by.as_str()), (1, BOT));
    assert_eq!(frontend["head"]["sha"], merges[0].head.as_str());

    // The other waits: its check says so, and the person whom the blueprint names was asked.
    let waits = shop.pull_of("backend");
    let (number, head) =
        (waits["number"].as_u64().expect("a number"), waits["head"]["sha"].as_str().expect("a head").to_owned());
    assert_eq!(waits["requested_reviewers"][0]["login"], "reviewer", "{first}");
    let verdict = shop.verdict(&head);
    assert_eq!(verdict["status"], "in_progress", "{verdict}");
    assert!(verdict["output"]["title"].as_str().expect("a line").contains("it needs one by reviewer"), "{verdict}");
    let judged = shop.bpctl("token-app").run(&["judge", &number.to_string(), "--env", "staging"]).exits(6);
    assert!(judged.stdout.contains("no approval counts yet; it needs one by reviewer"), "{}", judged.stdout);

    // A person approves. Base has moved since it was opened: it is brought up to date, and the approval of the same changes counts on.
    shop.fake.with(|world| world.review(number, "reviewer", "APPROVED"));
    let second = shop.apply("token-app");
    if shop.pull_of("backend")["merged_at"].is_null() {
        assert!(told(&second).contains("the next run judges it again"), "{second}");
        assert_ne!(shop.pull_of("backend")["head"]["sha"], head.as_str(), "{second}");
        let third = shop.apply("token-app");
        assert!(told(&third).contains("needs approval, given by 1 person"), "{third}");
    }
    assert!(shop.pull_of("backend")["merged_at"].is_string());
    let merges = shop.fake.with(|world| world.merges.clone());
    assert!(merges.len() == 2 && merges.iter().all(|merge| merge.by == BOT), "{merges:?}");

    // Again, and nothing happens; nothing is left open to verify, and the account is whole.
    shop.apply("token-app");
    assert_eq!(shop.fake.with(|world| (world.pulls.len(), world.merges.len())), (2, 2));
    shop.bpctl("token-app").run(&["verify", "--env", "staging"]).exits(0);
    shop.bpctl("token-app").run(&["plan", "--env", "staging"]).exits(0);
    let audit = shop.bpctl("token-app").run(&["audit", "--env", "staging"]).exits(0);
    for wanted in ["decided", "proposed", "merged", "approved by reviewer"] {
        assert!(audit.stdout.contains(wanted), "{wanted} in\n{}", audit.stdout);
    }
    shop.bpctl("token-app").run(&["audit", "verify", "--env", "staging"]).exits(0);
    let main = shop.fake.with(|world| world.tip("main")).expect("main");
    assert!(
        shop.fake.with(|world| world.conclusion(&main, "bpctl/verify-staging", APP).is_some()),
        "the outcome is a check of the app's"
    );
}

/// With a workflow's own token or a person's everything but the merge is done, and why not is said.
#[test]
fn a_workflows_token_and_a_persons_only_propose() {
    for (token, words) in
        [("token-workflow", "GITHUB_TOKEN only proposes"), ("token-author", "person's token only proposes")]
    {
        let shop = Shop::new();
        let report = shop.apply(token);
        let told = told(&report);
        assert!(
            told.contains("frontend: ") && told.contains("is allowed, held by the forge") && told.contains(words),
            "{told}"
        );
        assert_eq!(shop.fake.with(|world| (world.pulls.len(), world.merges.len())), (2, 0), "{token}");
        let again = shop.apply(token);
        assert_eq!(shop.fake.with(|world| world.pulls.len()), 2, "{again}");
    }
}

/// A pass asks GitHub for little: a workflow's token has a thousand requests an hour.
#[test]
fn a_pass_with_n_open_proposals_needs_ten_requests_and_six_for_each() {
    for (open, approval) in [(1, &["backend"][..]), (2, &["backend", "frontend"])] {
        let shop = Shop::changed(|repo| {
            // Labels cost nothing once they are put on.
            labels::labelled(repo);
            repo.replace("bpctl.yaml", "delivery: direct", "delivery: gitops");
            let frontend = "blueprints/frontend/blueprint.yaml";
            repo.replace(frontend, "allowed_operations: [scale, ", "allowed_operations: [");
            if !approval.contains(&"frontend") {
                repo.replace(frontend, "forbidden_operations: [", "forbidden_operations: [scale, ");
            }
        });
        shop.apply("token-app");
        shop.fake.counted();
        let report = shop.apply("token-app");
        let log = shop.fake.with(|world| world.log.clone());
        let (pulls, counted) = (shop.fake.with(|world| world.pulls.len()), shop.fake.counted());
        assert_eq!(pulls, open, "{report}");
        assert!(counted <= 10 + 6 * open, "{counted} requests for {open} open proposals: {log:#?}");
    }
}

/// Z19: a token that ends midway stops the pass; the next one goes on where it stopped.
#[test]
fn z19_a_token_that_ends_midway_leaves_nothing_half_done() {
    let shop = Shop::new();
    let mut left = 25;
    shop.fake.with(|world| {
        world.fault = Some(Box::new(move |_| {
            left -= 1;
            (left < 0).then(|| fake::Answer::json(401, &json!({ "message": "Bad credentials" })))
        }));
    });
    let ran = shop.bpctl("token-app").run(&["apply", "--env", "staging"]).exits(1);
    assert!(ran.stderr.contains("401") && ran.stderr.contains("BPCTL_TOKEN"), "{}", ran.stderr);
    shop.fake.with(|world| world.fault = None);
    shop.apply("token-app");
    let (pulls, merges) = shop.fake.with(|world| (world.pulls.len(), world.merges.clone()));
    assert_eq!((pulls, merges.len()), (2, 1), "{merges:?}");
}

/// Z7: a limit that is reached is told with the time at which it ends.
#[test]
fn z7_a_limit_that_is_reached_says_when_to_come_back() {
    let shop = Shop::new();
    shop.fake.with(|world| {
        world.fault = Some(Box::new(|line| {
            line.ends_with("/pulls").then(|| {
                let headers = "x-ratelimit-remaining: 0\r\nx-ratelimit-reset: 1800000000\r\n".to_owned();
                fake::Answer(403, headers, br#"{"message":"API rate limit exceeded"}"#.to_vec())
            })
        }));
    });
    let ran = shop.bpctl("token-app").run(&["apply", "--env", "staging"]).exits(1);
    assert!(ran.stderr.contains("takes no more requests until 2027-01-15T08:00:00Z"), "{}", ran.stderr);
    assert_eq!(shop.fake.with(|world| world.pulls.len()), 0);
}

/// The forge is found by the remote, whatever way it is written; another server's token is not sent.
#[test]
fn t38_giteas_token_is_not_sent_to_github() {
    let shop = Shop::new();
    let ran = shop.repo.bpctl().with("GITEA_TOKEN", "token-gitea").run(&["apply", "--env", "staging"]).exits(1);
    assert!(ran.stderr.contains("no token was given") && ran.stderr.contains("BPCTL_APP_ID"), "{}", ran.stderr);
    assert_eq!(shop.fake.with(|world| world.log.len()), 0);
    let half = shop.bpctl("token-app").with("BPCTL_APP_ID", "1").run(&["apply", "--env", "staging"]).exits(1);
    assert!(half.stderr.contains("BPCTL_APP_ID and BPCTL_APP_KEY go together"), "{}", half.stderr);
    // An Enterprise runner's own server is GitHub where bpctl.yaml leaves it open; Gitea's runner says the same of its own.
    shop.repo.replace("bpctl.yaml", "forge: github ", "forge: auto ");
    let plan = |variables: &[(&str, &str)]| {
        shop.fake.with(|world| world.log.clear());
        let program =
            variables.iter().fold(shop.bpctl("token-app"), |program, (name, value)| program.with(name, *value));
        program.run(&["plan", "--env", "staging"]);
        shop.fake.with(|world| world.log.first().map(|(line, _)| line.clone())).unwrap_or_default()
    };
    let own = ("GITHUB_SERVER_URL", shop.fake.url.as_str());
    assert!(plan(&[own]).contains("/api/v3/"), "GitHub");
    assert!(plan(&[own, ("GITEA_ACTIONS", "true")]).contains("/api/v1/"), "Gitea");
}
