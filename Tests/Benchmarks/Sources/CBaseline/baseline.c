#include "baseline.h"

#include <dbus/dbus.h>
#include <stdio.h>
#include <string.h>
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

/* The variants of an object of 10 properties, and its class: what the provider beside it serves, as a plain service would send it. */
static void entry(DBusMessageIter *dict, const char *name, int type, const char *signature, const void *value) {
    DBusMessageIter entry, variant;
    dbus_message_iter_open_container(dict, DBUS_TYPE_DICT_ENTRY, NULL, &entry);
    dbus_message_iter_append_basic(&entry, DBUS_TYPE_STRING, &name);
    dbus_message_iter_open_container(&entry, DBUS_TYPE_VARIANT, signature, &variant);
    dbus_message_iter_append_basic(&variant, type, value);
    dbus_message_iter_close_container(&entry, &variant);
    dbus_message_iter_close_container(dict, &entry);
}

static void append_object(DBusMessage *reply) {
    static const char *texts[][2] = {
        {"__CLASS", "Bench_Thing"}, {"Handle", "7"}, {"Name", "process"}, {"CommandLine", "/usr/bin/process --number 7"}, {"UserName", "root"}};
    dbus_uint32_t parent = 1, threads = 4;
    dbus_int32_t priority = 0;
    dbus_uint16_t state = 2;
    dbus_uint64_t size = 1ull << 30, working = 7ull << 12;
    DBusMessageIter body, dict;
    dbus_message_iter_init_append(reply, &body);
    dbus_message_iter_open_container(&body, DBUS_TYPE_ARRAY, "{sv}", &dict);
    for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) entry(&dict, texts[i][0], DBUS_TYPE_STRING, "s", &texts[i][1]);
    entry(&dict, "ParentProcessID", DBUS_TYPE_UINT32, "u", &parent);
    entry(&dict, "Priority", DBUS_TYPE_INT32, "i", &priority);
    entry(&dict, "State", DBUS_TYPE_UINT16, "q", &state);
    entry(&dict, "VirtualSize", DBUS_TYPE_UINT64, "t", &size);
    entry(&dict, "WorkingSetSize", DBUS_TYPE_UINT64, "t", &working);
    entry(&dict, "ThreadCount", DBUS_TYPE_UINT32, "u", &threads);
    dbus_message_iter_close_container(&body, &dict);
}

static DBusHandlerResult answer(DBusConnection *connection, DBusMessage *call, void *unused) {
    (void)unused;
    int gets = dbus_message_is_method_call(call, "org.cimbus1.Bench", "Get");
    if (!gets && !dbus_message_is_method_call(call, "org.cimbus1.Bench", "Empty")) return DBUS_HANDLER_RESULT_NOT_YET_HANDLED;
    DBusMessage *reply = dbus_message_new_method_return(call);
    if (gets) append_object(reply);
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

/* Reads every name and value, as a program does that wants them. Returns how many there were. */
static int read_object(DBusMessage *reply) {
    DBusMessageIter body, dict;
    int count = 0;
    if (!dbus_message_iter_init(reply, &body) || dbus_message_iter_get_arg_type(&body) != DBUS_TYPE_ARRAY) return -1;
    for (dbus_message_iter_recurse(&body, &dict); dbus_message_iter_get_arg_type(&dict) == DBUS_TYPE_DICT_ENTRY; dbus_message_iter_next(&dict)) {
        DBusMessageIter entry, variant;
        const char *name;
        DBusBasicValue value;
        dbus_message_iter_recurse(&dict, &entry);
        dbus_message_iter_get_basic(&entry, &name);
        dbus_message_iter_next(&entry);
        dbus_message_iter_recurse(&entry, &variant);
        dbus_message_iter_get_basic(&variant, &value);
        count++;
    }
    return count;
}

int baseline_call(const char *address, const char *destination, const char *member, int count, uint64_t *nanoseconds) {
    DBusConnection *connection = open_bus(address);
    if (!connection) return -1;
    int gets = strcmp(member, "Get") == 0;
    const char *path = "Bench_Thing.Handle=\"7\"";
    int result = 0;
    for (int i = 0; i < count && result == 0; i++) {
        uint64_t start = now();
        DBusMessage *call = dbus_message_new_method_call(destination, "/bench", "org.cimbus1.Bench", member);
        if (gets) dbus_message_append_args(call, DBUS_TYPE_STRING, &path, DBUS_TYPE_INVALID);
        DBusMessage *reply = dbus_connection_send_with_reply_and_block(connection, call, 5000, NULL);
        dbus_message_unref(call);
        if (!reply || (gets && read_object(reply) != 11)) result = -1;
        if (reply) dbus_message_unref(reply);
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
