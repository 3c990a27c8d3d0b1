//! A world to test in: a simulated S3 with a primary and a versioned backup bucket, the shipped
//! handler against it, and the questions that tests ask of the result.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use lambda_runtime::{Context, LambdaEvent};
use s3_backup::app::AppError;
use s3_backup::lambda::Handler;
use s3_backup::model::Deadline;
use s3_backup::request;
use s3_backup::s3::{CallLimits, Connections, http_client};
use s3_backup::snapshot::{ChangesFile, Segment, SegmentEntry};
use s3_sim::{BucketOptions, Effect, Fault, ObjectView, Put, Sim, Verb};
use serde_json::{Value, json};

pub const PRIMARY: &str = "primary";
pub const BACKUP: &str = "backup";
/// Below it the program keeps its own objects.
pub const STATE: &str = ".s3-backup/";

/// Enough for a busy machine.
const PATIENT: CallLimits = CallLimits {
    attempt: Duration::from_secs(10),
    slowest_copy: 10 * 1024 * 1024,
    attempts: 4,
    backoff: Duration::from_millis(10),
    lease: Duration::from_mins(3),
};

/// A segment with its changes, of which `read` has what is stored under a key below the job's prefix.
pub fn open_segment(
    read: impl Fn(&str) -> Option<Vec<u8>>,
    entry: SegmentEntry,
) -> Option<Arc<Segment>> {
    let files = entry.changes.iter().map(|changes| {
        let bytes = read(&changes.file.key())?;
        ChangesFile::open(bytes.into(), changes.file).ok()
    });
    let files: Vec<Arc<ChangesFile>> = files.collect::<Option<_>>()?;
    Segment::open_changed(read(&entry.key())?.into(), entry, &files).ok()
}

/// A simulated S3 and the settings of the function.
pub struct World {
    pub sim: Sim,
    vars: Vec<(String, String)>,
    patience: CallLimits,
    changes_from: Option<u64>,
}

impl World {
    /// An empty primary and an empty, versioned backup bucket.
    pub fn new() -> Self {
        Self::around(Sim::start())
    }

    /// The same in a simulator of one's own making.
    pub fn around(sim: Sim) -> Self {
        sim.create_bucket(PRIMARY);
        sim.create_bucket_with(BACKUP, BucketOptions::versioned());
        let world = Self {
            sim,
            vars: Vec::new(),
            patience: PATIENT,
            changes_from: None,
        };
        world
            .with("SOURCE_BUCKET", PRIMARY)
            .with("DESTINATION_BUCKET", BACKUP)
    }

    /// The world with a variable of the function set.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.vars.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The world with calls that are given up soon: for tests in which answers never come.
    pub fn impatient(mut self) -> Self {
        self.patience.attempt = Duration::from_secs(1);
        self
    }

    /// The world with calls that are tried as often as in production.
    pub fn persistent(mut self) -> Self {
        self.patience.attempts = CallLimits::default().attempts;
        self.patience.backoff = Duration::from_millis(100);
        self
    }

    /// The world with the waits of production.
    pub fn of_production(mut self) -> Self {
        self.patience = CallLimits::default();
        self
    }

    /// The world whose snapshots have changes, however small they are.
    pub fn with_changes(mut self) -> Self {
        self.changes_from = Some(1);
        self
    }

    /// The world as it is without that.
    pub fn without_changes(mut self) -> Self {
        self.changes_from = None;
        self
    }

    /// The world with one more versioned bucket.
    pub fn with_bucket(self, name: &str) -> Self {
        self.sim
            .create_bucket_with(name, BucketOptions::versioned());
        self
    }

    /// Writes an object to the primary bucket.
    pub fn put(&self, key: &str, body: &str) {
        self.put_object(key, Put::new(body));
    }

    /// Writes an object with everything to the primary bucket.
    pub fn put_object(&self, key: &str, put: Put) {
        self.sim.put_object(PRIMARY, key, put);
    }

    /// A handler as the Lambda builds it once per environment.
    pub fn handler(&self) -> Handler {
        self.handler_over(self.connections())
    }

    /// The same, over connections of one's own making.
    pub fn handler_over(&self, connections: Connections) -> Handler {
        self.handler_of(connections, self.vars.clone())
    }

    /// The same, with variables of one's own.
    pub fn handler_of(&self, connections: Connections, vars: Vec<(String, String)>) -> Handler {
        let handler = Handler::new(connections, vars);
        match self.changes_from {
            Some(objects) => handler.with_changes_from(objects),
            None => handler,
        }
    }

    /// A way of its own to the simulator.
    pub fn connections(&self) -> Connections {
        Connections::new(self.sdk(), self.patience)
    }

