//! The simulator as a program, for benchmarks and for the conformance tests:
//! prints its endpoint and runs until it is killed, or until its input ends if it
//! is to report. Keeps counts only, so that its memory stays small.

mod fault;
mod orders;
mod report;
mod stage;

use s3_sim::Detail;
use stage::Stage;
use std::process::ExitCode;

const USAGE: &str = "\
usage: s3-sim [options]
  --kms A,B              buckets that encrypt with a KMS key by default
  --clock DAYS           the clock stands, so many days ago, until it is advanced
  --tls FILE             speaks TLS, and writes the certificate that clients have to
                         trust into this file
  --port N               port to listen on; 0, the default, for any
  --buckets A,B          unversioned buckets (default: primary)
  --versioned C,D        versioned buckets (default: backup)
  --populate N           so many generated keys in the first unversioned bucket
  --unchanged            and the same ones in the first versioned bucket
  --changed PERCENT      since then so many were rewritten, every other one in
                         its old size, and as many are new
  --shape SHAPE          flat (default), deep, skewed, or a form of folders; one
                         that does not exist is answered with all names
  --versions N           versions of each key in the versioned bucket (default: 1),
                         a day apart
  --size BYTES           size of each generated object (default: 1000)
  --latency CLASS=MS     for list, head, copy or write; may be repeated
  --write-limit N        writes per second above which it says SlowDown
  --page-size N          most keys on a listing page
  --fault VERB:WHAT:SHARE  a share of the calls of list, head or copy goes
                         wrong: 500, 503, reset, or 200 with an error inside;
                         may be repeated
  --compare A,B          the buckets that a report compares (default: the first
                         unversioned one and the first versioned one)
  --report               ends when its input ends, and tells then, as JSON, what
                         it was asked and how the buckets differ; takes orders
                         from its input until then: `report` tells it at once,
                         `advance SECONDS` moves the clock, `forget` counts
                         from there";

fn main() -> ExitCode {
    let arguments = std::env::args().skip(1);
    match Stage::read(arguments) {
        Err(mistake) => {
            eprintln!("{mistake}\n{USAGE}");
            ExitCode::from(2)
        }
        Ok(stage) => run(stage),
    }
}

fn run(stage: Stage) -> ExitCode {
    let sim = stage.builder.start();
    stage.buckets.set(&sim);
    for (fault, effect) in stage.faults {
        sim.fault(fault, effect);
    }
    if let Some(ago) = stage.stands {
        sim.clock().freeze();
        sim.clock().rewind(ago);
    }
    sim.ledger().keep(Detail::Counts);
    if let Some(path) = stage.authority
        && let Err(error) = std::fs::write(&path, sim.authority())
    {
        eprintln!("{} cannot be written: {error}", path.display());
        return ExitCode::FAILURE;
    }
    println!("{}", sim.endpoint());
    if !stage.reports {
        loop {
            std::thread::park();
        }
    }
    let report = || report::of(&sim.ledger(), stage.buckets.compare(&sim));
    if let Err(mistake) = orders::obey(std::io::stdin().lock(), &sim, report) {
        eprintln!("{mistake}");
        return ExitCode::from(2);
    }
    println!("{}", report());
    ExitCode::SUCCESS
}
