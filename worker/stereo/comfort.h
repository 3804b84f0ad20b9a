/* SPDX-License-Identifier: Apache-2.0
 *
 * comfort.h - how far before and behind the screen eyes follow for long: the rule of BSkyB (2011),
 * 1 % of the width before it and 2 % behind (shared/reference: conversion 2.4).
 */
#ifndef WORKER_STEREO_COMFORT_H
#define WORKER_STEREO_COMFORT_H

#include "common/contract/spec.h"

#include <stdbool.h>

#define COMFORT_FRONT  1. /* % of a view's width */
#define COMFORT_BEHIND 2.

struct depth_span { /* of depths, 0 (far) to 1 (near) */
    double farthest, nearest;
};

/* Of the depths that the spec's provider gives, bent by foregroundScale as they are shown. */
struct depth_span comfort_depths(const struct job_spec *spec);
/* Both in % of a view's width. */
bool comfort_is_kept(double front, double behind);
/* The screen planes with which depths of this span keep to both limits; where they are too far
 * apart for that, the one that goes beyond both by the same part. Within 0..1. */
struct depth_span comfort_screen(const struct job_spec *spec, struct depth_span depths);
#endif
