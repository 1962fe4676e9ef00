//! A server where everything moves between any two requests: whatever the order, nothing lands but what was judged (T23, T24, Z3, Z20).

#![allow(clippy::disallowed_methods, reason = "tests")]

use bpctl_core::blueprint::TierName;
use bpctl_core::govern::{ApprovalTerms, VERDICT_CHECK, count_reviews};
use bpctl_core::model::Digest;
use bpctl_core::observe::PullState;

use super::fake::{Answer, BOT, CI, Fake, Merge, World};
use super::tests::{on, proposal};
use super::*;

/// Worlds that are played of each kind: 300, or as many as `BPCTL_SEEDS` says.
fn seeds() -> u64 {
    std::env::var("BPCTL_SEEDS").map_or(300, |text| text.parse().expect("BPCTL_SEEDS is a number"))
}

/// Worlds that are played side by side: while one waits for its server to catch up, others go on.
const SIDE_BY_SIDE: usize = 8;

/// Plays every seed, each on a server of its own that ends with it, and adds up what they count.
async fn play_all<T, F>(seeds: u64, play: fn(u64) -> F) -> T
where
    T: Default + std::ops::AddAssign + Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let (mut sum, mut playing, mut left) = (T::default(), tokio::task::JoinSet::new(), 0..seeds);
    loop {
        while playing.len() < SIDE_BY_SIDE
            && let Some(seed) = left.next()
        {
            playing.spawn(play(seed));
        }
        match playing.join_next().await {
            Some(Ok(one)) => sum += one,
            Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
            None => return sum,
        }
    }
}

/// Numbers that a seed alone decides.
struct Dice(u64);

impl Dice {
    /// Below `most` (an xorshift).
    fn roll(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }
}

/// One thing that somebody else does.
fn happen(world: &mut World, dice: &mut Dice) {
    let (head, tip) = (world.head(1), world.tip("main").unwrap());
    let open = world.pull(1)["state"] == "open";
    let text = dice.roll(1 << 40).to_string();
    match dice.roll(11) {
        0 if open => {
            let by = ["author", "reviewer", BOT][usize::try_from(dice.roll(3)).unwrap()];
            let next = world.commit(&[&head], "a", &text, by);
            world.set_branch("bpctl/test/a/scale", &next, by);
        }
        1 if open => {
            let forced = world.commit(&[&tip], "a", &text, "author");
            world.set_branch("bpctl/test/a/scale", &forced, "author");
        }
        2 => {
            let next = world.commit(&[&tip], "b", &text, "owner");
            world.set_branch("main", &next, "owner");
        }
        3 => world.review(1, "author", "APPROVED"),
        4 => world.review(1, "reader", "APPROVED"),
        5 => world.review(1, "reviewer", if dice.roll(2) == 0 { "APPROVED" } else { "DISMISSED" }),
        6 | 7 => world.check(&head, "ci", if dice.roll(3) == 0 { "failure" } else { "success" }, CI),
        8 => world.check(&head, "ci", "success", 1),
        9 => {
            let draft = world.pull(1)["draft"] == true;
            world.pull(1)["draft"] = (!draft).into();
        }
        10 if open => {
            let _ = world.merge(1, "owner");
        }
        _ => {}
    }
}

/// Whether bpctl's judge would let this head be merged, by the facts that the forge told.
fn is_approved(facts: &PullFacts) -> bool {
    let terms = ApprovalTerms { approvers: &[], tier: TierName::Prod, until: None, justified: false };
    let approved = count_reviews(facts, &Digest::of(&facts.head), &terms);
    let approved = approved.is_ok_and(|reviews| reviews.iter().any(bpctl_core::govern::ReviewJudgement::approves));
    let (Some(required), Some(checks)) = (facts.required_checks.known(), facts.checks.known()) else { return false };
    let green = required.iter().all(|name| {
        let mut named = checks.iter().filter(|check| check.name == *name && check.commit == facts.head).peekable();
        named.peek().is_some() && named.all(|check| check.conclusion == CheckConclusion::Success)
    });
    approved && green && !facts.draft && facts.state == PullState::Open
}

