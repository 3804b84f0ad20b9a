/* SPDX-License-Identifier: Apache-2.0
 *
 * print.h - StereoJobs on stdout: a table, one job for people, JSON or YAML.
 */
#ifndef CLI_CLUSTER_PRINT_H
#define CLI_CLUSTER_PRINT_H

#include "cli/cluster/flags.h"
#include "common/json.h"

void print_table(const cJSON *items, bool spaces, bool wide);
void print_describe(const cJSON *job, const cJSON *pods, const cJSON *events);
/* As -o yaml, else as JSON. */
void print_document(const cJSON *doc, enum flags_output output);
#endif
