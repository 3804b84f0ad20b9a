/* SPDX-License-Identifier: Apache-2.0
 *
 * fake.h - tests/kube/fake_api.py as a child that ends with this process, and a client on a loop of
 * its own, with requests that are waited for.
 */
#ifndef TESTS_OPERATOR_KUBE_FAKE_H
#define TESTS_OPERATOR_KUBE_FAKE_H

#include "operator/kube/client.h"

#include <sys/types.h>

struct fake {
    pid_t pid;
    int hold; /* closing it ends the server */
    char dir[64];
    char url[64]; /* "http://127.0.0.1:PORT" */
};
/* scenario: a file beside the tests. tls: a folder with server.crt, server.key and ca.crt, or NULL.
 * Fails the test when it cannot. */
void fake_start(struct fake *fake, const char *scenario, const char *tls);
void fake_stop(struct fake *fake);
/* The requests whose target begins so; caller owns. */
cJSON *fake_requests(const struct fake *fake, const char *target);
int fake_count(const struct fake *fake, const char *target);
/* Runs a program and waits for it; fails the test when it fails. */
void fake_run(const char *const *argv);

struct world {
    uv_loop_t loop;
    uv_timer_t timer;
    struct kube_config config; /* the test's; nothing of it is owned */
    struct kube_client *client;
    int observed, observed_code, observed_again;
};
/* The client must have been closed or cut down by the test, or is closed by world_end. */
void world_begin(struct world *world, const char *url);
void world_open(struct world *world, uint32_t in_flight_max);
void world_end(struct world *world); /* fails the test when something is left in the loop */
/* Until *flag is as large, at most seconds. */
void world_wait(struct world *world, const int *flag, int want, double seconds);
void world_rest(struct world *world, double seconds); /* lets the loop run for so long */

struct ask {
    bool urgent; /* set before it is started */
    struct kube_status status;
    cJSON *doc; /* owned */
    int done;
    /* What else happens in done(), after the above. */
    void (*then)(struct ask *ask);
    struct world *world;
    struct kube_call *call, *other;
};
void ask_start(struct ask *ask, struct world *world, const char *method, const char *path,
               const char *body, enum kube_patch patch);
void ask_clear(struct ask *ask);
/* Starts, waits; returns the code. */
int ask_wait(struct ask *ask, struct world *world, const char *method, const char *path,
             const char *body);
int ask_code(struct world *world, const char *method, const char *path, const char *body);

struct tail {
    char text[4096]; /* lines and what else came: "opened|line|line|end 200|" */
    struct kube_status status;
    int lines, ended, opened;
    /* After each: what the test wants done there. */
    bool (*on_line)(struct tail *tail);
    void (*on_opened)(struct tail *tail), (*on_end)(struct tail *tail);
    struct world *world;
    struct kube_call *call;
};
void tail_start(struct tail *tail, struct world *world, const char *path, uint32_t deadline_ms,
                size_t line_max);
#endif
