//! The metrics of a run, as one line of CloudWatch's embedded metric format. The log takes it as it is, and
//! CloudWatch makes metrics of it: no permission and no request of ours is needed.
//!
//! The specification (CloudWatch user guide, "Embedded metric format"): one JSON object for each log event, with
//! nothing before or after it; `_aws.Timestamp` in milliseconds; at most 100 metrics and 30 dimensions; dimensions
//! are texts of the root, of at most 1,024 characters, in ASCII; values are numbers of the root.

use serde_json::{Map, Value, json};

use crate::model::Timestamp;
use crate::report::{EventCounts, Figures, OperationKind, Status, Summary, WarningCode};

/// The namespace of all metrics.
pub const NAMESPACE: &str = "S3Backup";
/// The dimension that all have: `BACKUP_JOB_NAME`, or the source.
pub const JOB: &str = "Job";
/// The dimension of what was counted for one backup bucket.
pub const DESTINATION: &str = "Destination";
/// The hours of "never". CloudWatch has no such number.
pub const HOURS_OF_NEVER: f64 = 8_760.0;
/// Characters of the value of a dimension.
const MOST_CHARS: usize = 1_024;

/// The metrics. Alarms and dashboards name them: they are added, never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Objects in the source.
    Found,
    /// Objects that were copied.
    Copied,
    /// Objects whose backup was current.
    Unchanged,
    /// Objects that are not in the backup, or nobody knows.
    Errors,
    /// Objects that were deleted between listing and copy.
    Vanished,
    /// Objects that were marked as deleted.
    MarkedDeleted,
    /// Bytes that were copied.
    BytesCopied,
    /// Seconds that it took.
    Duration,
    /// Dollars for its requests.
    CostUsd,
    /// 1 if it is complete, else 0.
    Complete,
    /// 1 if it is held, else 0.
    Held,
    /// Seconds that were left at its end.
    SecondsLeft,
    /// 1 if the deadline has stopped it and nobody continues it, else 0.
    OutOfTime,
    /// The share of known objects that had changed, in percent.
    ChangedPercent,
    /// 1 if that is unusual, else 0.
    UnusualChange,
    /// Objects of a verification that are not as they should be.
    Wrong,
    /// Objects that a restore has brought back.
    Restored,
    /// Errors of a restore.
    RestoreErrors,
    /// Archived versions that a restore waits for.
    RestoreWaiting,
    /// 1 if a drill found what is not as it was, 0 if it passed.
    DrillFailed,
    /// Days since the last drill that passed.
    DaysSinceDrill,
    /// Hours since the end of the last complete run; 8,760 if there was none.
    HoursSinceComplete,
    /// Hours since the beginning of the oldest restore that has something left; 0 without one.
    RestoreOpenHours,
    /// Events that could be read.
    EventsReceived,
    /// Objects that events have copied.
    EventsCopied,
    /// Objects that events leave to the next run.
    EventsDeferred,
    /// Events that were refused.
    EventsRefused,
    /// Events whose object could not be copied, or that could not be read.
    EventErrors,
    /// Objects that a run has copied although events copy.
    MissedByEvents,
}

impl Metric {
    /// All there are.
    #[cfg(test)]
    const ALL: [Self; 29] = [
        Self::Found,
        Self::Copied,
        Self::Unchanged,
        Self::Errors,
        Self::Vanished,
        Self::MarkedDeleted,
        Self::BytesCopied,
        Self::Duration,
        Self::CostUsd,
        Self::Complete,
        Self::Held,
        Self::SecondsLeft,
        Self::OutOfTime,
        Self::ChangedPercent,
        Self::UnusualChange,
        Self::Wrong,
        Self::Restored,
        Self::RestoreErrors,
        Self::RestoreWaiting,
        Self::DrillFailed,
        Self::DaysSinceDrill,
        Self::HoursSinceComplete,
        Self::RestoreOpenHours,
        Self::EventsReceived,
        Self::EventsCopied,
        Self::EventsDeferred,
        Self::EventsRefused,
        Self::EventErrors,
        Self::MissedByEvents,
    ];

