//! What one look at an object and one at its backup prove: pure functions.
//!
//! Content is equal if anything proves it: a checksum over the whole that both have, the same ETag, or
//! that there is none. It is different if anything proves that, other ETags of the same parts included. Everything that can be compared is, for
//! a CRC is no protection against those who can choose what they write.

use crate::config::{ClassRule, CopyRules, Redirects};
use crate::model::{ContentProof, HeadDetails, Object, Property, StorageClass};
use crate::snapshot::RowRef;

/// The knowledge of the content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// It is the same, which this proves.
    Same(ContentProof),
    /// It is not, by these.
    Differs(Vec<Property>),
    /// The ETags differ: so does the content, if both have the same parts. If not, this proves that it is
    /// the same.
    OfParts(u32, Option<ContentProof>),
    /// Nobody knows.
    Unknown,
}

/// Compares the content.
pub fn content(source: &HeadDetails, backup: &HeadDetails) -> Content {
    let (object, copy) = (&source.properties.object, &backup.properties.object);
    if object.size != copy.size {
        return Content::Differs(vec![Property::Size]);
    }
    let comparable = source.etag_is_of_content && backup.etag_is_of_content;
    let in_parts = object.etag.is_multipart() || copy.etag.is_multipart();
    let same_etag = object.etag == copy.etag;
    let same_checksum = checksums_agree(source, backup);
    let mut differs = Vec::new();
    if comparable && !in_parts && !same_etag {
        differs.push(Property::ETag);
    }
    if same_checksum == Some(false) {
        differs.push(Property::Checksum);
    }
    if !differs.is_empty() {
        return Content::Differs(differs);
    }
    let proofs = [
        same_etag.then(|| ContentProof::of_etag(&object.etag)),
        (same_checksum == Some(true)).then(|| proof_by_checksum(source, backup)),
        (object.size == 0).then_some(ContentProof::Empty),
    ];
    let strongest = ContentProof::ALL
        .into_iter()
        .find(|proof| proofs.contains(&Some(*proof)));
    match (object.etag.parts(), copy.etag.parts()) {
        (Some(parts), Some(others)) if comparable && parts == others && !same_etag => {
            Content::OfParts(parts, strongest)
        }
        (Some(_) | None, _) => strongest.map_or(Content::Unknown, Content::Same),
    }
}

/// What proves that the content is the same, of the checksums that agree.
fn proof_by_checksum(source: &HeadDetails, backup: &HeadDetails) -> ContentProof {
    let (ours, theirs) = (&source.checksums, &backup.checksums);
    let is_common = |proof: &ContentProof| {
        let mut names = ours.values.keys();
        let known = |name: &&&str| name.eq_ignore_ascii_case(proof.name());
        names
            .find(known)
            .is_some_and(|name| theirs.values.contains_key(name))
    };
    let mut all = ContentProof::ALL.into_iter();
    let strongest = if ours.full { all.find(is_common) } else { None };
    strongest.unwrap_or(ContentProof::ChecksumOfParts)
}

/// Whether the checksums that both have are equal; none if they prove nothing. Other checksums of parts
/// may be those of other parts.
fn checksums_agree(source: &HeadDetails, backup: &HeadDetails) -> Option<bool> {
    let (ours, theirs) = (&source.checksums, &backup.checksums);
    let whole = ours.full && theirs.full;
    let common = ours.values.iter().filter_map(|(algorithm, value)| {
        let other = theirs.values.get(algorithm)?;
        Some(value == other)
    });
    let agree = common.fold(None, |agree: Option<bool>, equal| {
        Some(agree.unwrap_or(true) && equal)
    });
    agree.filter(|equal| whole || (*equal && ours.full == theirs.full))
}

/// Whether a snapshot proves that the content is the same: it does if object and backup are the two that it
/// names, and not if only one of them is. None if it tells of neither.
pub fn recorded_as_same(row: RowRef<'_>, source: &Object, backup: &Object) -> Option<bool> {
    let of_source = row.source_etag == source.etag.as_str() && row.size == source.size;
    match (of_source, row.has_content_of(backup)) {
        (true, true) => Some(true),
        (true, false) | (false, true) => Some(false),
        (false, false) => None,
    }
}

