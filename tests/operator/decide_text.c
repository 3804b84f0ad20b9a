/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/operator/decide_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void slot_parse(struct attempt_id *id, const char *word)
{
    id->stage = word[0] == 'p'   ? STAGE_PLAN
                : word[0] == 'c' ? STAGE_CONVERT
                : word[0] == 'a' ? STAGE_ASSEMBLE
                                 : STAGE_CLEAN;
    id->index = word[0] == 'c' ? (uint32_t)strtoul(word + 1, NULL, 10) : 0;
}

static char slot_letter(enum stage stage)
{
    return stage == STAGE_PLAN       ? 'p'
           : stage == STAGE_CONVERT  ? 'c'
           : stage == STAGE_ASSEMBLE ? 'a'
                                     : 'x';
}

static bool state_parse(struct pod_view *pod, const char *word)
{
    static const struct {
        const char *word;
        enum pod_phase phase;
        enum pod_waiting waiting;
    } states[] = {
        { "run", POD_RUNNING, POD_WAITING_NONE },      { "pend", POD_PENDING, POD_WAITING_NONE },
        { "unsched", POD_PENDING, POD_UNSCHEDULABLE }, { "pull", POD_PENDING, POD_IMAGE_PULL },
        { "nogpu", POD_PENDING, POD_UNSCHEDULABLE },   { "nosel", POD_PENDING, POD_UNSCHEDULABLE },
        { "cfgerr", POD_PENDING, POD_CONFIG_ERROR },   { "ok", POD_SUCCEEDED, POD_WAITING_NONE },
        { "empty", POD_SUCCEEDED, POD_WAITING_NONE },
    };

    if (strncmp(word, "fail:", 5) == 0) {
        pod->phase = POD_FAILED;
        pod->cls = class_of_name(word + 5);
        return true;
    }
    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
        if (strcmp(word, states[i].word) != 0)
            continue;
        pod->phase = states[i].phase;
        pod->waiting = states[i].waiting;
        if (strcmp(word, "nogpu") == 0)
            snprintf(pod->waiting_message, sizeof(pod->waiting_message),
                     "2 Insufficient memory, 2 Insufficient nvidia.com/gpu");
        if (strcmp(word, "nosel") == 0)
            snprintf(pod->waiting_message, sizeof(pod->waiting_message),
                     "didn't match Pod's node affinity/selector");
        pod->has_record = strcmp(word, "ok") == 0;
        pod->cls = CLASS_INTERNAL;
        return true;
    }
    return false;
}

static void word_parse(struct pod_view *pod, const char *word, int64_t now_ms)
{
    int64_t number = strtoll(word + 1, NULL, 10);

    if (state_parse(pod, word))
        return;
    if (strcmp(word, "nofin") == 0) {
        pod->has_finalizer = false;
        return;
    }
    if (strncmp(word, "v:", 2) == 0) {
        pod->has_verdict = true;
        pod->verdict = class_of_name(word + 2);
        return;
    }
    switch (word[0]) {
    case '@':
        snprintf(pod->node, sizeof(pod->node), "%s", word + 1);
        return;
    case 'e':
        pod->id.epoch = (uint32_t)number;
        return;
    case 'n':
        pod->id.attempt = (uint32_t)number;
        return;
    case 'f':
        pod->failures = (uint32_t)number;
        return;
    case 'i':
        pod->interruptions = (uint32_t)number;
        return;
    case 'm':
        pod->memory_percent = (uint32_t)number;
        return;
    case 'z':
        pod->storage_percent = (uint32_t)number;
        return;
    case 'C':
        pod->created_ms = now_ms + number;
        return;
    case 'S':
        pod->started_ms = now_ms + number;
        return;
    case 'T':
        pod->finished_ms = now_ms + number;
        return;
    case 'D':
        pod->deletion_ms = now_ms + number;
        return;
    case 'W':
        pod->waiting_since_ms = now_ms + number;
        return;
    case 'P':
        pod->progress_ms = now_ms + number;
        return;
    case 'G':
        pod->grace_ms = number;
        return;
    default:
        break;
    }
    fprintf(stderr, "decide_text: what is '%s'?\n", word);
    abort();
}

