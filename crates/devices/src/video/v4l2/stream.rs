//! A running V4L2 camera: buffers that the driver fills, mapped into our memory.

use std::io;
use std::os::raw::c_void;
use std::sync::Arc;
use std::time::{Duration, Instant};

use v4l::v4l_sys::{
    V4L2_BUF_FLAG_ERROR, V4L2_BUF_FLAG_TIMESTAMP_MASK, V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC, v4l2_buffer,
    v4l2_plane, v4l2_requestbuffers,
};
use v4l::v4l2::vidioc;

use super::node::{BufferKind, Node};

/// What the driver fills while we convert: at 30 a second a delay of 100 ms loses nothing.
const BUFFERS: u32 = 4;
/// Memory that the driver owns and we map.
const MEMORY_MMAP: u32 = 1;
/// No picture yet, although the driver said so.
const EAGAIN: i32 = 11;
/// Interrupted by a signal.
const EINTR: i32 = 4;
/// How many planes a buffer may have in V4L2.
const MAX_PLANES: usize = 8;

/// One buffer in our memory.
struct Mapping {
    start: *mut c_void,
    length: usize,
}

impl Mapping {
    const fn bytes(&self) -> &[u8] {
        // SAFETY: mapped for as long as `self` lives, `length` bytes of it; the driver writes to a buffer only while it
        // is queued, and nobody asks for the bytes of one that is.
        unsafe { std::slice::from_raw_parts(self.start.cast::<u8>(), self.length) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `Stream::map`, and not used after this.
        let _ = unsafe { v4l::v4l2::munmap(self.start, self.length) };
    }
}

/// A picture in its buffers.
pub(super) struct Filled<'a> {
    /// One for each buffer.
    pub(super) planes: Vec<&'a [u8]>,
    /// The driver itself says that something is missing.
    pub(super) damaged: bool,
    /// When it was taken, on the system's monotonic clock.
    pub(super) stamp: Option<Duration>,
}

/// What the driver says of a buffer that it has filled.
struct Dequeued {
    index: usize,
    /// Where the picture begins and ends in each plane.
    used: [(usize, usize); MAX_PLANES],
    damaged: bool,
    stamp: Option<Duration>,
}

/// The running camera; dropping it stops it.
pub(super) struct Stream {
    node: Arc<Node>,
    kind: BufferKind,
    /// Buffers, each of so many planes.
    buffers: Vec<Vec<Mapping>>,
    planes: usize,
    /// The buffer that is ours now.
    held: Option<usize>,
}

impl Stream {
    /// Starts a camera whose format is set.
    pub(super) fn start(node: &Arc<Node>, kind: BufferKind, planes: usize) -> io::Result<Self> {
        let mut stream = Self { node: Arc::clone(node), kind, buffers: Vec::new(), planes, held: None };
        let count = stream.request(BUFFERS)?;
        if count == 0 {
            return Err(io::Error::other("the driver has no buffers"));
        }
        for index in 0..count {
            let mapped = stream.map(index)?;
            stream.buffers.push(mapped);
        }
        for index in 0..stream.buffers.len() {
            stream.queue(index)?;
        }
        let mut number = kind.number();
        // SAFETY: this request takes the kind of buffers, an `int`.
        unsafe { stream.node.ask(vidioc::VIDIOC_STREAMON, &mut number)? };
        Ok(stream)
    }

    /// Asks for buffers, or with zero gives them back; returns how many there are.
    fn request(&self, count: u32) -> io::Result<u32> {
        // SAFETY: a plain C structure, of which zeros are a value; the one that this request takes.
        unsafe {
            let mut request: v4l2_requestbuffers = std::mem::zeroed();
            (request.count, request.type_, request.memory) = (count, self.kind.number(), MEMORY_MMAP);
            self.node.ask(vidioc::VIDIOC_REQBUFS, &mut request)?;
            Ok(request.count)
        }
    }

    /// Asks the driver with a description of buffer `index`, and gives what it made of it to `read`.
    fn with_buffer<T>(
        &self,
        request: vidioc::_IOC_TYPE,
        index: u32,
        read: impl FnOnce(&v4l2_buffer, &[v4l2_plane; MAX_PLANES]) -> T,
    ) -> io::Result<T> {
        // SAFETY: plain C structures, of which zeros are a value; the ones that these requests take. `planes` outlives
        // the request, and its length is told.
        unsafe {
            let mut planes: [v4l2_plane; MAX_PLANES] = std::mem::zeroed();
            let mut buffer: v4l2_buffer = std::mem::zeroed();
            (buffer.index, buffer.type_, buffer.memory) = (index, self.kind.number(), MEMORY_MMAP);
            if self.kind == BufferKind::Multi {
                buffer.length = self.planes as u32;
                buffer.m.planes = planes.as_mut_ptr();
            }
            self.node.ask(request, &mut buffer)?;
            Ok(read(&buffer, &planes))
        }
    }

