/* SPDX-License-Identifier: Apache-2.0
 *
 * class.h - how an attempt ended, and so what happens next. A worker's exit code carries the class;
 * the pod's own reason overrules it (operator/observe). One table, pure.
 */
#ifndef CONTRACT_CLASS_H
#define CONTRACT_CLASS_H

#include "common/err.h"

enum attempt_class {
    CLASS_DONE,        /* exit 0 */
    CLASS_CONFIG,      /* exit 64: dead letter at once */
    CLASS_INPUT,       /* exit 65: dead letter at once */
    CLASS_DEPENDENCY,  /* exit 69: retry with backoff */
    CLASS_INTERNAL,    /* exit 70 and every code not listed: first retry at once, then backoff */
    CLASS_GPU,         /* exit 71: retry elsewhere */
    CLASS_SPACE,       /* exit 73: retry with 1.5 x ephemeral storage */
    CLASS_INTERRUPTED, /* exit 75: retry at once, not counted */
    CLASS_OOM_KILLED,  /* by the kernel, or ERR_NOMEM (exit 70): retry with 1.5 x memory */
    CLASS_STALLED,     /* judged by the operator: deleted, retried, counted */
};
#define CLASS_COUNT 10

/* "Done", "Config", "Input", ... as in status and events. Static. */
const char *class_name(enum attempt_class cls);
/* CLASS_INTERNAL when the name is not known. */
enum attempt_class class_of_name(const char *name);
enum attempt_class class_of_exit(int exit_code);
int class_exit_code(enum attempt_class cls); /* OOM_KILLED and STALLED answer 70 */
/* ERR_NOT_FOUND and ERR_CONFLICT are INTERNAL: a room should have translated them. */
enum attempt_class class_of_err(enum err_code code);
#endif
