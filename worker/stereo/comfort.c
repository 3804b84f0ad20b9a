/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/stereo/comfort.h"

#include <math.h>

#define SLACK .005

bool comfort_is_kept(double front, double behind)
{
    return front <= COMFORT_FRONT + SLACK && behind <= COMFORT_BEHIND + SLACK;
}

static double within(double depth)
{
    return fmin(fmax(depth, 0), 1);
}

struct depth_span comfort_screen(const struct job_spec *spec, struct depth_span depths)
{
    double strength = fmax(spec->divergence, 1e-9);
    double low = depths.nearest - (COMFORT_FRONT - spec->ipd_offset) / strength;
    double high = depths.farthest + (COMFORT_BEHIND + spec->ipd_offset) / strength;

    if (low > high) /* what is too much is shared as the limits are, one to two */
        low = high =
            (low * COMFORT_BEHIND + high * COMFORT_FRONT) / (COMFORT_FRONT + COMFORT_BEHIND);
    return (struct depth_span){ within(low), within(high) };
}
