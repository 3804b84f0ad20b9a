/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/auto.h"
#include "common/file.h"
#include "common/mem.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[64]; /* a fresh folder for each test; it is also the working folder */

static int setup(void **state)
{
    (void)state;
    (void)snprintf(root, sizeof(root), "/tmp/test_file.XXXXXX");
    return mkdtemp(root) && chdir(root) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    struct err err;

    (void)state;
    return chdir("/") == 0 && file_remove_tree(root, &err) == 0 ? 0 : -1;
}

static int entries(const char *path)
{
    DIR *dir = opendir(path);
    int count = -2; /* . and .. */

    assert_non_null(dir);
    while (readdir(dir))
        count++;
    (void)closedir(dir);
    return count;
}

static void check_content(const char *path, const char *want)
{
    AUTO_FREE char *text = NULL;
    struct err err;

    CHECK_OK(file_read(&text, NULL, path, 1000, &err), err);
    assert_string_equal(text, want);
}

static void put(const char *path, const char *text)
{
    struct err err;

    CHECK_OK(file_write(path, text, strlen(text), &err), err);
}

static void read_gives_the_whole_file_or_nothing(void **state)
{
    AUTO_FREE char *text = NULL;
    char *untouched = "x";
    size_t len = 7;
    struct err err;

    (void)state;
    CHECK_OK(file_write("f", "a\0b", 3, &err), err);
    CHECK_OK(file_read(&text, &len, "f", 3, &err), err);
    assert_int_equal(len, 3);
    assert_memory_equal(text, "a\0b", 4);
    CHECK_ERR(file_read(&untouched, &len, "f", 2, &err), err, ERR_CONFIG);
    assert_string_equal(err.msg, "f: larger than 2 bytes");
    CHECK_ERR(file_read(&untouched, &len, "none", 9, &err), err, ERR_NOT_FOUND);
    assert_string_equal(err.msg, "none: No such file or directory");
    CHECK_ERR(file_read(&untouched, &len, ".", 9, &err), err, ERR_CONFIG);
    CHECK_ERR(file_read(&untouched, &len, "f/below", 9, &err), err, ERR_CONFIG);
    CHECK_ERR(file_read(&untouched, &len, "/dev/zero", 1 << 20, &err), err, ERR_CONFIG);
    assert_string_equal(untouched, "x");
    assert_int_equal(len, 3);
}

static void an_empty_file_is_an_empty_text(void **state)
{
    AUTO_FREE char *text = NULL;
    size_t len = 7;
    struct err err;

    (void)state;
    put("f", "");
    CHECK_OK(file_read(&text, &len, "f", 0, &err), err);
    assert_string_equal(text, "");
    assert_int_equal(len, 0);
}

static void a_file_longer_than_a_chunk_is_read(void **state)
{
    size_t size = 300001, len;
    AUTO_FREE char *data = xmalloc(size), *back = NULL;
    struct err err;

    (void)state;
    for (size_t i = 0; i < size; i++)
        data[i] = (char)(i * 7 / 3);
    CHECK_OK(file_write("f", data, size, &err), err);
    CHECK_OK(file_read(&back, &len, "f", size, &err), err);
    assert_int_equal(len, size);
    assert_memory_equal(back, data, size);
}

