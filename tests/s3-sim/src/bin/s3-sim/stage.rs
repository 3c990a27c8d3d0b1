//! What the arguments ask for: a simulator, its buckets, and what is in them.

use crate::fault;
use s3_sim::{
    Backdoor, BucketOptions, Class, Content, Difference, Effect, Encryption, Fault, Form,
    Population, Put, Shape, Sim, SimBuilder,
};
use std::path::PathBuf;
use std::time::Duration;

/// A day between an object and its backup.
const LATER: Duration = Duration::from_secs(86_400);
const KMS_KEY: &str = "arn:aws:kms:us-east-1:111122223333:key/k1";

/// What the arguments ask for.
pub(crate) struct Stage {
    pub builder: SimBuilder,
    pub buckets: Buckets,
    pub faults: Vec<(Fault, Effect)>,
    /// How long ago the clock stands; none if it shows the real time.
    pub stands: Option<Duration>,
    /// Where the certificate is written that clients have to trust; none without TLS.
    pub authority: Option<PathBuf>,
    /// Whether it ends with its input, and with a report.
    pub reports: bool,
}

pub(crate) struct Buckets {
    plain: Vec<String>,
    versioned: Vec<String>,
    /// Those of them that encrypt with a KMS key by default.
    kms: Vec<String>,
    /// The two that are compared, if they are not the first ones.
    compared: Vec<String>,
    population: Population,
    unchanged: bool,
    /// So many of a hundred objects were rewritten since, and as many are new.
    changed: u64,
}

impl Stage {
    pub(crate) fn read(mut arguments: impl Iterator<Item = String>) -> Result<Stage, String> {
        let mut builder = Sim::builder();
        let mut buckets = Buckets::default();
        let mut faults = Vec::new();
        let mut stands = None;
        let mut reports = false;
        let mut authority = None;
        while let Some(option) = arguments.next() {
            let mut value = || {
                let value = arguments.next();
                value.ok_or_else(|| format!("{option} needs a value"))
            };
            match option.as_str() {
                "--unchanged" => buckets.unchanged = true,
                "--changed" => buckets.changed = percent(&option, &value()?)?,
                "--report" => reports = true,
                "--tls" => {
                    authority = Some(PathBuf::from(value()?));
                    builder = builder.tls_for("127.0.0.1");
                }
                "--fault" => faults.push(fault::read(&value()?, faults.len() as u64)?),
                "--port" => builder = builder.port(number(&option, &value()?)?),
                "--buckets" => buckets.plain = names(&value()?),
                "--versioned" => buckets.versioned = names(&value()?),
                "--compare" => buckets.compared = names(&value()?),
                "--kms" => buckets.kms = names(&value()?),
                "--clock" => {
                    let days: u32 = number(&option, &value()?)?;
                    stands = Some(LATER * days);
                }
                "--populate" => buckets.population.count = number(&option, &value()?)?,
                "--shape" => buckets.population.shape = shape(&value()?)?,
                "--versions" => buckets.population.versions = number(&option, &value()?)?,
                "--size" => buckets.population.size = number(&option, &value()?)?,
                "--latency" => {
                    let (class, latency) = latency(&value()?)?;
                    builder = builder.latency(class, latency);
                }
                "--write-limit" => builder = builder.write_limit(number(&option, &value()?)?),
                "--page-size" => builder = builder.page_size_max(number(&option, &value()?)?),
                _ => return Err(format!("{option} is no option")),
            }
        }
        Ok(Stage {
            builder,
            buckets,
            faults,
            stands,
            authority,
            reports,
        })
    }
}

impl Default for Buckets {
    fn default() -> Buckets {
        Buckets {
            plain: vec!["primary".to_owned()],
            versioned: vec!["backup".to_owned()],
            kms: Vec::new(),
            compared: Vec::new(),
            population: Population::new(Shape::Flat, 0),
            unchanged: false,
            changed: 0,
        }
    }
}

impl Buckets {
    /// Makes and fills the buckets.
    pub(crate) fn set(&self, sim: &Backdoor) {
        let populated = (self.population.count > 0).then(|| self.population.clone());
        let copied = populated
            .clone()
            .filter(|_| self.unchanged || self.changed > 0);
        let copied = copied.map(|source| Population {
            modified: source.modified + LATER,
            ..source
        });
        set_each(sim, &self.plain, populated, BucketOptions::default());
        set_each(sim, &self.versioned, copied, BucketOptions::versioned());
        for bucket in &self.kms {
            sim.change_options(bucket, |options| options.default_encryption = kms());
        }
        for index in (0..self.population.count).filter(|index| index % 100 < self.changed) {
            self.change(sim, index);
        }
    }

    /// How the first versioned bucket differs from the first unversioned one, or how the two do that were
    /// named for it.
    pub(crate) fn compare(&self, sim: &Backdoor) -> Difference {
        match self.compared.as_slice() {
            [first, second] => sim.compare(first, second),
            _ => sim.compare(&self.plain[0], &self.versioned[0]),
        }
    }

