#!/usr/bin/gjs
// SPDX-License-Identifier: Apache-2.0
// A provider in GJS. An error that is thrown becomes the error reply: its name, where it has a dot, is the D-Bus error's.
const { Gio, GLib } = imports.gi;

const MOF = `[dynamic, provider("PolyglotGjs")] class Polyglot_Gjs {
    [key] string Name; uint32 Size; boolean Active; datetime Since; string Tags[];
    [implemented] uint32 Resize([in] uint32 Size, [out] uint32 Before);
};`;
const REPLY = '<arg type="u" direction="out"/><arg type="u" direction="out"/><arg type="aa{sv}" direction="out"/>';
const PROVIDER = `<node><interface name="org.cimbus1.Provider">
    <method name="CreateInstanceEnumAsync"><arg type="s"/><arg type="s"/><arg type="i"/><arg type="a{sv}"/><arg type="o"/>${REPLY}</method>
    <method name="GetObjectAsync"><arg type="s"/><arg type="s"/><arg type="i"/><arg type="a{sv}"/><arg type="o"/>${REPLY}</method>
    <method name="ExecMethodAsync"><arg type="s"/><arg type="s"/><arg type="s"/><arg type="i"/><arg type="a{sv}"/><arg type="a{sv}"/>
        <arg type="o"/>${REPLY}</method></interface></node>`;
const things = new Map([['bolt', [1, true, ['small', 'metal']]], ['nut', [2, false, []]], ['washer', [3, true, ['flat']]]]);

function thing(name) {
    if (!things.has(name))
        throw Object.assign(new Error(`there is no thing ${name}`), { name: 'org.cimbus1.Error.NotFound' });
    const [size, active, tags] = things.get(name);
    return {
        __CLASS: GLib.Variant.new_string('Polyglot_Gjs'), Name: GLib.Variant.new_string(name), Size: GLib.Variant.new_uint32(size),
        Active: GLib.Variant.new_boolean(active), Since: GLib.Variant.new_string('20260101120000.000000+000'),
        Tags: new GLib.Variant('as', tags),
    };
}

class Provider {
    CreateInstanceEnumAsync(_namespace, _name, _flags, _ctx, _sink) {
        return [0, 0, [...things.keys()].map(thing)];
    }

    GetObjectAsync(_namespace, path, _flags, _ctx, _sink) {
        return [0, 0, [thing(path.split('"')[1])]]; // Polyglot_Gjs.Name="bolt"
    }

    ExecMethodAsync(_namespace, path, _method, _flags, _ctx, parameters, _sink) {
        const name = path.split('"')[1];
        const before = thing(name).Size;
        things.get(name)[0] = parameters.Size.unpack();
        return [0, 0, [{ ReturnValue: GLib.Variant.new_uint32(0), Before: before }]];
    }
}

Gio.DBusExportedObject.wrapJSObject(PROVIDER, new Provider()).export(Gio.DBus.session, '/thing');
Gio.bus_watch_name(Gio.BusType.SESSION, 'org.cimbus1', Gio.BusNameWatcherFlags.NONE, (bus, _name, owner) => { // now, and when it comes back
    const call = new GLib.Variant('(ia{sv}sssso)', [0, { MOF: GLib.Variant.new_string(MOF) }, '', '', '', 'PolyglotGjs', '/thing']);
    bus.call(owner, '/org/cimbus1', 'org.cimbus1.DecoupledRegistrar', 'Register', call, null, Gio.DBusCallFlags.NONE, -1, null,
        (_, result) => print('registered', bus.call_finish(result).deepUnpack()));
}, null);
new GLib.MainLoop(null, false).run();
