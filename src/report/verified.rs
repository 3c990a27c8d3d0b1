//! What a verification has found: counters, and a bounded list of what is not as it should be.
//!
//! The law: found = equal + different + missing + cannot tell + skipped + vanished + errors. What is
//! extra was found in no source, and what is repaired stays what it was found to be.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Totals, VerifyCounts};
use crate::model::{
    BucketName, ContentProof, Property, SampleShare, Verdict, VerifiedObject, count, objects,
};
use crate::plan::Check;

/// Rows that a result shows, at most.
const MOST_ROWS: usize = 100;
/// What the rows may take as JSON that tell of doubts and of what is extra: no failure has to stand
/// back for them.
const MOST_BYTES_OF_HINTS: usize = 10 * 1024;

/// Why an extra backup is foreign.
const FOREIGN: &str = "no snapshot of this job says that it has made this backup";

/// The rows that a report keeps.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    /// Entries of what is different or missing.
    wrong: Vec<FindingRow>,
    /// Entries of doubts and extra objects: shown where there is room.
    hints: Vec<FindingRow>,
    bytes_of_hints: usize,
}

impl Findings {
    /// Keeps a row, if it says anything and fits into so many bytes. Those that it takes of them.
    pub fn add(
        &mut self,
        destination: &BucketName,
        compared: &VerifiedObject,
        room: usize,
    ) -> usize {
        let row = || {
            let row = FindingRow::new(destination, compared);
            let size = serde_json::to_string(&row).map_or(usize::MAX / 2, |json| json.len());
            (row, size)
        };
        match compared.verdict {
            Verdict::Different(_) | Verdict::Missing if self.wrong.len() < MOST_ROWS => {
                let (row, size) = row();
                if size <= room {
                    self.wrong.push(row);
                    return size;
                }
            }
            Verdict::Extra { .. } | Verdict::CannotTell(_) if self.hints.len() < MOST_ROWS => {
                let (row, size) = row();
                if self.bytes_of_hints + size <= MOST_BYTES_OF_HINTS {
                    self.bytes_of_hints += size;
                    self.hints.push(row);
                }
            }
            Verdict::Equal(_)
            | Verdict::Different(_)
            | Verdict::Missing
            | Verdict::Extra { .. }
            | Verdict::CannotTell(_) => {}
        }
        0
    }
}

/// The part of a result that tells of a verification.
#[derive(Clone, Debug, Serialize)]
pub struct VerifiedBlock {
    deep: bool,
    sample: Option<String>,
    part: Option<u16>,
    #[serde(flatten)]
    counts: VerifiedCounts,
    /// How many of the equal ones each proof proves.
    proof: BTreeMap<&'static str, u64>,
    different_by_property: BTreeMap<&'static str, u64>,
    objects: Vec<FindingRow>,
    objects_omitted: u64,
}

/// The counters, of one destination or of all.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct VerifiedCounts {
    equal: u64,
    different: u64,
    missing: u64,
    extra: u64,
    /// Those of the extra that no snapshot of the job names.
    foreign: u64,
    cannot_tell: u64,
    repaired: u64,
    /// Different or missing, and not repaired.
    wrong: u64,
    compared_deep: u64,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct FindingRow {
    key: String,
    destination: String,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'static str>,
    repaired: bool,
}

impl FindingRow {
    pub(super) fn new(destination: &BucketName, compared: &VerifiedObject) -> Self {
        let (properties, why) = match &compared.verdict {
            Verdict::Different(properties) => (properties.as_slice(), None),
            Verdict::CannotTell(doubt) => (&[][..], Some(doubt.why())),
            Verdict::Extra { is_foreign: true } => (&[][..], Some(FOREIGN)),
            Verdict::Equal(_) | Verdict::Missing | Verdict::Extra { .. } => (&[][..], None),
        };
        Self {
            key: compared.key.as_str().to_owned(),
            destination: destination.to_string(),
            verdict: compared.verdict.name(),
            properties: properties.iter().map(|property| property.name()).collect(),
            why,
            repaired: compared.repaired.is_some(),
        }
    }

    /// In the order of their keys, not in that in which they were found.
    fn by_key(rows: &[Self]) -> Vec<Self> {
        let mut rows = rows.to_vec();
        rows.sort_by(|one, other| {
            (&one.key, &one.destination).cmp(&(&other.key, &other.destination))
        });
        rows
    }
}

impl VerifiedBlock {
    /// Leaves a quarter of the objects out; false if none is named.
    pub(super) fn is_cut(&mut self) -> bool {
        let last = self.objects.len().div_ceil(4);
        self.objects.truncate(self.objects.len() - last);
        self.objects_omitted += last as u64;
        last > 0
    }

