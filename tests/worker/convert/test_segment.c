/* SPDX-License-Identifier: Apache-2.0 */
#include "common/hash.h"
#include "tests/worker/convert/pictures.h"
#include "worker/media/segment.h"

#define FRAMES 40
#define KEY    "segments/00000/e0-a0.nut"

static const struct row {
    const char *name;
    struct pictures p;
    int64_t base, step;
    bool vfr;
} rows[] = {
    { "H.264, 25 fps",
      { "libx264", "medium", 20, 192, 96, 8, LAYOUT_FULL_SBS, { 1, 25 } },
      0,
      1,
      false },
    { "H.264, NTSC",
      { "libx264", "medium", 20, 192, 96, 8, LAYOUT_FULL_SBS, { 1001, 30000 } },
      777,
      1,
      false },
    { "H.264, 90 kHz",
      { "libx264", "medium", 20, 192, 96, 8, LAYOUT_FULL_TB, { 1, 90000 } },
      900000007,
      3003,
      false },
    { "H.264, milliseconds, VFR",
      { "libx264", "medium", 20, 192, 96, 8, LAYOUT_FULL_SBS, { 1, 1000 } },
      123456,
      33,
      true },
    { "H.264, negative start",
      { "libx264", "medium", 20, 192, 96, 8, LAYOUT_FULL_SBS, { 1, 12800 } },
      -100000,
      512,
      false },
    { "H.264, 10 bit",
      { "libx264", "fast", 20, 192, 96, 10, LAYOUT_HALF_SBS, { 1, 24000 } },
      1001,
      1001,
      false },
    { "H.264, no B-frames",
      { "libx264", "ultrafast", 20, 192, 96, 8, LAYOUT_LEFT, { 1, 25 } },
      5,
      1,
      false },
    { "H.264, very fine",
      { "libx264", "fast", 20, 192, 96, 8, LAYOUT_LEFT, { 1, 27000000 } },
      1000000000000,
      1080000,
      false },
    { "HEVC, 25 fps",
      { "libx265", "medium", 22, 192, 96, 8, LAYOUT_FULL_SBS, { 1, 25 } },
      10,
      1,
      false },
    { "HEVC, 10 bit, NTSC",
      { "libx265", "fast", 22, 192, 96, 10, LAYOUT_FULL_TB, { 1001, 30000 } },
      -50,
      1,
      false },
    { "HEVC, milliseconds, VFR",
      { "libx265", "fast", 22, 192, 96, 8, LAYOUT_FULL_SBS, { 1, 1000 } },
      60000,
      40,
      true },
};

struct packets { /* in decode order */
    struct media_packet *packet[FRAMES];
    int count;
};

static int64_t pts_of(const struct row *row, int n)
{
    return row->base + n * row->step + (row->vfr ? (n * 7) % 5 * (row->step / 6) : 0);
}

static void receive_all(struct media_encoder *encoder, struct packets *out)
{
    struct err err;

    for (;;) {
        struct media_packet *packet;

        CHECK_OK(media_encoder_receive(encoder, &packet, &err), err);
        if (!packet)
            return;
        assert_true(out->count < FRAMES);
        out->packet[out->count++] = packet;
    }
}

/* From picture `first` of them on. */
static void encode(const struct row *row, int first, struct media_encoder *encoder,
                   struct packets *out)
{
    struct err err;

    out->count = 0;
    for (int n = 0; n < FRAMES; n++) {
        struct media_frame *frame = pictures_frame(&row->p, first + n, pts_of(row, n));

        CHECK_OK(media_encoder_send(encoder, frame, &err), err);
        media_frame_unref(&frame);
        receive_all(encoder, out);
    }
    CHECK_OK(media_encoder_send(encoder, NULL, &err), err);
    receive_all(encoder, out);
    CHECK_INT(row->name, out->count, FRAMES);
}

static void write_segment(const struct row *row, struct store *store,
                          struct media_encoder *const *encoders, const struct packets *packets,
                          int films)
{
    const struct segment_opts opts = { row->p.time_base, row->base, films };
    struct store_writer *file;
    struct segment_writer *writer;
    struct err err;

    CHECK_OK(store_writer_open(&file, store, KEY, &err), err);
    CHECK_OK(segment_writer_open(&writer, file, encoders, &opts, &err), err);
    for (int i = 0; i < packets->count; i++)
        for (int film = 0; film < films; film++)
            CHECK_OK(segment_writer_write(writer, film, packets[film].packet[i], &err), err);
    CHECK_OK(segment_writer_finish(writer, &err), err);
    segment_writer_free(writer);
    CHECK_OK(store_writer_commit(file, NULL, &err), err);
    store_writer_free(file);
}

static void read_back(const struct row *row, struct store *store, struct media_encoder *encoder,
                      const struct packets *packets, int film, int films)
{
    const struct segment_opts opts = { row->p.time_base, row->base, films };
    struct encoder_facts facts;
    struct store_reader *file;
    struct segment_reader *reader;
    struct media_packet *packet;
    char hex[HASH_HEX_SIZE];
    struct err err;

    media_encoder_facts(encoder, &facts);
    CHECK_OK(store_reader_open(&file, store, KEY, &err), err);
    CHECK_OK(segment_reader_open(&reader, file, film, &opts, &err), err);
    segment_reader_extradata_sha256(reader, hex);
    CHECK_STR(row->name, hex, facts.extradata_sha256);
    for (int i = 0; i < packets->count; i++) {
        const struct media_packet *want = packets->packet[i];

        CHECK_OK(segment_reader_read(reader, &packet, &err), err);
        if (!packet)
            fail_msg("[%s] ends at packet %d", row->name, i);
        CHECK_INT(row->name, media_packet_pts(packet), media_packet_pts(want));
        CHECK_INT(row->name, media_packet_dts(packet), INT64_MIN);
        CHECK_INT(row->name, media_packet_is_key(packet), media_packet_is_key(want));
        CHECK_INT(row->name, media_packet_size(packet), media_packet_size(want));
        assert_memory_equal(media_packet_data(packet), media_packet_data(want),
                            media_packet_size(want));
        media_packet_free(packet);
    }
    CHECK_OK(segment_reader_read(reader, &packet, &err), err);
    assert_null(packet);
    segment_reader_free(reader);
    store_reader_free(file);
}

