//! A shop in which people act, and what has to hold of it whatever they do. What is right is worked out here anew, from the commits alone,
//! and takes nothing of bpctl's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use bpctl::forge::{Answer, BranchName, PullFilter};
use bpctl::git::Repository;
use bpctl::pipeline::apply::ApplyReport;
use bpctl::pipeline::{Session, SessionOptions, work_tree_workspace};
use bpctl_core::observe::PullState;
use git2::{FileMode, Oid, Signature, Tree, build::TreeUpdateBuilder};

use super::Tally;
use super::moving::Dice;
use crate::support::{Repo, copy, signed_shop};

/// Lines that differ, by file and number: what was there and what is.
type Changes = BTreeMap<String, (String, String)>;

/// The shop under either delivery, to be copied for each seed.
pub struct Templates {
    shops: Vec<Repo>,
}

impl Templates {
    pub fn new() -> Self {
        let shop = |delivery: &str| {
            let (repo, _) = signed_shop();
            // Replicas are what this is about.
            let sizes = "  resources:\n    cpu: {minimum: 50m, maximum: \"1\", target_utilization: 70%}\n    memory: {minimum: 128Mi, maximum: 512Mi, target_utilization: 80%}\n";
            repo.replace("blueprints/frontend/blueprint.yaml", sizes, "");
            repo.replace("bpctl.yaml", "delivery: direct", &format!("delivery: {delivery}"));
            repo.commit(&[("notes.txt", "notes\n")], "replicas alone");
            repo
        };
        Self { shops: vec![shop("direct"), shop("gitops")] }
    }
}

/// A yes that counts: signed by who is asked, of this pull request with these changes.
struct Yes {
    pull: u64,
    changes: Changes,
}

struct State {
    dice: Dice,
    /// Somebody acts at one of so many steps; 0: never.
    often: u64,
    yes: Vec<Yes>,
    /// What a person closed, by pull request: its branch and changes.
    no: BTreeMap<u64, (String, Changes)>,
    /// What bpctl opened, by pull request: its branch.
    opened: BTreeMap<u64, String>,
    judged: BTreeSet<Oid>,
    tally: Tally,
}

/// A repository and what happened in it. Clones are the same one.
#[derive(Clone)]
pub struct World {
    pub repo: Arc<Repo>,
    state: Arc<Mutex<State>>,
    talks: bool,
}

