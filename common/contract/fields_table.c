/* SPDX-License-Identifier: Apache-2.0
 *
 * Parents stand before their children; values of an enum stand in the order of its C enum. The
 * first clause of a doc is what --help shows.
 */
#include "common/contract/fields.h"

#include "common/contract/spec.h"

#define NAME_MAX_BYTES 63
#define NAME_WORDS     "lower-case letters and digits, with '-' only between them"
#define LABEL_PATTERN  "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
#define OBJECT_PATTERN "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
#define OBJECT_WORDS   "lower-case letters, digits, '-' and '.'"
#define URI_MAX_BYTES  4096
/* What a URI may be in a cluster. No part of a claim's path is empty, '.' or '..'. */
#define KEY                    "[^[:cntrl:]]+"
#define PART                   "/([^/.[:cntrl:]]|[.][^/.[:cntrl:]]|[.][.][^/[:cntrl:]])[^/[:cntrl:]]*"
#define BUCKET                 "s3://[a-z0-9][-a-z0-9.]{2,62}"
#define CLAIM                  "pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?"
#define OUTPUT_URI             BUCKET "/" KEY "|" CLAIM "(" PART ")+"
#define OUTPUT_WORDS           "s3://bucket/key or pvc://claim/path without '..'"
#define SOURCE_URI             OUTPUT_URI "|https://[^/?#@[:cntrl:]]+/" KEY
#define SOURCE_WORDS           "s3://bucket/key, pvc://claim/path without '..', or https://host/path"
#define WORK_URI               BUCKET "(/[^[:cntrl:]]*)?|" CLAIM "(" PART ")*/?"
#define WORK_WORDS             "s3://bucket/prefix or pvc://claim/path without '..'"
#define IN_CLUSTER(uri, words) .cluster_pattern = "^(" uri ")$", .cluster_words = words

#define TEN_YEARS_S     315360000
#define CUT_MAX_S       360000
#define ENTRIES_MAX     64
#define OPAQUE_MAX      16384
#define ANNOTATIONS_MAX 256

static const char *const api_versions[] = { "stereojob.io/v1", NULL };
static const char *const kinds[] = { "StereoJob", NULL };
static const char *const layouts[] = { "FullSBS",
                                       "HalfSBS",
                                       "FullTB",
                                       "HalfTB",
                                       "Left",
                                       "Right",
                                       "Depth",
                                       "CrossSBS",
                                       "AnaglyphDubois",
                                       "AnaglyphColor",
                                       "AnaglyphHalfColor",
                                       "AnaglyphGray",
                                       "RGBD",
                                       "LeftRight",
                                       NULL };
static const char *const convergences[] = { "Fixed", "Auto", NULL };
static const char *const views[] = { "Both", "Left", "Right", NULL };
static const char *const providers[] = { "Classical", "Video", NULL };
static const char *const pix_fmts[] = { "yuv420p", "yuv420p10le", "yuv444p", "yuv444p10le", NULL };
static const char *const modes[] = { "Index", "Copy", NULL };
static const char *const operators[] = { "Exists", "Equal", "Lt", "Gt", NULL };
static const char *const effects[] = { "NoSchedule", "PreferNoSchedule", "NoExecute", NULL };

