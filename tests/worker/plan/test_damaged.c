/* SPDX-License-Identifier: Apache-2.0
 *
 * Films with bytes changed or cut off: an answer or an error, never a crash, never a plan that
 * contradicts itself.
 */
#include "common/file.h"
#include "common/mem.h"
#include "tests/common/check.h"
#include "tests/worker/media_source/films.h"

#define ROUNDS 60

static uint32_t random_state = 7;

static uint32_t next_random(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return random_state >> 8;
}

static size_t damage(char *data, size_t len, int round)
{
    if (round % 3 == 0)
        return next_random() % len;
    for (int i = 0; i < 1 + round % 40; i++)
        data[next_random() % len] = (char)next_random();
    if (round % 2) /* the header above all */
        for (int i = 0; i < 8; i++)
            data[next_random() % (len < 2000 ? len : 2000)] = (char)next_random();
    return len;
}

static void try_film(const char *path)
{
    struct film_opts opts = { .uri = path, .what = "film" };
    AUTO(job_spec) struct job_spec *spec = film_spec(path, 0.4, DEPTH_VIDEO);
    AUTO(film) struct film *film = NULL;
    AUTO(plan) struct plan *plan = NULL;
    AUTO(plan) struct plan *back = NULL;
    AUTO_FREE char *text = NULL;
    struct err err;

    if (film_open(&film, &opts, &err) < 0 || plan_draft(&plan, film, spec, &err) < 0) {
        assert_true(err.code == ERR_INPUT || err.code == ERR_NOMEM);
        return;
    }
    if (plan->pieces)
        return; /* the pieces are not written here */
    text = plan_format(plan);
    CHECK_OK(plan_parse(&back, text, strlen(text), &err), err);
}

static void damaged_films_are_survived(void **state)
{
    static const char *const films[] = { "h264_open.mp4", "h264_open.mkv", "h264_open.ts",
                                         "hevc_open.mp4", "mpeg4.avi",     "mpeg2.ts" };
    char path[] = "/tmp/damaged-XXXXXX";
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    (void)close(fd);
    for (size_t f = 0; f < COUNT(films); f++) {
        for (int round = 0; round < ROUNDS; round++) {
            char film[FILM_PATH_SIZE];
            AUTO_FREE char *data = NULL;
            size_t len;
            struct err err;

            film_path(film, films[f]);
            CHECK_OK(file_read(&data, &len, film, 8 << 20, &err), err);
            len = damage(data, len, round);
            CHECK_OK(file_write(path, data, len, &err), err);
            try_film(path);
        }
    }
    (void)unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(damaged_films_are_survived) };

    media_quiet();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
