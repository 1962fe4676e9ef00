//! Who pushed the head last, from what the server recorded about exactly this commit (T27).

use bpctl_core::model::Timestamp;
use bpctl_core::observe::{Known, UnknownCode};

use super::wire::{Activity, Event, PushContent, PushEvent, User};

/// What is known about the pushes of one pull request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pushes<'a> {
    /// The commit in question.
    pub(super) head: &'a str,
    /// When the pull request was opened.
    pub(super) opened_at: Timestamp,
    /// Its author's id.
    pub(super) author: Option<i64>,
    /// Its timeline, whole, in any order.
    pub(super) timeline: &'a [Event],
    /// The newest entry of the activity feed for its branch, where there is one.
    pub(super) newest: Option<&'a Activity>,
}

impl Pushes<'_> {
    /// Who pushed the head.
    ///
    /// The timeline's entries for later pushes name the pusher. The first entry, and the one that replaces all others
    /// when the target branch is changed, name whoever did that instead and are passed over. The feed names pushers too,
    /// from the branch's creation on, but hides those who keep their activity private: an entry counts only if it led to
    /// this very commit.
    pub(super) fn last(self) -> Known<User> {
        let mut pushes: Vec<&Event> = self.timeline.iter().filter(|event| event.kind == "pull_push").collect();
        pushes.sort_by_key(|event| event.id);
        if let Some((position, last)) = pushes.iter().enumerate().next_back()
            && !self.made_up(position, last)
            && after(last).as_deref() == Some(self.head)
        {
            return named(last.user.as_ref());
        }
        match self.newest {
            Some(entry) if head_of(entry).as_deref() == Some(self.head) => named(entry.act_user.as_ref()),
            Some(_) => {
                Known::unknown(UnknownCode::Stale, "the forge records the last push of the branch as leading elsewhere")
            }
            None => Known::unknown(
                UnknownCode::NotObserved,
                "the forge records no push of this head; a new push would be recorded",
            ),
        }
    }

    fn made_up(&self, position: usize, push: &Event) -> bool {
        let near = |a: Timestamp, b: Timestamp| a.duration_since(b).as_secs().abs() <= 2;
        let poster = push.user.as_ref().map(|user| user.id);
        let at_opening = position == 0 && poster == self.author && near(push.created_at, self.opened_at);
        let at_retargeting = self.timeline.iter().any(|event| {
            let same = event.user.as_ref().map(|user| user.id) == poster;
            event.kind == "change_target_branch"
                && same
                && event.id < push.id
                && near(push.created_at, event.created_at)
        });
        at_opening || at_retargeting
    }
}

/// The commit that a push led to.
fn after(push: &Event) -> Option<String> {
    let event: PushEvent = serde_json::from_str(&push.body).ok()?;
    let mut commits = event.commit_ids?;
    if event.is_force_push && commits.len() != 2 {
        return None;
    }
    commits.pop()
}

/// The commit that a push in the feed led to.
pub(super) fn head_of(entry: &Activity) -> Option<String> {
    Some(serde_json::from_str::<PushContent>(&entry.content).ok()?.head?.sha)
}

fn named(user: Option<&User>) -> Known<User> {
    match user {
        Some(user) => Known::Known(user.clone()),
        None => Known::unknown(UnknownCode::Incomplete, "the account that pushed the head is gone"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: i64) -> User {
        User { id, login: format!("u{id}"), email: String::new() }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn event(id: i64, kind: &str, by: i64, seconds: i64, body: &str) -> Event {
        Event { id, kind: kind.into(), user: Some(user(by)), body: body.into(), created_at: at(seconds) }
    }

    fn feed(by: i64, head: &str) -> Activity {
        let content = format!(r#"{{"Commits":[],"HeadCommit":{{"Sha1":"{head}"}},"Len":1}}"#);
        Activity {
            id: 1,
            op_type: "commit_repo".into(),
            act_user: Some(user(by)),
            ref_name: String::new(),
            content,
            created: at(5),
        }
    }

    fn last(timeline: &[Event], newest: Option<&Activity>) -> Option<i64> {
        Pushes { head: "bbb", opened_at: at(10), author: Some(1), timeline, newest }.last().known().map(|user| user.id)
    }

    #[test]
    fn t27_the_entry_made_up_at_the_opening_is_not_believed() {
        let opening = [event(1, "pull_push", 1, 10, r#"{"is_force_push":false,"commit_ids":["aaa","bbb"]}"#)];
        assert_eq!(last(&opening, None), None);
        assert_eq!(last(&opening, Some(&feed(7, "bbb"))), Some(7));
        assert_eq!(last(&opening, Some(&feed(7, "aaa"))), None);
    }

    #[test]
    fn t27_a_later_push_names_its_pusher() {
        let timeline = [
            event(2, "pull_push", 3, 90, r#"{"is_force_push":false,"commit_ids":["bbb"]}"#),
            event(1, "pull_push", 1, 10, r#"{"is_force_push":false,"commit_ids":["aaa"]}"#),
        ];
        assert_eq!(last(&timeline, None), Some(3));
        let forced = [event(2, "pull_push", 4, 90, r#"{"is_force_push":true,"commit_ids":["aaa","bbb"]}"#)];
        assert_eq!(last(&forced, Some(&feed(1, "aaa"))), Some(4));
        let elsewhere = [event(2, "pull_push", 4, 90, r#"{"is_force_push":true,"commit_ids":["bbb","aaa"]}"#)];
        assert_eq!(last(&elsewhere, None), None);
    }

    #[test]
    fn t27_the_entry_made_up_at_a_change_of_target_is_not_believed() {
        let timeline = [
            event(5, "change_target_branch", 6, 200, ""),
            event(6, "pull_push", 6, 200, r#"{"is_force_push":false,"commit_ids":["bbb"]}"#),
        ];
        assert_eq!(last(&timeline, None), None);
        assert_eq!(last(&timeline, Some(&feed(2, "bbb"))), Some(2));
    }
}
