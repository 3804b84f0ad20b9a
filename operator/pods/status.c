/* SPDX-License-Identifier: Apache-2.0 */
#include "operator/pods/pods.h"

#include "common/clock.h"
#include "common/mem.h"
#include "common/ranges.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define PACE_AFTER_MS   5000
#define PACE_AFTER_PART 0.005
#define UNIX_MS_MAX     INT64_C(253402300799999)

/* RFC 3339 as metav1.MicroTime, to the millisecond: decide's answers must survive a restart. */
static void add_time(cJSON *object, const char *key, int64_t unix_ms)
{
    char text[32];
    size_t len;

    if (!unix_ms)
        return;
    clock_format(text, sizeof(text), unix_ms);
    len = strlen(text);
    (void)snprintf(text + len - 1, sizeof(text) - len + 1, ".%03d000Z", (int)(unix_ms % 1000));
    json_add_str(object, key, text);
}

static int read_time(int64_t *out, const cJSON *object, const char *key, struct err *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    int64_t unix_ms;

    *out = 0;
    if (!item || cJSON_IsNull(item))
        return 0;
    unix_ms = cJSON_IsString(item) ? clock_parse(item->valuestring) : -1;
    if (unix_ms < 0)
        return err_set(err, ERR_CONFIG, "%s: must be a time", key);
    *out = unix_ms;
    return 0;
}

/* Absent is "". */
static int read_text(char *out, size_t size, const cJSON *object, const char *key, struct err *err)
{
    out[0] = '\0';
    return json_has(object, key) ? json_str(out, size, object, key, err) : 0;
}

static int read_u32(uint32_t *out, const cJSON *object, const char *key, struct err *err)
{
    *out = 0;
    return json_has(object, key) ? json_u32(out, object, key, 0, UINT32_MAX, err) : 0;
}

static void add_text(cJSON *object, const char *key, const char *text)
{
    if (text[0])
        json_add_str(object, key, text);
}

/* Its mac is of a run's key; the status is trusted by its place. */
static void add_record(cJSON *object, const char *key, const struct record *record)
{
    AUTO_FREE char *text = record_format(record, "");
    cJSON *doc = NULL;
    struct err err;

    if (json_parse(&doc, text, strlen(text), &err) < 0)
        doc = cJSON_CreateObject(); /* never: it is our own text; a reader would say so */
    cJSON_DeleteItemFromObjectCaseSensitive(doc, "mac");
    cJSON_AddItemToObject(object, key, doc);
}

static int read_record(bool *has, struct record *out, const cJSON *object, const char *key,
                       struct err *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    AUTO_FREE char *text = NULL;

    *has = false;
    if (!item || cJSON_IsNull(item))
        return 0;
    text = json_print(item);
    if (record_parse(out, text, strlen(text), NULL, err) < 0)
        return err_wrap(err, "%s", key);
    *has = true;
    return 0;
}

static void add_indexes(cJSON *object, const char *key, const uint8_t *set, uint32_t count)
{
    AUTO_FREE char *text = ranges_format(set, count);

    json_add_str(object, key, text);
}

static int read_indexes(uint8_t **out, uint32_t count, const cJSON *object, const char *key,
                        struct err *err)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

    *out = xcalloc(count ? count : 1, 1);
    if (!item)
        return 0;
    if (!cJSON_IsString(item))
        return err_set(err, ERR_CONFIG, "%s: must be a string", key);
    return ranges_parse(*out, count, item->valuestring, err) < 0 ? err_wrap(err, "%s", key) : 0;
}

static cJSON *dead_to_json(const struct dead_letter *dead)
{
    cJSON *item = cJSON_CreateObject();

    json_add_str(item, "stage", stage_name(dead->id.stage));
    json_add_i64(item, "index", dead->id.index);
    json_add_i64(item, "epoch", dead->id.epoch);
    json_add_i64(item, "attempt", dead->id.attempt);
    json_add_str(item, "class", class_name(dead->cls));
    add_time(item, "time", dead->at_ms);
    json_add_str(item, "message", dead->message);
    return item;
}

