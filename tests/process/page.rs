//! The candidate's page as the SDK is it: a socket that comes back with its resume token, to where it was told to, and a fresh
//! leg wherever the relay does not have the old one.

use crate::{
    house::SOON,
    peer::{Peer, wall_ms},
    stack::{Seat, until},
    voice::voiced,
};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Message, client::IntoClientRequest},
};

/// Between two tries of a socket that was refused.
const AGAIN: Duration = Duration::from_millis(100);

#[derive(Default)]
struct Kept {
    messages: Vec<Value>,
    /// Where it is or tries to be.
    base: String,
    resume: Option<String>,
    last_seq: Option<u64>,
    /// Welcomes so far, and the last close code.
    welcomes: usize,
    closed: Option<u16>,
    /// It does not follow where it is sent.
    once: bool,
    dropped: Arc<Notify>,
}

pub struct Page {
    seat: Seat,
    kept: Arc<Mutex<Kept>>,
    say: mpsc::Sender<Value>,
    task: JoinHandle<()>,
    /// The leg; the ones before it are closed.
    pub peer: Peer,
    offers: usize,
    drop: Arc<Notify>,
}

/// A socket without a leg.
pub struct Alone {
    kept: Arc<Mutex<Kept>>,
    _say: mpsc::Sender<Value>,
    task: JoinHandle<()>,
}

impl Alone {
    pub async fn hears(&self, within: Duration, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let heard = async || self.kept.lock().unwrap().messages.iter().find(|it| is(it)).cloned();
        until(within, what, heard).await
    }

    pub fn close_socket(self) {
        self.task.abort();
    }
}

impl Page {
    /// Welcomed, and up.
    pub async fn open(base: &str, seat: &Seat) -> Self {
        let kept = Arc::new(Mutex::new(Kept {
            base: base.to_owned(),
            ..Kept::default()
        }));
        let drop = kept.lock().unwrap().dropped.clone();
        let (say, said) = mpsc::channel(64);
        let task = tokio::spawn(keep_up(seat.clone(), kept.clone(), said));
        let (peer, offer) = Peer::offer(None).await;
        let mut page = Self {
            seat: seat.clone(),
            kept,
            say,
            task,
            peer,
            offers: 0,
            drop,
        };
        page.welcomed(1).await;
        let answer = page.offered(offer).await;
        page.peer.answer(&answer).await;
        page.peer.up().await;
        page
    }

    /// A second page that only wants to know: its socket alone.
    pub fn socket_alone(base: &str, seat: &Seat) -> Alone {
        let kept = Arc::new(Mutex::new(Kept {
            base: base.to_owned(),
            once: true,
            ..Kept::default()
        }));
        let (say, said) = mpsc::channel(1);
        let task = tokio::spawn(keep_up(seat.clone(), kept.clone(), said));
        Alone { kept, _say: say, task }
    }

    /// The network lets go of the socket, without a word.
    pub fn drop_socket(&self) {
        self.drop.notify_one();
    }

    pub fn seat(&self) -> &Seat {
        &self.seat
    }

    /// Waits for the welcome of that number.
    pub async fn welcomed(&self, number: usize) {
        until(SOON, "a welcome", async || {
            (self.kept.lock().unwrap().welcomes >= number).then_some(())
        })
        .await;
    }

    pub fn welcomes(&self) -> usize {
        self.kept.lock().unwrap().welcomes
    }

    pub fn is_at(&self) -> String {
        self.kept.lock().unwrap().base.clone()
    }

    /// The front leads to another relay.
    pub fn go_to(&self, base: &str) {
        base.clone_into(&mut self.kept.lock().unwrap().base);
    }

    pub async fn says(&self, message: Value) {
        self.say.send(message).await.unwrap();
    }

    /// An answer typed.
    pub async fn types(&self, text: &str, id: &str) {
        self.says(json!({ "type": "say", "text": text, "id": id })).await;
    }

    pub fn messages(&self) -> Vec<Value> {
        self.kept.lock().unwrap().messages.clone()
    }

    /// Waits for a message that is so.
    pub async fn hears(&self, within: Duration, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        until(within, what, async || {
            self.messages().into_iter().find(|message| is(message))
        })
        .await
    }