    pub(super) fn new(check: Check, counts: VerifyCounts, findings: &Findings) -> Self {
        let sample = check.deep.filter(|share| !share.is_whole());
        let rows = [&findings.wrong, &findings.hints].into_iter();
        let mut objects: Vec<FindingRow> = rows.flat_map(|rows| FindingRow::by_key(rows)).collect();
        objects.truncate(MOST_ROWS);
        let found = counts.different + counts.missing + counts.extra + counts.cannot_tell;
        let by_property = Property::ALL.iter().zip(counts.by_property);
        Self {
            deep: check.deep.is_some(),
            sample: sample.map(|share| format!("1/{}", share.of())),
            part: sample.map(SampleShare::part),
            counts: counts.into(),
            proof: ContentProof::ALL
                .iter()
                .zip(counts.by_proof)
                .filter(|(_, count)| *count > 0)
                .map(|(proof, count)| (proof.name(), count))
                .collect(),
            different_by_property: by_property
                .filter(|(_, count)| *count > 0)
                .map(|(property, count)| (property.name(), count))
                .collect(),
            objects_omitted: found - objects.len() as u64,
            objects,
        }
    }

    /// Objects whose backup is still not as it should be.
    pub fn wrong(&self) -> u64 {
        let counts = &self.counts;
        (counts.different + counts.missing).saturating_sub(counts.repaired)
    }

    /// What was found, in words: the key, and what is the matter with it.
    pub fn findings(&self) -> impl Iterator<Item = (&str, String)> {
        self.objects.iter().map(|row| {
            let mut what = row.verdict.replace('_', " ");
            if !row.properties.is_empty() {
                what = format!("{what} ({})", row.properties.join(", "));
            }
            if let Some(why) = row.why {
                what = format!("{what}: {why}");
            }
            if row.repaired {
                what.push_str(", repaired");
            }
            (row.key.as_str(), what)
        })
    }

    /// What was found and is in no row.
    pub fn omitted(&self) -> u64 {
        self.objects_omitted
    }

    /// What was compared, in a few words for people.
    pub fn fact(&self) -> String {
        let VerifiedCounts {
            equal,
            different,
            missing,
            extra,
            cannot_tell,
            repaired,
            compared_deep,
            ..
        } = self.counts;
        let named = [
            (equal, "equal"),
            (different, "different"),
            (missing, "missing"),
            (extra, "extra"),
            (cannot_tell, "cannot be told"),
            (repaired, "repaired"),
        ];
        let named = named
            .into_iter()
            .filter(|(number, name)| *number > 0 || *name == "equal");
        let named: Vec<String> = named
            .map(|(number, name)| format!("{} {name}", count(number)))
            .collect();
        format!(
            "{}; {} compared one by one",
            named.join(", "),
            count(compared_deep)
        )
    }
}

impl From<VerifyCounts> for VerifiedCounts {
    fn from(counts: VerifyCounts) -> Self {
        Self {
            equal: counts.equal,
            different: counts.different,
            missing: counts.missing,
            extra: counts.extra,
            foreign: counts.foreign,
            cannot_tell: counts.cannot_tell,
            repaired: counts.repaired,
            wrong: counts.wrong(),
            compared_deep: counts.deep,
        }
    }
}

/// One sentence that says it all: "Verified 5 objects: 5 equal".
pub(super) fn message(check: Check, totals: &Totals, whole: bool) -> String {
    let counts = totals.verified;
    let found = objects(totals.found);
    let lead = match (counts.wrong(), totals.errors, whole) {
        (0, 0, true) => format!("Verified {found}:"),
        (0, _, _) => format!("Verification incomplete: {found},"),
        (_, _, _) => format!("Backup differs: {found},"),
    };
    let errors = if totals.errors == 1 {
        "error"
    } else {
        "errors"
    };
    let others = [
        (counts.different, "different"),
        (counts.missing, "missing"),
        (counts.repaired, "repaired"),
        (counts.cannot_tell, "cannot be told"),
        (totals.skipped, "skipped"),
        (totals.vanished, "vanished"),
        (totals.errors, errors),
        (counts.extra - counts.foreign, "extra in the backup"),
        (counts.foreign, "foreign in the backup"),
    ];
    let others = others.into_iter().filter(|(number, _)| *number > 0);
    let others = others.map(|(number, what)| format!(", {} {what}", count(number)));
    let sampled = check.deep.filter(|share| !share.is_whole()).map(|share| {
        let (part, of) = (share.part(), share.of());
        format!("; {} of part {part} of {of} one by one", counts.deep)
    });
    let rest: String = others.chain(sampled).collect();
    format!("{lead} {} equal{rest}", count(counts.equal))
}

#[cfg(test)]
mod tests {
    use super::super::Report;
    use super::super::tests::{failure, report};
    use super::*;
    use crate::diff::SkipReason;
    use crate::model::{Doubt, Key, Timestamp};
    use crate::outcome::Outcome;
    use crate::s3::Requests;

    fn verifying(check: Check, destinations: &str) -> Report {
        Report {
            check: Some(check),
            ..report(destinations)
        }
    }

    fn listings() -> Check {
        Check {
            deep: None,
            repair: false,
        }
    }

    fn compared(key: &str, verdict: Verdict) -> VerifiedObject {
        VerifiedObject {
            key: Key::new(key),
            listed: 1,
            verdict,
            deep: false,
            repaired: None,
        }
    }

