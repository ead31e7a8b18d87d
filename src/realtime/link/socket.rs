//! The WebSocket transport: a task that carries PCM and events between the service and the call.
//!
//! Is: a driver; what sounds is `voice`'s to decide. A second task writes, so that a stalled service cannot keep us from
//! reading. **Bounds:** some 10 s of messages to the service, then the link is closed as stalled; 1024 to the session, then as
//! overrun. Pings every 10 s; nothing heard for 25 s closes it.

use super::LinkEvent;
use super::pcm::{Ears, Mouth};
use super::voice::{Action, Voice};
use crate::clock;
use crate::realtime::dial::{Dialer, Error};
use crate::realtime::dialect::Dialect;
use crate::realtime::event::What;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use reqwest::header::AUTHORIZATION;
use serde_json::{Value, json};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::{self, Message, client::IntoClientRequest, protocol::WebSocketConfig};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

/// A second of speech is 64 KiB as base64; a service sends less in a message.
const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Messages that may wait for the service: 10 s of speech in 20 ms frames.
const OUT_MAX: usize = 512;
/// Messages that may wait for the session.
const IN_MAX: usize = 1024;
/// Events that may wait to be sent; a session sends a few at a time, a history some two hundred.
const COMMANDS_MAX: usize = 512;
/// One message must be written within this.
const WRITE_MAX: Duration = Duration::from_secs(10);
/// Between our pings.
const PING: Duration = Duration::from_secs(10);
/// Nothing heard for so long: it is gone.
const SILENCE_MAX: Duration = Duration::from_secs(25);
/// What is waited for the service's half of a close.
const CLOSE_MAX: Duration = Duration::from_secs(1);
/// While something sounds, play-out is looked at no more often than this.
const LOOK_MIN: Duration = Duration::from_millis(5);

type Stream = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// A socket on which the service has taken the session.
pub(super) struct Opened {
    stream: Stream,
    /// What came before it had.
    early: Vec<String>,
}

/// A socket at work.
#[derive(Debug)]
pub(super) struct Socket {
    commands: mpsc::Sender<Value>,
    events: mpsc::Receiver<LinkEvent>,
    /// Why it ended; set before the last event can be taken.
    why: Arc<OnceLock<String>>,
    /// `Closed` has been told.
    over: bool,
    task: JoinHandle<()>,
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Connects, gives the service the session, and waits until it has taken it. The caller sets the deadline.
pub(super) async fn open(
    dialer: &Dialer,
    model: &str,
    dialect: &dyn Dialect,
    session: &Value,
) -> Result<Opened, Error> {
    let mut stream = connect(dialer, model).await?;
    let update = dialect.session_on_socket(session).to_string();
    let lost = |error: &tungstenite::Error| Error::Network(cause(error));
    stream.send(Message::text(update)).await.map_err(|error| lost(&error))?;
    let mut early = Vec::new();
    loop {
        let text = match stream.next().await {
            Some(Ok(Message::Text(text))) => text.to_string(),
            Some(Ok(Message::Close(frame))) => {
                let code = frame.map(|frame| frame.reason.to_string()).unwrap_or_default();
                return Err(Error::refused(0, code.as_bytes(), None, dialer.key()));
            }
            Some(Ok(_)) => continue,
            Some(Err(error)) => return Err(lost(&error)),
            None => return Err(Error::Network("it closed the connection".into())),
        };
        match dialect.parse(&text).what {
            What::SessionUpdated => {
                early.push(text);
                return Ok(Opened { stream, early });
            }
            What::Error(_) => return Err(Error::refused(0, text.as_bytes(), None, dialer.key())),
            _ if early.len() < 64 => early.push(text),
            _ => return Err(Error::BadAnswer("it does not take the session")),
        }
    }
}

async fn connect(dialer: &Dialer, model: &str) -> Result<Stream, Error> {
    let query: String = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("model", model)
        .finish();
    let url = format!("{}?{query}", dialer.url("realtime")).replacen("http", "ws", 1);
    let mut request = url
        .into_client_request()
        .map_err(|error| Error::Network(cause(&error)))?;
    if let Some(bearer) = dialer.bearer()? {
        request.headers_mut().insert(AUTHORIZATION, bearer);
    }
    let tls = crate::realtime::tls::client().map_err(|_| Error::Network("TLS cannot be set up".into()))?;
    let config = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX))
        .read_buffer_size(16 * 1024)
        .write_buffer_size(0);
    let connector = Connector::Rustls(Arc::new(tls));
    match tokio::time::timeout(
        dialer.dial_timeout(),
        connect_async_tls_with_config(request, Some(config), true, Some(connector)),
    )
    .await
    {
        Ok(Ok((stream, _))) => Ok(stream),
        Ok(Err(tungstenite::Error::Http(response))) => {
            let body = response.body().as_deref().unwrap_or_default();
            Err(Error::refused(response.status().as_u16(), body, None, dialer.key()))
        }
        Ok(Err(error)) => Err(Error::Network(cause(&error))),
        Err(_) => Err(Error::Timeout),
    }
}