impl World {
    pub fn new(templates: &Templates, dice: &mut Dice) -> Self {
        let template = &templates.shops[usize::try_from(dice.roll(2)).expect("small")];
        let folder = tempfile::tempdir().expect("a folder");
        copy(template.folder.path(), folder.path());
        let state = State {
            dice: Dice::of(1),
            often: 0,
            yes: Vec::new(),
            no: BTreeMap::new(),
            opened: BTreeMap::new(),
            judged: BTreeSet::new(),
            tally: Tally::default(),
        };
        let talks = std::env::var_os("BPCTL_SEED").is_some();
        Self { repo: Arc::new(Repo { folder }), state: Arc::new(Mutex::new(state)), talks }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub fn say(&self, what: &str) {
        if self.talks {
            eprintln!("{what}");
        }
    }

    pub fn tell(&self, report: &ApplyReport) {
        for step in &report.steps {
            self.say(&format!("    {}: {}", step.blueprint, step.told));
        }
    }

    /// From now on people act.
    pub fn moves(&self, often: u64, dice: Dice) {
        let mut state = self.state();
        (state.often, state.dice) = (often * 4, dice);
    }

    /// From now on nobody does.
    pub fn rests(&self) {
        self.state().often = 0;
    }

    pub fn is_quiet(&self) -> bool {
        self.state().often == 0
    }

    pub fn somebody_acts(&self) -> bool {
        let state = &mut *self.state();
        state.often > 0 && state.dice.roll(state.often) == 0
    }

    /// Whether a pass that runs at the same time goes on first.
    pub fn lets_others(&self) -> bool {
        let state = &mut *self.state();
        state.often > 0 && state.dice.roll(3) == 0
    }

    fn roll(&self, most: u64) -> u64 {
        self.state().dice.roll(most)
    }

    /// The repository as bpctl sees it; with a key as Alice, who is asked for approvals.
    pub async fn session(&self, key: Option<&Path>) -> Session {
        let repository = Repository::discover(&self.repo.path()).expect("a repository");
        let workspace = work_tree_workspace(&repository).expect("a workspace");
        let options = SessionOptions {
            signing_key: key.map(Path::to_owned),
            identity: key.map(|_| "me".into()),
            ..Default::default()
        };
        Session::open(&self.repo.path(), &workspace, options).await.expect("a session")
    }

    fn git(&self) -> git2::Repository {
        git2::Repository::open(self.repo.path()).expect("a repository")
    }

    /// One thing that somebody does.
    pub async fn happen(&self) {
        let what = match self.roll(12) {
            0 => self.on_main("notes.txt", |_, number| format!("notes {number}\n")).then_some("base moved"),
            1 => {
                let to = [2, 3, 5][usize::try_from(self.roll(3)).expect("small")];
                self.on_main("blueprints/backend/blueprint.yaml", |text, _| with(text, "max_replicas", to))
                    .then_some("rules changed")
            }
            2 => {
                let (file, to) = (self.file(), self.roll(3) + 2);
                self.on_main(file, |text, _| with(text, "replicas", to)).then_some("value changed")
            }
            3 => {
                let to = self.roll(5) + 2;
                self.push(false, |file, text| Some((file.to_owned(), with(text, "replicas", to))))
                    .then_some("pushed a value")
            }
            4 => self.push(false, |_, _| Some(("extra.txt".to_owned(), "more\n".to_owned()))).then_some("pushed more"),
            5 => {
                let to = self.roll(5) + 2;
                self.push(true, |file, text| Some((file.to_owned(), with(text, "replicas", to)))).then_some("forced")
            }
            6 | 7 => self.answer(Some("alice"), Answer::Approve).await,
            8 => self.answer(Some("alice"), Answer::Reject).await,
            9 => self.answer(None, Answer::Approve).await,
            10 => self.merge_by_hand().then_some("merged by hand"),
            _ => self.delete().then_some("branch deleted"),
        };
        if let Some(what) = what {
            self.say(&format!("  * {what}"));
            self.state().tally.count(what);
        }
    }

    fn file(&self) -> &'static str {
        ["deploy/frontend.yaml", "deploy/backend.yaml"][usize::try_from(self.roll(2)).expect("small")]
    }

    /// A person's commit on main, with the work tree and the index. Answers whether it changed anything.
    fn on_main(&self, path: &str, edit: impl Fn(&str, u64) -> String) -> bool {
        let git = self.git();
        let number = self.roll(1 << 30);
        let main = tip(&git, "main").expect("main");
        let before = text_at(&git, main, path);
        let after = edit(&before, number);
        if after == before {
            return false;
        }
        let commit = commit_on(&git, &[main], path, &after, "owner");
        self.advance_main(&git, commit);
        true
    }

    fn advance_main(&self, git: &git2::Repository, commit: Oid) {
        let main = tip(git, "main").expect("main");
        let changed = changed_files(git, main, commit);
        git.reference("refs/heads/main", commit, true, "by a person").expect("moved");
        let mut index = git.index().expect("an index");
        index.read(true).expect("read");
        for path in changed {
            self.repo.write(&path, &text_at(git, commit, &path));
            index.add_path(Path::new(&path)).expect("added");
        }
        index.write().expect("written");
    }

    /// A proposal's branch, and the manifest that it is about.
    fn proposal(&self, git: &git2::Repository) -> Option<(String, String)> {
        let names = git.references_glob("refs/heads/bpctl/staging/*").expect("refs");
        let mut names: Vec<String> =
            names.flatten().filter_map(|found| found.name().ok().map(ToOwned::to_owned)).collect();
        names.sort();
        let most = u64::try_from(names.len()).expect("few");
        let name = (most > 0).then(|| names.swap_remove(usize::try_from(self.roll(most)).expect("small")))?;
        let blueprint = name.split('/').nth(4)?.to_owned();
        Some((name, format!("deploy/{blueprint}.yaml")))
    }

