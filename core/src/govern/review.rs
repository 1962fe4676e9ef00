//! Whose reviews count: a person with write access, named by the approvers where the blueprint names any, who is neither author, last
//! pusher, co-author nor bot, who looked at these very changes, and whose review is not dismissed (T5, T6, T25, T26, T27).

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::blueprint::TierName;
use crate::model::{Digest, Timestamp, Untrusted};
use crate::observe::{Identity, Known, PullFacts, Review, ReviewState, Rights};

/// One reviewer's last word, and whether it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReviewJudgement {
    /// Who.
    pub reviewer: Identity,
    /// What the review says.
    pub state: ReviewState,
    /// Why it does not count; `None`: it does.
    pub refused: Option<String>,
    /// What the reviewer says of it (B10), cut where it is long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub justification: Option<Untrusted>,
}

impl ReviewJudgement {
    /// An approval that counts.
    pub fn approves(&self) -> bool {
        self.state == ReviewState::Approved && self.refused.is_none()
    }
}

/// What an approval has to be like, by the rules of base.
#[derive(Debug, Clone, Copy)]
pub struct ApprovalTerms<'a> {
    /// Who may give it; empty: anybody with write access.
    pub approvers: &'a [String],
    /// The dearest tier of the workspace.
    pub tier: TierName,
    /// Until when it counts, by the forge's clock; `None`: without limit.
    pub until: Option<Timestamp>,
    /// It has to say why.
    pub justified: bool,
}

/// Judges every reviewer's last word. `changes` is the hash of what the pull request proposes today.
pub fn count_reviews(
    pull: &PullFacts,
    changes: &Digest,
    terms: &ApprovalTerms<'_>,
) -> Result<Vec<ReviewJudgement>, String> {
    let reviews = match &pull.reviews {
        Known::Known(reviews) => reviews,
        Known::Unknown(unknown) => return Err(format!("the reviews are not known: {}", unknown.message)),
    };
    Ok(last_words(reviews)
        .map(|review| ReviewJudgement {
            reviewer: review.reviewer.clone(),
            state: review.state,
            refused: refusal(pull, review, changes, terms),
            justification: justification(&review.body),
        })
        .collect())
}

/// Everybody's last word. A comment is not a word on the matter. A dismissed review is: it does not revive an older one (T26).
fn last_words(reviews: &[Review]) -> impl Iterator<Item = &Review> {
    let mut last: BTreeMap<&str, &Review> = BTreeMap::new();
    for review in reviews.iter().filter(|review| review.state != ReviewState::Commented) {
        last.insert(&review.reviewer.id, review);
    }
    last.into_values()
}

/// The commits whose changes have to be compared with today's: what an approval looked at that may count. Each costs as much as to judge the pull
/// request once more, and anybody who may read can write as many reviews as they like (T42).
pub fn looked_at(reviews: &[Review]) -> BTreeSet<&str> {
    let may_count = |review: &&Review| {
        let approves = review.state == ReviewState::Approved && !review.stale && !review.reviewer.bot;
        approves && matches!(review.rights, Known::Known(Rights::Write))
    };
    last_words(reviews).filter(may_count).map(|review| review.commit.as_str()).collect()
}

/// The longest justification that is kept, in characters.
const JUSTIFICATION: usize = 2_000;

/// What is kept of a reviewer's words; `None`: there are none.
pub fn justification(said: &Untrusted) -> Option<Untrusted> {
    let said = said.raw().trim();
    (!said.is_empty()).then(|| Untrusted::new(said.chars().take(JUSTIFICATION).collect::<String>()))
}

/// An unsigned answer on the local forge claims to be somebody; a claim is enough to count as that person's own, never for them.
fn same_person(one: &str, other: &str) -> bool {
    let claimed = |id: &str| id.strip_prefix("unsigned:").unwrap_or(id).to_lowercase();
    claimed(one) == claimed(other)
}

