#ifndef BASELINE_H
#define BASELINE_H

#include <stdint.h>

/* Serves org.cimbus1.Bench.Empty on a connection of its own until the bus goes; prints its unique name and a newline first. */
int baseline_serve(const char *address);

/* Calls `destination`'s Empty `count` times, one after the other, and stores how long each took in ns. Returns 0, or -1. */
int baseline_call(const char *address, const char *destination, int count, uint64_t *nanoseconds);

/* Sends 64 bytes through a socket pair to a child process and back, `count` times. Returns 0, or -1. */
int baseline_ping_pong(int count, uint64_t *nanoseconds);

#endif