    /// Carol's commit on a proposal's branch, or instead of all that is on it.
    fn push(&self, forced: bool, edit: impl Fn(&str, &str) -> Option<(String, String)>) -> bool {
        let git = self.git();
        let Some((name, file)) = self.proposal(&git) else { return false };
        let on = if forced { tip(&git, "main") } else { git.refname_to_id(&name).ok() }.expect("a commit");
        let Some((path, text)) = edit(&file, &text_at(&git, on, &file)) else { return false };
        let commit = commit_on(&git, &[on], &path, &text, "carol");
        git.reference(&name, commit, true, "by a person").expect("moved");
        true
    }

    fn delete(&self) -> bool {
        let git = self.git();
        let Some((name, _)) = self.proposal(&git) else { return false };
        git.find_reference(&name).and_then(|mut found| found.delete()).is_ok()
    }

    fn merge_by_hand(&self) -> bool {
        let git = self.git();
        let Some((name, _)) = self.proposal(&git) else { return false };
        let (main, head) = (tip(&git, "main").expect("main"), git.refname_to_id(&name).expect("a head"));
        let Some(tree) = merged(&git, main, head) else { return false };
        let parents = [main, head].map(|id| git.find_commit(id).expect("a commit"));
        let tree = git.find_tree(tree).expect("a tree");
        let who = Signature::now("owner", "owner@shop.example").expect("a signature");
        let parents: Vec<_> = parents.iter().collect();
        let commit = git.commit(None, &who, &who, "by hand\n", &tree, &parents).expect("a commit");
        self.advance_main(&git, commit);
        true
    }

