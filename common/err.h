/* SPDX-License-Identifier: Apache-2.0
 *
 * err.h - the one error idiom. A function that can fail returns 0, or -1 with *err filled; err is
 * the caller's, never NULL, and untouched on success. The code is a class that decides what
 * happens next (docs: exit classes); the message is for people, outermost context first.
 * Return or log, never both: only the top of a program logs.
 */
#ifndef COMMON_ERR_H
#define COMMON_ERR_H

enum err_code {
    ERR_NONE,
    ERR_CONFIG,      /* what the user asked for cannot be: bad option, missing secret, denied */
    ERR_INPUT,       /* the film cannot be converted: not a film, no video stream, unsupported */
    ERR_DEPENDENCY,  /* a service or the network; retry with backoff */
    ERR_INTERNAL,    /* a broken promise of our own */
    ERR_GPU,         /* a device, or the job's encoder is not to be had here */
    ERR_SPACE,       /* no space left on the disk */
    ERR_INTERRUPTED, /* told to stop; go on elsewhere or later */
    ERR_NOT_FOUND,   /* the named thing is absent; most callers translate it */
    ERR_CONFLICT,    /* somebody wrote first; read again */
    ERR_NOMEM,       /* a bulk allocation (frame, table sized by input) failed */
};

struct err {
    enum err_code code;
    char msg[480];
};

/* Set, replacing what was there. Always -1, so reporting and returning are one line. */
int err_set(struct err *err, enum err_code code, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* As err_set, ending in ": strerror(errnum)"; ENOSPC and EDQUOT become ERR_SPACE, ENOENT becomes
 * ERR_NOT_FOUND, EEXIST becomes ERR_CONFLICT, ENOMEM becomes ERR_NOMEM whatever `code` says. */
int err_errno(struct err *err, enum err_code code, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Put context in front: "segment 7: out.nut: no such file". Always -1; keeps the code. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
#endif
