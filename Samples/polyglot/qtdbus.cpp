// SPDX-License-Identifier: Apache-2.0
// A provider with Qt 5: moc, then c++ $(pkg-config --cflags --libs Qt5DBus). Public slots are the methods; results beyond the first are
// reference parameters. A list of maps is a type of its own, which is registered.
#include <QtCore>
#include <QtDBus>

using Objects = QList<QVariantMap>;
Q_DECLARE_METATYPE(Objects)
const char mof[] = R"([dynamic, provider("PolyglotQt")] class Polyglot_Qt {
    [key] string Name; uint32 Size; boolean Active; datetime Since; string Tags[];
    [implemented] uint32 Resize([in] uint32 Size, [out] uint32 Before);
};)";

class Provider : public QObject, protected QDBusContext {
    Q_OBJECT
    Q_CLASSINFO("D-Bus Interface", "org.cimbus1.Provider")
    QMap<QString, QVariantMap> things{{"bolt", thing("bolt", 1, true, {"small", "metal"})}, {"nut", thing("nut", 2, false, {})},
        {"washer", thing("washer", 3, true, {"flat"})}};

    static QVariantMap thing(QString name, uint size, bool active, QStringList tags) {
        return {{"__CLASS", "Polyglot_Qt"}, {"Name", name}, {"Size", size}, {"Active", active}, {"Tags", tags},
            {"Since", "20260101120000.000000+000"}};
    }

    QString find(const QString &path) {  // the key in Polyglot_Qt.Name="bolt", or nothing and an error reply
        auto name = path.section('"', 1, 1);
        if (message().service() != connection().interface()->serviceOwner("org.cimbus1"))
            sendErrorReply("org.cimbus1.Error.AccessDenied", "only the broker may call");
        else if (path.contains('"') && !things.contains(name)) sendErrorReply("org.cimbus1.Error.NotFound", "there is no thing " + name);
        return name;
    }

public slots:
    uint CreateInstanceEnumAsync(QString, QString name, int, QVariantMap, QDBusObjectPath, uint &references, Objects &objects) {
        find(name);
        references = 0;
        objects = things.values();
        return 0;
    }
    uint GetObjectAsync(QString, QString path, int, QVariantMap, QDBusObjectPath, uint &references, Objects &objects) {
        references = 0;
        objects = {things.value(find(path))};
        return 0;
    }
    uint ExecMethodAsync(QString, QString path, QString, int, QVariantMap, QVariantMap in, QDBusObjectPath, uint &references,
            Objects &objects) {
        auto name = find(path);
        references = 0;
        objects = {{{"ReturnValue", 0u}, {"Before", things.value(name).value("Size")}}};
        if (things.contains(name)) things[name]["Size"] = in["Size"].toUInt();
        return 0;
    }
};
#include "qtdbus.moc"

int main(int argc, char **argv) {
    QCoreApplication application(argc, argv);
    qDBusRegisterMetaType<Objects>();
    Provider provider;
    auto bus = QDBusConnection::sessionBus();
    bus.registerObject("/thing", &provider, QDBusConnection::ExportAllSlots);
    auto appeared = [&] {  // now, and whenever the broker comes back
        auto call = QDBusMessage::createMethodCall("org.cimbus1", "/org/cimbus1", "org.cimbus1.DecoupledRegistrar", "Register")
            << 0 << QVariantMap{{"MOF", mof}} << "" << "" << "" << "PolyglotQt" << QVariant::fromValue(QDBusObjectPath("/thing"));
        auto reply = bus.call(call);
        // An error: no broker is there yet, or it refused.
        QTextStream(stdout) << (reply.type() == QDBusMessage::ReplyMessage ? "registered" : reply.errorName() + ": " + reply.errorMessage()) << Qt::endl;
    };
    QDBusServiceWatcher watcher("org.cimbus1", bus, QDBusServiceWatcher::WatchForRegistration);
    QObject::connect(&watcher, &QDBusServiceWatcher::serviceRegistered, appeared);
    appeared();
    return application.exec();
}
