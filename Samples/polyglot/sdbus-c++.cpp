// SPDX-License-Identifier: Apache-2.0
// A provider with sdbus-c++ 1: c++ -std=c++17 sdbus-c++.cpp $(pkg-config --cflags --libs sdbus-c++). The lambda's types are the
// signature; a thrown sdbus::Error is the error reply.
#include <iostream>
#include <map>
#include <sdbus-c++/sdbus-c++.h>

const char *mof = R"([dynamic, provider("PolyglotSdbusCpp")] class Polyglot_SdbusCpp {
    [key] string Name; uint32 Size; boolean Active; datetime Since; string Tags[];
    [implemented] uint32 Resize([in] uint32 Size, [out] uint32 Before);
};)";
using Object = std::map<std::string, sdbus::Variant>;
using Reply = std::tuple<uint32_t, uint32_t, std::vector<Object>>;
struct Thing { uint32_t size; bool active; std::vector<std::string> tags; };
std::map<std::string, Thing> things{{"bolt", {1, true, {"small", "metal"}}}, {"nut", {2, false, {}}}, {"washer", {3, true, {"flat"}}}};
std::string broker;

std::string key(const sdbus::Message *call, const std::string &path) {  // Polyglot_SdbusCpp.Name="bolt"
    if (call->getSender() != broker) throw sdbus::Error("org.cimbus1.Error.AccessDenied", "only the broker may call");
    auto begin = path.find('"');
    return begin == path.npos ? "" : path.substr(begin + 1, path.size() - begin - 2);
}

Object object(const std::string &name) {
    auto found = things.find(name);
    if (found == things.end()) throw sdbus::Error("org.cimbus1.Error.NotFound", "there is no thing " + name);
    const auto &[size, active, tags] = found->second;
    return {{"__CLASS", std::string("Polyglot_SdbusCpp")}, {"Name", name}, {"Size", size}, {"Active", active},
        {"Since", std::string("20260101120000.000000+000")}, {"Tags", tags}};
}

int main() {
    auto bus = sdbus::createSessionBusConnection();
    auto provider = sdbus::createObject(*bus, "/thing");
    provider->registerMethod("CreateInstanceEnumAsync").onInterface("org.cimbus1.Provider").implementedAs(
        [&](std::string, std::string name, int32_t, Object, sdbus::ObjectPath) {
            key(provider->getCurrentlyProcessedMessage(), name);
            return Reply{0, 0, {object("bolt"), object("nut"), object("washer")}};
        });
    provider->registerMethod("GetObjectAsync").onInterface("org.cimbus1.Provider").implementedAs(
        [&](std::string, std::string path, int32_t, Object, sdbus::ObjectPath) {
            return Reply{0, 0, {object(key(provider->getCurrentlyProcessedMessage(), path))}};
        });
    provider->registerMethod("ExecMethodAsync").onInterface("org.cimbus1.Provider").implementedAs(
        [&](std::string, std::string path, std::string, int32_t, Object, Object parameters, sdbus::ObjectPath) {
            auto name = key(provider->getCurrentlyProcessedMessage(), path);
            auto before = object(name)["Size"];
            things[name].size = parameters.at("Size").get<uint32_t>();
            return Reply{0, 0, {{{"ReturnValue", uint32_t(0)}, {"Before", before}}}};
        });
    provider->finishRegistration();
    auto daemon = sdbus::createProxy(*bus, "org.freedesktop.DBus", "/org/freedesktop/DBus");
    auto registrar = sdbus::createProxy(*bus, "org.cimbus1", "/org/cimbus1");
    auto registered = [&](const sdbus::Error *error, sdbus::ObjectPath path) {
        if (error) return void(std::cout << "not registered: " << error->getName() << ": " << error->getMessage() << std::endl);
        broker = registrar->getCurrentlyProcessedMessage()->getSender();
        std::cout << "registered " << path << std::endl;
    };
    auto owner_changed = [&](const std::string &name, const std::string &, const std::string &) {  // and once at the start
        if (name == "org.cimbus1")
            registrar->callMethodAsync("Register").onInterface("org.cimbus1.DecoupledRegistrar").withArguments(int32_t(0),
                Object{{"MOF", mof}}, "", "", "", "PolyglotSdbusCpp", sdbus::ObjectPath("/thing")).uponReplyInvoke(registered);
    };
    daemon->uponSignal("NameOwnerChanged").onInterface("org.freedesktop.DBus").call(owner_changed);
    daemon->finishRegistration();
    owner_changed("org.cimbus1", "", "");
    bus->enterEventLoop();
}
