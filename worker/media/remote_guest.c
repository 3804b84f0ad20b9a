/* SPDX-License-Identifier: Apache-2.0
 *
 * The child's side: one film, one decoder, orders one after the other. Everything that came with
 * the film happens here, behind sandbox_enter. What goes wrong is told; what goes badly wrong ends
 * this process, and the parent says so.
 */
#include "common/failpoint.h"
#include "common/mem.h"
#include "worker/media/piece.h"
#include "worker/media/remote.h"
#include "worker/media/remote_parts.h"
#include "worker/sandbox/sandbox.h"
#include "worker/store/ops.h"

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define MEMORY_BYTES  (8ull << 30) /* until the pictures' size is known */
#define MEMORY_MAX    (256ull << 30)
#define CPU_S         (7u * 24 * 3600) /* what nobody waits for */
#define BATCH_PACKETS 1024
#define BATCH_BYTES   (512u << 10)
#define ARENAS        4 /* each takes 64 MiB of address space */

struct guest {
    struct channel channel;
    struct message message; /* the last order */
    struct message bytes;   /* the last of the film's */
    struct store_reader reader;
    uint64_t limit;
    struct media_source *source; /* owned */
    struct media_decoder *decoder;
    struct remote_layout layout;
    uint8_t *slots;
};

/* The parent is gone, or does not speak to us any more: there is nobody to tell. */
static _Noreturn void leave(void)
{
    _exit(0);
}

static void say(struct guest *guest, uint32_t type, const struct wire_out *out)
{
    if (out->failed || channel_send(&guest->channel, type, out->buf.data, out->buf.len) < 0)
        leave();
}

static void say_done(struct guest *guest)
{
    if (channel_send(&guest->channel, REMOTE_DONE, NULL, 0) < 0)
        leave();
}

static void say_failed(struct guest *guest, const struct err *err)
{
    AUTO_WIRE struct wire_out out;

    wire_out_init(&out);
    wire_put_i64(&out, err->code);
    wire_put_text(&out, err->msg);
    say(guest, REMOTE_FAILED, &out);
}

static void hear(struct guest *guest, struct message *message)
{
    struct err err;

    if (channel_receive(&guest->channel, message, &err) <= 0)
        leave();
}

static struct guest *guest_of(struct store_reader *reader)
{
    return (struct guest *)(void *)((char *)reader - offsetof(struct guest, reader));
}

static int reader_read(struct store_reader *reader, uint64_t offset, void *out, size_t len,
                       size_t *got, struct err *err)
{
    struct guest *guest = guest_of(reader);
    AUTO_WIRE struct wire_out pull;

    wire_out_init(&pull);
    wire_put_i64(&pull, (int64_t)offset);
    wire_put_i64(&pull, (int64_t)(len < REMOTE_PULL_BYTES ? len : REMOTE_PULL_BYTES));
    wire_put_i64(&pull, (int64_t)guest->limit);
    say(guest, REMOTE_PULL, &pull);
    hear(guest, &guest->bytes);
    if (guest->bytes.type != REMOTE_BYTES || guest->bytes.in.len > len)
        return err_set(err, ERR_DEPENDENCY, "the film cannot be read");
    *got = guest->bytes.in.len;
    if (*got > 0)
        memcpy(out, guest->bytes.data, *got);
    reader->bytes += *got;
    return 0;
}

static void reader_limit(struct store_reader *reader, uint64_t end)
{
    guest_of(reader)->limit = end;
}

static void reader_free(struct store_reader *reader)
{
    (void)reader; /* a part of the guest */
}

static const struct store_reader_ops reader_ops = { reader_read, reader_limit, reader_free };

static void say_facts(struct guest *guest)
{
    struct media_source *source = guest->source;
    AUTO_WIRE struct wire_out out;
    struct remote_facts facts = {
        .ctx = media_source_context(source),
        .stream_count = media_source_streams(source),
        .indexed = media_source_is_indexed(source),
    };

    (void)snprintf(facts.format, sizeof(facts.format), "%s", media_source_format(source));
    if (facts.stream_count > 0)
        facts.streams = (struct media_stream *)media_source_stream(source, 0);
    wire_out_init(&out);
    remote_facts_put(&out, &facts);
    say(guest, REMOTE_FACTS, &out);
}

/* For failpoints; a sanitizer would make an exit code of it. */
static void crash(void)
{
    (void)signal(SIGSEGV, SIG_DFL);
    (void)raise(SIGSEGV);
}

static int do_open(struct guest *guest, struct err *err)
{
    struct wire_in *in = &guest->message.in;
    char format[32], what[256];
    struct media_source_opts opts = { .what = what };
    bool piece;
    int rc;

    wire_get_text(in, format, sizeof(format));
    opts.format = *format ? format : NULL;
    opts.index_only = wire_get_i64(in);
    opts.no_pictures = wire_get_i64(in);
    piece = wire_get_i64(in);
    wire_get_text(in, what, sizeof(what));
    guest->reader = (struct store_reader){ .ops = &reader_ops };
    guest->reader.stat.size = (uint64_t)wire_get_i64(in);
    guest->limit = UINT64_MAX;
    if (FP("film.open.crash"))
        crash();
    rc = piece ? media_source_open_piece(&guest->source, &guest->reader, what, err)
               : media_source_open(&guest->source, &guest->reader, &opts, err);
    if (rc == 0)
        say_facts(guest);
    return rc;
}

