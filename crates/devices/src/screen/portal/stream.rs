//! Pictures out of PipeWire.

use std::cell::RefCell;
use std::io::Cursor;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use pipewire::buffer::Buffer;
use pipewire::context::ContextRc;
use pipewire::core::{CoreRc, Listener, PW_ID_CORE};
use pipewire::loop_::Timeout;
use pipewire::main_loop::MainLoopRc;
use pipewire::properties::properties;
use pipewire::spa::buffer::ChunkFlags;
use pipewire::spa::buffer::meta::MetaVideoCrop;
use pipewire::spa::param::ParamType;
use pipewire::spa::param::format::{FormatProperties, MediaSubtype, MediaType};
use pipewire::spa::param::video::{VideoFormat, VideoInfoRaw};
use pipewire::spa::pod::serialize::PodSerializer;
use pipewire::spa::pod::{ChoiceValue, Object, Pod, Property, PropertyFlags, Value, object, property};
use pipewire::spa::sys;
use pipewire::spa::utils::{Choice, ChoiceEnum, ChoiceFlags, Direction, Fraction, Id, Rectangle, SpaTypes};
use pipewire::stream::{StreamFlags, StreamListener, StreamRc, StreamState};
use tincan_media::video::{Resolution, VideoFrame};
use tincan_media::{MediaClock, MediaTime};

use crate::screen::ScreenError;
use crate::screen::pixels::{Order, PIXEL, Pixels};

/// What shows something has agreed on a form within this; the first picture of something that stands still may take longer.
const FORM_LIMIT: Duration = Duration::from_secs(10);
/// Longer sides than these no screen has.
const LARGEST: u32 = 16_384;

/// What the callbacks leave, for between them.
struct State {
    clock: MediaClock,
    form: Option<Form>,
    picture: Option<VideoFrame>,
    had_picture: bool,
    end: Option<ScreenError>,
}

/// How pixels come.
#[derive(Debug, Clone, Copy)]
struct Form {
    order: Order,
    size: Resolution,
}

/// What is captured, until it is dropped. Lives on one thread.
pub(super) struct Stream {
    state: Rc<RefCell<State>>,
    opened: Instant,
    main_loop: MainLoopRc,
    // These go in this order: who listens, what is listened to, and the way to it.
    _listener: StreamListener<()>,
    _core_listener: Listener,
    _stream: StreamRc,
    _core: CoreRc,
}

impl Stream {
    /// Connects to a node on the portal's own connection, for so many pictures a second at most.
    pub(super) fn open(
        remote: OwnedFd,
        node: u32,
        frames_per_second: u32,
        clock: MediaClock,
    ) -> Result<Self, ScreenError> {
        pipewire::init();
        let main_loop = MainLoopRc::new(None).map_err(lost)?;
        let context = ContextRc::new(&main_loop, None).map_err(lost)?;
        let core = context.connect_fd_rc(remote, None).map_err(lost)?;
        let state = State { clock, form: None, picture: None, had_picture: false, end: None };
        let state = Rc::new(RefCell::new(state));
        let core_listener = core.add_listener_local().error(on_core_error(&state)).register();
        let properties = properties! {
            *pipewire::keys::MEDIA_TYPE => "Video",
            *pipewire::keys::MEDIA_CATEGORY => "Capture",
            *pipewire::keys::MEDIA_ROLE => "Screen",
        };
        let stream = StreamRc::new(core.clone(), "tincan-screen", properties).map_err(lost)?;
        let (of_state, of_form, of_picture) = (Rc::clone(&state), Rc::clone(&state), Rc::clone(&state));
        let listener = stream
            .add_local_listener::<()>()
            .state_changed(move |_, (), old, new| of_state.borrow_mut().changed(&old, &new))
            .param_changed(move |stream, (), id, param| {
                let Some(form) = param.filter(|_| id == ParamType::Format.as_raw()) else { return };
                let understood = of_form.borrow_mut().take_form(form);
                if understood {
                    agree_on_buffers(stream);
                }
            })
            .process(move |stream, ()| {
                // Of several the newest one counts; each goes back when it is dropped.
                let mut newest = None;
                while let Some(mut buffer) = stream.dequeue_buffer() {
                    if has_content(&mut buffer) {
                        newest = Some(buffer);
                    }
                }
                if let Some(mut buffer) = newest {
                    of_picture.borrow_mut().take_picture(&mut buffer);
                }
            })
            .register()
            .map_err(lost)?;
        let wanted = bytes(wanted_forms(frames_per_second));
        // Never another node, when this one goes: that could be a camera.
        let flags = StreamFlags::AUTOCONNECT | StreamFlags::MAP_BUFFERS | StreamFlags::DONT_RECONNECT;
        stream.connect(Direction::Input, Some(node), flags, &mut [pod(&wanted)]).map_err(lost)?;
        Ok(Self {
            state,
            opened: Instant::now(),
            main_loop,
            _listener: listener,
            _core_listener: core_listener,
            _stream: stream,
            _core: core,
        })
    }