/// What became of the seeds. Whatever a seed comes to, it counts as one thing.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    /// The facts let nobody merge.
    refused: u32,
    merged: u32,
    moved: u32,
    held: u32,
    failed: u32,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, one: Self) {
        self.refused += one.refused;
        self.merged += one.merged;
        self.moved += one.moved;
        self.held += one.held;
        self.failed += one.failed;
    }
}

async fn play(seed: u64) -> Tally {
    let mut tally = Tally::default();
    let fake = Fake::new();
    let (number, _, head) = proposal(&fake);
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let (often, loses) = (dice.roll(6) + 2, dice.roll(4) == 0);
    fake.with(|world| {
        if dice.roll(3) > 0 {
            world.review(number, "reviewer", "APPROVED");
        }
        world.check(&head, "bpctl/verdict", "success", super::fake::APP);
        let mut fate = Dice(dice.roll(u64::MAX) | 1);
        let mut luck = Dice(dice.roll(u64::MAX) | 1);
        world.meanwhile = Some(Box::new(move |world, _| {
            if fate.roll(often) == 0 {
                happen(world, &mut fate);
                // bpctl's own check goes along: what holds a merge back here is the rest.
                let head = world.head(1);
                world.check(&head, "bpctl/verdict", "success", super::fake::APP);
            }
        }));
        world.fault = Some(Box::new(move |line| {
            let lost = loses && line.starts_with("PUT") && luck.roll(2) == 0;
            lost.then(|| Answer(502, String::new(), Vec::new()))
        }));
    });
    let forge = on(&fake, "token-app");
    let Ok(facts) = forge.pull(number).await else {
        tally.failed += 1;
        return tally;
    };
    let base = fake.with(|world| world.tip("main").unwrap());
    let tree = fake.with(|world| world.merged_tree(&base, &facts.head)).filter(|_| is_approved(&facts));
    let Some(tree) = tree else {
        tally.refused += 1;
        return tally;
    };
    let pin = Pin { pull: number, head: &facts.head, base: &base, base_branch: "main", tree: &tree };
    let landed = forge.land(pin, "Scale").await;
    let (merges, state) = fake.with(|world| {
        world.meanwhile = None;
        (world.merges.clone(), world.pull(number)["merge_commit_sha"].clone())
    });
    let mine: Vec<&Merge> = merges.iter().filter(|merge| merge.by == BOT).collect();
    // What bpctl merged is what was judged: this head, on this base, once.
    for merge in &mine {
        assert_eq!((&merge.head, &merge.base), (&facts.head, &base), "seed {seed}");
    }
    assert!(mine.len() <= 1, "seed {seed}");
    // And somebody with the right to approve it, who neither wrote nor pushed it, had said yes to that very commit.
    if !mine.is_empty() {
        let reviews = fake.with(|world| world.reviews.get(&number).cloned().unwrap_or_default());
        let by = |review: &serde_json::Value| review["user"]["login"].as_str().unwrap().to_owned();
        let mut yes =
            reviews.iter().filter(|review| review["state"] == "APPROVED" && review["commit_id"] == facts.head.as_str());
        assert!(yes.any(|review| ["reviewer", "author"].contains(&by(review).as_str())), "seed {seed}: {reviews:?}");
    }
    match landed {
        Ok(Landed::Merged { commit, tree_as_permitted, .. }) => {
            tally.merged += 1;
            assert_eq!(state, commit.as_str(), "seed {seed}");
            let repository = fake.with(|world| world.repository());
            let landed = repository.find_commit(commit.parse().unwrap()).unwrap();
            assert_eq!(
                tree_as_permitted,
                landed.tree_id().to_string() == tree && landed.parent_ids().any(|id| id.to_string() == facts.head),
                "seed {seed}"
            );
        }
        // A person may have merged it a moment later; bpctl has not.
        Ok(Landed::Moved) => {
            tally.moved += 1;
            assert!(mine.is_empty(), "seed {seed}");
        }
        Ok(Landed::Held(_)) => {
            tally.held += 1;
            assert!(mine.is_empty(), "seed {seed}");
        }
        Err(_) => tally.failed += 1,
    }
    tally
}

