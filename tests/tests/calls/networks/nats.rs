//! Calls out of networks whose routers hide them, and through firewalls that let no datagrams out.

use tincan_tests::network::Machine;
use tincan_tests::process::Process;
use tincan_tests::relay::{Form, Relay};

use super::{SERVER, call, flowing, internet};

/// What stands between a participant and the middle.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Router {
    None,
    /// A home's: one outside port for an inside one, whoever the destination is.
    Home,
    /// A company's: another port for every destination.
    Symmetric,
}

/// Both participants behind their routers, a relay and a signalling server in the middle. Dropped from the top.
struct Place {
    relay: Relay,
    _server: Process,
    url: String,
    ada: Machine,
    ben: Machine,
    internet: Machine,
    _routers: Vec<Machine>,
}

impl Place {
    async fn new(before_ada: Router, before_ben: Router, forms: &[Form]) -> Self {
        let (internet, ada, ben) = (internet(), Machine::new(), Machine::new());
        let mut routers = Vec::new();
        for (machine, router, to, net, home) in [
            (&ada, before_ada, "to-ada", "198.51.100", "192.168.1"),
            (&ben, before_ben, "to-ben", "192.0.2", "192.168.2"),
        ] {
            let (outside, gateway) = (format!("{net}.2/24"), format!("{net}.1"));
            let far = (to, &[format!("{gateway}/24")]);
            let far = (far.0, &[far.1[0].as_str()][..]);
            if router == Router::None {
                machine.cable(("cable", &[&outside]), &internet, far);
                machine.ip(&format!("route add default via {gateway}"));
                continue;
            }
            let between = Machine::router();
            between.cable(("outside", &[&outside]), &internet, far);
            between.ip(&format!("route add default via {gateway}"));
            let inside = format!("{home}.1/24");
            machine.cable(("cable", &[&format!("{home}.2/24")]), &between, ("inside", &[&inside]));
            machine.ip(&format!("route add default via {home}.1"));
            between.masquerade("outside", router == Router::Symmetric);
            routers.push(between);
        }
        let relay = Relay::start(&internet, SERVER).await;
        let arguments = relay.arguments(forms);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (server, url) = internet.serve(SERVER, &arguments).await;
        Self { relay, _server: server, url, ada, ben, internet, _routers: routers }
    }

    /// Makes a call and returns the ways that it took on both sides.
    async fn ways(&self) -> [String; 2] {
        self.ways_with(&[]).await
    }

    /// The same, with these arguments for both.
    async fn ways_with(&self, arguments: &[&str]) -> [String; 2] {
        let (mut ada, mut ben) = call(&self.url, (&self.ada, arguments), (&self.ben, arguments)).await;
        let ways = flowing(&mut ada, &mut ben).await;
        ben.leave().await;
        ada.leave().await;
        ways
    }

    /// Lets no datagrams pass, neither through the middle nor to the servers there. The relay still reaches itself.
    fn block_udp(&self) {
        self.internet.shell("iptables -A FORWARD -p udp -j DROP");
        self.internet.shell("iptables -A INPUT ! -i lo -p udp -j DROP");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_reaches_somebody_behind_a_home_router() {
    let place = Place::new(Router::Home, Router::None, &[Form::Stun]).await;
    let ways = place.ways().await;
    assert!(ways.iter().all(|way| way != "relay"), "{ways:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_behind_home_routers_meet_without_a_relay() {
    let place = Place::new(Router::Home, Router::Home, &[Form::Stun]).await;
    let ways = place.ways().await;
    assert!(ways.iter().all(|way| way != "relay"), "{ways:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebodys_own_stun_server_does_where_the_signalling_server_names_none() {
    let place = Place::new(Router::Home, Router::Home, &[]).await;
    let ways = place.ways_with(&["--ice-server", &format!("stun:{SERVER}:3478")]).await;
    assert!(ways.iter().all(|way| way != "relay"), "{ways:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_behind_symmetric_routers_meet_at_a_relay() {
    let place = Place::new(Router::Symmetric, Router::Symmetric, &[Form::Stun, Form::Udp]).await;
    let ways = place.ways().await;
    assert!(ways.iter().any(|way| way == "relay"), "{ways:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_datagrams_pass_a_call_goes_over_tcp_to_the_relay() {
    let place = Place::new(Router::Home, Router::None, &[Form::Stun, Form::Udp, Form::Tcp]).await;
    place.block_udp();
    assert_eq!(place.ways().await, ["relay", "relay"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_only_tls_passes_a_call_goes_over_it_to_the_relay() {
    let place = Place::new(Router::Home, Router::None, &[Form::Stun, Form::Udp, Form::Tls]).await;
    place.block_udp();
    place.internet.shell("iptables -A INPUT ! -i lo -p tcp --dport 3478 -j DROP");
    let trust = ("SSL_CERT_FILE", place.relay.certificate());
    place.ada.set_variable(trust.0, &trust.1);
    place.ben.set_variable(trust.0, &trust.1);
    assert_eq!(place.ways().await, ["relay", "relay"]);
}
