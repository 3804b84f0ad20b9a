/* SPDX-License-Identifier: Apache-2.0 */
#include "common/file.h"
#include "tests/worker/assemble/handmade.h"
#include "worker/assemble/done.h"
#include "worker/assemble/parts.h"
#include "worker/media/segment.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define PICTURE "-f lavfi -i testsrc2=s=96x64:r=25:d=4 "
#define SOUND   "-f lavfi -i sine=f=440:d=4 -f lavfi -i sine=f=880:d=4 "
#define X264    "-c:v libx264 -preset ultrafast -pix_fmt yuv420p "
#define VFR     "-vf select='not(mod(n\\,7))+not(mod(n\\,3))+lt(n\\,20)' -fps_mode passthrough "

static const struct row {
    const char *name;
    struct handmade_opts opts;
    struct ratio clock; /* wanted of the output's video */
} rows[] = {
    { "one segment, mp4 to mp4",
      { PICTURE SOUND "-map 0 -map 1 -map 2 " X264 "-c:a aac", "in.mp4", "out.mp4", 1,
        LAYOUT_FULL_SBS, NULL, 0, false, false },
      { 1, 12800 } },
    { "seven segments, two sounds, mkv to mp4",
      { PICTURE SOUND "-map 0 -map 1 -map 2 " X264 "-c:a:0 aac -c:a:1 ac3", "in.mkv", "out.mp4", 7,
        LAYOUT_FULL_SBS, NULL, 0, false, false },
      { 1, 1000 } },
    { "variable rate with B frames, mp4 to mp4",
      { PICTURE SOUND "-map 0 -map 1 " X264 VFR "-c:a aac", "in.mp4", "out.mp4", 3, LAYOUT_HALF_SBS,
        NULL, 0, false, false },
      { 1, 12800 } },
    { "variable rate, mp4 to mkv",
      { PICTURE SOUND "-map 0 -map 1 " X264 VFR "-c:a aac", "in.mp4", "out.mkv", 3, LAYOUT_FULL_TB,
        NULL, 0, false, false },
      { 1, 1000 } },
    { "mov with pcm",
      { PICTURE SOUND "-map 0 -map 1 " X264 "-c:a pcm_s16le", "in.mov", "out.mov", 2,
        LAYOUT_HALF_TB, NULL, 0, false, false },
      { 1, 12800 } },
    { "no sound, one eye, hevc",
      { PICTURE X264, "in.mp4", "out.mp4", 2, LAYOUT_LEFT, "libx265", 0, false, false },
      { 1, 12800 } },
    { "mpeg4, whose size libav leaves to the decoder, to mp4",
      { PICTURE X264, "in.mp4", "out.mp4", 2, LAYOUT_LEFT, "mpeg4", 0, false, false },
      { 1, 12800 } },
    { "mpeg4 to mov",
      { PICTURE X264, "in.mp4", "out.mov", 2, LAYOUT_LEFT, "mpeg4", 0, false, false },
      { 1, 12800 } },
    { "transport stream to mp4",
      { PICTURE SOUND "-map 0 -map 1 " X264 "-c:a aac", "in.ts", "out.mp4", 3, LAYOUT_FULL_SBS,
        NULL, 0, false, false },
      { 1, 90000 } },
    { "transport stream to mkv",
      { PICTURE SOUND "-map 0 -map 1 " X264 "-c:a aac", "in.ts", "out.mkv", 3, LAYOUT_FULL_SBS,
        NULL, 0, false, false },
      { 1, 1000 } },
    { "frames that start late",
      { "-itsoffset 1.5 " PICTURE SOUND "-map 0 -map 1 " X264 "-c:a aac", "in.mp4", "out.mp4", 2,
        LAYOUT_FULL_SBS, NULL, 0, false, false },
      { 1, 12800 } },
    { "all that makes a moov large",
      { "-f lavfi -i testsrc2=s=64x64:r=50:d=60 -f lavfi -i anoisesrc=d=60 -i nasty.srt "
        "-i nasty.ffmeta -map 0 -map 1 -map 1 -map 1 -map 2 -map 2 -map_metadata 3 " X264
        "-x264-params keyint=2:bframes=1 "
        "-vf setpts='PTS+mod(N\\,3)*0.3/(50*TB)' -fps_mode passthrough -enc_time_base 1/90000 "
        "-video_track_timescale 90000 "
        "-c:a libopus -b:a 64k -frame_duration 2.5 -c:s mov_text",
        "in.mp4", "out.mp4", 5, LAYOUT_FULL_SBS, NULL, 0, false, false },
      { 1, 90000 } },
    { "packets that the plan could not count",
      { PICTURE SOUND "-map 0 -map 1 -map 2 " X264 "-c:a aac", "in.mkv", "out.mp4", 2,
        LAYOUT_FULL_SBS, NULL, 1, false, false },
      { 1, 1000 } },
};

