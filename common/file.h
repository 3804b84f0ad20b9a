/* SPDX-License-Identifier: Apache-2.0
 *
 * file.h - files that are whole or absent. Writes go aside, are synced, then renamed or linked into
 * place, and the folder is synced. Errors: ERR_NOT_FOUND, ERR_CONFLICT, ERR_SPACE, else
 * ERR_DEPENDENCY (I/O) or ERR_CONFIG (permission, not a folder); messages name the path.
 */
#ifndef COMMON_FILE_H
#define COMMON_FILE_H

#include "common/buf.h"
#include "common/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The whole file, at most max bytes (ERR_CONFIG above). *out is caller-owned, NUL-terminated. */
int file_read(char **out, size_t *len, const char *path, size_t max, struct err *err);
/* Replace or make path by a synced rename. */
int file_write(const char *path, const void *data, size_t len, struct err *err);
/* Make path only if absent, by link(2): ERR_CONFLICT when it exists. Never half a file. */
int file_create(const char *path, const void *data, size_t len, struct err *err);
int file_mkdirs(const char *path, struct err *err); /* as mkdir -p; an existing folder is fine */
int file_remove(const char *path, struct err *err); /* absent is fine */
/* Removes the tree below and with path; symlinks are removed, not followed. Absent is fine. */
int file_remove_tree(const char *path, struct err *err);
/* Removes from a folder what a kill in the middle of file_write or file_create left aside there.
 * Only while nobody writes there. An absent folder is fine. */
int file_remove_asides(const char *folder, struct err *err);
int file_sync_dir(const char *path, struct err *err);
bool file_exists(const char *path);
/* An exclusive flock on path (made if absent), held until the fd is closed. ERR_CONFLICT when
 * another process holds it. The fd is close-on-exec. */
int file_lock(int *fd_out, const char *path, struct err *err);
/* Moves from to to on one file system, syncing the folder; overwrite=false refuses to replace
 * (ERR_CONFLICT) atomically. */
int file_publish(const char *from, const char *to, bool overwrite, struct err *err);
#endif