/* Where pods may run: once for convert, once for plan and assemble. */
#define SCHEDULING(at, what)                                                                       \
    { .path = at ".nodeSelector",                                                                  \
      .type = FIELD_MAP,                                                                           \
      .max = ENTRIES_MAX,                                                                          \
      .local = LOCAL_IGNORED,                                                                      \
      .doc = "Labels that the node of a " what " pod must have." },                                \
        { .path = at ".nodeSelector.*",                                                            \
          .type = FIELD_STRING,                                                                    \
          .max = 63,                                                                               \
          .pattern = "^([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?$",                              \
          .pattern_words = "a label's value: letters, digits, '-', '_' and '.'",                   \
          .local = LOCAL_IGNORED,                                                                  \
          .doc = "The label's value." },                                                           \
        { .path = at ".tolerations",                                                               \
          .type = FIELD_LIST,                                                                      \
          .max = ENTRIES_MAX,                                                                      \
          .local = LOCAL_IGNORED,                                                                  \
          .doc = "Taints that a " what " pod tolerates." },                                        \
        { .path = at ".tolerations[].key",                                                         \
          .type = FIELD_STRING,                                                                    \
          .max = 317,                                                                              \
          .local = LOCAL_IGNORED,                                                                  \
          .doc = "Key of the taint. Without it, every taint." },                                   \
        { .path = at ".tolerations[].operator",                                                    \
          .type = FIELD_ENUM,                                                                      \
          .values = operators,                                                                     \
          .local = LOCAL_IGNORED,                                                                  \
          .doc = "How key and value are compared. Kubernetes assumes Equal." },                    \
        { .path = at ".tolerations[].value",                                                       \
          .type = FIELD_STRING,                                                                    \
          .max = 63,                                                                               \
          .local = LOCAL_IGNORED,                                                                  \
          .doc = "Value of the taint." },                                                          \
        { .path = at ".tolerations[].effect",                                                      \
          .type = FIELD_ENUM,                                                                      \
          .values = effects,                                                                       \
          .local = LOCAL_IGNORED,                                                                  \
          .doc = "Effect of the taint. Without it, every effect." },                               \
        { .path = at ".tolerations[].tolerationSeconds",                                           \
          .type = FIELD_INT,                                                                       \
          .max = TEN_YEARS_S,                                                                      \
          .local = LOCAL_IGNORED,                                                                  \
          .doc = "How long a NoExecute taint is tolerated, in seconds." },                         \
    {                                                                                              \
        .path = at ".affinity", .type = FIELD_OPAQUE, .max = OPAQUE_MAX, .local = LOCAL_IGNORED,   \
        .doc = "Affinity of a " what " pod, as in a pod spec."                                     \
    }

/* The container's requests and limits. */
#define RESOURCES(at, what)                                                                        \
    { .path = at ".resources",                                                                     \
      .type = FIELD_OBJECT,                                                                        \
      .local = LOCAL_IGNORED,                                                                      \
      .doc = "What a " what " pod asks of its node. Memory that is not given is estimated by "     \
             "the plan." },                                                                        \
        { .path = at ".resources.requests",                                                        \
          .type = FIELD_MAP,                                                                       \
          .max = ENTRIES_MAX,                                                                      \
          .local = LOCAL_IGNORED,                                                                  \
          .doc = "Requested quantities, such as cpu, memory and ephemeral-storage." },             \
        { .path = at ".resources.requests.*",                                                      \
          .type = FIELD_QUANTITY,                                                                  \
          .max = 32,                                                                               \
          .local = LOCAL_IGNORED,                                                                  \
          .doc = "A quantity." },                                                                  \
        { .path = at ".resources.limits",                                                          \
          .type = FIELD_MAP,                                                                       \
          .max = ENTRIES_MAX,                                                                      \
          .local = LOCAL_IGNORED,                                                                  \
          .doc = "Upper limits, by the same names." },                                             \
    {                                                                                              \
        .path = at ".resources.limits.*", .type = FIELD_QUANTITY, .max = 32,                       \
        .local = LOCAL_IGNORED, .doc = "A quantity."                                               \
    }

#define SECRET(at, what)                                                                           \
    .path = at ".secretName", .type = FIELD_STRING, .min = 1, .max = 253,                          \
    .pattern = OBJECT_PATTERN, .pattern_words = OBJECT_WORDS, .local = LOCAL_IGNORED,              \
    .doc = "Secret of the same namespace with the credentials of " what "."

#define SECONDS(least) .type = FIELD_INT, .min = (least), .max = TEN_YEARS_S

