//! Labels of proposals: a pull request is opened with them, in one request, so that nothing is left between the two (Z1). The server takes them by id;
//! those that it does not have are left out, and `bpctl doctor` names them: to make them is for people.

use std::collections::BTreeMap;

use super::wire::Label;
use super::{GiteaForge, Listing};
use crate::forge::ForgeError;

impl GiteaForge {
    /// The ids of those of these labels that are there.
    pub(super) async fn label_ids(&self, wanted: &[String]) -> Result<Vec<i64>, ForgeError> {
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let known = match self.labels().await {
            Ok(known) => known,
            // They are a courtesy: a proposal is opened without them.
            Err(ForgeError::Refused { .. }) => return Ok(Vec::new()),
            Err(other) => return Err(other),
        };
        Ok(wanted.iter().filter_map(|label| known.get(&label.to_lowercase()).copied()).collect())
    }

    /// Those of these labels that are not there.
    pub(super) async fn labels_without(&self, wanted: &[String]) -> Result<Vec<String>, ForgeError> {
        let known = self.labels().await?;
        Ok(wanted.iter().filter(|label| !known.contains_key(&label.to_lowercase())).cloned().collect())
    }

    /// The repository's labels, and those of the organisation that owns it, by their names.
    async fn labels(&self) -> Result<BTreeMap<String, i64>, ForgeError> {
        let attempt = format!("list the labels of {}", self.name());
        let own = self.path(&["labels"]);
        let mut all = self.labels_at(&attempt, &own).await?;
        let org = ["orgs", self.owner.as_str(), "labels"];
        match self.labels_at(&attempt, &org).await {
            Ok(shared) => {
                for (name, id) in shared {
                    all.entry(name).or_insert(id);
                }
            }
            // The owner is a person, or shows its labels to members alone.
            Err(ForgeError::Refused { status: 403 | 404, .. }) => {}
            Err(other) => return Err(other),
        }
        Ok(all)
    }

    async fn labels_at(&self, attempt: &str, path: &[&str]) -> Result<BTreeMap<String, i64>, ForgeError> {
        let listing = Listing { attempt, path, query: &[], hides: false };
        let found = self.api.list(listing, |label: &Label| label.id.to_string()).await?;
        Ok(found.into_iter().map(|label| (label.name.to_lowercase(), label.id)).collect())
    }
}