    /// Its name in CloudWatch.
    pub fn name(self) -> &'static str {
        match self {
            Self::Found => "Found",
            Self::Copied => "Copied",
            Self::Unchanged => "Unchanged",
            Self::Errors => "Errors",
            Self::Vanished => "Vanished",
            Self::MarkedDeleted => "MarkedDeleted",
            Self::BytesCopied => "BytesCopied",
            Self::Duration => "Duration",
            Self::CostUsd => "CostUsd",
            Self::Complete => "Complete",
            Self::Held => "Held",
            Self::SecondsLeft => "SecondsLeft",
            Self::OutOfTime => "OutOfTime",
            Self::ChangedPercent => "ChangedPercent",
            Self::UnusualChange => "UnusualChange",
            Self::Wrong => "Wrong",
            Self::Restored => "Restored",
            Self::RestoreErrors => "RestoreErrors",
            Self::RestoreWaiting => "RestoreWaiting",
            Self::DrillFailed => "DrillFailed",
            Self::DaysSinceDrill => "DaysSinceDrill",
            Self::HoursSinceComplete => "HoursSinceComplete",
            Self::RestoreOpenHours => "RestoreOpenHours",
            Self::EventsReceived => "EventsReceived",
            Self::EventsCopied => "EventsCopied",
            Self::EventsDeferred => "EventsDeferred",
            Self::EventsRefused => "EventsRefused",
            Self::EventErrors => "EventErrors",
            Self::MissedByEvents => "MissedByEvents",
        }
    }

    /// Its unit in CloudWatch, which knows no dollars, no hours and no days.
    fn unit(self) -> &'static str {
        match self {
            Self::BytesCopied => "Bytes",
            Self::Duration | Self::SecondsLeft => "Seconds",
            Self::ChangedPercent => "Percent",
            Self::CostUsd
            | Self::HoursSinceComplete
            | Self::RestoreOpenHours
            | Self::DaysSinceDrill => "None",
            Self::Found
            | Self::Copied
            | Self::Unchanged
            | Self::Errors
            | Self::Vanished
            | Self::MarkedDeleted
            | Self::Complete
            | Self::Held
            | Self::OutOfTime
            | Self::UnusualChange
            | Self::Wrong
            | Self::Restored
            | Self::RestoreErrors
            | Self::RestoreWaiting
            | Self::DrillFailed
            | Self::EventsReceived
            | Self::EventsCopied
            | Self::EventsDeferred
            | Self::EventsRefused
            | Self::EventErrors
            | Self::MissedByEvents => "Count",
        }
    }
}

/// The metrics of one line, with their values.
type Values = Vec<(Metric, f64)>;

/// What a run knows of its time: whether it had a deadline, and whether somebody continues it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TimeLeft {
    /// Seconds until the deadline; none without one.
    pub seconds: Option<f64>,
    /// Whether what is left is continued without anybody's doing.
    pub is_continued: bool,
}

/// What the watch has seen of a job in one destination.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ages {
    /// Hours since the last complete run; [`HOURS_OF_NEVER`] without one.
    pub hours_since_complete: f64,
    /// Hours since the beginning of the oldest restore that has something left; 0 if there is none.
    pub restore_open_hours: f64,
    /// Days since the last drill that passed; none if none ever has.
    pub days_since_drill: Option<f64>,
}

