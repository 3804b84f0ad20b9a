/* SPDX-License-Identifier: Apache-2.0
 *
 * What operator/pods/status.c writes, as rows. A test puts the fullest status through them.
 */
#include "operator/api/schema.h"

#include <stdint.h>
#include <string.h>

#define RANGES_MAX  131072 /* 20,000 indexes at their worst are 60,000 bytes */
#define COUNT_MAX   4294967295.0
#define TEXT_MAX    64
#define MESSAGE_MAX 1024
#define MILLIS_MAX  253402300799999.0 /* the year 9999 */

static const char *const phases[] = { "Pending",    "Planning",  "Converting",
                                      "Assembling", "Completed", "Failed",
                                      "Suspended",  "Cancelled", NULL };
static const char *const truths[] = { "True", "False", "Unknown", NULL };
static const char *const stages[] = { "plan", "convert", "assemble", "clean", NULL };

#define TEXT(at, most, what)                                                                       \
    {                                                                                              \
        .path = at, .type = FIELD_STRING, .max = most, .doc = what                                 \
    }
#define COUNT(at, most, what)                                                                      \
    {                                                                                              \
        .path = at, .type = FIELD_INT, .max = most, .doc = what                                    \
    }
/* Who an attempt is, and what all records have. */
#define ATTEMPT(at)                                                                                \
    { .path = at ".stage", .type = FIELD_ENUM, .values = stages, .doc = "Its stage." },            \
        COUNT(at ".index", 20000, "Its segment; 0 in other stages."),                              \
        COUNT(at ".epoch", COUNT_MAX, "How often the job had been retried or resumed."),           \
        COUNT(at ".attempt", COUNT_MAX, "Its ordinal in the epoch, from 0.")
#define RECORD(at)                                                                                 \
    ATTEMPT(at), TEXT(at ".uid", TEXT_MAX, "UID of the job that it is of."),                       \
        COUNT(at ".frames", MILLIS_MAX, "Frames."),                                                \
        COUNT(at ".durationMs", MILLIS_MAX, "Length in milliseconds."),                            \
        COUNT(at ".wallMs", MILLIS_MAX, "How long the attempt took, in milliseconds.")