    /// Waits for something to happen, at most for so long.
    ///
    /// # Errors
    /// There will be no more pictures.
    pub(super) fn look(&mut self, wait: Duration) -> Result<(), ScreenError> {
        // A whole millisecond more: a part of one would be none.
        self.main_loop.loop_().iterate(Timeout::Finite(wait + Duration::from_millis(1)));
        let mut state = self.state.borrow_mut();
        if let Some(end) = state.end.take() {
            return Err(end);
        }
        if state.form.is_none() && self.opened.elapsed() > FORM_LIMIT {
            return Err(ScreenError::Lost { detail: "PipeWire gives no pictures of it".into() });
        }
        Ok(())
    }

    pub(super) fn has_picture(&self) -> bool {
        self.state.borrow().picture.is_some()
    }

    /// The newest picture that was not taken yet.
    pub(super) fn take_picture(&mut self) -> Option<VideoFrame> {
        self.state.borrow_mut().picture.take()
    }
}

fn on_core_error(state: &Rc<RefCell<State>>) -> impl Fn(u32, i32, i32, &str) + 'static {
    let state = Rc::clone(state);
    move |object, _, _, message| {
        // What goes wrong with other objects, they tell themselves.
        if object == PW_ID_CORE {
            state.borrow_mut().end = Some(ScreenError::Lost { detail: format!("PipeWire: {message}") });
        }
    }
}

impl State {
    fn changed(&mut self, old: &StreamState, new: &StreamState) {
        tracing::debug!(?old, ?new, "what is shared");
        let end = match new {
            StreamState::Error(detail) if !self.had_picture => {
                ScreenError::Lost { detail: format!("PipeWire: {detail}") }
            }
            // What showed it is gone: the window, the screen, or the desktop's leave.
            StreamState::Error(_) => ScreenError::EndedByDesktop,
            StreamState::Unconnected if *old != StreamState::Unconnected => ScreenError::EndedByDesktop,
            _ => return,
        };
        // That PipeWire is gone is told beside this, and says more.
        self.end.get_or_insert(end);
    }

    /// Whether it is one that we understand.
    fn take_form(&mut self, param: &Pod) -> bool {
        let mut info = VideoInfoRaw::new();
        if info.parse(param).is_err() {
            return false;
        }
        let order = match info.format() {
            VideoFormat::BGRx | VideoFormat::BGRA => Order::BlueFirst,
            VideoFormat::RGBx | VideoFormat::RGBA => Order::RedFirst,
            other => {
                self.end = Some(ScreenError::Unsupported { detail: format!("{other:?}") });
                return false;
            }
        };
        let size = Resolution::new(info.size().width, info.size().height);
        tracing::debug!(?order, ?size, rate = ?info.max_framerate(), "the form of what is shared");
        self.form = Some(Form { order, size });
        true
    }

    fn take_picture(&mut self, buffer: &mut Buffer<'_>) {
        let (Some(form), time) = (self.form, self.clock.at(Instant::now())) else { return };
        let frame = picture(buffer, form, time);
        if frame.is_none() {
            tracing::debug!(?form, "a picture was left out");
        }
        self.had_picture |= frame.is_some();
        self.picture = frame.or(self.picture.take());
    }
}

/// Whether there are pixels in it: some desktops also tell by it that only the pointer moved.
fn has_content(buffer: &mut Buffer<'_>) -> bool {
    buffer.datas_mut().first().is_some_and(|data| {
        let chunk = data.chunk();
        chunk.size() > 0 && !chunk.flags().contains(ChunkFlags::CORRUPTED)
    })
}

/// The part of a buffer that is to be seen.
fn picture(buffer: &mut Buffer<'_>, form: Form, time: MediaTime) -> Option<VideoFrame> {
    let crop = buffer.find_meta::<MetaVideoCrop>().map(MetaVideoCrop::meta_region);
    let crop = crop.filter(|crop| crop.is_valid()).map(|crop| (crop.position(), crop.size()));
    let data = buffer.datas_mut().first_mut()?;
    let (offset, stride) = (data.chunk().offset() as usize, data.chunk().stride());
    // Some leave the distance of rows out where there is none between them.
    let stride = if stride > 0 { stride as usize } else { form.size.width as usize * PIXEL };
    let (start, size) = crop.map_or(Some((0, form.size)), |(at, size)| {
        let size = Resolution::new(size.width, size.height);
        Some((inside(form.size, (at.x, at.y), size, stride)?, size))
    })?;
    let bytes = data.data()?.get(offset + start..)?;
    Pixels { bytes, stride, order: form.order, size }.picture(time)
}

