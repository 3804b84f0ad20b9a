/* SPDX-License-Identifier: Apache-2.0
 *
 * plan_run as the worker calls it: once, again, eight at a time, of films that are none.
 */
#include "common/file.h"
#include "common/json.h"
#include "common/mem.h"
#include "tests/common/check.h"
#include "tests/worker/media_source/films.h"
#include "worker/job.h"
#include "worker/plan/probe_json.h"

#include <sys/wait.h>

#define PLANNERS 8

struct world {
    char root[64];
    struct store *store;
    struct job job;
};

static int set_up(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    struct err err;

    (void)snprintf(world->root, sizeof(world->root), "/tmp/plan-XXXXXX");
    if (!mkdtemp(world->root) || store_open(&world->store, world->root, &err) < 0)
        return -1;
    world->job.store = world->store;
    (void)snprintf(world->job.uid, sizeof(world->job.uid), "uid-1");
    world->job.id.stage = STAGE_PLAN;
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    struct err err;
    int rc;

    spec_free(world->job.spec);
    store_free(world->store);
    rc = file_remove_tree(world->root, &err);
    free(world);
    return rc;
}

static struct job *job_of(struct world *world, const char *path)
{
    spec_free(world->job.spec);
    world->job.spec = film_spec(path, 0, DEPTH_CLASSICAL);
    return &world->job;
}

static struct job *job_for(struct world *world, const char *film)
{
    char path[FILM_PATH_SIZE];

    film_path(path, film);
    return job_of(world, path);
}

/* A file of the test's own. Caller frees. */
static char *put(const struct world *world, const char *name, const void *data, size_t len)
{
    char *path = xasprintf("%s/%s", world->root, name);
    struct err err;

    CHECK_OK(file_write(path, data, len, &err), err);
    return path;
}

static char *load(const char *name, size_t *len)
{
    char path[FILM_PATH_SIZE], *data;
    struct err err;

    film_path(path, name);
    CHECK_OK(file_read(&data, len, path, 8 << 20, &err), err);
    return data;
}

static void a_plan_is_made_once(void **state)
{
    struct world *world = *state;
    struct job *job = job_for(world, "h264.mp4");
    AUTO(plan) struct plan *plan = NULL;
    struct record first, again;
    struct err err;

    CHECK_OK(plan_run(job, &first, &err), err);
    CHECK_INT("first", first.frames, 50);
    CHECK_INT("first", first.duration_ms, 2000);
    CHECK_STR("first", first.codec, "libx264");
    CHECK_INT("first", first.packed_width, 320);
    CHECK_STR("first", first.warning, "");
    CHECK_STR("first", first.uid, "uid-1");
    CHECK_STR("first", first.build, job_build());
    assert_true(first.memory_bytes > (64u << 20));
    CHECK_OK(plan_run(job, &again, &err), err);
    CHECK_INT("again", again.frames, first.frames);
    CHECK_INT("again", again.segments, first.segments);
    CHECK_OK(job_load_plan(job, &plan, &err), err);
    CHECK_INT("plan", plan->video.frames, 50);
    CHECK_STR("plan", plan->source.format, "mov");
    CHECK_STR("plan", plan->video.codec, "h264");
    CHECK_INT("plan", plan->segment_count, first.segments);
}

static void no_plan_yet_is_a_dependency(void **state)
{
    struct world *world = *state;
    struct plan *plan;
    struct err err;

    assert_int_equal(job_load_plan(&world->job, &plan, &err), -1);
    assert_int_equal(err.code, ERR_DEPENDENCY);
}

static void eight_planners_agree(void **state)
{
    struct world *world = *state;
    struct job *job = job_for(world, "h264_open.mkv");
    AUTO(plan) struct plan *plan = NULL;
    pid_t pids[PLANNERS];
    struct err err;

    for (int i = 0; i < PLANNERS; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            struct record record;

            _exit(plan_run(job, &record, &err) == 0 && record.frames == 50 ? 0 : 1);
        }
    }
    for (int i = 0; i < PLANNERS; i++) {
        int status;

        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_int_equal(status, 0);
    }
    CHECK_OK(job_load_plan(job, &plan, &err), err);
}

