//! A forge around the real local one: between any two of its calls something may happen, and the pass may die there.

use std::sync::Arc;

use async_trait::async_trait;
use bpctl::forge::{
    Answer, BranchName, Check, Clock, Created, Forge, ForgeError, ForgeWrite, IssueFilter, Landed, NewPull, OwnComment,
    OwnIssue, PullFilter, PullSummary, Swapped,
};
use bpctl::pipeline::apply::{ApplyOptions, apply};
use bpctl::pipeline::{Effects, ForgeAccess, Session, connect_cluster, plan, workspace_on_base};
use bpctl_core::govern::MergePermit;
use bpctl_core::model::{BaseTip, Name, Period, RepoPath};
use bpctl_core::observe::{CheckConclusion, CheckRun, Identity, PullFacts};
use tokio::sync::Notify;

use super::world::World;

/// Numbers that a seed alone decides.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    pub fn of(seed: u64) -> Self {
        let mut dice = Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        dice.roll(2);
        dice
    }

    /// Below `most` (an xorshift).
    pub fn roll(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % most
    }
}

/// One process's sight of the forge.
struct Moving {
    inner: Box<dyn ForgeWrite>,
    world: World,
    /// At which of its steps it is killed; 0: never.
    dies_at: u64,
    steps: std::sync::atomic::AtomicU64,
    dead: Arc<Notify>,
}

impl Moving {
    /// Before a call, and after one that wrote.
    async fn step(&self) {
        let step = self.steps.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        if step == self.dies_at {
            self.dead.notify_one();
            // Whoever waits for the pass drops it here: nothing after this line ever runs, as after `kill -9`.
            std::future::pending::<()>().await;
        }
        if self.world.somebody_acts() {
            self.world.happen().await;
        }
        if self.world.lets_others() {
            tokio::task::yield_now().await;
        }
    }
}

/// One pass in this process. Answers how it ended.
pub async fn pass(world: &World, mut dice: Dice) -> &'static str {
    let dies_at = if world.is_quiet() || dice.roll(2) == 0 { 0 } else { dice.roll(90) + 1 };
    let dead = Arc::new(Notify::new());
    let Session { repository, forge } = world.session(None).await;
    let ForgeAccess::Full(inner) = forge else { panic!("the local forge is there") };
    let moving = Moving { inner, world: world.clone(), dies_at, steps: 0.into(), dead: Arc::clone(&dead) };
    let session = Session { repository, forge: ForgeAccess::Full(Box::new(moving)) };
    let name = Name::new("staging").expect("a name");
    let done = async {
        let tip = session.forge.reading().base_tip().await?;
        let base = workspace_on_base(&session.repository, &tip)?;
        let place = plan::base_place(base.get(), &name)?;
        let cluster = Arc::new(connect_cluster(place, session.repository.work_tree()).await?);
        let effects = Effects::new(session.forge.writing()?, Some(cluster.writing()), false);
        let options = ApplyOptions { wait: Period::from_secs(0), adopt: Vec::new() };
        Box::pin(apply(&session, &effects, &cluster, &name, &options)).await.0.map(|report| world.tell(&report))
    };
    tokio::select! {
        biased;
        () = dead.notified() => {
            world.say("killed");
            "killed"
        }
        done = done => match done {
            Ok(()) => "ended",
            Err(error) => {
                world.say(&format!("failed: {error:?}"));
                "failed"
            }
        },
    }
}