    /// Somebody answers a pull request, by the forge's own means.
    async fn answer(&self, who: Option<&str>, answer: Answer) -> Option<&'static str> {
        let key = who.map(|name| self.repo.folder.path().join(name));
        let session = match &key {
            Some(key) => self.session(Some(key)).await,
            None => self.session(None).await,
        };
        let open = session.forge.reading().pulls(PullFilter::Open).await.expect("pull requests");
        let most = u64::try_from(open.len()).expect("few");
        if most == 0 {
            return None;
        }
        let pull = &open[usize::try_from(self.roll(most)).expect("small")];
        let git = self.git();
        let changes = changes_of(&git, &pull.head);
        let forge = session.forge.writing().expect("the local forge");
        forge.answer(pull.number, &pull.head, answer, "looked at it").await.expect("answered");
        let mut state = self.state();
        match (answer, who) {
            (Answer::Approve, Some(_)) => {
                state.yes.push(Yes { pull: pull.number, changes });
                Some("approved")
            }
            (Answer::Approve, None) => Some("approved unsigned"),
            (Answer::Reject, _) => {
                state.no.insert(pull.number, (pull.head_branch.clone().expect("a branch"), changes));
                Some("rejected")
            }
        }
    }

    /// bpctl opened a pull request, or found it open: not what a person has just closed.
    pub fn opened(&self, number: u64, branch: &BranchName) {
        let git = self.git();
        let mut state = self.state();
        if state.opened.insert(number, branch.as_str().to_owned()).is_some() {
            return;
        }
        let Some(head) = tip(&git, branch.as_str()) else { return };
        let mut before = state.opened.iter().filter(|(other, of)| **other < number && *of == branch.as_str());
        let last = before.next_back().and_then(|(last, _)| state.no.get(last));
        if let Some((_, no)) = last {
            assert_ne!(*no, changes_of(&git, &head.to_string()), "#{number} is what a person said no to");
        }
    }

    /// What holds at any time.
    pub async fn holds(&self, when: &str, tally: &mut Tally) {
        let git = self.git();
        let mut walk = git.revwalk().expect("a walk");
        walk.push_ref("refs/heads/main").expect("main");
        walk.simplify_first_parent().expect("first parents");
        for id in walk.flatten() {
            if self.state().judged.insert(id)
                && let Some(number) = permitted(&git, id)
            {
                let how =
                    self.is_right(&git, id, number).unwrap_or_else(|why| panic!("{when}: {id} of #{number}: {why}"));
                tally.count(how);
            }
        }
        let forge = self.session(None).await.forge;
        let open = forge.reading().pulls(PullFilter::Open).await.expect("pull requests");
        let branches: BTreeSet<_> = open.iter().map(|pull| pull.head_branch.clone()).collect();
        assert_eq!(branches.len(), open.len(), "{when}: two proposals of one intent: {open:#?}");
        tally.add(std::mem::take(&mut self.state().tally));
    }

    /// Whether a merge of bpctl's is one that somebody may have permitted; what permitted it.
    fn is_right(&self, git: &git2::Repository, id: Oid, number: u64) -> Result<&'static str, String> {
        let commit = git.find_commit(id).map_err(|error| error.to_string())?;
        if commit.parent_count() != 2 {
            return Err("it is no merge".into());
        }
        let (base, head) = (commit.parent_id(0).expect("a parent"), commit.parent_id(1).expect("a parent"));
        if merged(git, base, head) != Some(commit.tree_id()) {
            return Err("its tree is not what base and head give".into());
        }
        let changes = changes(git, base, id);
        let of = |part: &str| {
            let mut names =
                changes.keys().filter_map(|key| Some(key.strip_prefix(part)?.split(['.', '/']).next()?.to_owned()));
            names.next()
        };
        let name = of("deploy/").ok_or_else(|| format!("it changes no manifest: {changes:?}"))?;
        let (manifest, blueprint) = (format!("deploy/{name}.yaml:"), format!("blueprints/{name}/blueprint.yaml:"));
        for (key, (from, to)) in &changes {
            let single = (key.starts_with(&manifest) && both(from, to, "replicas:"))
                || (key.starts_with(&blueprint) && both(from, to, "max_replicas:"));
            if !single {
                return Err(format!("it changes {key}, which the machine never merges"));
            }
        }
        let rules = text_at(git, base, &format!("blueprints/{name}/blueprint.yaml"));
        let to = changes.iter().find(|(key, _)| key.starts_with(&manifest)).map(|(_, (_, to))| number_of(to));
        let to = to.ok_or("it changes no replicas")?;
        let bound =
            |key: &str| rules.lines().find(|line| line.trim().starts_with(key)).map(number_of).expect("a bound");
        if changes.len() == 1 && (bound("min_replicas:")..=bound("max_replicas:")).contains(&to) {
            return Ok("allowed and merged");
        }
        let state = self.state();
        let yes = state.yes.iter().any(|yes| yes.pull == number && yes.changes == changes);
        if yes { Ok("approved and merged") } else { Err(format!("nobody approved {changes:?}")) }
    }

    /// What holds when nothing is under way any more.
    pub async fn is_whole(&self, when: &str) {
        self.repo.git(&["fsck", "--strict", "--no-dangling", "--no-progress"]);
        let dirty = self.repo.git(&["status", "--porcelain", "--", ":!clusters"]);
        assert_eq!(dirty, "", "{when}: the work tree");
        let entries = self.repo.ledger("staging");
        let ids: BTreeSet<String> = entries.iter().map(|entry| entry["id"].to_string()).collect();
        assert_eq!(ids.len(), entries.len(), "{when}: an event stands in the ledger twice");
        let times = |kind: &str, pull: u64| {
            entries.iter().filter(|entry| entry["event"]["kind"] == kind && entry["event"]["pull"] == pull).count()
        };
        let forge = self.session(None).await.forge;
        let all = PullFilter::UpdatedSince(bpctl_core::model::Timestamp::UNIX_EPOCH);
        for pull in forge.reading().pulls(all).await.expect("pull requests") {
            assert_eq!(times("proposed", pull.number), 1, "{when}: #{} in {entries:#?}", pull.number);
            let merges = usize::from(matches!(pull.state, PullState::Merged { .. }));
            assert_eq!(times("merged", pull.number), merges, "{when}: #{} in {entries:#?}", pull.number);
            let open = pull.state == PullState::Open;
            let checks = forge.reading().checks(&pull.head).await.expect("checks");
            assert!(!open || checks.iter().any(|check| check.name == "bpctl/verdict"), "{when}: #{}", pull.number);
        }
    }
}

fn both(from: &str, to: &str, key: &str) -> bool {
    from.starts_with(key) && to.starts_with(key)
}

