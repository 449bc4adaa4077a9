//! Pixels out of the server: through memory that both have, or through the socket where there is none.

use std::os::fd::AsRawFd as _;
use std::ptr;

use tincan_media::MediaTime;
use tincan_media::video::{Resolution, VideoFrame};
use x11rb::connection::{Connection as _, RequestConnection as _};
use x11rb::errors::{ReplyError, ReplyOrIdError};
use x11rb::protocol::shm::{self, ConnectionExt as _, Seg};
use x11rb::protocol::xproto::{ConnectionExt as _, Drawable, ImageFormat};
use x11rb::rust_connection::RustConnection;

use crate::screen::pixels::{Order, PIXEL, Pixels};

/// Where in a drawable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Area {
    pub(super) left: i16,
    pub(super) top: i16,
    pub(super) size: Resolution,
}

/// Memory that the server writes into.
struct Shared {
    segment: Seg,
    start: *mut libc::c_void,
    length: usize,
}

/// Takes pictures of drawables.
pub(super) struct Grabber<'a> {
    connection: &'a RustConnection,
    has_shared: bool,
    shared: Option<Shared>,
    /// What came through the socket.
    copied: Vec<u8>,
}

impl<'a> Grabber<'a> {
    pub(super) fn new(connection: &'a RustConnection) -> Self {
        // From 1.2 on the server makes the memory; older ones are as old as the ten years since.
        let version = || -> Result<bool, ReplyError> {
            if connection.extension_information(shm::X11_EXTENSION_NAME)?.is_none() {
                return Ok(false);
            }
            let version = connection.shm_query_version()?.reply()?;
            Ok((version.major_version, version.minor_version) >= (1, 2))
        };
        Self { connection, has_shared: version().unwrap_or(false), shared: None, copied: Vec::new() }
    }

    /// The pixels of `area`, in rows without padding, until the next call.
    pub(super) fn grab(&mut self, drawable: Drawable, area: Area) -> Result<&mut [u8], ReplyError> {
        let Area { left, top, size } = area;
        let (width, height) = (size.width as u16, size.height as u16);
        let length = size.width as usize * size.height as usize * PIXEL;
        if self.has_shared && self.shared.as_ref().is_none_or(|shared| shared.length < length) {
            self.let_go();
            match self.share(length) {
                Ok(shared) => self.shared = Some(shared),
                // A server on another computer has no memory in common with this one.
                Err(error) => {
                    tracing::info!(%error, "pixels come through the socket");
                    self.has_shared = false;
                }
            }
        }
        if let Some(shared) = &self.shared {
            let format = ImageFormat::Z_PIXMAP.into();
            let asked = self.connection.shm_get_image(
                drawable,
                left,
                top,
                width,
                height,
                !0,
                format,
                shared.segment,
                0,
            )?;
            asked.reply()?;
            // SAFETY: mapped for as long as `shared` lives, at least `length` bytes of it; the server writes there only
            // between a request and its reply, and none is under way.
            return Ok(unsafe { std::slice::from_raw_parts_mut(shared.start.cast::<u8>(), length) });
        }
        let asked =
            self.connection.get_image(ImageFormat::Z_PIXMAP, drawable, left, top, width, height, !0)?;
        self.copied = asked.reply()?.data;
        self.copied.resize(length, 0);
        Ok(&mut self.copied)
    }

    fn share(&self, length: usize) -> Result<Shared, ReplyOrIdError> {
        let segment = self.connection.generate_id()?;
        let size = u32::try_from(length).unwrap_or(u32::MAX);
        let reply = self.connection.shm_create_segment(segment, size, false)?.reply()?;
        // SAFETY: a new mapping of a file of this length that the server made for us; it is checked before it is used.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                length,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                reply.shm_fd.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            let _ = self.connection.shm_detach(segment);
            return Err(ReplyOrIdError::ConnectionError(std::io::Error::last_os_error().into()));
        }
        Ok(Shared { segment, start, length })
    }

    fn let_go(&mut self) {
        if let Some(Shared { segment, start, length }) = self.shared.take() {
            let _ = self.connection.shm_detach(segment);
            // SAFETY: mapped by `share`, and not used after this.
            unsafe { libc::munmap(start, length) };
        }
    }
}

impl Drop for Grabber<'_> {
    fn drop(&mut self) {
        self.let_go();
    }
}

/// Pixels as a picture.
pub(super) fn picture(bytes: &[u8], size: Resolution, time: MediaTime) -> VideoFrame {
    let pixels = Pixels { bytes, stride: size.width as usize * PIXEL, order: Order::BlueFirst, size };
    // What is smaller than two by two is neither listed nor captured.
    pixels.picture(time).unwrap_or_else(|| VideoFrame::black(time, Resolution::new(2, 2)))
}
