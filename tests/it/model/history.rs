//! A world in which a history happens, and what the model remembers of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use s3_backup::app::AppError;
use s3_backup::model::Deadline;
use s3_backup::request;
use s3_sim::{Backdoor, BucketOptions, Effect, Fault, Sim, Versioning};
use serde_json::{Value, json};

use super::cursors::{GivenCursor, forget_use};
use super::job::BackupJob;
use super::laws::{Bucket, Run};
use super::limits::Limits;
use super::setting::{Deletions, SECOND, Setting};
use super::step::{
    Asked, Change, FOREIGN, KEYS, Moment, PREFIXES, Spoil, Step, Trouble, colored, effects,
};
use super::suspended::Suspended;
use crate::world::{BACKUP, PRIMARY, World, assert_adds_up, counts};

/// Half a minute, of ten milliseconds each: a starved machine takes seconds for what is done at once.
const LOOKS_UNTIL_QUIET: u32 = 3_000;

pub struct History {
    pub world: World,
    pub jobs: Vec<BackupJob>,
    pub deletions: Deletions,
    pub limits: Limits,
    /// All versions in the backup bucket as they were last looked at.
    pub bucket: Bucket,
    pub cursors: Vec<GivenCursor>,
    /// Keys of jobs whose object or backup somebody has changed, in the order of the changes.
    pub touched: Vec<(usize, &'static str)>,
}

impl History {
    pub fn begin(setting: Setting) -> Self {
        let sim = Sim::builder().page_size_max(4).start();
        let mut world = World::around(sim);
        if setting.changes {
            world = world.with_changes();
        }
        let sim = &world.sim;
        // What happens between two waits happens within one second.
        sim.clock().freeze();
        let places = if setting.second_job {
            vec![(PRIMARY, "one/"), (SECOND, "two/")]
        } else {
            vec![(PRIMARY, "")]
        };
        let jobs: Vec<_> = places
            .into_iter()
            .map(|(source, place)| setting.job(source, place))
            .collect();
        for job in &jobs {
            sim.create_bucket_with(job.source, BucketOptions::versioned());
        }
        let mut history = Self {
            deletions: setting.deletions,
            limits: Limits::default(),
            bucket: Bucket::default(),
            cursors: Vec::new(),
            touched: Vec::new(),
            jobs,
            world,
        };
        if setting.old_backups {
            history.put_old_backups();
        }
        history.bucket = Bucket::of(&history.world.sim);
        history
    }

    /// Backups that have no version but `null`.
    fn put_old_backups(&mut self) {
        let sim = &self.world.sim;
        sim.set_versioning(BACKUP, Versioning::Off);
        for job in &self.jobs {
            for key in &KEYS[..6] {
                let put = || colored(s3_sim::Put::new("1"), 0);
                sim.put_object(job.source, key, put());
                sim.clock().advance(Duration::from_secs(1));
                sim.put_object(BACKUP, &job.backup_key(key), put());
            }
        }
        sim.set_versioning(BACKUP, Versioning::Enabled);
    }

