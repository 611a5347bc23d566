//! What is particular to a signal. Queue, batches, attempts and counts are the same for all.

use std::fmt::Debug;

use prost::Message;

pub trait Signal: Debug + 'static {
    /// For the log and for counts: `traces`, `logs`, `metrics`, `profiles`.
    const NAME: &'static str;
    /// The path of its gRPC method.
    const METHOD: &'static str;
    /// What waits in the queue.
    type Item: Debug + Send + Sync + 'static;
    type Request: Message + 'static;
    type Response: Message + Default + 'static;

    /// Items in a part of a file on disk, which is lost as a whole.
    const IN_FRAME: usize = 32;
    /// Encoded requests, one behind the other, are one request: true of lists only.
    const ADDS_UP: bool = true;

    fn request(items: &[Self::Item]) -> Self::Request;

    /// How many counted things an item is.
    fn size(_item: &Self::Item) -> usize {
        1
    }

    /// Of an answer that took the rest: how many were rejected, and why.
    fn rejected(response: Self::Response) -> Option<(i64, String)>;
}

/// [`Signal::rejected`], whose messages have the same fields under different names.
macro_rules! rejected {
    ($response:expr, $count:ident) => {
        $response
            .partial_success
            .map(|partial| (partial.$count, partial.error_message))
    };
}
pub(super) use rejected;
