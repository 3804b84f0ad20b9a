/* SPDX-License-Identifier: Apache-2.0
 *
 * cores.h - for programs that hold secrets (S3 keys, tokens, passwords): nobody else's process
 * looks into this one, and neither it nor what it starts leaves a core.
 */
#ifndef COMMON_CORES_H
#define COMMON_CORES_H

#include <sys/prctl.h>
#include <sys/resource.h>

static inline void cores_forbid(void)
{
    const struct rlimit none = { 0, 0 };

    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)setrlimit(RLIMIT_CORE, &none);
}
#endif
