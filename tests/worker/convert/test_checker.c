/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/worker/convert/pictures.h"
#include "worker/media/av.h"
#include "worker/media/checker.h"

#define FRAMES 30

struct film {
    struct media_encoder *encoder;
    struct media_packet *packet[FRAMES];
    int count;
};

static void film_make(struct film *film, const struct pictures *p)
{
    struct err err;

    film->encoder = pictures_encoder(p);
    film->count = 0;
    for (int n = 0; n <= FRAMES; n++) {
        struct media_frame *frame = n < FRAMES ? pictures_frame(p, n, 100 + n) : NULL;

        CHECK_OK(media_encoder_send(film->encoder, frame, &err), err);
        media_frame_unref(&frame);
        for (;;) {
            CHECK_OK(media_encoder_receive(film->encoder, &film->packet[film->count], &err), err);
            if (!film->packet[film->count])
                break;
            if (++film->count == FRAMES)
                break;
        }
    }
    CHECK_INT(p->codec, film->count, FRAMES);
}

static void film_clear(struct film *film)
{
    for (int i = 0; i < film->count; i++)
        media_packet_free(film->packet[i]);
    media_encoder_free(film->encoder);
}

static void swap_pts(struct film *film, int a, int b)
{
    int64_t pts = media_packet_pts(film->packet[a]);

    media_packet_set_times(film->packet[a], media_packet_pts(film->packet[b]),
                           media_packet_dts(film->packet[a]));
    media_packet_set_times(film->packet[b], pts, media_packet_dts(film->packet[b]));
}

enum harm {
    NONE,
    DROP_FIRST,
    DROP_MIDDLE,
    DROP_LAST,
    FLIP_BLOCK,
    DIM_FRAME,
    SWAP_PTS,
    ZERO_BYTES,
    SHORT_PACKET,
    UNEXPECTED
};

/* The frame as the check is told of it, which may not be what was encoded. */
static struct media_frame *expected(const struct pictures *p, int n, enum harm harm)
{
    struct media_frame *frame = pictures_frame(p, n, 100 + n);
    struct image image = media_frame_image(frame);

    if (n == 17 && harm == FLIP_BLOCK) /* one cell */
        for (int y = 50; y < 72; y++)
            for (int x = 96; x < 112; x++) {
                uint8_t *row = image.plane[0] + y * image.stride[0];

                if (p->bit_depth > 8)
                    ((uint16_t *)(void *)row)[x] ^= 0x1ff;
                else
                    row[x] ^= 0x7f;
            }
    if (n == 9 && harm == DIM_FRAME)
        for (int y = 0; y < image.height; y++)
            for (int x = 0; x < image.width; x++)
                image.plane[0][y * image.stride[0] + x] =
                    (uint8_t)(image.plane[0][y * image.stride[0] + x] + 10);
    return frame;
}

static int feed_all(struct film *film, struct media_checker *checker, enum harm harm,
                    struct err *err)
{
    for (int i = 0; i < FRAMES; i++) {
        AVPacket *av = media_packet_av(film->packet[i]);

        if ((harm == DROP_FIRST && i == 0) || (harm == DROP_MIDDLE && i == 12) ||
            (harm == DROP_LAST && i == FRAMES - 1))
            continue;
        if (harm == ZERO_BYTES && i == 11 && av_packet_make_writable(av) == 0)
            memset(av->data + av->size / 3, 0x55, (size_t)av->size / 3);
        if (harm == SHORT_PACKET && i == 4)
            av_shrink_packet(av, av->size / 2);
        if (media_checker_feed(checker, film->packet[i], err) < 0)
            return -1;
    }
    return media_checker_feed(checker, NULL, err);
}

static const struct pictures kinds[] = {
    { "libx264", "medium", 20, 192, 108, 8, LAYOUT_FULL_SBS, { 1, 25 } },
    { "libx264", "ultrafast", 30, 192, 108, 10, LAYOUT_FULL_TB, { 1, 25 } },
    { "libx265", "fast", 22, 192, 108, 8, LAYOUT_FULL_SBS, { 1, 25 } },
    { "libx265", "superfast", 20, 192, 108, 10, LAYOUT_FULL_TB, { 1, 25 } },
};

static const struct row {
    const char *name;
    enum harm harm;
    const char *part; /* of the message; NULL: it passes */
} rows[] = {
    { "nothing is wrong", NONE, NULL },
    { "the keyframe is lost", DROP_FIRST, "check: " },
    { "a packet is lost", DROP_MIDDLE, "check: " },
    { "the last packet is lost", DROP_LAST, "check: " },
    { "a block of one frame differs", FLIP_BLOCK, "frame 17 (pts 117) decodes differently" },
    { "times of two packets are swapped", SWAP_PTS, "has pts" },
    { "a packet has other bytes", ZERO_BYTES, "check: " },
    { "a packet is cut short", SHORT_PACKET, "check: " },
    { "a frame too many comes out", UNEXPECTED, "too many" },
};

static void check_row(const struct pictures *p, const struct row *row)
{
    int last = row->harm == UNEXPECTED ? FRAMES - 1 : FRAMES;
    struct media_checker *checker;
    struct film film;
    struct err err = { 0 };
    int rc;

    film_make(&film, p);
    CHECK_OK(media_checker_open(&checker, film.encoder, &err), err);
    for (int n = 0; n < last; n++) {
        struct media_frame *frame = expected(p, n, row->harm);

        media_checker_expect(checker, frame);
        media_frame_unref(&frame);
    }
    if (row->harm == SWAP_PTS)
        swap_pts(&film, 8, 9);
    rc = feed_all(&film, checker, row->harm, &err);
    if (row->part ? rc == 0 : rc < 0)
        fail_msg("[%s, %s %d bit] answers %d: %s", row->name, p->codec, p->bit_depth, rc, err.msg);
    if (row->part) {
        CHECK_HAS(row->name, err.msg, row->part);
        CHECK_INT(row->name, err.code, ERR_INTERNAL);
    } else {
        CHECK_INT(row->name, media_checker_frames(checker), FRAMES);
    }
    media_checker_free(checker);
    film_clear(&film);
}

static void the_check_finds_what_is_wrong(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(kinds); k++)
        for (size_t i = 0; i < COUNT(rows); i++)
            check_row(&kinds[k], &rows[i]);
}

static void ten_levels_darker_is_found(void **state)
{
    const struct row row = { "a frame is darker", DIM_FRAME, "frame 9 (pts 109)" };

    (void)state;
    check_row(&kinds[0], &row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_check_finds_what_is_wrong),
        cmocka_unit_test(ten_levels_darker_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