const struct field fields[] = {
    { .path = "apiVersion",
      .type = FIELD_ENUM,
      .values = api_versions,
      .required = true,
      .doc = "Version of this schema." },
    { .path = "kind", .type = FIELD_ENUM, .values = kinds, .required = true, .doc = "The kind." },
    { .path = "metadata",
      .type = FIELD_OBJECT,
      .required = true,
      .doc = "Name, labels and annotations, as of every Kubernetes object." },
    { .path = "metadata.name",
      .type = FIELD_STRING,
      .min = 1,
      .max = NAME_MAX_BYTES,
      .pattern = LABEL_PATTERN,
      .pattern_words = NAME_WORDS,
      .required = true,
      .immutable = true,
      .doc = "Name of the job. Its pods' names begin with it." },
    { .path = "metadata.namespace",
      .type = FIELD_STRING,
      .min = 1,
      .max = NAME_MAX_BYTES,
      .pattern = LABEL_PATTERN,
      .pattern_words = NAME_WORDS,
      .immutable = true,
      .doc = "Namespace of the job and its pods." },
    { .path = "metadata.labels",
      .type = FIELD_MAP,
      .max = ENTRIES_MAX,
      .doc = "Labels to select jobs by." },
    { .path = "metadata.annotations",
      .type = FIELD_MAP,
      .max = ANNOTATIONS_MAX,
      .doc = "Annotations. stereojob.io/retry and stereojob.io/discard steer a failed job." },
    { .path = "spec", .type = FIELD_OBJECT, .required = true, .doc = "What is wanted." },

    { .path = "spec.source",
      .type = FIELD_OBJECT,
      .required = true,
      .immutable = true,
      .doc = "The flat film." },
    { .path = "spec.source.uri",
      .type = FIELD_STRING,
      .min = 1,
      .max = URI_MAX_BYTES,
      .required = true,
      .immutable = true,
      IN_CLUSTER(SOURCE_URI, SOURCE_WORDS),
      .doc = "Where the flat film is: s3://bucket/key, pvc://claim/path, https://..., or on one "
             "machine a path or file:///path." },
    { SECRET("spec.source", "the source"), .immutable = true },
    { .path = "spec.source.fromSeconds",
      .type = FIELD_NUMBER,
      .max = CUT_MAX_S,
      .flag = "from",
      .metavar = "TIME",
      .immutable = true,
      .doc = "Where in the film to begin, counted from its first picture: seconds, or H:MM:SS.mmm "
             "on the command line. The first picture at or after it is the output's first, at 0." },
    { .path = "spec.source.toSeconds",
      .type = FIELD_NUMBER,
      .min = 0.001,
      .max = CUT_MAX_S,
      .flag = "to",
      .metavar = "TIME",
      .immutable = true,
      .doc =
          "Where in the film to end, counted likewise. The picture at it is no longer taken, and "
          "sound, subtitles and chapters end with the picture." },

    { .path = "spec.output",
      .type = FIELD_OBJECT,
      .required = true,
      .immutable = true,
      .doc = "The 3D film." },
    { .path = "spec.output.uri",
      .type = FIELD_STRING,
      .min = 1,
      .max = URI_MAX_BYTES,
      .required = true,
      .immutable = true,
      IN_CLUSTER(OUTPUT_URI, OUTPUT_WORDS),
      .doc =
          "Where the 3D film goes, ending in " OUTPUT_ENDINGS ", which chooses the container. With "
          ".m3u8 (HLS) the files that it names lie beside it, in NAME_hls/. With layout LeftRight "
          "it is the left eye's film, and the right eye's lies beside it, as NAME_R." },
    { SECRET("spec.output", "the output"), .immutable = true },
    { .path = "spec.output.overwrite",
      .type = FIELD_BOOL,
      .def = "false",
      .flag = "overwrite",
      .immutable = true,
      .doc = "Replace an output that exists. Otherwise the job fails rather than touch it." },

    { .path = "spec.work",
      .type = FIELD_OBJECT,
      .doc = "Where plan, segments and commit records are kept while the job runs." },
    { .path = "spec.work.uri",
      .type = FIELD_STRING,
      .min = 1,
      .max = URI_MAX_BYTES,
      IN_CLUSTER(WORK_URI, WORK_WORDS),
      .doc = "A folder or prefix for the job's intermediate files, which go into a folder named by "
             "the job's UID in it. The default is .stereojob/ beside the output; on one machine, "
             "OUT.stereojob." },
    { SECRET("spec.work", "the work store; without it, those of the output are taken") },

    { .path = "spec.stereo",
      .type = FIELD_OBJECT,
      .def = "{}",
      .immutable = true,
      .doc = "How the two views are made." },
    { .path = "spec.stereo.layout",
      .type = FIELD_ENUM,
      .def = "\"FullSBS\"",
      .values = layouts,
      .flag = "layout",
      .immutable = true,
      .doc =
          "How the views are packed: side by side, top and bottom, one eye, the depth, crossed "
          "(right eye first), an anaglyph for red and cyan glasses, RGBD, or two films, LeftRight. "
          "Half layouts keep "
          "the frame's size and lose half the detail; RGBD is the flat picture with its depth "
          "beside it, near is white. Anaglyphs are 4:4:4 where the encoder takes it, libx264 "
          "and libx265 do; Dubois has the least ghosts, Gray the calmest colours. LeftRight makes "
          "the left eye's film at spec.output.uri and the right eye's beside it: film_R.mkv for "
          "film.mkv and for film_L.mkv." },
    { .path = "spec.stereo.divergence",
      .type = FIELD_NUMBER,
      .def = "2.0",
      .max = 10,
      .flag = "divergence",
      .metavar = "PERCENT",
      .immutable = true,
      .doc = "Strength of the 3D effect: the largest parallax, in percent of a view's width, 0 to "
             "10. More than 3 is tiring on large screens." },
    { .path = "spec.stereo.convergence",
      .type = FIELD_NUMBER,
      .def = "0.5",
      .max = 1,
      .flag = "convergence",
      .metavar = "DEPTH|auto",
      .immutable = true,
      .doc = "The depth that lies on the screen, 0 (far) to 1 (near). With 1 everything is behind "
             "the screen, with 0 everything is before it. Not used with convergenceMode: Auto." },
    { .path = "spec.stereo.convergenceMode",
      .type = FIELD_ENUM,
      .def = "\"Fixed\"",
      .values = convergences,
      .immutable = true,
      .doc =
          "Fixed: the depth of spec.stereo.convergence lies on the screen. Auto: what the middle "
          "of the picture shows does, gliding within a shot, stepping at a cut, and as far as "
          "nothing comes nearer than 1 % or goes farther than 2 % of the width." },
    { .path = "spec.stereo.syntheticView",
      .type = FIELD_ENUM,
      .def = "\"Both\"",
      .values = views,
      .flag = "synthetic-view",
      .immutable = true,
      .doc = "Which views are made: both, each with half of the parallax, or one beside the "
             "untouched film." },
    { .path = "spec.stereo.ipdOffset",
      .type = FIELD_NUMBER,
      .def = "0",
      .min = -10,
      .max = 10,
      .flag = "ipd-offset",
      .metavar = "PERCENT",
      .immutable = true,
      .doc = "Moves the whole scene, in percent of a view's width: above 0 nearer, below 0 farther "
             "away. For headsets whose lenses do not fit the eyes' distance." },
    { .path = "spec.stereo.foregroundScale",
      .type = FIELD_NUMBER,
      .def = "0",
      .min = -3,
      .max = 3,
      .flag = "foreground-scale",
      .metavar = "LEVEL",
      .immutable = true,
      .doc = "Gives more of the depth to what is near, -3 to 3: above 0 near things stand farther "
             "apart and the distance becomes flat, below 0 the other way round. Not for the "
             "layouts that show depth." },
    { .path = "spec.stereo.edgeDilation",
      .type = FIELD_INT,
      .def = "0",
      .max = 8,
      .flag = "edge-dilation",
      .metavar = "SAMPLES",
      .immutable = true,
      .doc =
          "Lets near things grow, in samples of the depth: 1 or 2 take a rim of foreground along "
          "where a depth film is blurred. Edges are snapped to the picture anyway." },
    { .path = "spec.stereo.preserveScreenBorder",
      .type = FIELD_BOOL,
      .def = "false",
      .flag = "preserve-screen-border",
      .immutable = true,
      .doc = "Let the sides lie on the screen, the depth falling off towards the left and right "
             "borders, so that nothing before the screen is cut off by its frame." },

    { .path = "spec.depth",
      .type = FIELD_OBJECT,
      .def = "{}",
      .immutable = true,
      .doc = "Where depth comes from." },
    { .path = "spec.depth.provider",
      .type = FIELD_ENUM,
      .def = "\"Classical\"",
      .values = providers,
      .immutable = true,
      .doc = "Classical reads depth from the picture itself and needs no model; Video takes a "
             "depth film made elsewhere." },
    { .path = "spec.depth.uri",
      .type = FIELD_STRING,
      .min = 1,
      .max = URI_MAX_BYTES,
      .immutable = true,
      IN_CLUSTER(SOURCE_URI, SOURCE_WORDS),
      .doc = "The depth film, near is white. Only with provider Video." },

    { .path = "spec.encode",
      .type = FIELD_OBJECT,
      .def = "{}",
      .immutable = true,
      .doc = "How the 3D film is encoded." },
    { .path = "spec.encode.codec",
      .type = FIELD_STRING,
      .def = "\"auto\"",
      .min = 1,
      .max = 31,
      .pattern = "^[a-z0-9_]+$",
      .pattern_words = "lower-case letters, digits and '_'",
      .flag = "codec",
      .metavar = "NAME",
      .immutable = true,
      .doc = "The encoder: auto, libx264 or libx265. auto is libx264, and libx265 when the packed "
             "frame is wider than 4096." },
    { .path = "spec.encode.preset",
      .type = FIELD_STRING,
      .min = 1,
      .max = 31,
      .pattern = "^[a-z0-9_]+$",
      .pattern_words = "lower-case letters, digits and '_'",
      .flag = "preset",
      .metavar = "NAME",
      .immutable = true,
      .doc = "The encoder's preset, from ultrafast to veryslow. Slower makes smaller files." },
    { .path = "spec.encode.crf",
      .type = FIELD_INT,
      .max = 63,
      .flag = "crf",
      .metavar = "N",
      .immutable = true,
      .doc = "Constant quality, 0 (lossless) to 51 (63 for AV1). The default is 20 for libx264 and "
             "22 for libx265." },
    { .path = "spec.encode.pixFmt",
      .type = FIELD_ENUM,
      .values = pix_fmts,
      .flag = "pix-fmt",
      .immutable = true,
      .doc =
          "Pixel format of the output. The default keeps the source's 8 or 10 bits, and is 4:4:4 "
          "for anaglyphs, 4:2:0 for all else: the yuv444 formats are for anaglyphs only." },

    { .path = "spec.encode.maxFps",
      .type = FIELD_NUMBER,
      .min = 0.01,
      .max = 1000,
      .flag = "max-fps",
      .metavar = "FPS",
      .immutable = true,
      .doc = "Most frames a second; more are left out. Without it, every frame is taken. What "
             "stays keeps its time." },

    { .path = "spec.segment",
      .type = FIELD_OBJECT,
      .def = "{}",
      .immutable = true,
      .doc = "How the film is cut for parallel work. The result does not depend on it." },
    { .path = "spec.segment.seconds",
      .type = FIELD_NUMBER,
      .min = 0.1,
      .max = 36000,
      .flag = "segment-seconds",
      .metavar = "SECONDS",
      .immutable = true,
      .doc = "Wanted length of a segment. The default is chosen by the plan." },
    { .path = "spec.segment.mode",
      .type = FIELD_ENUM,
      .def = "\"Index\"",
      .values = modes,
      .flag = "segment-mode",
      .immutable = true,
      .doc = "How segments read the source: Index in place, Copy from pieces copied first, for "
             "sources that cannot be sought." },

    { .path = "spec.parallelism",
      .type = FIELD_INT,
      .cluster_def = "8",
      .min = 1,
      .max = 10000,
      .flag = "parallelism",
      .metavar = "N",
      .doc =
          "How many segments are converted at a time: 8 in a cluster. On one machine the default "
          "fits its cores and memory." },
    { .path = "spec.backoffLimitPerIndex",
      .type = FIELD_INT,
      .def = "3",
      .max = 1000,
      .doc = "How often a segment may fail and be tried again before it is given up." },
    { .path = "spec.maxFailedIndexes",
      .type = FIELD_INT,
      .max = 20000,
      .doc = "The job fails at once when more segments than this are given up. Without it the "
             "other segments go on." },
    { .path = "spec.activeDeadlineSeconds",
      SECONDS(1),
      .doc = "The job fails when it has been active for longer. Time suspended does not count." },
    { .path = "spec.segmentDeadlineSeconds",
      SECONDS(1),
      .doc = "An attempt at a segment that takes longer is ended and counts as failed." },
    { .path = "spec.pendingDeadlineSeconds",
      SECONDS(1),
      .local = LOCAL_IGNORED,
      .doc =
          "The job fails when a pod has waited for longer to be scheduled or to get its image." },
    { .path = "spec.stallSeconds",
      .type = FIELD_INT,
      .def = "120",
      .min = 1,
      .max = 86400,
      .doc = "An attempt that makes no progress for this long is replaced." },
    { .path = "spec.suspend",
      .type = FIELD_BOOL,
      .def = "false",
      .doc = "Stop all pods and keep what is done. false goes on from there." },
    { .path = "spec.cancel",
      .type = FIELD_BOOL,
      .def = "false",
      .doc = "End the job for good. It cannot be taken back." },
    { .path = "spec.ttlSecondsAfterFinished",
      SECONDS(0),
      .local = LOCAL_IGNORED,
      .doc = "The finished job is deleted after this time. Without it, never." },
    { .path = "spec.priorityClassName",
      .type = FIELD_STRING,
      .min = 1,
      .max = 253,
      .pattern = OBJECT_PATTERN,
      .pattern_words = OBJECT_WORDS,
      .local = LOCAL_IGNORED,
      .doc = "Priority class of all pods of the job." },
    { .path = "spec.podRetention",
      .type = FIELD_INT,
      .def = "3",
      .max = 100,
      .doc = "How many failed pods are kept for their logs." },

    RESOURCES("spec", "convert"),
    { .path = "spec.resources.gpu",
      .type = FIELD_OBJECT,
      .local = LOCAL_IGNORED,
      .doc = "GPUs of a convert pod. Without it, none." },
    { .path = "spec.resources.gpu.name",
      .type = FIELD_STRING,
      .def = "\"nvidia.com/gpu\"",
      .min = 1,
      .max = 317,
      .pattern = "^[A-Za-z0-9][-A-Za-z0-9_./]*$",
      .pattern_words = "a resource name such as nvidia.com/gpu",
      .local = LOCAL_IGNORED,
      .doc = "The resource's name, as its device plugin calls it." },
    { .path = "spec.resources.gpu.count",
      .type = FIELD_INT,
      .def = "1",
      .max = 16,
      .local = LOCAL_IGNORED,
      .doc = "How many of them. 0 converts on the CPU." },
    SCHEDULING("spec", "convert"),
    { .path = "spec.runtimeClassName",
      .type = FIELD_STRING,
      .min = 1,
      .max = 253,
      .pattern = OBJECT_PATTERN,
      .pattern_words = OBJECT_WORDS,
      .local = LOCAL_IGNORED,
      .doc = "Runtime class of convert pods, such as nvidia." },

    { .path = "spec.auxiliary",
      .type = FIELD_OBJECT,
      .local = LOCAL_IGNORED,
      .doc = "Resources and scheduling of the plan and assemble pods, which need no GPU." },
    RESOURCES("spec.auxiliary", "plan or assemble"),
    SCHEDULING("spec.auxiliary", "plan or assemble"),
};
const size_t fields_count = sizeof(fields) / sizeof(fields[0]);
