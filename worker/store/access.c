/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/store/access.h"

#include "common/contract/names.h"
#include "common/mem.h"
#include "common/s3_credentials.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define IDLE_MAX   16
#define ATTEMPTS   6
#define ROLE_COUNT 3

struct keys { /* of one role; owned strings, NULL when not given */
    char *id, *secret, *token, *region, *endpoint, *style;
    struct s3_credentials *credentials; /* under lock: opened when first needed */
};

/* One process has one environment. */
static struct keys roles[ROLE_COUNT];
static char *ca_file;
static const volatile sig_atomic_t *told_to_stop;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct access *idle; /* under lock */
static unsigned idle_count; /* under lock */

static const char *const prefixes[ROLE_COUNT] = {
    [STORE_SOURCE] = ENV_SOURCE_PREFIX,
    [STORE_OUTPUT] = ENV_OUTPUT_PREFIX,
    [STORE_WORK] = ENV_WORK_PREFIX,
};

static char *take_env(const char *prefix, const char *name, bool secret)
{
    AUTO_FREE char *full = xasprintf("%s%s", prefix, name);
    const char *value = getenv(full);
    char *taken = value && *value ? xstrdup(value) : NULL;

    if (secret)
        (void)unsetenv(full);
    return taken;
}

static void read_environment(void)
{
    for (int i = 0; i < ROLE_COUNT; i++) {
        roles[i].id = take_env(prefixes[i], ENV_S3_KEY_ID, true);
        roles[i].secret = take_env(prefixes[i], ENV_S3_SECRET, true);
        roles[i].token = take_env(prefixes[i], ENV_S3_TOKEN, true);
        roles[i].region = take_env(prefixes[i], ENV_S3_REGION, false);
        roles[i].endpoint = take_env(prefixes[i], ENV_S3_ENDPOINT, false);
        roles[i].style = take_env(prefixes[i], ENV_S3_STYLE, false);
    }
    ca_file = take_env("", ENV_CA_FILE, false);
}

void store_setup(const volatile sig_atomic_t *should_stop)
{
    (void)pthread_once(&once, read_environment);
    told_to_stop = should_stop;
}

const char *access_ca_file(void)
{
    (void)pthread_once(&once, read_environment);
    return ca_file;
}

bool access_is_stopped(void)
{
    return told_to_stop && *told_to_stop;
}

static bool is_stopped(void *ctx)
{
    const struct access *access = ctx;

    if (access->halt && atomic_load(access->halt))
        return true;
    return !access->deaf && access_is_stopped();
}

static int style_of(enum s3_style *out, enum store_role role, struct err *err)
{
    const char *style = roles[role].style;

    *out = S3_STYLE_AUTO;
    if (!style || strcasecmp(style, "auto") == 0)
        return 0;
    if (strcasecmp(style, "path") == 0)
        *out = S3_STYLE_PATH;
    else if (strcasecmp(style, "virtual") == 0)
        *out = S3_STYLE_VIRTUAL;
    else
        return err_set(err, ERR_CONFIG, "%s" ENV_S3_STYLE ": '%.20s' is not path, virtual or auto",
                       prefixes[role], style);
    return 0;
}

/* Under lock. */
static int open_credentials(enum store_role role, struct err *err)
{
    struct keys *keys = &roles[role];

    if (keys->credentials)
        return 0;
    if (!keys->id != !keys->secret)
        return err_set(err, ERR_CONFIG, "%s%s is set and %s%s is not", prefixes[role],
                       keys->id ? ENV_S3_KEY_ID : ENV_S3_SECRET, prefixes[role],
                       keys->id ? ENV_S3_SECRET : ENV_S3_KEY_ID);
    if (s3_credentials_open(&keys->credentials, keys->id, keys->secret, keys->token, err) < 0)
        return err_wrap(err, "no keys in %s%s, and", prefixes[role], ENV_S3_KEY_ID);
    return 0;
}

/* Under lock. */
static struct access *find_idle(enum store_role role, const char *bucket)
{
    for (struct access **at = &idle; *at; at = &(*at)->next) {
        struct access *access = *at;

        if (access->role == role && strcmp(access->bucket, bucket) == 0) {
            *at = access->next;
            idle_count--;
            return access;
        }
    }
    return NULL;
}

static void access_free(struct access *access)
{
    s3_free(access->s3);
    free(access->bucket);
    free(access);
}

static int open_access(struct access **out, enum store_role role, const char *bucket,
                       struct err *err)
{
    struct access *access = xcalloc(1, sizeof(*access));
    struct s3_opts opts = { .bucket = bucket,
                            .endpoint = roles[role].endpoint,
                            .region = roles[role].region,
                            .ca_file = ca_file,
                            .credentials = roles[role].credentials,
                            .attempts = ATTEMPTS,
                            .stop = is_stopped,
                            .ctx = access };

    access->role = role;
    access->bucket = xstrdup(bucket);
    if (style_of(&opts.style, role, err) < 0 || s3_open(&access->s3, &opts, err) < 0) {
        access_free(access);
        return err_wrap(err, "s3://%s", bucket);
    }
    *out = access;
    return 0;
}

int access_take(struct access **out, enum store_role role, const char *bucket, struct err *err)
{
    struct access *access = NULL;
    int rc;

    (void)pthread_once(&once, read_environment);
    (void)pthread_mutex_lock(&lock);
    rc = open_credentials(role, err);
    if (rc == 0)
        access = find_idle(role, bucket);
    (void)pthread_mutex_unlock(&lock);
    if (rc < 0)
        return err_wrap(err, "s3://%s", bucket);
    if (!access && open_access(&access, role, bucket, err) < 0)
        return -1;
    access->halt = NULL;
    access->deaf = false;
    *out = access;
    return 0;
}

void access_give(struct access *access)
{
    bool keep;

    if (!access)
        return;
    (void)pthread_mutex_lock(&lock);
    keep = idle_count < IDLE_MAX;
    if (keep) {
        access->next = idle;
        idle = access;
        idle_count++;
    }
    (void)pthread_mutex_unlock(&lock);
    if (!keep)
        access_free(access);
}