/// In few words; none of them anybody's speech.
fn cause(error: &tungstenite::Error) -> String {
    match error {
        tungstenite::Error::Io(error) => error.kind().to_string(),
        tungstenite::Error::Capacity(_) => "a message is too long".into(),
        tungstenite::Error::Protocol(error) => error.to_string(),
        tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => "it closed the connection".into(),
        tungstenite::Error::Tls(_) => "TLS failed".into(),
        _ => "it does not speak WebSocket".into(),
    }
}

impl Opened {
    /// Begins to carry.
    pub(super) fn run(self, dialect: Arc<dyn Dialect>, ears: Box<dyn Ears>, mouth: Arc<dyn Mouth>) -> Socket {
        let (commands, orders) = mpsc::channel(COMMANDS_MAX);
        let (told, events) = mpsc::channel(IN_MAX);
        let (sink, stream) = self.stream.split();
        let (out, outgoing) = mpsc::channel(OUT_MAX);
        let writer = tokio::spawn(write(sink, outgoing));
        let carrier = Carrier {
            out,
            told,
            dialect,
            mouth,
            voice: Voice::default(),
        };
        let why = Arc::new(OnceLock::new());
        let task = tokio::spawn(carrier.run(why.clone(), stream, self.early, ears, orders, writer));
        Socket {
            commands,
            events,
            why,
            over: false,
            task,
        }
    }
}

impl Socket {
    /// Queues an event for the service. On a full queue it is dropped: the link is stalled, and about to be closed.
    pub(super) fn send(&self, event: Value) {
        if self.commands.try_send(event).is_err() {
            tracing::warn!("an event for the AI service could not be queued");
        }
    }

    pub(super) async fn recv(&mut self) -> LinkEvent {
        match self.events.recv().await {
            Some(event) => event,
            None if self.over => std::future::pending().await,
            None => {
                self.over = true;
                // Unset only if the task panicked.
                LinkEvent::Closed(self.why.get().cloned().unwrap_or_else(|| "failed".into()))
            }
        }
    }

    /// Closes it, and waits a little for the service to have heard.
    pub(super) async fn close(mut self) {
        let (commands, _) = mpsc::channel(1);
        self.commands = commands; // the last sender: the task closes and ends
        self.events.close();
        let _ = tokio::time::timeout(CLOSE_MAX * 2, &mut self.task).await;
    }
}

/// Ends the writer with the reader.
struct Aborting(JoinHandle<Result<(), ()>>);

impl Drop for Aborting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Carrier {
    out: mpsc::Sender<Message>,
    told: mpsc::Sender<LinkEvent>,
    dialect: Arc<dyn Dialect>,
    mouth: Arc<dyn Mouth>,
    voice: Voice,
}

impl Carrier {
    async fn run(
        mut self,
        told_why: Arc<OnceLock<String>>,
        stream: SplitStream<Stream>,
        early: Vec<String>,
        ears: Box<dyn Ears>,
        orders: mpsc::Receiver<Value>,
        writer: JoinHandle<Result<(), ()>>,
    ) {
        let mut writer = Aborting(writer);
        let why = match self.carry(stream, early, ears, orders, &mut writer.0).await {
            Ok(never) => match never {},
            Err(why) => why,
        };
        let _ = self.out.try_send(Message::Close(None));
        self.mouth.clear();
        // Not through the queue, which may be full: that it ends is told after all that is in it.
        let _ = told_why.set(why);
        drop(self.told);
        drop(self.out);
        let _ = tokio::time::timeout(CLOSE_MAX, &mut writer.0).await;
    }

