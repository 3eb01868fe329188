// SPDX-License-Identifier: Apache-2.0
// All units of systemd with the properties that are named, as a C program asks for them: GetAll for each unit, all calls under way at once.
//
// usage: adopted PROPERTY…       writes one line: the number of units and of values
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>

static char **wanted;
static int wanted_count, open_calls, units;
static long values, bytes;

static int answered(sd_bus_message *reply, void *data, sd_bus_error *error) {
    (void)data, (void)error;
    open_calls--;
    if (sd_bus_message_is_method_error(reply, NULL)) return 0;
    units++;
    if (sd_bus_message_enter_container(reply, 'a', "{sv}") < 0) return 0;
    while (sd_bus_message_enter_container(reply, 'e', "sv") > 0) {
        const char *name, *type, *text;
        char kind;
        sd_bus_message_read(reply, "s", &name);
        int is_wanted = 0;
        for (int i = 0; i < wanted_count; i++) is_wanted |= strcmp(wanted[i], name) == 0;
        if (!is_wanted) {
            sd_bus_message_skip(reply, "v");
        } else {
            values++;
            sd_bus_message_peek_type(reply, &kind, &type);
            sd_bus_message_enter_container(reply, 'v', type);
            if (strcmp(type, "s") == 0) {
                sd_bus_message_read(reply, "s", &text);
                bytes += strlen(text);
            } else if (strcmp(type, "as") == 0) {
                sd_bus_message_enter_container(reply, 'a', "s");
                while (sd_bus_message_read(reply, "s", &text) > 0) bytes += strlen(text);
                sd_bus_message_exit_container(reply);
            } else {
                sd_bus_message_skip(reply, type);
            }
            sd_bus_message_exit_container(reply);
        }
        sd_bus_message_exit_container(reply);
    }
    return 0;
}

int main(int argc, char **argv) {
    wanted = argv + 1;
    wanted_count = argc - 1;
    sd_bus *bus;
    sd_bus_message *list;
    if (sd_bus_open_system(&bus) < 0) return 1;
    if (sd_bus_call_method(bus, "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "ListUnits", NULL,
                           &list, "") < 0) return 1;
    const char *text[7], *path, *job, *job_path;
    unsigned number;
    sd_bus_message_enter_container(list, 'a', "(ssssssouso)");
    while (sd_bus_message_read(list, "(ssssssouso)", &text[0], &text[1], &text[2], &text[3], &text[4], &text[5], &path, &number, &job, &job_path) > 0) {
        if (sd_bus_call_method_async(bus, NULL, "org.freedesktop.systemd1", path, "org.freedesktop.DBus.Properties", "GetAll", answered, NULL, "s",
                                     "org.freedesktop.systemd1.Unit") < 0) return 1;
        open_calls++;
        // What has come is read meanwhile, so that no more than 64 calls are open.
        while (open_calls >= 64) if (sd_bus_process(bus, NULL) == 0) sd_bus_wait(bus, UINT64_MAX);
    }
    while (open_calls > 0) if (sd_bus_process(bus, NULL) == 0) sd_bus_wait(bus, UINT64_MAX);
    printf("%d units, %ld values, %ld bytes of text\n", units, values, bytes);
    return 0;
}
