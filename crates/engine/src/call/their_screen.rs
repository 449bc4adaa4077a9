//! What somebody shares: a receive thread of its own, from when they first share something. Its sound is played by the audio
//! thread, and both tell each other what is seen and heard when.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tincan_peer::{PeerSender, RtpPacket};
use tincan_protocol::{PeerId, Source};

use crate::FrameOutput;
use crate::media::{AudioCommand, AudioHandle, ReceiveStatistics, VideoReceiver, VideoTarget};

/// A keyframe of a page takes seconds on a narrow path, and what is missing of a picture that is there a round trip or two.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// See the module's description. The word that they share something and its first packet come on two ways, and nothing orders
/// them: whichever comes first starts the thread, so that the first picture, which is large, is not sent twice.
pub(super) struct TheirScreen {
    id: PeerId,
    stream: u32,
    sender: PeerSender,
    audio: AudioHandle,
    output: Arc<dyn FrameOutput>,
    receiver: OnceLock<VideoReceiver>,
    /// As they say.
    shared: AtomicBool,
}

impl TheirScreen {
    pub(super) fn new(
        id: PeerId,
        stream: u32,
        sender: PeerSender,
        audio: AudioHandle,
        output: Arc<dyn FrameOutput>,
    ) -> Self {
        let (receiver, shared) = (OnceLock::new(), AtomicBool::new(false));
        Self { id, stream, sender, audio, output, receiver, shared }
    }

    fn receiver(&self) -> &VideoReceiver {
        self.receiver.get_or_init(|| {
            let (asker, holder, id) = (self.sender.clone(), self.audio.clone(), self.id);
            let receiver = VideoReceiver::start(VideoTarget {
                stream: self.stream,
                output: Arc::clone(&self.output),
                keyframe_needed: Box::new(move || asker.request_keyframe(Source::Screen)),
                hold_sound: Box::new(move |at_least| holder.hold_shared(id, at_least)),
                at_once: true,
                patience: PATIENCE,
            });
            self.audio.send(AudioCommand::SharedPictures { id, pictures: receiver.sender() });
            receiver
        })
    }

    /// A packet of it.
    pub(super) fn packet(&self, packet: RtpPacket) {
        self.receiver().handle().packet(packet);
    }

    /// Their clocks: see [`VideoHandle::report`](crate::media::VideoHandle::report).
    pub(super) fn report(&self, source: Source, ntp: u64, rtp: u32) {
        // Whoever shares sound shares pictures.
        self.receiver().handle().report(source, ntp, rtp);
    }

    /// They say that they share something, or that they do not any more.
    pub(super) fn shared(&self, on: bool) {
        self.shared.store(on, Ordering::Relaxed);
        if on || self.receiver.get().is_some() {
            self.receiver().handle().camera(on);
        }
    }

    /// What was sent in an outage is lost.
    pub(super) fn request_keyframe(&self) {
        if self.shared.load(Ordering::Relaxed) {
            self.sender.request_keyframe(Source::Screen);
        }
    }

    /// How long a retransmission takes.
    pub(super) fn round_trip(&self, round_trip: Duration) {
        if let Some(receiver) = self.receiver.get() {
            receiver.handle().round_trip(round_trip);
        }
    }

    pub(super) fn statistics(&self) -> ReceiveStatistics {
        self.receiver.get().map(VideoReceiver::statistics).unwrap_or_default()
    }

    /// Shows nothing any more from now on.
    pub(super) fn end(&self) {
        if let Some(receiver) = self.receiver.get() {
            receiver.handle().end();
        }
    }
}
