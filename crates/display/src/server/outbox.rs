//! What is on its way to a page: answers one after the other; of pictures only the newest, so that a slow link shows no past.

use axum::body::Bytes;
use axum::extract::ws::Message;
use tokio::sync::{mpsc, watch};

/// Where answers and pictures are put.
#[derive(Debug)]
pub struct Outbox {
    answers: mpsc::UnboundedSender<String>,
    picture: watch::Sender<Bytes>,
}

/// Where they are fetched to be sent.
#[derive(Debug)]
pub struct Outgoing {
    answers: mpsc::UnboundedReceiver<String>,
    picture: watch::Receiver<Bytes>,
}

/// Both ends, with nothing in between.
pub fn outbox() -> (Outbox, Outgoing) {
    let (to_answers, answers) = mpsc::unbounded_channel();
    let (to_picture, picture) = watch::channel(Bytes::new());
    (Outbox { answers: to_answers, picture: to_picture }, Outgoing { answers, picture })
}

impl Outbox {
    /// An answer, JSON. A page that is gone needs none.
    pub fn answer(&self, text: String) {
        let _ = self.answers.send(text);
    }

    /// A picture, in place of one that was not fetched yet.
    pub fn show(&self, picture: Bytes) {
        self.picture.send_replace(picture);
    }

    /// Whether the page is gone.
    pub fn is_closed(&self) -> bool {
        self.answers.is_closed()
    }
}

impl Outgoing {
    /// The next message, answers before pictures; `None` when nothing will come any more. Nothing is lost where this is given up.
    pub async fn next(&mut self) -> Option<Message> {
        tokio::select! {
            biased;
            answer = self.answers.recv() => answer.map(|text| Message::Text(text.into())),
            Ok(()) = self.picture.changed() => Some(Message::Binary(self.picture.borrow_and_update().clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn every_answer_is_sent_and_of_pictures_that_wait_only_the_newest() {
        let (outbox, mut outgoing) = outbox();
        for n in 0..3u8 {
            outbox.answer(n.to_string());
            outbox.show(Bytes::copy_from_slice(&[n]));
        }
        let mut next = || outgoing.next().now_or_never();
        for n in 0..3 {
            assert_eq!(next(), Some(Some(Message::Text(n.to_string().into()))));
        }
        assert_eq!(next(), Some(Some(Message::Binary(Bytes::from_static(&[2])))));
        assert_eq!(next(), None);
        assert!(!outbox.is_closed());
        drop(outbox);
        assert_eq!(next(), Some(None));
    }
}