    /// Rewrites an object of the source after its backup was made, and adds one behind it.
    fn change(&self, sim: &Backdoor, index: u64) {
        let Population { size, modified, .. } = self.population;
        let key = self.population.key(index);
        let size_now = size + index / 100 % 2;
        let put = |size| Put::new(Content::generated(index, size)).modified(modified + 2 * LATER);
        sim.put_object(&self.plain[0], &key, put(size_now));
        sim.put_object(&self.plain[0], &format!("{key}-new"), put(size));
    }
}

fn kms() -> Encryption {
    Encryption::Kms {
        key: KMS_KEY.to_owned(),
    }
}

/// The first of the buckets gets the population.
fn set_each(
    sim: &Backdoor,
    names: &[String],
    mut population: Option<Population>,
    options: BucketOptions,
) {
    for name in names {
        let options = BucketOptions {
            population: population.take(),
            ..options.clone()
        };
        sim.create_bucket_with(name, options);
    }
}

fn names(value: &str) -> Vec<String> {
    value.split(',').map(str::to_owned).collect()
}

fn number<T: std::str::FromStr>(option: &str, value: &str) -> Result<T, String> {
    value
        .parse()
        .map_err(|_| format!("{option} needs a number, not {value}"))
}

fn percent(option: &str, value: &str) -> Result<u64, String> {
    match number(option, value)? {
        percent @ 0..=100 => Ok(percent),
        _ => Err(format!("{option} is at most 100, not {value}")),
    }
}

fn shape(value: &str) -> Result<Shape, String> {
    match value {
        "flat" => Ok(Shape::Flat),
        "deep" => Ok(Shape::Deep),
        "skewed" => Ok(Shape::Skewed),
        _ => Form::named(value).map(Shape::Folders).ok_or_else(|| {
            let names: Vec<&str> = Form::names().collect();
            let names = names.join(", ");
            format!("--shape is flat, deep, skewed, {names}, not {value}")
        }),
    }
}

fn latency(value: &str) -> Result<(Class, Duration), String> {
    let (class, milliseconds) = value
        .split_once('=')
        .ok_or_else(|| format!("--latency needs CLASS=MS, not {value}"))?;
    let class = match class {
        "list" => Class::List,
        "head" => Class::Head,
        "copy" => Class::Copy,
        "write" => Class::Write,
        _ => return Err(format!("--latency knows no class {class}")),
    };
    let milliseconds = number("--latency", milliseconds)?;
    Ok((class, Duration::from_millis(milliseconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage(arguments: &[&str]) -> Result<Stage, String> {
        Stage::read(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn an_unchanged_backup_has_no_difference_and_a_changed_one_its_share() {
        let populated = ["--populate", "1000", "--shape", "deep"];
        for (more, differing) in [(vec!["--unchanged"], 0), (vec!["--changed", "2"], 20)] {
            let stage = stage(&[&populated, more.as_slice()].concat()).unwrap();
            let sim = stage.builder.start();

            stage.buckets.set(&sim);

            let expected = Difference {
                objects: 1_000 + differing,
                missing: differing,
                wrong: differing,
                extra: 0,
            };
            assert_eq!(stage.buckets.compare(&sim), expected, "{more:?}");
        }
    }

    #[test]
    fn two_buckets_are_compared_that_are_named_for_it() {
        let arguments = [
            "--populate",
            "10",
            "--unchanged",
            "--versioned",
            "backup,target",
        ];
        let stage = stage(&[&arguments[..], &["--compare", "primary,target"]].concat()).unwrap();
        let sim = stage.builder.start();

        stage.buckets.set(&sim);

        assert_eq!(stage.buckets.compare(&sim).missing, 10);
    }

    #[test]
    fn every_other_rewritten_object_keeps_its_size_and_all_are_later_than_their_backup() {
        let stage = stage(&["--populate", "1000", "--changed", "1"]).unwrap();
        let sim = stage.builder.start();
        stage.buckets.set(&sim);

        let keys = ["object-000000000000", "object-000000000100"];
        let seen = keys.map(|key| {
            let object = sim.current("primary", key).unwrap();
            let backup = sim.current("backup", key).unwrap();
            let later = object.last_modified > backup.last_modified;
            (object.content.len() == backup.content.len(), later)
        });

        assert_eq!(seen, [(true, true), (false, true)]);
    }

    #[test]
    fn a_bucket_encrypts_with_a_kms_key_if_it_is_named_for_that() {
        let stage = stage(&["--kms", "backup"]).unwrap();
        let sim = stage.builder.start();
        stage.buckets.set(&sim);

        let seen = ["primary", "backup"].map(|bucket| {
            sim.put(bucket, "k", "x");
            sim.current(bucket, "k").unwrap().encryption
        });

        assert_eq!(seen, [Encryption::SseS3, kms()]);
    }

    #[test]
    fn faults_differ_in_their_seeds_and_mistakes_are_told() {
        let faulty = stage(&["--fault", "copy:500:0.2", "--fault", "copy:200:0.2"]).unwrap();

        let [first, second] = [0, 1].map(|place| format!("{:?}", faulty.faults[place].0));

        assert_ne!(first, second);
        for (arguments, told) in [
            (["--changed", "101"], "at most 100"),
            (["--populate", "many"], "a number"),
            (["--shape", "round"], "flat, deep, skewed, dates"),
        ] {
            let mistake = stage(&arguments).err().unwrap();
            assert!(mistake.contains(told), "{mistake}");
        }
    }
}
