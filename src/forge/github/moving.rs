//! A server where everything moves between any two requests: whatever the order, nothing lands but what was judged (T23, T24, Z3, Z20).

#![allow(clippy::disallowed_methods, reason = "tests")]

use bpctl_core::blueprint::TierName;
use bpctl_core::govern::{ApprovalTerms, count_reviews};
use bpctl_core::model::Digest;
use bpctl_core::observe::PullState;

use super::fake::{Answer, BOT, CI, Fake, Merge, World};
use super::tests::{on, proposal};
use super::*;

/// Worlds that are played: 500, or as many as `BPCTL_SEEDS` says.
fn seeds() -> u64 {
    std::env::var("BPCTL_SEEDS").map_or(500, |text| text.parse().expect("BPCTL_SEEDS is a number"))
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

#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    permitted: u32,
    merged: u32,
    moved: u32,
    held: u32,
    failed: u32,
}

async fn play(seed: u64, tally: &mut Tally) {
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
        return;
    };
    if !is_approved(&facts) {
        return;
    }
    tally.permitted += 1;
    let base = fake.with(|world| world.tip("main").unwrap());
    let Some(tree) = fake.with(|world| world.merged_tree(&base, &facts.head)) else { return };
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
}

/// Would miss: a merge of what nobody judged, two merges, a merge that is told as none, another tree told as the permitted one.
#[tokio::test]
async fn t23_t24_whatever_moves_meanwhile_nothing_lands_but_what_was_judged() {
    let mut tally = Tally::default();
    let seeds = seeds();
    for seed in 0..seeds {
        play(seed, &mut tally).await;
    }
    println!("{seeds} seeds: {tally:?}");
    // The dice do reach each end, or the test says nothing.
    assert!(tally.permitted > 60 && tally.merged > 10 && tally.moved > 10 && tally.held > 5, "{tally:?}");
}
