//! A file of keys in, the keys in order and a batch at a time out, however many there are.
//!
//! A file that fits into one batch is held in memory. A longer one is sorted in runs that lie in a folder for
//! temporary files, and these are merged: at most one batch and a line of each run are in memory.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::{self, DirBuilder, File};
use std::io::{self, BufRead, BufReader, BufWriter, Lines, Write};
use std::mem;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::keys_error::KeysError;
use crate::model::Key;

/// Keys of a batch: one restore of them has a request that can be read again.
pub const KEYS_OF_BATCH: usize = 100_000;
/// Bytes of the keys of a batch. The request of a restore has 16 MiB at most, as JSON.
const BYTES_OF_BATCH: usize = 4 << 20;

/// The keys that a file names.
#[derive(Debug)]
pub enum NamedKeys {
    /// As many as one restore takes, in the order of the file.
    Few(Vec<String>),
    /// More.
    Many(SortedKeys),
}

/// Keys in order, in batches.
#[derive(Debug)]
pub struct SortedKeys {
    runs: Vec<Lines<BufReader<File>>>,
    /// The next key of each run that has one.
    next: BinaryHeap<Reverse<(String, usize)>>,
    /// Keys, those that are named twice included.
    pub count: u64,
    limits: Limits,
    /// Removed at last, when nothing in it is open.
    folder: Folder,
}

/// What a batch holds at most.
#[derive(Clone, Copy, Debug)]
struct Limits {
    keys: usize,
    bytes: usize,
}

impl Limits {
    fn are_reached(self, keys: usize, bytes: usize) -> bool {
        keys >= self.keys || bytes >= self.bytes
    }
}

/// Reads a file, one key a line; `-` is standard input. Empty lines are left out.
///
/// # Errors
/// The number of the line that is no key, or why the file cannot be read or sorted.
pub fn read(file: &str) -> Result<NamedKeys, KeysError> {
    let limits = Limits {
        keys: KEYS_OF_BATCH,
        bytes: BYTES_OF_BATCH,
    };
    read_within(file, limits)
}

fn read_within(file: &str, limits: Limits) -> Result<NamedKeys, KeysError> {
    let lines: Box<dyn BufRead> = if file == "-" {
        Box::new(BufReader::new(io::stdin()))
    } else {
        let opened = File::open(file);
        let opened = opened.map_err(|error| KeysError::Closed {
            file: file.to_owned(),
            error,
        })?;
        Box::new(BufReader::new(opened))
    };
    let mut batch = Vec::new();
    let (mut bytes, mut count) = (0, 0);
    let mut sorter: Option<Sorter> = None;
    for (number, line) in lines.lines().enumerate() {
        let Some(key) = key_of(line, number + 1, file)? else {
            continue;
        };
        if limits.are_reached(batch.len(), bytes) {
            let runs = match &mut sorter {
                Some(runs) => runs,
                None => sorter.insert(Sorter::new()?),
            };
            runs.store(mem::take(&mut batch))?;
            bytes = 0;
        }
        bytes += key.len();
        count += 1;
        batch.push(key);
    }
    match sorter {
        None => Ok(NamedKeys::Few(batch)),
        Some(mut sorter) => {
            sorter.store(batch)?;
            sorter.merged(count, limits).map(NamedKeys::Many)
        }
    }
}

/// The key of a line; none of an empty one.
fn key_of(
    line: io::Result<String>,
    number: usize,
    file: &str,
) -> Result<Option<String>, KeysError> {
    let mut line = line.map_err(|error| KeysError::Line {
        file: file.to_owned(),
        number,
        error,
    })?;
    if line.ends_with('\r') {
        line.pop();
    }
    if line.len() > Key::MOST_BYTES {
        return Err(KeysError::TooLong {
            file: file.to_owned(),
            number,
            bytes: line.len(),
        });
    }
    Ok((!line.is_empty()).then_some(line))
}

impl SortedKeys {
    /// The next keys, each once; none behind the last one.
    ///
    /// # Errors
    /// Why they cannot be read again.
    pub fn batch(&mut self) -> Result<Vec<String>, KeysError> {
        let mut batch: Vec<String> = Vec::new();
        let mut bytes = 0;
        while !self.limits.are_reached(batch.len(), bytes) {
            let Some(Reverse((key, run))) = self.next.pop() else {
                break;
            };
            self.advance(run)?;
            if batch.last() != Some(&key) {
                bytes += key.len();
                batch.push(key);
            }
        }
        // The same key of other runs is not left to the next batch.
        while let (Some(Reverse((key, run))), Some(last)) = (self.next.peek(), batch.last()) {
            if key != last {
                break;
            }
            let run = *run;
            self.next.pop();
            self.advance(run)?;
        }
        Ok(batch)
    }

