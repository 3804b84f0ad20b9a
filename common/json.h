/* SPDX-License-Identifier: Apache-2.0
 *
 * json.h - the door to cJSON: a bounded parser, typed readers that name the key, and a printer.
 * Readers: absence of a required key and a wrong type are ERR_CONFIG ("frames: must be 1..100000").
 * cJSON numbers are doubles, so 64-bit values outside +-2^53 travel as decimal strings;
 * json_i64 reads both forms and json_add_i64 chooses.
 */
#ifndef COMMON_JSON_H
#define COMMON_JSON_H

#include "common/auto.h"
#include "common/err.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

AUTO_DEFINE(cJSON, cJSON *, cJSON_Delete)

/* Caller owns *out. Refuses trailing bytes, more than 64 levels and duplicate keys. */
int json_parse(cJSON **out, const char *text, size_t len, struct err *err);
/* The same without any member of this name, however deep, which is not looked into: for parts that
 * are large and of no use. name: plain letters. */
int json_parse_without(cJSON **out, const char *text, size_t len, const char *name,
                       struct err *err);
char *json_print(const cJSON *doc);        /* compact, one line; caller frees */
char *json_print_pretty(const cJSON *doc); /* two spaces; ends in a newline; caller frees */

int json_i64(int64_t *out, const cJSON *obj, const char *key, int64_t min, int64_t max,
             struct err *err);
int json_u32(uint32_t *out, const cJSON *obj, const char *key, uint32_t min, uint32_t max,
             struct err *err);
int json_int(int *out, const cJSON *obj, const char *key, int min, int max, struct err *err);
int json_double(double *out, const cJSON *obj, const char *key, double min, double max,
                struct err *err);
int json_bool(bool *out, const cJSON *obj, const char *key, struct err *err);
/* Into a caller's array; ERR_CONFIG when longer than size-1. */
int json_str(char *out, size_t size, const cJSON *obj, const char *key, struct err *err);
/* Borrowed from obj. */
int json_array(const cJSON **out, const cJSON *obj, const char *key, int min, int max,
               struct err *err);
int json_object(const cJSON **out, const cJSON *obj, const char *key, struct err *err);
bool json_has(const cJSON *obj, const char *key);
/* The value at a dotted path ("spec.segment.seconds"), or NULL. Borrowed. */
const cJSON *json_path(const cJSON *doc, const char *path);
/* The string at a dotted path; "" where there is none. Borrowed. */
const char *json_text(const cJSON *doc, const char *path);
/* The same for one key, which may have dots in it (labels do); object may be NULL. */
const char *json_member(const cJSON *object, const char *key);
/* Sets the value at a dotted path, making objects on the way; takes ownership of value. */
void json_path_set(cJSON *doc, const char *path, cJSON *value);

void json_add_i64(cJSON *obj, const char *key, int64_t value);
void json_add_str(cJSON *obj, const char *key, const char *value);
void json_add_bool(cJSON *obj, const char *key, bool value);
#endif
