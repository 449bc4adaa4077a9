//! Our microphone or our speaker: which one is chosen, which one is used, and which one is being opened.
//!
//! Nothing here opens or waits: the state says what to open, and is told what became of it.

use tincan_devices::audio::{OpenMicrophone, OpenSpeaker, Standing, Watched};
use tincan_devices::{MicrophoneSelector, SpeakerSelector};
use tincan_media::{AudioInput, AudioOutput, DeviceError, MediaClock};

use super::{LocalChange, lost};
use crate::api::{Sentence, SourceView};
use crate::devices::DeviceSystem;

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SoundKind {
    Microphone,
    Speaker,
}

impl SoundKind {
    /// Why this text names no such device.
    fn check(self, selector: &str) -> Result<(), Sentence> {
        match self {
            Self::Microphone => selector.parse::<MicrophoneSelector>().map(drop),
            Self::Speaker => selector.parse::<SpeakerSelector>().map(drop),
        }
        .map_err(|error| Sentence::new("bad_device", error.to_string()))
    }
}

/// Our end of a device. Dropping it closes the device, which may take seconds.
pub(super) enum SoundEnd {
    Microphone(Box<dyn AudioInput>),
    Speaker(Box<dyn AudioOutput>),
}

/// A device that runs.
pub(super) struct OpenSound {
    name: String,
    id: String,
    in_place: Option<DeviceError>,
    pub(super) end: SoundEnd,
}

/// One try to open a device. Blocking, see [`DeviceSystem`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) kind: SoundKind,
    number: u32,
    selector: String,
}

impl Attempt {
    /// Opens the device.
    pub(super) fn run(
        &self,
        devices: &dyn DeviceSystem,
        clock: MediaClock,
    ) -> Result<OpenSound, DeviceError> {
        let unknown = |error: tincan_devices::ParseSelectorError| DeviceError::System {
            device: self.selector.clone(),
            detail: error.to_string(),
        };
        match self.kind {
            SoundKind::Microphone => {
                let selector = self.selector.parse::<MicrophoneSelector>().map_err(unknown)?;
                let OpenMicrophone { name, id, in_place, input } =
                    devices.open_microphone(&selector, clock)?;
                Ok(OpenSound { name, id, in_place, end: SoundEnd::Microphone(input) })
            }
            SoundKind::Speaker => {
                let selector = self.selector.parse::<SpeakerSelector>().map_err(unknown)?;
                let OpenSpeaker { name, id, in_place, output } = devices.open_speaker(&selector, clock)?;
                Ok(OpenSound { name, id, in_place, end: SoundEnd::Speaker(output) })
            }
        }
    }
}

/// What became of an attempt.
pub(super) enum Outcome {
    /// Use this one from now on.
    Use(SoundEnd),
    /// There is none that could be used.
    Nothing,
    /// Nobody wants it any more; close it where nobody waits for that.
    Outdated(Option<SoundEnd>),
}

/// See the module's description.
pub(super) struct SoundDevice {
    kind: SoundKind,
    chosen: String,
    view: SourceView,
    /// What is used now, to see what becomes of it.
    used: Option<Watched>,
    attempts: u32,
    /// Every attempt that has not ended: a driver that hangs may keep one for long.
    under_way: Vec<Attempt>,
    /// The number of the one among them whose outcome will be used.
    wanted: Option<u32>,
}

impl SoundDevice {
    pub(super) fn new(kind: SoundKind, chosen: &str, on: bool) -> Self {
        Self {
            kind,
            chosen: chosen.into(),
            view: SourceView { on, chosen: chosen != "none", ..SourceView::default() },
            used: None,
            attempts: 0,
            under_way: Vec::new(),
            wanted: None,
        }
    }

    pub(super) fn view(&self) -> &SourceView {
        &self.view
    }

    pub(super) fn chosen(&self) -> &str {
        &self.chosen
    }

    pub(super) fn set_on(&mut self, on: bool) {
        self.view.on = on;
    }

