//! The plan of a run that goes on where another one has stopped.
//!
//! A cursor that refers to state says whose it must be; what is left, the state says, which is read once
//! the leases are taken. A cursor that holds ranges says where to look and is believed in nothing else:
//! no deletion rests on it, and no snapshot.

use super::{DestinationPlan, Plan, Run, distributed, fits, make, verify};
use crate::config::Config;
use crate::model::{BucketName, Deadline, KeyRange, Range, StateLink};
use crate::request::{
    ContinueRequest, ContinuedRequest, Intent, MarkingProgress, RemainingWork, RequestError,
};

/// Makes the plan of a run that goes on where another one has stopped.
///
/// # Errors
/// When the cursor is of another source or job, or reaches beyond what is configured.
pub fn resume(
    request: &ContinueRequest,
    config: &Config,
    run: Run,
    deadline: Option<Deadline>,
) -> Result<Plan, RequestError> {
    let mut plan = match &request.request {
        ContinuedRequest::Backup(asked) => make(asked, config, run, deadline)?,
        ContinuedRequest::Verify(asked) => verify(asked, config, run, deadline)?,
    };
    for planned in &mut plan.destinations {
        planned.is_continued = true;
        planned.ranges.clear();
    }
    match &request.rest {
        RemainingWork::States {
            run_id,
            source,
            links,
        } => refer(plan, run_id, source, links),
        RemainingWork::Ranges { ranges, so_far } => look_at(plan, ranges, so_far.as_ref()),
        RemainingWork::Distributed {
            run_id,
            source,
            piece,
        } => {
            of_source(&plan.source.bucket, source)?;
            distributed::part(plan, config, run_id, *piece)
        }
    }
}

fn of_source(configured: &BucketName, source: &str) -> Result<(), RequestError> {
    let configured = configured.as_str();
    if source != configured {
        return Err(RequestError::OtherSource {
            found: source.to_owned(),
            configured: configured.to_owned(),
        });
    }
    Ok(())
}

/// A plan by the states of a run, which are not read yet.
fn refer(
    mut plan: Plan,
    run_id: &str,
    source: &str,
    links: &[StateLink],
) -> Result<Plan, RequestError> {
    of_source(&plan.source.bucket, source)?;
    if !plan.task.writes() {
        return Err(RequestError::BadValue {
            field: "format",
            value: "3".to_owned(),
            allowed: "2 for a run that writes nothing",
        });
    }
    if !links.is_empty() && links.iter().all(|link| link.run_id != run_id) {
        return Err(RequestError::BadValue {
            field: "run_id",
            value: format!("{run_id:?}"),
            allowed: "the run of its states",
        });
    }
    for link in links {
        let planned = leg_of(&mut plan.destinations, &link.destination)?;
        let expected = planned.job.key(&format!("runs/{}/state.json", link.run_id));
        if link.key != expected.as_str() {
            return Err(RequestError::OtherJob {
                destination: link.destination.clone(),
                found: link.key.clone(),
                expected: expected.as_str().to_owned(),
            });
        }
        planned.state = Some(link.clone());
    }
    plan.destinations.retain(|planned| planned.state.is_some());
    plan.continues = Some(run_id.to_owned());
    left_something(plan)
}

/// A plan by the ranges of a cursor, each key once.
fn look_at(
    mut plan: Plan,
    ranges: &[Range],
    so_far: Option<&MarkingProgress>,
) -> Result<Plan, RequestError> {
    for range in ranges {
        fits("ranges", range.keys.longest_key())?;
        let planned = leg_of(&mut plan.destinations, range.destination.as_str())?;
        planned.ranges.push(range.keys.clone());
    }
    for planned in &mut plan.destinations {
        planned.ranges = KeyRange::disjoint(std::mem::take(&mut planned.ranges));
    }
    match (plan.task.intent(), so_far) {
        (Intent::Copy, Some(MarkingProgress::Marking)) if plan.task.marking().is_some() => {
            plan.destinations
                .retain(|planned| !planned.ranges.is_empty());
            begin_anew(&mut plan.destinations);
        }
        (Intent::Copy, so_far) => {
            plan.destinations
                .retain(|planned| !planned.ranges.is_empty());
            if so_far.is_none() {
                plan.task = plan.task.without_marking();
            }
            if let Some(marking) = plan.task.marking_mut() {
                let why =
                    "what the cursor says was counted proves nothing; the next run counts anew";
                marking.postponed = Some(why.to_owned());
            }
        }
        (Intent::DryRun | Intent::Plan, so_far) => {
            let known = known(&mut plan, so_far)?;
            let is_known =
                |planned: &DestinationPlan| known.contains(&planned.destination.location.bucket);
            plan.destinations
                .retain(|planned| !planned.ranges.is_empty() || is_known(planned));
            // Without the earlier counts, nobody can tell what would be marked.
            let all_known = plan.destinations.iter().all(is_known);
            if !all_known {
                plan.task = plan.task.without_marking();
            }
        }
    }
    left_something(plan)
}

/// A run that was marking had copied everything: all of it is gone over again and counted anew, and
/// the brake is asked once more.
fn begin_anew(destinations: &mut [DestinationPlan]) {
    for planned in destinations {
        planned.is_continued = false;
        planned.ranges = vec![KeyRange::all()];
    }
}

fn left_something(plan: Plan) -> Result<Plan, RequestError> {
    if plan.destinations.is_empty() {
        return Err(RequestError::NothingLeft);
    }
    Ok(plan)
}

