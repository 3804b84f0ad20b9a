/* SPDX-License-Identifier: Apache-2.0
 *
 * Whole attempts at small films: what comes out, who wins, what is refused. With the argument
 * "small" only what ThreadSanitizer can bear.
 */
#include "common/clock.h"
#include "common/file.h"
#include "common/mem.h"
#include "tests/worker/convert/world.h"

#include <pthread.h>
#include <sys/stat.h>
#include <sys/time.h>

#define SOURCE "-f lavfi -i testsrc2=size=160x96:rate=25:duration=6 "
#define SMALL  "-f lavfi -i testsrc2=size=64x48:rate=25:duration=1 -c:v libx264 -g 10 "

static const struct row {
    const char *name, *file, *args;
    const char *codec; /* of ours; all lossless */
    int crf;
} rows[] = {
    { "H.264", "film.mp4", SOURCE "-c:v libx264 -g 20 -bf 2 -pix_fmt yuv420p", "libx264", 0 },
    { "H.264, open GOP", "film.mp4",
      SOURCE "-c:v libx264 -pix_fmt yuv420p -x264-params open-gop=1:keyint=24:bframes=3 -force_key_"
             "frames expr:gte\\(t,n_forced*0.9\\)",
      "libx264", 0 },
    { "HEVC 10 bit, open GOP", "film.mkv",
      SOURCE "-c:v libx265 -preset ultrafast -pix_fmt yuv420p10le "
             "-x265-params open-gop=1:keyint=20:bframes=3:log-level=none",
      "ffv1", -1 },
    { "VFR in milliseconds", "film.mkv",
      SOURCE "-vf \"select='not(mod(n,3))+not(mod(n,5))'\" -fps_mode vfr -c:v libx264 -g 12 "
             "-pix_fmt yuv420p",
      "libx264", 0 },
    { "NTSC, late start", "film.mp4",
      "-f lavfi -i testsrc2=size=160x96:rate=30000/1001:duration=5 -c:v libx264 -g 15 -bf 2 "
      "-pix_fmt yuv420p -output_ts_offset 3",
      "libx264", 0 },
    { "one keyframe", "film.mp4", SOURCE "-c:v libx264 -g 1000 -bf 2 -pix_fmt yuv420p", "libx264",
      0 },
};

static struct world_frame *convert_all(struct world *world, const char *name, double seconds,
                                       uint32_t want_segments, size_t *count)
{
    struct record record;
    struct err err;

    world_plan(world, seconds);
    if (want_segments)
        CHECK_INT(name, world->plan.segments, want_segments);
    for (uint32_t i = 0; i < world->plan.segments; i++) {
        if (world_convert(world, i, 0, &record, &err) < 0)
            fail_msg("[%s] %s", name, err.msg);
        CHECK_INT(name, record.id.index, i);
        assert_true(record.bytes > 0 && record.frames > 0);
    }
    return world_frames(world, count);
}

static void check_same(const char *name, const struct world_frame *a, size_t a_count,
                       const struct world_frame *b, size_t b_count)
{
    CHECK_INT(name, b_count, a_count);
    for (size_t i = 0; i < a_count; i++) {
        if (strcmp(a[i].hash, b[i].hash) != 0)
            fail_msg("[%s] frame %zu differs", name, i);
    }
}

static void the_cut_does_not_change_the_frames(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct world world;
        struct world_frame *one, *two, *seven;
        size_t one_count, two_count, seven_count;

        world_open(&world, rows[i].file, rows[i].args);
        (void)snprintf(world.job.spec->codec, sizeof(world.job.spec->codec), "%s", rows[i].codec);
        world.job.spec->crf = rows[i].crf;
        if (rows[i].crf < 0)
            world.job.spec->preset[0] = '\0';
        one = convert_all(&world, rows[i].name, 100, 1, &one_count);
        CHECK_INT(rows[i].name, one_count, world.plan.frames);
        two = convert_all(&world, rows[i].name, 3, 2, &two_count);
        seven = convert_all(&world, rows[i].name, 0.8, 0, &seven_count);
        if (world.plan.segments < 6)
            fail_msg("[%s] only %u segments", rows[i].name, world.plan.segments);
        check_same(rows[i].name, one, one_count, two, two_count);
        check_same(rows[i].name, one, one_count, seven, seven_count);
        free(one);
        free(two);
        free(seven);
        world_clear(&world);
    }
}