    /// A device is in use that did not come from the system.
    pub(super) fn set_working(&mut self) {
        self.view.working = true;
    }

    /// Takes another device. The attempt is to be run.
    pub(super) fn select(&mut self, id: &str) -> Option<Attempt> {
        id.clone_into(&mut self.chosen);
        self.view.chosen = id != "none";
        self.want()
    }

    /// Wants the chosen device: a new attempt, unless one for the same device is under way, or no microphone is chosen.
    pub(super) fn want(&mut self) -> Option<Attempt> {
        if let Err(problem) = self.kind.check(&self.chosen) {
            self.view.problem = Some(problem);
            self.wanted = None;
            return None;
        }
        if self.kind == SoundKind::Microphone && !self.view.chosen {
            self.wanted = None;
            self.used = None;
            self.view = SourceView { on: self.view.on, chosen: false, ..SourceView::default() };
            return None;
        }
        if let Some(same) = self.under_way.iter().find(|attempt| attempt.selector == self.chosen) {
            self.wanted = Some(same.number);
            return None;
        }
        self.attempts += 1;
        let attempt = Attempt { kind: self.kind, number: self.attempts, selector: self.chosen.clone() };
        self.under_way.push(attempt.clone());
        self.wanted = Some(attempt.number);
        Some(attempt)
    }

    /// An attempt has ended.
    pub(super) fn ended(&mut self, attempt: &Attempt, result: Result<OpenSound, DeviceError>) -> Outcome {
        self.under_way.retain(|other| other.number != attempt.number);
        if self.wanted != Some(attempt.number) {
            return Outcome::Outdated(result.ok().map(|open| open.end));
        }
        self.wanted = None;
        self.used = None;
        let view = SourceView { on: self.view.on, chosen: self.view.chosen, ..SourceView::default() };
        match result {
            Ok(OpenSound { name, id, in_place, end }) => {
                self.used =
                    Some(Watched { open: id, absent: in_place.as_ref().map(|_| self.chosen.clone()) });
                let problem = in_place.map(|missing| {
                    let mut said = Sentence::from(&missing);
                    said.message = format!("{missing} Until then {name} is used.");
                    said.with("stands_in", "yes").with("instead", name.as_str())
                });
                // What stands in for a device that nobody chose is none.
                let (working, device) = (self.view.chosen, self.view.chosen.then_some(name));
                self.view = SourceView { working, device, problem, ..view };
                Outcome::Use(end)
            }
            Err(error) => {
                self.view = SourceView { problem: Some((&error).into()), ..view };
                Outcome::Nothing
            }
        }
    }

    /// What is used has failed.
    pub(super) fn lost(&mut self, error: &DeviceError) -> LocalChange {
        self.used = None;
        self.view.working = false;
        self.view.problem = Some(error.into());
        LocalChange::Notice(lost(error))
    }

    /// What to watch.
    pub(super) fn used(&self) -> Option<&Watched> {
        self.used.as_ref()
    }

    /// What the system says of `watched`, if that is still what is used: whether it is lost, or to be opened anew.
    pub(super) fn stands(&mut self, watched: Option<&Watched>, standing: Standing) -> Stands {
        if self.wanted.is_some() || !self.view.chosen {
            return Stands::Well;
        }
        if watched != self.used.as_ref() {
            return if self.is_missing() { Stands::Anew } else { Stands::Well };
        }
        match standing {
            Standing::Gone if self.view.working => {
                let device = self.view.device.clone().unwrap_or_else(|| "The device".into());
                Stands::Lost(DeviceError::Lost { device })
            }
            Standing::Replaceable => Stands::Anew,
            Standing::NotDefault
                if self.chosen == "default" || watched.is_some_and(|open| open.absent.is_some()) =>
            {
                Stands::Anew
            }
            _ if self.is_missing() => Stands::Anew,
            Standing::NotDefault | Standing::Same | Standing::Gone => Stands::Well,
        }
    }

    fn is_missing(&self) -> bool {
        !self.view.working && self.view.problem.is_some()
    }
}

