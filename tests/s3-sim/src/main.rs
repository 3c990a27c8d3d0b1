//! The simulator as a program, for benchmarks: prints its endpoint and runs
//! until it is killed. Keeps counts only, so that its memory stays small.

use s3_sim::{Backdoor, BucketOptions, Class, Detail, Population, Shape, Sim, SimBuilder};
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "\
usage: s3-sim [options]
  --port N               port to listen on; 0, the default, for any
  --buckets A,B          unversioned buckets (default: primary)
  --versioned C,D        versioned buckets (default: backup)
  --populate N           so many generated keys in the first unversioned bucket
  --unchanged            and the same ones in the first versioned bucket
  --shape SHAPE          flat (default), deep or skewed
  --size BYTES           size of each generated object (default: 1000)
  --latency CLASS=MS     for list, head, copy or write; may be repeated
  --write-limit N        writes per second above which it says SlowDown
  --page-size N          most keys on a listing page";

/// A day between an object and its backup.
const LATER: Duration = Duration::from_secs(86_400);

fn main() -> ExitCode {
    let arguments = std::env::args().skip(1);
    match Stage::read(arguments) {
        Err(mistake) => {
            eprintln!("{mistake}\n{USAGE}");
            ExitCode::from(2)
        }
        Ok(stage) => {
            let sim = stage.builder.start();
            stage.buckets.set(&sim);
            sim.ledger().keep(Detail::Counts);
            println!("{}", sim.endpoint());
            loop {
                std::thread::park();
            }
        }
    }
}

/// What the arguments ask for.
struct Stage {
    builder: SimBuilder,
    buckets: Buckets,
}

struct Buckets {
    plain: Vec<String>,
    versioned: Vec<String>,
    population: Population,
    unchanged: bool,
}

impl Stage {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Stage, String> {
        let mut builder = Sim::builder();
        let mut buckets = Buckets {
            plain: vec!["primary".to_owned()],
            versioned: vec!["backup".to_owned()],
            population: Population::new(Shape::Flat, 0),
            unchanged: false,
        };
        while let Some(option) = arguments.next() {
            let mut value = || {
                let value = arguments.next();
                value.ok_or_else(|| format!("{option} needs a value"))
            };
            match option.as_str() {
                "--unchanged" => buckets.unchanged = true,
                "--port" => builder = builder.port(number(&option, &value()?)?),
                "--buckets" => buckets.plain = names(&value()?),
                "--versioned" => buckets.versioned = names(&value()?),
                "--populate" => buckets.population.count = number(&option, &value()?)?,
                "--shape" => buckets.population.shape = shape(&value()?)?,
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
        Ok(Stage { builder, buckets })
    }
}

impl Buckets {
    fn set(&self, sim: &Backdoor) {
        let populated = (self.population.count > 0).then(|| self.population.clone());
        let copied = populated.clone().filter(|_| self.unchanged);
        let copied = copied.map(|source| Population {
            modified: source.modified + LATER,
            ..source
        });
        set_each(sim, &self.plain, populated, BucketOptions::default());
        set_each(sim, &self.versioned, copied, BucketOptions::versioned());
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

fn shape(value: &str) -> Result<Shape, String> {
    match value {
        "flat" => Ok(Shape::Flat),
        "deep" => Ok(Shape::Deep),
        "skewed" => Ok(Shape::Skewed),
        _ => Err(format!("--shape is flat, deep or skewed, not {value}")),
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
