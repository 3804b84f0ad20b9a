/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/cluster/local/child.h"

#include "common/contract/names.h"
#include "common/file.h"
#include "common/mem.h"
#include "common/utf8.h"
#include "operator/cluster/local/pod.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum { ARGS_MAX = 64, ENV_MAX = 256, LOG_TAIL = 2048 };

/* What a worker gets from our own environment; LD_LIBRARY_PATH and CUDA_VISIBLE_DEVICES are how
 * a person says where libraries and which devices are. */
static const char *const inherited[] = { "PATH",
                                         "HOME",
                                         "LANG",
                                         "LC_ALL",
                                         "TZ",
                                         "LD_LIBRARY_PATH",
                                         ENV_FAIL,
                                         "CUDA_VISIBLE_DEVICES",
                                         "STEREO_SANDBOX" };

struct words {               /* a NULL-terminated list of strings: argv, environ */
    char *list[ENV_MAX + 1]; /* owned */
    size_t count;
};

static void words_clear(struct words *words)
{
    for (size_t i = 0; i < words->count; i++) {
        explicit_bzero(words->list[i], strlen(words->list[i]));
        free(words->list[i]);
    }
    words->count = 0;
}

/* Replaces an earlier value of the same name, as a later env entry does in a pod. */
static int env_put(struct words *env, const char *name, const char *value, struct err *err)
{
    size_t len = strlen(name), i;
    char *text = xasprintf("%s=%s", name, value);

    for (i = 0; i < env->count; i++) {
        if (strncmp(env->list[i], name, len) == 0 && env->list[i][len] == '=')
            break;
    }
    if (i == ENV_MAX) {
        free(text);
        return err_set(err, ERR_CONFIG, "more than %d environment variables", ENV_MAX);
    }
    if (i == env->count)
        env->count++;
    else
        free(env->list[i]);
    env->list[i] = text;
    return 0;
}

static const char *secret_value(const struct local_secret *secret, const char *key)
{
    if (strcmp(key, SECRET_URL) == 0)
        return secret->url;
    if (strcmp(key, SECRET_PASSWORD) == 0)
        return secret->password;
    return strcmp(key, SECRET_TOKEN) == 0 ? secret->token : NULL;
}

/* As the kubelet: $$ is a dollar sign. (Our manifests have no $(NAME).) Caller frees. */
static char *env_unescape(const char *value)
{
    char *out = xmalloc(strlen(value) + 1);
    size_t n = 0;

    for (; *value; value++) {
        if (value[0] == '$' && value[1] == '$')
            value++;
        out[n++] = *value;
    }
    out[n] = '\0';
    return out;
}

static int env_put_item(struct words *env, const cJSON *item, const struct local_secret *secret,
                        struct err *err)
{
    const cJSON *name = json_path(item, "name"), *value = json_path(item, "value");
    const cJSON *key = json_path(item, "valueFrom.secretKeyRef.key");
    AUTO_FREE char *plain = NULL;
    const char *text;

    if (!cJSON_IsString(name))
        return 0;
    if (!cJSON_IsString(key)) {
        plain = env_unescape(cJSON_IsString(value) ? value->valuestring : "");
        return env_put(env, name->valuestring, plain, err);
    }
    text = secret_value(secret, key->valuestring);
    if (text)
        return env_put(env, name->valuestring, text, err);
    if (cJSON_IsTrue(json_path(item, "valueFrom.secretKeyRef.optional")))
        return 0;
    return err_set(err, ERR_NOT_FOUND, "couldn't find key %s in Secret", key->valuestring);
}

/* Ours come last: a pod cannot know where its folder is here. */
static int env_build(struct words *env, const struct local_place *place, const cJSON *pod,
                     const char *folder, const char *message, struct err *err)
{
    const cJSON *item; /* borrowed from pod */

    for (size_t i = 0; i < sizeof(inherited) / sizeof(inherited[0]); i++) {
        const char *value = getenv(inherited[i]);

        if (value && env_put(env, inherited[i], value, err) < 0)
            return -1;
    }
    cJSON_ArrayForEach(item, json_path(pod, "spec.containers[0].env"))
    {
        if (env_put_item(env, item, place->secret, err) < 0)
            return -1;
    }
    if (env_put(env, "TMPDIR", folder, err) < 0 || env_put(env, ENV_SCRATCH, folder, err) < 0 ||
        env_put(env, ENV_TERMINATION_LOG, message, err) < 0)
        return -1;
    return 0;
}

static int args_build(const char *argv[ARGS_MAX + 2], const char *worker, const cJSON *pod,
                      struct err *err)
{
    const cJSON *item; /* borrowed from pod */
    int argc = 0;

    argv[argc++] = worker;
    cJSON_ArrayForEach(item, json_path(pod, "spec.containers[0].args"))
    {
        if (!cJSON_IsString(item) || argc > ARGS_MAX)
            return err_set(err, ERR_CONFIG, "args: must be at most %d strings", ARGS_MAX);
        argv[argc++] = item->valuestring;
    }
    argv[argc] = NULL;
    return 0;
}

