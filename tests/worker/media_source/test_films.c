/* SPDX-License-Identifier: Apache-2.0
 *
 * Plan's frames are the frames that the ffmpeg tool sees; and wherever a film is cut, a segment's
 * seek, lead and tail give exactly its frames, with exactly the pixels of a decode from the start.
 */
#include "tests/worker/media_source/films.h"

#include "common/file.h"
#include "common/mem.h"
#include "tests/common/check.h"
#include "tests/worker/media_source/film_table.h"
#include "worker/media/piece.h"
#include "worker/plan/pieces.h"

static struct film *open_film(const char *name)
{
    char path[FILM_PATH_SIZE];
    struct film_opts opts = { .uri = path, .what = name };
    struct film *film;
    struct err err;

    film_path(path, name);
    CHECK_OK(film_open(&film, &opts, &err), err);
    return film;
}

static void frames_are_those_of_the_tool(const struct film_row *row, const struct film *film)
{
    AUTO_FREE int64_t *want = NULL;
    size_t count = film_probe(&want, row->name, row->options ? row->options : "", film->video);
    enum seen seen = film->decoded ? DECODED : film->indexed ? INDEX : FULL;

    CHECK_INT(row->name, seen, row->seen);
    CHECK_INT(row->name, film_needs_pieces(film), row->pieces);
    if (row->frames)
        CHECK_INT(row->name, film->frame_count, row->frames);
    else
        CHECK_INT(row->name, film->frame_count, count);
    for (size_t i = 0; i < film->frame_count && !row->unlike_tool; i++)
        if (want[i] != TOOL_KNOWS_NOT)
            CHECK_INT(row->name, film->frames[i].pts, want[i]);
    assert_true(film->end > film->frames[film->frame_count - 1].pts);
}

static struct media_decoder *decoder_of(const struct plan *plan, struct media_source *source,
                                        bool ordinals)
{
    struct media_decoder_opts opts = {
        .stream = plan->pieces ? 0 : plan->video.stream,
        .bit_depth = plan->video.bit_depth,
        .threads = 2,
        .rotation = plan->video.rotation,
        .width = plan->video.width,
        .height = plan->video.height,
        .ordinals = ordinals,
    };
    struct media_decoder *decoder;
    struct err err;

    CHECK_OK(media_decoder_open(&decoder, source, &opts, &err), err);
    return decoder;
}

/* The frames of lead <= pts < tail must be those of the whole film, in order and in pixels. */
static void compare_segment(const char *name, const struct plan_segment *segment,
                            const struct picture *whole, size_t whole_count,
                            const struct picture *got, size_t count)
{
    size_t at = 0, owned = 0;

    while (at < whole_count && whole[at].pts < segment->lead_pts)
        at++;
    if (count)
        assert_true(got[0].pts >= segment->seek_pts); /* no leading pictures */
    for (size_t i = 0; i < count; i++) {
        if (got[i].pts < segment->lead_pts)
            continue;
        assert_true(at < whole_count);
        if (got[i].pts != whole[at].pts || got[i].crc != whole[at].crc)
            fail_msg("[%s] segment at %lld: frame %lld (crc %08x), want %lld (crc %08x)", name,
                     (long long)segment->start_pts, (long long)got[i].pts, got[i].crc,
                     (long long)whole[at].pts, whole[at].crc);
        owned += got[i].pts >= segment->start_pts && got[i].pts < segment->end_pts;
        at++;
    }
    if (owned != (size_t)segment->frames)
        fail_msg("[%s] segment at %lld (seek %lld/%lld, tail %lld): %zu of %lld frames", name,
                 (long long)segment->start_pts, (long long)segment->seek_pts,
                 (long long)segment->seek_dts, (long long)segment->tail_pts, owned,
                 (long long)segment->frames);
    assert_true(at == whole_count || whole[at].pts >= segment->tail_pts);
}

/* All frames in order, from one decode. Pieces: of the film as one piece. */
static size_t decode_whole(struct picture **out, const struct film *film, const struct plan *plan)
{
    AUTO(media_source) struct media_source *source = NULL;
    AUTO(media_decoder) struct media_decoder *decoder = NULL;
    struct plan seekable = *plan;
    struct err err;

    seekable.pieces = false;
    CHECK_OK(film_source(film, &source, &err), err);
    decoder = decoder_of(&seekable, source, film->restamped);
    return film_decode(out, decoder, INT64_MAX);
}

static void check_whole(const struct film *film, const struct picture *whole, size_t count)
{
    CHECK_INT(film->what, count, film->frame_count);
    for (size_t i = 0; i < count && !film->restamped; i++)
        CHECK_INT(film->what, whole[i].pts, film->frames[i].pts);
}

static void segments_by_seeking(const struct film *film, const struct plan *plan,
                                const struct picture *whole, size_t whole_count)
{
    AUTO(media_source) struct media_source *source = NULL;
    AUTO(media_decoder) struct media_decoder *decoder = NULL;
    struct err err;

    CHECK_OK(film_source(film, &source, &err), err);
    decoder = decoder_of(plan, source, false);
    for (uint32_t i = plan->segment_count; i-- > 0;) {
        const struct plan_segment *segment = &plan->segments[i];
        AUTO_FREE struct picture *got = NULL;
        size_t count;

        CHECK_OK(media_decoder_seek(decoder, segment->seek_pts, segment->seek_dts, &err), err);
        count = film_decode(&got, decoder, segment->tail_pts);
        compare_segment(film->what, segment, whole, whole_count, got, count);
    }
}

