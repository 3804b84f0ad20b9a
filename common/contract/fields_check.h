/* SPDX-License-Identifier: Apache-2.0
 *
 * fields_check.h - inside contract: a check of one document under way. Pure.
 */
#ifndef CONTRACT_FIELDS_CHECK_H
#define CONTRACT_FIELDS_CHECK_H

#include "common/contract/fields.h"

struct fields_check {
    const struct yaml_places *places; /* borrowed; may be NULL */
    bool local;
    struct fields_report *report; /* borrowed */
    size_t left_out;              /* problems beyond what a person reads */
};

/* "line 7, column 5: PATH: what". The place is that of the nearest parent that has one. */
void fields_problem(struct fields_check *check, const char *path, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The rules between fields; quiet about values that their own row refuses. */
void fields_rules(struct fields_check *check, const cJSON *job);
#endif
