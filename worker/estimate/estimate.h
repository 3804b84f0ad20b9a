/* SPDX-License-Identifier: Apache-2.0
 *
 * estimate.h - `stereo-worker estimate [--no-sample]`: what a job would come to, before it is
 * begun. The film is planned as the plan stage would, and a short segment from its middle is
 * converted in a scratch folder: how fast one worker of this machine is. Nothing is left of either.
 */
#ifndef WORKER_ESTIMATE_H
#define WORKER_ESTIMATE_H

#include "common/contract/spec.h"

#include <signal.h>
#include <stdbool.h>

#define ESTIMATE_SAMPLE_S                                                                          \
    2.0 /* of the film; and what the segment's warm-up costs, as everywhere                        \
         */

/* Prints one JSON object to stdout: film, plan and, with `sample`, sample (frames, wallMs), which
 * is absent where the film has to be cut into pieces first. spec: borrowed,
 * its segment length is changed meanwhile. Errors: as the plan and convert stages'. */
int estimate_run(struct job_spec *spec, bool sample, const volatile sig_atomic_t *should_stop,
                 struct err *err);
#endif
