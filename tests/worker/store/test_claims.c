/* SPDX-License-Identifier: Apache-2.0
 *
 * Volumes: pvc:// and file systems without link(2). A failpoint is read once a process, so each
 * writer is a child.
 */
#include "common/file.h"
#include "common/mem.h"
#include "tests/common/check.h"
#include "worker/store/place.h"
#include "worker/store/store.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define RACERS  8
#define NO_LINK "store.no_link=err"
#define NEITHER NO_LINK ",store.no_rename=err"

struct world {
    char root[32];
};

static int set_up(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));

    (void)snprintf(world->root, sizeof(world->root), "/tmp/claims-XXXXXX");
    *state = world;
    return mkdtemp(world->root) ? setenv(ENV_CLAIM_ROOT, world->root, 1) : -1;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    struct err err;
    int rc = file_remove_tree(world->root, &err);

    free(world);
    return rc;
}

static int files_in(const char *path)
{
    DIR *dir = opendir(path);
    int count = 0;

    assert_non_null(dir);
    while (readdir(dir))
        count++;
    (void)closedir(dir);
    return count - 2;
}

enum how { CREATE, REPLACE };

/* The child's exit code is the error's; ERR_NONE when it wrote. */
static pid_t start_writer(const struct world *world, const char *failpoints, enum how how,
                          const char *text, int start_fd)
{
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        struct err err = { .code = ERR_NONE };
        AUTO(store) struct store *store = NULL;
        AUTO_FREE char *film = xasprintf("%s/object", world->root);
        struct store_writer *writer = NULL;
        char go;

        (void)setenv("STEREO_FP", failpoints, 1);
        if (start_fd >= 0 && read(start_fd, &go, 1) < 0)
            _exit(99);
        if (how == CREATE && store_open(&store, world->root, &err) == 0)
            (void)store_create(store, "object", text, strlen(text), &err);
        if (how == REPLACE && store_writer_open_uri(&writer, film, true, &err) == 0 &&
            store_writer_write(writer, text, strlen(text), &err) == 0)
            (void)store_writer_commit(writer, NULL, &err);
        store_writer_free(writer);
        _exit((int)err.code);
    }
    return pid;
}

