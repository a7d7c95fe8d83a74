/* What the older ABI, the one before tn_channel_send_fd, does in another way.
 *
 * With -DBENCH_OLDER_ABI a contestant fits a library of that ABI. It is compiled with today's header,
 * as the structs of that ABI are the beginnings of today's. */
#ifndef OURS_ABI_H
#define OURS_ABI_H

#include "../common/harness.h"

#include <treenail.h>

#ifdef BENCH_OLDER_ABI

/* The older functions, under names of their own. */
tn_status older_commit(const tn_channel *channel, const tn_loan *loan, uint32_t tag, size_t len)
    __asm__("tn_channel_commit");
tn_status older_recv_many(const tn_channel *channel, void *buf, size_t cap, tn_slice *out_messages,
                          size_t max, int32_t timeout_ms, size_t *out_count)
    __asm__("tn_channel_recv_many");
tn_status older_semaphore_open(const char *name, uint32_t initial, tn_semaphore **out)
    __asm__("tn_semaphore_open");

typedef tn_slice ours_received; /* a message of a batch */

BENCH_INLINE tn_status ours_commit(tn_channel *channel, const tn_loan *loan, size_t len)
{
    return older_commit(channel, loan, 0, len);
}

#define ours_recv_many older_recv_many
#define ours_semaphore_open older_semaphore_open

#else

typedef tn_message ours_received;

BENCH_INLINE tn_status ours_commit(tn_channel *channel, const tn_loan *loan, size_t len)
{
    return tn_channel_commit(channel, loan, 0, len, TN_FOREVER);
}

#define ours_recv_many tn_channel_recv_many
#define ours_semaphore_open tn_semaphore_open_or_create

#endif

#endif
