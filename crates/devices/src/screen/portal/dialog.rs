//! The desktop's dialog, which the portal opens (`org.freedesktop.portal.ScreenCast`).
//!
//! A thread of its own talks with the portal, since a bus may hang and a person takes their time. When the connection is
//! closed, the portal takes that for the end of the program: it closes the dialog, or ends what is shared.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::os::fd::OwnedFd;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use zbus::blocking::connection::Builder;
use zbus::blocking::fdo::DBusProxy;
use zbus::blocking::{Connection, MessageIterator, Proxy};
use zbus::proxy::CacheProperties;
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};
use zbus::{MatchRule, Message};

use super::ANSWER_LIMIT;
use crate::screen::ScreenError;
use crate::video::spawn;

const PORTAL: &str = "org.freedesktop.portal.Desktop";
const PATH: &str = "/org/freedesktop/portal/desktop";
const SCREEN_CAST: &str = "org.freedesktop.portal.ScreenCast";

/// Kinds of sources and ways to show the pointer, as the portal counts them.
const MONITOR: u32 = 1;
const WINDOW: u32 = 2;
const POINTER_IN_PICTURE: u32 = 2;

/// The thread is waited for so long at the end; one that hangs in the bus ends when the bus answers.
const RELEASE: Duration = Duration::from_secs(2);

/// What the portal said.
pub(super) enum Heard {
    /// The dialog is open: it is the person's turn.
    Asked,
    Chosen(Chosen),
}

/// What the person chose.
pub(super) struct Chosen {
    /// A connection to PipeWire that reaches nothing else.
    pub(super) remote: OwnedFd,
    /// The node on it that gives the pictures.
    pub(super) node: u32,
    /// What it is called: the portal does not tell its name.
    pub(super) name: &'static str,
}

enum Step {
    /// To be closed at the end.
    Connected(Connection),
    Heard(Heard),
}

/// The thread's way to tell; when nobody listens any more it ends.
type Tell = Sender<Result<Step, ScreenError>>;

/// A dialog that is open, or what was chosen in it: dropping it ends both.
pub(super) struct Dialog {
    steps: Receiver<Result<Step, ScreenError>>,
    bus: Option<Connection>,
    thread: Option<JoinHandle<()>>,
}

impl Dialog {
    /// Returns at once.
    pub(super) fn open() -> Self {
        let (tell, steps) = channel();
        let run = move || {
            if let Err(error) = ask(&tell) {
                // Nobody listens to whoever was cancelled.
                let _ = tell.send(Err(error));
            }
        };
        Self { steps, bus: None, thread: spawn("screen-portal", run) }
    }

    /// What happened since it was asked last; does not wait.
    ///
    /// # Errors
    /// Nothing was chosen, or it is over.
    pub(super) fn heard(&mut self) -> Result<Option<Heard>, ScreenError> {
        loop {
            match self.steps.try_recv() {
                Ok(Ok(Step::Connected(bus))) => self.bus = Some(bus),
                Ok(Ok(Step::Heard(heard))) => return Ok(Some(heard)),
                Ok(Err(error)) => return Err(error),
                Err(TryRecvError::Empty) => return Ok(None),
                Err(TryRecvError::Disconnected) => return Err(lost("the bus is gone")),
            }
        }
    }
}

impl Drop for Dialog {
    fn drop(&mut self) {
        let until = Instant::now() + RELEASE;
        loop {
            if let Some(bus) = self.bus.take() {
                // Nothing to close when the bus is gone.
                let _ = bus.close();
            }
            let left = until.saturating_duration_since(Instant::now());
            match self.steps.recv_timeout(left) {
                Ok(Ok(Step::Connected(bus))) => self.bus = Some(bus),
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    tracing::warn!("the session bus hangs; its thread ends when it answers");
                    return;
                }
            }
        }
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the portal's thread panicked");
        }
    }
}

/// Whether there is a portal that shares screens.
pub(super) fn check() -> Result<(), ScreenError> {
    Portal::find(&connect()?).map(|_| ())
}

fn connect() -> Result<Connection, ScreenError> {
    let connected = Builder::session().and_then(|bus| bus.method_timeout(ANSWER_LIMIT).build());
    connected.map_err(|error| missing(&error))
}