/// The properties beside content and tags in which the backup is not what a copy would be.
pub fn properties(source: &HeadDetails, backup: &HeadDetails, rules: &CopyRules) -> Vec<Property> {
    let (ours, theirs) = (&source.properties, &backup.properties);
    let mut differ = Vec::new();
    if ours.headers != theirs.headers {
        differ.push(Property::Headers);
    }
    let hidden = ours.hidden_metadata != theirs.hidden_metadata;
    if ours.metadata != theirs.metadata || hidden {
        differ.push(Property::Metadata);
    }
    let size = ours.object.size;
    let redirects = match rules.website_redirects {
        Redirects::All => true,
        Redirects::Empty => size == 0 || size > rules.multipart_threshold,
    };
    if redirects && ours.website_redirect != theirs.website_redirect {
        differ.push(Property::WebsiteRedirect);
    }
    let classes = (&ours.object.storage_class, &theirs.object.storage_class);
    if rules.storage_class == ClassRule::Source && !may_have_become(classes.0, classes.1) {
        differ.push(Property::StorageClass);
    }
    differ
}

/// Whether S3 keeps metadata that it shows of neither.
pub fn hides_metadata(source: &HeadDetails) -> bool {
    source.properties.hidden_metadata > 0
}

/// The classes in the order in which a lifecycle moves objects down.
const DOWNWARDS: [&str; 7] = [
    "STANDARD",
    "STANDARD_IA",
    "INTELLIGENT_TIERING",
    "ONEZONE_IA",
    "GLACIER_IR",
    "GLACIER",
    "DEEP_ARCHIVE",
];