static void write_replaces_and_leaves_nothing_aside(void **state)
{
    char long_name[256];
    struct err err;

    (void)state;
    put("f", "old");
    put("f", "new");
    check_content("f", "new");
    assert_int_equal(entries("."), 1);
    CHECK_ERR(file_write("none/f", "x", 1, &err), err, ERR_NOT_FOUND);
    assert_memory_equal(err.msg, "none/f: ", 8);
    CHECK_OK(file_mkdirs("dir", &err), err);
    CHECK_ERR(file_write("dir", "x", 1, &err), err, ERR_CONFIG);
    CHECK_ERR(file_write("f/g", "x", 1, &err), err, ERR_CONFIG);
    assert_int_equal(entries("."), 2);
    memset(long_name, 'n', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    put(long_name, "255 bytes are a name");
    check_content(long_name, "255 bytes are a name");
}

static void create_wins_once(void **state)
{
    struct err err;

    (void)state;
    CHECK_OK(file_create("f", "first", 5, &err), err);
    CHECK_ERR(file_create("f", "second", 6, &err), err, ERR_CONFLICT);
    check_content("f", "first");
    assert_int_equal(symlink("nowhere", "link"), 0);
    CHECK_ERR(file_create("link", "x", 1, &err), err, ERR_CONFLICT); /* not through a link */
    CHECK_ERR(file_create("none/f", "x", 1, &err), err, ERR_NOT_FOUND);
    assert_int_equal(entries("."), 2);
}

struct racer {
    pthread_barrier_t *start; /* borrowed */
    int number, rc;
    bool publish;
    struct err err;
};

static void *race(void *data)
{
    struct racer *racer = data;
    char name[16];

    (void)snprintf(name, sizeof(name), "from%d", racer->number);
    (void)pthread_barrier_wait(racer->start);
    racer->rc = racer->publish ? file_publish(name, "goal", false, &racer->err)
                               : file_create("goal", name, strlen(name), &racer->err);
    return NULL;
}

/* Eight at once, fifty times: one wins, and the file is the winner's. */
static void check_race(bool publish)
{
    for (int round = 0; round < 50; round++) {
        struct racer racers[8];
        pthread_t threads[8];
        pthread_barrier_t start;
        int winner = -1;
        struct err err;

        assert_int_equal(pthread_barrier_init(&start, NULL, 8), 0);
        for (int i = 0; i < 8; i++) {
            char name[16];

            (void)snprintf(name, sizeof(name), "from%d", i);
            if (publish)
                put(name, name);
            racers[i] = (struct racer){ .start = &start, .number = i, .publish = publish };
            assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
        }
        for (int i = 0; i < 8; i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
            if (racers[i].rc == 0) {
                assert_int_equal(winner, -1);
                winner = i;
            } else {
                assert_int_equal(racers[i].err.code, ERR_CONFLICT);
            }
        }
        assert_true(winner >= 0);
        check_content("goal", (char[]){ 'f', 'r', 'o', 'm', (char)('0' + winner), '\0' });
        CHECK_OK(file_remove("goal", &err), err);
        (void)pthread_barrier_destroy(&start);
    }
}

static void of_many_creators_one_wins(void **state)
{
    (void)state;
    check_race(false);
    assert_int_equal(entries("."), 0);
}

static void of_many_publishers_one_wins(void **state)
{
    (void)state;
    check_race(true);
    assert_int_equal(entries("."), 7); /* the losers' files of the last round */
}

static void publish_moves(void **state)
{
    struct err err;

    (void)state;
    CHECK_OK(file_mkdirs("a/b", &err), err);
    put("a/b/from", "new");
    put("to", "old");
    CHECK_ERR(file_publish("a/b/from", "to", false, &err), err, ERR_CONFLICT);
    check_content("to", "old");
    check_content("a/b/from", "new");
    CHECK_OK(file_publish("a/b/from", "to", true, &err), err);
    check_content("to", "new");
    assert_false(file_exists("a/b/from"));
    CHECK_OK(file_publish("to", "a/fresh", false, &err), err);
    check_content("a/fresh", "new");
    CHECK_ERR(file_publish("none", "to", true, &err), err, ERR_NOT_FOUND);
    assert_memory_equal(err.msg, "none: ", 6);
    CHECK_ERR(file_publish("a/fresh", "none/to", false, &err), err, ERR_NOT_FOUND);
}

static void publish_moves_folders_too(void **state)
{
    struct err err;

    (void)state;
    CHECK_OK(file_mkdirs("hls", &err), err);
    put("hls/master.m3u8", "m");
    CHECK_OK(file_publish("hls", "film", false, &err), err);
    check_content("film/master.m3u8", "m");
    CHECK_OK(file_mkdirs("hls", &err), err);
    CHECK_ERR(file_publish("hls", "film", false, &err), err, ERR_CONFLICT);
    CHECK_ERR(file_publish("hls", "film", true, &err), err, ERR_CONFLICT); /* it is not empty */
    check_content("film/master.m3u8", "m");
}

static void mkdirs_makes_what_is_missing(void **state)
{
    char absolute[100];
    struct err err;

    (void)state;
    CHECK_OK(file_mkdirs("a//b/c/", &err), err);
    CHECK_OK(file_mkdirs("a/b/c", &err), err);
    assert_int_equal(entries("a/b"), 1);
    (void)snprintf(absolute, sizeof(absolute), "%s/x/y", root);
    CHECK_OK(file_mkdirs(absolute, &err), err);
    assert_true(file_exists("x/y"));
    assert_int_equal(symlink("a", "link"), 0);
    CHECK_OK(file_mkdirs("link/b/d", &err), err);
    assert_true(file_exists("a/b/d"));
    put("f", "");
    CHECK_ERR(file_mkdirs("f", &err), err, ERR_CONFIG);
    CHECK_ERR(file_mkdirs("f/g", &err), err, ERR_CONFIG);
    assert_string_equal(err.msg, "f: Not a directory");
    CHECK_ERR(file_mkdirs("", &err), err, ERR_NOT_FOUND);
}

static void remove_is_content_with_absence(void **state)
{
    struct err err;

    (void)state;
    put("f", "");
    CHECK_OK(file_remove("f", &err), err);
    CHECK_OK(file_remove("f", &err), err);
    CHECK_OK(file_mkdirs("d", &err), err);
    CHECK_ERR(file_remove("d", &err), err, ERR_CONFIG);
    assert_true(file_exists("d"));
}

static void remove_tree_stays_inside(void **state)
{
    struct err err;

    (void)state;
    CHECK_OK(file_mkdirs("keep/inner", &err), err);
    put("keep/inner/f", "precious");
    CHECK_OK(file_mkdirs("tree/a/b", &err), err);
    put("tree/a/b/f", "x");
    put("tree/.hidden", "x");
    assert_int_equal(symlink("../keep", "tree/to_folder"), 0);
    assert_int_equal(symlink("../../keep/inner/f", "tree/a/to_file"), 0);
    assert_int_equal(symlink("nowhere", "tree/dangling"), 0);
    assert_int_equal(mkfifo("tree/fifo", 0600), 0);
    CHECK_OK(file_remove_tree("tree", &err), err);
    assert_false(file_exists("tree"));
    check_content("keep/inner/f", "precious");
    CHECK_OK(file_remove_tree("tree", &err), err);
    assert_int_equal(symlink("keep", "link"), 0);
    CHECK_OK(file_remove_tree("link", &err), err);
    assert_int_equal(symlink("keep", "link"), 0);
    CHECK_OK(file_remove_tree("link/", &err), err); /* still only the link */
    check_content("keep/inner/f", "precious");
    CHECK_OK(file_remove_tree("keep/inner/f", &err), err); /* a file is a small tree */
    CHECK_ERR(file_remove_tree("/", &err), err, ERR_CONFIG);
    CHECK_ERR(file_remove_tree("//", &err), err, ERR_CONFIG);
    CHECK_ERR(file_remove_tree("", &err), err, ERR_CONFIG);
}

static void remove_tree_takes_many_files(void **state)
{
    struct err err;

    (void)state;
    CHECK_OK(file_mkdirs("tree", &err), err);
    for (int i = 0; i < 3000; i++) {
        char name[32];
        int fd;

        (void)snprintf(name, sizeof(name), "tree/%05d", i);
        fd = open(name, O_CREAT | O_WRONLY, 0600);
        assert_true(fd >= 0);
        (void)close(fd);
    }
    CHECK_OK(file_remove_tree("tree", &err), err);
    assert_int_equal(entries("."), 0);
}

static void remove_tree_gives_up_on_absurd_depth(void **state)
{
    char path[300] = "d";
    struct err err;

    (void)state;
    for (int i = 0; i < 80; i++)
        memcpy(path + strlen(path), "/d", 3);
    CHECK_OK(file_mkdirs(path, &err), err);
    CHECK_ERR(file_remove_tree("d", &err), err, ERR_CONFIG);
    path[60] = '\0'; /* .../d/ at depth 30 */
    path[59] = '\0';
    CHECK_OK(file_remove_tree(path, &err), err);
}

static void sync_and_exists(void **state)
{
    struct err err;

    (void)state;
    CHECK_OK(file_sync_dir(".", &err), err);
    CHECK_ERR(file_sync_dir("none", &err), err, ERR_NOT_FOUND);
    put("f", "");
    CHECK_ERR(file_sync_dir("f", &err), err, ERR_CONFIG);
    assert_true(file_exists("f"));
    assert_true(file_exists("."));
    assert_false(file_exists("none"));
}

static void *swap_for_ever(void *stop)
{
    while (!__atomic_load_n((int *)stop, __ATOMIC_RELAXED))
        (void)renameat2(AT_FDCWD, "tree", AT_FDCWD, "link", RENAME_EXCHANGE);
    return NULL;
}

/* Somebody swaps the folder for a link to a precious one while we remove. */
static void remove_tree_is_not_led_astray(void **state)
{
    pthread_t thread;
    struct err err;
    int stop = 0;

    (void)state;
    CHECK_OK(file_mkdirs("keep", &err), err);
    put("keep/f", "precious");
    assert_int_equal(pthread_create(&thread, NULL, swap_for_ever, &stop), 0);
    for (int i = 0; i < 2500; i++) {
        if (unlink("link") < 0)
            (void)rmdir("link");
        (void)mkdir("tree", 0700);
        (void)symlink("keep", "link");
        (void)file_remove_tree("tree", &err); /* may fail; must not follow */
    }
    __atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
    assert_int_equal(pthread_join(thread, NULL), 0);
    check_content("keep/f", "precious");
}

/* A second process that tries the lock: its exit status is the error code. */
static int lock_in_child(const char *path)
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        struct err err = { 0 };
        int fd;

        _exit(file_lock(&fd, path, &err) == 0 ? 0 : (int)err.code);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void a_lock_is_exclusive_until_closed(void **state)
{
    struct err err;
    int fd, second = -5;

    (void)state;
    CHECK_OK(file_lock(&fd, "lock", &err), err);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_int_equal(lock_in_child("lock"), ERR_CONFLICT);
    CHECK_ERR(file_lock(&second, "lock", &err), err, ERR_CONFLICT);
    assert_int_equal(second, -5);
    (void)close(fd);
    assert_int_equal(lock_in_child("lock"), 0);
    CHECK_ERR(file_lock(&fd, "none/lock", &err), err, ERR_NOT_FOUND);
    CHECK_ERR(file_lock(&fd, ".", &err), err, ERR_CONFIG);
}

/* A lock on a name that was removed and made again is no lock on the new file. */
static void a_removed_lock_does_not_count(void **state)
{
    struct err err;
    int old, fresh;

    (void)state;
    CHECK_OK(file_lock(&old, "lock", &err), err);
    CHECK_OK(file_remove("lock", &err), err);
    CHECK_OK(file_lock(&fresh, "lock", &err), err);
    assert_int_equal(lock_in_child("lock"), ERR_CONFLICT);
    (void)close(old);
    assert_int_equal(lock_in_child("lock"), ERR_CONFLICT);
    (void)close(fresh);
}

/* Takes the lock, looks whether it is alone, removes the file, lets go; again and again. */
static void fight_for_lock(void)
{
    for (int i = 0; i < 3000; i++) {
        struct err err;
        int fd;

        if (file_lock(&fd, "lock", &err) < 0) {
            if (err.code != ERR_CONFLICT)
                _exit(1);
            continue;
        }
        if (mkdir("held", 0700) < 0)
            _exit(2); /* somebody else holds "it" too */
        if (rmdir("held") < 0 || unlink("lock") < 0)
            _exit(3);
        (void)close(fd);
    }
    _exit(0);
}

static void a_lock_survives_removers(void **state)
{
    pid_t pids[4];

    (void)state;
    for (int i = 0; i < 4; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            fight_for_lock();
    }
    for (int i = 0; i < 4; i++) {
        int status;

        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

/* In a child with room for 4 KiB a file; the code it saw, or 100 + what it left behind. */
static int write_with_little_room(int (*how)(const char *, const void *, size_t, struct err *))
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        struct rlimit limit = { 4096, 4096 };
        static char data[10000];
        struct err err = { 0 };

        (void)signal(SIGXFSZ, SIG_IGN);
        if (setrlimit(RLIMIT_FSIZE, &limit) < 0 || how("f", data, sizeof(data), &err) == 0)
            _exit(99);
        if (file_exists("f") != (how == file_write))
            _exit(98);
        _exit(entries(".") != (how == file_write) ? 97 : (int)err.code);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void no_space_leaves_what_was(void **state)
{
    struct err err;

    (void)state;
    assert_int_equal(write_with_little_room(file_create), ERR_SPACE);
    put("f", "old");
    assert_int_equal(write_with_little_room(file_write), ERR_SPACE);
    check_content("f", "old");
    CHECK_OK(file_remove("f", &err), err);
}

/* As an ordinary user; root may write everywhere. */
static void denied_is_a_config_error(void **state)
{
    pid_t pid;
    int status;

    (void)state;
    assert_int_equal(mkdir("closed", 0500), 0);
    assert_int_equal(chmod(root, 0755), 0);
    pid = fork();
    if (pid == 0) {
        struct err err = { 0 };
        int fd;

        if (geteuid() == 0 && setresuid(65534, 65534, 65534) < 0)
            _exit(1);
        if (file_write("closed/f", "x", 1, &err) == 0 || err.code != ERR_CONFIG)
            _exit(2);
        if (file_mkdirs("closed/d", &err) == 0 || err.code != ERR_CONFIG)
            _exit(3);
        if (file_lock(&fd, "closed/l", &err) == 0 || err.code != ERR_CONFIG)
            _exit(4);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

#define ROW(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW(read_gives_the_whole_file_or_nothing),
        ROW(an_empty_file_is_an_empty_text),
        ROW(a_file_longer_than_a_chunk_is_read),
        ROW(write_replaces_and_leaves_nothing_aside),
        ROW(create_wins_once),
        ROW(of_many_creators_one_wins),
        ROW(of_many_publishers_one_wins),
        ROW(publish_moves),
        ROW(publish_moves_folders_too),
        ROW(mkdirs_makes_what_is_missing),
        ROW(remove_is_content_with_absence),
        ROW(remove_tree_stays_inside),
        ROW(remove_tree_takes_many_files),
        ROW(remove_tree_gives_up_on_absurd_depth),
        ROW(remove_tree_is_not_led_astray),
        ROW(sync_and_exists),
        ROW(a_lock_is_exclusive_until_closed),
        ROW(a_removed_lock_does_not_count),
        ROW(a_lock_survives_removers),
        ROW(no_space_leaves_what_was),
        ROW(denied_is_a_config_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
