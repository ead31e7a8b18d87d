//! Which protocol both sides speak: the `Sec-WebSocket-Protocol` of the upgrade (RFC 6455, section 4.2.2).
//!
//! Is: the list of versions and the choice among them. Isn't: the upgrade itself.
//! **Law:** the relay never answers with a subprotocol that the client did not offer; no common one means no upgrade.

/// The versions spoken here, best first.
pub const SUPPORTED: &[&str] = &["vivavoce.v1"];

/// The best version that the client offers. `offers`: the values of its `Sec-WebSocket-Protocol` headers, each a list
/// separated by commas. Names are compared as they are (RFC 6455: case-sensitive).
pub fn negotiate<'a>(offers: impl IntoIterator<Item = &'a str>) -> Option<&'static str> {
    let offered: Vec<&str> = offers
        .into_iter()
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .take(32)
        .collect();
    SUPPORTED.iter().copied().find(|version| offered.contains(version))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_offered_version_is_chosen() {
        let table: &[(&[&str], Option<&str>)] = &[
            (&["vivavoce.v1"], Some("vivavoce.v1")),
            (&["other, vivavoce.v1"], Some("vivavoce.v1")),
            (&["other", " vivavoce.v1 "], Some("vivavoce.v1")),
            (&["vivavoce.v2, vivavoce.v1"], Some("vivavoce.v1")),
            (&["vivavoce.v2"], None),
            (&["Vivavoce.V1"], None),
            (&["vivavoce.v1x"], None),
            (&[""], None),
            (&[], None),
        ];
        for (offers, chosen) in table {
            assert_eq!(negotiate(offers.iter().copied()), *chosen, "{offers:?}");
        }
    }
}
