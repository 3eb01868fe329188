#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# QtDBus answers a call with success and no result, where the type of the result was not registered.
#
# Checked with: Qt 5.15.8 of Debian 12.
# The packages are unpacked in a temporary folder. The C++ compiler, dbus-daemon and busctl are those of the system.
# One would guess: a slot whose type D-Bus does not know is not exported, registerObject says that it failed, or the caller gets an error.
# What happens: registerObject is true and the slot is called. The caller gets a reply that says success and has no argument, though the slot
#   has returned something; a line on the standard error of the service says "Invalid return type". Introspect does not list the slot.
# What it means: qDBusRegisterMetaType of each type of one's own, before the first call, and a test that looks at the answer.
# Seen: () to gdbus; "Invalid return type in method "All"" in the service; ([{'Name': <'first'>}],) once registered
#
# usage: findings/qtdbus-answers-with-nothing-where-a-type-is-not-registered.sh
# exit status 0: as described; 1: not any more; 2: what it needs cannot be had here
set -euo pipefail
pins="qtbase5-dev=5.15.8+dfsg-11+deb12u3 qtbase5-dev-tools=5.15.8+dfsg-11+deb12u3 libqt5core5a=5.15.8+dfsg-11+deb12u3
    libqt5dbus5=5.15.8+dfsg-11+deb12u3 libicu72=72.1-3+deb12u1 libpcre2-16-0=10.42-1+deb12u2 libdouble-conversion3=3.2.1-1
    libdbus-1-3=1.14.10-1~deb12u1 libglib2.0-0=2.74.6-2+deb12u9 libglib2.0-bin=2.74.6-2+deb12u9"
type apt-get c++ pkg-config dbus-run-session busctl > /dev/null || exit 2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
apt-get download -qq $pins 2> log || { echo "not to be had here: $pins"; cat log; exit 2; }
for package in *.deb; do dpkg-deb -x "$package" root; done
cat > service.cpp <<'CPP'
#include <QtCore>
#include <QtDBus>
using Rows = QList<QVariantMap>;
Q_DECLARE_METATYPE(Rows)

class Table : public QObject {
    Q_OBJECT
    Q_CLASSINFO("D-Bus Interface", "org.example.Table")
public slots:
    Rows All() { return {{{"Name", "first"}}}; }
    int Count() { return 1; }
};
#include "service.moc"

int main(int argc, char **argv) {
    QCoreApplication application(argc, argv);
    Table table;
    auto bus = QDBusConnection::sessionBus();
    if (argc > 1) qDBusRegisterMetaType<Rows>();
    if (!bus.registerObject("/table", &table, QDBusConnection::ExportAllSlots)) return 1;
    return bus.registerService("org.example.Table") ? application.exec() : 1;
}
CPP
cat > test <<'SHELL'
LIB=$(echo "$PWD"/root/usr/lib/*-linux-gnu)
PATH=$PWD/root/usr/bin:$PATH
export LD_LIBRARY_PATH=$LIB PKG_CONFIG_SYSROOT_DIR=$PWD/root PKG_CONFIG_LIBDIR=$LIB/pkgconfig
root/usr/lib/qt5/bin/moc service.cpp -o service.moc
c++ -std=c++17 -fPIC -I. -o service service.cpp $(pkg-config --cflags --libs Qt5DBus)
./service > out 2>&1 & service=$!
trap 'kill $service' EXIT
for _ in $(seq 400); do ! busctl --user list --no-legend | grep -q "^org.example.Table " || break; sleep 0.05; done
call() { busctl --user --timeout=2 call org.example.Table "$@" 2>&1 || true; }

count=$(gdbus call --session -d org.example.Table -o /table -m org.example.Table.Count)
all=$(gdbus call --session -d org.example.Table -o /table -m org.example.Table.All)
listed=$(gdbus introspect --session -d org.example.Table -o /table)
kill $service; wait $service 2>/dev/null || true
./service registered & service=$!
for _ in $(seq 400); do ! busctl --user list --no-legend | grep -q "^org.example.Table .*service" || break; sleep 0.05; done
known=$(gdbus call --session -d org.example.Table -o /table -m org.example.Table.All)
printf '%s\n' "Count: $count" "All: $all; the service says: $(cat out)" "All, registered: $known"
[ "$count" = "(1,)" ] && [ "$all" = "()" ] && [[ $known == *first* && $listed == *Count* && $listed != *" All("* ]]
SHELL
dbus-run-session -- bash test || { echo "this is not as described any more"; exit 1; }
