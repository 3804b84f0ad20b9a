/* SPDX-License-Identifier: Apache-2.0
 *
 * schema.h - inside api: rows of fields into a structural OpenAPI v3 schema. Pure.
 */
#ifndef OPERATOR_SCHEMA_H
#define OPERATOR_SCHEMA_H

#include "common/contract/fields.h"

/* The schema at a row's path ("spec.tolerations[].key", "spec.nodeSelector.*"; "" is root), or
 * NULL. Borrowed from root. */
cJSON *schema_at(cJSON *root, const char *path);
/* Puts the rows under root, parents first. Rows outside of `top` ("spec") are left out. */
void schema_add_rows(cJSON *root, const char *top, const struct field *rows, size_t count);
/* One x-kubernetes-validations rule on a schema. field: ".uri", where the message points; or
 * NULL. */
void schema_add_rule(cJSON *schema, const char *rule, const char *message, const char *field);

/* What the status holds. */
extern const struct field status_fields[];
extern const size_t status_fields_count;
/* Times, and what JSON numbers cannot hold exactly, which no row can say. */
void status_finish(cJSON *root);

/* Puts the rules of the whole object on its parts. */
void rules_add(cJSON *root);
#endif
