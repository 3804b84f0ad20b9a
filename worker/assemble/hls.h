/* SPDX-License-Identifier: Apache-2.0
 *
 * hls.h - an output that ends in .m3u8: FILM.m3u8 names playlists and files in
 *
 *     FILM_hls/UID/eEPOCH-aATTEMPT/{video,sound-N,text-N}.{m3u8,mp4,vtt}
 *
 * so that attempts never write to the same place; FILM.m3u8 is published last, like any output, and
 * what it does not name is removed. The film is first joined into one MP4 in the scratch folder.
 * One thread (what is written has its own).
 */
#ifndef WORKER_ASSEMBLE_HLS_H
#define WORKER_ASSEMBLE_HLS_H

#include "worker/assemble/done.h"
#include "worker/job.h"

/* Where the MP4 is joined; caller owns it. */
int hls_scratch_open(struct store **out, const struct job *job, struct err *err);
/* film: finished and verified. *out is FILM.m3u8, to be committed; done gets its bytes and digest,
 * and the bytes of all. */
int hls_run(struct store_writer **out, struct done *done, struct job *job,
            struct store_writer *film, struct err *err);
/* 1: FILM.m3u8 names a film of this job, by whichever attempt; 0: none, or it is not there; -1. */
int hls_is_ours(const struct job *job, struct err *err);
/* Removes this job's files that FILM.m3u8 does not name, and those of the job that it replaced
 * (done.replaces, or NULL). Where FILM.m3u8 is not this job's, it may have been moved: then a whole
 * film of the job stays. Nothing of other jobs is touched. A missing folder is fine. */
int hls_sweep(const struct job *job, const char *replaced, struct err *err);
#endif
