//! A drawn screen that PipeWire carries, as a compositor's: a picture comes only when something changed.

use std::cell::RefCell;
use std::io::Cursor;
use std::path::Path;
use std::rc::Rc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pipewire::channel::{Receiver, Sender, channel};
use pipewire::context::ContextRc;
use pipewire::main_loop::MainLoopRc;
use pipewire::properties::properties;
use pipewire::spa::param::ParamType;
use pipewire::spa::param::format::{FormatProperties, MediaSubtype, MediaType};
use pipewire::spa::param::video::VideoFormat;
use pipewire::spa::pod::serialize::PodSerializer;
use pipewire::spa::pod::{Object, Pod, Property, PropertyFlags, Value, object, property};
use pipewire::spa::sys;
use pipewire::spa::utils::{Direction, Fraction, Rectangle, SpaTypes};
use pipewire::stream::{Stream, StreamFlags, StreamRc, StreamState};
use tincan_media::MediaTime;
use tincan_media::video::{Resolution, TextScreen, VideoFrame, text_screen};
use tokio::sync::watch;
use tokio::time::timeout;

use crate::process::PATIENCE;

/// Bytes a pixel.
const PIXEL: usize = 4;

/// How the screen's pixels come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Red before blue.
    pub red_first: bool,
    /// Bytes behind each row. Where there are none, the distance of the rows is not told, as some desktops do not.
    pub padding: u32,
}

impl Form {
    const FIRST: Self = Self { width: 1_920, height: 1_080, red_first: false, padding: 0 };

    fn row(self) -> usize {
        self.width as usize * PIXEL + self.padding as usize
    }

    fn format(self) -> VideoFormat {
        if self.red_first { VideoFormat::RGBA } else { VideoFormat::BGRx }
    }
}

enum Told {
    Change(Form),
    Stop,
}

/// The screen, on a thread of its own. It is gone when this is dropped.
pub(super) struct Source {
    tell: Sender<Told>,
    node: watch::Receiver<Option<u32>>,
    thread: Option<JoinHandle<()>>,
}

impl Source {
    /// Connects to the PipeWire behind this socket.
    pub(super) fn start(socket: &Path) -> Self {
        let (tell, told) = channel();
        let (say, node) = watch::channel(None);
        let socket = socket.to_string_lossy().into_owned();
        let thread = std::thread::spawn(move || run(&socket, told, say));
        Self { tell, node, thread: Some(thread) }
    }

    /// Its node, once PipeWire knows it.
    pub(super) async fn node(&self) -> u32 {
        let mut node = self.node.clone();
        let known =
            timeout(PATIENCE, node.wait_for(Option::is_some)).await.expect("PipeWire takes the screen");
        known.expect("the screen is there").expect("it is some")
    }

