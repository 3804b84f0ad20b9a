/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/estimate.h"

#include "cli/manifest.h"
#include "common/auto.h"
#include "common/contract/spec.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MIB (1024.0 * 1024.0)

static double number(const cJSON *doc, const char *path)
{
    const cJSON *item = json_path(doc, path);

    return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

static double speed_of(const cJSON *doc, double asked)
{
    double ms = number(doc, "sample.wallMs");

    if (asked > 0)
        return asked;
    return ms > 0 ? number(doc, "sample.frames") * 1000.0 / ms : 0;
}

/* Whole seconds, up. */
static void seconds_add(cJSON *estimate, const char *key, double seconds)
{
    json_add_i64(estimate, key, (int64_t)ceil(seconds));
}

/* The films that are made; the worker knows layouts, not names. */
static void outputs_add(cJSON *doc, const cJSON *job)
{
    const char *uri = json_text(job, "spec.output.uri");
    cJSON *list = cJSON_AddArrayToObject(cJSON_GetObjectItemCaseSensitive(doc, "plan"), "outputs");
    AUTO_FREE char *right = output_right(uri);

    (void)cJSON_AddItemToArray(list, cJSON_CreateString(uri));
    if (strcmp(json_text(job, "spec.stereo.layout"), "LeftRight") == 0)
        (void)cJSON_AddItemToArray(list, cJSON_CreateString(right));
}

void estimate_add(cJSON *doc, const cJSON *job, double speed)
{
    double segments = number(doc, "plan.segments"), parallelism = number(job, "spec.parallelism");
    double gpus = number(job, "spec.resources.gpu.count"), work;
    bool cluster = manifest_is_cluster(job);
    cJSON *estimate = cJSON_AddObjectToObject(doc, "estimate");

    outputs_add(doc, job);
    speed = speed_of(doc, speed);
    json_add_i64(estimate, "parallelism", (int64_t)parallelism);
    json_add_i64(estimate, "gpusPerWorker", cluster ? (int64_t)gpus : 0);
    json_add_bool(estimate, "sharesOneMachine", !cluster);
    if (speed <= 0)
        return;
    work = number(doc, "film.frames") / speed;
    (void)cJSON_AddNumberToObject(estimate, "framesPerSecond", floor(speed * 100 + 0.5) / 100);
    seconds_add(estimate, "workerSeconds", work);
    seconds_add(estimate, "gpuSeconds", cluster ? work * gpus : 0);
    seconds_add(estimate, "wallSeconds",
                cluster ? ceil(segments / parallelism) * work / segments : work);
}

/* "1 h 23 min", "4 min 5 s", "7 s". */
static const char *duration_format(char out[48], double seconds)
{
    long s = lround(seconds);

    if (s >= 3600)
        (void)snprintf(out, 48, "%ld h %02ld min", s / 3600, s % 3600 / 60);
    else if (s >= 60)
        (void)snprintf(out, 48, "%ld min %02ld s", s / 60, s % 60);
    else
        (void)snprintf(out, 48, "%ld s", s);
    return out;
}

static void outputs_print(const cJSON *doc)
{
    const cJSON *outputs = json_path(doc, "plan.outputs"), *item;
    int films = cJSON_GetArraySize(outputs);

    (void)printf("Output:    %.0fx%.0f, %s%s\n", number(doc, "plan.packedWidth"),
                 number(doc, "plan.packedHeight") / films, json_text(doc, "plan.codec"),
                 films > 1 ? ", a film for each eye:" : "");
    if (films > 1)
        cJSON_ArrayForEach(item, outputs)
        {
            (void)printf("           %s\n", item->valuestring);
        }
}

static void film_print(const cJSON *doc)
{
    double seconds = number(doc, "film.durationMs") / 1000;
    double segments = number(doc, "plan.segments");
    const char *warning = json_text(doc, "plan.warning");
    char text[48];

    (void)printf("Film:      %s, %.0fx%.0f, %.0f frames, %s\n", json_text(doc, "film.uri"),
                 number(doc, "film.width"), number(doc, "film.height"), number(doc, "film.frames"),
                 duration_format(text, seconds));
    outputs_print(doc);
    (void)printf("Segments:  %.0f of about %s, %.0f at a time\n", segments,
                 duration_format(text, seconds / segments), number(doc, "estimate.parallelism"));
    (void)printf("Memory:    about %.0f MiB a worker\n", number(doc, "plan.memoryBytes") / MIB);
    while (*warning) {
        int len = (int)strcspn(warning, "\n");

        (void)printf("Note:      %.*s\n", len, warning);
        warning += len + (warning[len] == '\n');
    }
}

static void cost_print(const cJSON *doc)
{
    double gpus = number(doc, "estimate.gpuSeconds") / 3600;
    bool shares = cJSON_IsTrue(json_path(doc, "estimate.sharesOneMachine"));
    char text[48];

    if (gpus > 0)
        (void)printf("GPU-hours: %.3g, %.0f GPU%s a worker\n", gpus,
                     number(doc, "estimate.gpusPerWorker"),
                     number(doc, "estimate.gpusPerWorker") > 1 ? "s" : "");
    else
        (void)printf("GPU-hours: 0, no GPU is asked for; %.3g hours of %s\n",
                     number(doc, "estimate.workerSeconds") / 3600,
                     shares ? "this machine" : "CPU workers");
    (void)printf("Time:      about %s%s, besides %s assembly\n",
                 duration_format(text, number(doc, "estimate.wallSeconds")),
                 shares ? " on this machine" : "", shares ? "the" : "the start of pods and the");
}

static void speed_print(const cJSON *doc)
{
    double frames = number(doc, "sample.frames");

    if (number(doc, "estimate.framesPerSecond") <= 0)
        (void)printf("Speed:     not measured: this film is cut into pieces first; give --speed N "
                     "for hours\n");
    else if (frames > 0)
        (void)printf("Speed:     %.2f frames a second of one worker: %.0f frames converted here in "
                     "%.1f s. Workers elsewhere: --speed N\n",
                     number(doc, "estimate.framesPerSecond"), frames,
                     number(doc, "sample.wallMs") / 1000);
    else
        (void)printf("Speed:     %.2f frames a second of one worker, as you say\n",
                     number(doc, "estimate.framesPerSecond"));
}

void estimate_print(const cJSON *doc)
{
    film_print(doc);
    speed_print(doc);
    if (number(doc, "estimate.framesPerSecond") > 0)
        cost_print(doc);
}
