//! Every variable there is: the README's table is generated from this one.

/// One variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: &'static str,
    /// What holds where it is not set, in words.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// Never printed.
    pub secret: bool,
}

const fn plain(name: &'static str, default: &'static str, meaning: &'static str) -> Variable {
    Variable {
        name,
        default,
        meaning,
        secret: false,
    }
}

const fn secret(name: &'static str, default: &'static str, meaning: &'static str) -> Variable {
    Variable {
        name,
        default,
        meaning,
        secret: true,
    }
}

/// Every variable, in the order of the README.
pub const TABLE: &[Variable] = &[
    secret(
        "JWT_SECRET",
        "required",
        "Signs our own tokens (HS256). 32 bytes at least; a comma-separated list, newest first, rotates it. `demo` makes its own",
    ),
    secret(
        "OPENAI_API_KEY",
        "required, unless `OPENAI_BASE_URL` is set",
        "The AI service's key. It never leaves the server, and is never sent over plain http off loopback",
    ),
    plain(
        "OPENAI_BASE_URL",
        "`https://api.openai.com/v1`",
        "The AI service: OpenAI's, a compatible one, or the simulator",
    ),
    plain(
        "OPENAI_REALTIME_MODEL",
        "`gpt-realtime-2.1`",
        "The model that interviews",
    ),
    plain(
        "OPENAI_TRANSCRIPTION_MODEL",
        "`gpt-4o-mini-transcribe`",
        "The model that transcribes the candidate",
    ),
    plain(
        "OPENAI_REALTIME_TRANSPORT",
        "`webrtc`",
        "`webrtc`, or `websocket` for networks that let no UDP out",
    ),
    plain(
        "OPENAI_DIAL_TIMEOUT_S",
        "`10`",
        "How long one attempt to reach the AI service may take, 1 to 60 seconds",
    ),
    plain(
        "AI_SIMULATED",
        "`no`",
        "`yes` where `OPENAI_BASE_URL` is the simulator: candidates are told so. `demo` sets it by itself",
    ),
    plain("LISTEN_ADDR", "`0.0.0.0:8080`", "Where HTTP and WebSocket are served"),
    plain(
        "PUBLIC_APP_URL",
        "`http://localhost:PORT`; on Fly `https://APP.fly.dev`",
        "How browsers reach the pages; invitation links begin with it",
    ),
    plain(
        "ALLOWED_ORIGINS",
        "none but our own",
        "Other web origins whose pages may call, separated by commas",
    ),
    plain(
        "RELAY_URL",
        "the origin of `PUBLIC_APP_URL`",
        "How browsers reach this very process, where several share a database and have an address each",
    ),
    plain(
        "RELAY_ORIGINS",
        "none but our own",
        "The addresses of the other processes of the database, separated by commas: where interviews may go on when this one stops",
    ),
    plain(
        "DATA_DIR",
        "`data`",
        "A folder for the journal, and for the database where that is SQLite",
    ),
    secret(
        "DATABASE_URL",
        "`sqlite:DATA_DIR/vivavoce.db`",
        "`sqlite:PATH` or `postgres://USER:PASSWORD@HOST/NAME`",
    ),
    secret(
        "SMTP_URL",
        "none: recruiters pass links on themselves",
        "The mail server that sends invitations: `smtps://USER:PASSWORD@HOST`, or `smtp://…` by STARTTLS (port 587)",
    ),
    plain(
        "MAIL_FROM",
        "required where `SMTP_URL` is set",
        "Whom letters are from: `Interviews <jobs@example.com>`",
    ),
    plain(
        "UDP_PORT",
        "`7878`",
        "The UDP port of all candidates' audio; the first of as many as there are shards",
    ),
    plain(
        "UDP_BIND",
        "`0.0.0.0`; on Fly `fly-global-services`",
        "The local address, or its name, that the UDP ports are bound to",
    ),
    plain(
        "PUBLIC_IP",
        "the bound address, or all local ones",
        "The addresses that browsers are told to send audio to, separated by commas",
    ),
    plain(
        "SHARDS",
        "`1`",
        "Media threads, each with a UDP port of its own, 1 to 64",
    ),
    secret(
        "ICE_SERVERS",
        "`[]`",
        "STUN and TURN servers for browsers, JSON as `RTCIceServer[]` has it",
    ),
    plain(
        "RESUME_WINDOW_S",
        "`120`",
        "How long the AI's leg waits for a candidate who is away, 1 to 3600 seconds",
    ),
    plain(
        "TIME_WARNING_S",
        "`120`",
        "How long before the end of its time the AI is told of it, 0 to 3600 seconds",
    ),
    plain(
        "MAX_MINUTES",
        "`58`",
        "No interview is longer, whatever its position says, 1 to 58",
    ),
    plain(
        "METRICS_ADDR",
        "`127.0.0.1:9091`",
        "Where Prometheus scrapes `/metrics`; `off` for nowhere",
    ),
    secret(
        "METRICS_TOKEN",
        "none",
        "With it, `/metrics` is on `LISTEN_ADDR` too, for `Authorization: Bearer` with this token; 16 bytes at least",
    ),
    plain(
        "OPEN_CALLS_PER_MINUTE",
        "`60`",
        "How often one client address may call what needs no token",
    ),
    plain("LOG_FORMAT", "`human`", "`human` or `json`"),
    plain(
        "LOG_LEVEL",
        "`info`",
        "`error`, `warn`, `info`, `debug`, `trace`, or a filter such as `info,vivavoce=debug`",
    ),
    plain(
        "FLY_APP_NAME",
        "set by Fly",
        "Where it is set, `Fly-Client-IP` is believed, and nowhere else",
    ),
];

/// [`TABLE`] as the README shows it.
pub fn markdown() -> String {
    use std::fmt::Write as _;
    let mut text = String::from("| variable | default | meaning |\n| --- | --- | --- |\n");
    for row in TABLE {
        let mark = if row.secret { " (secret)" } else { "" };
        _ = writeln!(text, "| `{}`{mark} | {} | {} |", row.name, row.default, row.meaning);
    }
    text
}