/* As many packets as go at a time; the discards that the parent asked for hold from here on. */
static int do_read(struct guest *guest, struct err *err)
{
    struct wire_in *in = &guest->message.in;
    AVFormatContext *ctx = media_source_context(guest->source);
    AUTO_WIRE struct wire_out packets;
    AUTO_WIRE struct wire_out out;
    bool ended = false;

    media_source_want(guest->source, (int)wire_get_i64(in));
    for (int i = 0; i < media_source_streams(guest->source); i++)
        ctx->streams[i]->discard = (enum AVDiscard)wire_get_i64(in);
    wire_out_init(&packets);
    wire_out_init(&out);
    for (int n = 0; n < BATCH_PACKETS && packets.buf.len < BATCH_BYTES && !ended; n++) {
        AUTO(media_packet) struct media_packet *packet = NULL;

        if (media_source_read(guest->source, &packet, err) < 0)
            return -1;
        ended = !packet;
        if (packet)
            remote_packet_put(&packets, media_packet_av(packet));
    }
    if (packets.failed)
        return err_set(err, ERR_INPUT, "a packet of more than %u bytes", WIRE_MAX_BYTES);
    wire_put_i64(&out, ended);
    wire_put_i64(&out, media_source_jumps(guest->source));
    wire_put_raw(&out, packets.buf.data, packets.buf.len);
    say(guest, REMOTE_PACKETS, &out);
    return 0;
}

static int do_remake(struct guest *guest, struct err *err)
{
    struct wire_in *in = &guest->message.in;
    int stream = (int)wire_get_i64(in), codec = (int)wire_get_i64(in);
    AUTO(av_parameters) AVCodecParameters *par = avcodec_parameters_alloc();
    AUTO_WIRE struct wire_out out;

    wire_out_init(&out);
    if (!par)
        return err_set(err, ERR_NOMEM, "no memory for a stream");
    if (media_source_remake(guest->source, stream, codec, par, err) < 0)
        return -1;
    wire_put_bytes(&out, par->extradata, (size_t)par->extradata_size);
    say(guest, REMOTE_DONE, &out);
    return 0;
}

static int do_skip(struct guest *guest, struct err *err)
{
    struct wire_in *in = &guest->message.in;
    int stream = (int)wire_get_i64(in);

    if (media_source_skip(guest->source, stream, wire_get_i64(in), err) < 0)
        return -1;
    say_done(guest);
    return 0;
}

static int do_seek(struct guest *guest, struct err *err)
{
    struct wire_in *in = &guest->message.in;
    int stream = (int)wire_get_i64(in);
    int64_t pts = wire_get_i64(in), dts = wire_get_i64(in);

    if (media_source_seek(guest->source, stream, pts, dts, err) < 0)
        return -1;
    say_done(guest);
    return 0;
}

static int do_decoder(struct guest *guest, struct err *err)
{
    struct wire_in *in = &guest->message.in;
    const void *opts = wire_get_raw(in, sizeof(struct media_decoder_opts));
    const void *layout = wire_get_raw(in, sizeof(guest->layout));
    struct media_decoder_opts own;
    void *base;

    if (!opts || !layout)
        leave();
    memcpy(&own, opts, sizeof(own));
    memcpy(&guest->layout, layout, sizeof(guest->layout));
    base = mmap(NULL, guest->layout.slot_bytes * REMOTE_SLOTS, PROT_READ | PROT_WRITE, MAP_SHARED,
                CHILD_GIFT, 0);
    if (base == MAP_FAILED)
        return err_set(err, ERR_NOMEM, "no memory for pictures");
    guest->slots = base;
    if (media_decoder_open(&guest->decoder, guest->source, &own, err) < 0)
        return -1;
    say_done(guest);
    return 0;
}

static int do_decoder_seek(struct guest *guest, struct err *err)
{
    struct wire_in *in = &guest->message.in;
    int64_t pts = wire_get_i64(in), dts = wire_get_i64(in);

    if (media_decoder_seek(guest->decoder, pts, dts, err) < 0)
        return -1;
    say_done(guest);
    return 0;
}

