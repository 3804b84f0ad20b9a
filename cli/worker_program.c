/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/worker_program.h"

#include "common/auto.h"
#include "common/buf.h"
#include "common/contract/class.h"
#include "common/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM "stereo-worker "

static char *own_folder(void)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
    char *slash;

    if (len <= 0)
        return xstrdup(".");
    path[len] = '\0';
    slash = strrchr(path, '/');
    if (slash)
        *slash = '\0';
    return xstrdup(path);
}

static char *find_in_path(void)
{
    const char *list = getenv("PATH");

    while (list && *list) {
        size_t len = strcspn(list, ":");
        char *path = xasprintf("%.*s/stereo-worker", (int)len, list);

        if (access(path, X_OK) == 0)
            return path;
        free(path);
        list += len + (list[len] == ':');
    }
    return NULL;
}

int worker_program_find(char **path, struct err *err)
{
    static const char *const beside[] = { "stereo-worker", "../worker/stereo-worker" };
    const char *named = getenv("STEREO_WORKER");
    AUTO_FREE char *folder = own_folder();
    char *found;

    if (named && *named) {
        if (access(named, X_OK) < 0)
            return err_set(err, ERR_CONFIG, "STEREO_WORKER: %s: %s", named, strerror(errno));
        *path = xstrdup(named);
        return 0;
    }
    for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
        found = xasprintf("%s/%s", folder, beside[i]);
        if (access(found, X_OK) == 0) {
            *path = found;
            return 0;
        }
        free(found);
    }
    found = find_in_path();
    if (!found)
        return err_set(err, ERR_CONFIG,
                       "stereo-worker is not beside this program (%s) nor in PATH; set "
                       "STEREO_WORKER to it",
                       folder);
    *path = found;
    return 0;
}

static int child_wait(pid_t pid, int *exit_code, struct err *err)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return err_set(err, ERR_INTERNAL, "waitpid: %s", strerror(errno));
    *exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : class_exit_code(CLASS_INTERNAL);
    return 0;
}

/* All that fd has, up to its end. */
static int text_read(struct buf *text, int fd, struct err *err)
{
    char chunk[4096];
    ssize_t len;

    for (;;) {
        len = read(fd, chunk, sizeof(chunk));
        if (len == 0)
            return buf_append(text, "", 0, err);
        if (len < 0 && errno != EINTR)
            return err_set(err, ERR_INTERNAL, "read: %s", strerror(errno));
        if (len > 0 && buf_append(text, chunk, (size_t)len, err) < 0)
            return -1;
    }
}

int worker_program_read(char **text, int *exit_code, const char *const *argv, struct err *err)
{
    AUTO_CLOSE int read_end = -1;
    AUTO_BUF struct buf said;
    int ends[2], rc;
    pid_t pid;

    buf_init(&said, WORKER_TEXT_MAX);
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_set(err, ERR_INTERNAL, "pipe: %s", strerror(errno));
    read_end = ends[0];
    pid = fork();
    if (pid == 0) {
        (void)dup2(ends[1], STDOUT_FILENO);
        execv(argv[0], (char *const *)argv);
        _exit(127);
    }
    (void)close(ends[1]);
    if (pid < 0)
        return err_set(err, ERR_INTERNAL, "fork: %s", strerror(errno));
    rc = text_read(&said, read_end, err);
    if (rc < 0)
        (void)kill(pid, SIGKILL);
    if (child_wait(pid, exit_code, err) < 0 || rc < 0)
        return -1;
    *text = xstrndup(said.data ? said.data : "", said.len);
    return 0;
}

int worker_program_build(char **build, const char *path, struct err *err)
{
    const char *const argv[] = { path, "--version", NULL };
    AUTO_FREE char *line = NULL;
    int code;

    if (worker_program_read(&line, &code, argv, err) < 0)
        return -1;
    line[strcspn(line, "\n")] = '\0';
    if (code != 0 || !line[0])
        return err_set(err, ERR_CONFIG, "%s --version ended with %d", path, code);
    /* "stereo-worker BUILD": the build is what the worker compares. */
    *build = xstrdup(strncmp(line, PROGRAM, strlen(PROGRAM)) == 0 ? line + strlen(PROGRAM) : line);
    return 0;
}
