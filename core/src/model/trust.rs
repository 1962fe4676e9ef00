//! Where a value came from, as a type: no pull request is judged by rules that it brings along (X5, T1).

/// The tip of the protected base branch, as an edge read it from the forge or the repository.
///
/// This is the witness without which no [`Trusted`] value exists. Only the edge that resolved the base branch may call
/// [`BaseTip::attest`]; clippy's disallowed-methods list refuses every other caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseTip {
    branch: String,
    commit: String,
}

impl BaseTip {
    /// States that `commit` is what the protected branch `branch` points to now. For the edges that read it, and for nobody else.
    pub fn attest(branch: impl Into<String>, commit: impl Into<String>) -> Self {
        Self { branch: branch.into(), commit: commit.into() }
    }

    /// The branch's short name, `main`.
    pub fn branch(&self) -> &str {
        &self.branch
    }

    /// The commit's full id.
    pub fn commit(&self) -> &str {
        &self.commit
    }
}

/// A value read from the protected base branch. It can be made only with a [`BaseTip`].
#[derive(Debug, Clone)]
pub struct Trusted<T> {
    value: T,
    tip: BaseTip,
}

impl<T> Trusted<T> {
    /// Marks a value that was read from blobs of this tip.
    pub fn from_base(tip: &BaseTip, value: T) -> Self {
        Self { value, tip: tip.clone() }
    }

    /// The value.
    pub fn get(&self) -> &T {
        &self.value
    }

    /// Where it was read.
    pub fn tip(&self) -> &BaseTip {
        &self.tip
    }

    /// A part of a trusted value is trusted.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Trusted<U> {
        Trusted { value: f(self.value), tip: self.tip }
    }
}

/// A value read from a proposed commit or a work tree. There is no way from here to [`Trusted`].
#[derive(Debug, Clone)]
pub struct Proposed<T> {
    value: T,
    commit: Option<String>,
}

impl<T> Proposed<T> {
    /// Marks a value that was read from this commit; `None` is the work tree.
    pub fn from_head(commit: Option<String>, value: T) -> Self {
        Self { value, commit }
    }

    /// The value.
    pub fn get(&self) -> &T {
        &self.value
    }

    /// The commit it was read from; `None` is the work tree.
    pub fn commit(&self) -> Option<&str> {
        self.commit.as_deref()
    }
}