    pub async fn follow(&mut self, step: Step) {
        let count = self.jobs.len();
        match step {
            Step::Change { job, change } => self.change(job % count, &change),
            Step::Fill { job, body } => {
                for key in 0..KEYS.len() {
                    let (color, begun) = (0, 0);
                    let put = Change::Put {
                        key,
                        body,
                        color,
                        begun,
                    };
                    self.change(job % count, &put);
                }
            }
            Step::Retag { job, key, color } => {
                let (job, key) = (&self.jobs[job % count], KEYS[key]);
                self.limits.retag(job, &self.world.sim, key);
                let color = color.to_string();
                self.world
                    .sim
                    .set_tags(job.source, key, &[("color", &color)]);
            }
            Step::LoseBackup { job, key } => {
                let (job, key) = (job % count, KEYS[key]);
                self.touched.push((job, key));
                let key = self.jobs[job].backup_key(key);
                self.world.sim.delete(BACKUP, &key);
            }
            Step::PutForeign { job, key } => {
                let key = self.jobs[job % count].backup_key(FOREIGN[key]);
                self.world.sim.put(BACKUP, &key, "of somebody else");
            }
            Step::SpoilState { which, how } => self.spoil(which, how),
            Step::Wait { seconds } => self.wait(seconds),
            Step::Run {
                job,
                asked,
                trouble,
            } => self.run(job % count, &asked, trouble).await,
            Step::Beside {
                job,
                moment,
                change,
            } => {
                self.beside(job % count, &moment, change).await;
            }
            Step::Unversion { job, moment } => self.unversion(job % count, &moment).await,
            Step::Suspend {
                job,
                outcomes,
                changes,
                other,
            } => {
                self.suspend(job % count, outcomes, &changes, other).await;
            }
            Step::Repair { job, prefix } => {
                let prefix = prefix.map_or("", |prefix| PREFIXES[prefix]);
                self.repair(job % count, prefix).await;
            }
            Step::Kill { job, after } => self.kill(job % count, after).await,
            Step::Stop { job, time, go_on } => self.stop(job % count, time, go_on).await,
            Step::Share { job, share } => self.share(job % count, share).await,
            Step::Replay { which, edit } => self.replay(which, edit).await,
        }
        self.bucket = self.bucket.assert_keeps_versions(&self.world.sim, 0);
    }

    pub fn wait(&self, seconds: u64) {
        self.world.sim.clock().advance(Duration::from_secs(seconds));
    }

    pub fn change(&mut self, job: usize, change: &Change) {
        self.touch(job, change);
        let job = &self.jobs[job];
        change.make(&self.world.sim, job.source);
        self.limits.observe(job, &self.world.sim);
    }

    fn touch(&mut self, job: usize, change: &Change) {
        let keys = change.keys().into_iter();
        self.touched.extend(keys.map(|key| (job, key)));
    }

    /// The keys of the program's own objects that may be spoiled.
    pub fn own_state(&self) -> Vec<String> {
        let mut state = self.world.sim.keys(BACKUP);
        state.retain(|key| key.contains("/snapshots/") || key.contains("/runs/"));
        state
    }

    fn spoil(&mut self, which: usize, how: Spoil) {
        let sim = &self.world.sim;
        let state = self.own_state();
        let Some(key) = state.get(which.checked_rem(state.len()).unwrap_or_default()) else {
            return;
        };
        let view = sim.current(BACKUP, key).unwrap();
        let mut bytes = view.content.as_bytes().unwrap().to_vec();
        let middle = bytes.len() / 2;
        match how {
            Spoil::Delete => {
                sim.delete(BACKUP, key);
                forget_use(&mut self.cursors, key);
                return;
            }
            Spoil::Cut => bytes.truncate(middle),
            Spoil::Flip if bytes.is_empty() => {}
            Spoil::Flip => bytes[middle] ^= 1,
        }
        sim.put(BACKUP, key, bytes);
    }

    /// Sends a payload to a new environment of the function, and looks at what has become of the backups.
    pub async fn invoke(
        &mut self,
        run: &Run,
        payload: &Value,
        time: Option<Duration>,
    ) -> Result<Value, AppError> {
        self.note(run);
        let handler = self.jobs[run.job].handler(&self.world);
        let request = request::parse(payload).map_err(AppError::from)?;
        let deadline = time.map(|time| Deadline::within(Instant::now(), time));
        let answer = handler.answer(&request, deadline, |_| {}).await;
        if deadline.is_some() {
            // S3 may carry out what a run had to leave at its deadline, after it has told its result.
            self.wait_until_quiet().await;
        }
        let answer = answer
            .map(|summary| serde_json::from_str::<Value>(&summary.to_json().unwrap()).unwrap());
        self.limits.observe(&self.jobs[run.job], &self.world.sim);
        self.judge(run, &answer);
        answer
    }

