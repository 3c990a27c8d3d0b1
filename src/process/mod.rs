//! The process around the program: its variables, its threads, and the signals that end it.

mod signals;

use std::num::NonZero;
use std::{io, thread};

use tokio::runtime::{self, Runtime};

pub use signals::{until_interrupted, until_terminated};

use crate::config::NOT_UTF8;

/// The environment's variables. A value that is not UTF-8 is marked as such, and refused where it matters.
pub fn environment() -> Vec<(String, String)> {
    std::env::vars_os()
        .map(|(name, value)| {
            let value = value.into_string();
            let value =
                value.unwrap_or_else(|value| format!("{NOT_UTF8}{}", value.to_string_lossy()));
            (name.to_string_lossy().into_owned(), value)
        })
        .collect()
}

/// Memory, in MiB, at which Lambda gives a function one vCPU: below it, it gives a share of one, though
/// two are shown. From AWS's guide to configuring a function's memory.
const MEMORY_OF_ONE_CPU: usize = 1769;

/// The runtime that fits the CPUs there are: one thread on one vCPU or less, where more would only get
/// into each other's way; else one for each.
///
/// # Errors
/// When the system has no threads to give.
pub fn runtime() -> io::Result<Runtime> {
    let mut runtime = if cpus() == 1 {
        runtime::Builder::new_current_thread()
    } else {
        runtime::Builder::new_multi_thread()
    };
    runtime.enable_all().build()
}

/// The CPUs there are for the program: one where Lambda gives one or a share of one.
pub fn cpus() -> usize {
    let lambda_memory = std::env::var("AWS_LAMBDA_FUNCTION_MEMORY_SIZE");
    let lambda_memory = lambda_memory.ok().and_then(|mib| mib.parse().ok());
    let cpus = thread::available_parallelism().map_or(1, NonZero::get);
    cpus_given(lambda_memory, cpus)
}

fn cpus_given(lambda_memory: Option<usize>, cpus: usize) -> usize {
    match lambda_memory {
        Some(mib) if mib <= MEMORY_OF_ONE_CPU => 1,
        Some(_) | None => cpus,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_a_cpu_is_one_thread() {
        assert_eq!(cpus_given(Some(512), 2), 1);
        assert_eq!(cpus_given(Some(1769), 2), 1);
        assert_eq!(cpus_given(Some(3008), 2), 2);
        assert_eq!(cpus_given(None, 8), 8);
    }
}