static void a_second_attempt_finds_the_first(void **state)
{
    struct world world;
    struct record first, second;
    struct err err;

    (void)state;
    world_open(&world, "film.mp4", SMALL);
    world_plan(&world, 100);
    CHECK_OK(world_convert(&world, 0, 0, &first, &err), err);
    CHECK_INT("files", world_files(&world), 2);
    CHECK_OK(world_convert(&world, 0, 1, &second, &err), err);
    CHECK_INT("attempt", second.id.attempt, 0);
    CHECK_STR("object", second.object, first.object);
    CHECK_STR("sha256", second.sha256, first.sha256);
    CHECK_INT("files", world_files(&world), 2);
    (void)snprintf(world.job.uid, sizeof(world.job.uid), "another");
    CHECK_ERR(world_convert(&world, 0, 1, &second, &err), err, ERR_CONFIG);
    CHECK_HAS("uid", err.msg, "another job");
    world_clear(&world);
}

static void a_record_without_its_file_is_not_believed(void **state)
{
    struct world world;
    struct record record;
    struct err err;

    (void)state;
    world_open(&world, "film.mp4", SMALL);
    world_plan(&world, 100);
    CHECK_OK(world_convert(&world, 0, 0, &record, &err), err);
    CHECK_OK(store_remove(world.job.store, record.object, &err), err);
    CHECK_ERR(world_convert(&world, 0, 1, &record, &err), err, ERR_INTERNAL);
    CHECK_HAS("file", err.msg, "recorded as done, but its file");
    world_clear(&world);
}

struct racer {
    struct world *world;
    pthread_barrier_t *gate;
    uint32_t attempt;
    struct record record;
    struct err err;
    int rc;
};

static void *race(void *arg)
{
    struct racer *racer = arg;

    (void)pthread_barrier_wait(racer->gate);
    racer->rc = world_convert(racer->world, 0, racer->attempt, &racer->record, &racer->err);
    return NULL;
}

static void of_racing_attempts_one_wins(void **state)
{
    struct world world;
    struct racer racers[3];
    pthread_t threads[3];
    pthread_barrier_t gate;

    (void)state;
    world_open(&world, "film.mp4", SMALL);
    for (int round = 0; round < 3; round++) {
        world_plan(&world, 100);
        (void)pthread_barrier_init(&gate, NULL, 3);
        for (uint32_t i = 0; i < 3; i++) {
            racers[i] = (struct racer){ &world, &gate, .attempt = i };
            (void)pthread_create(&threads[i], NULL, race, &racers[i]);
        }
        for (int i = 0; i < 3; i++) {
            (void)pthread_join(threads[i], NULL);
            if (racers[i].rc < 0)
                fail_msg("attempt %d: %s", i, racers[i].err.msg);
            CHECK_STR("winner", racers[i].record.object, racers[0].record.object);
        }
        CHECK_INT("files", world_files(&world), 2); /* the losers' files are gone */
        (void)pthread_barrier_destroy(&gate);
    }
    world_clear(&world);
}

static volatile sig_atomic_t *stop_flag;
static int64_t stopped_at_us;

static void on_alarm(int signal)
{
    (void)signal;
    *stop_flag = 1;
    stopped_at_us = clock_mono_us();
}

static void an_interrupted_attempt_leaves_nothing(void **state)
{
    struct world world;
    struct record record;
    struct err err;

    (void)state;
    world_open(&world, "film.mp4",
               "-f lavfi -i testsrc2=size=640x360:rate=25:duration=12 -c:v libx264 -preset "
               "ultrafast -g 50 -pix_fmt yuv420p");
    (void)snprintf(world.job.spec->preset, sizeof(world.job.spec->preset), "slower");
    stop_flag = &world.should_stop;
    (void)signal(SIGALRM, on_alarm);
    for (int ms = 1; ms < 900; ms += 222) {
        struct itimerval timer = { .it_value = { 0, ms * 1000L } };
        int64_t took_ms;

        world.should_stop = 0;
        world_plan(&world, 100);
        (void)setitimer(ITIMER_REAL, &timer, NULL);
        CHECK_ERR(world_convert(&world, 0, 0, &record, &err), err, ERR_INTERRUPTED);
        took_ms = (clock_mono_us() - stopped_at_us) / 1000;
        if (took_ms > 1000)
            fail_msg("went on for %lld ms", (long long)took_ms);
        CHECK_INT("files", world_files(&world), 0);
    }
    world_clear(&world);
}

