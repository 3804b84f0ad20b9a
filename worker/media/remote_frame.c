/* SPDX-License-Identifier: Apache-2.0
 *
 * Pictures in shared memory: slots that the child writes and this process reads. 8-bit pictures are
 * used where they lie. Those of 10 bit are copied and masked: tables further on count on samples
 * below 1024, and the child could write others at any time.
 */
#include "common/mem.h"
#include "worker/media/remote_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define SIDE_MAX  32768
#define ALIGN     64
#define PAGE      65536 /* a multiple of every machine's */
#define TAIL      128   /* bytes behind the last plane that SIMD code may read */
#define COPY_SLOT 0     /* what is copied at once goes through it, also when no other is free */
#define SEALS     (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define MASK10    0x03ff03ff03ff03ffull

struct remote_slots {
    struct remote_layout layout;
    uint8_t *base; /* owned mapping, read-only */
    pthread_mutex_t lock;
    bool taken[REMOTE_SLOTS]; /* under lock */
    int users;                /* under lock: who opened it, and every frame of it */
};

struct lent { /* a slot within a frame */
    struct remote_slots *slots;
    int slot;
};

int remote_layout(struct remote_layout *out, int width, int height, int bit_depth, struct err *err)
{
    size_t at = 0;

    if (width < 2 || height < 2 || width > SIDE_MAX || height > SIDE_MAX)
        return err_set(err, ERR_INPUT, "pictures of %dx%d", width, height);
    *out = (struct remote_layout){ width, height, bit_depth, .slot_bytes = 0 };
    for (int i = 0; i < 3; i++) {
        size_t columns = i ? ((size_t)width + 1) / 2 : (size_t)width;

        out->row_bytes[i] = columns * (bit_depth > 8 ? 2 : 1);
        out->stride[i] = (out->row_bytes[i] + ALIGN - 1) / ALIGN * ALIGN;
        out->rows[i] = i ? ((size_t)height + 1) / 2 : (size_t)height;
        out->offset[i] = at;
        at += out->stride[i] * out->rows[i];
    }
    out->slot_bytes = (at + TAIL + PAGE - 1) / PAGE * PAGE;
    return 0;
}

int remote_picture_size(const struct media_stream *stream, const struct media_decoder_opts *opts,
                        int *width, int *height, struct err *err)
{
    bool turned = opts->rotation % 180 != 0;

    *width = opts->width ? opts->width : (turned ? stream->height : stream->width) / 2 * 2;
    *height = opts->height ? opts->height : (turned ? stream->width : stream->height) / 2 * 2;
    if (*width < 2 || *height < 2 || (int64_t)stream->width * stream->height > MEDIA_MAX_PIXELS)
        return err_set(err, ERR_INPUT, "pictures of %dx%d", stream->width, stream->height);
    return 0;
}

int remote_slots_open(struct remote_slots **out, int memfd, const struct remote_layout *layout,
                      struct err *err)
{
    size_t size = layout->slot_bytes * REMOTE_SLOTS;
    struct remote_slots *slots;
    struct stat stat;
    void *base;

    if (ftruncate(memfd, (off_t)size) < 0 || fcntl(memfd, F_ADD_SEALS, SEALS) < 0)
        return err_errno(err, errno == EPERM ? ERR_INPUT : ERR_INTERNAL, errno, /* sealed by it */
                         "memory for pictures");
    if (fstat(memfd, &stat) < 0 || (uint64_t)stat.st_size != size)
        return err_set(err, ERR_INPUT, "memory for pictures: another changed its size");
    base = mmap(NULL, size, PROT_READ, MAP_SHARED, memfd, 0);
    if (base == MAP_FAILED)
        return err_errno(err, ERR_NOMEM, errno, "memory for pictures");
    slots = xcalloc(1, sizeof(*slots));
    slots->layout = *layout;
    slots->base = base;
    slots->users = 1;
    slots->taken[COPY_SLOT] = true;
    (void)pthread_mutex_init(&slots->lock, NULL);
    *out = slots;
    return 0;
}

