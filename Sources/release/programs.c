// SPDX-License-Identifier: Apache-2.0
// All programs of a release in one file: which of them runs is said by the name by which it is called. See Docs/Decisions/0013-weight.md.
#include <string.h>

// SwiftPM gives the main function of an executable target this name.
int cimbusd_main(int argc, char **argv);
int cimctl_main(int argc, char **argv);
int cimbus_adopter_main(int argc, char **argv);
int cimbus_varlink_main(int argc, char **argv);

int main(int argc, char **argv) {
    const char *path = argc > 0 ? argv[0] : "";
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    if (strcmp(name, "cimctl") == 0) return cimctl_main(argc, argv);
    if (strcmp(name, "cimbus-adopter") == 0) return cimbus_adopter_main(argc, argv);
    if (strcmp(name, "cimbus-varlink") == 0) return cimbus_varlink_main(argc, argv);
    return cimbusd_main(argc, argv);
}