/// Where a part begins, in bytes; `None` when it is not inside of the whole.
fn inside(whole: Resolution, at: (i32, i32), part: Resolution, stride: usize) -> Option<usize> {
    let (left, top) = (u32::try_from(at.0).ok()?, u32::try_from(at.1).ok()?);
    let fits = left.checked_add(part.width)? <= whole.width && top.checked_add(part.height)? <= whole.height;
    fits.then_some(top as usize * stride + left as usize * PIXEL)
}

/// What we can read.
fn wanted_forms(frames_per_second: u32) -> Value {
    let rate = Fraction { num: frames_per_second, denom: 1 };
    let side = |length| Rectangle { width: length, height: length };
    Value::Object(object! {
        SpaTypes::ObjectParamFormat,
        ParamType::EnumFormat,
        property!(FormatProperties::MediaType, Id, MediaType::Video),
        property!(FormatProperties::MediaSubtype, Id, MediaSubtype::Raw),
        property!(
            FormatProperties::VideoFormat, Choice, Enum, Id,
            VideoFormat::BGRx, VideoFormat::BGRx, VideoFormat::RGBx, VideoFormat::BGRA, VideoFormat::RGBA
        ),
        property!(
            FormatProperties::VideoSize, Choice, Range, Rectangle,
            Rectangle { width: 1_920, height: 1_080 }, side(1), side(LARGEST)
        ),
        // None (0) is what comes at changes only.
        property!(
            FormatProperties::VideoFramerate, Choice, Range, Fraction,
            rate, Fraction { num: 0, denom: 1 }, Fraction { num: 240, denom: 1 }
        ),
        property!(
            FormatProperties::VideoMaxFramerate, Choice, Range, Fraction,
            rate, Fraction { num: 1, denom: 1 }, rate
        ),
    })
}

/// Memory that we can read, and the word which part of it is to be seen.
fn agree_on_buffers(stream: &pipewire::stream::Stream) {
    let readable = (1 << sys::SPA_DATA_MemPtr) | (1 << sys::SPA_DATA_MemFd);
    let memory = Choice(ChoiceFlags::empty(), ChoiceEnum::Flags { default: readable, flags: vec![] });
    let buffers = param(
        SpaTypes::ObjectParamBuffers,
        ParamType::Buffers,
        [(sys::SPA_PARAM_BUFFERS_dataType, Value::Choice(ChoiceValue::Int(memory)))],
    );
    let crop = param(
        SpaTypes::ObjectParamMeta,
        ParamType::Meta,
        [
            (sys::SPA_PARAM_META_type, Value::Id(Id(sys::SPA_META_VideoCrop))),
            (sys::SPA_PARAM_META_size, Value::Int(size_of::<sys::spa_meta_region>() as i32)),
        ],
    );
    let (buffers, crop) = (bytes(buffers), bytes(crop));
    if let Err(error) = stream.update_params(&mut [pod(&buffers), pod(&crop)]) {
        tracing::warn!(%error, "PipeWire was not told what memory can be read");
    }
}

fn param<const N: usize>(of: SpaTypes, id: ParamType, properties: [(u32, Value); N]) -> Value {
    let property = |(key, value)| Property { key, flags: PropertyFlags::empty(), value };
    let properties = properties.into_iter().map(property).collect();
    Value::Object(Object { type_: of.as_raw(), id: id.as_raw(), properties })
}

fn bytes(value: Value) -> Vec<u8> {
    let (cursor, _) = PodSerializer::serialize(Cursor::new(Vec::new()), &value).expect("a vector takes it");
    cursor.into_inner()
}

fn pod(bytes: &[u8]) -> &Pod {
    Pod::from_bytes(bytes).expect("it was just made")
}

fn lost(error: pipewire::Error) -> ScreenError {
    ScreenError::Lost { detail: format!("PipeWire: {error}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_picture_begins_where_it_says_and_is_none_outside_of_it() {
        let (whole, part) = (Resolution::new(100, 50), Resolution::new(40, 20));
        assert_eq!(inside(whole, (0, 0), part, 400), Some(0));
        assert_eq!(inside(whole, (60, 30), part, 416), Some(30 * 416 + 240));
        for outside in [(61, 30), (60, 31), (-1, 0), (0, -1), (i32::MAX, 0)] {
            assert_eq!(inside(whole, outside, part, 400), None);
        }
        assert_eq!(inside(whole, (1, 0), Resolution::new(u32::MAX, 1), 400), None);
    }

    #[test]
    fn what_is_told_to_pipewire_is_well_formed() {
        for rate in [1, 15, 60] {
            let bytes = bytes(wanted_forms(rate));
            assert!(pod(&bytes).as_object().is_ok());
        }
    }
}
