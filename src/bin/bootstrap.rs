//! The Lambda function: the custom runtime's entry point.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use s3_backup::handler::{self, Handler, log};
use s3_backup::s3::Connections;
use serde_json::Value;

fn main() -> Result<(), Error> {
    log::begin();
    handler::runtime()?.block_on(async {
        let handler = Handler::new(Connections::from_env().await, handler::environment());
        let answer = |event: LambdaEvent<Value>| Box::pin(handler.handle(event));
        let answers = async { Some(lambda_runtime::run(service_fn(answer)).await) };
        handler.until_terminated(answers).await.unwrap_or(Ok(()))
    })
}
