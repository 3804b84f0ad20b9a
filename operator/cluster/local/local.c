/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/cluster/local/local.h"

#include "common/clock.h"
#include "common/contract/names.h"
#include "common/failpoint.h"
#include "common/file.h"
#include "common/mem.h"
#include "operator/cluster/local/child.h"
#include "operator/cluster/local/pod.h"
#include "operator/cluster/local/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

enum {
    CONFIG_RETRY_MS = 1000, /* a pod that waits for a key of the Secret */
    LOCK_WAIT_MS = 2000,
    REAP_MS = 10000, /* after SIGKILL: a process in the kernel may take its time */
};

struct cluster_local {
    struct cluster base;     /* first */
    char *work_dir, *worker; /* owned */
    char uid[NAME_UID_SIZE];
    struct local_store store;
    struct local_secret secret;
    struct local_child *children; /* owned */
    size_t child_count, child_cap;
    int lock, epoll;
    int poke; /* eventfd: a pod was created or deleted, so a step has something to do */
    bool keep_logs;
};

static struct cluster_local *of(struct cluster *cluster)
{
    return (struct cluster_local *)cluster;
}

static struct local_place place_of(const struct cluster_local *local)
{
    return (struct local_place){ local->work_dir, local->worker, &local->secret };
}

static void poke(const struct cluster_local *local)
{
    uint64_t one = 1;

    (void)!write(local->poke, &one, sizeof(one));
}

static void poke_drain(const struct cluster_local *local)
{
    uint64_t count;

    (void)!read(local->poke, &count, sizeof(count));
}

/* Forgets a pod that nothing holds any more. */
static void forget_if_gone(struct cluster_local *local, cJSON *pod)
{
    struct local_place place = place_of(local);
    AUTO_FREE char *log = NULL;
    struct err none;

    if (!local_pod_is_gone(pod))
        return;
    log = local_child_log(&place, local_pod_name(pod));
    if (!local->keep_logs)
        (void)file_remove(log, &none);
    cJSON_Delete(cJSON_DetachItemViaPointer(local->store.pods, pod));
    local->store.dirty = true;
}

/* Takes the ends of children into their pods. */
static void reap(struct cluster_local *local, int64_t now_ms)
{
    struct local_place place = place_of(local);
    size_t kept = 0;

    for (size_t i = 0; i < local->child_count; i++) {
        struct local_child child = local->children[i];
        struct spawn_end end;

        if (!spawn_wait(&child.process, 0, &end)) {
            local->children[kept++] = child;
            continue;
        }
        local_child_finish(&child, &place, &end, now_ms);
        local->store.dirty = true;
        forget_if_gone(local, child.pod);
    }
    local->child_count = kept;
}

static void child_stop(struct local_child *child, const char *reason, const char *message,
                       int64_t grace_ms)
{
    if (child->kill_us)
        return;
    child->reason = reason;
    child->message = message;
    child->kill_us = clock_mono_us() + grace_ms * 1000;
    spawn_signal(&child->process, SIGTERM);
}

/* SIGTERM for what shall stop, SIGKILL for what did not. */
static void children_enforce(struct cluster_local *local)
{
    int64_t now_us = clock_mono_us();

    for (size_t i = 0; i < local->child_count; i++) {
        struct local_child *child = &local->children[i];

        if (child->deadline_us && now_us >= child->deadline_us)
            child_stop(child, "DeadlineExceeded",
                       "Pod was active on the node longer than the specified deadline",
                       local_pod_grace_ms(child->pod));
        if (local_pod_is_deleted(child->pod))
            child_stop(child, NULL, NULL, local_pod_grace_ms(child->pod));
        if (child->kill_us && now_us >= child->kill_us && !child->killed) {
            child->killed = true;
            spawn_signal(&child->process, SIGKILL);
        }
    }
}

static int child_watch(struct cluster_local *local, const struct local_child *child,
                       struct err *err)
{
    struct epoll_event event = { .events = EPOLLIN };

    if (epoll_ctl(local->epoll, EPOLL_CTL_ADD, child->process.pidfd, &event) < 0)
        return err_errno(err, ERR_DEPENDENCY, errno, "epoll");
    if (local->child_count == local->child_cap) {
        local->child_cap = local->child_cap ? 2 * local->child_cap : 8;
        local->children = xrealloc(local->children, local->child_cap * sizeof(local->children[0]));
    }
    local->children[local->child_count++] = *child;
    return 0;
}

static void start_failed(cJSON *pod, const struct err *why, int64_t now_ms)
{
    const struct local_pod_end end = { .exit_code = 128,
                                       .reason = "StartError",
                                       .message = why->msg };

    local_pod_end(pod, &end, now_ms);
}

