/* A camera for machines without one: loaded into a program by LD_PRELOAD, it answers what the program asks of
 * /dev/video0 as a driver would. There is no kernel module to do so wherever tests run.
 *
 * The folder in TINCAN_V4L2 says what the camera is and does:
 *   dev/video0     is there while the camera is plugged in (the program sees this folder in place of /dev)
 *   state          one word: plugged, unplugged, busy, denied, or silent, which stops the pictures without an error
 *                  until the stream is started anew
 *   formats        what it offers, one a line: FOURCC WIDTH HEIGHT FRAMES_PER_SECOND STRIDE FILE; a camera whose first
 *                  one is NM12 gives all its pictures in two buffers, as the interface for several planes has it
 *   FILE           its pictures, in a loop, each behind its length (32 bits, of this machine's byte order)
 *   late           for how many milliseconds the driver keeps a picture after it was taken, if it is there
 *   crowded        if it is there, the USB connection has room for JPEGs only
 *   loops          a pipe, if somebody reads it: a byte each time the loop begins
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/videodev2.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define FILES 1024
#define OFFERS 16
#define BUFFERS 8
#define PLANES 2
#define PICTURES 1024
#define DEVICE "/dev/video0"

struct offer {
    uint32_t fourcc, width, height, rate, stride;
    char file[64];
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char is_ours[FILES];
static struct offer offers[OFFERS];
static int offer_count;
static struct offer current;
/* One program streams at a time: the file that asked for buffers, which the others share only to ask questions. */
static int owner = -1, streaming;
static void *buffers[BUFFERS * PLANES];
static struct timespec started;
static long late;
static uint32_t buffer_count, queue[BUFFERS], queued, picture_number;
static const char *pictures[PICTURES];
static uint32_t picture_count, longest;

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static const char *path_of(const char *name, char *path) {
    const char *folder = getenv("TINCAN_V4L2");
    snprintf(path, 512, "%s/%s", folder ? folder : "", name);
    return path;
}

static int state_is(const char *wanted) {
    char path[512], word[16] = "";
    FILE *file = fopen(path_of("state", path), "r");
    if (file) {
        if (fscanf(file, "%15s", word) != 1) word[0] = 0;
        fclose(file);
    }
    return strcmp(word, wanted) == 0;
}

static void read_offers(void) {
    char path[512], code[5];
    FILE *file = fopen(path_of("formats", path), "r");
    if (!file) return;
    offer_count = 0;
    struct offer one;
    while (offer_count < OFFERS &&
           fscanf(file, "%4s %u %u %u %u %63s", code, &one.width, &one.height, &one.rate, &one.stride, one.file) == 6) {
        one.fourcc = v4l2_fourcc(code[0], code[1], code[2], code[3]);
        offers[offer_count++] = one;
    }
    fclose(file);
    if (!current.fourcc && offer_count) current = offers[0];
}

/* The pictures of the current format; they stay mapped, because a program opens few cameras. */
static void read_pictures(void) {
    char path[512];
    struct stat size;
    int file = REAL(open)(path_of(current.file, path), O_RDONLY);
    picture_count = longest = picture_number = 0;
    if (file < 0 || fstat(file, &size) < 0) return;
    const char *at = mmap(NULL, size.st_size, PROT_READ, MAP_PRIVATE, file, 0), *end = at + size.st_size;
    close(file);
    if (at == MAP_FAILED) return;
    while (at + 4 < end && picture_count < PICTURES) {
        uint32_t length;
        memcpy(&length, at, 4);
        pictures[picture_count++] = at;
        longest = length > longest ? length : longest;
        at += 4 + length;
    }
}

static uint32_t buffer_size(void) {
    return (longest + 4095) & ~4095u;
}

/* How many buffers a picture lies in. */
static uint32_t planes(void) {
    return offer_count && offers[0].fourcc == V4L2_PIX_FMT_NV12M ? 2 : 1;
}

/* V4L2's name for that. */
static uint32_t buffer_type(void) {
    return planes() == 1 ? V4L2_BUF_TYPE_VIDEO_CAPTURE : V4L2_BUF_TYPE_VIDEO_CAPTURE_MPLANE;
}

static int is_there(const char *name) {
    char path[512];
    return access(path_of(name, path), F_OK) == 0;
}

static void read_lateness(void) {
    char path[512];
    FILE *file = fopen(path_of("late", path), "r");
    late = 0;
    if (!file) return;
    if (fscanf(file, "%ld", &late) != 1) late = 0;
    fclose(file);
}