/// What is to be done about a device that was looked at.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stands {
    Well,
    Lost(DeviceError),
    Anew,
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Silence;

    impl AudioInput for Silence {
        fn read(&mut self) -> Result<Option<tincan_media::audio::AudioFrame>, DeviceError> {
            Ok(None)
        }
    }

    fn open(name: &str) -> Result<OpenSound, DeviceError> {
        let end = SoundEnd::Microphone(Box::new(Silence));
        Ok(OpenSound { name: name.into(), id: format!("device:{name}"), in_place: None, end })
    }

    fn busy() -> DeviceError {
        DeviceError::Busy { device: "The headset".into() }
    }

    fn microphone() -> SoundDevice {
        SoundDevice::new(SoundKind::Microphone, "device:headset", true)
    }

    #[test]
    fn a_device_that_takes_long_to_open_comes_back_after_a_failure() {
        let mut microphone = microphone();
        let first = microphone.want().unwrap();
        assert!(matches!(microphone.ended(&first, Err(busy())), Outcome::Nothing));
        assert_eq!(microphone.stands(None, Standing::Same), Stands::Anew);
        let second = microphone.want().unwrap();
        // Looked at again and again while the driver takes its time: it is left to it.
        for _ in 0..3 {
            assert_eq!(microphone.stands(None, Standing::Same), Stands::Well);
            assert_eq!(microphone.want(), None, "a second attempt beside the first");
        }
        assert!(matches!(microphone.ended(&second, open("headset")), Outcome::Use(_)));
        assert!(microphone.view().working);
    }

    #[test]
    fn a_driver_that_hangs_holds_up_no_other_device() {
        let mut microphone = microphone();
        let hangs = microphone.want().unwrap();
        let other = microphone.select("device:built-in").unwrap();
        assert!(matches!(microphone.ended(&other, open("built-in")), Outcome::Use(_)));
        assert_eq!(microphone.view().device.as_deref(), Some("built-in"));
        assert!(matches!(microphone.ended(&hangs, open("headset")), Outcome::Outdated(Some(_))));
        assert_eq!(microphone.view().device.as_deref(), Some("built-in"));
    }

    #[test]
    fn whoever_goes_back_and_forth_opens_each_device_once() {
        let mut microphone = microphone();
        let headset = microphone.want().unwrap();
        let built_in = microphone.select("device:built-in").unwrap();
        for _ in 0..10 {
            assert_eq!(microphone.select("device:headset"), None);
            assert_eq!(microphone.select("device:built-in"), None);
        }
        assert!(matches!(microphone.ended(&headset, open("headset")), Outcome::Outdated(_)));
        assert!(matches!(microphone.ended(&built_in, open("built-in")), Outcome::Use(_)));
    }

    #[test]
    fn no_microphone_is_a_choice_and_no_failure() {
        let mut microphone = microphone();
        let opening = microphone.want().unwrap();
        assert_eq!(microphone.select("none"), None);
        assert!(matches!(microphone.ended(&opening, open("headset")), Outcome::Outdated(Some(_))));
        let view = microphone.view();
        assert_eq!((view.chosen, view.working, &view.device, &view.problem), (false, false, &None, &None));
        assert_eq!(microphone.stands(None, Standing::Gone), Stands::Well);
    }

    #[test]
    fn the_default_is_followed_and_a_stand_in_is_replaced() {
        let mut microphone = SoundDevice::new(SoundKind::Microphone, "default", true);
        let attempt = microphone.want().unwrap();
        microphone.ended(&attempt, open("built-in"));
        let watched = microphone.used().cloned();
        assert_eq!(microphone.stands(watched.as_ref(), Standing::Same), Stands::Well);
        assert_eq!(microphone.stands(watched.as_ref(), Standing::NotDefault), Stands::Anew);
        assert!(matches!(microphone.stands(watched.as_ref(), Standing::Gone), Stands::Lost(_)));
        microphone.select("device:headset");
        assert_eq!(microphone.stands(watched.as_ref(), Standing::Gone), Stands::Well, "it is being left");
    }
}
