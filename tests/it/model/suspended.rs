//! A run in a machine of its own that is suspended in the midst of it.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::JoinHandle;

use s3_backup::app::AppError;
use s3_backup::lambda::Handler;
use s3_backup::request;
use serde_json::{Value, json};

type Answer = Result<Value, AppError>;

pub struct Suspended {
    slept: Receiver<()>,
    wake: Sender<()>,
    machine: JoinHandle<Answer>,
}

impl Suspended {
    /// Begins a run that falls asleep after so many outcomes, or comes to its end before.
    pub fn begin(handler: Handler, outcomes: usize) -> Self {
        let (sleep, slept) = mpsc::channel();
        let (wake, woken) = mpsc::channel();
        let machine = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let request = request::parse(&json!({})).unwrap();
            let mut seen = 0;
            let watch = |_: &_| {
                seen += 1;
                if seen == outcomes {
                    sleep.send(()).unwrap();
                    // Nobody wakes it if the test has failed meanwhile.
                    let _ = woken.recv();
                }
            };
            let answer = runtime.block_on(handler.answer(&request, None, watch));
            answer.map(|summary| serde_json::from_str(&summary.to_json().unwrap()).unwrap())
        });
        Self {
            slept,
            wake,
            machine,
        }
    }

    /// Waits until it sleeps; no if it has come to its end.
    pub fn is_asleep(&self) -> bool {
        self.slept.recv().is_ok()
    }

    /// Wakes it up, and waits for its end.
    pub fn wake(self) -> Answer {
        let _ = self.wake.send(());
        self.machine.join().unwrap()
    }
}
