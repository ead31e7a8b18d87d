//! `vivavoce demo`: relay, simulator and sample data in one process, on this machine unless told otherwise.
//!
//! With `OPENAI_API_KEY` (or `OPENAI_BASE_URL`) set it dials that service: the base URL alone differs.

use super::serve::{Signals, raise_descriptors};
use super::{Failure, logging, output, runtime, secret};
use crate::api;
use crate::app::{self, Running};
use crate::config::{self, Config};
use crate::store::sample;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vivavoce_simulator::Simulator;

#[derive(clap::Args)]
pub(super) struct Args {
    /// The port of the pages; 0 takes any free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The address to serve on. Browsers give the microphone to pages of this machine or of https alone
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    host: IpAddr,
    /// Where everything is kept
    #[arg(long, value_name = "DIR", default_value = "data/demo")]
    data: PathBuf,
    /// Prints one JSON object once it is ready
    #[arg(long)]
    json: bool,
}

/// What a script needs to know of it.
#[derive(Serialize)]
struct Told {
    /// Where the pages and the API are.
    http: String,
    /// The page to open as the candidate.
    invitation_url: String,
    /// The token of that link, for `POST /api/invitations/redeem`.
    invitation_token: String,
    /// `simulator`, or the host of the service that is dialled.
    interviewer: String,
    /// The letters that were sent, none of which is delivered; where no `SMTP_URL` is set.
    mail_url: Option<String>,
    /// The simulator's control endpoints, where it is the interviewer.
    simulator_control_url: Option<String>,
    /// Where `/metrics` is.
    metrics: Option<String>,
    /// The folder of database, journal and secret; `vivavoce token --data` takes it.
    data_dir: PathBuf,
    /// The sample tenant.
    tenant: String,
}

pub(super) fn run(args: &Args) -> Result<ExitCode, Failure> {
    std::fs::create_dir_all(&args.data).map_err(|error| format!("{}: {error}", args.data.display()))?;
    let mut vars = config::environment()?;
    defaults(args, &mut vars)?;
    logging::init(&config::Log::from_vars(&vars)?);
    raise_descriptors();
    runtime()?.block_on(async {
        let mut signals = Signals::listen()?;
        let stand_in = stand_in(&mut vars).await?;
        let config = Config::from_vars(&vars)?;
        let interviewer = match &stand_in {
            Some(StandIn { interviews: true, .. }) => "simulator".to_owned(),
            _ => config.ai.base_url.host_str().unwrap_or_default().to_owned(),
        };
        let running = app::start(config).await?;
        let told = tokio::select! {
            told = prepare(&running, &args.data, interviewer, stand_in.as_ref()) => Some(told?),
            _ = signals.next() => None,
        };
        if let Some(told) = told {
            if args.json {
                output::say_json(&told)?;
            } else {
                output::say(&words(&told));
            }
            signals.asked_to_stop().await;
        }
        running.stop().await;
        if let Some(stand_in) = stand_in {
            stand_in.simulator.stop().await;
        }
        Ok(ExitCode::SUCCESS)
    })
}

/// What the environment leaves open, as a demo has it.
fn defaults(args: &Args, vars: &mut BTreeMap<String, String>) -> Result<(), Failure> {
    let port = match args.port {
        0 => free_port(args.host)?,
        port => port,
    };
    vars.insert("LISTEN_ADDR".into(), SocketAddr::new(args.host, port).to_string());
    vars.insert("DATA_DIR".into(), args.data.display().to_string());
    let secret = secret::read_or_make(&args.data)?;
    vars.insert("JWT_SECRET".into(), secret.expose_secret().to_owned());
    let mut default = |name: &str, value: String| {
        let set = vars.get(name).is_some_and(|value| !value.trim().is_empty());
        if !set {
            vars.insert(name.to_owned(), value);
        }
    };
    default("UDP_BIND", args.host.to_string());
    default("UDP_PORT", "0".into());
    default("METRICS_ADDR", "127.0.0.1:0".into());
    default("OPEN_CALLS_PER_MINUTE", "100000".into());
    default("LOG_LEVEL", "warn".into());
    let page = if args.host.is_loopback() {
        "localhost".to_owned()
    } else {
        SocketAddr::new(args.host, 0).ip().to_string()
    };
    default("PUBLIC_APP_URL", format!("http://{page}:{port}"));
    // Both names of this machine are the same place to whoever types them.
    default(
        "ALLOWED_ORIGINS",
        format!("http://127.0.0.1:{port},http://localhost:{port}"),
    );
    Ok(())
}