    async fn offered(&mut self, sdp: String) -> String {
        self.offers += 1;
        let id = format!("offer-{}", self.offers);
        self.says(json!({ "type": "offer", "sdp": sdp, "id": id })).await;
        let answer = self
            .hears(SOON, "an answer", |it| {
                it["type"] == "answer" && it["id"] == id.as_str()
            })
            .await;
        answer["sdp"].as_str().unwrap().to_owned()
    }

    /// A new leg in place of the old one, up.
    pub async fn fresh_leg(&mut self) {
        let (peer, offer) = Peer::offer(None).await;
        let answer = self.offered(offer).await;
        peer.answer(&answer).await;
        let old = std::mem::replace(&mut self.peer, peer);
        self.peer.up().await;
        tokio::spawn(old.close());
    }

    /// Waits until the interviewer is heard on this leg; the wall time of the first sound.
    pub async fn hears_a_voice(&self, since: u64) -> u64 {
        until(SOON, "the interviewer is heard", async || {
            voiced(&self.peer, since).map(|(first, _)| first)
        })
        .await
    }

    /// The numbers of all frames rise over every socket and process.
    pub fn numbers_rise(&self) {
        let numbers: Vec<u64> = self.messages().iter().filter_map(|it| it["seq"].as_u64()).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    }

    pub fn now() -> u64 {
        wall_ms()
    }

    pub async fn close(self) {
        self.task.abort();
        self.peer.close().await;
    }
}

/// A socket, and another when it is lost, for as long as the page is open.
async fn keep_up(seat: Seat, kept: Arc<Mutex<Kept>>, mut said: mpsc::Receiver<Value>) {
    let dropped = kept.lock().unwrap().dropped.clone();
    loop {
        let base = kept.lock().unwrap().base.clone();
        let url = format!("{}/ws?session={}", base.replacen("http", "ws", 1), seat.session);
        let mut request = url.into_client_request().unwrap();
        let headers = request.headers_mut();
        headers.insert("Sec-WebSocket-Protocol", "vivavoce.v1".parse().unwrap());
        let Ok(Ok((stream, _))) = tokio::time::timeout(Duration::from_secs(2), connect_async(request)).await else {
            tokio::time::sleep(AGAIN).await;
            continue;
        };
        let (mut sink, mut stream) = stream.split();
        let mut hello = json!({ "type": "hello", "token": seat.token, "sessionId": seat.session });
        {
            let kept = kept.lock().unwrap();
            if let (Some(resume), Some(seq)) = (&kept.resume, kept.last_seq) {
                hello["resume"] = json!(resume);
                hello["lastSeq"] = json!(seq);
            }
        }
        let mut open = sink.send(Message::text(hello.to_string())).await.is_ok();
        let mut welcomed = false;
        while open {
            tokio::select! {
                           message = stream.next() => match message {
                               Some(Ok(Message::Text(text))) => {
                                   let message: Value = serde_json::from_str(&text).expect("JSON");
                                   let mut kept = kept.lock().unwrap();
                                   if let Some(seq) = message["seq"].as_u64() {
                                       kept.last_seq = Some(seq);
                                   }
                                   if message["type"] == "welcome" {
                                       kept.welcomes += 1;
                                       kept.resume = message["resume"].as_str().map(str::to_owned);
                                       welcomed = true;
                                   }
                                   if message["type"] == "moved" && !kept.once {
            message["url"].as_str().unwrap().clone_into(&mut kept.base);
            open = false;
            }
                                   kept.messages.push(message);
                               }
                               Some(Ok(Message::Close(frame))) => {
                                   kept.lock().unwrap().closed = frame.map(|frame| frame.code.into());
                               }
                               Some(Ok(_)) => {}
                               Some(Err(_)) | None => open = false,
                           },
                           () = dropped.notified() => open = false,
                           Some(message) = said.recv(), if welcomed => {
                               open = sink.send(Message::text(message.to_string())).await.is_ok();
                           }
                       }
        }
        if kept.lock().unwrap().once {
            return;
        }
        if kept.lock().unwrap().base == base {
            tokio::time::sleep(AGAIN).await;
        }
    }
}
