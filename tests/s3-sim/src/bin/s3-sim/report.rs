//! What a benchmark wants to know at the end, as one line of JSON.

use s3_sim::{Difference, Ledger, Verb};

/// Calls by verb and status, the most of a verb at once, and how the buckets differ.
/// The names of verbs need no escape.
pub(crate) fn of(ledger: &Ledger, difference: Difference) -> String {
    let calls = ledger.counts().into_iter().map(|((verb, status), count)| {
        let status = status.map_or("null".to_owned(), |status| status.to_string());
        format!("[\"{verb:?}\",{status},{count}]")
    });
    let at_once = Verb::ALL
        .into_iter()
        .map(|verb| (verb, ledger.max_in_flight_of(verb)));
    let at_once = at_once
        .filter(|(_, most)| *most > 0)
        .map(|(verb, most)| format!("\"{verb:?}\":{most}"));
    format!(
        "{{\"calls\":[{}],\"at_once\":{{{}}},\"objects\":{},\"missing\":{},\"wrong\":{},\"extra\":{}}}",
        calls.collect::<Vec<_>>().join(","),
        at_once.collect::<Vec<_>>().join(","),
        difference.objects,
        difference.missing,
        difference.wrong,
        difference.extra
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use s3_sim::Sim;

    #[test]
    fn an_idle_simulator_reports_what_differs() {
        let sim = Sim::start();
        sim.create_bucket("primary");
        sim.create_bucket("backup");
        sim.put("primary", "k", "x");

        let line = of(&sim.ledger(), sim.compare("primary", "backup"));

        assert_eq!(
            line,
            r#"{"calls":[],"at_once":{},"objects":1,"missing":1,"wrong":0,"extra":0}"#
        );
    }
}