/// The lines of a result: one with `[Job]` and `[Job, Destination]`; of several destinations one with `[Job]`, and
/// one for each of them. None of what only told what would be done.
pub fn lines(job: &str, summary: &Summary, time: TimeLeft) -> Vec<String> {
    if summary.is_preview() {
        return Vec::new();
    }
    let line = |destination: Option<&str>, is_total: bool, values: Values| {
        let mut root = Map::new();
        root.insert("RunId".to_owned(), json!(summary.run_id()));
        root.insert("Source".to_owned(), json!(summary.source()));
        root.insert("Status".to_owned(), json!(summary.status().name()));
        root.insert("Operation".to_owned(), json!(summary.operation().name()));
        written(root, job, destination, is_total, &values, summary.ended())
    };
    if matches!(
        summary.operation(),
        OperationKind::Restore | OperationKind::Drill
    ) {
        return vec![line(None, true, of_restore(summary))];
    }
    if let Some(events) = summary.events() {
        return vec![line(None, true, of_events(events))];
    }
    let of_run = of_run(summary, time);
    let mut destinations = summary.figures_by_destination();
    if destinations.len() == 1 {
        let only = destinations.next().map(|(bucket, _)| bucket);
        return vec![line(only, true, of_run)];
    }
    let mut lines = vec![line(None, true, of_run)];
    lines
        .extend(destinations.map(|(bucket, figures)| line(Some(bucket), false, counted(&figures))));
    lines
}

/// The line of the watch about a job in one destination.
pub fn watch_line(job: &str, destination: &str, ages: Ages, now: Timestamp) -> String {
    let mut values = vec![
        (Metric::HoursSinceComplete, ages.hours_since_complete),
        (Metric::RestoreOpenHours, ages.restore_open_hours),
    ];
    values.extend(
        ages.days_since_drill
            .map(|days| (Metric::DaysSinceDrill, days)),
    );
    written(Map::new(), job, Some(destination), true, &values, now)
}

fn of_run(summary: &Summary, time: TimeLeft) -> Values {
    let status = summary.status();
    let mut values = counted(&summary.figures());
    values.extend([
        (Metric::Duration, summary.duration_seconds()),
        (Metric::CostUsd, summary.cost_usd()),
        (Metric::Complete, one_if(status == Status::Complete)),
        (Metric::Held, one_if(status == Status::Held)),
    ]);
    if let Some(seconds) = time.seconds {
        let out_of_time = summary.cursor().is_some() && !time.is_continued;
        values.push((Metric::SecondsLeft, seconds));
        values.push((Metric::OutOfTime, one_if(out_of_time)));
    }
    if let Some(percent) = summary.changed_percent() {
        let is_unusual = summary.warns_of(WarningCode::UnusualChange);
        values.push((Metric::ChangedPercent, percent));
        values.push((Metric::UnusualChange, one_if(is_unusual)));
    }
    if let Some(missed) = summary.missed_by_events() {
        values.push((Metric::MissedByEvents, number(missed)));
    }
    if let Some(verified) = summary.verified() {
        values.push((Metric::Wrong, number(verified.wrong())));
    }
    values
}

fn of_events(counts: &EventCounts) -> Values {
    vec![
        (Metric::EventsReceived, number(counts.received)),
        (Metric::EventsCopied, number(counts.copied)),
        (Metric::EventsDeferred, number(counts.deferred)),
        (Metric::EventsRefused, number(counts.refused)),
        (Metric::EventErrors, number(counts.errors)),
    ]
}

fn of_restore(summary: &Summary) -> Values {
    let figures = summary.figures();
    let waiting = summary.restored().map_or(0, |restored| restored.waiting);
    let drilled = summary
        .restored()
        .and_then(|restored| restored.drill.as_ref());
    let mut values = vec![
        (Metric::Restored, number(figures.copied)),
        (Metric::RestoreErrors, number(figures.errors)),
        (Metric::RestoreWaiting, number(waiting)),
    ];
    values.extend(drilled.map(|drilled| (Metric::DrillFailed, one_if(!drilled.passed))));
    values
}

fn counted(figures: &Figures) -> Values {
    vec![
        (Metric::Found, number(figures.found)),
        (Metric::Copied, number(figures.copied)),
        (Metric::Unchanged, number(figures.unchanged)),
        (Metric::Errors, number(figures.errors)),
        (Metric::Vanished, number(figures.vanished)),
        (Metric::MarkedDeleted, number(figures.marked)),
        (Metric::BytesCopied, number(figures.bytes_copied)),
    ]
}

