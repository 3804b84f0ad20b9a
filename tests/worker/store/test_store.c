/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/store/store.h"

#include "common/file.h"
#include "common/mem.h"
#include "tests/common/check.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define RACERS 8

/* The store lies deep in the test's own folder: were "../.." let through by mistake, removing it
 * must not reach anybody else's files. */
struct world {
    char top[32], root[96];
    struct store *store;
};

static int set_up(void **state)
{
    struct world *world = xcalloc(1, sizeof(*world));
    struct err err;

    (void)snprintf(world->top, sizeof(world->top), "/tmp/store-XXXXXX");
    if (!mkdtemp(world->top))
        return -1;
    (void)snprintf(world->root, sizeof(world->root), "%s/moat/moat/moat/root", world->top);
    if (store_open(&world->store, world->root, &err) < 0)
        return -1;
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    struct err err;
    int rc;

    store_free(world->store);
    rc = file_remove_tree(world->top, &err);
    free(world);
    return rc;
}

static int files_seen;
static int count_file(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)path, (void)st, (void)where;
    files_seen += type == FTW_F;
    return 0;
}

static int files_below(const char *path)
{
    files_seen = 0;
    (void)nftw(path, count_file, 16, FTW_PHYS);
    return files_seen;
}

static char *get(const struct world *world, const char *key)
{
    AUTO_BUF struct buf buf;
    struct err err;

    buf_init(&buf, 1 << 20);
    CHECK_OK(store_get(world->store, key, 1 << 20, &buf, &err), err);
    return buf_take(&buf);
}

static void keys_stay_inside(void **state)
{
    static const char *const bad[] = {
        "",     "/",  "/etc/passwd", "..",   "../x", "a/../b", "a/..",     "./a", ".",      "a//",
        "a//b", "a/", "a b",         "a\nb", "a\\b", "a/./b",  "%2e%2e/x", "a:b", "a\200b", "*",
    };
    const struct world *world = *state;
    struct err err;

    for (size_t i = 0; i < COUNT(bad); i++) {
        struct store_writer *writer;
        struct store_reader *reader;
        AUTO_BUF struct buf buf;

        buf_init(&buf, 100);
        CHECK_INT(bad[i], store_create(world->store, bad[i], "x", 1, &err), -1);
        CHECK_INT(bad[i], err.code, ERR_CONFIG);
        CHECK_INT(bad[i], store_get(world->store, bad[i], 100, &buf, &err), -1);
        CHECK_INT(bad[i], store_remove(world->store, bad[i], &err), -1);
        CHECK_INT(bad[i], store_remove_tree(world->store, bad[i], NULL, &err), -1);
        CHECK_INT(bad[i], store_remove_tree(world->store, "a", bad[i], &err), -1);
        CHECK_INT(bad[i], store_writer_open(&writer, world->store, bad[i], &err), -1);
        CHECK_INT(bad[i], store_reader_open(&reader, world->store, bad[i], &err), -1);
        CHECK_INT(bad[i], err.code, ERR_CONFIG);
    }
    CHECK_OK(store_create(world->store, "a/..b/.c/d-1_2", "x", 1, &err), err);
    assert_int_equal(files_below(world->root), 1);
}

static void long_keys_are_refused(void **state)
{
    const struct world *world = *state;
    char key[400];
    struct err err;

    memset(key, 'k', sizeof(key));
    key[241] = '\0';
    assert_int_equal(store_create(world->store, key, "x", 1, &err), -1);
    key[240] = '\0';
    CHECK_OK(store_create(world->store, key, "x", 1, &err), err);
}

