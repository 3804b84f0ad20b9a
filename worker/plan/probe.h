/* SPDX-License-Identifier: Apache-2.0
 *
 * probe.h - `stereo-worker probe URI`: what we see in a film and what we would do with it.
 */
#ifndef WORKER_PLAN_PROBE_H
#define WORKER_PLAN_PROBE_H

#include "common/err.h"
#include "common/json.h"

#include <signal.h>
#include <stdbool.h>

/* Prints to stdout. Errors as film_open's. */
int probe_run(const char *uri, bool json, const volatile sig_atomic_t *should_stop,
              struct err *err);
#endif
