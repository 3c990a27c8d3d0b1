//! One version of one key, whichever run it is of: planned without a snapshot.

use super::choose::{Choice, Policy, choose};
use super::range_plan::{Pending, RangePlan, settle};
use super::rows::Problem;
use super::site::{Site, Wishes};
use super::versions;
use crate::model::{Key, Object, ObjectRef, VersionId};
use crate::snapshot::Row;

/// Plans to bring back one version of a key, whichever run it is of.
pub async fn plan(key: &Key, version: &VersionId, site: &Site, wishes: &Wishes) -> RangePlan {
    let backup_key = site.backup_key(key);
    let object = ObjectRef {
        key: &backup_key,
        version: Some(version),
    };
    let mut plan = RangePlan {
        until: Some(key.clone()),
        ..RangePlan::default()
    };
    let seen = site.backup.inspect(object).await;
    let there = site.target.head(&site.target_key(key)).await;
    let pending = match (seen, there) {
        (Err(error), _) => {
            let problem = versions::unknown(&error, &backup_key, version, site).await;
            Some(Pending::Problem(key.clone(), problem))
        }
        (Ok(_), Err(error)) => Some(Pending::Problem(key.clone(), Problem::of(&error))),
        (Ok(seen), Ok(there)) => {
            let object = seen.properties.object;
            let row = Row {
                key: key.clone(),
                size: object.size,
                source_etag: object.etag.clone(),
                source_modified: object.last_modified,
                source_version_id: None,
                backup_etag: object.etag,
                backup_modified: Some(object.last_modified),
                backup_version_id: Some(version.clone()),
                storage_class: object.storage_class,
                checksum: None,
            };
            let policy = Policy {
                in_place: false,
                ..wishes.policy
            };
            let there = there.map(|there| Object {
                key: key.clone(),
                ..there
            });
            match choose(Some(row.as_ref()), there.as_ref(), policy) {
                Choice::Copy(why) => Some(Pending::Row(row, there, why)),
                Choice::Compare(why) => there.map(|there| Pending::Compare(row, there, why)),
                Choice::Unchanged | Choice::Exists | Choice::Extra | Choice::Nothing => {
                    plan.figures.leave(row.size);
                    plan.exists = (1, row.size);
                    None
                }
            }
        }
    };
    if let Some(pending) = pending {
        plan.add_settled(settle(pending, site, wishes).await, site);
    }
    plan
}
