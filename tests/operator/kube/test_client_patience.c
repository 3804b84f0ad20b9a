/* SPDX-License-Identifier: Apache-2.0
 *
 * What takes half a minute: a server that never answers, and one that always says later.
 */
#include "tests/operator/kube/fake.h"

#include "tests/common/check.h"

#include "common/clock.h"

int main(void)
{
    struct fake fake;
    struct world world;
    struct ask frozen = { .done = 0 }, flood = { .done = 0 };
    struct tail tail = { .lines = 0 };
    int64_t start_us = clock_mono_us();
    int rc = 0;

    fake_start(&fake, "client_scenario.json", NULL);
    world_begin(&world, fake.url);
    world_open(&world, 0);
    ask_start(&frozen, &world, "GET", "/frozen", NULL, KUBE_PATCH_NONE);
    ask_start(&flood, &world, "POST", "/flood", "{}", KUBE_PATCH_NONE);
    tail_start(&tail, &world, "/watch-silent", 0, 0); /* no deadline: is there to the end */
    while ((!frozen.done || !flood.done) && clock_mono_us() - start_us < INT64_C(45000000))
        world_rest(&world, 0.2);
    rc |= !(flood.done && flood.status.code == 429 && fake_count(&fake, "/flood") == 11);
    rc |= !(frozen.done && frozen.status.code == 0 && fake_count(&fake, "/frozen") == 1);
    rc |= clock_mono_us() - start_us < INT64_C(29000000) || tail.ended;
    (void)printf("flood %d after %d, frozen '%s'\n", flood.status.code, fake_count(&fake, "/flood"),
                 frozen.status.message);
    world_end(&world);
    fake_stop(&fake);
    return rc;
}
