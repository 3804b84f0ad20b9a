/* SPDX-License-Identifier: Apache-2.0
 *
 * record.h - what an attempt says when it is done: the commit record in the store, the same text
 * as the pod's termination message and in Redis. At most 3 KiB. "mac" is HMAC-SHA256(job token,
 * the compact JSON without mac); a record without a right mac is ignored. Pure.
 */
#ifndef CONTRACT_RECORD_H
#define CONTRACT_RECORD_H

#include "common/contract/class.h"
#include "common/contract/names.h"
#include "common/contract/plan.h"
#include "common/hash.h"

#define RECORD_MAX_BYTES    3072
#define RECORD_WARNING_SIZE 1000

struct record {
    char uid[NAME_UID_SIZE];
    struct attempt_id id;
    /* plan */
    uint32_t segments;
    uint64_t memory_bytes;
    char build[64];
    char codec[32];
    int packed_width, packed_height;
    char warning[RECORD_WARNING_SIZE]; /* what plan wants the user to know, a line each, or "" */
    /* plan: of the film; convert: of the segment; assemble: of the output */
    int64_t frames;
    /* convert */
    char object[NAME_KEY_SIZE]; /* store key of the segment */
    int64_t start_pts, end_pts; /* absolute; last frame's end */
    struct ratio time_base;
    uint32_t pts_crc;
    int reorder; /* encoder's video_delay: frames between decode and display order */
    char extradata_sha256[HASH_HEX_SIZE];
    uint32_t crc32c; /* of the segment, as sha256 */
    char sha256[HASH_HEX_SIZE];
    /* convert, assemble */
    uint64_t bytes;       /* assemble: of all files */
    uint64_t right_bytes; /* assemble: of the right eye's film, when it is one of two */
    int64_t damaged; /* of frames: mended by the decoder, or lost and shown as the one before */
    int64_t scaled;  /* of the source's pictures: they had another size than the film */
    /* plan, convert, assemble */
    int64_t duration_ms; /* of film, segment, output */
    int64_t wall_ms;     /* this attempt took */
};

/* token_hex is the job token as the worker has it; caller frees. */
char *record_format(const struct record *record, const char *token_hex);
/* ERR_INTERNAL: not a record. ERR_CONFLICT: the mac is wrong (somebody else's). token_hex NULL
 * skips the mac (the store's copy is trusted by its place). */
int record_parse(struct record *out, const char *text, size_t len, const char *token_hex,
                 struct err *err);

/* How an attempt that failed says why, as its termination message:
 * {"class":"Input","message":"..."}; at most 3 KiB. */
char *failure_format(enum attempt_class cls, const char *message);
/* 0 when text is such a message; -1 leaves the outputs alone. message size 240. */
int failure_parse(enum attempt_class *cls, char message[240], const char *text, size_t len);

/* A heartbeat in sj:{uid}:beat. */
struct beat {
    struct attempt_id id;
    char pod[NAME_POD_SIZE];
    char step[24];    /* "decode", "encode", "commit", ... */
    int64_t progress; /* grows with bytes, frames, steps; what stall detection watches */
    int64_t frames_done, frames_total;
    int64_t at_unix_ms;
};
char *beat_format(const struct beat *beat, const char *token_hex);
int beat_parse(struct beat *out, const char *text, size_t len, const char *token_hex,
               struct err *err);

/* encoder.json: what the first attempt that opened the encoder found; all later ones must agree. */
struct encoder_facts {
    char codec[32];
    char options[1024]; /* exact, "preset=medium:crf=20:threads=4:..." */
    int threads;
    char extradata_sha256[HASH_HEX_SIZE];
    char pix_fmt[16];
    int width, height;
    char build[64]; /* "libavcodec 59.37.100, x264 164" */
};
char *encoder_facts_format(const struct encoder_facts *facts);
int encoder_facts_parse(struct encoder_facts *out, const char *text, size_t len, struct err *err);
/* 0 when equal; else ERR_GPU naming the first difference, both values. */
int encoder_facts_compare(const struct encoder_facts *job, const struct encoder_facts *here,
                          struct err *err);
#endif