    pub(super) fn change(&self, form: Form) {
        assert!(self.tell.send(Told::Change(form)).is_ok(), "the screen is gone");
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        let _ = self.tell.send(Told::Stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What is drawn.
struct Drawn {
    form: Form,
    text: TextScreen,
    began: Instant,
    picture: Option<VideoFrame>,
    /// Nobody has it yet.
    owed: bool,
}

impl Drawn {
    fn new(form: Form) -> Self {
        let text = TextScreen::new(Resolution::new(form.width, form.height), false);
        Self { form, text, began: Instant::now(), picture: None, owed: true }
    }

    fn draw(&mut self) {
        let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
        if let Some(picture) = self.text.draw(self.began.elapsed(), MediaTime::ZERO, micros) {
            (self.picture, self.owed) = (Some(picture), true);
        }
    }

    /// Copies the picture into a buffer; it is grey, so that three colours are alike.
    fn copy(&self, buffer: &mut [u8]) {
        let Some(picture) = &self.picture else { return };
        let (y, _, _) = picture.planes();
        // It is even; an odd last column or row stays black.
        let width = picture.resolution().width as usize;
        for (row, line) in buffer.chunks_mut(self.form.row()).zip(y.chunks(width)) {
            for (pixel, &y) in row.chunks_exact_mut(PIXEL).zip(line) {
                let grey = (u32::from(y.saturating_sub(16)) * 255 / 219).min(255) as u8;
                pixel.copy_from_slice(&[grey, grey, grey, 0]);
            }
        }
    }
}

fn run(socket: &str, told: Receiver<Told>, say: watch::Sender<Option<u32>>) {
    pipewire::init();
    let main_loop = MainLoopRc::new(None).expect("a loop");
    let context = ContextRc::new(&main_loop, None).expect("a context");
    let core = context.connect_rc(Some(properties! { "remote.name" => socket })).expect("PipeWire is there");
    let properties = properties! {
        *pipewire::keys::NODE_NAME => "tincan-test-screen",
        *pipewire::keys::MEDIA_CLASS => "Video/Source",
    };
    let stream = StreamRc::new(core, "screen", properties).expect("a stream");
    let drawn = Rc::new(RefCell::new(Drawn::new(Form::FIRST)));
    let (of_state, of_form, of_picture) = (Rc::clone(&drawn), Rc::clone(&drawn), Rc::clone(&drawn));
    let _listener = stream
        .add_local_listener::<()>()
        .state_changed(move |stream, (), _, new| {
            if new == StreamState::Paused {
                say.send_replace(Some(stream.node_id()));
            }
            // Whoever begins to look sees what is there.
            of_state.borrow_mut().owed = true;
        })
        .param_changed(move |stream, (), id, param| {
            if id == ParamType::Format.as_raw() && param.is_some() {
                let form = of_form.borrow().form;
                let buffers = bytes(buffers(form));
                stream.update_params(&mut [pod(&buffers)]).expect("buffers");
            }
        })
        .process(move |stream, ()| give(stream, &of_picture.borrow()))
        .register()
        .expect("a listener");
    let form = bytes(form_of(Form::FIRST));
    stream
        .connect(Direction::Output, None, StreamFlags::DRIVER | StreamFlags::MAP_BUFFERS, &mut [pod(&form)])
        .expect("a screen");

    let (of_told, to_change, end) = (Rc::clone(&drawn), stream.clone(), main_loop.clone());
    let _told = told.attach(main_loop.loop_(), move |told| match told {
        Told::Stop => end.quit(),
        Told::Change(form) => {
            *of_told.borrow_mut() = Drawn::new(form);
            let form = bytes(form_of(form));
            to_change.update_params(&mut [pod(&form)]).expect("another form");
        }
    });
    let timer = main_loop.loop_().add_timer(move |_| {
        let is_looked_at = stream.state() == StreamState::Streaming;
        let owes = {
            let mut drawn = drawn.borrow_mut();
            drawn.draw();
            is_looked_at && std::mem::replace(&mut drawn.owed, !is_looked_at)
        };
        if owes {
            stream.trigger_process().expect("the stream runs");
        }
    });
    let step = Duration::from_secs(1) / text_screen::STEPS_PER_SECOND;
    timer.update_timer(Some(step), Some(step)).into_result().expect("a timer");
    main_loop.run();
}

fn give(stream: &Stream, drawn: &Drawn) {
    let Some(mut buffer) = stream.dequeue_buffer() else { return };
    let Some(data) = buffer.datas_mut().first_mut() else { return };
    let length = drawn.form.row() * drawn.form.height as usize;
    let told = if drawn.form.padding == 0 { 0 } else { drawn.form.row() as i32 };
    // One of the form before, which goes back empty.
    let fits = data.data().filter(|bytes| bytes.len() >= length).map(|bytes| drawn.copy(bytes)).is_some();
    let chunk = data.chunk_mut();
    *chunk.offset_mut() = 0;
    *chunk.stride_mut() = told;
    *chunk.size_mut() = if fits { length as u32 } else { 0 };
}

fn form_of(form: Form) -> Value {
    Value::Object(object! {
        SpaTypes::ObjectParamFormat,
        ParamType::EnumFormat,
        property!(FormatProperties::MediaType, Id, MediaType::Video),
        property!(FormatProperties::MediaSubtype, Id, MediaSubtype::Raw),
        property!(FormatProperties::VideoFormat, Id, form.format()),
        property!(
            FormatProperties::VideoSize, Rectangle, Rectangle { width: form.width, height: form.height }
        ),
        property!(FormatProperties::VideoFramerate, Fraction, Fraction { num: 0, denom: 1 }),
        property!(
            FormatProperties::VideoMaxFramerate, Choice, Range, Fraction,
            Fraction { num: 60, denom: 1 }, Fraction { num: 1, denom: 1 }, Fraction { num: 60, denom: 1 }
        ),
    })
}

fn buffers(form: Form) -> Value {
    let property = |(key, value)| Property { key, flags: PropertyFlags::empty(), value: Value::Int(value) };
    let (row, rows) = (form.row() as i32, form.height as i32);
    let properties = [
        (sys::SPA_PARAM_BUFFERS_buffers, 4),
        (sys::SPA_PARAM_BUFFERS_blocks, 1),
        (sys::SPA_PARAM_BUFFERS_size, row * rows),
        (sys::SPA_PARAM_BUFFERS_stride, row),
    ];
    Value::Object(Object {
        type_: SpaTypes::ObjectParamBuffers.as_raw(),
        id: ParamType::Buffers.as_raw(),
        properties: properties.into_iter().map(property).collect(),
    })
}

fn bytes(value: Value) -> Vec<u8> {
    let (cursor, _) = PodSerializer::serialize(Cursor::new(Vec::new()), &value).expect("a vector takes it");
    cursor.into_inner()
}

fn pod(bytes: &[u8]) -> &Pod {
    Pod::from_bytes(bytes).expect("it was just made")
}