static void an_object_is_written_once(void **state)
{
    const struct world *world = *state;
    AUTO_FREE char *text = NULL;
    AUTO_BUF struct buf small;
    struct err err;

    buf_init(&small, 3);
    CHECK_OK(store_create(world->store, "segments/00001.json", "first", 5, &err), err);
    assert_int_equal(store_create(world->store, "segments/00001.json", "second", 6, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    text = get(world, "segments/00001.json");
    assert_string_equal(text, "first");
    assert_int_equal(store_get(world->store, "segments/00001.json", 3, &small, &err), -1);
    assert_int_equal(store_get(world->store, "missing", 3, &small, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    CHECK_OK(store_remove(world->store, "segments/00001.json", &err), err);
    CHECK_OK(store_remove(world->store, "segments/00001.json", &err), err);
    assert_int_equal(files_below(world->root), 0);
}

static void race(const struct world *world, int racer, int start_fd)
{
    AUTO_FREE char *text = xmalloc(100000);
    struct err err;
    char go;

    memset(text, 'a' + racer, 100000);
    if (read(start_fd, &go, 1) < 0)
        _exit(3);
    if (store_create(world->store, "race/plan.json", text, 100000, &err) == 0)
        _exit(0);
    _exit(err.code == ERR_CONFLICT ? 1 : 2);
}

static void one_of_eight_wins(void **state)
{
    const struct world *world = *state;
    pid_t pids[RACERS];
    int start[2], winner = -1;
    AUTO_FREE char *text = NULL;

    assert_int_equal(pipe(start), 0);
    for (int i = 0; i < RACERS; i++) {
        pids[i] = fork();
        assert_true(pids[i] >= 0);
        if (pids[i] == 0) {
            (void)close(start[1]);
            race(world, i, start[0]);
        }
    }
    (void)close(start[1]); /* go */
    for (int i = 0; i < RACERS; i++) {
        int status;

        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) <= 1);
        if (WEXITSTATUS(status) == 0) {
            assert_int_equal(winner, -1);
            winner = i;
        }
    }
    (void)close(start[0]);
    assert_true(winner >= 0);
    text = get(world, "race/plan.json");
    assert_int_equal(strlen(text), 100000);
    assert_int_equal(strspn(text, (char[]){ (char)('a' + winner), '\0' }), 100000);
    assert_int_equal(files_below(world->root), 1);
}

static void a_writer_is_invisible_until_it_commits(void **state)
{
    const struct world *world = *state;
    struct store_writer *writer;
    char sha[HASH_HEX_SIZE], want[HASH_HEX_SIZE], back[8];
    AUTO_FREE char *text = NULL;
    struct err err;
    size_t got;

    CHECK_OK(store_writer_open(&writer, world->store, "segments/00002/e1-a0.nut", &err), err);
    CHECK_OK(store_writer_write(writer, "hello ", 6, &err), err);
    CHECK_OK(store_writer_write(writer, "world", 5, &err), err);
    assert_int_equal(files_below(world->root), 0);
    CHECK_OK(store_writer_read(writer, 6, back, sizeof(back), &got, &err), err);
    assert_int_equal(got, 5);
    assert_memory_equal(back, "world", 5);
    assert_int_equal(store_writer_size(writer), 11);
    CHECK_OK(store_writer_commit(writer, sha, &err), err);
    store_writer_free(writer);
    hash_hex(want, "hello world", 11);
    assert_string_equal(sha, want);
    text = get(world, "segments/00002/e1-a0.nut");
    assert_string_equal(text, "hello world");
    assert_int_equal(store_writer_open(&writer, world->store, "segments/00002/e1-a0.nut", &err),
                     -1);
    assert_int_equal(err.code, ERR_CONFLICT);
}

static void bytes_can_be_rewritten(void **state)
{
    const struct world *world = *state;
    AUTO(store_writer) struct store_writer *writer = NULL;
    char sha[HASH_HEX_SIZE];
    AUTO_FREE char *text = NULL;
    struct err err;

    CHECK_OK(store_writer_open(&writer, world->store, "out", &err), err);
    CHECK_OK(store_writer_write(writer, "....tail", 8, &err), err);
    CHECK_OK(store_writer_rewrite(writer, 0, "head", 4, &err), err);
    assert_int_equal(store_writer_rewrite(writer, 6, "long", 4, &err), -1);
    assert_int_equal(store_writer_rewrite(writer, UINT64_MAX, "x", 1, &err), -1);
    CHECK_OK(store_writer_write(writer, "!", 1, &err), err);
    CHECK_OK(store_writer_commit(writer, sha, &err), err);
    assert_string_equal(sha, "");
    assert_int_equal(store_writer_commit(writer, sha, &err), -1);
    text = get(world, "out");
    assert_string_equal(text, "headtail!");
}

/* Killed in the middle of writing: neither the object nor anything else is there. */
static void a_crash_leaves_nothing(void **state)
{
    const struct world *world = *state;
    int status, ready[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe(ready), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct store_writer *writer;
        struct err err;

        if (store_writer_open(&writer, world->store, "segments/00003/e0-a0.nut", &err) < 0 ||
            store_writer_write(writer, "half", 4, &err) < 0 || write(ready[1], "r", 1) != 1)
            _exit(1);
        for (;;)
            (void)pause();
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    (void)kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    (void)close(ready[0]);
    (void)close(ready[1]);
    assert_int_equal(files_below(world->root), 0);
}

static void an_abandoned_writer_leaves_nothing(void **state)
{
    const struct world *world = *state;
    AUTO_FREE char *out = xasprintf("%s/film.mp4", world->root);
    struct store_writer *writer;
    struct err err;

    CHECK_OK(store_writer_open_uri(&writer, out, true, &err), err);
    CHECK_OK(store_writer_write(writer, "half", 4, &err), err);
    store_writer_free(writer);
    assert_int_equal(files_below(world->root), 0);
}

static void write_out(const char *path, bool overwrite, const char *text)
{
    AUTO(store_writer) struct store_writer *writer = NULL;
    struct err err;

    CHECK_OK(store_writer_open_uri(&writer, path, overwrite, &err), err);
    CHECK_OK(store_writer_write(writer, text, strlen(text), &err), err);
    CHECK_OK(store_writer_commit(writer, NULL, &err), err);
}

static void outputs_are_replaced_only_when_asked(void **state)
{
    const struct world *world = *state;
    AUTO_FREE char *out = xasprintf("%s/film.mp4", world->root);
    AUTO_FREE char *uri = xasprintf("file://%s/film.mp4", world->root);
    AUTO_FREE char *text = NULL;
    AUTO(store_writer) struct store_writer *early = NULL;
    struct store_writer *late;
    struct err err;

    CHECK_OK(store_writer_open_uri(&early, out, false, &err), err);
    CHECK_OK(store_writer_write(early, "early", 5, &err), err);
    write_out(uri, false, "first");
    assert_int_equal(store_writer_commit(early, NULL, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_int_equal(store_writer_open_uri(&late, out, false, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    write_out(out, true, "second");
    text = get(world, "film.mp4");
    assert_string_equal(text, "second");
    assert_int_equal(files_below(world->root), 1);
}

static void a_folder_is_no_output(void **state)
{
    const struct world *world = *state;
    struct store_writer *writer;
    struct err err;

    assert_int_equal(store_writer_open_uri(&writer, world->root, true, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_int_equal(store_writer_open_uri(&writer, "/nonexistent/x.mp4", true, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(store_writer_open_uri(&writer, "s3://bucket/x.mp4", true, &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
}

static void trees_go_but_for_what_is_kept(void **state)
{
    static const char *const keys[] = { "segments/00001/e0-a0.nut", "segments/00001/e0-a1.nut",
                                        "segments/00001.json", "segments2/x", "plan.json" };
    const struct world *world = *state;
    AUTO_FREE char *text = NULL;
    struct err err;

    for (size_t i = 0; i < COUNT(keys); i++)
        CHECK_OK(store_create(world->store, keys[i], "x", 1, &err), err);
    CHECK_OK(store_remove_tree(world->store, "segments", "segments/00001/e0-a1.nut", &err), err);
    text = get(world, "segments/00001/e0-a1.nut");
    assert_int_equal(files_below(world->root), 3);
    CHECK_OK(store_remove_tree(world->store, "segments", NULL, &err), err);
    CHECK_OK(store_remove_tree(world->store, "segments", NULL, &err), err);
    assert_int_equal(files_below(world->root), 2);
}

static void a_full_disk_is_space(void **state)
{
    const struct world *world = *state;
    AUTO_FREE char *folder = xasprintf("%s/small", world->root);
    AUTO_FREE char *data = xcalloc(1, 1 << 20);
    AUTO(store) struct store *store = NULL;
    struct err err;

    assert_int_equal(mkdir(folder, 0700), 0);
    if (mount("tmpfs", folder, "tmpfs", 0, "size=256k") < 0)
        skip(); /* not root here; the file limit's test says the same */
    CHECK_OK(store_open(&store, folder, &err), err);
    assert_int_equal(store_create(store, "big", data, 1 << 20, &err), -1);
    assert_int_equal(err.code, ERR_SPACE);
    assert_int_equal(files_below(folder), 0);
    CHECK_OK(store_create(store, "small", data, 1000, &err), err); /* the space came back */
    (void)umount(folder);
}

static void a_file_limit_is_space(void **state)
{
    const struct world *world = *state;
    int status;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        struct rlimit limit = { 4096, 4096 };
        AUTO_FREE char *data = xcalloc(1, 65536);
        struct err err;

        (void)signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &limit) < 0)
            _exit(9);
        _exit(store_create(world->store, "big", data, 65536, &err) < 0 ? (int)err.code : 8);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), ERR_SPACE);
    assert_int_equal(files_below(world->root), 0);
}

static void readers_read_ranges(void **state)
{
    const struct world *world = *state;
    AUTO(store_reader) struct store_reader *reader = NULL;
    char data[8];
    size_t got;
    struct err err;

    CHECK_OK(store_create(world->store, "film", "0123456789", 10, &err), err);
    CHECK_OK(store_reader_open(&reader, world->store, "film", &err), err);
    assert_int_equal(store_reader_stat(reader)->size, 10);
    assert_true(store_reader_stat(reader)->mtime_ns > 0);
    CHECK_OK(store_reader_read(reader, 4, data, 3, &got, &err), err);
    assert_int_equal(got, 3);
    assert_memory_equal(data, "456", 3);
    CHECK_OK(store_reader_read(reader, 8, data, 8, &got, &err), err);
    assert_int_equal(got, 2);
    CHECK_OK(store_reader_read(reader, 10, data, 8, &got, &err), err);
    assert_int_equal(got, 0);
    CHECK_OK(store_reader_read(reader, UINT64_MAX - 2, data, 8, &got, &err), err);
    assert_int_equal(got, 0);
    assert_int_equal(store_reader_bytes(reader), 5);
}

static void what_is_no_file_is_refused(void **state)
{
    const struct world *world = *state;
    AUTO_FREE char *fifo = xasprintf("%s/fifo", world->root);
    struct store_reader *reader;
    struct err err;

    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(store_reader_open_uri(&reader, STORE_SOURCE, fifo, "spec.source.uri", &err),
                     -1);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_non_null(strstr(err.msg, "spec.source.uri"));
    assert_int_equal(
        store_reader_open_uri(&reader, STORE_SOURCE, world->root, "spec.source.uri", &err), -1);
    assert_int_equal(err.code, ERR_CONFIG);
    assert_int_equal(
        store_reader_open_uri(&reader, STORE_SOURCE, "/no/film.mp4", "spec.source.uri", &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

/* sha256(size as 8 bytes, first 64 KiB, last 64 KiB), of 100000 x 'a' + 100000 x 'b'. */
static void digests_tell_films_apart(void **state)
{
    const struct world *world = *state;
    AUTO_FREE char *data = xmalloc(200000);
    AUTO_FREE char *hashed = xcalloc(1, 8 + 131072);
    char want[HASH_HEX_SIZE], got[2][HASH_HEX_SIZE];
    struct err err;

    memset(data, 'a', 100000);
    memset(data + 100000, 'b', 100000);
    hashed[0] = 0x40, hashed[1] = 0x0d, hashed[2] = 0x03; /* 200000 */
    memset(hashed + 8, 'a', 65536);
    memset(hashed + 8 + 65536, 'b', 65536);
    hash_hex(want, hashed, 8 + 131072);
    for (int i = 0; i < 2; i++) {
        AUTO(store_reader) struct store_reader *reader = NULL;
        const char *key = i ? "other" : "film";

        data[199999] = (char)('b' + i);
        CHECK_OK(store_create(world->store, key, data, 200000, &err), err);
        CHECK_OK(store_reader_open(&reader, world->store, key, &err), err);
        CHECK_OK(store_reader_digest(reader, got[i], &err), err);
    }
    assert_string_equal(got[0], want);
    assert_string_not_equal(got[1], want);
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(keys_stay_inside),
        T(long_keys_are_refused),
        T(an_object_is_written_once),
        T(one_of_eight_wins),
        T(a_writer_is_invisible_until_it_commits),
        T(bytes_can_be_rewritten),
        T(a_crash_leaves_nothing),
        T(an_abandoned_writer_leaves_nothing),
        T(outputs_are_replaced_only_when_asked),
        T(a_folder_is_no_output),
        T(trees_go_but_for_what_is_kept),
        T(a_full_disk_is_space),
        T(a_file_limit_is_space),
        T(readers_read_ranges),
        T(what_is_no_file_is_refused),
        T(digests_tell_films_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