/// Would miss: a merge of what nobody judged, two merges, a merge that is told as none, another tree told as the permitted one.
#[tokio::test]
async fn t23_t24_whatever_moves_meanwhile_nothing_lands_but_what_was_judged() {
    let seeds = seeds();
    let tally: Tally = play_all(seeds, play).await;
    println!("{seeds} seeds: {tally:?}");
    let Tally { refused, merged, moved, held, failed } = tally;
    assert_eq!(u64::from(refused + merged + moved + held + failed), seeds, "each seed comes to something");
    // The dice do reach each end, or the test says nothing.
    let often = |count: u32, of_thousand: u64| u64::from(count) * 1_000 > seeds * of_thousand;
    assert!(often(refused, 100) && often(merged, 20) && often(moved, 20) && often(held, 5), "{tally:?}");
}

/// What happened to a pull request that GitHub was left to merge by itself, by the count of requests.
#[derive(Debug, Default)]
struct Fate {
    requests: u32,
    /// When it could not be permitted any more; nothing that happens later brings that back.
    lost: Option<u32>,
    /// It cannot be merged for now by what only the judge knows: a freeze, an open breaker, a cooldown.
    frozen: bool,
}

/// What became of the seeds in which something was left to GitHub.
#[derive(Debug, Default, PartialEq, Eq)]
struct Leases {
    /// Nothing was lost before GitHub merged it: that is what it was told.
    as_told: u32,
    /// GitHub merged it after something was lost, and before the first whole pass that began after that. It is what an armed merge costs.
    raced: u32,
    /// A pass that began after something was lost left nothing armed, nothing queued, and nothing landed after it.
    revoked: u32,
    /// Nothing was lost, and it waits.
    waiting: u32,
    /// It never was left to GitHub.
    never: u32,
}

impl std::ops::AddAssign for Leases {
    fn add_assign(&mut self, one: Self) {
        self.as_told += one.as_told;
        self.raced += one.raced;
        self.revoked += one.revoked;
        self.waiting += one.waiting;
        self.never += one.never;
    }
}

/// One pass as `apply` makes it: look, judge, merge or take back, and at its end take back what it did not permit. An error:
/// it could not, and says so.
async fn pass(forge: &GithubForge, fake: &Fake, fate: &Mutex<Fate>) -> Result<(), ForgeError> {
    let frozen = locked(fate).frozen;
    let judged = async || -> Result<bool, ForgeError> {
        let facts = forge.pull(1).await?;
        let base = fake.with(|world| world.tip("main").unwrap());
        let tree = fake.with(|world| world.merged_tree(&base, &facts.head));
        if let Some(tree) = tree.filter(|_| is_approved(&facts) && !frozen) {
            let pin = Pin { pull: 1, head: &facts.head, base: &base, base_branch: "main", tree: &tree };
            return Ok(matches!(forge.land(pin, "Scale").await?, Landed::Held(_) | Landed::Merged { .. }));
        }
        forge.disarm(1).await?;
        if !frozen {
            forge.set_check(&facts.head, VERDICT_CHECK, CheckConclusion::Failure, "not now").await?;
        }
        Ok(false)
    };
    let judged = judged().await;
    if !matches!(judged, Ok(true)) {
        for left in forge.armed().await? {
            forge.disarm(left.number).await?;
        }
    }
    Ok(())
}

/// One thing after which it may not be merged by the facts, or that has nothing to do with it.
fn lose(world: &mut World, dice: &mut Dice, fate: &mut Fate) {
    let head = world.head(1);
    let text = dice.roll(1 << 40).to_string();
    match dice.roll(11) {
        0 | 1 => world.reviews.get_mut(&1).unwrap().iter_mut().for_each(|review| review["state"] = "DISMISSED".into()),
        2 => world.review(1, "reviewer", "CHANGES_REQUESTED"),
        3 => world.check(&head, "ci", "failure", CI),
        4 => world.pull(1)["draft"] = true.into(),
        5 | 6 => fate.frozen = true,
        7 => {
            let next = world.commit(&[&head], "a", &text, "author");
            world.set_branch("bpctl/test/a/scale", &next, "author");
        }
        // What only GitHub waited for, and a base that moved: nothing is lost by either.
        8 | 9 => {
            world.conversation = false;
            return;
        }
        _ => {
            let tip = world.tip("main").unwrap();
            let next = world.commit(&[&tip], "b", &text, "owner");
            world.set_branch("main", &next, "owner");
            return;
        }
    }
    fate.lost.get_or_insert(fate.requests);
}

