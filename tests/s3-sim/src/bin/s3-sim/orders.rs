//! What the program is told while it runs, a line for each order.

use s3_sim::Sim;
use std::io::BufRead;
use std::time::Duration;

/// An order, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// The clock goes on by so much.
    Advance(Duration),
    /// What was asked, and how the buckets differ, at once.
    Report,
    /// What was asked so far is not counted any more.
    Forget,
}

/// Carries out all orders, until nobody can give one any more. Each is answered
/// with a line: the report, or the word `done`.
pub(crate) fn obey(
    orders: impl BufRead,
    sim: &Sim,
    report: impl Fn() -> String,
) -> Result<(), String> {
    for line in orders.lines() {
        let line = line.map_err(|error| format!("the orders cannot be read: {error}"))?;
        match read(&line)? {
            Order::Advance(by) => {
                sim.clock().advance(by);
                println!("done");
            }
            Order::Forget => {
                sim.ledger().clear();
                println!("done");
            }
            Order::Report => println!("{}", report()),
        }
    }
    Ok(())
}

fn read(line: &str) -> Result<Order, String> {
    let refused = || format!("an order is `advance SECONDS`, `report` or `forget`, not `{line}`");
    match line.split_once(' ') {
        None if line == "report" => Ok(Order::Report),
        None if line == "forget" => Ok(Order::Forget),
        Some(("advance", seconds)) => match seconds.parse() {
            Ok(seconds) => Ok(Order::Advance(Duration::from_secs(seconds))),
            Err(_) => Err(refused()),
        },
        None | Some(_) => Err(refused()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::io::{Read, Write};
    use std::net::TcpStream;

    #[test]
    fn the_clock_advances_and_a_report_is_asked_for_as_often_as_one_likes() {
        let sim = Sim::start();
        let clock = sim.clock();
        clock.freeze();
        let before = clock.now();
        let asked = Cell::new(0);

        let obeyed = obey(&b"report\nadvance 86400\nreport\n"[..], &sim, || {
            asked.set(asked.get() + 1);
            String::new()
        });

        assert_eq!(obeyed, Ok(()));
        assert_eq!(clock.now(), before + Duration::from_secs(86_400));
        assert_eq!(asked.get(), 2);
    }

    #[test]
    fn what_is_to_be_forgotten_is_not_counted_any_more() {
        let sim = Sim::start();
        let mut asked = TcpStream::connect(sim.endpoint().trim_start_matches("http://")).unwrap();
        let request = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        asked.write_all(request).unwrap();
        asked.read_to_end(&mut Vec::new()).unwrap();
        assert_eq!(sim.ledger().total(), 1);

        let obeyed = obey(&b"forget\n"[..], &sim, String::new);

        assert_eq!(obeyed, Ok(()));
        assert_eq!(sim.ledger().total(), 0);
    }

    #[test]
    fn what_is_no_order_is_refused_by_name() {
        for line in [
            "rewind 1",
            "advance",
            "advance soon",
            "report twice",
            "forget me",
            "",
        ] {
            let mistake = read(line).unwrap_err();

            assert!(mistake.contains(&format!("not `{line}`")), "{mistake}");
        }
    }
}
