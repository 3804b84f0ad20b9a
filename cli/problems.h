/* SPDX-License-Identifier: Apache-2.0
 *
 * problems.h - everything wrong with a command line or a manifest, told at once.
 */
#ifndef CLI_PROBLEMS_H
#define CLI_PROBLEMS_H

#include "common/err.h"

#include <stddef.h>

struct problems {
    char **lines; /* owned */
    size_t count;
};

void problems_add(struct problems *problems, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* To stderr, "stereo: error: LINE" each. */
void problems_print(const struct problems *problems);
void problems_clear(struct problems *problems);

/* One error the same way; answers the class's exit code. */
int problem_exit(const struct err *err);
#endif
