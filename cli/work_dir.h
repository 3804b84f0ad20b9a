/* SPDX-License-Identifier: Apache-2.0
 *
 * work_dir.h - the work folder of one conversion, OUT.stereojob/ unless told otherwise.
 */
#ifndef CLI_WORK_DIR_H
#define CLI_WORK_DIR_H

#include "common/err.h"

#include <stdbool.h>

/* Caller frees. */
char *work_dir_default(const char *output_path);
/* True when a conversion was begun there. */
bool work_dir_is_begun(const char *work_dir);
/* Removes what a conversion leaves there, by name, and the folder if it is then empty: a person's
 * own files in a --work-dir stay. job.json goes last, so that a kill in between is finished by the
 * next run. */
/* May the work be done there? Not where the output goes or inside of it, not in a folder whose
 * names are somebody else's. what names it in messages. ERR_CONFIG. */
int work_dir_check(const char *work_dir, const char *output_path, const char *what,
                   struct err *err);
int work_dir_remove(const char *work_dir, struct err *err);
#endif
