//! The second AI leg: dialled beside the first, which it relieves at a pause.

use super::{
    Supervisor,
    ai::{DIAL_MAX, lasts},
    clock,
};
use crate::{
    config::Transport,
    realtime::{
        dial,
        event::What,
        link::{Link, LinkEvent},
        transcript::Transcript,
    },
    session::{machine::Event, meaning::Reader},
};
use tokio::task::JoinError;
use vivavoce_media::LegEvent;

impl Supervisor {
    pub(super) fn dial_next(&mut self, transport: Transport) {
        self.drop_next();
        let (ai, dialect, call, begin) = (
            self.deps.ai.clone(),
            self.deps.dialect.clone(),
            self.call.clone(),
            self.begin.clone(),
        );
        self.staging.spawn(async move {
            let session = begin.ai_session(&ai, &*dialect);
            Link::stage(&ai, dialect, &call, &session, transport, DIAL_MAX).await
        });
    }

    pub(super) fn staged(&mut self, result: Result<Result<Link, dial::Error>, JoinError>) {
        match result {
            Ok(Ok(link)) => {
                let is_open = link.is_websocket() || std::mem::take(&mut self.next_open);
                self.next = Some(link);
                if is_open {
                    self.tell(Event::NextReady);
                }
            }
            Ok(Err(error)) => {
                tracing::warn!(leg = "ai_next", %error, "a second call could not be had");
                self.tell(Event::NextFailed(error.to_string()));
            }
            Err(gone) if gone.is_cancelled() => {}
            Err(panicked) => {
                tracing::error!(leg = "ai_next", error = %panicked, "a dial failed in a way that is our bug");
                self.tell(Event::NextFailed("internal".into()));
            }
        }
    }

    pub(super) fn next_event(&mut self, event: &LegEvent) {
        match event {
            LegEvent::ChannelOpen { .. } if self.next.is_some() => self.tell(Event::NextReady),
            LegEvent::ChannelOpen { .. } => self.next_open = true,
            LegEvent::ChannelClosed { .. } | LegEvent::Closed { .. } | LegEvent::Lost { .. } => {
                self.tell(Event::NextFailed("its leg was lost".into()));
            }
            LegEvent::Message { text } => self.next_says(text),
            LegEvent::Up { .. } | LegEvent::FirstMedia | LegEvent::Back | LegEvent::Received(_) => {}
        }
    }

    /// The same, where it is a WebSocket.
    pub(super) fn next_link_event(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Message(text) => self.next_says(&text),
            LinkEvent::Closed(cause) => self.tell(Event::NextFailed(cause)),
            LinkEvent::Played { .. } | LinkEvent::AllPlayed => {}
        }
    }

    /// Nothing is asked of it before it takes over, so that what it says is of no conversation: but for how long it lasts.
    fn next_says(&mut self, text: &str) {
        if let What::SessionCreated {
            expires_at: Some(expires_at),
        } = self.deps.dialect.parse(text).what
        {
            let after = lasts(expires_at);
            self.tell(Event::NextExpires { after });
        }
    }

    pub(super) fn drop_next(&mut self) {
        self.staging.abort_all();
        self.next_open = false;
        self.call.ai_drop_next();
        if let Some(link) = self.next.take() {
            self.deps.tasks.spawn(link.hang_up());
        }
    }

    /// The second leg takes over: what was said goes to it, then the candidate's speech.
    pub(super) fn switch_ai(&mut self) {
        let Some(mut next) = self.next.take() else {
            self.machine
                .handle(clock::monotonic(), Event::AiClosed("its successor is gone".into()));
            return;
        };
        let legacy = self.leave_conversation();
        next.take_over();
        self.switching += 1;
        if let Some(old) = self.link.replace(next) {
            self.deps.tasks.spawn(old.hang_up());
        }
        self.reader = Reader::default();
        self.transcript = Transcript::take_up(self.begin.session.id, legacy);
        self.take_up_again();
    }
}
