/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include <stdint.h>

/* What the kernel's process connector says: cn_proc.h, in the order of its messages. */
enum cprocess_kind {
    cprocess_other = 0,
    cprocess_acknowledged, /* code: 0, or an errno */
    cprocess_forked,       /* process, thread: the new one; parent: the process that forked */
    cprocess_executed,
    cprocess_changed,      /* another user, group, session or name */
    cprocess_ended,
};

struct cprocess_message {
    uint32_t kind;
    /* Each CPU counts its messages. */
    uint32_t cpu;
    uint32_t number;
    /* Nanoseconds since the start of the system, by CLOCK_MONOTONIC. */
    uint64_t time;
    /* The process, and the thread that it is about: the same number for the first thread. */
    int32_t process;
    int32_t thread;
    int32_t parent;
    uint32_t code;
};

/* A socket to which the kernel sends word of every process, when it is asked to. -1 and errno on failure.
   buffer: bytes that may wait in it; more than the system's limit where the caller may. */
int cprocess_connect(int buffer);

/* Asks the kernel to send, or to stop. The acknowledgement comes as a message, where it comes. -1 and errno on failure. */
int cprocess_listen(int connector, int on);

/* Reads what is there: the number of messages, 0 when there are none, -1 and errno on failure; ENOBUFS when some are lost. */
int cprocess_receive(int connector, struct cprocess_message *messages, int count);

/* Makes the kernel say something of this thread on every CPU that it may run on, so that the numbers of each are known. */
void cprocess_probe(void);

/* The number of the thread that calls. */
int32_t cprocess_thread(void);

/* A set of descriptors of processes. -1 and errno on failure. */
int cprocess_watch_new(void);

/* Adds a process; the descriptor stays the caller's. -1 and errno on failure. */
int cprocess_watch(int watch, int pidfd, int pid);

/* Reads which of them have ended: how many, 0 when there are none. */
int cprocess_watched(int watch, int *pids, int count);

/* A descriptor that ends a wait, and how. */
int cprocess_bell_new(void);
void cprocess_ring(int bell);

/* Waits until the descriptor can be read, or the bell rings, for so many milliseconds; -1: for ever. 1: it can; 0: the time is over; -1: the bell. */
int cprocess_wait(int descriptor, int bell, int milliseconds);