static void pod_parse(struct pod_view *pod, char *text, int64_t now_ms)
{
    char *rest = NULL, *word = strtok_r(text, " ", &rest);

    memset(pod, 0, sizeof(*pod));
    slot_parse(&pod->id, word);
    pod->has_finalizer = true;
    pod->memory_percent = pod->storage_percent = 100;
    pod->created_ms = now_ms - 50000;
    pod->grace_ms = 10000;
    while ((word = strtok_r(NULL, " ", &rest)))
        word_parse(pod, word, now_ms);
    if (pod->phase != POD_PENDING && !pod->started_ms)
        pod->started_ms = now_ms - 40000;
    if ((pod->phase == POD_SUCCEEDED || pod->phase == POD_FAILED) && !pod->finished_ms)
        pod->finished_ms = now_ms - 1000;
    if (pod->phase == POD_FAILED)
        snprintf(pod->message, sizeof(pod->message), "last words");
    if (pod->waiting != POD_WAITING_NONE && !pod->waiting_message[0])
        snprintf(pod->waiting_message, sizeof(pod->waiting_message), "waiting words");
    if (pod->has_record) {
        pod->record.id = pod->id;
        pod->record.segments = 3;
    }
    name_pod(pod->name, "film", "11112222-3333-4444-5555-666677778888", &pod->id);
}

size_t text_pods(struct pod_view pods[TEXT_MAX_PODS], const char *text, int64_t now_ms)
{
    char *copy = strdup(text ? text : ""), *rest = NULL;
    size_t count = 0;

    for (char *pod = strtok_r(copy, ";", &rest); pod; pod = strtok_r(NULL, ";", &rest)) {
        if (count == TEXT_MAX_PODS)
            abort();
        pod_parse(&pods[count++], pod, now_ms);
    }
    free(copy);
    return count;
}

size_t text_done(struct record done[TEXT_MAX_PODS], const char *text, uint32_t segments)
{
    char *copy = strdup(text ? text : ""), *rest = NULL;
    size_t count = 0;

    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
        memset(&done[count], 0, sizeof(done[count]));
        slot_parse(&done[count].id, word);
        done[count].segments = segments;
        count++;
    }
    free(copy);
    return count;
}

static void number_print(FILE *out, char letter, uint32_t number, uint32_t usual)
{
    if (number != usual)
        fprintf(out, " %c%" PRIu32, letter, number);
}

void text_actions(char *out, size_t size, const struct decision *decision)
{
    FILE *stream = fmemopen(out, size, "w");

    for (size_t i = 0; i < decision->action_count; i++) {
        const struct action *action = &decision->actions[i];

        fprintf(stream, "%s%c%c", i ? "; " : "",
                action->kind == ACTION_CREATE    ? '+'
                : action->kind == ACTION_RELEASE ? '~'
                                                 : '-',
                slot_letter(action->id.stage));
        if (action->id.stage == STAGE_CONVERT)
            fprintf(stream, "%" PRIu32, action->id.index);
        fprintf(stream, "/%" PRIu32 "/%" PRIu32, action->id.epoch, action->id.attempt);
        if (action->kind == ACTION_DELETE)
            fprintf(stream, ":%s%s%s%s", action->reason, action->has_verdict ? "!" : "",
                    action->has_verdict ? class_name(action->verdict) : "",
                    action->together ? "&" : "");
        if (action->kind != ACTION_CREATE)
            continue;
        number_print(stream, 'f', action->failures, 0);
        number_print(stream, 'i', action->interruptions, 0);
        number_print(stream, 'm', action->memory_percent, 100);
        number_print(stream, 'z', action->storage_percent, 100);
        if (action->avoid_node[0])
            fprintf(stream, " @%s", action->avoid_node);
    }
    fputc('\0', stream);
    fclose(stream);
}
