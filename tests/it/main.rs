//! Wire-level tests in one binary: the real SDK, over HTTP, against a simulated S3.

mod backup;
mod cli;
mod copies;
mod faults;
mod keys;
mod lambda;
mod model;
mod refusals;
mod scale;
mod world;
