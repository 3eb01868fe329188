// SPDX-License-Identifier: Apache-2.0
// Stands in for ssh in Tests/Benchmarks/hosts: after so many milliseconds as a way takes (LATENCY) it passes bytes between standard input and output
// and the bus at the socket BUS. What the client says of file descriptors it keeps to itself, as the far end of cimctl does.
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int pass(int from, int to) {
    char bytes[65536];
    ssize_t count = read(from, bytes, sizeof bytes);
    if (count <= 0) return 0;
    static const char asked[] = "NEGOTIATE_UNIX_FD", told[] = "WITHOUT__UNIX__FD";
    char *found = from == 0 ? memmem(bytes, count, asked, sizeof asked - 1) : NULL;
    if (found) memcpy(found, told, sizeof told - 1);
    for (ssize_t sent = 0; sent < count;) {
        ssize_t part = write(to, bytes + sent, count - sent);
        if (part <= 0) return 0;
        sent += part;
    }
    return 1;
}

int main(void) {
    const char *latency = getenv("LATENCY"), *path = getenv("BUS");
    if (latency) usleep(1000 * atoi(latency));
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || strlen(path) >= sizeof address.sun_path) return 1;
    strcpy(address.sun_path, path);
    int bus = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(bus, (struct sockaddr *)&address, sizeof address) != 0) return perror("connect"), 1;
    struct pollfd ends[2] = {{.fd = 0, .events = POLLIN}, {.fd = bus, .events = POLLIN}};
    while (poll(ends, 2, -1) > 0) {
        if (ends[0].revents && !pass(0, bus)) return 0;
        if (ends[1].revents && !pass(bus, 1)) return 0;
    }
    return 0;
}
