/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/media/remote.h"

#include "common/log.h"
#include "common/mem.h"
#include "worker/media/remote_parts.h"
#include "worker/sandbox/sandbox.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#define SILENCE_S     180
#define ROUNDS        16         /* how often a film may be read over for one answer */
#define FREE_PULL     (1u << 30) /* beside that */
#define MEMORY_FRAMES 80         /* of the largest kind that a decoder may hold, with its threads */
#define MEMORY_BASE   (3ull << 30)

static struct {
    enum media_remote_mode mode;
    int silence_s;
    const volatile sig_atomic_t *should_stop;
    atomic_flag told; /* what is missing was logged */
    char words[96];   /* written before threads; then only equal text, as is what follows */
    char weakness[160];
} setup = { .told = ATOMIC_FLAG_INIT, .words = "none" };

struct media_remote {
    struct child *child;         /* owned */
    struct store_reader *reader; /* borrowed */
    char *what;                  /* owned; names the film */
    int memfd;                   /* owned */
    struct message message;      /* owned; the last */
    struct wire_in packets;      /* what is left of the last REMOTE_PACKETS; within message */
    bool ended;                  /* no more of them after these */
    int streams, jumps;
    uint64_t pulled; /* bytes, since the last order */
    uint8_t *bytes;  /* owned; REMOTE_PULL_BYTES */
    bool told;       /* the last failure is in the film's reader's own words */
    bool failed;     /* the store: err says how, and outranks what the child made of it */
    struct err err;
    struct remote_slots *slots; /* owned; NULL before _decoder */
    int64_t damaged;
    struct media_seen seen;
};

int media_remote_mode_parse(enum media_remote_mode *out, const char *text)
{
    static const struct {
        const char *text;
        enum media_remote_mode mode;
    } rows[] = { { "", MEDIA_REMOTE_AUTO },
                 { "auto", MEDIA_REMOTE_AUTO },
                 { "off", MEDIA_REMOTE_OFF },
                 { "required", MEDIA_REMOTE_WHOLE } };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (strcmp(text ? text : "", rows[i].text) != 0)
            continue;
        *out = rows[i].mode;
        return 0;
    }
    return -1;
}

