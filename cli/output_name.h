/* SPDX-License-Identifier: Apache-2.0
 *
 * output_name.h - where the 3D film goes, and under which name players know its layout.
 */
#ifndef CLI_OUTPUT_NAME_H
#define CLI_OUTPUT_NAME_H

#include "common/contract/spec.h"

/*
 * in: the source's path; out: what the user said, or NULL.
 *   a file name that ends in .mp4 .mov .mkv .m3u8   as it is
 *   a folder (existing, or ending in "/")     FOLDER/<source's stem><suffix>.<ext>
 *   a name without extension                  NAME<suffix>.<ext>
 *   NULL                                      <source's stem><suffix>.<ext> in this folder
 * ext is the source's own if it is one of those, else mkv, which holds everything. Caller
 * frees *path. ERR_CONFIG: another extension ("film.avi: must end in ...").
 */
int output_name(char **path, const char *in, const char *out, enum layout layout, struct err *err);

/* A name for metadata.name (RFC 1123) out of a path's stem. Caller frees. */
char *output_job_name(const char *path);

/* ERR_CONFIG when both paths are one file (also by link) or the output's folder is missing. */
int output_check(const char *in, const char *path, struct err *err);
#endif
