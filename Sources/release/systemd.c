// SPDX-License-Identifier: Apache-2.0
// What libdbus asks libsystemd for, where libdbus listens at the address "systemd:". CIMBus only ever connects. See Docs/Decisions/0013-weight.md.
int sd_listen_fds(int unset_environment);
int sd_is_socket(int fd, int family, int type, int listening);

/// The sockets that systemd has opened for this process: none.
int sd_listen_fds(int unset_environment) {
    (void)unset_environment;
    return 0;
}

/// Whether a descriptor is such a socket: no.
int sd_is_socket(int fd, int family, int type, int listening) {
    (void)fd, (void)family, (void)type, (void)listening;
    return 0;
}