const struct field status_fields[] = {
    { .path = "status", .type = FIELD_OBJECT, .doc = "What is true. Written by the operator." },
    { .path = "status.phase",
      .type = FIELD_ENUM,
      .values = phases,
      .doc = "Where the job is. Completed and Cancelled are final; Failed can be retried." },
    TEXT("status.reason", TEXT_MAX, "Why it is in this phase, in one word."),
    TEXT("status.message", MESSAGE_MAX, "Why it is in this phase."),
    COUNT("status.observedGeneration", MILLIS_MAX,
          "The generation of the spec that this status answers."),
    COUNT("status.epoch", COUNT_MAX, "How often the job was retried or resumed."),
    TEXT("status.observedRetry", 256, "The last value of stereojob.io/retry that was acted on."),
    TEXT("status.startTime", TEXT_MAX, "When the operator first saw the job."),
    TEXT("status.epochStartTime", TEXT_MAX,
         "When the last retry or resume was, or the suspension that lasts."),
    TEXT("status.completionTime", TEXT_MAX, "When the job ended."),
    TEXT("status.workerImage", 255, "The image of all its pods, fixed by the first."),
    COUNT("status.suspendedMilliseconds", MILLIS_MAX,
          "Time that activeDeadlineSeconds does not count."),

    TEXT("status.segments", TEXT_MAX, "Segments done of all, such as 7/12."),
    TEXT("status.progress", TEXT_MAX, "How much of the film is converted, such as 63%."),
    TEXT("status.progressTime", TEXT_MAX, "When progress and eta were last written."),
    TEXT("status.eta", TEXT_MAX, "How long it will still take, such as 4m10s."),
    COUNT("status.completed", 20000, "How many segments are done."),
    TEXT("status.completedIndexes", RANGES_MAX, "The segments that are done, such as 0-4,7."),
    TEXT("status.failedIndexes", RANGES_MAX, "The segments that were given up, such as 5,6."),
    COUNT("status.failedPods", COUNT_MAX, "Attempts that failed and were counted."),
    COUNT("status.interruptedPods", COUNT_MAX, "Attempts that were interrupted; not counted."),
    COUNT("status.settledFailedPods", COUNT_MAX,
          "Of failedPods, those whose segment is done or given up, or whose epoch is over."),
    COUNT("status.settledInterruptedPods", COUNT_MAX, "The same of interruptedPods."),
    COUNT("status.memoryPercent", 10000,
          "How far the memory of new pods is raised, after one had too little."),

    { .path = "status.plan", .type = FIELD_OBJECT, .doc = "What the plan found." },
    RECORD("status.plan"),
    COUNT("status.plan.segments", 20000, "Segments of the film."),
    COUNT("status.plan.memoryBytes", MILLIS_MAX, "Memory that one convert pod is thought to need."),
    TEXT("status.plan.build", TEXT_MAX, "Build of the worker; the job stays with it."),
    TEXT("status.plan.codec", TEXT_MAX, "The encoder."),
    COUNT("status.plan.packedWidth", 1048576, "Width of the 3D picture, both views of it."),
    COUNT("status.plan.packedHeight", 1048576,
          "Height of the 3D picture; with layout LeftRight, of both."),
    TEXT("status.plan.warning", MESSAGE_MAX, "What may not be as expected."),

    { .path = "status.output", .type = FIELD_OBJECT, .doc = "The 3D film, once it is published." },
    RECORD("status.output"),
    COUNT("status.output.bytes", MILLIS_MAX, "Its size in bytes, of all its files."),
    COUNT("status.output.rightBytes", MILLIS_MAX,
          "Of these, those of the right eye's film, with layout LeftRight."),
    COUNT("status.output.damagedFrames", MILLIS_MAX,
          "Of its frames, those that the source film has damaged; left out when it is 0."),
    COUNT("status.output.scaledFrames", MILLIS_MAX,
          "Of its frames, those that the source film has in another size; left out when it is 0."),

    { .path = "status.deadLetters",
      .type = FIELD_LIST,
      .max = 20,
      .doc = "What was given up, with its last words; stereojob.io/retry tries it again." },
    ATTEMPT("status.deadLetters[]"),
    TEXT("status.deadLetters[].class", TEXT_MAX, "Kind of failure."),
    TEXT("status.deadLetters[].time", TEXT_MAX, "When it was given up."),
    TEXT("status.deadLetters[].message", MESSAGE_MAX, "The attempt's last words."),

    { .path = "status.conditions",
      .type = FIELD_LIST,
      .max = 16,
      .doc = "What a person may have to look at." },
    { .path = "status.conditions[].type",
      .type = FIELD_STRING,
      .min = 1,
      .max = 316,
      .pattern = "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$",
      .required = true,
      .doc = "Its name." },
    { .path = "status.conditions[].status",
      .type = FIELD_ENUM,
      .values = truths,
      .required = true,
      .doc = "Whether it holds." },
    COUNT("status.conditions[].observedGeneration", MILLIS_MAX,
          "The generation of the spec that it was found with."),
    { .path = "status.conditions[].lastTransitionTime",
      .type = FIELD_STRING,
      .max = TEXT_MAX,
      .required = true,
      .doc = "Since when." },
    { .path = "status.conditions[].reason",
      .type = FIELD_STRING,
      .min = 1,
      .max = 1024,
      .pattern = "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
      .required = true,
      .doc = "Why, in one word." },
    { .path = "status.conditions[].message",
      .type = FIELD_STRING,
      .max = 32768,
      .required = true,
      .doc = "Why." },
};
const size_t status_fields_count = sizeof(status_fields) / sizeof(status_fields[0]);

static const char *const times[] = {
    "status.startTime",    "status.epochStartTime",     "status.completionTime",
    "status.progressTime", "status.deadLetters[].time", "status.conditions[].lastTransitionTime",
};

/* metav1.Condition says how a list of conditions is merged. */
static void finish_conditions(cJSON *list)
{
    cJSON_ReplaceItemInObjectCaseSensitive(list, "x-kubernetes-list-type",
                                           cJSON_CreateString("map"));
    cJSON_AddItemToArray(cJSON_AddArrayToObject(list, "x-kubernetes-list-map-keys"),
                         cJSON_CreateString("type"));
}

void status_finish(cJSON *root)
{
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        cJSON *schema = schema_at(root, times[i]);

        cJSON_DeleteItemFromObjectCaseSensitive(schema, "maxLength");
        json_add_str(schema, "format", "date-time");
    }
    finish_conditions(schema_at(root, "status.conditions"));
}