fn free_port(host: IpAddr) -> Result<u16, Failure> {
    Ok(TcpListener::bind((host, 0))?.local_addr()?.port())
}

/// The simulator, for what is not named: it interviews, and catches letters.
struct StandIn {
    simulator: Simulator,
    /// It is the interviewer.
    interviews: bool,
}

async fn stand_in(vars: &mut BTreeMap<String, String>) -> Result<Option<StandIn>, Failure> {
    let is_named = |names: &[&str]| {
        names
            .iter()
            .any(|name| vars.get(*name).is_some_and(|value| !value.trim().is_empty()))
    };
    let (has_ai, has_mail) = (
        is_named(&["OPENAI_API_KEY", "OPENAI_BASE_URL"]),
        is_named(&["SMTP_URL"]),
    );
    if has_ai && has_mail {
        return Ok(None);
    }
    let config = vivavoce_simulator::Config {
        mail: (!has_mail).then_some(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))),
        ..vivavoce_simulator::Config::default()
    };
    let simulator = Simulator::start(config).await?;
    if let Some(mail) = simulator.mail() {
        vars.insert("SMTP_URL".into(), format!("smtp://{mail}"));
    }
    if !has_ai {
        vars.insert("OPENAI_BASE_URL".into(), format!("http://{}/v1", simulator.addr()));
        // The simulator asks for a key as the service does; any will do.
        vars.insert("OPENAI_API_KEY".into(), "simulated".into());
        vars.insert("AI_SIMULATED".into(), "yes".into());
    }
    Ok(Some(StandIn {
        simulator,
        interviews: !has_ai,
    }))
}

/// Waits for the database, adds the sample data to an empty one, and invites the sample candidate.
async fn prepare(
    running: &Running,
    data: &Path,
    interviewer: String,
    stand_in: Option<&StandIn>,
) -> Result<Told, Failure> {
    let app = &running.app;
    if !app.ready.wait().await {
        return Err("the server stopped before it was ready".into());
    }
    if app.store.is_empty().await? {
        app.store.add_sample().await?;
    }
    let (invitation_url, invitation_token) =
        api::invitations::invite(app, sample::TENANT, sample::CANDIDATE, sample::POSITION).await?;
    Ok(Told {
        http: app.config.http.public_app_url.as_str().trim_end_matches('/').to_owned(),
        invitation_url,
        invitation_token,
        interviewer,
        mail_url: stand_in
            .filter(|it| it.simulator.mail().is_some())
            .map(|it| format!("http://{}/mail", it.simulator.addr())),
        simulator_control_url: stand_in
            .filter(|it| it.interviews)
            .map(|it| format!("http://{}/control", it.simulator.addr())),
        metrics: running.metrics.map(|address| format!("http://{address}/metrics")),
        data_dir: data.to_owned(),
        tenant: sample::TENANT.to_string(),
    })
}

fn words(told: &Told) -> String {
    let interviewer = if told.simulator_control_url.is_some() {
        "The interviewer is the SIMULATOR: a synthetic voice that follows a script. It is no AI, it does not\n\
         understand what you say, and the words it writes down for you say that they are simulated.\n\
         For a real interview: OPENAI_API_KEY=… and the same command."
            .to_owned()
    } else {
        format!("The interviewer is {}.", told.interviewer)
    };
    let data = told.data_dir.display();
    let mail = told.mail_url.as_ref().map_or_else(String::new, |url| {
        let (http, who) = (&told.http, sample::RECRUITER_EMAIL);
        format!("As a recruiter:  {http}/recruiter, signing in as {who}\nThe letters:     {url} (caught, none is delivered)\n")
    });
    format!(
        "\nOpen this as the candidate, and allow the microphone:\n\n    {}\n\n{interviewer}\n\n\
         {mail}The calls:       {}/docs\n\
         The transcripts: {data}/vivavoce.db\n\
         A token:         vivavoce token --data {data} --role recruiter --tenant {}\n\n\
         Ctrl-C ends it. What was said stays.\n",
        told.invitation_url, told.http, told.tenant
    )
}
