#ifndef BASELINE_H
#define BASELINE_H

#include <stdint.h>

/* Serves Empty and Get of org.cimbus1.Bench on a connection of its own until the bus goes; prints its unique name and a newline first. */
int baseline_serve(const char *address);

/* Calls `destination`'s Empty or Get `count` times, one after the other, and stores how long each took in ns; of a Get it reads every value.
   Returns 0, or -1. */
int baseline_call(const char *address, const char *destination, const char *member, int count, uint64_t *nanoseconds);

/* Sends 64 bytes through a socket pair to a child process and back, `count` times. Returns 0, or -1. */
int baseline_ping_pong(int count, uint64_t *nanoseconds);

#endif
