//! A fault as an argument: `copy:500:0.2` is a 500 for one copy in five.

use s3_sim::{Effect, Fault, Verb};

/// Reads one. The seed tells the faults of one program apart.
pub(crate) fn read(text: &str, seed: u64) -> Result<(Fault, Effect), String> {
    let mut parts = text.split(':');
    let (Some(verb), Some(what), Some(share), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(format!("--fault needs VERB:WHAT:SHARE, not {text}"));
    };
    let verb = match verb {
        "list" => Verb::ListObjectsV2,
        "head" => Verb::HeadObject,
        "copy" => Verb::CopyObject,
        _ => return Err(format!("--fault knows no verb {verb}")),
    };
    let effect = match what {
        "500" => Effect::InternalError,
        "503" => Effect::SlowDown,
        "reset" => Effect::ConnectionReset,
        "200" => Effect::OkWithErrorBody("InternalError".to_owned()),
        _ => return Err(format!("--fault knows no {what}")),
    };
    match share.parse() {
        Ok(of) if (0.0..=1.0).contains(&of) => Ok((Fault::on(verb).probability(of, seed), effect)),
        Ok(_) | Err(_) => Err(format!("--fault needs a share of 0 to 1, not {share}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_a_verb_an_effect_and_a_share() {
        let (fault, effect) = read("copy:reset:0.05", 7).unwrap();

        let expected = Fault::on(Verb::CopyObject).probability(0.05, 7);
        assert_eq!(format!("{fault:?}"), format!("{expected:?}"));
        assert!(matches!(effect, Effect::ConnectionReset));
    }

    #[test]
    fn what_is_no_fault_is_refused_by_name() {
        for (text, told) in [
            ("copy:500", "VERB:WHAT:SHARE"),
            ("copy:500:1:1", "VERB:WHAT:SHARE"),
            ("put:500:1", "no verb put"),
            ("copy:404:1", "no 404"),
            ("copy:500:2", "not 2"),
            ("copy:500:NaN", "not NaN"),
        ] {
            let mistake = read(text, 1).unwrap_err();

            assert!(mistake.contains(told), "{text}: {mistake}");
        }
    }
}