/// Asks for one thing and follows it to its end, which is always an error.
fn ask(tell: &Tell) -> Result<(), ScreenError> {
    let bus = connect()?;
    let mut messages = MessageIterator::from(&bus);
    if tell.send(Ok(Step::Connected(bus.clone()))).is_err() {
        return Ok(());
    }
    let told = |rule: &str| -> zbus::Result<()> {
        Ok(DBusProxy::new(&bus)?.add_match_rule(MatchRule::try_from(rule)?)?)
    };
    told(&format!("type='signal',sender='{PORTAL}'")).map_err(|error| failed(&error))?;
    told(&format!("type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged',arg0='{PORTAL}'"))
        .map_err(|error| failed(&error))?;
    let portal = Portal::find(&bus)?;

    let mut options = token("session");
    options.insert("session_handle_token", Value::from("tincan"));
    let mut created = portal.request(&mut messages, "CreateSession", &(options,), || true)?;
    let session: String =
        created.remove("session_handle").and_then(|path| path.try_into().ok()).ok_or_else(nonsense)?;
    let session = OwnedObjectPath::try_from(session).map_err(|_| nonsense())?;

    let mut options = token("sources");
    options.insert("types", Value::from(portal.sources));
    options.insert("multiple", Value::from(false));
    if let Some(pointer) = portal.pointer {
        options.insert("cursor_mode", Value::from(pointer));
    }
    portal.request(&mut messages, "SelectSources", &(&session, options), || true)?;

    let asked = || tell.send(Ok(Step::Heard(Heard::Asked))).is_ok();
    let started = portal.request(&mut messages, "Start", &(&session, "", token("start")), asked)?;
    let (node, kind) = started.get("streams").and_then(first_stream).ok_or_else(nonsense)?;
    let name = if kind == Some(WINDOW) { "Window" } else { "Screen" };

    let nothing: HashMap<&str, Value<'_>> = HashMap::new();
    let remote: zbus::zvariant::OwnedFd =
        portal.proxy.call("OpenPipeWireRemote", &(&session, nothing)).map_err(|error| failed(&error))?;
    let chosen = Chosen { remote: remote.into(), node, name };
    if tell.send(Ok(Step::Heard(Heard::Chosen(chosen)))).is_err() {
        return Ok(());
    }
    loop {
        let message = next(&mut messages)?;
        if is_signal(&message, "org.freedesktop.portal.Session", "Closed", &session) {
            return Err(ScreenError::EndedByDesktop);
        }
    }
}

/// The node and the kind of the first of `a(ua{sv})`.
fn first_stream(streams: &OwnedValue) -> Option<(u32, Option<u32>)> {
    let Value::Array(streams) = &**streams else { return None };
    let Some(Value::Structure(stream)) = streams.iter().next() else { return None };
    let [Value::U32(node), Value::Dict(properties)] = stream.fields() else { return None };
    Some((*node, properties.get::<&str, u32>(&"source_type").ok().flatten()))
}

/// The portal's interface for screens, and what it offers.
struct Portal<'a> {
    proxy: Proxy<'a>,
    sources: u32,
    /// `None` where the portal is too old to be asked.
    pointer: Option<u32>,
}

