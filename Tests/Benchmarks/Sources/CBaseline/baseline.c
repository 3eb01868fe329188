#include "baseline.h"

#include <dbus/dbus.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static DBusConnection *open_bus(const char *address) {
    DBusError error;
    dbus_error_init(&error);
    DBusConnection *connection = dbus_connection_open_private(address, &error);
    if (connection && !dbus_bus_register(connection, &error)) connection = NULL;
    if (!connection) fprintf(stderr, "baseline: %s\n", error.message);
    else dbus_connection_set_exit_on_disconnect(connection, FALSE);
    return connection;
}

static DBusHandlerResult answer(DBusConnection *connection, DBusMessage *call, void *unused) {
    (void)unused;
    if (!dbus_message_is_method_call(call, "org.cimbus1.Bench", "Empty")) return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
    DBusMessage *reply = dbus_message_new_method_return(call);
    dbus_connection_send(connection, reply, NULL);
    dbus_message_unref(reply);
    return DBUS_HANDLER_RESULT_HANDLED;
}

int baseline_serve(const char *address) {
    DBusConnection *connection = open_bus(address);
    if (!connection || !dbus_connection_add_filter(connection, answer, NULL, NULL)) return -1;
    printf("%s\n", dbus_bus_get_unique_name(connection));
    fflush(stdout);
    while (dbus_connection_read_write_dispatch(connection, -1)) {}
    return 0;
}

int baseline_call(const char *address, const char *destination, int count, uint64_t *nanoseconds) {
    DBusConnection *connection = open_bus(address);
    if (!connection) return -1;
    int result = 0;
    for (int i = 0; i < count && result == 0; i++) {
        uint64_t start = now();
        DBusMessage *call = dbus_message_new_method_call(destination, "/bench", "org.cimbus1.Bench", "Empty");
        DBusMessage *reply = dbus_connection_send_with_reply_and_block(connection, call, 5000, NULL);
        dbus_message_unref(call);
        if (reply) dbus_message_unref(reply);
        else result = -1;
        nanoseconds[i] = now() - start;
    }
    dbus_connection_close(connection);
    dbus_connection_unref(connection);
    return result;
}

int baseline_ping_pong(int count, uint64_t *nanoseconds) {
    int pair[2];
    char buffer[64] = {0};
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return -1;
    pid_t child = fork();
    if (child < 0) return -1;
    if (child == 0) {
        close(pair[0]);
        while (read(pair[1], buffer, sizeof buffer) == sizeof buffer)
            if (write(pair[1], buffer, sizeof buffer) != sizeof buffer) break;
        _exit(0);
    }
    close(pair[1]);
    int result = 0;
    for (int i = 0; i < count && result == 0; i++) {
        uint64_t start = now();
        if (write(pair[0], buffer, sizeof buffer) != sizeof buffer || read(pair[0], buffer, sizeof buffer) != sizeof buffer) result = -1;
        nanoseconds[i] = now() - start;
    }
    close(pair[0]);
    waitpid(child, NULL, 0);
    return result;
}
