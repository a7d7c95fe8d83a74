//! Requests that are awaited.

use super::channel::AsyncChannel;
use super::wait::{Either, Patience, first, forget, is_again, readable};
use crate::NOW;
use crate::channel::{Channel, View};
use crate::error::Result;

/// A request whose reply hasn't been fetched. Dropping it gives the request up.
struct Open<'a> {
    of: &'a AsyncChannel,
    id: u32,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        // It fails if the reply was fetched, or the channel has ended: then nothing is open.
        let _ = self.of.channel.request_cancel(self.id);
    }
}

impl AsyncChannel {
    /// Sends a request and waits for its reply. Any number of tasks may ask at once. Other messages
    /// that come meanwhile wait in the inbox for a receiving call. If the future is dropped, the
    /// reply is dropped when it comes.
    pub async fn request(&self, tag: u32, data: &[u8]) -> Result<View<'_>> {
        let id = self.begin(tag, data).await?;
        let open = Open { of: self, id };
        let fetch =
            |channel: &Channel| channel.core.explain("request", channel.core.reply_now(open.id));
        // Replies that others have read are looked at without a lock of the channel.
        let parts = self.when_handed(fetch, |_| false).await?;
        std::mem::forget(open);
        Ok(View::new(&self.channel.core, parts))
    }

    /// Sends a request, and reads while it waits for room. Otherwise two peers that ask at once
    /// would wait for each other.
    async fn begin(&self, tag: u32, data: &[u8]) -> Result<u32> {
        let mut patience = Patience::default();
        loop {
            let outcome = self.begin_or_choked(tag, data).await;
            if !patience.wait(&outcome).await {
                return outcome;
            }
        }
    }

    async fn begin_or_choked(&self, tag: u32, data: &[u8]) -> Result<u32> {
        let core = &self.channel.core;
        let attempt = || {
            let outcome = self.channel.request_begin(tag, data, NOW);
            self.tell.tell(core);
            outcome
        };
        let read = || {
            let read = core.explain("request", core.make_way_now());
            self.tell.tell(core);
            read
        };
        let mut outcome = attempt();
        while is_again(&outcome) {
            let ready = first(readable(&self.room), readable(&self.messages)).await;
            match ready {
                Either::Left(room) => {
                    outcome = attempt();
                    if is_again(&outcome) {
                        forget(room).await;
                    }
                }
                Either::Right(messages) => {
                    read()?;
                    forget(messages).await;
                    outcome = attempt();
                }
            }
        }
        outcome
    }
}
