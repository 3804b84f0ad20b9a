/* SPDX-License-Identifier: Apache-2.0
 *
 * fields_value.h - inside contract: one value against one row of the field table. Pure.
 */
#ifndef CONTRACT_FIELDS_VALUE_H
#define CONTRACT_FIELDS_VALUE_H

#include "common/contract/fields.h"

#define FIELD_WHY_SIZE 400

/* The value itself, not what is below it. 0, or -1 and why: "must be 0..10, not 12". why has no
 * control characters. */
int field_value_check(char why[FIELD_WHY_SIZE], const struct field *field, const cJSON *value);
/* Whether text matches one of the table's patterns. */
bool field_value_matches(const char *text, const char *pattern);
/* Position among field->values, -1 when it is not there. */
int field_value_index(const struct field *field, const char *name);
/* "'fullsb' is not one of a, b, c; did you mean b?" */
void field_not_one_of(char why[FIELD_WHY_SIZE], const char *text, const char *const *names,
                      size_t count);
/* Formats, cuts at whole characters, makes control characters '?'. */
void field_say(char why[FIELD_WHY_SIZE], const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
#endif
