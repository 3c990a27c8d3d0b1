//! The query of a request, decoded, and the sub-resources hidden in it.

use crate::spelling;

/// Sub-resources that change what a request means. `x-id` is only a note of
/// the SDK, `versionId` and `partNumber` choose within the same verb.
const SUB_RESOURCES: [&str; 22] = [
    "acl",
    "annotation",
    "attributes",
    "cors",
    "delete",
    "encryption",
    "legal-hold",
    "lifecycle",
    "location",
    "logging",
    "notification",
    "object-lock",
    "policy",
    "publicAccessBlock",
    "replication",
    "restore",
    "retention",
    "tagging",
    "torrent",
    "uploads",
    "versioning",
    "versions",
];

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// None if a value is not UTF-8.
    pub(crate) fn parse(text: &str) -> Option<Query> {
        spelling::form_pairs(text).map(Query)
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let pair = self.0.iter().find(|(own, _)| own == name);
        pair.map(|(_, value)| value.as_str())
    }

    /// The value, unless it is empty: S3 takes an empty marker for none.
    pub(crate) fn filled(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether the request is about the object or bucket itself.
    pub(crate) fn is_bare(&self) -> bool {
        !SUB_RESOURCES.iter().any(|name| self.has(name))
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.0.retain(|(own, _)| own != name);
    }

    pub(crate) fn into_pairs(self) -> Vec<(String, String)> {
        self.0
    }
}
