/* SPDX-License-Identifier: Apache-2.0 */
#include "common/hash.h"
#include "tests/worker/convert/pictures.h"
#include "worker/media/av.h"

#include <libavutil/stereo3d.h>

#define FRAMES 30

/* sha256 over every packet's bytes; the last packet's times go to *pts, *dts. */
static void encode_hash(const struct pictures *p, int64_t start, char hex[HASH_HEX_SIZE],
                        int *count)
{
    struct media_encoder *encoder = pictures_encoder(p);
    struct hash *hash = hash_new();
    struct err err;

    *count = 0;
    for (int n = 0; n <= FRAMES; n++) {
        struct media_frame *frame = n < FRAMES ? pictures_frame(p, n, start + n) : NULL;
        struct media_packet *packet;

        CHECK_OK(media_encoder_send(encoder, frame, &err), err);
        media_frame_unref(&frame);
        for (;;) {
            CHECK_OK(media_encoder_receive(encoder, &packet, &err), err);
            if (!packet)
                break;
            assert_true(media_packet_dts(packet) <= media_packet_pts(packet));
            assert_true(media_packet_pts(packet) >= start);
            hash_update(hash, media_packet_data(packet), media_packet_size(packet));
            media_packet_free(packet);
            ++*count;
        }
    }
    hash_final(hash, hex);
    hash_free(hash);
    media_encoder_free(encoder);
}

static const struct pictures kinds[] = {
    { "libx264", "medium", 20, 192, 96, 8, LAYOUT_FULL_SBS, { 1, 25 } },
    { "libx264", "fast", 0, 192, 96, 10, LAYOUT_HALF_TB, { 1, 90000 } },
    { "libx265", "fast", 22, 192, 96, 8, LAYOUT_FULL_SBS, { 1, 25 } },
    { "libx265", "superfast", 22, 192, 96, 10, LAYOUT_FULL_TB, { 1001, 24000 } },
    { "mpeg4", "", -1, 192, 96, 8, LAYOUT_FULL_SBS, { 1, 25 } },
};

static void the_same_frames_give_the_same_bytes(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        char once[HASH_HEX_SIZE], twice[HASH_HEX_SIZE], elsewhere[HASH_HEX_SIZE];
        int count;

        encode_hash(&kinds[i], 0, once, &count);
        CHECK_INT(kinds[i].codec, count, FRAMES);
        encode_hash(&kinds[i], 0, twice, &count);
        CHECK_STR(kinds[i].codec, once, twice);
        encode_hash(&kinds[i], -777777, elsewhere, &count);
        CHECK_STR(kinds[i].codec, once, elsewhere);
    }
}

/* Every byte of the packet is in a unit behind its length. */
static void check_lengths(const char *name, const struct media_packet *packet)
{
    const uint8_t *data = media_packet_data(packet);
    size_t size = media_packet_size(packet), at = 0;

    while (at + 4 < size) {
        size_t len =
            (size_t)data[at] << 24 | (size_t)data[at + 1] << 16 | data[at + 2] << 8 | data[at + 3];

        if (len == 0)
            fail_msg("[%s] an empty unit at %zu", name, at);
        at += 4 + len;
    }
    CHECK_INT(name, at, size);
}

/* As MP4 and Matroska have them: who joins segments must not search them for start codes. */
static void units_stand_behind_their_lengths(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(kinds) - 1; i++) {
        struct media_encoder *encoder = pictures_encoder(&kinds[i]);
        const AVCodecParameters *par = media_encoder_parameters(encoder);
        struct err err;
        int count = 0;

        assert_true(par->extradata_size > 4);
        CHECK_INT(kinds[i].codec, par->extradata[0], 1);
        for (int n = 0; n <= FRAMES; n++) {
            struct media_frame *frame = n < FRAMES ? pictures_frame(&kinds[i], n, n) : NULL;
            struct media_packet *packet;

            CHECK_OK(media_encoder_send(encoder, frame, &err), err);
            media_frame_unref(&frame);
            for (;; count++) {
                CHECK_OK(media_encoder_receive(encoder, &packet, &err), err);
                if (!packet)
                    break;
                check_lengths(kinds[i].codec, packet);
                media_packet_free(packet);
            }
        }
        CHECK_INT(kinds[i].codec, count, FRAMES);
        media_encoder_free(encoder);
    }
}