    /// Until the end, which it tells.
    async fn carry(
        &mut self,
        mut stream: SplitStream<Stream>,
        early: Vec<String>,
        mut ears: Box<dyn Ears>,
        mut orders: mpsc::Receiver<Value>,
        writer: &mut JoinHandle<Result<(), ()>>,
    ) -> Result<std::convert::Infallible, String> {
        for text in early {
            self.tell(LinkEvent::Message(text))?;
        }
        let mut heard = clock::monotonic();
        let mut ping = tokio::time::interval(PING);
        let mut listening = true;
        loop {
            let look = self.look();
            tokio::select! {
                message = stream.next() => {
                    heard = clock::monotonic();
                    match message {
                        Some(Ok(Message::Text(text))) => self.event(text.as_str())?,
                        Some(Ok(Message::Ping(payload))) => self.send(Message::Pong(payload))?,
                        Some(Ok(Message::Close(frame))) => return Err(closed(frame.as_ref())),
                        Some(Ok(_)) => {}
                        Some(Err(error)) => return Err(cause(&error)),
                        None => return Err("it closed the connection".into()),
                    }
                }
                pcm = ears.next(), if listening => match pcm {
                    Some(pcm) => self.hear(&pcm)?,
                    None => listening = false,
                },
                order = orders.recv() => match order {
                    Some(order) if self.dialect.is_silence(&order) => self.voice.silence(),
                    Some(order) => {
                        if self.dialect.is_stop_answering(&order) {
                            self.voice.speak_out();
                        }
                        self.send(Message::text(order.to_string()))?;
                    }
                    None => return Err("hung up".into()),
                },
                _ = ping.tick() => {
                    if silent_since(heard) > SILENCE_MAX {
                        return Err("silent".into());
                    }
                    self.send(Message::Ping(bytes::Bytes::new()))?;
                }
                () = wait(look), if look.is_some() => {}
                _ = &mut *writer => return Err("it takes no more".into()),
            }
            self.sound()?;
        }
    }

    /// When play-out must be looked at again.
    fn look(&self) -> Option<Duration> {
        self.voice
            .rest(|item| self.mouth.played(item))
            .map(|rest| rest.max(LOOK_MIN))
    }

    fn event(&mut self, text: &str) -> Result<(), String> {
        let event = self.dialect.parse(text);
        self.tell(LinkEvent::Message(text.to_owned()))?;
        self.voice.progress(|item| self.mouth.played(item));
        self.voice.handle(&event);
        self.sound()
    }

    /// Does what the voice wants.
    fn sound(&mut self) -> Result<(), String> {
        self.voice.progress(|item| self.mouth.played(item));
        while let Some(action) = self.voice.poll_action() {
            match action {
                Action::Play { item, pcm } => self.mouth.play(&item, &pcm),
                Action::Finish { item } => self.mouth.finish(&item),
                Action::Clear => {
                    let cut = self.mouth.clear();
                    self.voice.silenced(&cut);
                }
                Action::Tell { what, response } => {
                    let event = json!({ "type": format!("output_audio_buffer.{what}"), "response_id": response });
                    self.tell(LinkEvent::Message(event.to_string()))?;
                }
                Action::Truncate { item, heard_ms } => {
                    self.send(Message::text(self.dialect.truncate(&item, heard_ms).to_string()))?;
                    let ms = i64::try_from(heard_ms).unwrap_or(i64::MAX);
                    self.tell(LinkEvent::Played { item_id: item, ms })?;
                }
                Action::AllPlayed => self.tell(LinkEvent::AllPlayed)?,
            }
        }
        Ok(())
    }

    fn hear(&self, pcm: &[i16]) -> Result<(), String> {
        let bytes: Vec<u8> = pcm.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        self.send(Message::text(self.dialect.hear(&STANDARD.encode(bytes))))
    }

    fn send(&self, message: Message) -> Result<(), String> {
        self.out.try_send(message).map_err(|_| "it takes no more".to_owned())
    }

    fn tell(&self, event: LinkEvent) -> Result<(), String> {
        self.told.try_send(event).map_err(|full| match full {
            mpsc::error::TrySendError::Full(_) => "overrun".to_owned(),
            mpsc::error::TrySendError::Closed(_) => "hung up".to_owned(),
        })
    }
}

fn silent_since(heard: Instant) -> Duration {
    clock::monotonic().saturating_duration_since(heard)
}

async fn wait(time: Option<Duration>) {
    match time {
        Some(time) => tokio::time::sleep(time).await,
        None => std::future::pending().await,
    }
}

/// Code and reason of a close, in words for an operator.
fn closed(frame: Option<&tungstenite::protocol::CloseFrame>) -> String {
    match frame {
        Some(frame) => format!(
            "closed: {} {}",
            u16::from(frame.code),
            frame.reason.chars().take(100).collect::<String>()
        ),
        None => "closed".into(),
    }
}

/// Writes until the carrier is gone, or one message takes too long.
async fn write(mut sink: SplitSink<Stream, Message>, mut outgoing: mpsc::Receiver<Message>) -> Result<(), ()> {
    while let Some(message) = outgoing.recv().await {
        match tokio::time::timeout(WRITE_MAX, sink.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) | Err(_) => return Err(()),
        }
    }
    let _ = tokio::time::timeout(CLOSE_MAX, sink.close()).await;
    Ok(())
}
