//! Files, as far as they are the call's: who is there, and how much is left for them beside sound and pictures. What comes on
//! their channel goes to the files' own task, which outlives the call.

use tincan_protocol::{Channel, PeerId};

use super::CallTask;
use super::together::Happened;

impl CallTask {
    /// What of all that happens concerns files.
    pub(super) fn tell_files(&self, what: &Happened) {
        let Some(files) = &self.config.files else { return };
        match what {
            Happened::Left(peer) => files.left(*peer),
            Happened::Named { peer, name } => files.named(*peer, name.clone()),
            _ => {}
        }
    }

    /// The other side is who it says: it takes files, or its version has none.
    pub(super) fn open_files(&mut self, peer: PeerId, connection: u32) {
        let Some(files) = &self.config.files else { return };
        let mut others = self.session.participants().iter();
        let Some(other) = others.find(|other| other.id() == peer) else { return };
        if other.has_feature(Channel::Files.feature()) {
            self.connections.with(peer, connection, |remote| remote.open_channel(Channel::Files));
        } else {
            files.cannot(peer);
        }
    }

    /// While we send sound or pictures, files give way to them.
    pub(super) fn pace_files(&self) {
        if let Some(files) = &self.config.files {
            let sends = !self.session.sources().is_empty() && !self.connections.is_empty();
            files.pacing().media(sends);
        }
    }
}
