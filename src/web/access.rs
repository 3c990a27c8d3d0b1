//! The rights of a caller: a role, in some folders. Pure.
//!
//! A folder outside those of a caller is not there: it is not listed, not searched, and asking for it by name
//! has the same answer as for one that does not exist.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::answer::Refusal;
use super::names::child_folder;
use crate::request::Person;

/// What a caller may do. Each can do what those before it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Look, preview and download.
    Viewer,
    /// Put back, and undo what he or she has put back.
    Restorer,
    /// Put back any amount, and undo what anybody has put back.
    Admin,
}

/// The groups that are known without a setting.
const GROUPS: [(&str, Role); 3] = [
    ("s3-backup-viewers", Role::Viewer),
    ("s3-backup-restorers", Role::Restorer),
    ("s3-backup-admins", Role::Admin),
];

/// A role below a folder, whose path ends with `/`, or is empty for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    role: Role,
    folder: String,
}

/// A text that gives no rights to a group.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{grant:?} {problem}")]
pub struct AccessError {
    grant: String,
    problem: &'static str,
}

/// What each group may do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Access(BTreeMap<String, Vec<Grant>>);

/// The caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// None on the machine of an operator.
    pub person: Option<Person>,
    grants: Vec<Grant>,
}

impl Role {
    fn parse(text: &str) -> Option<Self> {
        let roles = [
            ("viewer", Self::Viewer),
            ("restorer", Self::Restorer),
            ("admin", Self::Admin),
        ];
        roles
            .into_iter()
            .find_map(|(name, role)| (name == text).then_some(role))
    }
}

impl Access {
    /// The groups that are known without a setting, and those of `group=role:folder/`, separated by commas. A
    /// group that is named there has what is said there and nothing else; without a folder it is all of them.
    ///
    /// # Errors
    /// The mistake in the text.
    pub fn parse(text: &str) -> Result<Self, AccessError> {
        let mut groups: BTreeMap<String, Vec<Grant>> = BTreeMap::new();
        let pieces = text
            .split(',')
            .map(str::trim)
            .filter(|piece| !piece.is_empty());
        for piece in pieces {
            let wrong = |problem| AccessError {
                grant: piece.to_owned(),
                problem,
            };
            let (group, rest) = piece
                .split_once('=')
                .ok_or_else(|| wrong("is no group=role:folder/"))?;
            if !is_group(group) {
                return Err(wrong("names no group of letters, digits, _ and -"));
            }
            let (role, folder) = rest.split_once(':').unwrap_or((rest, ""));
            let role =
                Role::parse(role).ok_or_else(|| wrong("has no role: viewer, restorer, admin"))?;
            if rest.contains(':') && !folder.ends_with('/') {
                return Err(wrong("has a folder that does not end with /"));
            }
            let folder = folder.to_owned();
            groups
                .entry(group.to_owned())
                .or_default()
                .push(Grant { role, folder });
        }
        for (group, role) in GROUPS {
            let folder = String::new();
            groups
                .entry(group.to_owned())
                .or_insert_with(|| vec![Grant { role, folder }]);
        }
        Ok(Self(groups))
    }

    /// The person, with what the groups may do.
    ///
    /// # Errors
    /// When they may do nothing.
    pub fn caller(&self, person: Person, groups: &[String]) -> Result<Caller, Refusal> {
        let grants = groups.iter().filter_map(|group| self.0.get(group));
        let caller = Caller {
            person: Some(person),
            grants: grants.flatten().cloned().collect(),
        };
        if caller.grants.is_empty() {
            return Err(Refusal::forbidden(
                "you are in no group that may use this page; ask an administrator to add you to one",
            ));
        }
        Ok(caller)
    }
}

/// Whether a name of a group can be told from several names: a list of them arrives with blanks between.
pub fn is_group(name: &str) -> bool {
    let usual = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    !name.is_empty() && name.chars().all(usual)
}

impl Caller {
    /// Whoever has the credentials of this machine.
    pub fn operator() -> Self {
        let all = Grant {
            role: Role::Admin,
            folder: String::new(),
        };
        Self {
            person: None,
            grants: vec![all],
        }
    }

    /// The most that he or she may do anywhere.
    pub fn role(&self) -> Role {
        let roles = self.grants.iter().map(|grant| grant.role);
        roles.max().unwrap_or(Role::Viewer)
    }

    /// Whether all below this path, or just the file of that path, may be treated so.
    pub fn may(&self, role: Role, path: &str) -> bool {
        let mut grants = self.grants.iter();
        grants.any(|grant| grant.role >= role && path.starts_with(&grant.folder))
    }

    /// Whether a file, or all of a folder, may be seen.
    pub fn sees(&self, path: &str) -> bool {
        self.may(Role::Viewer, path)
    }