    fn advance(&mut self, run: usize) -> Result<(), KeysError> {
        let line = self.runs.get_mut(run).and_then(Iterator::next);
        let line = line.transpose();
        if let Some(line) = line.map_err(|error| unsorted(&self.folder.0, error))? {
            self.next.push(Reverse((line, run)));
        }
        Ok(())
    }
}

/// Runs of sorted keys, one file each.
struct Sorter {
    folder: Folder,
    runs: usize,
}

impl Sorter {
    fn new() -> Result<Self, KeysError> {
        let folder = Folder::new().map_err(|error| unsorted(&std::env::temp_dir(), error))?;
        Ok(Self { folder, runs: 0 })
    }

    fn store(&mut self, mut keys: Vec<String>) -> Result<(), KeysError> {
        keys.sort_unstable();
        let written = (|| {
            let mut file = BufWriter::new(File::create_new(self.folder.run(self.runs))?);
            for key in keys {
                file.write_all(key.as_bytes())?;
                file.write_all(b"\n")?;
            }
            file.flush()
        })();
        written.map_err(|error: io::Error| unsorted(&self.folder.0, error))?;
        self.runs += 1;
        Ok(())
    }

    fn merged(self, count: u64, limits: Limits) -> Result<SortedKeys, KeysError> {
        let opened = (0..self.runs).map(|run| File::open(self.folder.run(run)));
        let opened: io::Result<Vec<File>> = opened.collect();
        let opened = opened.map_err(|error| unsorted(&self.folder.0, error))?;
        let runs = opened.into_iter();
        let mut sorted = SortedKeys {
            runs: runs.map(|run| BufReader::new(run).lines()).collect(),
            next: BinaryHeap::new(),
            count,
            limits,
            folder: self.folder,
        };
        for run in 0..sorted.runs.len() {
            sorted.advance(run)?;
        }
        Ok(sorted)
    }
}

/// A folder for temporary files that nobody else may look into.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        let name = format!("s3-backup-keys-{:016x}", fastrand::u64(..));
        let path = std::env::temp_dir().join(name);
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    fn run(&self, number: usize) -> PathBuf {
        Path::new(&self.0).join(number.to_string())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "temporary files stay");
        }
    }
}

fn unsorted(folder: &Path, error: io::Error) -> KeysError {
    let folder = folder.to_owned();
    KeysError::Unsorted { folder, error }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a file of these bytes in batches of two keys.
    fn read_twos(name: &str, text: &str) -> (String, Result<NamedKeys, KeysError>) {
        let file = std::env::temp_dir().join(format!("s3-backup-test-{name}"));
        fs::write(&file, text).unwrap();
        let name = file.to_str().unwrap().to_owned();
        let limits = Limits {
            keys: 2,
            bytes: 1_000,
        };
        let read = read_within(&name, limits);
        fs::remove_file(&file).unwrap();
        (name, read)
    }

    #[test]
    fn a_file_of_one_batch_is_read_as_it_is() {
        let (_, read) = read_twos("few", "b\n\na c\r\n");

        assert!(matches!(read, Ok(NamedKeys::Few(keys)) if keys == ["b", "a c"]));
    }

    #[test]
    fn a_longer_file_is_sorted_and_names_each_key_once() {
        let (_, read) = read_twos("many", "d\nb\nb\na\nd\nc\na\nb\n");
        let Ok(NamedKeys::Many(mut sorted)) = read else {
            panic!("{read:?}");
        };
        let folder = sorted.folder.0.clone();
        assert!(folder.is_dir());

        let batches: Vec<_> = (0..3).map(|_| sorted.batch().unwrap()).collect();

        assert_eq!(batches, [vec!["a", "b"], vec!["c", "d"], vec![]]);
        assert_eq!(sorted.count, 8);
        drop(sorted);
        assert!(!folder.exists());
    }

    #[test]
    fn batches_are_bound_by_their_bytes_too() {
        let long = "x".repeat(600);
        let (_, read) = read_twos("bytes", &format!("{long}1\n{long}2\n{long}3\n"));
        let Ok(NamedKeys::Many(mut sorted)) = read else {
            panic!("{read:?}");
        };

        assert_eq!(sorted.batch().unwrap().len(), 2);
        assert_eq!(sorted.batch().unwrap().len(), 1);
    }

    #[test]
    fn a_line_that_is_no_key_is_named_by_its_number_also_far_behind() {
        let text = format!("{}{}\n", "a\n".repeat(9), "x".repeat(1_025));

        let (name, read) = read_twos("bad", &text);

        assert_eq!(
            read.unwrap_err().to_string(),
            format!("line 10 of {name} has 1025 bytes, and a key has 1024 at most")
        );
    }
}
