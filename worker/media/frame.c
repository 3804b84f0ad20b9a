/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mem.h"
#include "worker/media/av.h"

#include <libavutil/buffer.h>
#include <libavutil/pixdesc.h>
#include <pthread.h>
#include <stdatomic.h>

#define POOLS    8
#define ALIGN    64
#define TAIL     128 /* bytes behind the last plane that SIMD code may read */
#define SIDE_MAX 32768

struct media_frame {
    AVFrame *av; /* owned */
    int width, height, bit_depth;
    bool full_chroma;
    atomic_uint count;
};

/* The sizes in use are few: the view, the packed frame. The oldest gives way; libav frees a pool
 * when the last of its buffers comes back. */
static struct {
    pthread_mutex_t lock;
    struct {
        size_t size;
        AVBufferPool *pool;
    } slots[POOLS];
    size_t next;
} pools = { .lock = PTHREAD_MUTEX_INITIALIZER };

static AVBufferRef *pool_get(size_t size)
{
    AVBufferRef *buffer = NULL;
    AVBufferPool *pool = NULL;

    (void)pthread_mutex_lock(&pools.lock);
    for (size_t i = 0; i < POOLS && !pool; i++)
        if (pools.slots[i].size == size)
            pool = pools.slots[i].pool;
    if (!pool && (pool = av_buffer_pool_init(size, NULL))) {
        av_buffer_pool_uninit(&pools.slots[pools.next].pool);
        pools.slots[pools.next].size = size;
        pools.slots[pools.next].pool = pool;
        pools.next = (pools.next + 1) % POOLS;
    }
    if (pool)
        buffer = av_buffer_pool_get(pool);
    (void)pthread_mutex_unlock(&pools.lock);
    return buffer;
}

static struct media_frame *frame_of(AVFrame *av, int width, int height, int bit_depth)
{
    struct media_frame *frame = xcalloc(1, sizeof(*frame));

    frame->av = av;
    frame->width = width;
    frame->height = height;
    frame->bit_depth = bit_depth;
    atomic_init(&frame->count, 1);
    return frame;
}

static size_t plane_stride(int width, int bit_depth)
{
    size_t bytes = (size_t)width * (bit_depth > 8 ? 2 : 1);

    return (bytes + ALIGN - 1) / ALIGN * ALIGN;
}

static int frame_new(struct media_frame **out, int width, int height, int bit_depth,
                     bool full_chroma, struct err *err)
{
    AUTO(av_frame) AVFrame *av = av_frame_alloc();
    size_t chroma_height = full_chroma ? (size_t)height : ((size_t)height + 1) / 2;
    size_t luma, chroma, sizes[2];

    if (width < 2 || height < 2 || width > SIDE_MAX || height > SIDE_MAX)
        return err_set(err, ERR_INTERNAL, "a frame of %dx%d", width, height);
    luma = plane_stride(width, bit_depth);
    chroma = plane_stride(full_chroma ? width : (width + 1) / 2, bit_depth);
    sizes[0] = luma * (size_t)height;
    sizes[1] = chroma * chroma_height;
    if (av)
        av->buf[0] = pool_get(sizes[0] + 2 * sizes[1] + ALIGN + TAIL);
    if (!av || !av->buf[0])
        return err_set(err, ERR_NOMEM, "no memory for a frame of %dx%d", width, height);
    av->width = width;
    av->height = height;
    av->format = media_pix_fmt_packed(bit_depth, full_chroma);
    av->linesize[0] = (int)luma;
    av->linesize[1] = av->linesize[2] = (int)chroma;
    av->data[0] = av->buf[0]->data + (ALIGN - (uintptr_t)av->buf[0]->data % ALIGN) % ALIGN;
    av->data[1] = av->data[0] + sizes[0];
    av->data[2] = av->data[1] + sizes[1];
    *out = frame_of(TAKE(av), width, height, bit_depth);
    (*out)->full_chroma = full_chroma;
    return 0;
}

int media_frame_new(struct media_frame **out, int width, int height, int bit_depth, struct err *err)
{
    return frame_new(out, width, height, bit_depth, false, err);
}

int media_frame_new_full_chroma(struct media_frame **out, int width, int height, int bit_depth,
                                struct err *err)
{
    return frame_new(out, width, height, bit_depth, true, err);
}

int media_frame_wrap(struct media_frame **out, AVFrame *av, int width, int height, struct err *err)
{
    AVFrame *own;
    int bit_depth = av->format == AV_PIX_FMT_YUV420P10 ? 10 : 8;

    if (av->format != media_pix_fmt(bit_depth) || av->width < width || av->height < height)
        return err_set(err, ERR_INTERNAL, "a %s picture of %dx%d as a frame of %dx%d",
                       av_get_pix_fmt_name(av->format), av->width, av->height, width, height);
    own = av_frame_alloc();
    if (!own)
        return err_set(err, ERR_NOMEM, "no memory for a frame");
    av_frame_move_ref(own, av);
    own->width = width;
    own->height = height;
    own->pict_type = AV_PICTURE_TYPE_NONE; /* an encoder would take it as an order */
    *out = frame_of(own, width, height, bit_depth);
    return 0;
}

struct media_frame *media_frame_ref(struct media_frame *frame)
{
    (void)atomic_fetch_add_explicit(&frame->count, 1, memory_order_relaxed);
    return frame;
}

int media_frame_again(struct media_frame **out, const struct media_frame *frame, int64_t pts,
                      struct err *err)
{
    AVFrame *av = av_frame_clone(frame->av);

    if (!av)
        return err_set(err, ERR_NOMEM, "no memory for a frame");
    av_frame_remove_side_data(av, AV_FRAME_DATA_A53_CC);
    av->pts = pts;
    *out = frame_of(av, frame->width, frame->height, frame->bit_depth);
    (*out)->full_chroma = frame->full_chroma;
    return 0;
}

int media_frame_rows(struct media_frame **out, const struct media_frame *frame, int top, int rows,
                     struct err *err)
{
    AVFrame *av = av_frame_clone(frame->av);

    if (!av)
        return err_set(err, ERR_NOMEM, "no memory for a frame");
    for (int i = 0; i < 3; i++) {
        int down = i > 0 && !frame->full_chroma ? top / 2 : top;

        av->data[i] += (ptrdiff_t)down * av->linesize[i];
    }
    av->height = rows;
    *out = frame_of(av, frame->width, rows, frame->bit_depth);
    (*out)->full_chroma = frame->full_chroma;
    return 0;
}

void media_frame_unref(struct media_frame **frame)
{
    struct media_frame *gone = *frame;

    *frame = NULL;
    if (!gone || atomic_fetch_sub_explicit(&gone->count, 1, memory_order_acq_rel) > 1)
        return;
    av_frame_free(&gone->av);
    free(gone);
}

struct image media_frame_image(const struct media_frame *frame)
{
    struct image image = { .width = frame->width,
                           .height = frame->height,
                           .bit_depth = frame->bit_depth,
                           .full_chroma = frame->full_chroma };

    for (int i = 0; i < 3; i++) {
        image.plane[i] = frame->av->data[i];
        image.stride[i] = frame->av->linesize[i];
    }
    return image;
}

int64_t media_frame_pts(const struct media_frame *frame)
{
    return frame->av->pts;
}

void media_frame_set_pts(struct media_frame *frame, int64_t pts)
{
    frame->av->pts = pts;
}

AVFrame *media_frame_av(const struct media_frame *frame)
{
    return frame->av;
}