void remote_slots_drop(struct remote_slots *slots, int slot)
{
    bool last;

    (void)pthread_mutex_lock(&slots->lock);
    if (slot != COPY_SLOT)
        slots->taken[slot] = false;
    last = --slots->users == 0;
    (void)pthread_mutex_unlock(&slots->lock);
    if (!last)
        return;
    (void)munmap(slots->base, slots->layout.slot_bytes * REMOTE_SLOTS);
    (void)pthread_mutex_destroy(&slots->lock);
    free(slots);
}

void remote_slots_free(struct remote_slots *slots)
{
    if (slots)
        remote_slots_drop(slots, COPY_SLOT);
}

/* The lowest that is free: so no more memory is touched than was in use at a time. */
int remote_slots_take(struct remote_slots *slots)
{
    int slot = slots->layout.bit_depth > 8 ? REMOTE_SLOTS : COPY_SLOT + 1;

    (void)pthread_mutex_lock(&slots->lock);
    while (slot < REMOTE_SLOTS && slots->taken[slot])
        slot++;
    if (slot == REMOTE_SLOTS)
        slot = COPY_SLOT;
    slots->taken[slot] = true;
    slots->users++;
    (void)pthread_mutex_unlock(&slots->lock);
    return slot;
}

static void mask_row(uint8_t *to, const uint8_t *from, size_t bytes, bool wide)
{
    size_t at = 0;

    if (!wide) {
        memcpy(to, from, bytes);
        return;
    }
    for (; at + 8 <= bytes; at += 8) {
        uint64_t four;

        memcpy(&four, from + at, sizeof(four));
        four &= MASK10;
        memcpy(to + at, &four, sizeof(four));
    }
    for (; at < bytes; at += 2) {
        uint16_t one;

        memcpy(&one, from + at, sizeof(one));
        one &= 0x3ff;
        memcpy(to + at, &one, sizeof(one));
    }
}

static int copy_slot(struct remote_slots *slots, int slot, struct media_frame **out,
                     struct err *err)
{
    const struct remote_layout *layout = &slots->layout;
    const uint8_t *from = slots->base + layout->slot_bytes * (size_t)slot;
    struct image image;

    if (media_frame_new(out, layout->width, layout->height, layout->bit_depth, err) < 0)
        return -1;
    image = media_frame_image(*out);
    for (int i = 0; i < 3; i++)
        for (size_t y = 0; y < layout->rows[i]; y++)
            mask_row(image.plane[i] + (ptrdiff_t)y * image.stride[i],
                     from + layout->offset[i] + y * layout->stride[i], layout->row_bytes[i],
                     layout->bit_depth > 8);
    return 0;
}

static void give_back(void *opaque, uint8_t *data)
{
    struct lent *lent = opaque;

    (void)data;
    remote_slots_drop(lent->slots, lent->slot);
    free(lent);
}

static int lend_slot(struct remote_slots *slots, int slot, struct media_frame **out,
                     struct err *err)
{
    const struct remote_layout *layout = &slots->layout;
    uint8_t *at = slots->base + layout->slot_bytes * (size_t)slot;
    AUTO(av_frame) AVFrame *av = av_frame_alloc();
    struct lent *lent = xcalloc(1, sizeof(*lent));

    *lent = (struct lent){ slots, slot };
    if (av)
        av->buf[0] =
            av_buffer_create(at, layout->slot_bytes, give_back, lent, AV_BUFFER_FLAG_READONLY);
    if (!av || !av->buf[0]) {
        free(lent);
        remote_slots_drop(slots, slot);
        return err_set(err, ERR_NOMEM, "no memory for a frame");
    }
    av->width = layout->width;
    av->height = layout->height;
    av->format = media_pix_fmt(layout->bit_depth);
    for (int i = 0; i < 3; i++) {
        av->data[i] = at + layout->offset[i];
        av->linesize[i] = (int)layout->stride[i];
    }
    return media_frame_wrap(out, av, layout->width, layout->height, err);
}

int remote_slots_frame(struct remote_slots *slots, int slot, int64_t pts, struct media_frame **out,
                       struct err *err)
{
    int rc;

    if (slot == COPY_SLOT) {
        rc = copy_slot(slots, slot, out, err);
        remote_slots_drop(slots, slot);
    } else {
        rc = lend_slot(slots, slot, out, err);
    }
    if (rc == 0)
        media_frame_set_pts(*out, pts);
    return rc;
}