async fn revoke(seed: u64) -> Leases {
    let fake = Fake::new();
    let (_, _, head) = proposal(&fake);
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let queue = dice.roll(3) == 0;
    fake.with(|world| {
        world.natively = true;
        world.review(1, "reviewer", "APPROVED");
        // What holds GitHub back, and is nothing that the judge asks for.
        world.conversation = true;
        if queue {
            world.rules.push(serde_json::json!({ "type": "merge_queue", "ruleset_id": 5, "parameters": {} }));
        }
    });
    let forge = on(&fake, "token-app");
    let fate = Arc::new(Mutex::new(Fate::default()));
    let armed = |world: &mut World| !world.armed.is_empty() || !world.queued.is_empty();
    pass(&forge, &fake, &fate).await.unwrap();
    if !fake.with(armed) {
        return Leases { never: 1, ..Leases::default() };
    }
    let (often, loses) = (dice.roll(40) + 4, dice.roll(3) == 0);
    let mut luck = Dice(dice.roll(u64::MAX) | 1);
    fake.with(|world| {
        let fate = Arc::clone(&fate);
        world.meanwhile = Some(Box::new(move |world, _| {
            let mut fate = locked(&fate);
            fate.requests += 1;
            if world.merges.is_empty() && dice.roll(often) == 0 {
                lose(world, &mut dice, &mut fate);
            }
        }));
        world.fault = Some(Box::new(move |line| {
            let lost = loses && line.starts_with("POST") && luck.roll(3) == 0;
            lost.then(|| Answer(502, String::new(), Vec::new()))
        }));
    });
    // A new run each, as the schedule starts them.
    let mut taken_back = false;
    for last in [false, false, true] {
        if last {
            fake.with(|world| world.fault = None);
        }
        let began = locked(&fate).requests;
        let whole = pass(&on(&fake, "token-app"), &fake, &fate).await;
        let lost = locked(&fate).lost;
        let merged = fake.with(|world| !world.merges.is_empty());
        assert!(!taken_back || !merged, "seed {seed}: GitHub merged it after it was taken back");
        if whole.is_ok() && lost.is_some_and(|lost| lost <= began) && !merged {
            assert!(!fake.with(armed), "seed {seed}: a whole pass left it to GitHub");
            taken_back = true;
        }
        if merged {
            break;
        }
    }
    // Whatever GitHub waited for comes.
    fake.with(|world| {
        world.meanwhile = None;
        world.conversation = false;
    });
    let _ = on(&fake, "token-app").wire_pull(1).await.unwrap();
    let merges = fake.with(|world| world.merges.clone());
    assert!(merges.len() <= 1 && merges.iter().all(|merge| merge.head == head), "seed {seed}: {merges:?}");
    assert!(!taken_back || merges.is_empty(), "seed {seed}: GitHub merged it after it was taken back");
    let (merged, lost) = (!merges.is_empty(), locked(&fate).lost.is_some());
    Leases {
        as_told: u32::from(merged && !lost),
        raced: u32::from(merged && lost),
        revoked: u32::from(taken_back),
        waiting: u32::from(!merged && !taken_back),
        never: 0,
    }
}

/// Would miss: a way to lose the permit after which a pass leaves a pull request with GitHub's auto-merge or its queue; a pass that takes the answer of
/// a request that was lost for a yes; one that stops at an error before it has taken back what it does not know to be permitted.
#[tokio::test]
async fn r06_what_github_was_left_to_merge_is_taken_back_by_the_first_whole_pass_after_anything_was_lost() {
    let seeds = seeds();
    let tally: Leases = play_all(seeds, revoke).await;
    println!("{seeds} seeds: {tally:?}");
    let Leases { as_told, raced, revoked, waiting, never } = tally;
    assert_eq!(u64::from(as_told + raced + revoked + waiting + never), seeds, "each seed comes to something");
    let often = |count: u32, of_thousand: u64| u64::from(count) * 1_000 > seeds * of_thousand;
    assert!(often(revoked, 200) && often(raced, 5) && often(as_told, 5) && never == 0, "{tally:?}");
}
