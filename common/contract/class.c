/* SPDX-License-Identifier: Apache-2.0 */
#include "common/contract/class.h"

#include <string.h>

/* Indexed by enum attempt_class. The classes without a code of their own end as our fault does. */
static const struct row {
    const char *name;
    int exit_code;
} rows[CLASS_COUNT] = {
    [CLASS_DONE] = { "Done", 0 },
    [CLASS_CONFIG] = { "Config", 64 },
    [CLASS_INPUT] = { "Input", 65 },
    [CLASS_DEPENDENCY] = { "Dependency", 69 },
    [CLASS_INTERNAL] = { "Internal", 70 },
    [CLASS_GPU] = { "GPU", 71 },
    [CLASS_SPACE] = { "Space", 73 },
    [CLASS_INTERRUPTED] = { "Interrupted", 75 },
    [CLASS_OOM_KILLED] = { "OOMKilled", 70 },
    [CLASS_STALLED] = { "Stalled", 70 },
};

const char *class_name(enum attempt_class cls)
{
    return (unsigned)cls < CLASS_COUNT ? rows[cls].name : rows[CLASS_INTERNAL].name;
}

enum attempt_class class_of_name(const char *name)
{
    for (int i = 0; i < CLASS_COUNT; i++) {
        if (strcmp(rows[i].name, name) == 0)
            return (enum attempt_class)i;
    }
    return CLASS_INTERNAL;
}

enum attempt_class class_of_exit(int exit_code)
{
    for (int i = 0; i < CLASS_OOM_KILLED; i++) {
        if (rows[i].exit_code == exit_code)
            return (enum attempt_class)i;
    }
    return CLASS_INTERNAL;
}

int class_exit_code(enum attempt_class cls)
{
    return (unsigned)cls < CLASS_COUNT ? rows[cls].exit_code : rows[CLASS_INTERNAL].exit_code;
}

enum attempt_class class_of_err(enum err_code code)
{
    switch (code) {
    case ERR_NONE:
        return CLASS_DONE;
    case ERR_CONFIG:
        return CLASS_CONFIG;
    case ERR_INPUT:
        return CLASS_INPUT;
    case ERR_DEPENDENCY:
        return CLASS_DEPENDENCY;
    case ERR_GPU:
        return CLASS_GPU;
    case ERR_SPACE:
        return CLASS_SPACE;
    case ERR_INTERRUPTED:
        return CLASS_INTERRUPTED;
    case ERR_INTERNAL:
    case ERR_NOT_FOUND:
    case ERR_CONFLICT:
        break;
    case ERR_NOMEM:
        return CLASS_OOM_KILLED; /* the same remedy: more of it */
    }
    return CLASS_INTERNAL;
}