/* Restamped films: the pictures of the whole get the plan's times. */
static void restamp(const struct film *film, struct picture *whole, size_t count)
{
    for (size_t i = 0; i < count && i < film->frame_count; i++)
        whole[i].pts = film->frames[i].pts;
}

static void segments_by_pieces(const struct film *film, struct plan *plan,
                               const struct picture *whole, size_t whole_count)
{
    char folder[] = "/tmp/pieces-XXXXXX";
    AUTO(store) struct store *store = NULL;
    struct job job = { .id = { .stage = STAGE_PLAN } };
    struct err err;

    assert_non_null(mkdtemp(folder));
    CHECK_OK(store_open(&store, folder, &err), err);
    job.store = store;
    CHECK_OK(plan_write_pieces(&job, film, plan, &err), err);
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        const struct plan_segment *segment = &plan->segments[i];
        AUTO(store_reader) struct store_reader *reader = NULL;
        AUTO(media_source) struct media_source *source = NULL;
        AUTO(media_decoder) struct media_decoder *decoder = NULL;
        AUTO_FREE struct picture *got = NULL;
        size_t count;

        CHECK_OK(store_reader_open(&reader, store, plan->piece[i], &err), err);
        CHECK_OK(media_source_open_piece(&source, reader, film->what, &err), err);
        decoder = decoder_of(plan, source, false);
        CHECK_OK(media_decoder_seek(decoder, segment->seek_pts, segment->seek_dts, &err), err);
        count = film_decode(&got, decoder, segment->tail_pts);
        compare_segment(film->what, segment, whole, whole_count, got, count);
    }
    CHECK_OK(file_remove_tree(folder, &err), err);
}

static struct plan *draft(const struct film *film, double seconds, enum segment_mode mode)
{
    AUTO(job_spec) struct job_spec *spec = film_spec(film->uri, seconds, DEPTH_VIDEO);
    struct plan *plan;
    struct err err;

    spec->segment_mode = mode;
    CHECK_OK(plan_draft(&plan, film, spec, &err), err);
    return plan;
}

/* One frame a segment: every place in the film is a cut. */
static void every_cut_gives_its_frames(const struct film *film)
{
    AUTO(plan) struct plan *plan = draft(film, 1e-6, SEGMENT_INDEX);
    AUTO(plan) struct plan *pieces = draft(film, 0.3, SEGMENT_COPY);
    AUTO_FREE struct picture *whole = NULL;
    size_t count = decode_whole(&whole, film, plan);

    check_whole(film, whole, count);
    restamp(film, whole, count);
    if (!plan->pieces) {
        if (!film_is_vfr(film)) /* parts of one length may fall on one frame */
            CHECK_INT(film->what, plan->segment_count, film->frame_count);
        segments_by_seeking(film, plan, whole, count);
    }
    segments_by_pieces(film, pieces, whole, count);
}

/* Who does not ask for the pictures sees the same streams. */
static void no_pictures_no_other_streams(const struct film *film)
{
    AUTO(media_source) struct media_source *plain = NULL, *other = NULL;
    AUTO(store_reader) struct store_reader *reader = NULL;
    struct media_source_opts opts = { .no_pictures = true, .what = film->what };
    struct err err;

    CHECK_OK(film_source(film, &plain, &err), err);
    CHECK_OK(store_reader_open_uri(&reader, STORE_SOURCE, film->uri, film->what, &err), err);
    CHECK_OK(media_source_open(&other, reader, &opts, &err), err);
    CHECK_INT(film->what, media_source_streams(other), media_source_streams(plain));
    for (int i = 0; i < media_source_streams(plain); i++) {
        const struct media_stream *want = media_source_stream(plain, i);
        const struct media_stream *got = media_source_stream(other, i);

        CHECK_INT(film->what, got->type, want->type);
        CHECK_STR(film->what, got->codec, want->codec);
        CHECK_INT(film->what, got->time_base.den, want->time_base.den);
        CHECK_INT(film->what, got->rotation, want->rotation);
        CHECK_INT(film->what, got->channels, want->channels);
    }
}

static void check_film(void **state)
{
    const struct film_row *row = *state;
    AUTO(film) struct film *film = open_film(row->name);

    no_pictures_no_other_streams(film);
    frames_are_those_of_the_tool(row, film);
    every_cut_gives_its_frames(film);
}

static int run(const struct film_row *rows, size_t count, const char *only)
{
    struct CMUnitTest tests[COUNT(short_films) + COUNT(long_films)];
    size_t n = 0;

    for (size_t i = 0; i < count; i++) {
        if (only && strcmp(only, rows[i].name) != 0)
            continue;
        tests[n++] = (struct CMUnitTest){ .name = rows[i].name,
                                          .test_func = check_film,
                                          .initial_state = (void *)&rows[i] };
    }
    return _cmocka_run_group_tests("films", tests, n, NULL, NULL);
}

/* short, long, or the name of one film. */
int main(int argc, char **argv)
{
    const char *set = argc > 1 ? argv[1] : "short";

    media_quiet();
    if (strcmp(set, "short") == 0)
        return run(short_films, COUNT(short_films), NULL);
    if (strcmp(set, "long") == 0)
        return run(long_films, COUNT(long_films), NULL);
    return run(short_films, COUNT(short_films), set) + run(long_films, COUNT(long_films), set);
}
