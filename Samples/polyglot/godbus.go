// SPDX-License-Identifier: Apache-2.0

// A provider with godbus. Go's types are D-Bus's. Each call runs in a goroutine of its own, so what they share has a lock.
package main

import (
	"fmt"
	"sync"

	"github.com/godbus/dbus/v5"
)

const mof = `[dynamic, provider("PolyglotGodbus")] class Polyglot_Godbus {
    [key] string Name; uint32 Size; boolean Active; datetime Since; string Tags[];
    [implemented] uint32 Resize([in] uint32 Size, [out] uint32 Before);
};`

type object = map[string]dbus.Variant
type provider struct{}

var lock, sizes = new(sync.Mutex), map[string]uint32{"bolt": 1, "nut": 2, "washer": 3}
var tags = map[string][]string{"bolt": {"small", "metal"}, "washer": {"flat"}}

// serve replies with hresult and references 0, and what result makes of the thing at the path, or, for a class, of each.
func serve(path string, result func(name string) object) (hresult, references uint32, objects []object, failure *dbus.Error) {
	lock.Lock()
	defer lock.Unlock()
	for name := range sizes {
		if path == "Polyglot_Godbus" || path == `Polyglot_Godbus.Name="`+name+`"` {
			objects = append(objects, result(name))
		}
	}
	if len(objects) == 0 {
		return 0, 0, nil, dbus.NewError("org.cimbus1.Error.NotFound", []interface{}{"there is no " + path})
	}
	return 0, 0, objects, nil
}

func thing(name string) object {
	return object{"__CLASS": dbus.MakeVariant("Polyglot_Godbus"), "Name": dbus.MakeVariant(name), "Size": dbus.MakeVariant(sizes[name]),
		"Active": dbus.MakeVariant(name != "nut"), "Since": dbus.MakeVariant("20260101120000.000000+000"), "Tags": dbus.MakeVariant(tags[name])}
}

func (provider) CreateInstanceEnumAsync(ns, class string, flags int32, ctx object, sink dbus.ObjectPath) (uint32, uint32, []object, *dbus.Error) {
	return serve(class, thing)
}

func (provider) GetObjectAsync(ns, path string, flags int32, ctx object, sink dbus.ObjectPath) (uint32, uint32, []object, *dbus.Error) {
	return serve(path, thing)
}

func (provider) ExecMethodAsync(ns, path, method string, flags int32, ctx, in object, sink dbus.ObjectPath) (uint32, uint32, []object, *dbus.Error) {
	return serve(path, func(name string) object {
		before := dbus.MakeVariant(sizes[name])
		sizes[name], _ = in["Size"].Value().(uint32)
		return object{"ReturnValue": dbus.MakeVariant(uint32(0)), "Before": before}
	})
}

func main() {
	bus, err := dbus.ConnectSessionBus()
	if err != nil {
		panic(err)
	}
	changes := make(chan *dbus.Signal, 8)
	bus.Signal(changes)
	bus.AddMatchSignal(dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchOption("arg0", "org.cimbus1"))
	bus.Export(provider{}, "/thing", "org.cimbus1.Provider")
	for ; ; <-changes { // now, and whenever the broker comes or goes
		call := bus.Object("org.cimbus1", "/org/cimbus1").Call("org.cimbus1.DecoupledRegistrar.Register", 0, int32(0),
			object{"MOF": dbus.MakeVariant(mof)}, "", "", "", "PolyglotGodbus", dbus.ObjectPath("/thing"))
		refusal, _ := call.Err.(dbus.Error) // without a name where there is no broker yet
		fmt.Println("registered:", call.Err == nil, refusal.Name, call.Err, call.Body)
	}
}
