//! Counting from outside: what is exact, what becomes an estimate.

use super::*;

#[tokio::test]
async fn counts_what_it_is_given() {
    let tokens = Tokens::start();
    let counting = tokens.arguments(Bytes::from_static(b"hello world"));
    let count = counting.finish().await;
    // The very first count waits for the vocabulary, and may take too long.
    assert!(count.is_estimate || count.tokens == 2, "{count:?}");
    let mut answer = tokens.answer();
    for piece in [
        r#"{"result": {"content": [{"text": "hel"#,
        r#"lo world"}]}}"#,
    ] {
        answer.feed(piece.as_bytes());
    }
    texts::load();
    let exact = Count {
        tokens: 2,
        is_estimate: false,
    };
    assert_eq!(answer.count(Format::Json).finish().await, exact);
}

#[tokio::test]
async fn what_is_too_large_or_unreadable_is_estimated() {
    let tokens = Tokens::start();
    texts::load();
    let mut answer = tokens.answer();
    let piece = vec![b'x'; 1 << 20];
    for _ in 0..5 {
        answer.feed(&piece);
    }
    let estimate = |bytes: u64| Count {
        tokens: bytes / BYTES_PER_TOKEN,
        is_estimate: true,
    };
    assert_eq!(answer.count(Format::Json).finish().await, estimate(5 << 20));
    let mut answer = tokens.answer();
    answer.feed(b"not JSON");
    assert_eq!(answer.count(Format::Json).finish().await, estimate(8));
}

#[tokio::test]
async fn kept_answers_share_a_bounded_memory() {
    let tokens = Tokens::start();
    let piece = vec![b'x'; ANSWER_BYTES_MAX];
    let mut answers: Vec<Answer> = (0..20).map(|_| tokens.answer()).collect();
    for answer in &mut answers {
        answer.feed(&piece);
    }
    let kept: usize = answers.iter().map(|answer| answer.body.len()).sum();
    assert_eq!(kept, 64 << 20);
    drop(answers);
    let mut answer = tokens.answer();
    answer.feed(&piece);
    assert_eq!(answer.body.len(), ANSWER_BYTES_MAX);
}