fn one_if(holds: bool) -> f64 {
    if holds { 1.0 } else { 0.0 }
}

#[expect(clippy::cast_precision_loss, reason = "CloudWatch keeps doubles")]
fn number(count: u64) -> f64 {
    count as f64
}

/// One line. What is counted in total has the dimension sets `[Job]` and, if a destination is given, `[Job,
/// Destination]`; else only the latter.
fn written(
    mut root: Map<String, Value>,
    job: &str,
    destination: Option<&str>,
    is_total: bool,
    values: &[(Metric, f64)],
    now: Timestamp,
) -> String {
    let both = destination.map(|_| json!([JOB, DESTINATION]));
    let sets: Vec<Value> = is_total
        .then(|| json!([JOB]))
        .into_iter()
        .chain(both)
        .collect();
    let definition = |metric: Metric| json!({"Name": metric.name(), "Unit": metric.unit()});
    let metrics: Vec<Value> = values
        .iter()
        .map(|(metric, _)| definition(*metric))
        .collect();
    root.insert(JOB.to_owned(), json!(dimension(job)));
    if let Some(destination) = destination {
        root.insert(DESTINATION.to_owned(), json!(dimension(destination)));
    }
    for (metric, value) in values {
        root.insert(metric.name().to_owned(), json!(value));
    }
    root.insert(
        "_aws".to_owned(),
        json!({
            "Timestamp": now.as_millis(),
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE, "Dimensions": sets, "Metrics": metrics,
            }],
        }),
    );
    Value::Object(root).to_string()
}