static void stop(int fd) {
    struct itimerspec never = {0};
    timerfd_settime(fd, 0, &never, NULL);
    streaming = 0;
    queued = 0;
}

static void start(int fd) {
    long period = 1000000000L / (current.rate ? current.rate : 1);
    struct timespec every = {period / 1000000000L, period % 1000000000L};
    struct itimerspec timer = {every, every};
    read_lateness();
    clock_gettime(CLOCK_MONOTONIC, &started);
    timerfd_settime(fd, 0, &timer, NULL);
    streaming = 1;
}

static int fail(int error) {
    errno = error;
    return -1;
}

static void describe(struct v4l2_pix_format *pix) {
    pix->width = current.width;
    pix->height = current.height;
    pix->pixelformat = current.fourcc;
    pix->field = V4L2_FIELD_NONE;
    pix->bytesperline = current.stride;
    pix->sizeimage = buffer_size();
    pix->colorspace = V4L2_COLORSPACE_SRGB;
}

static void describe_planes(struct v4l2_pix_format_mplane *pix) {
    memset(pix, 0, sizeof *pix);
    pix->width = current.width;
    pix->height = current.height;
    pix->pixelformat = current.fourcc;
    pix->field = V4L2_FIELD_NONE;
    pix->colorspace = V4L2_COLORSPACE_SRGB;
    pix->num_planes = planes();
    for (uint32_t plane = 0; plane < planes(); plane++) {
        pix->plane_fmt[plane].bytesperline = current.stride;
        pix->plane_fmt[plane].sizeimage = buffer_size();
    }
}

/* What comes nearest, as drivers do: the pixel format if it is offered, and the size of most like area. */
static void choose(const struct v4l2_pix_format *pix) {
    int64_t best = INT64_MAX, wanted = (int64_t)pix->width * pix->height;
    for (int i = 0; i < offer_count; i++) {
        int64_t area = (int64_t)offers[i].width * offers[i].height;
        int64_t distance = area > wanted ? area - wanted : wanted - area;
        if (offers[i].fourcc != pix->pixelformat) distance += INT64_MAX / 2;
        if (distance < best) best = distance, current = offers[i];
    }
}

static void tell_of_loop(void) {
    char path[512];
    int pipe = REAL(open)(path_of("loops", path), O_WRONLY | O_NONBLOCK);
    if (pipe < 0) return;
    if (write(pipe, "", 1) != 1) perror(path);
    close(pipe);
}

static int dequeue(int fd, struct v4l2_buffer *buffer) {
    uint64_t periods;
    if (!streaming) return fail(EINVAL);
    if (!queued || read(fd, &periods, sizeof periods) != sizeof periods) return fail(EAGAIN);
    if ((picture_number + periods) / picture_count > picture_number / picture_count) tell_of_loop();
    /* Whoever comes late has missed pictures. */
    picture_number += periods;
    const char *picture = pictures[picture_number % picture_count];
    uint32_t index = queue[0], length;
    memmove(queue, queue + 1, --queued * sizeof *queue);
    memcpy(&length, picture, 4);
    buffer->index = index;
    if (planes() == 1) {
        memcpy(buffers[index], picture + 4, length);
        buffer->bytesused = length;
    } else {
        /* Luma has two thirds of NV12. The second plane begins a little behind its buffer's start, as it may. */
        uint32_t luma = length / 3 * 2, ahead = 64;
        memcpy(buffers[index * PLANES], picture + 4, luma);
        memcpy((char *)buffers[index * PLANES + 1] + ahead, picture + 4 + luma, length - luma);
        buffer->m.planes[0].bytesused = luma;
        buffer->m.planes[0].data_offset = 0;
        buffer->m.planes[1].bytesused = length - luma + ahead;
        buffer->m.planes[1].data_offset = ahead;
    }
    /* When the timer ran out, less the time that the picture waited after it was taken. */
    int64_t taken = started.tv_sec * 1000000000LL + started.tv_nsec - late * 1000000LL +
                    (int64_t)picture_number * 1000000000LL / (current.rate ? current.rate : 1);
    buffer->timestamp.tv_sec = taken / 1000000000LL;
    buffer->timestamp.tv_usec = taken % 1000000000LL / 1000;
    buffer->flags = V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
    buffer->sequence = picture_number;
    buffer->field = V4L2_FIELD_NONE;
    if (state_is("silent")) {
        struct itimerspec never = {0};
        timerfd_settime(fd, 0, &never, NULL);
    }
    return 0;
}

