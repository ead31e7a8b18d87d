//! The page's socket, as the SDK holds it: it says hello, and comes back with its resume token when it was lost.

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::{Instant, timeout},
};
use tokio_tungstenite::{
    client_async,
    tungstenite::{Message, client::IntoClientRequest},
};

/// The first wait before another try, and the longest, in ms.
const WAIT_MS: (u64, u64) = (250, 2_000);
/// A socket that says nothing for so long while it is opened or greeted is given up.
const OPEN_MAX: Duration = Duration::from_secs(3);

#[derive(Default)]
struct Told {
    messages: Vec<Value>,
    resume: Option<Value>,
    last_seq: Option<u64>,
    /// Sockets that were greeted so far.
    welcomes: usize,
    is_up: bool,
    /// Closed for good, with this code.
    closed: Option<u16>,
    /// When sound last came.
    heard: Option<Instant>,
}

/// In a close code's place: the relay has said where to go on, and the way leads there.
const MOVED: u16 = 1;

/// One tab's socket.
pub struct Page {
    told: Arc<Mutex<Told>>,
    sends: mpsc::Sender<Message>,
    suspect: Arc<Notify>,
    task: JoinHandle<()>,
}

/// What a tab leaves in its storage for the next one.
#[derive(Clone, Default)]
pub struct Kept {
    resume: Option<Value>,
    last_seq: Option<u64>,
}

impl Page {
    /// A tab at this address of the relay. `kept`: what the tab before it left.
    pub fn open(relay: SocketAddr, session: &str, token: &str, kept: Kept) -> Self {
        let told = Arc::new(Mutex::new(Told {
            resume: kept.resume,
            last_seq: kept.last_seq,
            ..Told::default()
        }));
        let (sends, outbox) = mpsc::channel(256);
        let suspect = Arc::new(Notify::new());
        let (session, token) = (session.to_owned(), token.to_owned());
        let task = tokio::spawn(hold(relay, session, token, told.clone(), suspect.clone(), outbox));
        Self {
            told,
            sends,
            suspect,
            task,
        }
    }

    pub fn kept(&self) -> Kept {
        let told = self.told.lock().unwrap();
        Kept {
            resume: told.resume.clone(),
            last_seq: told.last_seq,
        }
    }

    /// The socket is open in name only: another in its place.
    pub fn suspect(&self) {
        self.suspect.notify_one();
    }

    pub fn is_up(&self) -> bool {
        self.told.lock().unwrap().is_up
    }

    /// Sound last came so many ms ago.
    pub fn heard(&self, ago_ms: u64) {
        self.told.lock().unwrap().heard = Instant::now().checked_sub(Duration::from_millis(ago_ms));
    }

    /// How often it was greeted.
    pub fn welcomes(&self) -> usize {
        self.told.lock().unwrap().welcomes
    }

    pub fn closed(&self) -> Option<u16> {
        self.told.lock().unwrap().closed
    }

    /// Sent at once, or when there is a socket again.
    pub fn say(&self, message: &Value) {
        let _ = self.sends.try_send(Message::text(message.to_string()));
    }

    pub fn send(&self, frame: Vec<u8>) {
        let _ = self.sends.try_send(Message::binary(frame));
    }

    /// Reads what was told from `from` on; answers how much there is.
    pub fn read(&self, from: usize, mut each: impl FnMut(&Value)) -> usize {
        let told = self.told.lock().unwrap();
        for message in told.messages.iter().skip(from) {
            each(message);
        }
        told.messages.len()
    }
}

/// What the relay told since the last look.
#[derive(Default)]
pub struct News {
    /// To the offer that waits for one.
    pub answer: Option<String>,
    /// A new offer is wanted; whether an ICE restart does.
    pub wants: Option<bool>,
    pub ended: bool,
    /// Messages that say what of the candidate's speech has arrived.
    pub acks: Vec<Value>,
}

