# SPDX-License-Identifier: Apache-2.0
"""cimbus-varlink under systemd (see `inside`): the sockets of root and of a user start it, and each serves its own user and root."""

import pwd

CLIENT = """
import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(20)
s.connect(sys.argv[1])
s.sendall(b'{"method":"io.cimbus.CIM.Describe","parameters":{"class":"__NAMESPACE"}}' + bytes(1))
print(s.recv(100000).decode())
"""
SOCKET = "cimbus/io.cimbus.CIM"
LINK = "varlink/registry/io.cimbus.CIM"


def test_varlink(run, expect):
    def ask(path, user=None):
        return run("/usr/bin/python3", "-c", CLIENT, path, user=user)

    def serves(answer):
        return answer.returncode == 0 and '"name":"__NAMESPACE"' in answer.stdout

    run("systemctl", "start", "cimbus-varlink.socket", check=True)
    answer = ask(f"/run/{SOCKET}")
    expect("the first call at root's varlink socket starts the service, which answers", serves(answer), answer.stdout)
    expect("it is linked where varlinkctl looks", serves(ask(f"/run/{LINK}")))
    refused = ask(f"/run/{SOCKET}", user="nobody")
    expect("nobody but root reaches root's varlink socket", "PermissionError" in refused.stdout, refused.stdout)

    run("useradd", "--create-home", "dora", check=True)
    entry = pwd.getpwnam("dora")
    folder = f"/run/user/{entry.pw_uid}"
    run("systemctl", "start", f"user@{entry.pw_uid}.service", timeout=60)
    started = run("env", f"XDG_RUNTIME_DIR={folder}", "systemctl", "--user", "start", "cimbus-varlink.socket", user="dora")
    expect("a user starts a varlink socket of their own", started.returncode == 0, started.stdout)
    answer = ask(f"{folder}/{SOCKET}", user="dora")
    expect("it answers its user, with the rights of that user", serves(answer), answer.stdout)
    expect("it is linked where varlinkctl --user looks", serves(ask(f"{folder}/{LINK}", user="dora")))
    expect("root reaches it, too", serves(ask(f"{folder}/{SOCKET}")))
    run("chmod", "0777", folder, f"{folder}/cimbus", f"{folder}/{SOCKET}", check=True)
    refused = ask(f"{folder}/{SOCKET}", user="nobody")
    expect("whatever the mode of its file, it serves nobody else", "PermissionDenied" in refused.stdout, refused.stdout)
    run("systemctl", "stop", f"user@{entry.pw_uid}.service", timeout=60)
