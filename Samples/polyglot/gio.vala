// SPDX-License-Identifier: Apache-2.0
// A provider in Vala: valac --pkg gio-2.0 gio.vala. The class is the interface, and an errordomain has its errors.
const string MOF = """[dynamic, provider("PolyglotVala")] class Polyglot_Vala {
    [key] string Name; uint32 Size; boolean Active; datetime Since; string Tags[];
    [implemented] uint32 Resize([in] uint32 Size, [out] uint32 Before);
};""";

[DBus (name = "org.cimbus1.Error")]
public errordomain ProviderError { NOT_FOUND, ACCESS_DENIED }

[DBus (name = "org.cimbus1.Provider")]
public class Provider : Object {
    internal string? broker;
    private HashTable<string, uint> sizes = new HashTable<string, uint> (str_hash, str_equal);

    construct { sizes["bolt"] = 1; sizes["nut"] = 2; sizes["washer"] = 3; }

    private HashTable<string, Variant> thing (string name, BusName sender) throws ProviderError {
        if (sender != broker) throw new ProviderError.ACCESS_DENIED ("only the broker may call");
        if (!(name in sizes)) throw new ProviderError.NOT_FOUND (@"there is no thing $name");
        var thing = new HashTable<string, Variant> (str_hash, str_equal);
        string[] tags = name == "bolt" ? new string[] { "small", "metal" } : name == "nut" ? new string[] {} : new string[] { "flat" };
        thing["__CLASS"] = "Polyglot_Vala";
        thing["Name"] = name;
        thing["Size"] = sizes[name];
        thing["Active"] = name != "nut";
        thing["Since"] = "20260101120000.000000+000";
        thing["Tags"] = tags;
        return thing;
    }

    public void create_instance_enum_async (string space, string name, int flags, HashTable<string, Variant> ctx, ObjectPath sink,
            BusName sender, out uint hresult, out uint references, out HashTable<string, Variant>[] objects) throws Error {
        hresult = references = 0;
        objects = { thing ("bolt", sender), thing ("nut", sender), thing ("washer", sender) };
    }

    public void get_object_async (string space, string path, int flags, HashTable<string, Variant> ctx, ObjectPath sink,
            BusName sender, out uint hresult, out uint references, out HashTable<string, Variant>[] objects) throws Error {
        hresult = references = 0;
        objects = { thing (path.split ("\"")[1], sender) };  // Polyglot_Vala.Name="bolt"
    }

    public void exec_method_async (string space, string path, string method, int flags, HashTable<string, Variant> ctx,
            HashTable<string, Variant> parameters, ObjectPath sink, BusName sender, out uint hresult, out uint references,
            out HashTable<string, Variant>[] objects) throws Error {
        hresult = references = 0;
        objects = { new HashTable<string, Variant> (str_hash, str_equal) };
        objects[0]["ReturnValue"] = (uint) 0;
        objects[0]["Before"] = thing (path.split ("\"")[1], sender)["Size"];
        sizes[path.split ("\"")[1]] = (uint) parameters["Size"];
    }
}

void main () {
    var provider = new Provider ();
    Bus.watch_name (BusType.SESSION, "org.cimbus1", BusNameWatcherFlags.NONE, (bus, name, owner) => {  // and whenever it comes back
        try {
            if (provider.broker == null) bus.register_object ("/thing", provider);
            provider.broker = owner;
            bus.call_sync (owner, "/org/cimbus1", "org.cimbus1.DecoupledRegistrar", "Register", new Variant.parsed (
                "(0, {'MOF': <%s>}, '', '', '', 'PolyglotVala', objectpath '/thing')", MOF), null, DBusCallFlags.NONE, -1);
            stderr.puts ("registered\n");
        } catch (Error error) {
            critical (error.message);
        }
    });
    new MainLoop ().run ();
}
