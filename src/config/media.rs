//! The candidates' UDP ports and what browsers are told of them.

use super::Error;
use super::vars::{Vars, refuse};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// The media side. Its `Debug` leaves the ICE servers out: they may hold a TURN password.
#[derive(Clone)]
pub struct Media {
    /// One address a shard: `UDP_BIND` with `UDP_PORT`, `UDP_PORT` + 1, … for `SHARDS`. With port 0 each takes any free one.
    pub udp: Vec<SocketAddr>,
    /// `PUBLIC_IP`: told to browsers as host candidates, in place of the bound address.
    pub public_ip: Vec<IpAddr>,
    /// `ICE_SERVERS`: given to browsers as they are (`RTCIceServer[]`).
    pub ice_servers: serde_json::Value,
}

impl Media {
    pub(super) fn read(vars: &Vars<'_>) -> Result<Self, Error> {
        let bind: IpAddr = vars
            .parsed(
                "UDP_BIND",
                "an address such as 0.0.0.0, or a host name that resolves to one",
            )?
            .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let port: u16 = vars.number("UDP_PORT", 7878, 0, u16::MAX)?;
        let shards: u16 = vars.number("SHARDS", 1, 1, 64)?;
        if port != 0 && port.checked_add(shards - 1).is_none() {
            return Err(refuse(
                "SHARDS",
                format!("{shards} ports from UDP_PORT {port} on do not exist"),
            ));
        }
        let udp = (0..shards)
            .map(|n| SocketAddr::new(bind, if port == 0 { 0 } else { port + n }))
            .collect();
        Ok(Self {
            udp,
            public_ip: vars.list("PUBLIC_IP", "IP addresses separated by commas")?,
            ice_servers: ice_servers(vars)?,
        })
    }
}

impl fmt::Debug for Media {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Media")
            .field("udp", &self.udp)
            .field("public_ip", &self.public_ip)
            .finish_non_exhaustive()
    }
}

fn ice_servers(vars: &Vars<'_>) -> Result<serde_json::Value, Error> {
    const NAME: &str = "ICE_SERVERS";
    let Some(text) = vars.text(NAME) else {
        return Ok(serde_json::Value::Array(Vec::new()));
    };
    // The text may hold a TURN password: it is never repeated.
    let refused = || {
        refuse(
            NAME,
            "should be a JSON array of objects with \"urls\", as RTCIceServer has it",
        )
    };
    let value: serde_json::Value = serde_json::from_str(text).map_err(|_| refused())?;
    let is_url = |url: &serde_json::Value| {
        url.as_str().is_some_and(|url| {
            ["stun:", "stuns:", "turn:", "turns:"]
                .iter()
                .any(|scheme| url.starts_with(scheme))
        })
    };
    let good = value.as_array().is_some_and(|servers| {
        servers.iter().all(|server| match server.get("urls") {
            Some(serde_json::Value::Array(urls)) => !urls.is_empty() && urls.iter().all(is_url),
            Some(url) => is_url(url),
            None => false,
        })
    });
    good.then_some(value).ok_or_else(refused)
}
