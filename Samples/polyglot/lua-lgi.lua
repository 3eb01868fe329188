#!/usr/bin/lua5.3
-- SPDX-License-Identifier: Apache-2.0
-- A provider in Lua with lgi. The handler runs in pcall: an error that leaves it is no answer.
local lgi = require("lgi")
local Gio, GLib, GObject = lgi.Gio, lgi.GLib, lgi.GObject

local MOF = [=[[dynamic, provider("PolyglotLua")] class Polyglot_Lua {
    [key] string Name; uint32 Size; boolean Active; datetime Since; string Tags[];
    [implemented] uint32 Resize([in] uint32 Size, [out] uint32 Before);
};]=]
local REPLY = '<arg type="u" direction="out"/><arg type="u" direction="out"/><arg type="aa{sv}" direction="out"/></method>'
local PROVIDER = '<node><interface name="org.cimbus1.Provider">' ..
    '<method name="CreateInstanceEnumAsync"><arg type="s"/><arg type="s"/><arg type="i"/><arg type="a{sv}"/><arg type="o"/>' .. REPLY ..
    '<method name="GetObjectAsync"><arg type="s"/><arg type="s"/><arg type="i"/><arg type="a{sv}"/><arg type="o"/>' .. REPLY ..
    '<method name="ExecMethodAsync"><arg type="s"/><arg type="s"/><arg type="s"/><arg type="i"/><arg type="a{sv}"/><arg type="a{sv}"/>' ..
    '<arg type="o"/>' .. REPLY .. '</interface></node>'
local things = { bolt = { 1, true, { "small", "metal" } }, nut = { 2, false, {} }, washer = { 3, true, { "flat" } } }
local broker

local function thing(path)
    local name = path:match('^Polyglot_Lua%.Name="(.*)"$')
    local found = things[name] or error({ name = "org.cimbus1.Error.NotFound", text = "there is no " .. path })
    return {
        __CLASS = GLib.Variant("s", "Polyglot_Lua"), Name = GLib.Variant("s", name), Size = GLib.Variant("u", found[1]),
        Active = GLib.Variant("b", found[2]), Since = GLib.Variant("s", "20260101120000.000000+000"), Tags = GLib.Variant("as", found[3]),
    }, found
end

local methods = {}
function methods.CreateInstanceEnumAsync()
    local objects = {}
    for name in pairs(things) do table.insert(objects, (thing('Polyglot_Lua.Name="' .. name .. '"'))) end
    return objects
end

function methods.GetObjectAsync(_, path) return { (thing(path)) } end

function methods.ExecMethodAsync(_, path, _, _, _, parameters)
    local before, found = thing(path)
    found[1] = parameters.Size
    return { { ReturnValue = GLib.Variant("u", 0), Before = before.Size } }
end

local function called(_, sender, _, _, method, arguments, invocation)
    local fine, result = pcall(function()
        if sender ~= broker then error({ name = "org.cimbus1.Error.AccessDenied", text = "only the broker may call" }) end
        return GLib.Variant("(uuaa{sv})", { 0, 0, methods[method](table.unpack(arguments.value)) })
    end)
    if fine then
        invocation:return_value(result)
    elseif type(result) == "table" then
        invocation:return_dbus_error(result.name, result.text)
    else
        invocation:return_dbus_error("org.cimbus1.Error.Failed", tostring(result))
    end
end

local function appeared(bus, _, owner) -- now, and whenever the broker comes back
    broker = owner
    local call = GLib.Variant("(ia{sv}sssso)", { 0, { MOF = GLib.Variant("s", MOF) }, "", "", "", "PolyglotLua", "/thing" })
    bus:call(owner, "/org/cimbus1", "org.cimbus1.DecoupledRegistrar", "Register", call, nil, {}, -1, nil, function(_, result)
        local reply, problem = bus:call_finish(result); print(reply and "registered" or "not registered", reply or problem)
        io.flush()
    end)
end

local bus = Gio.bus_get_sync(Gio.BusType.SESSION)
local interface = Gio.DBusNodeInfo.new_for_xml(PROVIDER).interfaces[1]
bus:register_object("/thing", interface, GObject.Closure(called))
Gio.bus_watch_name_on_connection(bus, "org.cimbus1", {}, GObject.Closure(appeared))
GLib.MainLoop():run()
