//! Messages of a distributed run: none of a piece, and one of the whole.

use serde_json::{Value, json};

use super::{Cut, cut, world_of};
use crate::notify::{Reply, Sns, TOPIC};
use crate::world::{World, answer, assert_adds_up};

/// A run whose pieces are worked on by functions that can tell, without those that are left out.
async fn worked_on(left_out: usize) -> (World, Sns, Cut) {
    let sns = Sns::start(&[Reply::Published]);
    // What the template says to the worker.
    let world = world_of(300)
        .with("BACKUP_SNS_TOPIC_ARN", TOPIC)
        .with("BACKUP_CONTINUATION", "yes");
    let cut = cut(&world, 6).await;
    let requests = cut.requests[left_out..].to_vec();
    for request in requests {
        answer(&sns.handler(&world), request).await.unwrap();
    }
    (world, sns, cut)
}

async fn close(world: &World, sns: &Sns, request: Value) -> Value {
    let result = answer(&sns.handler(world), request).await.unwrap();
    assert_adds_up(&result);
    result
}

#[tokio::test]
async fn closing_without_all_pieces_is_told_of_although_it_has_a_cursor() {
    let (world, sns, cut) = worked_on(2).await;
    assert!(sns.posted().is_empty(), "a piece was told of");

    let closed = close(&world, &sns, cut.close).await;

    assert_eq!(closed["status"], "incomplete", "{closed}");
    assert!(closed["cursor"].is_object(), "{closed}");
    assert_eq!(closed["warnings"], json!([]), "{closed}");
    let posted = sns.posted();
    let [message] = posted.as_slice() else {
        panic!("{posted:?}");
    };
    let subject = &message.fields["Subject"];
    assert!(subject.starts_with("s3-backup INCOMPLETE: "), "{subject}");
    assert!(subject.contains(", 2 errors "), "{subject}");
    let body = &message.fields["Message"];
    for number in [1, 2] {
        let piece = format!("piece {number} of run {} was not finished", cut.run_id);
        assert!(body.contains(&piece), "{body}");
    }
}

#[tokio::test]
async fn closing_with_all_pieces_is_told_of_once() {
    let (world, sns, cut) = worked_on(0).await;

    let closed = close(&world, &sns, cut.close).await;

    assert_eq!(closed["status"], "complete", "{closed}");
    let posted = sns.posted();
    let [message] = posted.as_slice() else {
        panic!("{posted:?}");
    };
    let subject = &message.fields["Subject"];
    assert_eq!(subject, "s3-backup COMPLETE: 300 copied (primary)");
}