    /// Notes what a run that begins now may overlook.
    pub fn note(&mut self, run: &Run) {
        let (job, sim) = (&self.jobs[run.job], &self.world.sim);
        self.limits.note(job, sim, &job.rows(sim));
        if run.is_doubtful {
            self.limits.note(job, sim, &BTreeMap::new());
        }
    }

    async fn run(&mut self, job: usize, asked: &Asked, trouble: Option<Trouble>) {
        let mut run = Run::of(job);
        let mut payload = json!({});
        if let Some(prefix) = asked.prefix {
            run.prefix = PREFIXES[prefix];
            payload["prefix"] = json!(run.prefix);
        }
        if asked.full {
            run.is_full = true;
            payload["mode"] = json!("full");
        }
        if let Some(trouble) = trouble {
            run.is_doubtful = true;
            let share = f64::from(trouble.percent) / 100.0;
            let fault = Fault::on(trouble.verb).probability(share, trouble.seed);
            self.world
                .sim
                .fault(fault, effects()[trouble.effect].clone());
        }
        if !asked.at_once {
            self.wait(2);
        }
        // A run that was refused is no law broken; the last run has to succeed.
        if let Ok(result) = self.invoke(&run, &payload, None).await
            && result["deletions"]["confirm"].is_string()
        {
            // What held it is right, and what goes wrong still does.
            payload["confirm"] = result["deletions"]["confirm"].clone();
            let _ = self.invoke(&run, &payload, None).await;
        }
        if !asked.at_once {
            self.wait(2);
        }
        self.world.sim.clear_faults();
        // The answer that was lost may have been that the lease was given back.
        self.let_leases_end(asked);
    }

    /// Leases end in time; what happens at once happens within a second, or is refused.
    fn let_leases_end(&self, asked: &Asked) {
        if !asked.at_once {
            self.world.let_leases_end();
        }
    }

    async fn beside(&mut self, job: usize, moment: &Moment, change: Change) {
        let mut run = Run::of(job);
        run.touched = change.keys().into_iter().collect();
        self.touch(job, &change);
        let source = self.jobs[job].source;
        let happens = move |sim: &Backdoor| change.make(sim, source);
        self.hook(moment, happens);
        let _ = self.invoke(&run, &json!({}), None).await;
        self.world.sim.clear_faults();
    }

    async fn unversion(&mut self, job: usize, moment: &Moment) {
        let mut run = Run::of(job);
        run.is_unversioned = true;
        self.hook(moment, |sim| {
            sim.set_versioning(BACKUP, Versioning::Suspended);
        });
        self.wait(2);
        let _ = self.invoke(&run, &json!({}), None).await;
        self.world.sim.clear_faults();
        self.world.sim.set_versioning(BACKUP, Versioning::Enabled);
        self.world.let_leases_end();
    }

    pub fn hook(&self, moment: &Moment, hook: impl Fn(&Backdoor) + Send + Sync + 'static) {
        let fault = Fault::on(moment.verb).nth(moment.nth);
        let effect = if moment.after {
            Effect::after(hook)
        } else {
            Effect::before(hook)
        };
        self.world.sim.fault(fault, effect);
    }

    async fn suspend(&mut self, job: usize, outcomes: usize, changes: &[Change], other: bool) {
        let run = Run::of(job);
        self.wait(2);
        self.note(&run);
        let handler = self.jobs[job].handler(&self.world);
        let suspended = Suspended::begin(handler, outcomes);
        let asleep = suspended.is_asleep();
        if asleep {
            self.wait_until_quiet().await;
            self.bucket = self.judge_keeping(&run);
            self.world.let_leases_end();
            for change in changes {
                self.change(job, change);
            }
            if other {
                self.wait(2);
                let _ = self.invoke(&run, &json!({}), None).await;
                self.wait(2);
            }
        }
        let whole = other && asleep && self.is_whole(job);
        let answer = suspended.wake();
        let mut woken = Run::of(job);
        woken.touched = if asleep {
            changes.iter().flat_map(Change::keys).collect()
        } else {
            BTreeSet::new()
        };
        self.judge(&woken, &answer);
        if whole {
            assert!(
                self.is_whole(job),
                "a run that woke up has undone what another one has copied: {answer:?}"
            );
        }
        self.world.let_leases_end();
    }