/* Pending -> Running, or Failed, or Pending with a reason; -1: not now. */
static int pod_start(struct cluster_local *local, cJSON *pod, int64_t now_ms, bool *waits,
                     struct err *err)
{
    struct local_place place = place_of(local);
    int64_t deadline_ms = local_pod_deadline_ms(pod);
    struct local_child child;
    struct spawn_end end;

    if (local_child_start(&child, &place, pod, err) < 0) {
        if (err->code == ERR_NOT_FOUND) {
            local_pod_wait(pod, "CreateContainerConfigError", err->msg);
            *waits = true;
            return 0;
        }
        local_child_sweep(&place, local_pod_name(pod));
        if (err->code != ERR_CONFIG)
            return -1;
        start_failed(pod, err, now_ms);
        local->store.dirty = true;
        return 0;
    }
    (void)FP("local.child");
    if (deadline_ms)
        child.deadline_us = clock_mono_us() + deadline_ms * 1000;
    if (child_watch(local, &child, err) < 0) {
        spawn_signal(&child.process, SIGKILL);
        (void)spawn_wait(&child.process, -1, &end);
        local_child_sweep(&place, local_pod_name(pod));
        return -1;
    }
    local_pod_run(pod, now_ms); /* not stored: after a crash Pending means the same */
    return 0;
}

static int pods_start(struct cluster_local *local, int64_t now_ms, bool *waits, struct err *err)
{
    cJSON *pod;

    cJSON_ArrayForEach(pod, local->store.pods)
    {
        if (local_pod_is_pending(pod) && pod_start(local, pod, now_ms, waits, err) < 0)
            return err_wrap(err, "pod %s", local_pod_name(pod));
    }
    return 0;
}

/* The earliest thing that time alone will bring. */
static int64_t next_look(const struct cluster_local *local, int64_t now_ms, bool waits)
{
    int64_t next_us = 0, now_us = clock_mono_us();

    for (size_t i = 0; i < local->child_count; i++) {
        const struct local_child *child = &local->children[i];
        int64_t at_us = child->killed ? 0 : child->kill_us ? child->kill_us : child->deadline_us;

        if (at_us && (!next_us || at_us < next_us))
            next_us = at_us;
    }
    if (waits && (!next_us || now_us + CONFIG_RETRY_MS * 1000 < next_us))
        next_us = now_us + CONFIG_RETRY_MS * 1000;
    if (!next_us)
        return 0;
    return next_us <= now_us ? now_ms : now_ms + (next_us - now_us + 999) / 1000;
}

static const cJSON *op_job(struct cluster *cluster)
{
    return of(cluster)->store.job;
}

static const cJSON *op_pods(struct cluster *cluster)
{
    return of(cluster)->store.pods;
}

static int create_pod(struct cluster_local *local, const cJSON *manifest, struct err *err)
{
    const char *name = local_pod_name(manifest);
    cJSON *pod;

    if (!name[0] || name[0] == '.' || strchr(name, '/'))
        return err_set(err, ERR_INTERNAL, "pod: '%s' is no name", name);
    if (local_store_find(&local->store, name))
        return err_set(err, ERR_CONFLICT, "pod %s already exists", name);
    pod = cJSON_Duplicate(manifest, true);
    local_pod_admit(pod, clock_unix_ms());
    cJSON_AddItemToArray(local->store.pods, pod);
    local->store.dirty = true;
    poke(local);
    return 0;
}

static void annotate_pod(struct cluster_local *local, const char *name, const char *key,
                         const char *value)
{
    cJSON *pod = local_store_find(&local->store, name);

    if (!pod)
        return;
    local_pod_annotate(pod, key, value);
    local->store.dirty = true;
    poke(local);
}

static void delete_pod(struct cluster_local *local, const char *name)
{
    cJSON *pod = local_store_find(&local->store, name);
    int64_t now_ms = clock_unix_ms();

    if (!pod || local_pod_is_deleted(pod))
        return;
    local_pod_delete(pod, now_ms);
    if (local_pod_is_pending(pod))
        local_pod_lose(pod, "Deleted", "the pod was deleted before it started", now_ms);
    local->store.dirty = true;
    forget_if_gone(local, pod);
    poke(local);
}

static void release_pod(struct cluster_local *local, const char *name)
{
    cJSON *pod = local_store_find(&local->store, name);

    if (!pod)
        return;
    local_pod_release(pod, NAME_FINALIZER);
    local->store.dirty = true;
    forget_if_gone(local, pod);
    poke(local);
}

static void answer(struct cluster_reply reply, int rc, const struct err *err)
{
    reply.call(reply.ctx, rc, rc < 0 ? err : NULL);
}