/* mp4 and mov: the moov stands before the media, and what was kept free for it is of its size (a
 * second attempt with more room would leave much more). */
static void check_moov(const char *name, const struct handmade *made, bool counted)
{
    static const char script[] =
        "python3 -c \"\nimport struct, sys, glob\n"
        "f = open(glob.glob('out.m*')[0], 'rb'); at = 0; sizes = []\n"
        "while True:\n"
        "    f.seek(at); head = f.read(16)\n"
        "    if len(head) < 8: break\n"
        "    size, kind = struct.unpack('>I4s', head[:8])\n"
        "    if size == 1: size = struct.unpack('>Q', head[8:])[0]\n"
        "    sizes.append((kind, size)); at += size\n"
        "kinds = [k for k, _ in sizes]; d = dict(sizes[:3]); print(sizes)\n"
        "room = d[b'moov'] + d[b'free']\n"
        "sys.exit(kinds[:3] != [b'ftyp', b'moov', b'free'] or room > 8 * d[b'moov'] + 60000)\n"
        "\"";

    if (!strstr(made->spec.output_uri, ".mkv") && counted)
        CHECK_INT(name, handmade_shell(made, script), 0);
}

/* Both lists from their first frame, in nanoseconds; less than half a tick of the output apart. */
static void check_times(const char *name, const struct handmade *made)
{
    struct ratio tb, in = made->plan->video.time_base;
    size_t count;
    AUTO_FREE int64_t *pts = handmade_read_pts(made->spec.output_uri, &count, &tb);

    CHECK_INT(name, count, made->plan->video.frames);
    for (size_t i = 0; i < count; i++) {
        __int128 got = (__int128)(pts[i] - pts[0]) * 2000000000 * tb.num / tb.den;
        __int128 want = (__int128)(made->pts[i] - made->pts[0]) * 2000000000 * in.num / in.den;
        int64_t apart = (int64_t)(got > want ? got - want : want - got);

        if (apart > 2000000000 / tb.den)
            fail_msg("[%s] frame %zu is %lld ns off", name, i, (long long)apart / 2);
        if (tb.den > 1000 && apart > 2)
            fail_msg("[%s] frame %zu is %lld ns off", name, i, (long long)apart / 2);
    }
}

static void assembles_what_was_converted(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct handmade made;
        struct record record = { 0 };
        struct ratio clock;
        size_t count;
        struct err err;

        handmade_make(&made, &rows[i].opts);
        if (assemble_run(&made.job, &record, &err) < 0)
            fail_msg("[%s] %s (%s)", rows[i].name, err.msg, made.folder);
        CHECK_INT(rows[i].name, record.frames, made.plan->video.frames);
        check_times(rows[i].name, &made);
        check_moov(rows[i].name, &made, !rows[i].opts.uncounted);
        free(handmade_read_pts(made.spec.output_uri, &count, &clock));
        CHECK_INT(rows[i].name, clock.den, rows[i].clock.den);
        CHECK_INT("ffmpeg decodes it without a word",
                  handmade_shell(&made, "test -z \"$(ffmpeg -nostdin -v warning -i out.* -map 0:v "
                                        "-map 0:a? -f null - 2>&1 | tee warnings)\""),
                  0);
        CHECK_INT(
            "bytes",
            handmade_shell(&made, "grep -q \"bytes\\\":$(stat -c %s out.*),\" work/" DONE_KEY), 0);
        handmade_clear(&made);
    }
}

