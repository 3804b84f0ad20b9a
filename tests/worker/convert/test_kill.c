/* SPDX-License-Identifier: Apache-2.0
 *
 * An attempt is killed at every place that matters; the next one must end as if nothing had been.
 */
#include "common/failpoint.h"
#include "tests/worker/convert/world.h"

#include <sys/wait.h>
#include <unistd.h>

static const struct row {
    const char *point;
    bool recorded; /* the killed attempt's record stands */
    bool message;  /* its termination message too */
} rows[] = {
    { "convert.start=kill", false, false },
    { "convert.probe=kill", false, false },
    { "convert.decode.first=kill", false, false },
    { "convert.decode.mid=kill", false, false },
    { "convert.encode.mid=kill", false, false },
    { "convert.trailer=kill", false, false },
    { "convert.commit.before=kill", false, false },
    { "convert.commit.after=kill", false, false },
    { "convert.record.after=kill", true, false },
    { "report.before=kill", true, false },
    { "report.after=kill", true, true },
};

/* As main does it, in a process of its own; its wait status. */
static int run_child(struct world *world, uint32_t attempt, const char *point)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        struct report_opts opts = { .uid = world->job.uid, .pod = "pod", .token_hex = "00" };
        char path[96];
        struct record record;
        struct err err = { 0 };
        int rc;

        (void)snprintf(path, sizeof(path), "%s/message", world->folder);
        (void)setenv("STEREO_FP", point, 1);
        failpoint_reload();
        opts.termination_path = path;
        opts.id = (struct attempt_id){ .stage = STAGE_CONVERT, .attempt = attempt };
        (void)report_open(&world->job.report, &opts, &err);
        rc = world_convert(world, 0, attempt, &record, &err);
        if (rc < 0)
            (void)fprintf(stderr, "%s: %s\n", point, err.msg);
        else
            report_done(world->job.report, &record);
        _exit(rc < 0 ? 70 : 0);
    }
    assert_true(pid > 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static bool exists(const struct world *world, const char *name)
{
    char path[160];

    (void)snprintf(path, sizeof(path), "%s/%s", world->folder, name);
    return access(path, F_OK) == 0;
}

static void killed_anywhere_the_next_attempt_is_right(void **state)
{
    struct world world;
    struct world_frame *frames;
    size_t count;

    (void)state;
    world_open(&world, "film.mp4",
               "-f lavfi -i testsrc2=size=64x48:rate=25:duration=1 -c:v libx264 -g 10");
    for (size_t i = 0; i < COUNT(rows); i++) {
        int status;
        char path[96];

        world_plan(&world, 100);
        (void)snprintf(path, sizeof(path), "%s/message", world.folder);
        (void)unlink(path);
        status = run_child(&world, 0, rows[i].point);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
            fail_msg("[%s] was not killed: %x", rows[i].point, status);
        CHECK_INT(rows[i].point, exists(&world, "work/segments/00000.json"), rows[i].recorded);
        CHECK_INT(rows[i].point, exists(&world, "message"), rows[i].message);
        CHECK_INT(rows[i].point, run_child(&world, 1, ""), 0);
        frames = world_frames(&world, &count);
        CHECK_INT(rows[i].point, count, 25);
        free(frames);
        assert_true(exists(&world, "message"));
    }
    world_clear(&world);
}

static void failed_anywhere_it_says_so(void **state)
{
    static const char *const points[] = { "convert.start=err",      "convert.probe=err",
                                          "convert.decode.mid=err", "convert.encode.mid=err",
                                          "convert.trailer=err",    "convert.commit.before=err" };
    struct world world;

    (void)state;
    world_open(&world, "film.mp4",
               "-f lavfi -i testsrc2=size=64x48:rate=25:duration=1 -c:v libx264 -g 10");
    for (size_t i = 0; i < COUNT(points); i++) {
        int status;

        world_plan(&world, 100);
        status = run_child(&world, 0, points[i]);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 70)
            fail_msg("[%s] ended by %x", points[i], status);
        CHECK_INT(points[i], world_files(&world), 0);
    }
    world_clear(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(killed_anywhere_the_next_attempt_is_right),
        cmocka_unit_test(failed_anywhere_it_says_so),
    };

#ifndef STEREO_FAILPOINTS
    return 77;
#endif
    if (shell("command -v ffmpeg >/dev/null") != 0)
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