static void fill_slot(const struct guest *guest, int slot, const struct media_frame *frame)
{
    const struct remote_layout *layout = &guest->layout;
    uint8_t *at = guest->slots + layout->slot_bytes * (size_t)slot;
    struct image image = media_frame_image(frame);

    for (int i = 0; i < 3; i++) {
        uint8_t *to = at + layout->offset[i];

        if (image.stride[i] == (ptrdiff_t)layout->stride[i]) {
            memcpy(to, image.plane[i], layout->stride[i] * (layout->rows[i] - 1));
            to += layout->stride[i] * (layout->rows[i] - 1);
            memcpy(to, image.plane[i] + image.stride[i] * (ptrdiff_t)(layout->rows[i] - 1),
                   layout->row_bytes[i]);
            continue;
        }
        for (size_t y = 0; y < layout->rows[i]; y++, to += layout->stride[i])
            memcpy(to, image.plane[i] + (ptrdiff_t)y * image.stride[i], layout->row_bytes[i]);
    }
}

static void put_seen(struct guest *guest, struct wire_out *out)
{
    struct media_seen seen;

    media_decoder_seen(guest->decoder, &seen);
    wire_put_i64(out, media_decoder_damaged(guest->decoder));
    wire_put_i64(out, seen.fields);
    wire_put_i64(out, seen.scaled);
    wire_put_i64(out, seen.captions);
    wire_put_text(out, seen.hdr.mastering);
    wire_put_text(out, seen.hdr.light);
}

static int do_next(struct guest *guest, struct err *err)
{
    AUTO(media_frame) struct media_frame *frame = NULL;
    AUTO_WIRE struct wire_out out;
    int slot = (int)wire_get_range(&guest->message.in, 0, REMOTE_SLOTS - 1);
    uint8_t captions[MEDIA_CAPTIONS_MAX];
    struct image image;

    if (FP("film.decode.crash"))
        crash();
    if (FP("film.decode.socket"))
        (void)socketpair(AF_UNIX, SOCK_STREAM, 0, (int[2]){ 0, 0 });
    wire_out_init(&out);
    if (media_decoder_next(guest->decoder, &frame, err) < 0)
        return -1;
    if (frame) {
        image = media_frame_image(frame);
        if (image.width != guest->layout.width || image.height != guest->layout.height ||
            image.bit_depth != guest->layout.bit_depth)
            return err_set(err, ERR_INTERNAL, "a picture of %dx%d", image.width, image.height);
        fill_slot(guest, slot, frame);
        wire_put_i64(&out, media_frame_pts(frame));
        wire_put_bytes(&out, captions, media_captions_get(captions, media_frame_av(frame)));
    }
    put_seen(guest, &out);
    say(guest, frame ? REMOTE_FRAME : REMOTE_END, &out);
    return 0;
}

static int obey(struct guest *guest, struct err *err)
{
    if (!guest->source && guest->message.type != REMOTE_OPEN)
        leave();
    switch (guest->message.type) {
    case REMOTE_OPEN:
        return do_open(guest, err);
    case REMOTE_READ:
        return do_read(guest, err);
    case REMOTE_REMAKE:
        return do_remake(guest, err);
    case REMOTE_SKIP:
        return do_skip(guest, err);
    case REMOTE_SEEK:
        return do_seek(guest, err);
    case REMOTE_DECODER:
        return do_decoder(guest, err);
    case REMOTE_DECODER_SEEK:
        return do_decoder_seek(guest, err);
    case REMOTE_NEXT:
        return do_next(guest, err);
    default:
        leave();
    }
}

static bool is_ours(void)
{
    struct stat socket, gift;

    return fstat(CHILD_SOCKET, &socket) == 0 && S_ISSOCK(socket.st_mode) &&
           fstat(CHILD_GIFT, &gift) == 0 && S_ISREG(gift.st_mode);
}

/* Everything that has to be opened is open by now: libraries, and what sysconf reads. */
static void lock_in(struct guest *guest)
{
    struct sandbox_limits limits = { MEMORY_BYTES, MEMORY_MAX, CPU_S, CHILD_GIFT + 1 };
    struct sandbox_state state;
    AUTO_WIRE struct wire_out out;

    (void)prctl(PR_SET_NAME, "stereo-film", 0, 0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    (void)mallopt(M_ARENA_MAX, ARENAS);
    (void)signal(SIGXFSZ, SIG_IGN);
    (void)sysconf(_SC_NPROCESSORS_ONLN);
    media_quiet();
    sandbox_enter(&state, &limits);
    wire_out_init(&out);
    wire_put_i64(&out, state.no_privileges);
    wire_put_i64(&out, state.seccomp);
    wire_put_i64(&out, state.limits);
    wire_put_i64(&out, state.landlock);
    say(guest, REMOTE_HELLO, &out);
}

int media_remote_serve(void)
{
    struct guest *guest;

    if (!is_ours()) {
        (void)fprintf(stderr, "config error: " MEDIA_REMOTE_VERB " is what a worker calls\n");
        return 64;
    }
    guest = xcalloc(1, sizeof(*guest));
    guest->channel.fd = CHILD_SOCKET;
    lock_in(guest);
    for (;;) {
        struct err err;

        hear(guest, &guest->message);
        if (obey(guest, &err) < 0)
            say_failed(guest, &err);
    }
}