static int answer(int fd, unsigned long request, void *argument) {
    if (state_is("unplugged")) return fail(ENODEV);
    int taken = state_is("busy") || (owner >= 0 && owner != fd);
    switch (request) {
    case VIDIOC_QUERYCAP: {
        struct v4l2_capability *caps = argument;
        memset(caps, 0, sizeof *caps);
        strcpy((char *)caps->driver, "shim");
        strcpy((char *)caps->card, "Test camera");
        strcpy((char *)caps->bus_info, "usb-0000:00:14.0-1");
        caps->device_caps =
            (planes() == 1 ? V4L2_CAP_VIDEO_CAPTURE : V4L2_CAP_VIDEO_CAPTURE_MPLANE) | V4L2_CAP_STREAMING;
        caps->capabilities = caps->device_caps | V4L2_CAP_DEVICE_CAPS;
        return 0;
    }
    case VIDIOC_ENUM_FMT: {
        struct v4l2_fmtdesc *format = argument;
        uint32_t index = 0;
        if (format->type != buffer_type()) return fail(EINVAL);
        for (int i = 0; i < offer_count; i++) {
            int first = 1;
            for (int j = 0; j < i; j++) first &= offers[j].fourcc != offers[i].fourcc;
            if (first && index++ == format->index) {
                format->pixelformat = offers[i].fourcc;
                format->flags = offers[i].fourcc == V4L2_PIX_FMT_MJPEG ? V4L2_FMT_FLAG_COMPRESSED : 0;
                snprintf((char *)format->description, sizeof format->description, "format %u", index);
                return 0;
            }
        }
        return fail(EINVAL);
    }
    case VIDIOC_ENUM_FRAMESIZES: {
        struct v4l2_frmsizeenum *size = argument;
        uint32_t index = 0;
        for (int i = 0; i < offer_count; i++)
            if (offers[i].fourcc == size->pixel_format && index++ == size->index) {
                size->type = V4L2_FRMSIZE_TYPE_DISCRETE;
                size->discrete.width = offers[i].width;
                size->discrete.height = offers[i].height;
                return 0;
            }
        return fail(EINVAL);
    }
    case VIDIOC_ENUM_FRAMEINTERVALS: {
        struct v4l2_frmivalenum *interval = argument;
        for (int i = 0; i < offer_count && interval->index == 0; i++)
            if (offers[i].fourcc == interval->pixel_format && offers[i].width == interval->width &&
                offers[i].height == interval->height) {
                interval->type = V4L2_FRMIVAL_TYPE_DISCRETE;
                interval->discrete.numerator = 1;
                interval->discrete.denominator = offers[i].rate;
                return 0;
            }
        return fail(EINVAL);
    }
    case VIDIOC_S_FMT: {
        struct v4l2_format *format = argument;
        struct v4l2_pix_format wanted = format->fmt.pix;
        if (format->type != buffer_type()) return fail(EINVAL);
        /* No other format while buffers are there, as in the kernel. */
        if (taken || buffer_count) return fail(EBUSY);
        if (planes() > 1) {
            wanted.width = format->fmt.pix_mp.width;
            wanted.height = format->fmt.pix_mp.height;
            wanted.pixelformat = format->fmt.pix_mp.pixelformat;
        }
        choose(&wanted);
        read_pictures();
    }
        /* fall through */
    case VIDIOC_G_FMT:
        if (planes() == 1)
            describe(&((struct v4l2_format *)argument)->fmt.pix);
        else
            describe_planes(&((struct v4l2_format *)argument)->fmt.pix_mp);
        return 0;
    case VIDIOC_S_PARM:
        if (taken || buffer_count) return fail(EBUSY);
        /* fall through */
    case VIDIOC_G_PARM: {
        struct v4l2_captureparm *capture = &((struct v4l2_streamparm *)argument)->parm.capture;
        capture->capability = V4L2_CAP_TIMEPERFRAME;
        capture->timeperframe.numerator = 1;
        capture->timeperframe.denominator = current.rate;
        return 0;
    }
    case VIDIOC_REQBUFS: {
        struct v4l2_requestbuffers *wanted = argument;
        if (taken) return fail(EBUSY);
        if (streaming) stop(fd);
        if (!picture_count) read_pictures();
        if (!picture_count && wanted->count) return fail(EINVAL);
        if (wanted->count > BUFFERS) wanted->count = BUFFERS;
        buffer_count = wanted->count;
        owner = buffer_count ? fd : -1;
        return 0;
    }
    case VIDIOC_QUERYBUF: {
        struct v4l2_buffer *buffer = argument;
        if (buffer->index >= buffer_count || buffer->type != buffer_type()) return fail(EINVAL);
        if (planes() == 1) {
            buffer->length = buffer_size();
            buffer->m.offset = buffer->index * buffer_size();
        } else {
            for (uint32_t plane = 0; plane < PLANES; plane++) {
                buffer->m.planes[plane].length = buffer_size();
                buffer->m.planes[plane].m.mem_offset = (buffer->index * PLANES + plane) * buffer_size();
            }
        }
        return 0;
    }
    case VIDIOC_QBUF: {
        struct v4l2_buffer *buffer = argument;
        if (buffer->index >= buffer_count || queued >= BUFFERS) return fail(EINVAL);
        queue[queued++] = buffer->index;
        return 0;
    }
    case VIDIOC_DQBUF:
        return dequeue(fd, argument);
    case VIDIOC_STREAMON:
        if (taken) return fail(EBUSY);
        if (current.fourcc != V4L2_PIX_FMT_MJPEG && is_there("crowded")) return fail(ENOSPC);
        start(fd);
        return 0;
    case VIDIOC_STREAMOFF:
        if (owner == fd) stop(fd);
        return 0;
    default:
        return fail(ENOTTY);
    }
}

