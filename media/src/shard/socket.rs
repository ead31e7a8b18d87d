//! Addresses of this machine that a shard tells browsers of.

use super::Error;
use std::net::{IpAddr, SocketAddr};

/// What is advertised: as configured, else the bound address, else each local address of its family, loopback last.
pub(super) fn advertised(configured: &[IpAddr], bound: SocketAddr) -> Result<Vec<SocketAddr>, Error> {
    let addresses: Vec<IpAddr> = if !configured.is_empty() {
        configured.to_vec()
    } else if !bound.ip().is_unspecified() {
        vec![bound.ip()]
    } else {
        let mut local = local_addresses()?;
        local.retain(|ip| ip.is_ipv4() == bound.is_ipv4());
        local.sort_by_key(IpAddr::is_loopback);
        local
    };
    Ok(addresses
        .into_iter()
        .map(|ip| SocketAddr::new(ip, bound.port()))
        .collect())
}

fn local_addresses() -> Result<Vec<IpAddr>, Error> {
    let interfaces = nix::ifaddrs::getifaddrs().map_err(std::io::Error::from)?;
    let mut addresses = Vec::new();
    for interface in interfaces {
        let Some(address) = interface.address else { continue };
        let ip = if let Some(v4) = address.as_sockaddr_in() {
            IpAddr::V4(v4.ip())
        } else if let Some(v6) = address.as_sockaddr_in6() {
            // A link-local address means nothing without its interface.
            if v6.ip().is_unicast_link_local() {
                continue;
            }
            IpAddr::V6(v6.ip())
        } else {
            continue;
        };
        if !addresses.contains(&ip) {
            addresses.push(ip);
        }
    }
    Ok(addresses)
}