/* dts[n] = sorted pts[n - reorder] must be possible: that is how assemble rebuilds them. */
static void check_reorder(const struct row *row, struct media_encoder *encoder,
                          const struct packets *packets)
{
    int reorder = media_encoder_reorder(encoder), most = 0;

    for (int i = 0; i < packets->count; i++) {
        int rank = 0;

        for (int j = 0; j < packets->count; j++)
            rank += media_packet_pts(packets->packet[j]) < media_packet_pts(packets->packet[i]);
        if (i - rank > most)
            most = i - rank;
    }
    if (most > reorder)
        fail_msg("[%s] reorders by %d, says %d", row->name, most, reorder);
}

static void a_segment_comes_back_as_it_was(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct row *row = &rows[i];
        struct media_encoder *encoder = pictures_encoder(&row->p);
        struct packets packets;
        char folder[64];
        struct store *store = pictures_store(folder);

        encode(row, 0, encoder, &packets);
        assert_true(media_packet_is_key(packets.packet[0]));
        CHECK_INT(row->name, media_packet_pts(packets.packet[0]), pts_of(row, 0));
        check_reorder(row, encoder, &packets);
        write_segment(row, store, &encoder, &packets, 1);
        read_back(row, store, encoder, &packets, 0, 1);
        for (int n = 0; n < packets.count; n++)
            media_packet_free(packets.packet[n]);
        media_encoder_free(encoder);
        pictures_store_remove(store, folder);
    }
}

static void check_two_films(const struct row *row, struct store *store)
{
    struct media_encoder *encoders[2];
    struct packets packets[2];

    for (int film = 0; film < 2; film++) {
        encoders[film] = pictures_encoder(&row->p);
        encode(row, 1000 * film, encoders[film], &packets[film]);
    }
    write_segment(row, store, encoders, packets, 2);
    for (int film = 0; film < 2; film++)
        read_back(row, store, encoders[film], &packets[film], film, 2);
    for (int film = 0; film < 2; film++) {
        for (int n = 0; n < packets[film].count; n++)
            media_packet_free(packets[film].packet[n]);
        media_encoder_free(encoders[film]);
    }
}

/* Each reader gives its own film, and one that expects another number of them gives none. */
static void two_films_share_a_segment(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        const struct segment_opts one = { rows[i].p.time_base, rows[i].base, 1 };
        char folder[64];
        struct store *store = pictures_store(folder);
        struct store_reader *file;
        struct segment_reader *reader = NULL;
        struct err err;

        check_two_films(&rows[i], store);
        CHECK_OK(store_reader_open(&file, store, KEY, &err), err);
        CHECK_ERR(segment_reader_open(&reader, file, 0, &one, &err), err, ERR_INTERNAL);
        CHECK_HAS(rows[i].name, err.msg, "it has 2 streams, want 1");
        store_reader_free(file);
        pictures_store_remove(store, folder);
    }
}

static void what_is_no_segment_is_refused(void **state)
{
    char folder[64];
    struct store *store = pictures_store(folder);
    struct store_reader *file;
    struct segment_reader *reader = NULL;
    const struct segment_opts opts = { { 1, 25 }, 0, 1 };
    struct err err;

    (void)state;
    CHECK_OK(store_create(store, KEY, "not a film at all", 17, &err), err);
    CHECK_OK(store_reader_open(&file, store, KEY, &err), err);
    CHECK_ERR(segment_reader_open(&reader, file, 0, &opts, &err), err, ERR_INTERNAL);
    assert_null(reader);
    store_reader_free(file);
    pictures_store_remove(store, folder);
}

static void a_packet_before_the_segment_is_refused(void **state)
{
    struct row row = rows[0];
    const struct segment_opts opts = { row.p.time_base, row.base + 1, 1 };
    struct media_encoder *encoder = pictures_encoder(&row.p);
    struct packets packets;
    char folder[64];
    struct store *store = pictures_store(folder);
    struct store_writer *file;
    struct segment_writer *writer;
    struct err err;

    (void)state;
    encode(&row, 0, encoder, &packets);
    CHECK_OK(store_writer_open(&file, store, KEY, &err), err);
    CHECK_OK(segment_writer_open(&writer, file, &encoder, &opts, &err), err);
    CHECK_ERR(segment_writer_write(writer, 0, packets.packet[0], &err), err, ERR_INTERNAL);
    segment_writer_free(writer);
    store_writer_free(file);
    for (int n = 0; n < packets.count; n++)
        media_packet_free(packets.packet[n]);
    media_encoder_free(encoder);
    pictures_store_remove(store, folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_segment_comes_back_as_it_was),
        cmocka_unit_test(two_films_share_a_segment),
        cmocka_unit_test(what_is_no_segment_is_refused),
        cmocka_unit_test(a_packet_before_the_segment_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
