//! The Lambda function: the custom runtime's entry point.

use lambda_runtime::{Error, LambdaEvent, service_fn};
use s3_backup::handler::{self, Handler, log};
use s3_backup::s3::Connections;
use serde_json::Value;

fn main() -> Result<(), Error> {
    log::begin();
    handler::runtime()?.block_on(async {
        let handler = Handler::new(Connections::from_env().await, handler::environment());
        // One package, several functions: the setting `Handler` of each says which it is.
        let is_watch = std::env::var("_HANDLER").is_ok_and(|name| name == "watch");
        let answers = async {
            let watch = |event: LambdaEvent<Value>| Box::pin(handler.handle_watch(event));
            let answer = |event: LambdaEvent<Value>| Box::pin(handler.handle(event));
            Some(if is_watch {
                lambda_runtime::run(service_fn(watch)).await
            } else {
                lambda_runtime::run(service_fn(answer)).await
            })
        };
        handler.until_terminated(answers).await.unwrap_or(Ok(()))
    })
}