impl<'a> Portal<'a> {
    fn find(bus: &Connection) -> Result<Portal<'a>, ScreenError> {
        let find = || -> zbus::Result<Portal<'a>> {
            let proxy: Proxy<'a> = zbus::blocking::proxy::Builder::new(bus)
                .destination(PORTAL)?
                .path(PATH)?
                .interface(SCREEN_CAST)?
                .cache_properties(CacheProperties::No)
                .build()?;
            let sources = proxy.get_property::<u32>("AvailableSourceTypes")? & (MONITOR | WINDOW);
            let pointers = proxy.get_property::<u32>("AvailableCursorModes").ok();
            let pointer = pointers.filter(|modes| modes & POINTER_IN_PICTURE != 0);
            Ok(Portal { proxy, sources, pointer: pointer.map(|_| POINTER_IN_PICTURE) })
        };
        let portal = find().map_err(|error| missing(&error))?;
        if portal.sources == 0 {
            return Err(ScreenError::NoPortal { detail: "it offers neither screens nor windows".into() });
        }
        Ok(portal)
    }

    /// Calls a method whose answer comes by a signal; `called` is told in between, and says whether to go on.
    fn request(
        &self,
        messages: &mut MessageIterator,
        method: &str,
        arguments: &(impl serde::Serialize + zbus::zvariant::DynamicType),
        called: impl FnOnce() -> bool,
    ) -> Result<HashMap<String, OwnedValue>, ScreenError> {
        let request: OwnedObjectPath = self.proxy.call(method, arguments).map_err(|error| failed(&error))?;
        if !called() {
            return Err(lost("nobody waits for it"));
        }
        loop {
            let message = next(messages)?;
            if !is_signal(&message, "org.freedesktop.portal.Request", "Response", &request) {
                continue;
            }
            let (response, results) = message.body().deserialize().map_err(|error| failed(&error))?;
            return match response {
                0u32 => Ok(results),
                1 => Err(ScreenError::NotChosen),
                _ => Err(ScreenError::Refused { detail: format!("{method} was refused") }),
            };
        }
    }
}

/// The next message, unless there is nobody any more to send one.
fn next(messages: &mut MessageIterator) -> Result<Message, ScreenError> {
    let Some(Ok(message)) = messages.next() else { return Err(lost("the session bus is gone")) };
    let header = message.header();
    if header.member().is_some_and(|member| member == "NameOwnerChanged")
        && let Ok((name, _, new)) = message.body().deserialize::<(&str, &str, &str)>()
        && name == PORTAL
        && new.is_empty()
    {
        return Err(lost("the desktop's portal is gone"));
    }
    drop(header);
    Ok(message)
}

fn is_signal(message: &Message, interface: &str, member: &str, path: &OwnedObjectPath) -> bool {
    let header = message.header();
    message.message_type() == zbus::message::Type::Signal
        && header.interface().is_some_and(|of| of == interface)
        && header.member().is_some_and(|of| of == member)
        && header.path().is_some_and(|of| of == &**path)
}

/// Options with a name for the request, which has to be another one for each.
fn token(name: &str) -> HashMap<&'static str, Value<'static>> {
    HashMap::from([("handle_token", Value::from(format!("tincan_{name}")))])
}

fn nonsense() -> ScreenError {
    ScreenError::Refused { detail: "the desktop's portal gave nothing to show".into() }
}

fn lost(detail: &str) -> ScreenError {
    ScreenError::Lost { detail: detail.into() }
}

fn hangs(error: &zbus::Error) -> bool {
    matches!(error, zbus::Error::InputOutput(error) if error.kind() == ErrorKind::TimedOut)
}

/// There is none, or none that answers.
fn missing(error: &zbus::Error) -> ScreenError {
    if hangs(error) { ScreenError::DesktopHangs } else { ScreenError::NoPortal { detail: said(error) } }
}

/// It is there, and does not do as it is asked.
fn failed(error: &zbus::Error) -> ScreenError {
    if hangs(error) { ScreenError::DesktopHangs } else { ScreenError::Refused { detail: said(error) } }
}

/// The part that a person can read: not the error's name on the bus.
fn said(error: &zbus::Error) -> String {
    match error {
        zbus::Error::MethodError(name, ..) if *name == "org.freedesktop.DBus.Error.ServiceUnknown" => {
            "none is installed".into()
        }
        zbus::Error::MethodError(_, Some(detail), _) => detail.clone(),
        error => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_stream_is_found_among_what_a_portal_hands_over_and_nonsense_is_none() {
        let value = |value: Value<'static>| OwnedValue::try_from(value).unwrap();
        let kind = HashMap::from([("source_type", Value::from(WINDOW)), ("size", Value::from((640, 480)))]);
        let streams = value(Value::from(vec![(42u32, kind), (43, HashMap::new())]));
        assert_eq!(first_stream(&streams), Some((42, Some(WINDOW))));
        let nothing: Vec<(u32, HashMap<&str, Value<'_>>)> = vec![];
        assert_eq!(first_stream(&value(Value::from(nothing))), None);
        assert_eq!(first_stream(&value(Value::from(vec![1, 2]))), None);
        assert_eq!(first_stream(&value(Value::from("stream"))), None);
    }
}