/// The first number of a line.
fn number_of(line: &str) -> u64 {
    let digits: String = line.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

/// A text with another number behind a key.
fn with(text: &str, key: &str, to: u64) -> String {
    let line = |line: &str| match line.trim_start().strip_prefix(key).and_then(|rest| rest.strip_prefix(": ")) {
        Some(rest) => {
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{}{key}: {to}{rest}", &line[..line.len() - line.trim_start().len()])
        }
        None => line.to_owned(),
    };
    text.lines().map(line).map(|line| line + "\n").collect()
}

fn tip(git: &git2::Repository, branch: &str) -> Option<Oid> {
    git.refname_to_id(&format!("refs/heads/{branch}")).ok()
}

fn tree_of(git: &git2::Repository, commit: Oid) -> Tree<'_> {
    git.find_commit(commit).and_then(|commit| commit.tree()).expect("a tree")
}

fn text_at(git: &git2::Repository, commit: Oid, path: &str) -> String {
    let entry = tree_of(git, commit).get_path(Path::new(path)).expect("a file").id();
    String::from_utf8(git.find_blob(entry).expect("a blob").content().to_vec()).expect("UTF-8")
}

fn commit_on(git: &git2::Repository, parents: &[Oid], path: &str, text: &str, who: &str) -> Oid {
    let blob = git.blob(text.as_bytes()).expect("a blob");
    let tree =
        TreeUpdateBuilder::new().upsert(path, blob, FileMode::Blob).create_updated(git, &tree_of(git, parents[0]));
    let tree = git.find_tree(tree.expect("a tree")).expect("a tree");
    let parents: Vec<_> = parents.iter().map(|id| git.find_commit(*id).expect("a commit")).collect();
    let who = Signature::now(who, &format!("{who}@shop.example")).expect("a signature");
    git.commit(None, &who, &who, "a change\n", &tree, &parents.iter().collect::<Vec<_>>()).expect("a commit")
}

/// The tree that a merge gives; `None`: it has conflicts.
fn merged(git: &git2::Repository, base: Oid, head: Oid) -> Option<Oid> {
    let commit = |id| git.find_commit(id).expect("a commit");
    let mut index = git.merge_commits(&commit(base), &commit(head), None).ok()?;
    (!index.has_conflicts()).then(|| index.write_tree_to(git).expect("a tree"))
}

fn changed_files(git: &git2::Repository, from: Oid, to: Oid) -> Vec<String> {
    let diff = git.diff_tree_to_tree(Some(&tree_of(git, from)), Some(&tree_of(git, to)), None).expect("a diff");
    let path = |delta: git2::DiffDelta<'_>| delta.new_file().path().expect("a path").display().to_string();
    diff.deltas().map(path).collect()
}

fn changes(git: &git2::Repository, from: Oid, to: Oid) -> Changes {
    let mut found = Changes::new();
    for path in changed_files(git, from, to) {
        let text = |commit: Oid| {
            let entry = tree_of(git, commit).get_path(Path::new(&path)).ok().map(|entry| entry.id());
            let blob = entry.and_then(|id| git.find_blob(id).ok());
            blob.map(|blob| String::from_utf8_lossy(blob.content()).into_owned()).unwrap_or_default()
        };
        let (old, new) = (text(from), text(to));
        if old.lines().count() == new.lines().count() {
            for (number, (old, new)) in old.lines().zip(new.lines()).enumerate().filter(|(_, (old, new))| old != new) {
                found.insert(format!("{path}:{}", number + 1), (old.trim().to_owned(), new.trim().to_owned()));
            }
        } else {
            found.insert(path, (old, new));
        }
    }
    found
}

/// What a head brings, from where it left main.
fn changes_of(git: &git2::Repository, head: &str) -> Changes {
    let head: Oid = head.parse().expect("an id");
    let base = git.merge_base(tip(git, "main").expect("main"), head).expect("a common commit");
    changes(git, base, head)
}

/// The pull request of a merge that bpctl made.
fn permitted(git: &git2::Repository, id: Oid) -> Option<u64> {
    let commit = git.find_commit(id).expect("a commit");
    let message = commit.message().ok()?;
    let (_, rest) = message.split_once("Pull request ")?;
    rest.split_once(", permitted by bpctl")?.0.parse().ok()
}
