//! Wire-level tests in one binary: the real SDK, over HTTP, against a simulated S3.

mod backup;
mod cli;
mod contract;
mod copies;
mod deletions;
mod destinations;
mod faults;
mod fidelity;
mod history;
mod holes;
mod keys;
mod lambda;
mod large;
mod lease;
mod model;
mod pace;
mod plan;
mod policy;
mod refusals;
mod resume;
mod scale;
mod sections;
mod snapshots;
mod state;
mod verify;
mod world;
