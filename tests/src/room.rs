//! Several people without windows in one room, with small pictures, so that one machine carries all of them.

use tempfile::TempDir;
use tincan_media::video::Resolution;

use crate::clips;
use crate::participant::Participant;

/// Small and slow: eight on one machine decode 56 of them.
const PICTURE: Resolution = Resolution::new(160, 90);
const FRAME_RATE: u32 = 10;

/// A small camera and a voice, for any number of participants.
pub struct SmallDevices {
    _folder: TempDir,
    arguments: Vec<String>,
}

impl SmallDevices {
    /// Makes the clips.
    ///
    /// # Panics
    /// When they cannot be written.
    pub fn make() -> Self {
        Self::of(PICTURE, FRAME_RATE)
    }

    /// With a larger camera.
    ///
    /// # Panics
    /// When the clips cannot be written.
    pub fn of(picture: Resolution, frame_rate: u32) -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let (clip, voice) = (folder.path().join("clip.y4m"), folder.path().join("voice.wav"));
        clips::y4m_at(&clip, picture, 30, frame_rate);
        clips::speech(&voice, 10);
        let arguments = [
            "--camera".to_owned(),
            format!("file:{}", clip.display()),
            "--microphone".to_owned(),
            format!("file:{}", voice.display()),
            // They all say the same at once, which must not be taken for an echo.
            "--no-echo-cancellation".to_owned(),
        ];
        Self { _folder: folder, arguments: arguments.to_vec() }
    }

    /// With another camera.
    #[must_use]
    pub fn with_camera(mut self, selector: &str) -> Self {
        selector.clone_into(&mut self.arguments[1]);
        self
    }

    /// The camera among them, as one says it to a program.
    pub fn camera(&self) -> &str {
        &self.arguments[1]
    }

    /// Arguments of a participant who has them, after these.
    pub fn with<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        more.iter().copied().chain(self.arguments.iter().map(String::as_str)).collect()
    }
}

/// People in one room, by their names.
pub struct Room {
    devices: SmallDevices,
    url: String,
    code: String,
    people: Vec<(&'static str, Participant)>,
}

impl Room {
    /// The first one starts a call on the server at `url`; the others join at once, and everybody meets everybody.
    pub async fn of(url: &str, names: &[&'static str]) -> Self {
        let mut room = Self::open(url, names[0]).await;
        for name in &names[1..] {
            room.join(name);
        }
        room.all_meet().await;
        room
    }

    /// With one who is alone in it.
    pub async fn open(url: &str, name: &'static str) -> Self {
        let devices = SmallDevices::make();
        let first = Participant::start(name, url, &devices.with(&[]));
        Self::around(devices, url, name, first).await
    }

    /// With one who has just started it.
    pub async fn around(
        devices: SmallDevices,
        url: &str,
        name: &'static str,
        mut first: Participant,
    ) -> Self {
        let code = first.code().await;
        Self { devices, url: url.to_owned(), code, people: vec![(name, first)] }
    }

    /// The room's code.
    pub fn code(&self) -> &str {
        &self.code
    }

    /// The small devices of everybody in it.
    pub const fn devices(&self) -> &SmallDevices {
        &self.devices
    }

    /// Somebody who joins, and is not counted among the people of the room yet.
    pub fn newcomer(&self, name: &str) -> Participant {
        Participant::start(name, &self.url, &self.devices.with(&[&self.code]))
    }

    /// Somebody joins by another way to the server.
    pub fn join_by(&mut self, url: &str, name: &'static str) {
        let newcomer = Participant::start(name, url, &self.devices.with(&[&self.code]));
        self.enter(name, newcomer);
    }

    /// Somebody joins.
    pub fn join(&mut self, name: &'static str) {
        let newcomer = self.newcomer(name);
        self.enter(name, newcomer);
    }

    /// Somebody who was started belongs to it from now on.
    pub fn enter(&mut self, name: &'static str, newcomer: Participant) {
        self.people.push((name, newcomer));
    }

    /// Somebody who is in it.
    ///
    /// # Panics
    /// When they are not.
    pub fn person(&mut self, name: &str) -> &mut Participant {
        let found = self.people.iter_mut().find(|(other, _)| *other == name);
        &mut found.unwrap_or_else(|| panic!("{name} is not in the room")).1
    }

    /// Who is in it.
    pub fn names(&self) -> Vec<&'static str> {
        self.people.iter().map(|(name, _)| *name).collect()
    }

    /// Everybody.
    pub fn everybody(&mut self) -> impl Iterator<Item = &mut Participant> {
        self.people.iter_mut().map(|(_, person)| person)
    }

    /// Takes somebody out of it who is about to leave or to crash.
    ///
    /// # Panics
    /// When they are not in it.
    pub fn take(&mut self, name: &str) -> Participant {
        let at = self.people.iter().position(|(other, _)| *other == name);
        self.people.remove(at.unwrap_or_else(|| panic!("{name} is not in the room"))).1
    }

    /// Waits until each sees and hears exactly all others, and all compare the same number.
    ///
    /// # Panics
    /// When they do not.
    pub async fn all_meet(&mut self) {
        let names = self.names();
        for (name, person) in &mut self.people {
            let others: Vec<&str> = names.iter().copied().filter(|other| other != name).collect();
            person.meets(&others).await;
        }
        let first = self.people[0].0;
        let person = self.person(first);
        person.until("what is compared aloud", |call| call["safety"]["digits"].is_string()).await;
        let number = person.call()["safety"].clone();
        for person in self.everybody() {
            person.until("the number that all others compare", |call| call["safety"] == number).await;
        }
    }

    /// Everybody leaves, one after the other.
    ///
    /// # Panics
    /// When one does not end well.
    pub async fn close(self) {
        for (name, person) in self.people {
            let (code, said) = person.leave().await;
            assert_eq!(code, Some(0), "{name}: {:?}", said.last());
        }
    }
}
