//! A model judges the product: random histories of two jobs, of whose sources versions come and go, with
//! faults, cursors that come again, runs that many functions share, machines that sleep and a bucket that forgets
//! versions; then the laws. A counter-example that was found stays as a named test.

mod cursors;
mod history;
mod job;
mod laws;
mod limits;
mod setting;
mod shared;
mod step;
mod suspended;

use std::sync::{Mutex, mpsc};
use std::time::Duration;

use proptest::prelude::*;
use s3_sim::Verb;

use history::History;
use setting::{Copies, Deletions, Setting};
use shared::Share;
use step::{Asked, Change, Edit, Moment, Spoil, Step, step};

fn copies() -> impl Strategy<Value = Copies> {
    proptest::sample::select(vec![Copies::InParts, Copies::Flattened, Copies::UnderKms])
}

fn replay(setting: Setting, steps: Vec<Step>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut history = History::begin(setting);
        for step in steps {
            history.follow(step).await;
        }
        history.assert_converges().await;
    });
}

#[test]
fn a_run_that_has_no_time_at_all_still_has_a_result() {
    let stop = Step::Stop {
        job: 0,
        time: Duration::ZERO,
        go_on: true,
    };
    let change = Change::Put {
        key: 0,
        body: 1,
        color: 0,
        begun: 0,
    };
    let put = Step::Change { job: 0, change };

    for deletions in [Deletions::Keep, Deletions::Mark] {
        let setting = Setting {
            copies: Copies::InParts,
            deletions,
            second_job: false,
            old_backups: false,
            changes: true,
        };
        replay(setting, vec![put.clone(), stop.clone()]);
    }
}

/// A marker in a bucket that keeps no versions takes the place of a backup that is `null`, and nothing is below it.
#[test]
fn a_backup_from_before_versioning_that_its_marker_replaces_was_the_jobs_own() {
    let job = 0;
    let run = Step::Run {
        job,
        asked: Asked::default(),
        trouble: None,
    };
    let change = Change::Clear { but: 3 };
    for nth in 1..4 {
        let setting = Setting {
            copies: Copies::InParts,
            deletions: Deletions::Mark,
            second_job: false,
            old_backups: true,
            changes: true,
        };
        let moment = Moment {
            verb: Verb::DeleteObject,
            nth,
            after: false,
        };
        let change = change.clone();
        let steps = vec![
            run.clone(),
            Step::Change { job, change },
            Step::Unversion { job, moment },
        ];
        replay(setting, steps);
    }
}

/// What a shared run has passed, it does not look at again, although the source shows again what it had at first.
#[test]
fn a_key_that_shows_its_first_version_again_was_touched() {
    let job = 0;
    let setting = Setting {
        copies: Copies::InParts,
        deletions: Deletions::Keep,
        second_job: false,
        old_backups: false,
        changes: true,
    };
    let share = Share {
        ends: vec![0],
        killed: None,
        changes: Vec::new(),
        is_missing: true,
        goes_on: false,
    };
    let run = Step::Run {
        job,
        asked: Asked::default(),
        trouble: None,
    };
    let change = Change::Expose { key: 11 };
    let edit = Edit::Nothing;
    let steps = vec![
        Step::Fill { job, body: 0 },
        Step::Share { job, share },
        Step::Fill { job, body: 1 },
        run,
        Step::Change { job, change },
        Step::Replay { which: 0, edit },
    ];
    replay(setting, steps);
}

/// Somebody deletes what says by which run a cursor was used. It can be used once more, and copies what is missing.
#[tokio::test]
async fn a_cursor_whose_use_somebody_has_deleted_may_be_used_once_more() {
    let mut history = History::begin(Setting {
        copies: Copies::InParts,
        deletions: Deletions::Mark,
        second_job: false,
        old_backups: false,
        changes: true,
    });
    let share = Share {
        ends: Vec::new(),
        killed: None,
        changes: Vec::new(),
        is_missing: true,
        goes_on: true,
    };
    let job = 0;
    history.follow(Step::Fill { job, body: 0 }).await;
    history.follow(Step::Share { job, share }).await;
    let state = history.own_state();
    let use_of_cursor = state
        .iter()
        .position(|key| key.ends_with("/continued.json"));
    let put = Change::Put {
        key: 0,
        body: 1,
        color: 0,
        begun: 0,
    };

    let spoil = Step::SpoilState {
        which: use_of_cursor.unwrap(),
        how: Spoil::Delete,
    };
    history.follow(spoil).await;
    history.follow(Step::Change { job, change: put }).await;
    let edit = Edit::Nothing;
    history.follow(Step::Replay { which: 0, edit }).await;

    let [given] = &history.cursors[..] else {
        panic!("one cursor was given");
    };
    assert_eq!(given.is_used, Some(true), "it has not gone on");
    history.assert_converges().await;
}

/// A copy that its run had to leave at the deadline lands within the next run, which is of another job.
#[tokio::test]
async fn a_copy_that_lands_after_the_deadline_is_of_the_run_that_asked_for_it() {
    let mut history = History::begin(Setting {
        copies: Copies::InParts,
        deletions: Deletions::Keep,
        second_job: true,
        old_backups: false,
        changes: true,
    });
    for job in 0..2 {
        history.change(
            job,
            &Change::Put {
                key: 0,
                body: 1,
                color: 0,
                begun: 0,
            },
        );
    }
    let copies = |nth| Moment {
        verb: Verb::CopyObject,
        nth,
        after: false,
    };
    let (other, begins) = mpsc::channel();
    let begins = Mutex::new(begins);
    history.hook(&copies(1), move |_| {
        let _ = begins
            .lock()
            .unwrap()
            .recv_timeout(Duration::from_millis(300));
    });
    history.hook(&copies(2), move |_| {
        let _ = other.send(());
        std::thread::sleep(Duration::from_millis(50));
    });

    history.stop(1, Duration::from_millis(100), false).await;
    let run = Step::Run {
        job: 0,
        asked: Asked::default(),
        trouble: None,
    };
    history.follow(run).await;

    history.assert_converges().await;
}

/// Enough for every day; `make histories HISTORIES=20000` looks further.
fn histories() -> u32 {
    let asked = std::env::var("HISTORIES").ok();
    asked.and_then(|number| number.parse().ok()).unwrap_or(50)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: histories(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_history_ends_with_everything_in_the_backup(
        copies in copies(),
        (second_job, old_backups, changes) in any::<(bool, bool, bool)>(),
        steps in proptest::collection::vec(step(), 1..25),
    ) {
        let deletions = Deletions::Keep;
        replay(Setting { copies, deletions, second_job, old_backups, changes }, steps);
    }

    #[test]
    fn every_history_ends_with_everything_in_sight_and_nothing_else(
        copies in copies(),
        (second_job, old_backups, changes, confirmed) in any::<(bool, bool, bool, bool)>(),
        steps in proptest::collection::vec(step(), 1..25),
    ) {
        let deletions = if confirmed { Deletions::MarkIfConfirmed } else { Deletions::Mark };
        replay(Setting { copies, deletions, second_job, old_backups, changes }, steps);
    }
}