static void another_film_is_refused(void **state)
{
    struct world world;
    struct record record;
    struct err err;
    FILE *file;

    (void)state;
    world_open(&world, "film.mp4", SMALL);
    world_plan(&world, 100);
    file = fopen(world.film, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, -3, SEEK_END), 0);
    (void)fputc('x', file);
    (void)fclose(file);
    CHECK_ERR(world_convert(&world, 0, 0, &record, &err), err, ERR_INPUT);
    CHECK_HAS("changed", err.msg, "film.mp4 has changed since it was planned");
    (void)unlink(world.film);
    CHECK_ERR(world_convert(&world, 0, 0, &record, &err), err, ERR_CONFIG);
    CHECK_INT("files", world_files(&world), 0);
    world_clear(&world);
}

static void another_encoder_is_refused(void **state)
{
    struct world world;
    struct record record;
    struct err err;

    (void)state;
    world_open(&world, "film.mp4", SMALL);
    world_plan(&world, 0.4);
    CHECK_OK(world_convert(&world, 0, 0, &record, &err), err);
    world.job.spec->crf = 33;
    CHECK_ERR(world_convert(&world, 1, 0, &record, &err), err, ERR_GPU);
    CHECK_HAS("facts", err.msg, "crf=33");
    CHECK_INT("files", world_files(&world), 2);
    world.job.spec->crf = 0;
    CHECK_OK(world_convert(&world, 1, 0, &record, &err), err);
    world_clear(&world);
}

static void what_an_earlier_life_left_is_replaced(void **state)
{
    struct world world;
    struct record record;
    struct err err;

    (void)state;
    world_open(&world, "film.mp4", SMALL);
    world_plan(&world, 100);
    CHECK_OK(store_create(world.job.store, "segments/00000/e0-a0.nut", "half", 4, &err), err);
    CHECK_OK(world_convert(&world, 0, 0, &record, &err), err);
    assert_true(record.bytes > 4);
    CHECK_INT("files", world_files(&world), 2);
    world_clear(&world);
}

/* plan.json with one segment's CRC or count changed. */
static void spoil_plan(struct world *world, bool count)
{
    AUTO(plan) struct plan *plan = NULL;
    AUTO_FREE char *text = NULL;
    struct err err;

    CHECK_OK(job_load_plan(&world->job, &plan, &err), err);
    if (count) {
        plan->segments[0].frames++;
        plan->segments[1].frames--;
    } else {
        plan->segments[0].pts_crc ^= 1;
    }
    text = plan_format(plan);
    CHECK_OK(store_remove(world->job.store, NAME_PLAN, &err), err);
    CHECK_OK(store_create(world->job.store, NAME_PLAN, text, strlen(text), &err), err);
}

static void frames_that_are_not_the_plans_are_an_error(void **state)
{
    struct world world;
    struct record record;
    struct err err;

    (void)state;
    world_open(&world, "film.mp4", SMALL);
    world_plan(&world, 0.4);
    spoil_plan(&world, false);
    CHECK_ERR(world_convert(&world, 0, 0, &record, &err), err, ERR_INTERNAL);
    CHECK_HAS("crc", err.msg, "times are not the plan's");
    world_plan(&world, 0.4);
    spoil_plan(&world, true);
    CHECK_ERR(world_convert(&world, 0, 0, &record, &err), err,
              ERR_INPUT); /* as of a damaged film */
    CHECK_HAS("count", err.msg, "their times are not those of the plan");
    CHECK_INT("files", world_files(&world), 0);
    world_clear(&world);
}

/* Blocks of 16x16 that change by 32 levels: less than the coarsest quantiser keeps. */
#define BLOCKS                                                                                     \
    "-f lavfi -i \"color=black:size=192x108:rate=25:duration=1,format=yuv420p,geq=cb=128:cr=128:"  \
    "lum=128+16*(2*mod(floor(X/16)+floor(Y/16)*3+floor(X/16)*floor(Y/16)*N\\,2)-1)\" -c:v "        \
    "libx264 "

static void too_coarse_a_quality_is_named(void **state)
{
    struct world world;
    struct record record;
    struct err err;

    (void)state;
    world_open(&world, "film.mp4", BLOCKS);
    world_plan(&world, 100);
    world.job.spec->crf = 51;
    CHECK_ERR(world_convert(&world, 0, 0, &record, &err), err, ERR_INTERNAL);
    CHECK_HAS("crf", err.msg, "spec.encode.crf: 51 may lose more than the check allows");
    world_clear(&world);
}

/* Grey levels that rise by one each frame, as film and as depth. */
#define RAMP(rate)                                                                                 \
    "-f lavfi -i color=black:size=160x96:rate=" rate ":duration=4,format=yuv420p,"                 \
    "geq=lum=40+N:cb=128:cr=128 "