static int wait_writer(pid_t pid)
{
    int status;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static int write_once(const struct world *world, const char *failpoints, enum how how,
                      const char *text)
{
    return wait_writer(start_writer(world, failpoints, how, text, -1));
}

static void check_object(const struct world *world, const char *want)
{
    AUTO_FREE char *path = xasprintf("%s/object", world->root);
    AUTO_FREE char *text = NULL;
    struct err err;

    CHECK_OK(file_read(&text, NULL, path, 1000, &err), err);
    assert_string_equal(text, want);
    assert_int_equal(files_in(world->root), 1);
}

static void an_object_is_written_once_without_link(void **state)
{
    static const char *const ways[] = { NO_LINK, NEITHER };
    const struct world *world = *state;

    for (size_t i = 0; i < COUNT(ways); i++) {
        AUTO_FREE char *path = xasprintf("%s/object", world->root);

        CHECK_INT(ways[i], write_once(world, ways[i], CREATE, "first"), ERR_NONE);
        CHECK_INT(ways[i], write_once(world, ways[i], CREATE, "second"), ERR_CONFLICT);
        check_object(world, "first");
        CHECK_INT(ways[i], write_once(world, ways[i], REPLACE, "third"), ERR_NONE);
        check_object(world, "third");
        assert_int_equal(unlink(path), 0);
    }
}

static void one_of_eight_claims(void **state)
{
    const struct world *world = *state;
    int start[2], won = 0, lost = 0;
    pid_t pids[RACERS];

    assert_int_equal(pipe(start), 0);
    for (int i = 0; i < RACERS; i++)
        pids[i] = start_writer(world, NEITHER, CREATE, "one of them", start[0]);
    (void)close(start[0]);
    assert_int_equal(write(start[1], "gogogogo", RACERS), RACERS);
    for (int i = 0; i < RACERS; i++) {
        int code = wait_writer(pids[i]);

        won += code == ERR_NONE;
        lost += code == ERR_CONFLICT;
    }
    (void)close(start[1]);
    assert_int_equal(won, 1);
    assert_int_equal(lost, RACERS - 1);
    check_object(world, "one of them");
}

/* Its claim and its hidden file stay; the next one waits, then takes the place. */
static void a_dead_owner_is_followed(void **state)
{
    const struct world *world = *state;
    AUTO_FREE char *path = xasprintf("%s/object", world->root);
    AUTO_FREE char *claim = xasprintf("%s.claim-0", path);

    assert_int_equal(write_once(world, NEITHER ",store.claimed=kill", CREATE, "dead"), -SIGKILL);
    assert_true(file_exists(claim));
    assert_false(file_exists(path));
    assert_int_equal(write_once(world, NEITHER ",store.claim_dead=err", CREATE, "alive"), ERR_NONE);
    assert_true(file_exists(path));
    assert_false(file_exists(claim));
    assert_int_equal(write_once(world, NEITHER, CREATE, "late"), ERR_CONFLICT);
}

/* Held up in its claim until it was taken for dead: it must not replace what is there. */
static void a_late_owner_has_lost(void **state)
{
    const struct world *world = *state;
    pid_t slow = start_writer(world, NEITHER ",store.claimed=sleep(1500)", CREATE, "slow", -1);
    AUTO_FREE char *claim = xasprintf("%s/object.claim-0", world->root);

    for (int i = 0; i < 500 && !file_exists(claim); i++)
        (void)usleep(10000);
    assert_int_equal(write_once(world, NEITHER ",store.claim_dead=err", CREATE, "quick"), ERR_NONE);
    assert_int_equal(wait_writer(slow), ERR_CONFLICT);
    check_object(world, "quick");
}

static void claims_are_folders_of_the_mount(void **state)
{
    static const char *const bad[] = { "pvc://",           "pvc:///x",          "pvc://../x",
                                       "pvc://films/../x", "pvc://films/a/./b", "pvc://films//b",
                                       "pvc://Films/x",    "pvc://films/a/..",  "pvc://.." };
    const struct world *world = *state;
    AUTO_FREE char *mount = xasprintf("%s/films", world->root);
    AUTO_FREE char *there = xasprintf("%s/films/jobs/1/plan.json", world->root);
    AUTO(store) struct store *store = NULL;
    struct store *none;
    struct store_reader *reader;
    struct store_writer *writer;
    struct err err;

    assert_int_equal(store_open(&none, "pvc://films/jobs/1", &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.msg, "volume claim films is not mounted"));
    assert_int_equal(mkdir(mount, 0700), 0);
    CHECK_OK(store_open(&store, "pvc://films/jobs/1/", &err), err);
    CHECK_OK(store_create(store, "plan.json", "x", 1, &err), err);
    assert_true(file_exists(there));
    for (size_t i = 0; i < COUNT(bad); i++) {
        CHECK_INT(bad[i], store_open(&none, bad[i], &err), -1);
        CHECK_INT(bad[i], err.code, ERR_CONFIG);
        CHECK_INT(bad[i], store_reader_open_uri(&reader, STORE_SOURCE, bad[i], "film", &err), -1);
        CHECK_INT(bad[i], store_writer_open_uri(&writer, bad[i], true, &err), -1);
        CHECK_INT(bad[i], err.code, ERR_CONFIG);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef STEREO_FAILPOINTS
        T(an_object_is_written_once_without_link),
        T(one_of_eight_claims),
        T(a_dead_owner_is_followed),
        T(a_late_owner_has_lost),
#endif
        T(claims_are_folders_of_the_mount), /* last: writes here, and reads the failpoints */
    };

    (void)an_object_is_written_once_without_link, (void)one_of_eight_claims;
    (void)a_dead_owner_is_followed, (void)a_late_owner_has_lost;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
