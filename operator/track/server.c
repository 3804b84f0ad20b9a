/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/track/server.h"

#include "common/auto.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/hash.h"
#include "common/mem.h"
#include "common/redis.h"
#include "operator/spawn/spawn.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#define FOLDER_PREFIX "stereo-redis-"
#define FOLDER_MAX    80 /* of sun_path's 108 bytes, with room for the socket's name */

enum {
    PASSWORD_BYTES = 32,
    START_MS = 5000,
    PING_TIMEOUT_MS = 500,
    POLL_MS = 5,
    LOG_MAX = 1 << 20,
    STALE_S = 60, /* a folder without its owner is swept after this */
};

struct track_server {
    char *program; /* owned, as all here */
    char *folder, *url, *log, *socket;
    char password[2 * PASSWORD_BYTES + 1];
    struct spawn child; /* pidfd -1: not running */
    int lock;           /* held while we live: tells sweepers that the folder is in use */
};

static int program_find(char **out, const char *name, struct err *err)
{
    const char *path = getenv("PATH");
    AUTO_FREE char *list = xstrdup(path ? path : "/usr/local/bin:/usr/bin:/bin");
    char *state = NULL;

    for (char *dir = strtok_r(list, ":", &state); dir; dir = strtok_r(NULL, ":", &state)) {
        AUTO_FREE char *file = xasprintf("%s/%s", dir, name);

        if (access(file, X_OK) == 0) {
            *out = TAKE(file);
            return 0;
        }
    }
    return err_set(err, ERR_NOT_FOUND, "no %s program in PATH", name);
}

static const char *folder_parent(void)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-";
    const char *dir = getenv("TMPDIR");

    if (!dir || dir[0] != '/' || strlen(dir) > FOLDER_MAX - sizeof(FOLDER_PREFIX) - 6 ||
        dir[strspn(dir, plain)]) /* it goes into a configuration file */
        return "/tmp";
    return dir;
}

/* A folder whose owner was killed: ours by user, not locked, and no longer being made. */
static void folder_sweep(const char *folder)
{
    AUTO_FREE char *lock_path = xasprintf("%s/lock", folder);
    AUTO_CLOSE int lock = -1;
    struct stat st;
    struct err err;

    if (lstat(folder, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid() ||
        time(NULL) - st.st_mtime < STALE_S || access(lock_path, F_OK) < 0 ||
        file_lock(&lock, lock_path, &err) < 0)
        return;
    (void)file_remove_tree(folder, &err);
}

static void folders_sweep(const char *parent)
{
    DIR *dir = opendir(parent);
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        AUTO_FREE char *folder = xasprintf("%s/%s", parent, entry->d_name);

        if (strncmp(entry->d_name, FOLDER_PREFIX, strlen(FOLDER_PREFIX)) == 0)
            folder_sweep(folder);
    }
    if (dir)
        (void)closedir(dir);
}

static int folder_make(struct track_server *server, struct err *err)
{
    const char *parent = folder_parent();
    AUTO_FREE char *folder = xasprintf("%s/%sXXXXXX", parent, FOLDER_PREFIX);
    AUTO_FREE char *lock = NULL;

    folders_sweep(parent);
    if (!mkdtemp(folder))
        return err_errno(err, ERR_DEPENDENCY, errno, "%s", folder);
    server->folder = TAKE(folder);
    lock = xasprintf("%s/lock", server->folder);
    server->socket = xasprintf("%s/r.sock", server->folder);
    server->log = xasprintf("%s/log", server->folder);
    server->url = xasprintf("unix://%s", server->socket);
    return file_lock(&server->lock, lock, err);
}

/* The configuration goes in by stdin: a password in argv would be for everybody to read. */
static int config_send(const struct track_server *server, int fd, struct err *err)
{
    AUTO_FREE char *text = xasprintf("port 0\n"
                                     "unixsocket %s\n"
                                     "unixsocketperm 700\n"
                                     "requirepass %s\n"
                                     "save \"\"\n"
                                     "appendonly no\n"
                                     "dir %s\n"
                                     "daemonize no\n"
                                     "databases 1\n"
                                     "timeout 0\n"
                                     "loglevel warning\n",
                                     server->socket, server->password, server->folder);
    size_t len = strlen(text);

    if (write(fd, text, len) != (ssize_t)len) /* far below what a pipe holds */
        return err_errno(err, ERR_DEPENDENCY, errno, "redis-server: its configuration");
    return 0;
}

/* The last line that it wrote. */
static void last_words(const struct track_server *server, char *out, size_t size)
{
    AUTO_FREE char *text = NULL;
    struct err none;
    size_t len;
    char *line;

    (void)snprintf(out, size, "it said nothing");
    if (file_read(&text, &len, server->log, LOG_MAX, &none) < 0)
        return;
    while (len && text[len - 1] == '\n')
        text[--len] = '\0';
    line = strrchr(text, '\n');
    if (len)
        (void)snprintf(out, size, "%s", line ? line + 1 : text);
}

