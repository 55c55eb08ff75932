//! Where a request comes from: the peer, or whom a proxy of ours says it speaks for.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::extract::{ConnectInfo, Request};

/// Believes `x-forwarded-for` only from `trusted` peers, and of its list only what stands after the last stranger:
/// what stands before, a stranger may have written.
pub(super) fn client_address(request: &Request, trusted: &[IpAddr]) -> Option<IpAddr> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>()?.0.ip().to_canonical();
    if !trusted.contains(&peer) {
        return Some(peer);
    }
    let forwarded = request.headers().get_all("x-forwarded-for").iter().filter_map(|value| value.to_str().ok());
    let hops: Vec<&str> = forwarded.flat_map(|value| value.split(',')).map(str::trim).collect();
    let mut nearest = peer;
    for hop in hops.into_iter().rev() {
        let Ok(address) = hop.parse::<IpAddr>() else { break };
        nearest = address.to_canonical();
        if !trusted.contains(&nearest) {
            break;
        }
    }
    Some(nearest)
}

/// What counts as one caller: an IPv4 address, or an IPv6 /64, since one line gets a whole /64.
pub(super) fn caller(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut request = Request::new(axum::body::Body::empty());
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        for value in forwarded {
            request.headers_mut().append("x-forwarded-for", value.parse().unwrap());
        }
        let trusted: Vec<IpAddr> = trusted.iter().map(|address| address.parse().unwrap()).collect();
        client_address(&request, &trusted).unwrap().to_string()
    }

    #[test]
    fn a_stranger_cannot_name_another_address() {
        assert_eq!(address("203.0.113.7", &["127.0.0.1"], &[]), "203.0.113.7");
        assert_eq!(address("203.0.113.7", &["127.0.0.1"], &["10.0.0.1"]), "203.0.113.7");
        assert_eq!(address("10.0.0.1", &["127.0.0.1, 203.0.113.7"], &["10.0.0.1"]), "203.0.113.7");
        assert_eq!(address("10.0.0.1", &["127.0.0.1", "203.0.113.7"], &["10.0.0.1"]), "203.0.113.7");
    }

    #[test]
    fn a_trusted_proxy_is_believed() {
        assert_eq!(address("10.0.0.1", &["198.51.100.2, 10.0.0.2"], &["10.0.0.1", "10.0.0.2"]), "198.51.100.2");
        assert_eq!(address("10.0.0.1", &["rubbish"], &["10.0.0.1"]), "10.0.0.1");
        assert_eq!(address("::ffff:10.0.0.1", &["198.51.100.2"], &["10.0.0.1"]), "198.51.100.2");
    }

    #[test]
    fn an_ipv6_line_is_one_caller() {
        let one: IpAddr = "2001:db8:1:2:3:4:5:6".parse().unwrap();
        let other: IpAddr = "2001:db8:1:2:ffff::1".parse().unwrap();
        assert_eq!(caller(one), caller(other));
        assert_ne!(caller(one), caller("2001:db8:1:3::1".parse().unwrap()));
    }
}