static int dead_from_json(struct dead_letter *out, const cJSON *item, struct err *err)
{
    char name[16];

    if (json_str(name, sizeof(name), item, "stage", err) < 0)
        return -1;
    if (stage_of_name(&out->id.stage, name) < 0)
        return err_set(err, ERR_CONFIG, "stage: %s is not known", name);
    if (json_u32(&out->id.index, item, "index", 0, UINT32_MAX, err) < 0 ||
        json_u32(&out->id.epoch, item, "epoch", 0, UINT32_MAX, err) < 0 ||
        json_u32(&out->id.attempt, item, "attempt", 0, UINT32_MAX, err) < 0 ||
        json_str(name, sizeof(name), item, "class", err) < 0 ||
        read_time(&out->at_ms, item, "time", err) < 0 ||
        read_text(out->message, sizeof(out->message), item, "message", err) < 0)
        return -1;
    out->cls = class_of_name(name);
    return 0;
}

static void add_dead(cJSON *json, const struct job_status *status)
{
    cJSON *list;

    if (!status->dead_count)
        return;
    list = cJSON_AddArrayToObject(json, "deadLetters");
    for (uint32_t i = 0; i < status->dead_count; i++)
        cJSON_AddItemToArray(list, dead_to_json(&status->dead[i]));
}

static int read_dead(struct job_status *out, const cJSON *json, struct err *err)
{
    const cJSON *list, *item; /* borrowed from json */

    if (!json_has(json, "deadLetters"))
        return 0;
    if (json_array(&list, json, "deadLetters", 0, DECIDE_MAX_DEAD_LETTERS, err) < 0)
        return -1;
    cJSON_ArrayForEach(item, list)
    {
        if (dead_from_json(&out->dead[out->dead_count], item, err) < 0)
            return err_wrap(err, "deadLetters[%u]", out->dead_count);
        out->dead_count++;
    }
    return 0;
}

static void add_condition(cJSON *list, const char *type, bool is_true, int64_t since_ms,
                          const char *reason, const char *message)
{
    cJSON *item = cJSON_CreateObject();

    json_add_str(item, "type", type);
    json_add_str(item, "status", is_true ? "True" : "False");
    add_time(item, "lastTransitionTime", since_ms);
    json_add_str(item, "reason", reason);
    json_add_str(item, "message", message);
    cJSON_AddItemToArray(list, item);
}

/* The phase in the words of a batch/v1 Job, for `kubectl wait --for=condition=Complete` and what
 * else looks only at conditions. Not read back: the phase says it. */
static void add_phase_conditions(cJSON *list, const struct job_status *status)
{
    static const struct {
        const char *type;
        enum phase phase;
    } rows[] = {
        { "Complete", PHASE_COMPLETED },
        { "Failed", PHASE_FAILED },
        { "Suspended", PHASE_SUSPENDED },
    };

    for (size_t i = 0; status->start_ms && i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool is_true = status->phase == rows[i].phase;
        int64_t since_ms = status->epoch_start_ms ? status->epoch_start_ms : status->start_ms;

        if (is_true && rows[i].phase != PHASE_SUSPENDED && status->completion_ms)
            since_ms = status->completion_ms;
        add_condition(list, rows[i].type, is_true, since_ms,
                      is_true && status->reason[0] ? status->reason : phase_name(status->phase),
                      is_true ? status->message : "");
    }
}

static void add_conditions(cJSON *json, const struct job_status *status)
{
    cJSON *list = cJSON_CreateArray();

    add_phase_conditions(list, status);
    for (int i = 0; i < CONDITION_COUNT; i++) {
        if (status->conditions[i].set)
            add_condition(list, condition_name((enum condition)i), status->conditions[i].is_true,
                          status->conditions[i].since_ms, status->conditions[i].reason,
                          status->conditions[i].message);
    }
    if (list->child)
        cJSON_AddItemToObject(json, "conditions", list);
    else
        cJSON_Delete(list);
}

/* A condition of a type that is not ours is left out: another version wrote it. */
static int read_condition(struct job_status *out, const cJSON *item, struct err *err)
{
    char type[64], is[16];

    if (json_str(type, sizeof(type), item, "type", err) < 0 ||
        json_str(is, sizeof(is), item, "status", err) < 0)
        return -1;
    for (int i = 0; i < CONDITION_COUNT; i++) {
        if (strcmp(condition_name((enum condition)i), type) != 0)
            continue;
        out->conditions[i].set = true;
        out->conditions[i].is_true = strcmp(is, "True") == 0;
        if (read_time(&out->conditions[i].since_ms, item, "lastTransitionTime", err) < 0 ||
            read_text(out->conditions[i].reason, sizeof(out->conditions[i].reason), item, "reason",
                      err) < 0 ||
            read_text(out->conditions[i].message, sizeof(out->conditions[i].message), item,
                      "message", err) < 0)
            return err_wrap(err, "%s", type);
    }
    return 0;
}

