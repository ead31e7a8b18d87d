//! `vivavoce load`: interviews against a relay that runs, and what was measured of them. Also `vivavoce-bench load`.
//!
//! Both far ends are this process's: the relay must be dialling its AI side here (its `OPENAI_BASE_URL` is `--ai-listen`'s
//! address with `/v1`), else no interview comes up.

use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
};

use crate::{
    ai::Ai,
    client::Client,
    engine::{Engine, ON_TIME},
    load::{self, Error, Measured, Plan},
};

/// What to drive, and how hard.
#[derive(Clone, Debug, clap::Args)]
pub struct Args {
    /// The relay
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    pub url: String,
    /// A recruiter's token (`vivavoce token --role recruiter --tenant …`)
    #[arg(long, env = "VIVAVOCE_TOKEN", hide_env_values = true)]
    pub token: String,
    /// The position that is interviewed for; the sample data's unless said
    #[arg(long, default_value = "018f0000-0000-7000-8000-000000000002")]
    pub position: String,
    /// Who is invited; the sample data's unless said
    #[arg(long, default_value = "018f0000-0000-7000-8000-000000000003")]
    pub candidate: String,
    /// Interviews at a time
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub sessions: u16,
    /// How long packets are counted
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub seconds: u64,
    /// Where the AI side listens: the relay's OPENAI_BASE_URL is this address with /v1
    #[arg(long, default_value = "127.0.0.1:8089")]
    pub ai_listen: SocketAddr,
    /// The local address that the far ends' datagrams come from
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    pub from: IpAddr,
    /// The relay's process, if it runs on this machine: its CPU and memory are read
    #[arg(long)]
    pub pid: Option<u32>,
}

/// Drives them.
pub async fn run(args: Args) -> Result<Measured, Error> {
    let engine = Arc::new(Engine::start(args.from)?);
    let _ai = Ai::start(args.ai_listen, engine.clone()).await?;
    let url = args.url.trim_end_matches('/').to_owned();
    let client = Client::server(url, args.token, args.position, args.candidate)?;
    let plan = Plan {
        sessions: usize::from(args.sessions),
        seconds: args.seconds,
        pid: args.pid,
    };
    load::run(&engine, &client, plan).await
}

/// The figures in words, a line each.
pub fn in_words(measured: &Measured) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: String| {
        let _ = writeln!(out, "{name:<34}{value}");
    };
    let Measured { sent, lost, late, .. } = measured;
    line("interviews", measured.sessions.to_string());
    line("packets sent", sent.to_string());
    line("not received", lost.to_string());
    line(
        &format!("received later than {} ms", ON_TIME.as_millis()),
        late.to_string(),
    );
    line("send to receive, p50, p99, max", {
        let Measured {
            delay_p50_ms,
            delay_p99_ms,
            delay_max_ms,
            ..
        } = measured;
        format!("{delay_p50_ms:.3}, {delay_p99_ms:.3}, {delay_max_ms:.3} ms")
    });
    let ups = |p50: f64, p95: f64| format!("{p50:.1}, {p95:.1} ms");
    line(
        "candidate's leg up, p50, p95",
        ups(measured.candidate_up_p50_ms, measured.candidate_up_p95_ms),
    );
    line(
        "both legs up, p50, p95",
        ups(measured.both_up_p50_ms, measured.both_up_p95_ms),
    );
    if let Some(cpu) = measured.cpu_us_per_packet {
        line("the relay's CPU a packet", format!("{cpu:.2} µs"));
    }
    if let Some(kib) = measured.kib_per_session {
        line("memory an interview", format!("{:.3} MiB", kib / 1024.0));
    }
    out
}