/// Tells the legs what was counted, for a run that only tells. The destinations of which something is
/// known.
fn known(
    plan: &mut Plan,
    so_far: Option<&MarkingProgress>,
) -> Result<Vec<BucketName>, RequestError> {
    let mut known = Vec::new();
    if let (Some(MarkingProgress::Counted(rows)), Some(_)) = (so_far, plan.task.marking()) {
        for row in rows {
            leg_of(&mut plan.destinations, row.destination.as_str())?.counted = row.census;
            known.push(row.destination.clone());
        }
    }
    Ok(known)
}

fn leg_of<'a>(
    destinations: &'a mut [DestinationPlan],
    destination: &str,
) -> Result<&'a mut DestinationPlan, RequestError> {
    let mut destinations = destinations.iter_mut();
    destinations
        .find(|planned| planned.destination.location.bucket.as_str() == destination)
        .ok_or_else(|| RequestError::UnknownDestination {
            destination: destination.to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Key, Start, Timestamp};
    use crate::plan::Stage;
    use crate::request::BackupRequest;

    fn config(vars: &[(&str, &str)]) -> Config {
        let vars = vars.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
        Config::from_vars(vars).unwrap()
    }

    fn two() -> Config {
        config(&[
            ("SOURCE_BUCKET", "primary"),
            ("DESTINATION_BUCKET", "one,two"),
            ("BACKUP_DELETIONS", "mark"),
        ])
    }

    fn plan(rest: RemainingWork, config: &Config) -> Result<Plan, String> {
        let request = ContinueRequest {
            request: ContinuedRequest::Backup(BackupRequest::default()),
            rest,
        };
        let run = Run::begin(Timestamp::from_millis(0), 0);
        resume(&request, config, run, None).map_err(|error| error.to_string())
    }

    fn range(destination: &str, after: &str) -> Range {
        Range {
            destination: BucketName::new(destination).unwrap(),
            keys: KeyRange {
                start: Start::After(Key::new(after)),
                until: None,
            },
        }
    }

    fn ranges(ranges: Vec<Range>, so_far: Option<MarkingProgress>) -> RemainingWork {
        RemainingWork::Ranges { ranges, so_far }
    }

    fn states(source: &str, destination: &str, key: &str) -> RemainingWork {
        RemainingWork::States {
            run_id: "r".to_owned(),
            source: source.to_owned(),
            links: vec![StateLink {
                destination: destination.to_owned(),
                run_id: "r".to_owned(),
                key: key.to_owned(),
                sha256: "0".to_owned(),
            }],
        }
    }

    #[test]
    fn ranges_of_a_cursor_are_looked_at_once_and_neither_mark_nor_record() {
        let overlapping = vec![range("two", "k"), range("two", "c"), range("two", "m")];

        let plan = plan(ranges(overlapping, None), &two()).unwrap();

        assert_eq!(plan.destinations.len(), 1);
        assert_eq!(plan.destinations[0].ranges, [range("two", "c").keys]);
        assert_eq!(plan.destinations[0].destination.location.to_string(), "two");
        assert!(plan.task.marking().is_none());
        assert_eq!(
            (
                plan.destinations[0].is_continued,
                &plan.destinations[0].record
            ),
            (true, &None)
        );
    }

    #[test]
    fn a_cursor_of_ranges_that_was_marking_begins_anew() {
        let marking = ranges(vec![range("one", "k")], Some(MarkingProgress::Marking));

        let plan = plan(marking, &two()).unwrap();

        assert_eq!(plan.destinations.len(), 1);
        assert_eq!(plan.destinations[0].ranges, [KeyRange::all()]);
        assert_eq!(
            (plan.task.stage(), plan.destinations[0].agreed),
            (Stage::Copy, 0)
        );
        assert!(plan.task.marking().is_some() && !plan.destinations[0].is_continued);
    }

    #[test]
    fn a_cursor_of_something_else_is_refused_by_both_names() {
        let own = ".s3-backup/primary-f02bb1a1d10dd49f/runs/r/state.json";
        let cases = [
            (
                ranges(vec![range("three", "k")], None),
                "bucket three, which is not in DESTINATION_BUCKET",
            ),
            (ranges(Vec::new(), None), "nothing is left"),
            (
                states("other", "one", own),
                "the cursor is of source other, and this function backs up primary",
            ),
            (states("primary", "three", own), "bucket three, which"),
            (
                states("primary", "one", ".s3-backup/x/runs/r/state.json"),
                "refers to .s3-backup/x/runs/r/state.json in bucket one, and the state of this job would be",
            ),
        ];

        for (rest, part) in cases {
            let refused = plan(rest, &two()).unwrap_err();

            assert!(refused.contains(part), "{refused}");
        }
    }

    #[test]
    fn a_reference_has_the_legs_whose_states_it_names() {
        let whole = config(&[
            ("SOURCE_BUCKET", "primary"),
            ("DESTINATION_BUCKET", "one,two"),
        ]);
        let run = Run::begin(Timestamp::from_millis(0), 0);
        let job = make(&BackupRequest::default(), &whole, run, None)
            .unwrap()
            .destinations[1]
            .job
            .clone();
        let key = job.key("runs/r/state.json");

        let plan = plan(states("primary", "two", key.as_str()), &whole).unwrap();

        assert_eq!(plan.continues.as_deref(), Some("r"));
        assert_eq!(plan.destinations.len(), 1);
        assert_eq!(
            plan.destinations[0].state.as_ref().unwrap().destination,
            "two"
        );
    }
}