static bool answers(const struct track_server *server)
{
    static const char *const ping[] = { "PING" };
    AUTO(redis) struct redis *redis = NULL;
    struct err none;

    return access(server->socket, F_OK) == 0 &&
           redis_open(&redis, server->url, server->password, PING_TIMEOUT_MS, &none) == 0 &&
           redis_call(redis, NULL, 1, ping, &none) == 0;
}

static int wait_for_answer(struct track_server *server, struct err *err)
{
    int64_t until_us = clock_mono_us() + START_MS * INT64_C(1000);
    struct spawn_end end;
    char words[200];

    while (!answers(server)) {
        if (spawn_wait(&server->child, POLL_MS, &end)) {
            last_words(server, words, sizeof(words));
            return err_set(err, ERR_DEPENDENCY, "redis-server ended with code %d: %s",
                           end.exit_code, words);
        }
        if (clock_mono_us() > until_us) {
            last_words(server, words, sizeof(words));
            return err_set(err, ERR_DEPENDENCY, "redis-server does not answer: %s", words);
        }
    }
    return 0;
}

static int launch(struct track_server *server, struct err *err)
{
    const char *argv[] = { "redis-server", "-", NULL };
    const char *envp[] = { "PATH=/usr/bin:/bin", "LC_ALL=C", NULL };
    AUTO_CLOSE int out = open(server->log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    AUTO_CLOSE int in_read = -1;
    AUTO_CLOSE int in_write = -1;
    struct spawn_opts opts = { .program = server->program, .argv = argv, .envp = envp };
    int in[2];

    if (out < 0)
        return err_errno(err, ERR_DEPENDENCY, errno, "%s", server->log);
    if (pipe2(in, O_CLOEXEC) < 0)
        return err_errno(err, ERR_DEPENDENCY, errno, "pipe");
    in_read = in[0];
    in_write = in[1];
    if (config_send(server, in_write, err) < 0)
        return -1;
    (void)unlink(server->socket);
    opts.stdin_fd = in_read;
    opts.output_fd = out;
    if (spawn_start(&server->child, &opts, err) < 0) {
        server->child.pidfd = -1;
        return -1;
    }
    (void)close(in_write); /* the end of its configuration */
    in_write = -1;
    return wait_for_answer(server, err);
}

static void halt(struct track_server *server)
{
    struct spawn_end end;

    if (server->child.pidfd < 0)
        return;
    spawn_signal(&server->child, SIGKILL); /* there is nothing to save */
    (void)spawn_wait(&server->child, -1, &end);
}

static void password_make(struct track_server *server)
{
    unsigned char bytes[PASSWORD_BYTES];

    hash_random(bytes, sizeof(bytes));
    for (size_t i = 0; i < sizeof(bytes); i++)
        (void)snprintf(server->password + 2 * i, 3, "%02x", bytes[i]);
    explicit_bzero(bytes, sizeof(bytes));
}

AUTO_DEFINE(track_server, struct track_server *, track_server_free)

int track_server_start(struct track_server **out, struct err *err)
{
    AUTO(track_server) struct track_server *server = xcalloc(1, sizeof(*server));

    server->child.pidfd = -1;
    server->lock = -1;
    if (program_find(&server->program, "redis-server", err) < 0)
        return -1;
    password_make(server);
    if (folder_make(server, err) < 0 || launch(server, err) < 0) {
        if (err->code != ERR_NOT_FOUND)
            err->code = ERR_DEPENDENCY;
        return err_wrap(err, "private Redis");
    }
    *out = TAKE(server);
    return 0;
}

void track_server_free(struct track_server *server)
{
    struct err none;

    if (!server)
        return;
    halt(server);
    if (server->folder)
        (void)file_remove_tree(server->folder, &none);
    if (server->lock >= 0)
        (void)close(server->lock);
    explicit_bzero(server->password, sizeof(server->password));
    free(server->program);
    free(server->folder);
    free(server->url);
    free(server->log);
    free(server->socket);
    free(server);
}

const char *track_server_url(const struct track_server *server)
{
    return server->url;
}

const char *track_server_password(const struct track_server *server)
{
    return server->password;
}

int track_server_pid(const struct track_server *server)
{
    return server->child.pidfd < 0 ? -1 : server->child.pid;
}

int track_server_check(struct track_server *server, bool *restarted, struct err *err)
{
    struct spawn_end end;

    *restarted = false;
    if (server->child.pidfd >= 0 && !spawn_wait(&server->child, 0, &end))
        return 0;
    if (launch(server, err) < 0) {
        halt(server);
        err->code = ERR_DEPENDENCY;
        return err_wrap(err, "private Redis");
    }
    *restarted = true;
    return 0;
}
