//! The function that restores, as the hosted page invokes it: the page's own role writes nothing. One signed
//! POST. The SDK's client of Lambda would do the same with several hundred KB more.

use std::time::Duration;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use serde_json::Value;

use super::answer::Refusal;
use crate::s3::{Outside, OutsideError, ServicePost, service_address};

/// How long an answer is waited for: less than the page's own function may take.
const LIMIT: Duration = Duration::from_secs(8);

/// Waits for the answer.
const ANSWER: [(&str, &str); 2] = [
    ("content-type", "application/json"),
    ("x-amz-invocation-type", "RequestResponse"),
];
/// Does not.
const BEGIN: [(&str, &str); 2] = [
    ("content-type", "application/json"),
    ("x-amz-invocation-type", "Event"),
];

/// The function.
#[derive(Debug)]
pub struct RestoreFunction {
    name: String,
    outside: Outside,
}

/// An error of a function.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct FunctionError {
    error_type: String,
    #[serde(default)]
    error_message: String,
}

impl RestoreFunction {
    /// The function of that name, in the region of this one.
    pub fn new(name: String, outside: Outside) -> Self {
        Self { name, outside }
    }

    /// Invokes it and waits for the answer.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn ask(&self, request: &Value) -> Result<Value, Refusal> {
        let (status, body) = self.post(request, &ANSWER).await?;
        let answer: Value = serde_json::from_str(&body).unwrap_or_default();
        if let Ok(error) = serde_json::from_value::<FunctionError>(answer.clone()) {
            return Err(refusal(&error));
        }
        if status == 200 && answer.is_object() {
            return Ok(answer);
        }
        Err(refused(status, &body))
    }

    /// Invokes it, and does not wait.
    ///
    /// # Errors
    /// Why that is not possible.
    pub async fn begin(&self, request: &Value) -> Result<(), Refusal> {
        match self.post(request, &BEGIN).await? {
            (202, _) => Ok(()),
            (status, body) => Err(refused(status, &body)),
        }
    }

    async fn post(
        &self,
        request: &Value,
        headers: &[(&'static str, &'static str)],
    ) -> Result<(u16, String), Refusal> {
        let failed = |problem: OutsideError| {
            Refusal::failed(&format!(
                "the function that restores cannot be invoked: {problem}"
            ))
        };
        let region = self.outside.region().unwrap_or("us-east-1");
        let base = self.outside.url_of("Lambda");
        let base = base.unwrap_or_else(|| address(region));
        let name = utf8_percent_encode(&self.name, NON_ALPHANUMERIC).to_string();
        // A hyphen and a line stand for themselves in what is signed.
        let name = name.replace("%2D", "-").replace("%5F", "_");
        let url = format!(
            "{}/2015-03-31/functions/{name}/invocations",
            base.trim_end_matches('/')
        );
        let credentials = self.outside.credentials().await.map_err(failed)?;
        let post = ServicePost {
            service: "lambda",
            region,
            url: &url,
            headers,
            body: &request.to_string(),
        };
        let signed = Outside::signed(post, credentials).map_err(failed)?;
        let reply = self.outside.send(signed, LIMIT).await.map_err(|problem| {
            tracing::warn!("the function that restores has not answered: {problem}");
            Refusal::busy(
                "this takes longer than usual and goes on; look for it under Activity in some minutes",
            )
        })?;
        Ok((reply.status, reply.body))
    }
}

fn address(region: &str) -> String {
    let partition = if region.starts_with("cn-") {
        "aws-cn"
    } else {
        "aws"
    };
    service_address("lambda", partition, region)
}

fn refused(status: u16, body: &str) -> Refusal {
    if status == 429 {
        return Refusal::too_busy(
            "too many people put files back at the moment; try again in a minute",
        );
    }
    let words: String = body.chars().take(300).collect();
    Refusal::failed(&format!(
        "the function that restores cannot be invoked: status {status}: {words}"
    ))
}

/// The types are those of [`crate::app::AppError`], which never change.
fn refusal(error: &FunctionError) -> Refusal {
    let message = error.error_message.clone();
    match error.error_type.as_str() {
        "AlreadyRunning" => Refusal::busy(message),
        "RequestError" => Refusal::conflict(message),
        _ => Refusal::failed(&message),
    }
}