static int ours(int fd) {
    return fd >= 0 && fd < FILES && is_ours[fd];
}

static int open_camera(void) {
    if (state_is("unplugged")) return fail(ENOENT);
    if (state_is("denied")) return fail(EACCES);
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0 || fd >= FILES) return fail(EMFILE);
    pthread_mutex_lock(&lock);
    read_offers();
    is_ours[fd] = 1;
    pthread_mutex_unlock(&lock);
    return fd;
}

#define OPEN(name)                                         \
    int name(const char *path, int flags, ...) {           \
        va_list rest;                                      \
        va_start(rest, flags);                             \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                      \
        if (strcmp(path, DEVICE) == 0) return open_camera(); \
        return REAL(name)(path, flags, mode);              \
    }
OPEN(open)
OPEN(open64)

DIR *opendir(const char *path) {
    char ours[512];
    return REAL(opendir)(strcmp(path, "/dev") == 0 ? path_of("dev", ours) : path);
}

int close(int fd) {
    if (ours(fd)) {
        pthread_mutex_lock(&lock);
        is_ours[fd] = 0;
        if (owner == fd) {
            stop(fd);
            owner = -1;
            buffer_count = 0;
        }
        pthread_mutex_unlock(&lock);
    }
    return REAL(close)(fd);
}

long syscall(long number, ...) {
    static long (*real)(long, ...);
    va_list rest;
    va_start(rest, number);
    long a = va_arg(rest, long), b = va_arg(rest, long), c = va_arg(rest, long);
    long d = va_arg(rest, long), e = va_arg(rest, long), f = va_arg(rest, long);
    va_end(rest);
    if (number == SYS_ioctl && ours((int)a)) {
        pthread_mutex_lock(&lock);
        /* The kernel's own numbers are 32 bits wide. */
        int result = answer((int)a, (uint32_t)b, (void *)c);
        pthread_mutex_unlock(&lock);
        return result;
    }
    if (!real) real = REAL(syscall);
    return real(number, a, b, c, d, e, f);
}

/* A buffer is memory of our own; unmapping it works as for any other. */
#define MMAP(name)                                                                             \
    void *name(void *address, size_t length, int protection, int flags, int fd, off_t offset) { \
        static __typeof__(&name) real;                                                         \
        if (!real) real = REAL(name);                                                          \
        if (!ours(fd)) return real(address, length, protection, flags, fd, offset);            \
        void *memory = real(NULL, length, protection, MAP_SHARED | MAP_ANONYMOUS, -1, 0);      \
        size_t index = buffer_size() ? offset / buffer_size() : BUFFERS * PLANES;              \
        if (index >= BUFFERS * PLANES) return errno = EINVAL, MAP_FAILED;                               \
        return buffers[index] = memory;                                                        \
    }
MMAP(mmap)
MMAP(mmap64)