    /// Whether a file may be seen.
    ///
    /// # Errors
    /// That it is not there, if not: nobody learns whether it is.
    pub fn look_at(&self, path: &str) -> Result<(), Refusal> {
        let refuse = || Refusal::not_found("there is no such file in the backup");
        self.sees(path).then_some(()).ok_or_else(refuse)
    }

    /// Whether a file, or all of a folder, may be put back.
    ///
    /// # Errors
    /// When it may not, or may not even be seen.
    pub fn put_back(&self, path: &str) -> Result<(), Refusal> {
        self.look_at(path)?;
        let refuse =
            || Refusal::forbidden("you may look at this and not put it back; ask an administrator");
        self.may(Role::Restorer, path)
            .then_some(())
            .ok_or_else(refuse)
    }

    /// The folders right below a folder that lead to what may be seen, if not all of it may.
    ///
    /// # Errors
    /// When nothing of it may be seen.
    pub fn ways_below(&self, folder: &str) -> Result<Option<BTreeSet<String>>, Refusal> {
        if self.sees(folder) {
            return Ok(None);
        }
        let grants = self.grants.iter();
        let ways = grants.filter_map(|grant| child_folder(&grant.folder, folder));
        let ways: BTreeSet<String> = ways.map(str::to_owned).collect();
        if ways.is_empty() {
            return Err(Refusal::not_found("there is no such folder in the backup"));
        }
        Ok(Some(ways))
    }

    /// Whether anything may be seen of the paths from the first to the last.
    pub fn sees_between(&self, first: &str, last: &str) -> bool {
        let mut grants = self.grants.iter();
        grants.any(|grant| {
            let folder = grant.folder.as_str();
            last >= folder && (first < folder || first.starts_with(folder))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(access: &str, groups: &[&str]) -> Result<Caller, Refusal> {
        let person = Person {
            sub: "1".to_owned(),
            email: None,
        };
        let groups: Vec<String> = groups.iter().map(|group| (*group).to_owned()).collect();
        Access::parse(access).unwrap().caller(person, &groups)
    }

    #[test]
    fn the_three_groups_may_what_their_names_say_everywhere() {
        let viewer = caller("", &["s3-backup-viewers"]).unwrap();
        assert!(viewer.sees("a/b") && !viewer.may(Role::Restorer, "a/b"));
        let restorer = caller("", &["s3-backup-restorers", "others"]).unwrap();
        assert!(restorer.may(Role::Restorer, "a") && !restorer.may(Role::Admin, "a"));
        let admin = caller("", &["s3-backup-viewers", "s3-backup-admins"]).unwrap();
        assert_eq!(admin.role(), Role::Admin);
        assert!(caller("", &["others", "S3-backup-admins"]).is_err());
        assert!(caller("", &[]).is_err());
    }

    #[test]
    fn a_setting_narrows_a_group_to_folders() {
        let access = "team-a=restorer:team-a/, team-a=viewer:shared/x/,s3-backup-admins=admin:b/";
        let team = caller(access, &["team-a"]).unwrap();

        assert!(team.put_back("team-a/f").is_ok());
        assert!(team.put_back("team-a").is_err() && !team.sees("team-ab/f"));
        assert!(team.sees("shared/x/f") && team.put_back("shared/x/f").is_err());
        assert!(!team.sees("") && !team.sees("shared/"));
        let ways = |folder| team.ways_below(folder).map(|ways| ways.map(Vec::from_iter));
        let top = vec!["shared/".to_owned(), "team-a/".to_owned()];
        assert_eq!(ways(""), Ok(Some(top)));
        assert_eq!(ways("shared/"), Ok(Some(vec!["shared/x/".to_owned()])));
        assert_eq!(ways("team-a/d/"), Ok(None));
        assert!(ways("team-b/").is_err());
        let admin = caller(access, &["s3-backup-admins"]).unwrap();
        assert!(admin.sees("b/1") && !admin.sees("a"));
    }

    #[test]
    fn a_range_of_keys_is_looked_through_if_something_of_it_may_be_seen() {
        let team = caller("t=viewer:m/", &["t"]).unwrap();

        assert!(team.sees_between("a", "z") && team.sees_between("m/1", "m/2"));
        assert!(team.sees_between("a", "m/0") && team.sees_between("m/9", "z"));
        assert!(!team.sees_between("a", "b") && !team.sees_between("n", "z"));
    }

    #[test]
    fn a_wrong_setting_is_refused_with_the_piece_that_is_wrong() {
        let wrong = [
            "team",
            "team a=viewer",
            "t=reader",
            "t=viewer:x",
            "=viewer",
            "t=viewer:",
        ];
        for text in wrong {
            let problem = Access::parse(text).unwrap_err();
            assert_eq!(problem.grant, text, "{problem}");
        }
    }
}
