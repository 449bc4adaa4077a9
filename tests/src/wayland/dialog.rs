//! The desktop's half of the portal: the dialog in which a person chooses what to share.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use zbus::connection::Builder;
use zbus::zvariant::{ObjectPath, OwnedObjectPath, OwnedValue, Value};
use zbus::{Connection, ObjectServer, interface};

const PATH: &str = "/org/freedesktop/portal/desktop";
const MONITOR: u32 = 1;
/// Hidden, embedded in the picture, or beside it.
const ALL: u32 = 7;

/// What the person does with the dialog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Chooses the screen.
    Choose,
    /// Closes it.
    Cancel,
    /// The desktop forbids it.
    Forbid,
}

/// What the portal asks for.
#[derive(Debug)]
pub(super) enum Wish {
    /// To open the dialog; waits for the answer.
    Dialog(oneshot::Sender<Answer>),
    /// To close the dialog, or to end what is shared.
    Closed,
}

/// Answers with a value, and with what belongs to it.
type Response = (u32, HashMap<String, OwnedValue>);

/// The desktop's dialog.
pub(super) struct Backend {
    node: u32,
    tell: UnboundedSender<Wish>,
    /// The one that is open.
    session: Arc<Mutex<Option<OwnedObjectPath>>>,
}

impl Backend {
    /// Hands over this node.
    pub(super) fn new(node: u32, tell: UnboundedSender<Wish>) -> Self {
        Self { node, tell, session: Arc::default() }
    }
}

pub(super) async fn serve(address: &str, name: &str, backend: Backend) -> zbus::Result<Connection> {
    Builder::address(address)?.serve_at(PATH, backend)?.name(name)?.build().await
}

/// Says that the session ended on this side.
pub(super) async fn end_session(bus: &Connection) -> zbus::Result<()> {
    let backend = bus.object_server().interface::<_, Backend>(PATH).await?;
    let open = backend.get().await.session.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let path = open.ok_or(zbus::Error::InterfaceNotFound)?;
    bus.emit_signal(None::<&str>, &path, "org.freedesktop.impl.portal.Session", "Closed", &()).await
}

#[interface(name = "org.freedesktop.impl.portal.ScreenCast")]
impl Backend {
    async fn create_session(
        &self,
        _handle: ObjectPath<'_>,
        session: OwnedObjectPath,
        _app_id: &str,
        _options: HashMap<String, OwnedValue>,
        #[zbus(object_server)] server: &ObjectServer,
    ) -> zbus::fdo::Result<Response> {
        server.at(&session, Session(self.tell.clone())).await?;
        *self.session.lock().unwrap_or_else(PoisonError::into_inner) = Some(session);
        Ok((0, HashMap::new()))
    }

    async fn select_sources(
        &self,
        _handle: ObjectPath<'_>,
        _session: ObjectPath<'_>,
        _app_id: &str,
        _options: HashMap<String, OwnedValue>,
    ) -> Response {
        (0, HashMap::new())
    }

    async fn start(
        &self,
        handle: OwnedObjectPath,
        _session: ObjectPath<'_>,
        _app_id: &str,
        _parent: &str,
        _options: HashMap<String, OwnedValue>,
        #[zbus(object_server)] server: &ObjectServer,
    ) -> zbus::fdo::Result<Response> {
        server.at(&handle, Request(self.tell.clone())).await?;
        let (answer, answered) = oneshot::channel();
        let _ = self.tell.send(Wish::Dialog(answer));
        let answer = answered.await;
        server.remove::<Request, _>(&handle).await?;
        let code = match answer {
            Ok(Answer::Choose) => 0,
            Ok(Answer::Cancel) => 1,
            Ok(Answer::Forbid) | Err(_) => 2,
        };
        if code != 0 {
            return Ok((code, HashMap::new()));
        }
        let properties =
            HashMap::from([("source_type", Value::from(MONITOR)), ("size", Value::from((1_920, 1_080)))]);
        let streams = Value::from(vec![(self.node, properties)]);
        let streams = OwnedValue::try_from(streams).expect("there is no descriptor in it");
        Ok((code, HashMap::from([("streams".into(), streams)])))
    }

    #[zbus(property)]
    async fn available_source_types(&self) -> u32 {
        ALL
    }

    #[zbus(property)]
    async fn available_cursor_modes(&self) -> u32 {
        ALL
    }

    #[zbus(property, name = "version")]
    async fn version(&self) -> u32 {
        4
    }
}

/// Something that is shared, or about to be.
struct Session(UnboundedSender<Wish>);

#[interface(name = "org.freedesktop.impl.portal.Session")]
impl Session {
    async fn close(&self) {
        let _ = self.0.send(Wish::Closed);
    }

    #[zbus(property, name = "version")]
    async fn version(&self) -> u32 {
        1
    }
}

/// A dialog that is open.
struct Request(UnboundedSender<Wish>);

#[interface(name = "org.freedesktop.impl.portal.Request")]
impl Request {
    async fn close(&self) {
        let _ = self.0.send(Wish::Closed);
    }
}