static int read_conditions(struct job_status *out, const cJSON *json, struct err *err)
{
    const cJSON *list, *item; /* borrowed from json */

    if (!json_has(json, "conditions"))
        return 0;
    if (json_array(&list, json, "conditions", 0, 64, err) < 0)
        return -1;
    cJSON_ArrayForEach(item, list)
    {
        if (read_condition(out, item, err) < 0)
            return err_wrap(err, "conditions");
    }
    return 0;
}

/* A film whose assembly is still to come is not done. */
static void put_progress(cJSON *json, double part, bool is_done)
{
    char text[16];
    int percent = part > 0 ? (int)(part * 100) : 0;

    if (percent > 99)
        percent = 99;
    (void)snprintf(text, sizeof(text), "%d%%", is_done ? 100 : percent);
    cJSON_DeleteItemFromObjectCaseSensitive(json, "progress");
    json_add_str(json, "progress", text);
}

static void add_progress(cJSON *json, const struct job_status *status)
{
    uint32_t done = ranges_count(status->completed, status->plan.segments);
    char text[32];

    (void)snprintf(text, sizeof(text), "%" PRIu32 "/%" PRIu32, done, status->plan.segments);
    json_add_str(json, "segments", text);
    put_progress(json, (double)done / status->plan.segments, status->assembled);
    json_add_i64(json, "completed", done);
}

static void eta_format(char *out, size_t size, int64_t ms)
{
    int64_t s = (ms + 999) / 1000;

    if (s >= 86400)
        (void)snprintf(out, size, "%" PRId64 "d%" PRId64 "h", s / 86400, s / 3600 % 24);
    else if (s >= 3600)
        (void)snprintf(out, size, "%" PRId64 "h%" PRId64 "m", s / 3600, s / 60 % 60);
    else if (s >= 60)
        (void)snprintf(out, size, "%" PRId64 "m%" PRId64 "s", s / 60, s % 60);
    else
        (void)snprintf(out, size, "%" PRId64 "s", s);
}

void status_estimate(struct status_extra *extra, const struct job_status *status, int64_t frames,
                     int64_t now_ms)
{
    int64_t active_ms = now_ms - status->start_ms - status->suspended_ms;
    double part;

    extra->progress = -1;
    extra->eta_ms = -1;
    if (!status->planned || status->plan.frames <= 0)
        return;
    part = (double)ranges_count(status->completed, status->plan.segments) / status->plan.segments +
           (double)(frames > 0 ? frames : 0) / (double)status->plan.frames;
    extra->progress = part < 1 ? part : 1;
    if (status->phase != PHASE_CONVERTING || active_ms < PACE_AFTER_MS || part < PACE_AFTER_PART)
        return;
    extra->eta_ms = (int64_t)((double)active_ms * (1 - extra->progress) / extra->progress);
}

static void put_generation(cJSON *json, int64_t generation)
{
    cJSON *item; /* borrowed from json */

    cJSON_DeleteItemFromObjectCaseSensitive(json, "observedGeneration");
    json_add_i64(json, "observedGeneration", generation);
    cJSON_ArrayForEach(item, json_path(json, "conditions"))
    {
        cJSON_DeleteItemFromObjectCaseSensitive(item, "observedGeneration");
        json_add_i64(item, "observedGeneration", generation);
    }
}

void status_put_extra(cJSON *json, const struct status_extra *extra)
{
    char text[48];

    if (extra->generation)
        put_generation(json, extra->generation);
    if (extra->progress >= 0 && json_has(json, "plan") && !json_has(json, "output"))
        put_progress(json, extra->progress, false);
    cJSON_DeleteItemFromObjectCaseSensitive(json, "eta");
    if (extra->eta_ms < 0)
        return;
    eta_format(text, sizeof(text), extra->eta_ms);
    json_add_str(json, "eta", text);
}

static void add_plan(cJSON *json, const struct job_status *status)
{
    if (!status->planned)
        return;
    add_record(json, "plan", &status->plan);
    add_progress(json, status);
    add_indexes(json, "completedIndexes", status->completed, status->plan.segments);
    add_indexes(json, "failedIndexes", status->failed, status->plan.segments);
}