fn refusal(pull: &PullFacts, review: &Review, changes: &Digest, terms: &ApprovalTerms<'_>) -> Option<String> {
    let ApprovalTerms { approvers, tier, until, justified } = *terms;
    let who = &review.reviewer;
    if review.state == ReviewState::Dismissed {
        return Some("it was dismissed".into());
    }
    if review.state == ReviewState::ChangesRequested {
        // An objection is heard unless it is known that it need not be: what is unknown never permits.
        return match &review.rights {
            Known::Known(Rights::Read) => Some("the reviewer has no write access".into()),
            Known::Known(Rights::Write) | Known::Unknown(_) => None,
        };
    }
    if review.stale {
        return Some("the forge says that it is stale".into());
    }
    if who.bot {
        return Some("a machine account approves nothing".into());
    }
    if same_person(&who.id, &pull.author.id) {
        return Some("the author cannot approve".into());
    }
    match &pull.last_pusher {
        Known::Unknown(unknown) => return Some(format!("who pushed last is not known: {}", unknown.message)),
        Known::Known(pusher) if same_person(&pusher.id, &who.id) => {
            return Some("who pushed last cannot approve".into());
        }
        Known::Known(_) => {}
    }
    match &pull.co_authors {
        Known::Unknown(unknown) => return Some(format!("who wrote the commits is not known: {}", unknown.message)),
        Known::Known(authors) if authors.iter().any(|author| same_person(&author.id, &who.id)) => {
            return Some("who wrote or pushed a commit of it cannot approve".into());
        }
        Known::Known(_) => {}
    }
    match &review.rights {
        Known::Unknown(unknown) => return Some(format!("the reviewer's rights are not known: {}", unknown.message)),
        Known::Known(Rights::Read) => return Some("the reviewer has no write access".into()),
        Known::Known(Rights::Write) => {}
    }
    if review.signed == Some(false) && tier != TierName::Dev {
        return Some(format!("it is not signed by an allowed signer, and the environment's tier is {tier}"));
    }
    if !approvers.is_empty() && !approvers.iter().any(|name| name.eq_ignore_ascii_case(who.login.raw())) {
        return Some(format!("the blueprint names other approvers: {}", approvers.join(", ")));
    }
    // Whenever this is looked at: the review's own time counts (Z15).
    if let Some(until) = until.filter(|until| review.at > *until) {
        return Some(format!("it came at {:.0}, and was asked for until {until:.0}", review.at));
    }
    if justified && review.body.raw().trim().is_empty() {
        return Some("it does not say why, and the blueprint asks for that (approval_workflow.justification)".into());
    }
    if review.commit == pull.head {
        return None;
    }
    match pull.changes_at.get(&review.commit) {
        Some(Known::Known(then)) if then == changes => None,
        Some(Known::Known(_)) => Some("the changes are no longer those that were looked at".into()),
        Some(Known::Unknown(unknown)) => Some(format!("what was looked at is not known: {}", unknown.message)),
        None => Some("what was looked at is not known".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Would miss: a comparison of the whole pull request for each comment that a reader writes, for one approval twice, or for what cannot count;
    /// and an approval that counts and is not compared.
    #[test]
    fn t42_only_what_may_count_is_compared_each_commit_once() {
        let review = |who: &str, state, commit: &str, rights| Review {
            reviewer: Identity { id: who.into(), login: Untrusted::new(who), bot: who == "bot" },
            state,
            commit: commit.into(),
            at: Timestamp::UNIX_EPOCH,
            stale: who == "stale",
            rights,
            signed: None,
            body: Untrusted::new(""),
        };
        let (write, read) = (|| Known::Known(Rights::Write), || Known::Known(Rights::Read));
        let unknown = Known::unknown(crate::observe::UnknownCode::Incomplete, "not told");
        let mut reviews: Vec<Review> =
            (0..300).map(|n| review("eve", ReviewState::Commented, &format!("c{n}"), read())).collect();
        reviews.extend([
            review("eve", ReviewState::Approved, "of-a-reader", read()),
            review("who", ReviewState::Approved, "of-who-knows", unknown),
            review("bot", ReviewState::Approved, "of-a-machine", write()),
            review("stale", ReviewState::Approved, "stale", write()),
            review("ann", ReviewState::Approved, "earlier", write()),
            review("ann", ReviewState::Approved, "one", write()),
            review("ben", ReviewState::Approved, "one", write()),
            review("ben", ReviewState::Commented, "later", write()),
            review("cat", ReviewState::Approved, "taken-back", write()),
            review("cat", ReviewState::ChangesRequested, "no", write()),
            review("dan", ReviewState::Approved, "two", write()),
        ]);
        assert_eq!(looked_at(&reviews), ["one", "two"].into());
    }
}