static const struct handmade_opts small = { PICTURE SOUND "-map 0 -map 1 " X264 "-c:a aac",
                                            "in.mp4",
                                            "out.mp4",
                                            3,
                                            LAYOUT_FULL_SBS,
                                            NULL,
                                            0,
                                            false,
                                            false };

static void a_missing_record_is_waited_for(void **state)
{
    struct handmade made;
    struct record record = { 0 };
    struct err err;

    (void)state;
    handmade_make(&made, &small);
    CHECK_OK(store_remove(made.job.store, "segments/00001.json", &err), err);
    CHECK_ERR(assemble_run(&made.job, &record, &err), err, ERR_DEPENDENCY);
    CHECK_HAS("names it", err.msg, "segment 1");
    assert_false(file_exists(made.spec.output_uri));
    handmade_clear(&made);
}

static void fewer_frames(struct record *record)
{
    record->frames--;
}
static void other_times(struct record *record)
{
    record->pts_crc++;
}
static void other_extradata(struct record *record)
{
    record->extradata_sha256[0] = record->extradata_sha256[0] == '0' ? '1' : '0';
}
static void other_sum(struct record *record)
{
    record->crc32c ^= 1;
}
static void other_clock(struct record *record)
{
    record->time_base.den *= 2;
}
static void other_job(struct record *record)
{
    record->uid[0] = 'f';
}
static void less_reorder(struct record *record)
{
    record->reorder = 0;
}
static void other_object(struct record *record)
{
    memcpy(record->object, "segments/00000/e0-a0.nut", 25);
}

static const struct wrong {
    const char *name;
    void (*fn)(struct record *record);
    const char *says;
} wrongs[] = {
    { "frames", fewer_frames, "segment 2: frames" },
    { "times", other_times, "segment 2: ptsCrc" },
    { "extradata", other_extradata, "segment 2: its decoder header" },
    { "crc32c", other_sum, "segment 2: segments/00002/" },
    { "time base", other_clock, "segment 2: timeBase" },
    { "job", other_job, "segment 2: the commit record is of job" },
    { "another's file", other_object, "segment 2: segments/00000/" },
};

static void a_wrong_record_publishes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(wrongs); i++) {
        struct handmade made;
        struct record record = { 0 };
        struct err err;

        handmade_make(&made, &small);
        handmade_change_record(&made, 2, wrongs[i].fn);
        CHECK_ERR(assemble_run(&made.job, &record, &err), err, ERR_INTERNAL);
        CHECK_HAS(wrongs[i].name, err.msg, wrongs[i].says);
        assert_false(file_exists(made.spec.output_uri));
        handmade_clear(&made);
    }
}

static void a_wrong_reorder_depth_is_noticed(void **state)
{
    struct handmade made;
    struct record record = { 0 };
    struct err err;

    (void)state;
    handmade_make(&made, &small);
    for (uint32_t i = 0; i < 3; i++)
        handmade_change_record(&made, i, less_reorder);
    CHECK_ERR(assemble_run(&made.job, &record, &err), err, ERR_INTERNAL);
    CHECK_HAS("depth", err.msg, "reorder depth");
    handmade_clear(&made);
}