static int read_plan(struct job_status *out, const cJSON *json, struct err *err)
{
    if (read_record(&out->planned, &out->plan, json, "plan", err) < 0)
        return -1;
    if (!out->planned)
        return 0;
    if (out->plan.segments < 1 || out->plan.segments > PLAN_MAX_SEGMENTS)
        return err_set(err, ERR_CONFIG, "plan.segments: must be 1..%d", PLAN_MAX_SEGMENTS);
    if (read_indexes(&out->completed, out->plan.segments, json, "completedIndexes", err) < 0 ||
        read_indexes(&out->failed, out->plan.segments, json, "failedIndexes", err) < 0)
        return -1;
    return 0;
}

cJSON *status_to_json(const struct job_status *status)
{
    cJSON *json = cJSON_CreateObject();

    json_add_str(json, "phase", phase_name(status->phase));
    add_text(json, "reason", status->reason);
    add_text(json, "message", status->message);
    json_add_i64(json, "epoch", status->epoch);
    add_text(json, "observedRetry", status->observed_retry);
    add_time(json, "startTime", status->start_ms);
    add_time(json, "epochStartTime", status->epoch_start_ms);
    json_add_i64(json, "suspendedMilliseconds", status->suspended_ms);
    add_time(json, "completionTime", status->completion_ms);
    add_text(json, "workerImage", status->worker_image);
    add_plan(json, status);
    if (status->assembled)
        add_record(json, "output", &status->output);
    add_dead(json, status);
    json_add_i64(json, "failedPods", status->failed_pods);
    json_add_i64(json, "interruptedPods", status->interrupted_pods);
    json_add_i64(json, "settledFailedPods", status->settled_failed_pods);
    json_add_i64(json, "settledInterruptedPods", status->settled_interrupted_pods);
    if (status->memory_percent)
        json_add_i64(json, "memoryPercent", status->memory_percent);
    add_conditions(json, status);
    return json;
}

static int read_head(struct job_status *out, const cJSON *json, struct err *err)
{
    char phase[16];

    if (json_str(phase, sizeof(phase), json, "phase", err) < 0)
        return -1;
    if (phase_of_name(&out->phase, phase) < 0)
        return err_set(err, ERR_CONFIG, "phase: %s is not known", phase);
    if (read_text(out->reason, sizeof(out->reason), json, "reason", err) < 0 ||
        read_text(out->message, sizeof(out->message), json, "message", err) < 0 ||
        read_u32(&out->epoch, json, "epoch", err) < 0 ||
        read_text(out->observed_retry, sizeof(out->observed_retry), json, "observedRetry", err) <
            0 ||
        read_time(&out->start_ms, json, "startTime", err) < 0 ||
        read_time(&out->epoch_start_ms, json, "epochStartTime", err) < 0 ||
        read_time(&out->completion_ms, json, "completionTime", err) < 0 ||
        read_text(out->worker_image, sizeof(out->worker_image), json, "workerImage", err) < 0)
        return -1;
    if (json_has(json, "suspendedMilliseconds") &&
        json_i64(&out->suspended_ms, json, "suspendedMilliseconds", 0, UNIX_MS_MAX, err) < 0)
        return -1;
    return 0;
}

static int status_read(struct job_status *out, const cJSON *json, struct err *err)
{
    if (read_head(out, json, err) < 0 || read_plan(out, json, err) < 0 ||
        read_record(&out->assembled, &out->output, json, "output", err) < 0 ||
        read_dead(out, json, err) < 0 || read_u32(&out->failed_pods, json, "failedPods", err) < 0 ||
        read_u32(&out->interrupted_pods, json, "interruptedPods", err) < 0 ||
        read_u32(&out->settled_failed_pods, json, "settledFailedPods", err) < 0 ||
        read_u32(&out->settled_interrupted_pods, json, "settledInterruptedPods", err) < 0 ||
        read_u32(&out->memory_percent, json, "memoryPercent", err) < 0 ||
        read_conditions(out, json, err) < 0)
        return -1;
    return 0;
}

int status_from_json(struct job_status *out, const cJSON *json, struct err *err)
{
    struct job_status status = { 0 };

    if (json && !cJSON_IsNull(json) && json->child && status_read(&status, json, err) < 0) {
        job_status_clear(&status);
        err->code = ERR_INTERNAL; /* nobody but us writes it */
        return err_wrap(err, "status");
    }
    *out = status;
    return 0;
}
