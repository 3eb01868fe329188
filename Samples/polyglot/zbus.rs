// SPDX-License-Identifier: Apache-2.0
//! A provider with zbus 1. A handler has the errors of D-Bus's own list only: FileNotFound is NotFound.
use std::collections::HashMap;
use zbus::{dbus_interface, fdo, Connection, ObjectServer};
use zvariant::{ObjectPath, OwnedValue, Value};

const MOF: &str = r#"[dynamic, provider("PolyglotZbus")] class Polyglot_Zbus {
    [key] string Name; uint32 Size; boolean Active; datetime Since; string Tags[];
    [implemented] uint32 Resize([in] uint32 Size, [out] uint32 Before);
};"#;
type Object = HashMap<&'static str, Value<'static>>;
type Context = HashMap<String, OwnedValue>;

struct Thing { name: &'static str, size: u32, active: bool, tags: &'static [&'static str] }
struct Provider { things: Vec<Thing> }

impl Thing {
    fn object(&self) -> Object {
        let since = "20260101120000.000000+000";
        [("__CLASS", "Polyglot_Zbus".into()), ("Name", self.name.into()), ("Size", self.size.into()), ("Active", self.active.into()),
            ("Since", since.into()), ("Tags", self.tags.to_vec().into())].into_iter().collect()
    }
}

impl Provider {
    fn find(&mut self, path: &str) -> fdo::Result<&mut Thing> {
        let found = self.things.iter_mut().find(|thing| path == format!("Polyglot_Zbus.Name=\"{}\"", thing.name));
        found.ok_or_else(|| fdo::Error::FileNotFound(format!("there is no {}", path)))
    }
}

#[dbus_interface(name = "org.cimbus1.Provider")]
impl Provider {
    fn create_instance_enum_async(&self, _ns: &str, _name: &str, _flags: i32, _ctx: Context, _sink: ObjectPath)
        -> fdo::Result<(u32, u32, Vec<Object>)> {
        Ok((0, 0, self.things.iter().map(Thing::object).collect()))
    }

    fn get_object_async(&mut self, _ns: &str, path: &str, _flags: i32, _ctx: Context, _sink: ObjectPath)
        -> fdo::Result<(u32, u32, Vec<Object>)> {
        Ok((0, 0, vec![self.find(path)?.object()]))
    }

    fn exec_method_async(&mut self, _ns: &str, path: &str, _method: &str, _flags: i32, _ctx: Context, parameters: Context,
        _sink: ObjectPath) -> fdo::Result<(u32, u32, Vec<Object>)> {
        let thing = self.find(path)?;
        let size = parameters.get("Size").cloned().and_then(|size| size.try_into().ok());
        let before = std::mem::replace(&mut thing.size, size.ok_or_else(|| fdo::Error::InvalidArgs("Size is no uint32".into()))?);
        Ok((0, 0, vec![[("ReturnValue", 0u32.into()), ("Before", before.into())].into_iter().collect()]))
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bus = Connection::new_session()?;
    let mut server = ObjectServer::new(&bus);
    let path: ObjectPath = "/thing".try_into()?;
    server.at(&path, Provider { things: vec![Thing { name: "bolt", size: 1, active: true, tags: &["small", "metal"] },
        Thing { name: "nut", size: 2, active: false, tags: &[] }, Thing { name: "washer", size: 3, active: true, tags: &["flat"] }] })?;
    fdo::DBusProxy::new(&bus)?.add_match("type='signal',member='NameOwnerChanged',arg0='org.cimbus1'")?;
    loop {
        let context: HashMap<&str, Value> = [("MOF", MOF.into())].into_iter().collect();
        let reply = bus.call_method(Some("org.cimbus1"), "/org/cimbus1", Some("org.cimbus1.DecoupledRegistrar"), "Register",
            &(0i32, context, "", "", "", "PolyglotZbus", &path));
        match reply { Ok(_) => println!("registered"), Err(error) => println!("not registered: {error}") }  // no broker yet, or it refused
        while server.try_handle_next()?.is_none() {}  // what it does not handle says that the broker came or went
    }
}