static void a_depth_film_is_followed_by_time(void **state)
{
    struct world world;
    struct world_frame *one, *many;
    size_t one_count, many_count;

    (void)state;
    world_open(&world, "film.mp4",
               RAMP("25") "-c:v libx264 -g 20 -pix_fmt yuv420p -output_ts_offset 7");
    world.job.spec->depth = DEPTH_VIDEO;
    world.job.spec->layout = LAYOUT_DEPTH;
    world.job.spec->depth_uri =
        world_make_film(&world, "depth.mkv",
                        RAMP("25") "-c:v libx264 -crf 1 -g 33 -bf 2 -pix_fmt "
                                   "yuv420p -output_ts_offset 3");
    one = convert_all(&world, "depth", 100, 1, &one_count);
    many = convert_all(&world, "depth", 0.6, 0, &many_count);
    CHECK_INT("depth", one_count, 100);
    check_same("depth", one, one_count, many, many_count);
    for (size_t i = 0; i < one_count; i++) {
        int want = 40 + (int)i;

        if (one[i].luma < want - 1 || one[i].luma > want + 1)
            fail_msg("frame %zu has depth %d, want %d", i, one[i].luma, want);
    }
    free(one);
    free(many);
    world_clear(&world);
}

static void a_depth_film_that_does_not_fit_is_refused(void **state)
{
    static const struct {
        const char *name, *args, *part;
    } bad[] = {
        { "shorter", RAMP("25") "-c:v libx264 -frames:v 90", "has 90 frames, the film has 100" },
        { "other rate", RAMP("30") "-c:v libx264 -g 10", "no frame at 0.040 s" },
        { "one frame is missing",
          "-f lavfi -i "
          "color=black:size=160x96:rate=25:duration=4.2,format=yuv420p,\"select=not(eq(n\\\\,50))"
          "\" "
          "-fps_mode passthrough -c:v libx264 -g 10",
          "no frame at 2.000 s" },
        { "not a film", "-f lavfi -i sine=duration=4", "no video stream" },
    };
    struct world world;
    struct record record;
    struct err err;

    (void)state;
    world_open(&world, "film.mp4", RAMP("25") "-c:v libx264 -g 20 -pix_fmt yuv420p");
    world.job.spec->depth = DEPTH_VIDEO;
    world_plan(&world, 100);
    for (size_t i = 0; i < COUNT(bad); i++) {
        free(world.job.spec->depth_uri);
        world.job.spec->depth_uri = world_make_film(&world, "depth.mkv", bad[i].args);
        CHECK_ERR(world_convert(&world, 0, 0, &record, &err), err, ERR_INPUT);
        CHECK_HAS(bad[i].name, err.msg, bad[i].part);
        CHECK_HAS(bad[i].name, err.msg, "spec.depth.uri");
    }
    free(world.job.spec->depth_uri);
    world.job.spec->depth_uri = xstrdup("/nowhere/depth.mkv");
    CHECK_ERR(world_convert(&world, 0, 0, &record, &err), err, ERR_CONFIG);
    CHECK_INT("files", world_files(&world), 0);
    world_clear(&world);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest small[] = {
        cmocka_unit_test(a_second_attempt_finds_the_first),
        cmocka_unit_test(of_racing_attempts_one_wins),
        cmocka_unit_test(another_encoder_is_refused),
    };
    const struct CMUnitTest all[] = {
        cmocka_unit_test(the_cut_does_not_change_the_frames),
        cmocka_unit_test(a_second_attempt_finds_the_first),
        cmocka_unit_test(a_record_without_its_file_is_not_believed),
        cmocka_unit_test(of_racing_attempts_one_wins),
        cmocka_unit_test(an_interrupted_attempt_leaves_nothing),
        cmocka_unit_test(another_film_is_refused),
        cmocka_unit_test(another_encoder_is_refused),
        cmocka_unit_test(what_an_earlier_life_left_is_replaced),
        cmocka_unit_test(frames_that_are_not_the_plans_are_an_error),
        cmocka_unit_test(too_coarse_a_quality_is_named),
        cmocka_unit_test(a_depth_film_is_followed_by_time),
        cmocka_unit_test(a_depth_film_that_does_not_fit_is_refused),
    };

    if (shell("command -v ffmpeg >/dev/null") != 0)
        return 77;
    if (argc > 1 && !strcmp(argv[1], "small"))
        return cmocka_run_group_tests(small, NULL, NULL);
    return cmocka_run_group_tests(all, NULL, NULL);
}
