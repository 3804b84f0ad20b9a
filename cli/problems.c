/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/problems.h"

#include "common/contract/class.h"
#include "common/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void problems_add(struct problems *problems, const char *fmt, ...)
{
    char line[600];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(line, sizeof(line), fmt, args);
    va_end(args);
    problems->lines = xrealloc(problems->lines, (problems->count + 1) * sizeof(char *));
    problems->lines[problems->count++] = xstrdup(line);
}

void problems_print(const struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++)
        (void)fprintf(stderr, "stereo: error: %s\n", problems->lines[i]);
}

void problems_clear(struct problems *problems)
{
    for (size_t i = 0; i < problems->count; i++)
        free(problems->lines[i]);
    free(problems->lines);
    *problems = (struct problems){ 0 };
}

int problem_exit(const struct err *err)
{
    (void)fprintf(stderr, "stereo: error: %s\n", err->msg);
    return class_exit_code(class_of_err(err->code));
}