static void op_create_pod(struct cluster *cluster, const cJSON *manifest,
                          struct cluster_reply reply)
{
    struct err err;

    answer(reply, create_pod(of(cluster), manifest, &err), &err);
}

static void op_annotate_pod(struct cluster *cluster, const char *name, const char *key,
                            const char *value, struct cluster_reply reply)
{
    annotate_pod(of(cluster), name, key, value);
    answer(reply, 0, NULL);
}

static void op_delete_pod(struct cluster *cluster, const char *name, struct cluster_reply reply)
{
    delete_pod(of(cluster), name);
    answer(reply, 0, NULL);
}

static void op_release_pod(struct cluster *cluster, const char *name, struct cluster_reply reply)
{
    release_pod(of(cluster), name);
    answer(reply, 0, NULL);
}

static void op_write_status(struct cluster *cluster, const cJSON *status,
                            struct cluster_reply reply)
{
    struct local_store *store = &of(cluster)->store;
    struct err err;

    answer(reply, local_store_put(store, store->job, "status", cJSON_Duplicate(status, true), &err),
           &err);
}

static void op_free(struct cluster *cluster)
{
    cluster_local_free(of(cluster));
}

static const struct cluster_ops ops = {
    .job = op_job,
    .pods = op_pods,
    .create_pod = op_create_pod,
    .annotate_pod = op_annotate_pod,
    .delete_pod = op_delete_pod,
    .release_pod = op_release_pod,
    .write_status = op_write_status,
    .free = op_free,
};

/* Who wrote the lock file; 0 = not known. */
static int lock_holder(const char *path)
{
    AUTO_FREE char *text = NULL;
    struct err none;
    size_t len;

    return file_read(&text, &len, path, 64, &none) == 0 ? (int)strtol(text, NULL, 10) : 0;
}

/* A child caught between fork and exec holds the lock a moment longer than its killed parent. */
static int lock_wait(struct cluster_local *local, const char *path, struct err *err)
{
    int64_t until_us = clock_mono_us() + LOCK_WAIT_MS * INT64_C(1000);

    while (file_lock(&local->lock, path, err) < 0) {
        int pid = lock_holder(path);
        bool is_dead = pid > 0 && kill(pid, 0) < 0 && errno == ESRCH;

        if (err->code != ERR_CONFLICT)
            return -1;
        if (!is_dead || clock_mono_us() > until_us)
            return err_set(err, ERR_CONFLICT, "%s: another process (pid %d) works here",
                           local->work_dir, pid);
        (void)usleep(5000);
    }
    return 0;
}

/* Leaves our pid for whoever finds the lock taken. */
static int lock_take(struct cluster_local *local, struct err *err)
{
    AUTO_FREE char *path = xasprintf("%s/lock", local->work_dir);
    char text[16];

    if (lock_wait(local, path, err) < 0)
        return -1;
    (void)snprintf(text, sizeof(text), "%d\n", (int)getpid());
    if (ftruncate(local->lock, 0) < 0 || pwrite(local->lock, text, strlen(text), 0) < 0)
        return err_errno(err, ERR_DEPENDENCY, errno, "%s", path);
    return 0;
}

static int folders_make(const struct cluster_local *local, struct err *err)
{
    AUTO_FREE char *logs = xasprintf("%s/logs", local->work_dir);
    AUTO_FREE char *pods = xasprintf("%s/pods", local->work_dir);

    if (file_remove_tree(pods, err) < 0) /* of an earlier run; its pods are over */
        return -1;
    return file_mkdirs(logs, err) < 0 ? -1 : file_mkdirs(pods, err);
}

static int events_open(struct cluster_local *local, struct err *err)
{
    struct epoll_event event = { .events = EPOLLIN };

    local->epoll = epoll_create1(EPOLL_CLOEXEC);
    local->poke = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (local->epoll < 0 || local->poke < 0 ||
        epoll_ctl(local->epoll, EPOLL_CTL_ADD, local->poke, &event) < 0)
        return err_errno(err, ERR_DEPENDENCY, errno, "epoll");
    return 0;
}

static int open_all(struct cluster_local *local, const struct cluster_local_opts *opts,
                    struct err *err)
{
    struct cluster_local_opts resolved = *opts;

    if (file_mkdirs(opts->work_dir, err) < 0)
        return -1;
    local->work_dir = realpath(opts->work_dir, NULL); /* children may be anywhere */
    if (!local->work_dir)
        return err_errno(err, ERR_CONFIG, errno, "%s", opts->work_dir);
    resolved.work_dir = local->work_dir;
    if (lock_take(local, err) < 0 || folders_make(local, err) < 0 || events_open(local, err) < 0 ||
        local_store_open(&local->store, &resolved, clock_unix_ms(), err) < 0)
        return -1;
    (void)snprintf(local->uid, sizeof(local->uid), "%s",
                   json_path(local->store.job, "metadata.uid")->valuestring);
    return 0;
}