impl Page {
    /// Reads on from `read`, with the id of the offer that `waiting` is for.
    pub fn news(&self, read: &mut usize, waiting: Option<&str>) -> News {
        let mut news = News::default();
        let is_old_page = self.welcomes() > 1;
        *read = self.read(*read, |message| match message["type"].as_str() {
            Some("answer") if waiting == message["id"].as_str() => {
                news.answer = message["sdp"].as_str().map(str::to_owned);
            }
            Some("renegotiate") => news.wants = Some(message["iceRestart"] == Value::Bool(true)),
            Some("ended") => news.ended = true,
            Some("ack") => news.acks.push(message.clone()),
            Some("welcome") => {
                // a relay that does not know our leg will never hear it
                if message["resumed"] == Value::Bool(false) && is_old_page {
                    news.wants = Some(false);
                }
                news.acks.push(message.clone());
            }
            _ => {}
        });
        news
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn hold(
    relay: SocketAddr,
    session: String,
    token: String,
    told: Arc<Mutex<Told>>,
    suspect: Arc<Notify>,
    mut outbox: mpsc::Receiver<Message>,
) {
    let mut wait = WAIT_MS.0;
    let mut unsent = None;
    loop {
        let lost = tokio::select! {
            lost = one(relay, &session, &token, &told, &mut outbox, &mut unsent) => lost,
            () = suspect.notified() => {
                told.lock().unwrap().is_up = false;
                continue;
            }
        };
        let was_up = std::mem::take(&mut told.lock().unwrap().is_up);
        if lost == Some(MOVED) {
            continue; // at once
        }
        // 4401 and the like, 1000 and a takeover: it does not come back by itself
        if let Some(code) = lost.filter(|code| *code == 1000 || (4000..4429).contains(code)) {
            told.lock().unwrap().closed = Some(code);
            return;
        }
        wait = if was_up { WAIT_MS.0 } else { (wait * 2).min(WAIT_MS.1) };
        tokio::time::sleep(Duration::from_millis(wait)).await;
    }
}

/// One connection, to its end; the code it was closed with.
async fn one(
    relay: SocketAddr,
    session: &str,
    token: &str,
    told: &Mutex<Told>,
    outbox: &mut mpsc::Receiver<Message>,
    unsent: &mut Option<Message>,
) -> Option<u16> {
    let url = format!("ws://{relay}/ws?session={session}");
    let mut request = url.into_client_request().unwrap();
    request
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", "vivavoce.v1".parse().unwrap());
    let opening = async {
        let tcp = tokio::net::TcpStream::connect(relay).await.ok()?;
        tcp.set_nodelay(true).ok()?; // as browsers do
        Some(client_async(request, tcp).await.ok()?.0)
    };
    let mut socket = timeout(OPEN_MAX, opening).await.ok()??;
    let hello = {
        let told = told.lock().unwrap();
        let mut hello = json!({ "type": "hello", "token": token, "sessionId": session, "keeps": true });
        if let Some(resume) = &told.resume {
            hello["resume"] = resume.clone();
        }
        if let Some(seq) = told.last_seq {
            hello["lastSeq"] = json!(seq);
        }
        if let Some(heard) = told.heard {
            hello["quietMs"] = json!(heard.elapsed().as_millis() as u64);
        }
        hello
    };
    socket.send(Message::text(hello.to_string())).await.ok()?;
    let mut is_up = false;
    loop {
        let heard = if is_up {
            // what could not be sent on the socket before this one goes first
            if let Some(message) = unsent.take()
                && let Err(_lost) = socket.send(message.clone()).await
            {
                *unsent = Some(message);
                return None;
            }
            tokio::select! {
                heard = socket.next() => heard,
                message = outbox.recv() => {
                    *unsent = Some(message?);
                    continue;
                }
            }
        } else {
            timeout(OPEN_MAX, socket.next()).await.ok()?
        };
        match heard {
            Some(Ok(Message::Text(text))) => {
                let message: Value = serde_json::from_str(&text).expect("JSON");
                let mut told = told.lock().unwrap();
                if message["type"] == "welcome" {
                    is_up = true;
                    told.is_up = true;
                    told.welcomes += 1;
                    told.resume = Some(message["resume"].clone());
                }
                told.last_seq = message["seq"].as_u64().or(told.last_seq);
                let is_moved = message["type"] == "moved";
                told.messages.push(message);
                if is_moved {
                    return Some(MOVED);
                }
            }
            Some(Ok(Message::Close(frame))) => return frame.map(|frame| frame.code.into()),
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return None,
        }
    }
}
