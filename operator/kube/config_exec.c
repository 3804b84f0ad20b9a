/* SPDX-License-Identifier: Apache-2.0
 *
 * Exec plugins: a program of the user's (aws, gke-gcloud-auth-plugin, kubelogin) that prints an
 * ExecCredential. It leads a process group of its own, so that one that hangs dies with its
 * helpers.
 */
#include "operator/kube/config.h"

#include "common/buf.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/json.h"
#include "common/mem.h"
#include "operator/kube/base64.h"
#include "operator/kube/config_file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PRINTED_MAX = 1 << 20, WORDS_SIZE = 240, AFTER_END_MS = 200 };

extern char **environ;

/* --- what it printed --- */

void kube_credential_clear(struct kube_credential *credential)
{
    config_wipe(credential->token);
    config_wipe(credential->cert);
    config_wipe(credential->key);
    memset(credential, 0, sizeof(*credential));
}

/* *out stays NULL when the key is absent, null or empty. */
static int take_text(char **out, const cJSON *status, const char *key, bool is_line,
                     struct err *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(status, key);

    if (!item || cJSON_IsNull(item))
        return 0;
    if (!cJSON_IsString(item))
        return err_set(err, ERR_CONFIG, "status.%s: must be text", key);
    for (const char *c = item->valuestring; is_line && *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return err_set(err, ERR_CONFIG, "status.%s: must be one line", key);
    }
    if (*item->valuestring)
        *out = xstrdup(item->valuestring);
    return 0;
}

static int take_end(long long *out, const cJSON *status, struct err *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(status, "expirationTimestamp");

    if (!item || cJSON_IsNull(item))
        return 0;
    *out = cJSON_IsString(item) ? clock_parse(item->valuestring) : -1;
    if (*out < 0)
        return err_set(err, ERR_CONFIG,
                       "status.expirationTimestamp: must be a time like 2026-11-22T10:00:00Z");
    return 0;
}

static int check_kind(const cJSON *doc, const char *api_version, struct err *err)
{
    const cJSON *kind = cJSON_GetObjectItemCaseSensitive(doc, "kind");
    const cJSON *version = cJSON_GetObjectItemCaseSensitive(doc, "apiVersion");

    if (!cJSON_IsString(kind) || strcmp(kind->valuestring, "ExecCredential") != 0)
        return err_set(err, ERR_CONFIG, "kind: must be ExecCredential");
    if (!cJSON_IsString(version) || strcmp(version->valuestring, api_version) != 0)
        return err_set(err, ERR_CONFIG, "apiVersion: must be %.80s, as asked for", api_version);
    if (!cJSON_IsObject(cJSON_GetObjectItemCaseSensitive(doc, "status")))
        return err_set(err, ERR_CONFIG, "status: is missing");
    return 0;
}

static int take_all(struct kube_credential *out, const cJSON *doc, const char *api_version,
                    struct err *err)
{
    const cJSON *status = cJSON_GetObjectItemCaseSensitive(doc, "status");

    if (check_kind(doc, api_version, err) < 0 ||
        take_text(&out->token, status, "token", true, err) < 0 ||
        take_text(&out->cert, status, "clientCertificateData", false, err) < 0 ||
        take_text(&out->key, status, "clientKeyData", false, err) < 0 ||
        take_end(&out->end_ms, status, err) < 0)
        return -1;
    if (!out->cert != !out->key)
        return err_set(err, ERR_CONFIG,
                       "status: clientCertificateData and clientKeyData go together");
    if (!out->token && !out->cert)
        return err_set(err, ERR_CONFIG, "status: has neither token nor clientCertificateData");
    return 0;
}

static void wipe_texts(cJSON *doc)
{
    cJSON *item;

    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(doc, "status"))
    {
        if (cJSON_IsString(item))
            explicit_bzero(item->valuestring, strlen(item->valuestring));
    }
}

int kube_credential_parse(struct kube_credential *out, const char *text, size_t len,
                          const char *api_version, struct err *err)
{
    struct kube_credential made = { 0 };
    cJSON *doc = NULL;
    int rc;

    if (json_parse(&doc, text, len, err) < 0) {
        err->code = ERR_CONFIG;
        return err_wrap(err, "ExecCredential");
    }
    rc = take_all(&made, doc, api_version, err);
    wipe_texts(doc);
    cJSON_Delete(doc);
    if (rc < 0) {
        kube_credential_clear(&made);
        return err_wrap(err, "ExecCredential");
    }
    *out = made;
    return 0;
}

/* --- what it is told --- */

static int add_ca(cJSON *cluster, const struct kube_secret_text *ca, struct err *err)
{
    AUTO_FREE char *text = NULL, *data = NULL;
    size_t len = 0;

    if (ca->text)
        data = base64_encode(ca->text, strlen(ca->text));
    else if (ca->path && file_read(&text, &len, ca->path, PRINTED_MAX, err) < 0)
        return -1;
    else if (text)
        data = base64_encode(text, len);
    if (data)
        json_add_str(cluster, "certificate-authority-data", data);
    return 0;
}