AUTO_DEFINE(cluster_local, struct cluster_local *, cluster_local_free)

int cluster_local_open(struct cluster_local **out, const struct cluster_local_opts *opts,
                       struct err *err)
{
    AUTO(cluster_local) struct cluster_local *local = xcalloc(1, sizeof(*local));

    local->base.ops = &ops;
    local->lock = local->epoll = local->poke = -1;
    local->worker = xstrdup(opts->worker);
    local->keep_logs = opts->keep_logs;
    if (open_all(local, opts, err) < 0)
        return -1;
    *out = TAKE(local);
    return 0;
}

static void close_fd(int fd)
{
    if (fd >= 0)
        (void)close(fd);
}

void cluster_local_free(struct cluster_local *local)
{
    if (!local)
        return;
    cluster_local_stop_all(local, 0);
    local_store_clear(&local->store);
    local_secret_clear(&local->secret);
    close_fd(local->epoll);
    close_fd(local->poke);
    close_fd(local->lock);
    free(local->children);
    free(local->work_dir);
    free(local->worker);
    free(local);
}

struct cluster *cluster_local_base(struct cluster_local *local)
{
    return &local->base;
}

void cluster_local_secret(struct cluster_local *local, const char *url, const char *password,
                          const char *token_hex)
{
    local_secret_clear(&local->secret);
    local->secret = (struct local_secret){ xstrdup(url), xstrdup(password), xstrdup(token_hex) };
}

int cluster_local_fd(const struct cluster_local *local)
{
    return local->epoll;
}

/* What was asked for is on disk before anybody acts on it. */
int cluster_local_step(struct cluster_local *local, int64_t now_unix_ms, int64_t *next_ms,
                       struct err *err)
{
    bool waits = false;

    *next_ms = 0;
    poke_drain(local);
    reap(local, now_unix_ms);
    if (local_store_save(&local->store, err) < 0)
        return -1;
    children_enforce(local);
    if (pods_start(local, now_unix_ms, &waits, err) < 0 || local_store_save(&local->store, err) < 0)
        return -1;
    *next_ms = next_look(local, now_unix_ms, waits);
    return 0;
}

static bool wait_until(struct cluster_local *local, int64_t until_us)
{
    poke_drain(local);
    reap(local, clock_unix_ms());
    while (local->child_count) {
        struct pollfd poll_fd = { .fd = local->epoll, .events = POLLIN };
        int64_t left_ms = (until_us - clock_mono_us() + 999) / 1000;

        if (left_ms <= 0)
            return false;
        (void)poll(&poll_fd, 1, left_ms < INT_MAX ? (int)left_ms : INT_MAX);
        reap(local, clock_unix_ms());
    }
    return true;
}

void cluster_local_stop_all(struct cluster_local *local, int64_t grace_ms)
{
    static const char message[] = "Pod was terminated: the conversion was stopped on this machine";
    struct err none; /* a store that cannot be written now is put right at the next start */

    for (size_t i = 0; i < local->child_count; i++) {
        struct local_child *child = &local->children[i];

        if (!child->reason) { /* also one being deleted: the machine stopped it first */
            child->reason = "NodeShutdown";
            child->message = message;
        }
        spawn_signal(&child->process, SIGTERM);
    }
    if (!wait_until(local, clock_mono_us() + grace_ms * 1000)) {
        for (size_t i = 0; i < local->child_count; i++)
            spawn_signal(&local->children[i].process, SIGKILL);
        (void)wait_until(local, clock_mono_us() + REAP_MS * INT64_C(1000));
    }
    if (local->store.job)
        (void)local_store_save(&local->store, &none);
}

int cluster_local_set_parallelism(struct cluster_local *local, uint32_t parallelism,
                                  struct err *err)
{
    cJSON *spec = cJSON_GetObjectItemCaseSensitive(local->store.job, "spec");

    return local_store_put(&local->store, spec, "parallelism", cJSON_CreateNumber(parallelism),
                           err);
}

int cluster_local_annotate(struct cluster_local *local, const char *key, const char *value,
                           struct err *err)
{
    cJSON *metadata = cJSON_GetObjectItemCaseSensitive(local->store.job, "metadata");
    cJSON *notes = cJSON_GetObjectItemCaseSensitive(metadata, "annotations");

    if (!notes)
        notes = cJSON_AddObjectToObject(metadata, "annotations");
    return local_store_put(&local->store, notes, key, cJSON_CreateString(value), err);
}

const char *cluster_local_uid(const struct cluster_local *local)
{
    return local->uid;
}