static void swapped_segments_are_noticed(void **state)
{
    struct handmade made;
    struct record record = { 0 };
    struct err err;

    (void)state;
    handmade_make(&made, &small);
    CHECK_INT("swap",
              handmade_shell(&made, "cd work/segments; mv 00001/e0-a0.nut x; "
                                    "mv 00002/e0-a0.nut 00001/; mv x 00002/e0-a0.nut"),
              0);
    assert_int_equal(assemble_run(&made.job, &record, &err), -1);
    assert_false(file_exists(made.spec.output_uri));
    handmade_clear(&made);
}

static void an_output_that_exists_is_kept(void **state)
{
    struct handmade made;
    struct record record = { 0 };
    struct err err;

    (void)state;
    handmade_make(&made, &small);
    CHECK_OK(file_write(made.spec.output_uri, "mine", 4, &err), err);
    CHECK_ERR(assemble_run(&made.job, &record, &err), err, ERR_CONFIG);
    CHECK_HAS("what to do", err.msg, "--overwrite");
    CHECK_INT("kept", handmade_shell(&made, "test \"$(cat out.mp4)\" = mine"), 0);
    made.spec.overwrite = true;
    CHECK_OK(assemble_run(&made.job, &record, &err), err);
    CHECK_INT("replaced", handmade_shell(&made, "test $(stat -c %s out.mp4) -gt 1000"), 0);
    handmade_clear(&made);
}

/* Killed after publishing, before it could say so. */
static void its_own_output_is_recognised(void **state)
{
    struct handmade made;
    struct record first = { 0 }, again = { 0 };
    struct err err;

    (void)state;
    handmade_make(&made, &small);
    CHECK_OK(assemble_run(&made.job, &first, &err), err);
    CHECK_INT("mark", handmade_shell(&made, "stat -c '%i %y' out.mp4 > was; rm -r work/segments"),
              0);
    CHECK_OK(assemble_run(&made.job, &again, &err), err);
    CHECK_INT("bytes", again.bytes, first.bytes);
    CHECK_INT("frames", again.frames, first.frames);
    CHECK_INT("untouched", handmade_shell(&made, "stat -c '%i %y' out.mp4 | cmp - was"), 0);
    CHECK_INT("spoil",
              handmade_shell(&made, "printf x | dd of=out.mp4 bs=1 seek=3000 conv=notrunc"), 0);
    CHECK_ERR(assemble_run(&made.job, &again, &err), err, ERR_CONFIG);
    handmade_clear(&made);
}

static void the_same_input_gives_the_same_bytes(void **state)
{
    struct handmade made;
    struct record first = { 0 }, again = { 0 };
    const char *names[] = { "out.mp4", "out.mkv" };
    struct err err;

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct handmade_opts opts = small;

        opts.output = names[i];
        handmade_make(&made, &opts);
        CHECK_OK(assemble_run(&made.job, &first, &err), err);
        CHECK_INT("away", handmade_shell(&made, "mv out.* first"), 0);
        CHECK_OK(assemble_run(&made.job, &again, &err), err);
        CHECK_INT("same", handmade_shell(&made, "cmp first out.*"), 0);
        handmade_clear(&made);
    }
}

/* One bit of one byte: the file's size and its name stay. */
static void flip(const struct handmade *made, const char *name, uint64_t at)
{
    int fd = open(handmade_path(made, name), O_RDWR);
    uint8_t byte;

    assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
    byte ^= 0x10;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)at), 1);
    (void)close(fd);
}

/* Wherever it is: in NUT's headers, in a frame's header, in what is coded, behind the last frame.
 */
