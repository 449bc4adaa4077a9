//! The sound of what we share: whether it is wanted, there, or missing, and when to try again. Its end is the audio thread's.

use std::time::Duration;

use tincan_devices::SharedSoundSelector;
use tincan_media::{SharedSound, SharedSoundError};
use tokio::time::Instant;

use crate::api::{Sentence, SharedSoundView};

/// A sound server that was restarted is there again within a second or two.
const TRY_AGAIN: Duration = Duration::from_secs(2);

/// One opening, on a thread that may block.
#[derive(Debug, Clone)]
pub(super) struct SharedAttempt {
    pub(super) selector: SharedSoundSelector,
    round: u32,
}

/// What became of an opening.
pub(super) enum SharedOutcome {
    /// Share this.
    Use(Box<dyn SharedSound>),
    /// It is missing, and the person does not know yet.
    Tell(SharedSoundError),
    /// Nothing that anybody has to know; what was opened is to be closed.
    Nothing(Option<Box<dyn SharedSound>>),
}

/// See the module's description.
#[derive(Debug, Default)]
pub(super) struct OurSharedSound {
    wanted: Option<SharedSoundSelector>,
    /// Pictures are seen, so sound may be heard.
    begun: bool,
    /// Of openings: an earlier one's outcome is not this one's.
    round: u32,
    opening: bool,
    working: bool,
    problem: Option<SharedSoundError>,
    again: Option<Instant>,
}

impl OurSharedSound {
    /// What is shared next has this sound, or none; it is opened once there are pictures.
    pub(super) fn want(&mut self, selector: Option<SharedSoundSelector>) {
        *self = Self { wanted: selector, round: self.round + 1, ..Self::default() };
    }

    /// For the window; `None`: no sound was asked for.
    pub(super) fn view(&self) -> Option<SharedSoundView> {
        self.wanted.is_some().then(|| SharedSoundView {
            working: self.working,
            problem: self.problem.as_ref().map(Sentence::from),
        })
    }

    /// Whether the others are to expect it.
    pub(super) const fn is_heard(&self) -> bool {
        self.working
    }

    /// There are pictures: what to open.
    pub(super) fn begin(&mut self) -> Option<SharedAttempt> {
        self.begun = true;
        self.attempt()
    }

    fn attempt(&mut self) -> Option<SharedAttempt> {
        if !self.begun || self.opening || self.working {
            return None;
        }
        let selector = self.wanted.clone()?;
        (self.opening, self.again) = (true, None);
        Some(SharedAttempt { selector, round: self.round })
    }

    /// When to look again; `None`: there is nothing to wait for.
    pub(super) const fn again(&self) -> Option<Instant> {
        self.again
    }

    /// It is time for that.
    pub(super) fn try_again(&mut self) -> Option<SharedAttempt> {
        self.again = None;
        self.attempt()
    }

    /// What came of an opening.
    pub(super) fn ended(
        &mut self,
        attempt: &SharedAttempt,
        result: Result<Box<dyn SharedSound>, SharedSoundError>,
    ) -> SharedOutcome {
        if attempt.round != self.round {
            return SharedOutcome::Nothing(result.ok());
        }
        self.opening = false;
        match result {
            Ok(sound) => {
                (self.working, self.problem) = (true, None);
                SharedOutcome::Use(sound)
            }
            Err(error) => {
                let known = self.problem.is_some();
                self.missing(&error);
                if known { SharedOutcome::Nothing(None) } else { SharedOutcome::Tell(error) }
            }
        }
    }

    /// It worked and is gone. Whether it was ours that is shared now.
    pub(super) fn lost(&mut self, error: &SharedSoundError) -> bool {
        let worked = std::mem::take(&mut self.working);
        if worked {
            self.missing(error);
        }
        worked
    }

    fn missing(&mut self, error: &SharedSoundError) {
        let passes = match error {
            SharedSoundError::NoServer | SharedSoundError::Refused { .. } | SharedSoundError::Lost => true,
            SharedSoundError::NotBuilt { .. } | SharedSoundError::File(_) => false,
        };
        self.again = passes.then(|| Instant::now() + TRY_AGAIN);
        self.problem = Some(error.clone());
    }
}

#[cfg(test)]
mod tests {
    use tincan_media::audio::StereoFrame;

    use super::*;

    struct Silence;

    impl SharedSound for Silence {
        fn read(&mut self) -> Result<Option<StereoFrame>, SharedSoundError> {
            Ok(None)
        }
    }

    fn sound() -> Result<Box<dyn SharedSound>, SharedSoundError> {
        Ok(Box::new(Silence))
    }

    #[test]
    fn sound_begins_with_the_pictures_and_only_when_it_was_asked_for() {
        let mut ours = OurSharedSound::default();
        ours.want(None);
        assert!(ours.begin().is_none() && ours.view().is_none());
        ours.want(Some(SharedSoundSelector::System));
        assert!(ours.try_again().is_none(), "nobody sees anything yet");
        let attempt = ours.begin().unwrap();
        assert!(ours.begin().is_none(), "once at a time");
        assert!(matches!(ours.ended(&attempt, sound()), SharedOutcome::Use(_)));
        assert!(ours.is_heard());
        ours.want(None);
        assert!(!ours.is_heard());
        assert!(
            matches!(ours.ended(&attempt, sound()), SharedOutcome::Nothing(Some(_))),
            "it is an earlier share's"
        );
    }

    #[test]
    fn what_is_missing_is_told_once_and_looked_for_until_it_is_there() {
        let mut ours = OurSharedSound::default();
        ours.want(Some(SharedSoundSelector::System));
        let attempt = ours.begin().unwrap();
        assert!(matches!(ours.ended(&attempt, Err(SharedSoundError::NoServer)), SharedOutcome::Tell(_)));
        assert_eq!(ours.view().unwrap().problem.unwrap().code, "shared_sound_no_server");
        assert!(ours.again().is_some());
        let attempt = ours.try_again().unwrap();
        assert!(matches!(
            ours.ended(&attempt, Err(SharedSoundError::NoServer)),
            SharedOutcome::Nothing(None)
        ));
        let attempt = ours.try_again().unwrap();
        assert!(matches!(ours.ended(&attempt, sound()), SharedOutcome::Use(_)));
        assert!(ours.view().unwrap().problem.is_none() && ours.again().is_none());
        assert!(ours.lost(&SharedSoundError::Lost) && ours.again().is_some() && !ours.is_heard());
        assert!(!ours.lost(&SharedSoundError::Lost), "it is known");
    }

    #[test]
    fn what_will_never_be_there_is_not_looked_for() {
        let mut ours = OurSharedSound::default();
        ours.want(Some(SharedSoundSelector::System));
        let attempt = ours.begin().unwrap();
        ours.ended(&attempt, Err(SharedSoundError::NotBuilt { system: "macOS" }));
        assert!(ours.again().is_none() && ours.view().unwrap().problem.is_some());
    }
}
