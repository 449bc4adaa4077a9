//! coturn, the relay that people run beside the signalling server.

use std::net::IpAddr;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::network::Machine;
use crate::process::Process;

/// What relay and signalling server share, and nobody else knows.
pub const SECRET: &str = "north";

/// A relay with a certificate of its own.
pub struct Relay {
    _process: Process,
    folder: TempDir,
    address: IpAddr,
}

impl Relay {
    /// On this machine, at this address of it; returns when it takes clients.
    ///
    /// # Panics
    /// When coturn is not installed.
    pub async fn start(machine: &Machine, address: IpAddr) -> Self {
        Self::start_with(machine, address, &[]).await
    }

    /// The same with more options of coturn's.
    pub async fn start_with(machine: &Machine, address: IpAddr, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("there is room for a folder");
        let path = |name: &str| folder.path().join(name);
        let certified =
            rcgen::generate_simple_self_signed([address.to_string()]).expect("an address is a name");
        std::fs::write(path("cert.pem"), certified.cert.pem()).expect("the disk has room");
        std::fs::write(path("key.pem"), certified.signing_key.serialize_pem()).expect("the disk has room");
        let mut command = machine.command("turnserver");
        command.args(["-n", "--no-cli", "--use-auth-secret", "--realm=tincan.test", "--log-file=stdout"]);
        command.arg("--simple-log").arg("--verbose").args(options);
        command.arg(format!("--static-auth-secret={SECRET}"));
        command.arg(format!("--listening-ip={address}")).arg(format!("--relay-ip={address}"));
        for (option, name) in
            [("cert", "cert.pem"), ("pkey", "key.pem"), ("pidfile", "pid"), ("userdb", "users.sqlite")]
        {
            command.arg(format!("--{option}={}", path(name).display()));
        }
        let mut process = Process::start("turnserver", command);
        // The last of what it opens, after its sockets.
        process
            .wait_for("its users", |line| line.contains("SQLite DB connection success").then_some(()))
            .await;
        Self { _process: process, folder, address }
    }

    /// What the signalling server is told of it: `arguments` for `tincan-server`, with these forms of its address.
    pub fn arguments(&self, forms: &[Form]) -> Vec<String> {
        let address = self.host();
        let mut arguments = vec!["--turn-secret".to_owned(), SECRET.to_owned()];
        for form in forms {
            let (option, url) = match form {
                Form::Stun => ("--stun-url", format!("stun:{address}:3478")),
                Form::Udp => ("--turn-url", format!("turn:{address}:3478")),
                Form::Tcp => ("--turn-url", format!("turn:{address}:3478?transport=tcp")),
                Form::Tls => ("--turn-url", format!("turns:{address}:5349?transport=tcp")),
            };
            arguments.extend([option.to_owned(), url]);
        }
        arguments
    }

    /// What a person who knows it enters: its address, a name (it holds until 2038, the last that coturn understands) and
    /// the password, which is the HMAC-SHA1 of the name under [`SECRET`].
    pub fn entered(&self) -> String {
        format!("turn:{}:3478 2147483647:ada WIsQWfESiZStpU6g9WPMsMOSPyY=", self.host())
    }

    /// Its address as URLs have it.
    fn host(&self) -> String {
        match self.address {
            IpAddr::V4(v4) => v4.to_string(),
            IpAddr::V6(v6) => format!("[{v6}]"),
        }
    }

    /// The certificate, for those who are to trust it.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }
}

/// How a relay is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Not at all: it only tells clients their address.
    Stun,
    /// Datagrams.
    Udp,
    /// A plain TCP connection.
    Tcp,
    /// TLS over TCP.
    Tls,
}
