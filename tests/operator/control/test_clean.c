/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/common/check.h"

#include "common/clock.h"
#include "common/mem.h"
#include "operator/control/clean.h"

#include <stdio.h>
#include <string.h>

#define T0 "2026-01-01T00:00:00Z"
#define POD(attempt, status)                                                                       \
    "{\"metadata\":{\"creationTimestamp\":\"" T0                                                   \
    "\",\"annotations\":{\"stereojob.io/attempt\":\"" attempt "\"}},\"status\":{" status "}}"
#define ENDED                                                                                      \
    "\"containerStatuses\":[{\"state\":{\"terminated\":{\"finishedAt\":\"" T0                      \
    "\",\"message\":\"disk\"}}}]"

static void what_comes_next(void **state)
{
    static const struct {
        const char *name;
        bool begun;
        const char *pods[3];
        int64_t after_ms;
        enum clean_step step;
        uint32_t attempt;
        int64_t wake_after_ms;
        const char *why;
    } rows[] = {
        { "never had a pod", false, { NULL }, 0, CLEAN_FINISH, 0, 0, "" },
        { "to be cleaned", true, { NULL }, 0, CLEAN_CREATE, 0, 0, "" },
        { "waits for a node",
          true,
          { POD("0", "\"phase\":\"Pending\"") },
          1000,
          CLEAN_WAIT,
          0,
          CLEAN_PENDING_MAX_MS,
          "" },
        { "for too long",
          true,
          { POD("0", "\"phase\":\"Pending\"") },
          CLEAN_PENDING_MAX_MS,
          CLEAN_GIVE_UP,
          0,
          CLEAN_PENDING_MAX_MS,
          "did not start" },
        { "its Secret is gone",
          true,
          { POD("0", "\"phase\":\"Pending\",\"containerStatuses\":[{\"state\":{\"waiting\":{"
                     "\"reason\":\"CreateContainerConfigError\",\"message\":\"secret s3\"}}}]") },
          CLEAN_CONFIG_ERROR_MS,
          CLEAN_GIVE_UP,
          0,
          CLEAN_CONFIG_ERROR_MS,
          "secret s3" },
        { "runs", true, { POD("0", "\"phase\":\"Running\"") }, 9999999, CLEAN_WAIT, 0, 0, "" },
        { "is done", true, { POD("0", "\"phase\":\"Succeeded\"") }, 0, CLEAN_FINISH, 0, 0, "" },
        { "failed just now",
          true,
          { POD("0", "\"phase\":\"Failed\"," ENDED) },
          1000,
          CLEAN_WAIT,
          1,
          CLEAN_BACKOFF_MS,
          "" },
        { "is tried again",
          true,
          { POD("0", "\"phase\":\"Failed\"," ENDED) },
          CLEAN_BACKOFF_MS,
          CLEAN_CREATE,
          1,
          CLEAN_BACKOFF_MS,
          "" },
        { "the newest counts",
          true,
          { POD("1", "\"phase\":\"Succeeded\""), POD("0", "\"phase\":\"Failed\"," ENDED) },
          0,
          CLEAN_FINISH,
          0,
          0,
          "" },
        { "three times",
          true,
          { POD("2", "\"phase\":\"Failed\"," ENDED) },
          CLEAN_BACKOFF_MS,
          CLEAN_GIVE_UP,
          0,
          0,
          "disk" },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        int64_t t0_ms = clock_parse(T0);
        struct clean_decision decision;
        cJSON *pods[3];
        size_t count = 0;
        struct err err;

        for (; count < 3 && rows[i].pods[count]; count++)
            CHECK_OK(
                json_parse(&pods[count], rows[i].pods[count], strlen(rows[i].pods[count]), &err),
                err);
        clean_decide(&decision, rows[i].begun, (const cJSON *const *)pods, count,
                     t0_ms + rows[i].after_ms);
        CHECK_INT(rows[i].name, decision.step, rows[i].step);
        CHECK_INT(rows[i].name, decision.attempt, rows[i].attempt);
        CHECK_INT(rows[i].name, decision.wake_ms ? decision.wake_ms - t0_ms : 0,
                  rows[i].wake_after_ms);
        CHECK_HAS(rows[i].name, decision.why, rows[i].why);
        while (count > 0)
            cJSON_Delete(pods[--count]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(what_comes_next) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
