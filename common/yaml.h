/* SPDX-License-Identifier: Apache-2.0
 *
 * yaml.h - the door to libyaml: one YAML document into a cJSON tree by the YAML 1.2 core rules that
 * kubectl uses for plain scalars, and the place of every value for messages. Refuses duplicate
 * keys, aliases, tags, more than 32 levels, more than one document, more than 1 MiB.
 */
#ifndef COMMON_YAML_H
#define COMMON_YAML_H

#include "common/err.h"
#include "common/json.h"

struct yaml_places; /* dotted path -> line and column */

/* Caller owns *doc (cJSON_Delete) and *places (yaml_places_free). Errors: ERR_CONFIG, message has
 * "line L, column C". List items have paths like "spec.tolerations[0].key". */
int yaml_parse(cJSON **doc, struct yaml_places **places, const char *text, size_t len,
               struct err *err);
void yaml_places_free(struct yaml_places *places);
AUTO_DEFINE(yaml_places, struct yaml_places *, yaml_places_free)
/* 1-based; 0,0 when the path is not known. places may be NULL. */
void yaml_place(const struct yaml_places *places, const char *path, int *line, int *column);
/* A whole document in block style; what yaml_parse reads back is the same. doc is valid UTF-8.
 * Caller frees. */
char *yaml_print(const cJSON *doc);
#endif