static void a_flipped_bit_publishes_nothing(void **state)
{
    static const char name[] = "work/segments/00001/e0-a0.nut";
    static const char *const outputs[] = { "out.mp4", "out.mkv" };

    (void)state;
    for (size_t i = 0; i < COUNT(outputs); i++) {
        struct handmade_opts opts = small;
        struct handmade made;
        struct record record = { 0 };
        struct stat st;
        struct err err;

        opts.output = outputs[i];
        handmade_make(&made, &opts);
        assert_int_equal(stat(handmade_path(&made, name), &st), 0);
        for (int k = 0; k < 64; k++) {
            uint64_t size = (uint64_t)st.st_size;
            uint64_t at = k < 24 ? (uint64_t)k * 16 : k < 56 ? size * (k - 23) / 33 : size + k - 64;

            flip(&made, name, at);
            if (assemble_run(&made.job, &record, &err) == 0)
                fail_msg("[%s] byte %llu of %llu", outputs[i], (unsigned long long)at,
                         (unsigned long long)size);
            if (err.code != ERR_INTERNAL)
                fail_msg("[%s] byte %llu: %s", outputs[i], (unsigned long long)at, err.msg);
            CHECK_HAS("names it", err.msg, "segment 1");
            CHECK_INT("nothing left", handmade_shell(&made, "test -z \"$(ls -A | grep out)\""), 0);
            flip(&made, name, at);
        }
        CHECK_OK(assemble_run(&made.job, &record, &err), err);
        handmade_clear(&made);
    }
}

/* At once, in the middle, at the very last byte. */
static void a_full_disk_leaves_nothing(void **state)
{
    static const char *const outputs[] = { "out.mp4", "out.mkv" };

    (void)state;
    for (size_t i = 0; i < COUNT(outputs); i++) {
        struct handmade_opts opts = small;
        struct handmade made;
        struct record record = { 0 };
        struct rlimit was, less;
        struct err err;

        opts.output = outputs[i];
        handmade_make(&made, &opts);
        CHECK_OK(assemble_run(&made.job, &record, &err), err);
        CHECK_INT("away", handmade_shell(&made, "rm out.*; rm work/" DONE_KEY), 0);
        (void)signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
        for (int k = 0; k < 3; k++) {
            int rc;

            less = was;
            less.rlim_cur = k == 0 ? 100 : k == 1 ? record.bytes / 2 : record.bytes - 1;
            assert_int_equal(setrlimit(RLIMIT_FSIZE, &less), 0);
            rc = assemble_run(&made.job, &record, &err);
            assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
            assert_int_equal(rc, -1);
            CHECK_INT(err.msg, err.code, ERR_SPACE);
            CHECK_INT("nothing left", handmade_shell(&made, "test -z \"$(ls -A | grep out)\""), 0);
        }
        CHECK_OK(assemble_run(&made.job, &record, &err), err);
        handmade_clear(&made);
    }
}

static void a_changed_source_is_refused(void **state)
{
    struct handmade made;
    struct record record = { 0 };
    struct err err;

    (void)state;
    handmade_make(&made, &small);
    CHECK_INT("change", handmade_shell(&made, "printf x | dd of=in.mp4 bs=1 seek=40 conv=notrunc"),
              0);
    CHECK_ERR(assemble_run(&made.job, &record, &err), err, ERR_INPUT);
    CHECK_HAS("says", err.msg, "changed");
    handmade_clear(&made);
}

static const char same_hdr[] =
    "python3 -c \"\nimport glob, json, subprocess, sys\nfrom fractions import Fraction\n"
    "def hdr(f):\n"
    "    doc = json.loads(subprocess.check_output(['ffprobe', '-v', 'error', '-select_streams', "
    "'v', '-show_entries', 'stream_side_data', '-of', 'json', f]))\n"
    "    return sorted((k, float(Fraction(str(v)))) for d in doc['streams'][0]['side_data_list'] "
    "if d['side_data_type'][:5] in ('Maste', 'Conte') for k, v in d.items() "
    "if k != 'side_data_type')\n"
    "want, got = hdr('in.mkv'), hdr(glob.glob('out.*')[0])\nprint(want, got)\n"
    "sys.exit(want != got or len(want) != 12)\"";

