//! A message to a topic: one signed POST. The SDK's client of Amazon SNS would do the same with 135 KB more in the
//! package: see docs/performance.md.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::message::Message;
use crate::config::TopicArn;
use crate::s3::{Outside, OutsideError, OutsideReply, ServicePost, Waits, service_address};

/// The version of the query protocol of Amazon SNS.
const VERSION: &str = "2010-03-31";
const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
/// What a form leaves as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// How long before the second attempt, at most.
const PAUSE: Duration = Duration::from_millis(300);

/// Why a message was not sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NotSent {
    /// The code of Amazon SNS; none without a reply of its.
    code: Option<String>,
    message: String,
    /// Whether another attempt may have another end.
    can_pass: bool,
    /// Why there is no reply, if there is none.
    source: Option<OutsideError>,
}

impl Error for NotSent {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.source.as_ref()?)
    }
}

impl fmt::Display for NotSent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(code) = &self.code {
            write!(f, "{code}: ")?;
        }
        f.write_str(&self.message)
    }
}

impl NotSent {
    /// What to do about it.
    pub fn advice(&self) -> &'static str {
        match self.code.as_deref() {
            Some("NotFound" | "NotFoundException") => {
                "create the topic again, or correct BACKUP_SNS_TOPIC_ARN"
            }
            Some("AuthorizationError" | "AccessDenied" | "AccessDeniedException") => {
                "allow the role sns:Publish on the topic"
            }
            Some(code) if code.starts_with("KMS") => {
                "allow the role kms:GenerateDataKey and kms:Decrypt on the key of the topic"
            }
            Some("InvalidParameter" | "InvalidParameterValue") => {
                "correct BACKUP_SNS_TOPIC_ARN: its region, account and name"
            }
            Some(_) => "look at the result itself: no message tells of this run",
            None => {
                "check the way to Amazon SNS: a function in a VPC needs an endpoint of it or a NAT gateway"
            }
        }
    }

    fn without_reply(error: OutsideError, can_pass: bool) -> Self {
        Self {
            code: None,
            message: error.to_string(),
            can_pass,
            source: Some(error),
        }
    }
}

/// Publishes a message within that time. An attempt that failed for a passing reason is made once more: a message
/// that comes twice does no harm.
pub(super) async fn publish(
    outside: &Outside,
    topic: &TopicArn,
    message: &Message,
    limit: Duration,
) -> Result<(), NotSent> {
    let began = tokio::time::Instant::now();
    let first = attempt(outside, topic, message, limit).await;
    match first {
        Err(error) if error.can_pass && began.elapsed() + 2 * PAUSE < limit => {
            tokio::time::sleep(Waits::of(PAUSE).times(1)).await;
            let left = limit.saturating_sub(began.elapsed());
            attempt(outside, topic, message, left).await
        }
        ended => ended,
    }
}

async fn attempt(
    outside: &Outside,
    topic: &TopicArn,
    message: &Message,
    limit: Duration,
) -> Result<(), NotSent> {
    let url = outside.url_of("SNS").unwrap_or_else(|| url_of(topic));
    let began = tokio::time::Instant::now();
    // They may come from a server too, which must not hold the answer up.
    let credentials = tokio::time::timeout(limit, outside.credentials()).await;
    let credentials = credentials
        .unwrap_or(Err(OutsideError::CredentialsTooSlow(limit)))
        .map_err(|error| NotSent::without_reply(error, false))?;
    let limit = limit.saturating_sub(began.elapsed());
    let post = ServicePost {
        service: "sns",
        region: topic.region(),
        url: &url,
        headers: &[("content-type", FORM)],
        body: &form(topic, message),
    };
    let request =
        Outside::signed(post, credentials).map_err(|error| NotSent::without_reply(error, false))?;
    let reply = outside.send(request, limit).await;
    published(&reply.map_err(|error| NotSent::without_reply(error, true))?)
}

/// Where Amazon SNS is in the region of a topic.
fn url_of(topic: &TopicArn) -> String {
    service_address("sns", topic.partition(), topic.region()) + "/"
}

fn form(topic: &TopicArn, message: &Message) -> String {
    let encoded = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
    let mut fields = vec![
        ("Action".to_owned(), "Publish".to_owned()),
        ("Version".to_owned(), VERSION.to_owned()),
        ("TopicArn".to_owned(), topic.as_str().to_owned()),
        ("Subject".to_owned(), message.subject.clone()),
        ("Message".to_owned(), message.body.clone()),
    ];
    for (number, (name, value)) in (1..).zip(&message.attributes) {
        let kind = if *name == "errors" {
            "Number"
        } else {
            "String"
        };
        let entry = format!("MessageAttributes.entry.{number}");
        fields.push((format!("{entry}.Name"), (*name).to_owned()));
        fields.push((format!("{entry}.Value.DataType"), kind.to_owned()));
        fields.push((format!("{entry}.Value.StringValue"), value.clone()));
    }
    let pairs = fields.iter();
    let pairs: Vec<String> = pairs
        .map(|(name, value)| format!("{name}={}", encoded(value)))
        .collect();
    pairs.join("&")
}

/// Whether a reply says that the message was taken: a 200 of something else is none.
fn published(reply: &OutsideReply) -> Result<(), NotSent> {
    let element = |name: &str| {
        let (_, rest) = reply.body.split_once(&format!("<{name}>"))?;
        let (text, _) = rest.split_once(&format!("</{name}>"))?;
        Some(text.trim().to_owned())
    };
    if reply.status == 200 && element("MessageId").is_some() {
        return Ok(());
    }
    let status = reply.status;
    let is_throttled = |code: &str| code.starts_with("Throttl");
    let code = element("Code");
    let message = match status {
        200 => "the reply is not one of Amazon SNS".to_owned(),
        300..=399 => format!("status {status}: a redirect, which is not followed"),
        _ => element("Message").unwrap_or_else(|| format!("status {status}")),
    };
    let can_pass = status >= 500 || code.as_deref().is_some_and(is_throttled);
    Err(NotSent {
        code,
        message,
        can_pass,
        source: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn each_partition_has_its_own_domain() {
        for (partition, url) in [
            ("aws", "https://sns.eu-west-1.amazonaws.com/"),
            ("aws-us-gov", "https://sns.eu-west-1.amazonaws.com/"),
            ("aws-cn", "https://sns.eu-west-1.amazonaws.com.cn/"),
            ("aws-eusc", "https://sns.eu-west-1.amazonaws.eu/"),
            ("aws-iso-b", "https://sns.eu-west-1.sc2s.sgov.gov/"),
        ] {
            let arn = format!("arn:{partition}:sns:eu-west-1:123456789012:backups");
            let vars = [
                ("SOURCE_BUCKET", "primary"),
                ("DESTINATION_BUCKET", "backup"),
                ("BACKUP_SNS_TOPIC_ARN", arn.as_str()),
            ];
            let own = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
            let config = Config::from_vars(vars.into_iter().map(own)).unwrap();

            assert_eq!(url_of(&config.notify.topic.unwrap()), url);
        }
    }
}
