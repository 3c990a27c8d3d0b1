//! The Lambda function: the custom runtime's entry point.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use s3_backup::handler::{self, Handler};
use s3_backup::s3::Connections;
use serde_json::Value;

fn main() -> Result<(), Error> {
    lambda_runtime::tracing::init_default_subscriber();
    handler::runtime()?.block_on(async {
        let handler = Handler::new(Connections::from_env().await, handler::environment());
        let answer = |event: LambdaEvent<Value>| Box::pin(handler.handle(event));
        lambda_runtime::run(service_fn(answer)).await
    })
}