    /// Whether everything that is now in the source is in the backup.
    fn is_whole(&self, job: usize) -> bool {
        let (job, sim) = (&self.jobs[job], &self.world.sim);
        let keys = job.keys(sim, "");
        keys.iter()
            .all(|key| job.is_backed_up(sim, key) || self.limits.excuses(job, sim, key))
    }

    /// Lets the lease end of a run that was cut off. Its last request may be carried out after its end.
    pub async fn let_late_lease_end(&self) {
        self.wait_until_quiet().await;
        self.world.let_leases_end();
    }

    /// Until no request of a run that sleeps or was cut off is under way any more. The simulator may still have to
    /// read one, so it is looked at several times. Connections that were given up are closed meanwhile.
    async fn wait_until_quiet(&self) {
        let ledger = self.world.sim.ledger();
        let (mut ended, mut quiet) = (0, 0);
        for _ in 0..LOOKS_UNTIL_QUIET {
            let still = ledger.in_flight() == 0 && ledger.total() == ended;
            quiet = if still { quiet + 1 } else { 0 };
            if quiet == 3 {
                return;
            }
            ended = ledger.total();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{} requests stay under way", ledger.in_flight());
    }

    async fn repair(&mut self, job: usize, prefix: &'static str) {
        let mut run = Run::of(job);
        run.prefix = prefix;
        run.is_full = true;
        run.is_repair = true;
        let payload =
            json!({"operation": "verify", "deep": true, "repair": true, "prefix": prefix});
        let _ = self.invoke(&run, &payload, None).await;
    }

    async fn kill(&mut self, job: usize, after: Duration) {
        self.wait(2);
        self.cut_off(&Run::of(job), &json!({}), after).await;
        self.world.let_leases_end();
    }

    /// Sends a payload to a function that is no more after so much time.
    pub async fn cut_off(&mut self, run: &Run, payload: &Value, after: Duration) {
        self.note(run);
        let handler = self.jobs[run.job].handler(&self.world);
        let request = request::parse(payload).unwrap();
        let _ = tokio::time::timeout(after, handler.answer(&request, None, |_| {})).await;
        // The last request of a run that was killed may still be carried out.
        self.wait_until_quiet().await;
        self.bucket = self.judge_keeping(run);
    }

    pub async fn assert_converges(&mut self) {
        for job in 0..self.jobs.len() {
            self.let_late_lease_end().await;
            self.assert_one_converges(job).await;
        }
    }

    async fn assert_one_converges(&mut self, job: usize) {
        let run = Run::of(job);
        let mut last = self.night(&run, json!({})).await;
        let found = self.jobs[job].keys(&self.world.sim, "").len() as u64;
        if last["status"] == "held" && found == 0 {
            assert!(last["deletions"]["confirm"].is_null(), "{last}");
            return;
        }
        if last["status"] == "held" {
            assert_eq!(self.deletions, Deletions::MarkIfConfirmed, "{last}");
            last = self.night(&run, json!({"confirm": last["run_id"]})).await;
        }
        assert_eq!(last["status"], "complete", "{last}");
        let again = self.night(&run, json!({})).await;
        assert_eq!(counts(&again), [found, 0, found, 0, 0, 0], "{again}");
        assert_eq!(again["status"], "complete", "{again}");
        self.repair(job, "").await;
    }

    async fn night(&mut self, run: &Run, payload: Value) -> Value {
        self.wait(2);
        let result = self.invoke(run, &payload, None).await.unwrap();
        self.wait(2);
        assert_adds_up(&result);
        result
    }
}
