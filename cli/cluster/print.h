/* SPDX-License-Identifier: Apache-2.0
 *
 * print.h - StereoJobs on stdout: a table, one job for people, JSON or YAML.
 */
#ifndef CLI_CLUSTER_PRINT_H
#define CLI_CLUSTER_PRINT_H

#include "cli/cluster/flags.h"
#include "common/json.h"

/* head: with the line of names above. */
void print_table(const cJSON *items, bool spaces, bool wide, bool head);
/* A job after a change: "stereojob.stereojob.io/NAME DONE", only the name, or the whole object. */
void print_changed(const cJSON *job, const char *done, enum flags_output output);
void print_describe(const cJSON *job, const cJSON *pods, const cJSON *events);
/* As -o yaml, else as JSON. */
void print_document(const cJSON *doc, enum flags_output output);
#endif