/// What CloudWatch takes as the value of a dimension: printable ASCII, and not too much of it.
fn dimension(text: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_graphic() || c == ' ' {
            c
        } else {
            '?'
        }
    };
    text.chars().take(MOST_CHARS).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::outcome::Outcome;
    use crate::plan::Intent;
    use crate::report::tests::{failure, report, report_of};
    use crate::s3::Requests;

    const ENDED: i64 = 1_795_226_401_753;

    fn summary(destinations: &str) -> Summary {
        let outcomes = [
            Outcome::Copied {
                listed: 1,
                copied: 2,
            },
            Outcome::Failed {
                listed: 1,
                failure: failure(Some("k")),
            },
        ];
        let report = outcomes
            .into_iter()
            .fold(report(destinations), |report, outcome| {
                report.with(0, outcome)
            });
        report.finish(Timestamp::from_millis(ENDED), Requests::default(), None)
    }

    /// Holds a line to the specification of the embedded metric format; its dimension sets and metrics.
    fn checked(line: &str) -> (Vec<Vec<String>>, BTreeSet<String>) {
        assert!(!line.contains('\n') && line.len() < 1024 * 1024);
        let root: Value = serde_json::from_str(line).unwrap();
        let root = root.as_object().unwrap();
        assert_eq!(root["_aws"]["Timestamp"], ENDED);
        let [directive] = root["_aws"]["CloudWatchMetrics"]
            .as_array()
            .unwrap()
            .as_slice()
        else {
            panic!("{line}");
        };
        assert_eq!(directive["Namespace"], NAMESPACE);
        let texts = |value: &Value| -> Vec<String> {
            let texts = value.as_array().unwrap().iter();
            texts
                .map(|text| text.as_str().unwrap().to_owned())
                .collect()
        };
        let sets = directive["Dimensions"].as_array().unwrap();
        let sets: Vec<Vec<String>> = sets.iter().map(texts).collect();
        assert!(!sets.is_empty());
        for dimension in sets.iter().flatten() {
            let value = root[dimension].as_str().unwrap();
            assert!((1..=MOST_CHARS).contains(&value.len()) && value.is_ascii());
        }
        assert!(sets.iter().all(|set| set.len() <= 30));
        let definitions = directive["Metrics"].as_array().unwrap();
        assert!((1..=100).contains(&definitions.len()));
        let mut names = BTreeSet::new();
        for definition in definitions {
            let name = definition["Name"].as_str().unwrap();
            assert!(root[name].is_number(), "{name} in {line}");
            assert!(
                ["Count", "Bytes", "Percent", "Seconds", "None"]
                    .contains(&definition["Unit"].as_str().unwrap())
            );
            assert!(
                Metric::ALL.iter().any(|metric| metric.name() == name),
                "{name}"
            );
            assert!(names.insert(name.to_owned()), "{name} twice in {line}");
        }
        (sets, names)
    }

    #[test]
    fn a_line_is_what_the_specification_wants() {
        let time = TimeLeft {
            seconds: Some(61.5),
            is_continued: false,
        };

        let lines = lines("primary", &summary("backup"), time);

        let [line] = lines.as_slice() else {
            panic!("{lines:?}");
        };
        let (sets, names) = checked(line);
        assert_eq!(sets, [vec![JOB], vec![JOB, DESTINATION]]);
        let expected = [
            "BytesCopied",
            "Complete",
            "Copied",
            "CostUsd",
            "Duration",
            "Errors",
            "Found",
            "Held",
            "MarkedDeleted",
            "OutOfTime",
            "SecondsLeft",
            "Unchanged",
            "Vanished",
        ];
        assert_eq!(names, expected.map(str::to_owned).into());
        let root: Value = serde_json::from_str(line).unwrap();
        assert_eq!(root["Job"], "primary");
        assert_eq!(root["Destination"], "backup");
        assert_eq!(
            (&root["Errors"], &root["Complete"]),
            (&json!(1.0), &json!(0.0))
        );
        assert_eq!(root["Status"], "incomplete");
        assert_eq!(root["RunId"], "2026-11-21T02-00-00Z-7f3a");
    }

    #[test]
    fn each_of_several_destinations_has_a_line() {
        let lines = lines("primary", &summary("one,two"), TimeLeft::default());

        let checked: Vec<_> = lines.iter().map(|line| checked(line).0).collect();
        let of_one = vec![vec![JOB.to_owned(), DESTINATION.to_owned()]];
        assert_eq!(
            checked,
            [vec![vec![JOB.to_owned()]], of_one.clone(), of_one]
        );
        let copied: Vec<Value> = lines
            .iter()
            .map(|line| serde_json::from_str::<Value>(line).unwrap()["Copied"].clone())
            .collect();
        assert_eq!(copied, [1.0, 1.0, 0.0].map(|copied| json!(copied)));
    }

    #[test]
    fn a_run_that_copies_nothing_because_it_is_a_dry_run_has_none() {
        for intent in [Intent::DryRun, Intent::Plan] {
            let report = report_of("backup", intent);
            let summary = report.finish(Timestamp::from_millis(ENDED), Requests::default(), None);

            assert_eq!(lines("primary", &summary, TimeLeft::default()), [""; 0]);
        }
    }

    #[test]
    fn never_is_a_number_and_any_name_is_a_dimension() {
        let now = Timestamp::from_millis(ENDED);

        let ages = Ages {
            hours_since_complete: HOURS_OF_NEVER,
            restore_open_hours: 0.0,
            days_since_drill: Some(1.5),
        };
        let line = watch_line("s3://primary/\u{fc}\n/", "backup", ages, now);

        let (sets, names) = checked(&line);
        assert_eq!(sets.len(), 2);
        let expected = ["DaysSinceDrill", "HoursSinceComplete", "RestoreOpenHours"];
        assert_eq!(names, expected.map(str::to_owned).into());
        let root: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(root["Job"], "s3://primary/??/");
        assert_eq!(root["HoursSinceComplete"], 8_760.0);
    }

    #[test]
    fn no_two_metrics_share_a_name() {
        let names: BTreeSet<&str> = Metric::ALL.iter().map(|metric| metric.name()).collect();

        assert_eq!(names.len(), Metric::ALL.len());
    }
}