#[async_trait]
impl Forge for Moving {
    fn kind(&self) -> &'static str {
        self.inner.kind()
    }

    fn pull_url(&self, number: u64) -> String {
        self.inner.pull_url(number)
    }

    fn line_url(&self, commit: &str, path: &RepoPath, line: usize) -> Option<String> {
        self.inner.line_url(commit, path, line)
    }

    async fn clock(&self) -> Result<Clock, ForgeError> {
        self.inner.clock().await
    }

    async fn identity(&self) -> Result<Identity, ForgeError> {
        self.inner.identity().await
    }

    async fn base_tip(&self) -> Result<BaseTip, ForgeError> {
        self.step().await;
        self.inner.base_tip().await
    }

    async fn branch(&self, branch: &BranchName) -> Result<Option<String>, ForgeError> {
        self.step().await;
        self.inner.branch(branch).await
    }

    async fn pulls(&self, filter: PullFilter) -> Result<Vec<PullSummary>, ForgeError> {
        self.step().await;
        self.inner.pulls(filter).await
    }

    async fn pull(&self, number: u64) -> Result<PullFacts, ForgeError> {
        self.step().await;
        self.inner.pull(number).await
    }

    async fn checks(&self, commit: &str) -> Result<Vec<CheckRun>, ForgeError> {
        self.step().await;
        self.inner.checks(commit).await
    }

    async fn abilities(&self) -> Result<Vec<Check>, ForgeError> {
        self.inner.abilities().await
    }

    fn issue_url(&self, number: u64) -> Option<String> {
        self.inner.issue_url(number)
    }

    async fn issues(&self, which: IssueFilter, marker: &str) -> Result<Vec<OwnIssue>, ForgeError> {
        self.inner.issues(which, marker).await
    }

    async fn comments(&self, number: u64, marker: &str) -> Result<Vec<OwnComment>, ForgeError> {
        self.inner.comments(number, marker).await
    }
}

#[async_trait]
impl ForgeWrite for Moving {
    async fn create_branch(&self, branch: &BranchName, commit: &str) -> Result<Created, ForgeError> {
        self.step().await;
        let done = self.inner.create_branch(branch, commit).await;
        self.step().await;
        done
    }

    async fn update_branch(&self, branch: &BranchName, from: &str, to: &str) -> Result<Swapped, ForgeError> {
        self.step().await;
        let done = self.inner.update_branch(branch, from, to).await;
        self.step().await;
        done
    }

    async fn delete_branch(&self, branch: &BranchName, at: &str) -> Result<Swapped, ForgeError> {
        self.step().await;
        let done = self.inner.delete_branch(branch, at).await;
        self.step().await;
        done
    }

    async fn open_pull(&self, pull: &NewPull) -> Result<u64, ForgeError> {
        self.step().await;
        let done = self.inner.open_pull(pull).await;
        if let Ok(number) = &done {
            self.world.opened(*number, &pull.branch);
        }
        self.step().await;
        done
    }

    async fn update_pull(&self, number: u64, title: &str, body: &str) -> Result<(), ForgeError> {
        self.step().await;
        let done = self.inner.update_pull(number, title, body).await;
        self.step().await;
        done
    }

    async fn close_pull(&self, number: u64, comment: &str) -> Result<(), ForgeError> {
        self.step().await;
        let done = self.inner.close_pull(number, comment).await;
        self.step().await;
        done
    }

    async fn post_comment(&self, number: u64, body: &str) -> Result<OwnComment, ForgeError> {
        self.inner.post_comment(number, body).await
    }

    async fn edit_comment(&self, number: u64, id: &str, body: &str) -> Result<(), ForgeError> {
        self.inner.edit_comment(number, id, body).await
    }

    async fn remove_comment(&self, number: u64, id: &str) -> Result<(), ForgeError> {
        self.inner.remove_comment(number, id).await
    }

    async fn open_issue(&self, title: &str, body: &str) -> Result<u64, ForgeError> {
        self.inner.open_issue(title, body).await
    }

    async fn update_issue(&self, number: u64, title: &str, body: &str, open: bool) -> Result<(), ForgeError> {
        self.inner.update_issue(number, title, body, open).await
    }

    async fn set_check(
        &self,
        commit: &str,
        name: &str,
        conclusion: CheckConclusion,
        summary: &str,
    ) -> Result<(), ForgeError> {
        self.step().await;
        let done = self.inner.set_check(commit, name, conclusion, summary).await;
        self.step().await;
        done
    }

    async fn merge(&self, permit: MergePermit, message: &str) -> Result<Landed, ForgeError> {
        self.step().await;
        let done = self.inner.merge(permit, message).await;
        self.step().await;
        done
    }

    async fn answer(&self, number: u64, head: &str, answer: Answer, justification: &str) -> Result<(), ForgeError> {
        self.inner.answer(number, head, answer, justification).await
    }
}