static void add_extension(cJSON *cluster, const char *text)
{
    cJSON *doc = NULL;
    struct err err;

    if (!text)
        return;
    if (json_parse(&doc, text, strlen(text), &err) < 0 ||
        !cJSON_AddItemToObject(cluster, "config", doc))
        abort(); /* json_print made it */
}

static int add_cluster(cJSON *spec, const struct kube_config *config, struct err *err)
{
    cJSON *cluster = cJSON_AddObjectToObject(spec, "cluster");

    if (!cluster)
        abort();
    json_add_str(cluster, "server", config->server);
    if (config->tls_server_name)
        json_add_str(cluster, "tls-server-name", config->tls_server_name);
    if (config->insecure)
        json_add_bool(cluster, "insecure-skip-tls-verify", true);
    if (config->proxy_url)
        json_add_str(cluster, "proxy-url", config->proxy_url);
    add_extension(cluster, config->exec.cluster_config);
    return add_ca(cluster, &config->ca, err);
}

static char *info_text(const struct kube_config *config, struct err *err)
{
    AUTO(cJSON) cJSON *doc = cJSON_CreateObject();
    cJSON *spec = cJSON_AddObjectToObject(doc, "spec");

    if (!spec)
        abort();
    json_add_str(doc, "kind", "ExecCredential");
    json_add_str(doc, "apiVersion", config->exec.api_version);
    json_add_bool(spec, "interactive", false);
    if (config->exec.provide_cluster_info && add_cluster(spec, config, err) < 0)
        return NULL;
    return json_print(doc);
}

static bool is_same_name(const char *a, const char *b)
{
    size_t len = strcspn(a, "=");

    return strncmp(a, b, len) == 0 && b[len] == '=';
}

static void env_put(char **env, size_t *count, char *pair)
{
    for (size_t i = 0; i < *count; i++) {
        if (is_same_name(pair, env[i])) {
            env[i] = pair;
            return;
        }
    }
    env[(*count)++] = pair;
}

/* Ours, then the plugin's, then the question; the strings are borrowed. Caller frees the list. */
static char **child_env(char **extra, char *info)
{
    size_t ours = 0, theirs = 0, count = 0;
    char **env;

    while (environ[ours])
        ours++;
    while (extra && extra[theirs])
        theirs++;
    env = xcalloc(ours + theirs + 2, sizeof(*env));
    for (size_t i = 0; i < ours; i++)
        env[count++] = environ[i];
    for (size_t i = 0; i < theirs; i++)
        env_put(env, &count, extra[i]);
    env_put(env, &count, info);
    return env;
}

/* --- the child --- */

struct child {
    pid_t pid;
    int pidfd, out_fd, err_fd; /* owned; -1: not open, or at its end */
    struct buf printed;
    char words[WORDS_SIZE]; /* the newest of stderr */
    size_t words_len;
    bool too_long;
};

static void close_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

static int child_spawn(struct child *child, char **argv, char **env, int out_fd, int err_fd)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    sigset_t none, all;
    int rc;

    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    (void)posix_spawn_file_actions_init(&files);
    (void)posix_spawnattr_init(&attr);
    (void)posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    (void)posix_spawn_file_actions_adddup2(&files, out_fd, 1);
    (void)posix_spawn_file_actions_adddup2(&files, err_fd, 2);
    (void)posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK |
                                              POSIX_SPAWN_SETSIGDEF);
    (void)posix_spawnattr_setsigmask(&attr, &none);
    (void)posix_spawnattr_setsigdefault(&attr, &all);
    rc = posix_spawnp(&child->pid, argv[0], &files, &attr, argv, env);
    (void)posix_spawnattr_destroy(&attr);
    (void)posix_spawn_file_actions_destroy(&files);
    return rc;
}

static void child_kill(const struct child *child)
{
    (void)kill(-child->pid, SIGKILL); /* not yet waited for, so its id is still its own */
}

static int child_watch(struct child *child, struct err *err)
{
    int errnum;

    child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
    if (child->pidfd >= 0)
        return 0;
    errnum = errno;
    child_kill(child);
    while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    return err_errno(err, ERR_DEPENDENCY, errnum, "pidfd_open");
}

static int child_start(struct child *child, char **argv, char **env, struct err *err)
{
    int out[2], errs[2], rc;

    if (pipe2(out, O_CLOEXEC) < 0)
        return err_errno(err, ERR_DEPENDENCY, errno, "pipe");
    if (pipe2(errs, O_CLOEXEC) < 0) {
        rc = errno;
        close_fd(&out[0]);
        close_fd(&out[1]);
        return err_errno(err, ERR_DEPENDENCY, rc, "pipe");
    }
    rc = child_spawn(child, argv, env, out[1], errs[1]);
    close_fd(&out[1]);
    close_fd(&errs[1]);
    child->out_fd = out[0];
    child->err_fd = errs[0];
    if (rc)
        return err_set(err, ERR_CONFIG, "cannot be started: %s", strerror(rc));
    return child_watch(child, err);
}