static void the_facts_are_exact(void **state)
{
    struct media_encoder *encoder = pictures_encoder(&kinds[0]);
    struct encoder_facts facts, other;
    struct err err;

    (void)state;
    media_encoder_facts(encoder, &facts);
    CHECK_STR("x264", facts.options,
              "preset=medium:crf=20:threads=4:"
              "x264-params=open-gop=0:stitchable=1:frame-packing=3");
    CHECK_STR("x264", facts.codec, "libx264");
    CHECK_STR("x264", facts.pix_fmt, "yuv420p");
    CHECK_HAS("x264", facts.build, "x264");
    CHECK_INT("x264", media_encoder_reorder(encoder), 2);
    media_encoder_free(encoder);
    encoder = pictures_encoder(&kinds[3]);
    media_encoder_facts(encoder, &other);
    CHECK_STR("x265", other.options,
              "preset=superfast:crf=22:threads=4:"
              "x265-params=pools=4:frame-threads=1:open-gop=0:info=0:log-level=error");
    CHECK_ERR(encoder_facts_compare(&facts, &other, &err), err, ERR_GPU);
    media_encoder_free(encoder);
    encoder = pictures_encoder(&kinds[4]);
    media_encoder_facts(encoder, &other);
    CHECK_STR("mpeg4", other.options, "qscale=3:threads=4:sc_threshold=1000000000");
    media_encoder_free(encoder);
}

static void a_bad_order_names_what_is_bad(void **state)
{
    static const struct row {
        const char *codec, *preset;
        int crf;
        enum err_code code;
        const char *part;
        int ticks; /* a second; 0: 25 */
    } rows[] = {
        { "libx264", "mediun", 20, ERR_CONFIG, "did you mean medium?", 0 },
        { "libx265", "9", 20, ERR_CONFIG, "'9' is not a preset of libx265", 0 },
        { "mpeg4", "fast", -1, ERR_CONFIG, "mpeg4 has no presets", 0 },
        { "mpeg4", "", 20, ERR_CONFIG, "mpeg4 has no option crf", 0 },
        { "mpeg4", "", -1, ERR_CONFIG, "in at most 65535 parts of a second, the film in 90000",
          90000 },
        { "libx999", "", -1, ERR_GPU, "libx999 is not in this build", 0 },
        { "aac", "", -1, ERR_GPU, "aac is not in this build", 0 },
    };
    struct plan_video video = { .time_base = { 1, 25 } };
    struct media_encoder_opts opts = {
        .bit_depth = 8, .width = 64, .height = 64, .sar = { 1, 1 }, .video = &video
    };
    struct media_encoder *encoder = NULL;
    struct err err;

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        opts.codec = rows[i].codec;
        opts.preset = rows[i].preset;
        opts.crf = rows[i].crf;
        video.time_base.den = rows[i].ticks ? rows[i].ticks : 25;
        CHECK_ERR(media_encoder_open(&encoder, &opts, &err), err, rows[i].code);
        CHECK_HAS(rows[i].codec, err.msg, rows[i].part);
        assert_null(encoder);
    }
}

/* A finished frame, or NULL while the decoder waits. */
static AVFrame *decode_one(AVCodecContext *ctx, struct media_packet *packet)
{
    AVFrame *frame = av_frame_alloc();

    assert_int_equal(avcodec_send_packet(ctx, packet ? media_packet_av(packet) : NULL), 0);
    if (avcodec_receive_frame(ctx, frame) == 0)
        return frame;
    av_frame_free(&frame);
    return NULL;
}