static void carries_what_the_container_says_of_hdr(void **state)
{
    const char *names[] = { "out.mp4", "out.mkv" };

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct handmade_opts opts = small;
        struct handmade made;
        struct record record = { 0 };
        struct err err;

        opts.source = "in.mkv";
        opts.output = names[i];
        opts.hdr = true;
        handmade_make(&made, &opts);
        CHECK_OK(assemble_run(&made.job, &record, &err), err);
        CHECK_INT(names[i], handmade_shell(&made, same_hdr), 0);
        handmade_clear(&made);
    }
}

static void stops_when_told(void **state)
{
    struct handmade made;
    struct record record = { 0 };
    struct err err;

    (void)state;
    handmade_make(&made, &small);
    made.stop = 1;
    CHECK_ERR(assemble_run(&made.job, &record, &err), err, ERR_INTERRUPTED);
    CHECK_INT("nothing left", handmade_shell(&made, "test -z \"$(ls -A | grep out)\""), 0);
    made.stop = 0;
    CHECK_OK(assemble_run(&made.job, &record, &err), err);
    handmade_clear(&made);
}

/* Who reads ahead has as much as it may when it is told to end. */
static void a_segment_is_put_away_half_read(void **state)
{
    static const struct handmade_opts whole = { PICTURE X264, "in.mp4", "out.mp4", 1,
                                                LAYOUT_LEFT,  NULL,     0,         false,
                                                false };
    struct handmade made;
    struct err err;

    (void)state;
    handmade_make(&made, &whole);
    for (int taken = 0; taken < 3; taken++) {
        AUTO(parts) struct parts *parts = NULL;
        AUTO(store_reader) struct store_reader *file = NULL;
        AUTO(segment_reader) struct segment_reader *reader = NULL;

        CHECK_OK(parts_load(&parts, made.job.store, made.plan, made.job.uid, &err), err);
        CHECK_OK(store_reader_open(&file, made.job.store, parts->part[0].object, &err), err);
        CHECK_OK(segment_reader_open(&reader, file, 0,
                                     &(struct segment_opts){ made.plan->video.time_base, 0, 1 },
                                     &err),
                 err);
        for (int i = 0; i < taken; i++) {
            AUTO(media_packet) struct media_packet *packet = NULL;

            CHECK_OK(segment_reader_read(reader, &packet, &err), err);
            assert_non_null(packet);
        }
        (void)usleep(100000); /* until no more fits */
    }
    handmade_clear(&made);
}

/* small: what ThreadSanitizer can bear, of the threads that read, join and write. */
int main(int argc, char **argv)
{
    const struct CMUnitTest few[] = {
        cmocka_unit_test(the_same_input_gives_the_same_bytes),
        cmocka_unit_test(a_flipped_bit_publishes_nothing),
        cmocka_unit_test(a_full_disk_leaves_nothing),
        cmocka_unit_test(stops_when_told),
        cmocka_unit_test(a_segment_is_put_away_half_read),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(assembles_what_was_converted),
        cmocka_unit_test(a_missing_record_is_waited_for),
        cmocka_unit_test(a_wrong_record_publishes_nothing),
        cmocka_unit_test(a_wrong_reorder_depth_is_noticed),
        cmocka_unit_test(swapped_segments_are_noticed),
        cmocka_unit_test(an_output_that_exists_is_kept),
        cmocka_unit_test(its_own_output_is_recognised),
        cmocka_unit_test(the_same_input_gives_the_same_bytes),
        cmocka_unit_test(a_flipped_bit_publishes_nothing),
        cmocka_unit_test(a_full_disk_leaves_nothing),
        cmocka_unit_test(a_changed_source_is_refused),
        cmocka_unit_test(carries_what_the_container_says_of_hdr),
        cmocka_unit_test(stops_when_told),
        cmocka_unit_test(a_segment_is_put_away_half_read),
    };

    if (argc > 1 && strcmp(argv[1], "small") == 0)
        return cmocka_run_group_tests(few, NULL, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