static void keep_words(struct child *child, const char *data, size_t len)
{
    if (len > sizeof(child->words)) {
        data += len - sizeof(child->words);
        len = sizeof(child->words);
    }
    if (child->words_len + len > sizeof(child->words)) {
        size_t drop = child->words_len + len - sizeof(child->words);

        memmove(child->words, child->words + drop, child->words_len - drop);
        child->words_len -= drop;
    }
    memcpy(child->words + child->words_len, data, len);
    child->words_len += len;
}

static void child_read(struct child *child, int *fd)
{
    char data[4096];
    ssize_t got = read(*fd, data, sizeof(data));
    struct err ignored;

    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got <= 0)
        close_fd(fd);
    else if (fd == &child->err_fd)
        keep_words(child, data, (size_t)got);
    else if (buf_append(&child->printed, data, (size_t)got, &ignored) < 0)
        child->too_long = true;
    explicit_bzero(data, sizeof(data));
}

/* Until it has ended and both pipes are empty; a helper it left behind may keep them open, which
 * is given AFTER_END_MS. False: time is up. */
static bool child_wait(struct child *child, int timeout_ms)
{
    int64_t end_us = clock_mono_us() + (int64_t)timeout_ms * 1000;
    bool ended = false;

    while (!child->too_long) {
        struct pollfd fds[3] = { { .fd = child->out_fd, .events = POLLIN },
                                 { .fd = child->err_fd, .events = POLLIN },
                                 { .fd = ended ? -1 : child->pidfd, .events = POLLIN } };
        int64_t left_us = end_us - clock_mono_us();

        if (ended && child->out_fd < 0 && child->err_fd < 0)
            return true;
        if (left_us <= 0 || poll(fds, 3, (int)(left_us / 1000) + 1) == 0)
            return ended;
        if (fds[0].revents)
            child_read(child, &child->out_fd);
        if (fds[1].revents)
            child_read(child, &child->err_fd);
        if (fds[2].revents) {
            ended = true;
            end_us = clock_mono_us() + INT64_C(1000) * AFTER_END_MS;
        }
    }
    return true;
}

/* Control characters become spaces, those at the ends go. */
static const char *words_of(struct child *child)
{
    char *words = child->words;
    size_t len = child->words_len;
    char *start = words;

    if (len == sizeof(child->words))
        len--;
    words[len] = '\0';
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)words[i] < ' ' || words[i] == 0x7f)
            words[i] = ' ';
    }
    while (len && words[len - 1] == ' ')
        words[--len] = '\0';
    return start + strspn(start, " ");
}

static int failed(struct err *err, struct child *child, const char *hint, const char *what)
{
    const char *words = words_of(child);

    return err_set(err, ERR_CONFIG, "%s%s%s%s%.120s", what, *words ? ": " : "", words,
                   hint ? "; " : "", hint ? hint : "");
}

static int child_end(struct child *child, bool in_time, const char *hint, struct err *err)
{
    int status = 0;
    char what[64];

    if (!in_time || child->too_long)
        child_kill(child);
    while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!in_time)
        return failed(err, child, hint, "gave no answer in time");
    if (child->too_long)
        return failed(err, child, hint, "printed more than 1 MiB");
    if (WIFSIGNALED(status)) {
        (void)snprintf(what, sizeof(what), "was ended by signal %d", WTERMSIG(status));
        return failed(err, child, hint, what);
    }
    if (WEXITSTATUS(status)) {
        (void)snprintf(what, sizeof(what), "exited with %d", WEXITSTATUS(status));
        return failed(err, child, hint, what);
    }
    return 0;
}

static int child_run(struct child *child, const struct kube_exec *exec, char **env, int timeout_ms,
                     struct err *err)
{
    const char *hint = exec->install_hint;
    struct err why;

    if (child_start(child, exec->argv, env, &why) == 0)
        return child_end(child, child_wait(child, timeout_ms), hint, err);
    return err_set(err, why.code, "%s%s%.240s", why.msg, hint ? "; " : "", hint ? hint : "");
}

int kube_exec_run(struct kube_credential *out, const struct kube_config *config, int timeout_ms,
                  struct err *err)
{
    struct child child = { .pidfd = -1, .out_fd = -1, .err_fd = -1 };
    AUTO_FREE char *text = info_text(config, err), *info = NULL;
    AUTO_FREE char **env = NULL;
    int rc;

    if (!text)
        return err_wrap(err, "exec plugin %.80s", config->exec.argv[0]);
    info = xasprintf("KUBERNETES_EXEC_INFO=%s", text);
    env = child_env(config->exec.env, info);
    buf_init(&child.printed, PRINTED_MAX);
    rc = child_run(&child, &config->exec, env, timeout_ms, err);
    if (rc == 0)
        rc = kube_credential_parse(out, child.printed.data ? child.printed.data : "",
                                   child.printed.len, config->exec.api_version, err);
    close_fd(&child.pidfd);
    close_fd(&child.out_fd);
    close_fd(&child.err_fd);
    if (child.printed.data)
        explicit_bzero(child.printed.data, child.printed.len);
    buf_clear(&child.printed);
    return rc < 0 ? err_wrap(err, "exec plugin %.80s", config->exec.argv[0]) : 0;
}