    fn every_outcome() -> [Outcome; 11] {
        let different = Verdict::Different(vec![Property::Metadata, Property::Tags]);
        [
            Outcome::Verified(compared("equal", Verdict::Equal(ContentProof::Md5))),
            Outcome::Verified(VerifiedObject {
                deep: true,
                ..compared("different", different.clone())
            }),
            Outcome::Verified(VerifiedObject {
                deep: true,
                repaired: Some(9),
                ..compared("repaired", different)
            }),
            Outcome::Verified(compared("missing", Verdict::Missing)),
            Outcome::Verified(compared("extra", Verdict::Extra { is_foreign: false })),
            Outcome::Verified(compared("foreign", Verdict::Extra { is_foreign: true })),
            Outcome::Verified(compared("doubtful", Verdict::CannotTell(Doubt::NoProof))),
            Outcome::Skipped {
                listed: 1,
                reason: SkipReason::Excluded,
            },
            Outcome::Vanished { listed: 1 },
            Outcome::Failed {
                listed: 1,
                failure: failure(Some("failed")),
            },
            Outcome::End,
        ]
    }

    fn finish(report: &Report) -> super::super::Summary {
        let requests = Requests {
            list: 2,
            copy: 1,
            head: 4,
            thaw: 0,
        };
        report.finish(Timestamp::from_millis(1_795_226_401_753), requests, None)
    }

    #[test]
    fn the_result_is_the_one_in_the_golden_file() {
        let check = Check {
            deep: SampleShare::new(7, 30),
            repair: true,
        };
        let report = every_outcome()
            .into_iter()
            .fold(verifying(check, "backup"), |report, outcome| {
                report.with(0, outcome)
            });

        let json = serde_json::to_string_pretty(&finish(&report)).unwrap();

        let golden = include_str!("../../tests/golden/result-verify.json");
        assert_eq!(json, golden.trim_end());
    }

    #[test]
    fn the_message_says_it_all() {
        let equal = || Outcome::Verified(compared("k", Verdict::Equal(ContentProof::Md5)));
        let missing = || Outcome::Verified(compared("k", Verdict::Missing));
        let repaired = || {
            Outcome::Verified(VerifiedObject {
                repaired: Some(1),
                ..compared("k", Verdict::Missing)
            })
        };
        let doubtful = || Outcome::Verified(compared("k", Verdict::CannotTell(Doubt::ListedETags)));
        let extra = || Outcome::Verified(compared("k", Verdict::Extra { is_foreign: false }));
        let failed = || Outcome::Failed {
            listed: 1,
            failure: failure(Some("k")),
        };
        let cases = [
            (vec![equal()], "Verified 1 object: 1 equal"),
            (
                vec![equal(), doubtful(), extra()],
                "Verified 2 objects: 1 equal, 1 cannot be told, 1 extra in the backup",
            ),
            (
                vec![equal(), missing()],
                "Backup differs: 2 objects, 1 equal, 1 missing",
            ),
            (
                vec![repaired()],
                "Verified 1 object: 0 equal, 1 missing, 1 repaired",
            ),
            (
                vec![equal(), failed()],
                "Verification incomplete: 2 objects, 1 equal, 1 error",
            ),
        ];

        for (outcomes, message) in cases {
            let report = outcomes
                .into_iter()
                .fold(verifying(listings(), "backup"), |report, outcome| {
                    report.with(0, outcome)
                });

            assert_eq!(finish(&report).message(), message);
        }
    }

    #[test]
    fn what_is_wrong_is_shown_before_what_is_only_in_doubt() {
        let doubts = (0..500).map(|n| {
            let doubt = Verdict::CannotTell(Doubt::ListedETags);
            compared(&format!("doubt {n}"), doubt)
        });
        let missing = (0..99).map(|n| compared(&format!("missing {n}"), Verdict::Missing));
        let report = doubts
            .chain(missing)
            .map(Outcome::Verified)
            .fold(verifying(listings(), "backup"), |report, outcome| {
                report.with(0, outcome)
            });

        let summary = finish(&report);
        let shown: Vec<_> = summary.verified().unwrap().findings().collect();

        assert_eq!(shown.len(), 100);
        assert!(shown[..99].iter().all(|(_, what)| what == "missing"));
        assert_eq!(summary.verified().unwrap().omitted(), 499);
    }

    #[test]
    fn the_result_stays_below_200_kib_whatever_the_keys() {
        let worst = "\u{1}".repeat(1024);
        let outcomes = (0..300).map(|n| match n % 3 {
            0 => Outcome::Verified(compared(&worst, Verdict::Missing)),
            1 => Outcome::Verified(compared(&worst, Verdict::Extra { is_foreign: false })),
            _ => Outcome::Failed {
                listed: 0,
                failure: failure(Some(&worst)),
            },
        });
        let report = outcomes.fold(verifying(listings(), "backup"), |report, outcome| {
            report.with(0, outcome)
        });

        let json = finish(&report).to_json().unwrap();

        assert!(json.len() < 176 * 1024, "{}", json.len());
    }
}