/// Whether a copy that was written to one class can be found in the other: in the same, or moved down
/// by the lifecycle of its bucket.
fn may_have_become(written: &StorageClass, found: &StorageClass) -> bool {
    let sequence =
        |class: &StorageClass| DOWNWARDS.iter().position(|known| *known == class.as_str());
    let moved_down = sequence(written)
        .zip(sequence(found))
        .is_some_and(|(from, to)| from < to);
    written == found || moved_down
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::model::{Checksums, ETag, Key, Properties, SystemHeaders, Timestamp};

    const MD5: &str = "0cc175b9c0f1b6a831c399e269772661";
    const OTHER_MD5: &str = "92eb5ffee6ae2fec3ad71c777531578f";

    /// An object of five bytes with that `ETag` and these checksums.
    fn seen(etag: &str, full: bool, sums: &[(&'static str, &str)]) -> HeadDetails {
        let sums = sums.iter().map(|(name, sum)| (*name, (*sum).to_owned()));
        HeadDetails {
            properties: Properties {
                object: Object {
                    key: Key::new("k"),
                    size: 5,
                    etag: ETag::new(etag),
                    last_modified: Timestamp::from_millis(0),
                    storage_class: StorageClass::new(None),
                },
                headers: SystemHeaders::default(),
                metadata: BTreeMap::new(),
                hidden_metadata: 0,
                website_redirect: None,
                checksum: None,
            },
            checksums: Checksums {
                full,
                values: sums.collect(),
            },
            etag_is_of_content: true,
            tags: None,
            version: None,
        }
    }

    /// The same under a KMS key.
    fn with_kms(inspection: HeadDetails) -> HeadDetails {
        HeadDetails {
            etag_is_of_content: false,
            ..inspection
        }
    }

    fn sized(size: u64, mut inspection: HeadDetails) -> HeadDetails {
        inspection.properties.object.size = size;
        inspection
    }

    #[test]
    fn content_is_what_anything_proves_and_else_unknown() {
        use Content::{Differs, OfParts, Same, Unknown};
        use ContentProof::{ChecksumOfParts, Crc64Nvme, Empty, Md5};
        use Property::{Checksum, ETag};
        let plain = |etag| seen(etag, false, &[]);
        let summed = |etag, sum| seen(etag, true, &[("CRC64NVME", sum)]);
        let composite = |etag, sum| seen(etag, false, &[("SHA256", sum)]);
        let parts = |n: u32| format!("{MD5}-{n}");
        let others = |n: u32| format!("{OTHER_MD5}-{n}");
        let cases = [
            ("the same ETag is enough", plain(MD5), plain(MD5), Same(Md5)),
            (
                "other MD5s are other content",
                plain(MD5),
                plain(OTHER_MD5),
                Differs(vec![ETag]),
            ),
            (
                "a CRC that agrees does not save other MD5s",
                summed(MD5, "crc"),
                summed(OTHER_MD5, "crc"),
                Differs(vec![ETag]),
            ),
            (
                "an MD5 that agrees does not save another CRC",
                summed(MD5, "crc"),
                summed(MD5, "other"),
                Differs(vec![Checksum]),
            ),
            (
                "with KMS, ETags tell nothing and checksums all",
                with_kms(summed(MD5, "crc")),
                summed(OTHER_MD5, "crc"),
                Same(Crc64Nvme),
            ),
            (
                "other checksums are other content",
                summed(MD5, "crc"),
                with_kms(summed(OTHER_MD5, "other")),
                Differs(vec![Checksum]),
            ),
            (
                "no checksum in common, and KMS",
                seen(MD5, true, &[("CRC32", "crc")]),
                with_kms(summed(OTHER_MD5, "crc")),
                Unknown,
            ),
            (
                "the same checksum of the same parts",
                composite(&parts(2), "sum-2"),
                with_kms(composite(&others(2), "sum-2")),
                Same(ChecksumOfParts),
            ),
            (
                "checksums of parts differ where parts do",
                composite(&parts(2), "sum-2"),
                with_kms(composite(&others(3), "sum-3")),
                Unknown,
            ),
            (
                "parts on one side only",
                plain(&parts(2)),
                plain(MD5),
                Unknown,
            ),
            (
                "another number of parts",
                plain(&parts(2)),
                plain(&others(3)),
                Unknown,
            ),
            (
                "as many parts: their sizes decide",
                plain(&parts(2)),
                plain(&others(2)),
                OfParts(2, None),
            ),
            (
                "as many parts: a checksum of the whole decides only if they are others",
                summed(&parts(2), "crc"),
                summed(&others(2), "crc"),
                OfParts(2, Some(Crc64Nvme)),
            ),
            (
                "another number of parts, and a checksum of the whole",
                summed(&parts(2), "crc"),
                summed(&others(3), "crc"),
                Same(Crc64Nvme),
            ),
            (
                "nothing is equal to nothing",
                sized(0, with_kms(plain(MD5))),
                sized(0, plain(OTHER_MD5)),
                Same(Empty),
            ),
        ];

        for (case, source, backup, known) in cases {
            assert_eq!(content(&source, &backup), known, "{case}");
        }
    }

    #[test]
    fn all_checksums_that_both_have_count_and_no_others() {
        use Content::{Differs, Unknown};
        use Property::Checksum;
        let summed = |etag, sum| seen(etag, true, &[("CRC64NVME", sum)]);
        let cases = [
            (
                "one of two checksums that is another one is enough",
                seen(MD5, true, &[("CRC32", "crc"), ("SHA256", "sha")]),
                with_kms(seen(MD5, true, &[("CRC32", "crc"), ("SHA256", "other")])),
                Differs(vec![Checksum]),
            ),
            (
                "a checksum of the whole and one of parts cannot be compared",
                with_kms(summed(MD5, "crc")),
                seen(OTHER_MD5, false, &[("CRC64NVME", "other")]),
                Unknown,
            ),
        ];

        for (case, source, backup, known) in cases {
            assert_eq!(content(&source, &backup), known, "{case}");
        }
    }

    #[test]
    fn of_several_proofs_the_one_is_named_that_is_hardest_to_forge() {
        use Content::Same;
        use ContentProof::{EtagOfParts, Md5, Sha256};
        let summed = |etag, sum| seen(etag, true, &[("CRC64NVME", sum)]);
        let parts = |n: u32| format!("{MD5}-{n}");
        let cases = [
            (
                "the same parts, and a checksum of the whole",
                summed(&parts(2), "crc"),
                summed(&parts(2), "crc"),
                Same(EtagOfParts),
            ),
            (
                "an MD5 is harder to forge than a CRC",
                summed(MD5, "crc"),
                summed(MD5, "crc"),
                Same(Md5),
            ),
            (
                "and a SHA-256 is harder to forge than either",
                seen(MD5, true, &[("CRC32", "crc"), ("SHA256", "sha")]),
                seen(MD5, true, &[("CRC32", "crc"), ("SHA256", "sha")]),
                Same(Sha256),
            ),
        ];

        for (case, source, backup, known) in cases {
            assert_eq!(content(&source, &backup), known, "{case}");
        }
    }

    #[test]
    fn only_what_a_copy_carries_is_compared() {
        let object = || seen(MD5, false, &[]);
        let mut copy = object();
        copy.properties.headers.cache_control = Some("no-cache".to_owned());
        copy.properties.hidden_metadata = 1;
        copy.properties.website_redirect = Some("/there".to_owned());
        copy.properties.object.storage_class = StorageClass::new(Some("GLACIER_IR"));
        let all = CopyRules {
            website_redirects: Redirects::All,
            ..CopyRules::default()
        };

        let usual = properties(&object(), &copy, &CopyRules::default());
        let with_redirects = properties(&object(), &copy, &all);
        let empty = properties(&sized(0, object()), &copy, &CopyRules::default());

        let (headers, metadata) = (Property::Headers, Property::Metadata);
        assert_eq!(usual, [headers, metadata]);
        assert_eq!(
            with_redirects,
            [headers, metadata, Property::WebsiteRedirect]
        );
        assert_eq!(empty, with_redirects);
    }

    #[test]
    fn each_property_is_compared_by_itself() {
        let object = || seen(MD5, false, &[]);
        let threshold = CopyRules::default().multipart_threshold;
        let redirected = |size| {
            let mut copy = sized(size, object());
            copy.properties.website_redirect = Some("/there".to_owned());
            properties(&sized(size, object()), &copy, &CopyRules::default())
        };
        let classes = |ours, theirs, rule| {
            let in_class = |name| {
                let mut details = object();
                details.properties.object.storage_class = StorageClass::new(Some(name));
                details
            };
            let rules = CopyRules {
                storage_class: rule,
                ..CopyRules::default()
            };
            properties(&in_class(ours), &in_class(theirs), &rules)
        };
        let mut with_metadata = object();
        let metadata = &mut with_metadata.properties.metadata;
        metadata.insert("a".to_owned(), "b".to_owned());

        let rules = CopyRules::default();
        assert_eq!(properties(&object(), &object(), &rules), []);
        assert_eq!(
            properties(&object(), &with_metadata, &rules),
            [Property::Metadata]
        );
        // Those of objects that are copied in one call, and have a byte, are not looked up.
        assert_eq!(redirected(threshold), []);
        assert_eq!(redirected(threshold + 1), [Property::WebsiteRedirect]);
        let class = [Property::StorageClass];
        assert_eq!(classes("GLACIER", "STANDARD", ClassRule::Source), class);
        assert_eq!(classes("STANDARD", "GLACIER", ClassRule::Source), []);
        assert_eq!(classes("GLACIER", "STANDARD", ClassRule::default()), []);
    }

    #[test]
    fn a_lifecycle_moves_down_and_never_up() {
        let cases = [
            ("STANDARD", "STANDARD", true),
            ("STANDARD", "GLACIER_IR", true),
            ("STANDARD_IA", "STANDARD", false),
            ("GLACIER", "STANDARD", false),
            ("SNOW", "SNOW", true),
            ("SNOW", "STANDARD", false),
        ];

        for (written, found, may) in cases {
            let class = |name| StorageClass::new(Some(name));

            assert_eq!(
                may_have_become(&class(written), &class(found)),
                may,
                "{written} to {found}"
            );
        }
    }
}