static void another_film_under_the_name_is_refused(void **state)
{
    struct world *world = *state;
    size_t len;
    AUTO_FREE char *data = load("h264.mp4", &len);
    AUTO_FREE char *path = put(world, "film.mp4", data, len);
    struct job *job = job_of(world, path);
    struct record record;
    struct err err;

    CHECK_OK(plan_run(job, &record, &err), err);
    data[len - 1] ^= 1;
    free(put(world, "film.mp4", data, len));
    assert_int_equal(plan_run(job, &record, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    CHECK_HAS("changed", err.msg, "changed");
}

/* Everything inside mdat is overwritten: a plan by the index does not notice. */
static void media_bytes_are_not_looked_at(void **state)
{
    struct world *world = *state;
    size_t len, at = 0;
    AUTO_FREE char *data = load("h264.mp4", &len);
    AUTO_FREE char *path = NULL;
    AUTO(film) struct film *good = NULL;
    AUTO(film) struct film *bad = NULL;
    char good_path[FILM_PATH_SIZE];
    struct film_opts opts = { .what = "film" };
    struct err err;

    while (memcmp(data + at + 4, "mdat", 4) != 0)
        at += (size_t)(uint8_t)data[at + 2] << 8 | (uint8_t)data[at + 3];
    memset(data + at + 8, 0xa5,
           ((size_t)(uint8_t)data[at + 1] << 16 | (size_t)(uint8_t)data[at + 2] << 8 |
            (uint8_t)data[at + 3]) -
               8);
    path = put(world, "blank.mp4", data, len);
    film_path(good_path, "h264.mp4");
    opts.uri = good_path;
    CHECK_OK(film_open(&good, &opts, &err), err);
    opts.uri = path;
    CHECK_OK(film_open(&bad, &opts, &err), err);
    CHECK_INT("frames", bad->frame_count, good->frame_count);
    assert_memory_equal(bad->frames, good->frames, good->frame_count * sizeof(*good->frames));
    CHECK_INT("depth", film_video(bad)->bit_depth, 8);
    CHECK_INT("width", film_video(bad)->width, 160);
}

static void what_is_no_film_is_refused(void **state)
{
    static const struct {
        const char *name, *data;
        enum err_code code;
        const char *words;
    } rows[] = {
        { "empty.mp4", "", ERR_INPUT, "empty" },
        { "text.mp4", "this is no film, however long one looks at it\n", ERR_INPUT, "not a film" },
        { "list.m3u8", "#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:5,\n/etc/passwd\n#EXT-X-ENDLIST\n",
          ERR_INPUT, "not a film" },
        { "list.ffconcat", "ffconcat version 1.0\nfile '/etc/passwd'\n", ERR_INPUT, "not a film" },
        { "half.mp4",
          "\0\0\0\x14"
          "ftypisom\0\0\2\0isom",
          ERR_INPUT, "film" },
    };
    struct world *world = *state;
    struct record record;
    struct err err;

    for (size_t i = 0; i < COUNT(rows); i++) {
        size_t len = rows[i].data[0] ? strlen(rows[i].data) : i == 4 ? 20 : 0;
        AUTO_FREE char *path = put(world, rows[i].name, rows[i].data, len);

        CHECK_INT(rows[i].name, plan_run(job_of(world, path), &record, &err), -1);
        CHECK_INT(rows[i].name, err.code, rows[i].code);
        CHECK_HAS(rows[i].name, err.msg, rows[i].words);
        CHECK_HAS(rows[i].name, err.msg, "spec.source.uri");
    }
    assert_int_equal(plan_run(job_of(world, "/no/such/film.mp4"), &record, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_int_equal(plan_run(job_of(world, "/tmp"), &record, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
}

static void sound_alone_is_no_film(void **state)
{
    struct world *world = *state;
    AUTO_FREE char *path = xasprintf("%s/sound.mp4", world->root);
    AUTO_FREE char *command =
        xasprintf("ffmpeg -v error -nostdin -f lavfi -i sine=duration=1 %s", path);
    struct record record;
    struct err err;

    assert_int_equal(system(command), 0);
    assert_int_equal(plan_run(job_of(world, path), &record, &err), -1);
    assert_int_equal(err.code, ERR_INPUT);
    CHECK_HAS("sound", err.msg, "no video stream");
}

static void it_stops_when_told(void **state)
{
    static const volatile sig_atomic_t stop = 1;
    struct world *world = *state;
    struct job *job = job_for(world, "h264.mp4");
    struct record record;
    struct err err;

    job->should_stop = &stop;
    assert_int_equal(plan_run(job, &record, &err), -1);
    assert_int_equal(err.code, ERR_INTERRUPTED);
}

static void a_film_that_cannot_be_sought_is_cut_into_pieces(void **state)
{
    struct world *world = *state;
    struct job *job = job_for(world, "jump.ts");
    AUTO(plan) struct plan *plan = NULL;
    struct record record;
    struct err err;

    CHECK_OK(plan_run(job, &record, &err), err);
    CHECK_HAS("jump", record.warning, "clock jumps");
    CHECK_OK(job_load_plan(job, &plan, &err), err);
    assert_true(plan->pieces);
    for (uint32_t i = 0; i < plan->segment_count; i++) {
        AUTO(store_reader) struct store_reader *reader = NULL;

        CHECK_OK(store_reader_open(&reader, world->store, plan->piece[i], &err), err);
        assert_true(store_reader_stat(reader)->size > 1000);
    }
}

static void probe_says_what_is_there(void **state)
{
    struct world *world = *state;
    struct job *job = job_for(world, "h264_open.ts");
    struct film_opts opts = { .uri = job->spec->source_uri, .what = "film" };
    AUTO(film) struct film *film = NULL;
    AUTO(plan) struct plan *plan = NULL;
    AUTO(cJSON) cJSON *doc = NULL;
    AUTO_FREE char *text = NULL;
    struct err err;

    CHECK_OK(film_open(&film, &opts, &err), err);
    CHECK_OK(plan_draft(&plan, film, job->spec, &err), err);
    doc = probe_document(film, plan, plan, 2.0);
    text = json_print(doc);
    CHECK_HAS("probe", text, "\"read\":\"all packets\"");
    CHECK_HAS("probe", text, "\"frames\":50");
    CHECK_HAS("probe", text, "\"longestGop\":12");
    CHECK_HAS("probe", text, "\"variableFrameRate\":false");
    CHECK_HAS("probe", text, "\"codec\":\"libx264\"");
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_plan_is_made_once),
        T(no_plan_yet_is_a_dependency),
        T(eight_planners_agree),
        T(another_film_under_the_name_is_refused),
        T(media_bytes_are_not_looked_at),
        T(what_is_no_film_is_refused),
        T(sound_alone_is_no_film),
        T(it_stops_when_told),
        T(a_film_that_cannot_be_sought_is_cut_into_pieces),
        T(probe_says_what_is_there),
    };

    media_quiet();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
