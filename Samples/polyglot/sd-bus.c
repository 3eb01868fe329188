// SPDX-License-Identifier: Apache-2.0
// A provider with sd-bus: cc sd-bus.c $(pkg-config --cflags --libs libsystemd). What a handler returns below 0 is the error reply.
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>

static const char *mof = "[dynamic, provider(\"PolyglotSdBus\")] class Polyglot_SdBus {\n"
    "  [key] string Name; uint32 Size; boolean Active; datetime Since; string Tags[];\n"
    "  [implemented] uint32 Resize([in] uint32 Size, [out] uint32 Before);\n};";
static struct thing { const char *path, *name; uint32_t size; int active; unsigned tags; const char *tag[2]; } things[] = {
    {"Polyglot_SdBus.Name=\"bolt\"", "bolt", 1, true, 2, {"small", "metal"}}, {"Polyglot_SdBus.Name=\"nut\"", "nut", 2, false, 0},
    {"Polyglot_SdBus.Name=\"washer\"", "washer", 3, true, 1, {"flat"}}, {NULL}};
static char broker[256];

static int append(sd_bus_message *reply, const struct thing *thing) {
    return sd_bus_message_append(reply, "a{sv}", 6, "__CLASS", "s", "Polyglot_SdBus", "Name", "s", thing->name, "Size", "u", thing->size,
        "Active", "b", thing->active, "Since", "s", "20260101120000.000000+000", "Tags", "as", thing->tags, thing->tag[0], thing->tag[1]);
}

static int called(sd_bus_message *call, void *data, sd_bus_error *error) {  // class or path is the second argument of each
    __attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
    const char *path;
    struct thing *thing = things;
    int r = 0;
    if (strcmp(sd_bus_message_get_sender(call), broker) != 0)
        return sd_bus_error_set(error, "org.cimbus1.Error.AccessDenied", "only the broker may call");
    if ((r = sd_bus_message_read(call, "ss", NULL, &path)) < 0 || (r = sd_bus_message_new_method_return(call, &reply)) < 0 ||
        (r = sd_bus_message_append(reply, "uu", 0, 0)) < 0 || (r = sd_bus_message_open_container(reply, 'a', "a{sv}")) < 0) return r;
    while (thing->path && strcmp(thing->path, path) != 0) thing++;
    if (sd_bus_message_is_method_call(call, NULL, "CreateInstanceEnumAsync"))
        for (thing = things; r >= 0 && thing->path; thing++) r = append(reply, thing);
    else if (!thing->path) return sd_bus_error_setf(error, "org.cimbus1.Error.NotFound", "there is no %s", path);
    else if (sd_bus_message_is_method_call(call, NULL, "GetObjectAsync")) r = append(reply, thing);
    else {  // Resize; beside its one in parameter there are __CLASS and the like
        uint32_t before = thing->size;
        const char *name;
        if ((r = sd_bus_message_skip(call, "sia{sv}")) < 0 || (r = sd_bus_message_enter_container(call, 'a', "{sv}")) < 0) return r;
        while ((r = sd_bus_message_enter_container(call, 'e', "sv")) > 0) {
            if ((r = sd_bus_message_read(call, "s", &name)) >= 0)
                r = strcmp(name, "Size") == 0 ? sd_bus_message_read(call, "v", "u", &thing->size) : sd_bus_message_skip(call, "v");
            if (r < 0 || (r = sd_bus_message_exit_container(call)) < 0) return r;
        }
        if (r >= 0) r = sd_bus_message_append(reply, "a{sv}", 2, "ReturnValue", "u", 0, "Before", "u", before);
    }
    return r < 0 || (r = sd_bus_message_close_container(reply)) < 0 ? r : sd_bus_send(NULL, reply, NULL);
}
static const sd_bus_vtable vtable[] = {SD_BUS_VTABLE_START(0),
    SD_BUS_METHOD("CreateInstanceEnumAsync", "ssia{sv}o", "uuaa{sv}", called, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("GetObjectAsync", "ssia{sv}o", "uuaa{sv}", called, SD_BUS_VTABLE_UNPRIVILEGED),
    SD_BUS_METHOD("ExecMethodAsync", "sssia{sv}a{sv}o", "uuaa{sv}", called, SD_BUS_VTABLE_UNPRIVILEGED), SD_BUS_VTABLE_END};

static int owner_changed(sd_bus_message *signal, void *bus, sd_bus_error *ignored) {  // at the start, too
    __attribute__((cleanup(sd_bus_error_free))) sd_bus_error error = SD_BUS_ERROR_NULL;
    __attribute__((cleanup(sd_bus_message_unrefp))) sd_bus_message *reply = NULL;
    if (sd_bus_call_method(bus, "org.cimbus1", "/org/cimbus1", "org.cimbus1.DecoupledRegistrar", "Register", &error, &reply, "ia{sv}sssso",
            0, 1, "MOF", "s", mof, "", "", "", "PolyglotSdBus", "/thing") < 0)  // no broker yet, or it refused
        return printf("not registered: %s: %s\n", error.name, error.message), fflush(stdout);
    snprintf(broker, sizeof broker, "%s", sd_bus_message_get_sender(reply));
    return puts("registered"), fflush(stdout);
}

int main(void) {
    sd_bus *bus;
    if (sd_bus_open_user(&bus) < 0 || sd_bus_add_object_vtable(bus, NULL, "/thing", "org.cimbus1.Provider", vtable, NULL) < 0 ||
        sd_bus_add_match(bus, NULL, "type='signal',member='NameOwnerChanged',arg0='org.cimbus1'", owner_changed, bus) < 0) return 1;
    owner_changed(NULL, bus, NULL);
    for (int r; (r = sd_bus_process(bus, NULL)) >= 0;) if (r == 0) sd_bus_wait(bus, UINT64_MAX);
}