/* Said in the log once, and to who asks. */
static void weaken(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void weaken(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    (void)vsnprintf(setup.weakness, sizeof(setup.weakness), fmt, ap);
    va_end(ap);
    if (!atomic_flag_test_and_set(&setup.told))
        log_warn("%s", setup.weakness);
}

void media_remote_setup(enum media_remote_mode mode, const volatile sig_atomic_t *should_stop,
                        int silence_s)
{
    setup.mode = mode;
    setup.should_stop = should_stop;
    setup.silence_s = silence_s > 0 ? silence_s : SILENCE_S;
    if (mode == MEDIA_REMOTE_OFF)
        weaken("Films are read without a sandbox (" ENV_SANDBOX "=off).");
}

bool media_remote_is_on(void)
{
    return setup.silence_s > 0 && setup.mode != MEDIA_REMOTE_OFF;
}

const char *media_remote_words(void)
{
    return setup.words;
}

const char *media_remote_weakness(void)
{
    return setup.weakness;
}

void media_remote_free(struct media_remote *remote)
{
    if (!remote)
        return;
    child_free(remote->child);
    if (remote->memfd >= 0)
        (void)close(remote->memfd);
    message_clear(&remote->message);
    remote_slots_free(remote->slots);
    free(remote->bytes);
    free(remote->what);
    free(remote);
}

/* Its own words, but only the classes that a film can be at fault for. */
static int tell_failure(struct media_remote *remote, struct err *err)
{
    struct wire_in *in = &remote->message.in;
    enum err_code code = (enum err_code)wire_get_range(in, 0, ERR_NOMEM);
    char text[sizeof(err->msg)];

    remote->told = true;
    wire_get_text(in, text, sizeof(text));
    if (remote->failed) {
        *err = remote->err;
        return -1;
    }
    if (code == ERR_NOMEM)
        return err_set(err, ERR_INPUT, "%s: it wants more memory than a decoder gets", text);
    if (code ==
        ERR_DEPENDENCY) /* no thread to be had; the film's word is not worth endless tries */
        code = ERR_INTERNAL;
    return err_set(err, code == ERR_INTERNAL ? code : ERR_INPUT, "%s", text);
}

static int nonsense(struct media_remote *remote, struct err *err)
{
    return err_set(err, ERR_INPUT, "its decoder says nonsense (answer %u of %zu bytes)",
                   remote->message.type, remote->message.in.len);
}

/* The child wants bytes of the film. */
static int serve_pull(struct media_remote *remote, struct err *err)
{
    struct wire_in *in = &remote->message.in;
    uint64_t size = store_reader_stat(remote->reader)->size;
    uint64_t offset = (uint64_t)wire_get_range(in, 0, INT64_MAX);
    size_t want = (size_t)wire_get_range(in, 0, REMOTE_PULL_BYTES), got = 0;
    uint64_t limit = (uint64_t)wire_get_i64(in);

    if (!wire_is_done(in))
        return nonsense(remote, err);
    remote->pulled += want;
    if (remote->pulled > (size + 1) * ROUNDS + FREE_PULL)
        return err_set(err, ERR_INPUT, "it is read over and over, and nothing comes of it");
    store_reader_limit(remote->reader, limit);
    if (!remote->failed &&
        store_reader_read(remote->reader, offset, remote->bytes, want, &got, &remote->err) < 0)
        remote->failed = true;
    return child_send(remote->child, remote->failed ? REMOTE_FAILED : REMOTE_BYTES, remote->bytes,
                      remote->failed ? 0 : got, err);
}

/* Waits for an answer of type a (or b), serving the film meanwhile. */
static int await(struct media_remote *remote, uint32_t a, uint32_t b, struct err *err)
{
    for (;;) {
        if (child_receive(remote->child, &remote->message, err) < 0)
            return -1;
        if (remote->message.type == a || remote->message.type == b)
            return 0;
        if (remote->message.type == REMOTE_FAILED)
            return tell_failure(remote, err);
        if (remote->message.type != REMOTE_PULL)
            return nonsense(remote, err);
        if (serve_pull(remote, err) < 0)
            return -1;
    }
}

static int order(struct media_remote *remote, uint32_t type, const struct wire_out *out, uint32_t a,
                 uint32_t b, struct err *err)
{
    remote->pulled = 0;
    remote->packets.len = remote->packets.at = 0; /* they lie where the answer will */
    remote->told = false;
    if (out->failed)
        return err_set(err, ERR_NOMEM, "no memory for an order");
    if (child_send(remote->child, type, out->buf.data, out->buf.len, err) == 0 &&
        await(remote, a, b, err) == 0)
        return 0;
    return remote->told ? -1 : err_wrap(err, "%s", remote->what);
}

static int order_with(struct media_remote *remote, uint32_t type, const int64_t *numbers,
                      size_t count, struct err *err)
{
    AUTO_WIRE struct wire_out out;

    wire_out_init(&out);
    for (size_t i = 0; i < count; i++)
        wire_put_i64(&out, numbers[i]);
    return order(remote, type, &out, REMOTE_DONE, REMOTE_DONE, err);
}

/* The first thing a child says is how it is locked in. */
static int greet(struct media_remote *remote, struct err *err)
{
    struct wire_in *in = &remote->message.in;
    struct sandbox_state state = { 0 };

    if (await(remote, REMOTE_HELLO, REMOTE_HELLO, err) < 0) {
        if (err->code == ERR_INPUT)
            err->code = ERR_INTERNAL; /* it has seen no film yet */
        return -1;
    }
    state.no_privileges = wire_get_i64(in) != 0;
    state.seccomp = wire_get_i64(in) != 0;
    state.limits = wire_get_i64(in) != 0;
    state.landlock = (int)wire_get_range(in, 0, 1000);
    if (!wire_is_done(in))
        return nonsense(remote, err);
    sandbox_words(setup.words, sizeof(setup.words), &state);
    if (sandbox_is_whole(&state))
        return 0;
    if (setup.mode == MEDIA_REMOTE_WHOLE)
        return err_set(err, ERR_CONFIG, ENV_SANDBOX "=required: this kernel gives %s", setup.words);
    weaken("Films are read in a weaker sandbox: this kernel gives %s.", setup.words);
    return 0;
}

static int start(struct media_remote *remote, struct err *err)
{
    struct child_opts opts = { MEDIA_REMOTE_VERB, -1, setup.silence_s, setup.should_stop };

    remote->memfd = memfd_create("pictures", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (remote->memfd < 0)
        return err_errno(err, ERR_DEPENDENCY, errno, "shared memory");
    opts.gift = remote->memfd;
    if (child_start(&remote->child, &opts, err) < 0)
        return -1;
    return greet(remote, err);
}

int media_remote_open(struct media_remote **out, struct store_reader *reader,
                      const struct media_source_opts *opts, bool piece, struct remote_facts *facts,
                      struct err *err)
{
    AUTO(media_remote) struct media_remote *remote = xcalloc(1, sizeof(*remote));
    AUTO_WIRE struct wire_out open;

    remote->memfd = -1;
    remote->reader = reader;
    remote->what = xstrdup(opts->what);
    remote->bytes = xmalloc(REMOTE_PULL_BYTES);
    wire_out_init(&open);
    wire_put_text(&open, opts->format ? opts->format : "");
    wire_put_i64(&open, opts->index_only);
    wire_put_i64(&open, opts->no_pictures);
    wire_put_i64(&open, piece);
    wire_put_text(&open, opts->what);
    wire_put_i64(&open, (int64_t)store_reader_stat(reader)->size);
    if (start(remote, err) < 0)
        return err_wrap(err, "%s", opts->what);
    if (order(remote, REMOTE_OPEN, &open, REMOTE_FACTS, REMOTE_FACTS, err) < 0)
        return -1;
    if (!remote_facts_get(&remote->message.in, facts)) {
        (void)nonsense(remote, err);
        return err_wrap(err, "%s", opts->what);
    }
    remote->streams = facts->stream_count;
    *out = TAKE(remote);
    return 0;
}

static int fetch_packets(struct media_remote *remote, const AVFormatContext *ctx, int wanted,
                         struct err *err)
{
    AUTO_WIRE struct wire_out out;

    wire_out_init(&out);
    wire_put_i64(&out, wanted);
    for (int i = 0; i < remote->streams; i++)
        wire_put_i64(&out, ctx->streams[i]->discard);
    if (order(remote, REMOTE_READ, &out, REMOTE_PACKETS, REMOTE_PACKETS, err) < 0)
        return -1;
    remote->packets = remote->message.in;
    remote->ended = wire_get_i64(&remote->packets);
    remote->jumps = (int)wire_get_range(&remote->packets, 0, INT32_MAX);
    return remote->packets.failed ? nonsense(remote, err) : 0;
}

int media_remote_read(struct media_remote *remote, const AVFormatContext *ctx, int wanted,
                      struct media_packet **out, struct err *err)
{
    for (;;) {
        AUTO(av_packet) AVPacket *packet = NULL;

        *out = NULL;
        if (remote->packets.at == remote->packets.len) {
            if (remote->ended)
                return 0;
            if (fetch_packets(remote, ctx, wanted, err) < 0)
                return -1;
            continue;
        }
        packet = remote_packet_get(&remote->packets, remote->streams);
        if (!packet)
            return nonsense(remote, err);
        if (wanted < 0 || packet->stream_index == wanted)
            return media_packet_wrap(out, packet, err);
    }
}

int media_remote_remake(struct media_remote *remote, int stream, int codec,
                        const uint8_t **extradata, size_t *len, struct err *err)
{
    if (order_with(remote, REMOTE_REMAKE, (const int64_t[]){ stream, codec }, 2, err) < 0)
        return -1;
    *extradata = wire_get_bytes(&remote->message.in, len);
    return wire_is_done(&remote->message.in) ? 0 : nonsense(remote, err);
}

int media_remote_skip(struct media_remote *remote, int stream, int64_t time, struct err *err)
{
    return order_with(remote, REMOTE_SKIP, (const int64_t[]){ stream, time }, 2, err);
}

int media_remote_jumps(const struct media_remote *remote)
{
    return remote->jumps;
}

int media_remote_seek(struct media_remote *remote, int stream, int64_t pts, int64_t dts,
                      struct err *err)
{
    remote->ended = false;
    return order_with(remote, REMOTE_SEEK, (const int64_t[]){ stream, pts, dts }, 3, err);
}

/* Address space for what a decoder may hold of this film's pictures, and for the slots. */
static uint64_t memory_for(const struct media_stream *stream, const struct remote_layout *layout)
{
    uint64_t picture = ((uint64_t)stream->width + 128) * ((uint64_t)stream->height + 128);

    return MEMORY_BASE + MEMORY_FRAMES * picture * 3 * (stream->bit_depth > 8 ? 2 : 1) +
           REMOTE_SLOTS * (uint64_t)layout->slot_bytes;
}

int media_remote_decoder(struct media_remote *remote, const struct media_stream *stream,
                         const struct media_decoder_opts *opts, struct err *err)
{
    AUTO_WIRE struct wire_out out;
    struct remote_layout layout;
    int width, height;

    wire_out_init(&out);
    if (remote->slots)
        return err_set(err, ERR_INTERNAL, "a second decoder");
    if (remote_picture_size(stream, opts, &width, &height, err) < 0 ||
        remote_layout(&layout, width, height, opts->bit_depth, err) < 0 ||
        remote_slots_open(&remote->slots, remote->memfd, &layout, err) < 0 ||
        child_allow_memory(remote->child, memory_for(stream, &layout), err) < 0)
        return -1;
    wire_put_raw(&out, opts, sizeof(*opts)); /* the same program: the same struct */
    wire_put_raw(&out, &layout, sizeof(layout));
    return order(remote, REMOTE_DECODER, &out, REMOTE_DONE, REMOTE_DONE, err);
}

int media_remote_decoder_seek(struct media_remote *remote, int64_t pts, int64_t dts,
                              struct err *err)
{
    return order_with(remote, REMOTE_DECODER_SEEK, (const int64_t[]){ pts, dts }, 2, err);
}

static void get_seen(struct media_remote *remote)
{
    struct wire_in *in = &remote->message.in;

    remote->damaged = wire_get_range(in, 0, INT64_MAX);
    remote->seen.fields = wire_get_i64(in) != 0;
    remote->seen.scaled = wire_get_range(in, 0, INT64_MAX);
    remote->seen.captions = wire_get_i64(in) != 0;
    wire_get_text(in, remote->seen.hdr.mastering, sizeof(remote->seen.hdr.mastering));
    wire_get_text(in, remote->seen.hdr.light, sizeof(remote->seen.hdr.light));
}

int media_remote_next(struct media_remote *remote, struct media_frame **out, struct err *err)
{
    AUTO_WIRE struct wire_out next;
    struct wire_in *in = &remote->message.in;
    int slot = remote_slots_take(remote->slots);
    AUTO(media_frame) struct media_frame *frame = NULL;
    const void *captions = NULL;
    size_t captions_len = 0;
    int64_t pts = 0;
    int rc;

    *out = NULL;
    wire_out_init(&next);
    wire_put_i64(&next, slot);
    rc = order(remote, REMOTE_NEXT, &next, REMOTE_FRAME, REMOTE_END, err);
    if (rc == 0 && remote->message.type == REMOTE_FRAME) {
        pts = wire_get_i64(in);
        captions = wire_get_bytes(in, &captions_len);
    }
    if (rc == 0) {
        get_seen(remote);
        if (!wire_is_done(in) || captions_len > MEDIA_CAPTIONS_MAX)
            rc = nonsense(remote, err);
    }
    if (rc < 0 || remote->message.type == REMOTE_END) {
        remote_slots_drop(remote->slots, slot);
        return rc;
    }
    if (remote_slots_frame(remote->slots, slot, pts, &frame, err) < 0 ||
        media_captions_set(media_frame_av(frame), captions, captions_len, err) < 0)
        return -1;
    *out = TAKE(frame);
    return 0;
}

int64_t media_remote_seen(const struct media_remote *remote, struct media_seen *out)
{
    if (out)
        *out = remote->seen;
    return remote->damaged;
}