static char *folder_path(const struct local_place *place, const char *pod)
{
    return xasprintf("%s/pods/%s", place->work_dir, pod);
}

static char *message_path(const struct local_place *place, const char *pod)
{
    return xasprintf("%s/pods/%s.message", place->work_dir, pod);
}

/* What must not be left of an earlier pod of this name, and what a worker finds. */
static int files_make(const char *folder, const char *message, const char *log, int *log_fd,
                      struct err *err)
{
    if (file_remove_tree(folder, err) < 0 || file_mkdirs(folder, err) < 0 ||
        file_remove(message, err) < 0)
        return -1;
    *log_fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    return *log_fd < 0 ? err_errno(err, ERR_DEPENDENCY, errno, "%s", log) : 0;
}

static int start(struct local_child *out, const struct local_place *place, const cJSON *pod,
                 struct words *env, struct err *err)
{
    const char *name = local_pod_name(pod);
    AUTO_FREE char *folder = folder_path(place, name);
    AUTO_FREE char *message = message_path(place, name);
    AUTO_FREE char *log = local_child_log(place, name);
    AUTO_CLOSE int log_fd = -1;
    const char *argv[ARGS_MAX + 2];
    struct spawn_opts opts = { .program = place->worker, .argv = argv, .stdin_fd = -1 };

    if (args_build(argv, place->worker, pod, err) < 0 ||
        env_build(env, place, pod, folder, message, err) < 0)
        return -1;
    if (files_make(folder, message, log, &log_fd, err) < 0) {
        if (err->code != ERR_SPACE)
            err->code = ERR_DEPENDENCY;
        return -1;
    }
    env->list[env->count] = NULL;
    opts.envp = (const char *const *)env->list;
    opts.output_fd = log_fd;
    return spawn_start(&out->process, &opts, err);
}

/* The end of the log, for a container that failed without a word (FallbackToLogsOnError). */
static char *log_tail(const char *path)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    char *text = xcalloc(1, LOG_TAIL + 1);
    struct stat st;

    if (fd >= 0 && fstat(fd, &st) == 0 &&
        pread(fd, text, LOG_TAIL, st.st_size > LOG_TAIL ? st.st_size - LOG_TAIL : 0) < 0)
        text[0] = '\0';
    return text;
}

static char *message_read(const char *path)
{
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    char *text = xcalloc(1, LOCAL_POD_MESSAGE_MAX + 1);

    if (fd >= 0 && read(fd, text, LOCAL_POD_MESSAGE_MAX) < 0)
        text[0] = '\0';
    return text;
}

/* A worker that crashed may leave anything; JSON holds UTF-8. */
static void utf8_mend(char *text)
{
    while (*text) {
        size_t n = utf8_bytes(text);

        if (!n) {
            *text = '?';
            n = 1;
        }
        text += n;
    }
}

void local_secret_clear(struct local_secret *secret)
{
    char *values[] = { secret->url, secret->password, secret->token };

    for (size_t i = 0; i < 3; i++) {
        if (values[i])
            explicit_bzero(values[i], strlen(values[i]));
        free(values[i]);
    }
    *secret = (struct local_secret){ 0 };
}

int local_child_start(struct local_child *out, const struct local_place *place, cJSON *pod,
                      struct err *err)
{
    struct local_child child = { .pod = pod };
    struct words env = { .count = 0 };
    int rc = start(&child, place, pod, &env, err);

    words_clear(&env);
    if (rc == 0)
        *out = child;
    return rc;
}

void local_child_finish(struct local_child *child, const struct local_place *place,
                        const struct spawn_end *end, int64_t now_ms)
{
    const char *name = local_pod_name(child->pod);
    AUTO_FREE char *path = message_path(place, name);
    AUTO_FREE char *log = local_child_log(place, name);
    AUTO_FREE char *message = message_read(path);
    const char *reason = child->reason;
    struct local_pod_end pod_end = { .exit_code = end->exit_code, .signal = end->signal };

    if (!message[0] && end->exit_code != 0) {
        free(message);
        message = log_tail(log);
    }
    utf8_mend(message);
    /* A worker that finished although this machine was shutting down has finished. */
    if (reason && end->exit_code == 0 && strcmp(reason, "DeadlineExceeded") != 0)
        reason = NULL;
    pod_end.message = message;
    pod_end.pod_reason = reason;
    pod_end.pod_message = child->message;
    local_pod_end(child->pod, &pod_end, now_ms);
    local_child_sweep(place, name);
}

void local_child_sweep(const struct local_place *place, const char *pod)
{
    AUTO_FREE char *folder = folder_path(place, pod);
    AUTO_FREE char *message = message_path(place, pod);
    struct err none; /* what cannot be removed now goes with the work folder */

    (void)file_remove_tree(folder, &none);
    (void)file_remove(message, &none);
}

char *local_child_log(const struct local_place *place, const char *pod)
{
    return xasprintf("%s/logs/%s.log", place->work_dir, pod);
}