    /// The SDK's settings for the simulator.
    pub fn sdk(&self) -> SdkConfig {
        let credentials = Credentials::for_tests();
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(http_client())
            .endpoint_url(self.sim.endpoint())
            .region(Region::new("us-east-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build()
    }

    /// Sends a payload to a new environment of the function, a while after what was done before:
    /// S3's dates have whole seconds, and a backup counts only if it is later than its object.
    pub async fn invoke(&self, payload: Value) -> Result<Value, AppError> {
        self.sim.clock().advance(Duration::from_secs(2));
        let result = answer(&self.handler(), payload).await;
        self.sim.clock().advance(Duration::from_secs(2));
        result
    }

    /// Sends a payload to the function, which has so much time.
    pub async fn within(&self, time: Duration, payload: &Value) -> Value {
        self.sim.clock().advance(Duration::from_secs(2));
        let request = request::parse(payload).unwrap();
        let deadline = Deadline::within(Instant::now(), time);
        let handler = self.handler();
        let answer = handler.answer(&request, Some(deadline), |_| {}).await;
        serde_json::from_str(&answer.unwrap().to_json().unwrap()).unwrap()
    }

    /// Sends a payload to the function, which is told to stop at the nth call of a verb. It has time for what is in
    /// hand on a busy machine, too.
    pub async fn stopped_at(&self, verb: Verb, nth: u64, payload: &Value) -> Value {
        self.sim.clock().advance(Duration::from_secs(2));
        let handler = Arc::new(self.handler());
        let told = Arc::clone(&handler);
        let stop = Effect::before(move |_| told.interrupt(Duration::from_mins(2)));
        self.sim.fault(Fault::on(verb).nth(nth), stop);
        let request = request::parse(payload).unwrap();
        let answer = handler.answer(&request, None, |_| {}).await;
        self.sim.clear_faults();
        serde_json::from_str(&answer.unwrap().to_json().unwrap()).unwrap()
    }

    /// Runs a backup that can start, and asks for this.
    pub async fn run(&self, request: Value) -> Value {
        self.invoke(request).await.unwrap()
    }

    /// Runs a backup that can start.
    pub async fn backup(&self) -> Value {
        self.invoke(json!({})).await.unwrap()
    }

    /// The world with leases that last so long.
    pub fn with_leases_of(mut self, lease: Duration) -> Self {
        self.patience.lease = lease;
        self
    }

    /// Lets so much time pass that the lease of a run that was killed ends.
    pub fn let_leases_end(&self) {
        self.sim.clock().advance(self.patience.lease);
    }

    /// The keys of a bucket's current objects, without the program's own of a backup bucket.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let mut keys = self.sim.keys(bucket);
        keys.retain(|key| bucket == PRIMARY || !key.starts_with(STATE));
        keys
    }

    /// The current backup of a key.
    pub fn backup_of(&self, key: &str) -> ObjectView {
        self.sim
            .current(BACKUP, key)
            .unwrap_or_else(|| panic!("no backup of {key:?}"))
    }

    /// How many objects of the primary bucket are in the backup as they are.
    pub fn equal(&self) -> u64 {
        let keys = self.keys(PRIMARY);
        keys.iter().filter(|key| self.is_backed_up(key)).count() as u64
    }

    /// Whether the backup of a key is the object: bytes, headers, metadata and tags.
    pub fn is_backed_up(&self, key: &str) -> bool {
        let (Some(object), Some(backup)) = (
            self.sim.current(PRIMARY, key),
            self.sim.current(BACKUP, key),
        ) else {
            return false;
        };
        object.content == backup.content
            && object.headers == backup.headers
            && object.metadata == backup.metadata
            && object.tags == backup.tags
    }

    /// Every object of the primary bucket is in the backup as it is.
    pub fn assert_backed_up(&self) {
        for key in self.keys(PRIMARY) {
            assert!(
                self.is_backed_up(&key),
                "{key:?} is not in the backup as it is"
            );
        }
    }

    /// All versions of the backup, markers among them, without the program's own objects.
    pub fn backup_versions(&self) -> BTreeSet<(String, String)> {
        let versions = self.sim.all_versions(BACKUP).into_iter();
        versions
            .filter(|version| !version.key.starts_with(STATE))
            .map(|version| (version.key, version.version_id))
            .collect()
    }
}

/// Sends a payload to an environment of the function.
pub async fn answer(handler: &Handler, payload: Value) -> Result<Value, AppError> {
    let event = LambdaEvent::new(payload, Context::default());
    let summary = Box::pin(handler.handle(event)).await?;
    Ok(serde_json::from_str(&summary.to_json().unwrap()).unwrap())
}

/// A number of a result.
pub fn count(result: &Value, name: &str) -> u64 {
    result[name]
        .as_u64()
        .unwrap_or_else(|| panic!("no number {name:?} in {result}"))
}

/// The law: what was found is what became of it, in total and per destination.
pub fn assert_adds_up(result: &Value) {
    let destinations = result["destinations"].as_array().unwrap();
    for counts in destinations.iter().chain([result]) {
        let parts = [
            "objects_copied",
            "objects_unchanged",
            "objects_skipped",
            "objects_vanished",
            "errors",
        ];
        let sum: u64 = parts.iter().map(|part| count(counts, part)).sum();
        assert_eq!(count(counts, "objects_found"), sum, "{result}");
    }
    let listed = result["failures"].as_array().unwrap().len() as u64;
    assert_eq!(
        count(result, "errors"),
        listed + count(result, "failures_omitted"),
        "{result}"
    );
    let complete = result["status"] == "complete";
    let held = result["status"] == "held";
    let all_done = count(result, "errors") == 0 && result["cursor"].is_null() && !held;
    assert_eq!(complete, all_done, "{result}");
    assert_eq!(complete, result["statusCode"] == 200, "{result}");
}

/// The counters of a result: found, copied, unchanged, skipped, vanished, errors.
pub fn counts(result: &Value) -> [u64; 6] {
    assert_adds_up(result);
    [
        "objects_found",
        "objects_copied",
        "objects_unchanged",
        "objects_skipped",
        "objects_vanished",
        "errors",
    ]
    .map(|name| count(result, name))
}