static void check_mark(const struct pictures *p, const AVFrame *frame)
{
    const AVFrameSideData *side = av_frame_get_side_data(frame, AV_FRAME_DATA_STEREO3D);
    bool sbs = p->layout == LAYOUT_FULL_SBS || p->layout == LAYOUT_HALF_SBS;
    const AVStereo3D *stereo;

    if (p->layout == LAYOUT_LEFT) {
        assert_null(side);
        return;
    }
    if (!side)
        fail_msg("[%s] is not marked as 3D", p->codec);
    stereo = (const AVStereo3D *)(const void *)side->data;
    CHECK_INT(p->codec, stereo->type, sbs ? AV_STEREO3D_SIDEBYSIDE : AV_STEREO3D_TOPBOTTOM);
    CHECK_INT(p->codec, stereo->flags, 0);
}

static void the_stream_says_how_it_is_packed(void **state)
{
    static const struct pictures marked[] = {
        { "libx264", "fast", 20, 192, 96, 8, LAYOUT_FULL_SBS, { 1, 25 } },
        { "libx264", "fast", 20, 192, 96, 10, LAYOUT_HALF_TB, { 1, 25 } },
        { "libx264", "fast", 20, 192, 96, 8, LAYOUT_LEFT, { 1, 25 } },
        { "libx265", "fast", 22, 192, 96, 8, LAYOUT_HALF_SBS, { 1, 25 } },
        { "libx265", "fast", 22, 192, 96, 10, LAYOUT_FULL_TB, { 1, 25 } },
        { "libx265", "fast", 22, 192, 96, 8, LAYOUT_LEFT, { 1, 25 } },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(marked); i++) {
        struct media_encoder *encoder = pictures_encoder(&marked[i]);
        const AVCodecParameters *par = media_encoder_parameters(encoder);
        AVCodecContext *ctx = avcodec_alloc_context3(avcodec_find_decoder(par->codec_id));
        struct media_frame *frame = pictures_frame(&marked[i], 0, 0);
        struct media_packet *packet;
        AVFrame *seen;
        struct err err;

        CHECK_INT(marked[i].codec, par->color_primaries, 1);
        ctx->thread_count = 1;
        assert_true(avcodec_parameters_to_context(ctx, par) >= 0);
        assert_int_equal(avcodec_open2(ctx, ctx->codec, NULL), 0);
        CHECK_OK(media_encoder_send(encoder, frame, &err), err);
        CHECK_OK(media_encoder_send(encoder, NULL, &err), err);
        CHECK_OK(media_encoder_receive(encoder, &packet, &err), err);
        assert_true(packet && media_packet_is_key(packet));
        seen = decode_one(ctx, packet);
        if (!seen)
            seen = decode_one(ctx, NULL);
        assert_non_null(seen);
        check_mark(&marked[i], seen);
        av_frame_free(&seen);
        avcodec_free_context(&ctx);
        media_packet_free(packet);
        media_frame_unref(&frame);
        media_encoder_free(encoder);
    }
}

static void half_layouts_change_the_pixel_shape(void **state)
{
    static const struct {
        enum layout layout;
        struct ratio view, want;
    } rows[] = {
        { LAYOUT_FULL_SBS, { 1, 1 }, { 1, 1 } },  { LAYOUT_HALF_SBS, { 1, 1 }, { 2, 1 } },
        { LAYOUT_HALF_TB, { 1, 1 }, { 1, 2 } },   { LAYOUT_HALF_SBS, { 0, 1 }, { 2, 1 } },
        { LAYOUT_FULL_TB, { 0, 1 }, { 0, 1 } },   { LAYOUT_HALF_TB, { 64, 45 }, { 32, 45 } },
        { LAYOUT_HALF_SBS, { 8, 18 }, { 8, 9 } },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct ratio got = media_packed_sar(rows[i].layout, rows[i].view);

        CHECK_INT(layout_flag(rows[i].layout), got.num, rows[i].want.num);
        CHECK_INT(layout_flag(rows[i].layout), got.den, rows[i].want.den);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_frames_give_the_same_bytes),
        cmocka_unit_test(units_stand_behind_their_lengths),
        cmocka_unit_test(the_facts_are_exact),
        cmocka_unit_test(a_bad_order_names_what_is_bad),
        cmocka_unit_test(the_stream_says_how_it_is_packed),
        cmocka_unit_test(half_layouts_change_the_pixel_shape),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