    fn map(&self, index: u32) -> io::Result<Vec<Mapping>> {
        let kind = self.kind;
        let places = self.with_buffer(vidioc::VIDIOC_QUERYBUF, index, |buffer, planes| {
            // SAFETY: of the union, the kind of buffer and of memory makes the offset valid.
            unsafe {
                match kind {
                    BufferKind::Single => vec![(buffer.m.offset, buffer.length)],
                    BufferKind::Multi => {
                        planes.iter().map(|plane| (plane.m.mem_offset, plane.length)).collect::<Vec<_>>()
                    }
                }
            }
        })?;
        let mut mapped = Vec::with_capacity(self.planes);
        for (offset, length) in places.into_iter().take(self.planes) {
            let length = length as usize;
            // SAFETY: a new mapping of the driver's own memory, at a place that the system chooses.
            let start = unsafe {
                v4l::v4l2::mmap(
                    std::ptr::null_mut(),
                    length,
                    libc::PROT_READ | libc::PROT_WRITE,
                    libc::MAP_SHARED,
                    self.node.device.handle().fd(),
                    libc::off_t::from(offset),
                )?
            };
            mapped.push(Mapping { start, length });
        }
        Ok(mapped)
    }

    fn queue(&self, index: usize) -> io::Result<()> {
        self.with_buffer(vidioc::VIDIOC_QBUF, index as u32, |_, _| ())
    }

    /// The picture that is newest, when one comes within `patience`: whoever was late shows what is, not what was.
    pub(super) fn next(&mut self, patience: Duration) -> io::Result<Filled<'_>> {
        if let Some(held) = self.held.take() {
            self.queue(held)?;
        }
        let until = Instant::now() + patience;
        let mut newest = loop {
            self.wait(until)?;
            match self.dequeue() {
                Ok(dequeued) => break dequeued,
                Err(error) if error.raw_os_error() == Some(EAGAIN) => {
                    // A driver that always says so must not take a core.
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err(error) => return Err(error),
            }
        };
        for _ in 1..self.buffers.len() {
            if self.node.device.handle().poll(libc::POLLIN, 0).unwrap_or(0) == 0 {
                break;
            }
            let Ok(newer) = self.dequeue() else { break };
            let older = if newer.damaged { newer.index } else { std::mem::replace(&mut newest, newer).index };
            self.queue(older)?;
        }
        self.held = Some(newest.index);
        let planes = self.buffers[newest.index].iter().zip(newest.used);
        Ok(Filled {
            planes: planes
                .map(|(mapping, (from, to))| mapping.bytes().get(from..to).unwrap_or(&[]))
                .collect(),
            damaged: newest.damaged,
            stamp: newest.stamp,
        })
    }

    fn wait(&self, until: Instant) -> io::Result<()> {
        loop {
            let left = until.saturating_duration_since(Instant::now());
            // At least a millisecond, or the last one would be spent in asking.
            let left = i32::try_from(left.as_millis()).unwrap_or(i32::MAX).max(1);
            match self.node.device.handle().poll(libc::POLLIN, left) {
                Ok(0) => {}
                Ok(_) => return Ok(()),
                Err(error) if error.raw_os_error() == Some(EINTR) => {}
                Err(error) => return Err(error),
            }
            if Instant::now() >= until {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }

    fn dequeue(&self) -> io::Result<Dequeued> {
        let kind = self.kind;
        let dequeued = self.with_buffer(vidioc::VIDIOC_DQBUF, 0, |buffer, planes| {
            // A driver that says nothing has filled the buffer: to the end, which no reading goes beyond.
            let all = |used: u32| if used == 0 { usize::MAX } else { used as usize };
            let used = match kind {
                BufferKind::Single => {
                    let mut used = [(0, 0); MAX_PLANES];
                    used[0] = (0, all(buffer.bytesused));
                    used
                }
                BufferKind::Multi => planes.map(|plane| (plane.data_offset as usize, all(plane.bytesused))),
            };
            let monotonic = buffer.flags & V4L2_BUF_FLAG_TIMESTAMP_MASK == V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
            let (seconds, micros) = (buffer.timestamp.tv_sec, buffer.timestamp.tv_usec);
            let stamp = u64::try_from(seconds).ok().zip(u64::try_from(micros).ok());
            Dequeued {
                index: buffer.index as usize,
                used,
                damaged: buffer.flags & V4L2_BUF_FLAG_ERROR != 0,
                stamp: stamp
                    .filter(|_| monotonic)
                    .map(|(seconds, micros)| Duration::from_secs(seconds) + Duration::from_micros(micros)),
            }
        })?;
        let Some(buffer) = self.buffers.get(dequeued.index) else {
            return Err(io::Error::other("the driver filled a buffer that there is not"));
        };
        let mut dequeued = dequeued;
        for ((from, to), mapping) in dequeued.used.iter_mut().zip(buffer) {
            *to = (*to).min(mapping.length);
            *from = (*from).min(*to);
        }
        Ok(dequeued)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut kind = self.kind.number();
        // An error means that the device is gone, or that it did not run.
        // SAFETY: this request takes the kind of buffers, an `int`.
        let _ = unsafe { self.node.ask(vidioc::VIDIOC_STREAMOFF, &mut kind) };
        // The driver frees its buffers when nothing maps them any more.
        self.buffers = Vec::new();
        let _ = self.request(0);
    }
}
