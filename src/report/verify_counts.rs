//! The counters of what was compared.

use crate::model::{ContentProof, Property, Verdict, VerifiedObject};

/// Counters of what was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifyCounts {
    /// Objects whose backup is equal.
    pub equal: u64,
    /// Objects whose backup is different.
    pub different: u64,
    /// Objects without a backup.
    pub missing: u64,
    /// Backups without an object.
    pub extra: u64,
    /// Those of them that no snapshot of the job names.
    pub foreign: u64,
    /// Objects of which nobody can tell.
    pub cannot_tell: u64,
    /// Objects, among the different and the missing, that were copied again.
    pub repaired: u64,
    /// Objects that were looked at one by one.
    pub deep: u64,
    /// How many of the different ones differ in each property.
    pub(super) by_property: [u64; Property::ALL.len()],
    /// How many of the equal ones each proof proves.
    pub(super) by_proof: [u64; ContentProof::ALL.len()],
}

impl VerifyCounts {
    pub(super) fn add(&mut self, compared: &VerifiedObject) {
        match &compared.verdict {
            Verdict::Equal(proof) => {
                self.equal += 1;
                for (count, known) in self.by_proof.iter_mut().zip(ContentProof::ALL) {
                    *count += u64::from(known == *proof);
                }
            }
            Verdict::Different(properties) => {
                self.different += 1;
                for (count, property) in self.by_property.iter_mut().zip(Property::ALL) {
                    *count += u64::from(properties.contains(&property));
                }
            }
            Verdict::Missing => self.missing += 1,
            Verdict::Extra { is_foreign } => {
                self.extra += 1;
                self.foreign += u64::from(*is_foreign);
            }
            Verdict::CannotTell(_) => self.cannot_tell += 1,
        }
        self.repaired += u64::from(compared.repaired.is_some());
        self.deep += u64::from(compared.deep);
    }

    pub(super) fn plus(self, other: Self) -> Self {
        let mut by_property = self.by_property;
        for (count, more) in by_property.iter_mut().zip(other.by_property) {
            *count += more;
        }
        let mut by_proof = self.by_proof;
        for (count, more) in by_proof.iter_mut().zip(other.by_proof) {
            *count += more;
        }
        Self {
            equal: self.equal + other.equal,
            different: self.different + other.different,
            missing: self.missing + other.missing,
            extra: self.extra + other.extra,
            foreign: self.foreign + other.foreign,
            cannot_tell: self.cannot_tell + other.cannot_tell,
            repaired: self.repaired + other.repaired,
            deep: self.deep + other.deep,
            by_property,
            by_proof,
        }
    }

    /// Objects whose backup is still not as it should be.
    pub fn wrong(self) -> u64 {
        (self.different + self.missing).saturating_sub(self.repaired)
    }
}
