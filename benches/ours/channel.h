/* One channel between near, which listens, and far, which connects. */
#ifndef OURS_CHANNEL_H
#define OURS_CHANNEL_H

#include "../common/in_place.h"
#include "check.h"

static tn_listener *ours_listener;
static tn_channel *ours_channel;

/* SCHEME:NAME?OPTIONS out of SCHEME?OPTIONS, the third argument. */
static const char *ours_endpoint(void)
{
    static char endpoint[256];
    const size_t scheme = strcspn(bench_options, "?");
    snprintf(endpoint, sizeof endpoint, "%.*s:%s%s", (int)scheme, bench_options,
             bench_unique_name(), bench_options + scheme);
    return endpoint;
}

static void ours_listen(void) { OURS_OK(tn_listener_open(ours_endpoint(), &ours_listener)); }

static void ours_accept(void)
{
    OURS_OK(tn_listener_accept(ours_listener, OURS_WAIT_MS, &ours_channel));
}

static void ours_connect(void)
{
    OURS_OK(tn_channel_connect(ours_endpoint(), OURS_WAIT_MS, &ours_channel));
}

static void ours_near_close(void)
{
    tn_channel_free(ours_channel);
    tn_listener_free(ours_listener);
}

static void ours_far_close(void) { ours_near_close(); }

#endif
