/* SPDX-License-Identifier: Apache-2.0
 *
 * folder_publish.h - inside of store: a finished, synced file gets a name that must be free, by
 * whatever the file system has: link(2); else renameat2(RENAME_NOREPLACE); else a claim.
 *
 * A claim is a file NAME.claim-K made with O_EXCL. Whoever made it looks whether NAME is there by
 * now, and if not renames to it; then the claim goes. Who finds a claim waits for NAME, and when
 * neither NAME nor the claim has changed for CLAIM_DEAD_MS, its owner is taken for dead: claim K+1
 * is the next. An owner that finds a later claim than its own has lost.
 */
#ifndef WORKER_STORE_FOLDER_PUBLISH_H
#define WORKER_STORE_FOLDER_PUBLISH_H

#define CLAIM_DEAD_MS 30000

/* fd: the file. *aside: its hidden name, or NULL when it has none (O_TMPFILE); owned by the caller,
 * NULL after a rename. 0, or -1 and errno: EEXIST when the name is taken. */
int folder_publish(int fd, char **aside, const char *path);
#endif
