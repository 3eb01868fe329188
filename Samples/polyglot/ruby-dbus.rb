#!/usr/bin/ruby
# SPDX-License-Identifier: Apache-2.0
# A provider with ruby-dbus. A list says its type, for a list of two might be taken for a type and its value; what is raised is an error reply.
require "dbus"

MOF = '[dynamic, provider("PolyglotRuby")] class Polyglot_Ruby {
    [key] string Name; uint32 Size; boolean Active; datetime Since; string Tags[];
    [implemented] uint32 Resize([in] uint32 Size, [out] uint32 Before);
};'
THINGS = { "bolt" => [1, true, %w[small metal]], "nut" => [2, false, []], "washer" => [3, true, %w[flat]] }

# The contract, at one path.
class Provider < DBus::Object
  REPLY = "out hresult:u, out references:u, out objects:aa{sv}"

  def thing(name)
    size, active, tags = THINGS.fetch(name) { raise DBus.error("org.cimbus1.Error.NotFound"), "there is no thing #{name}" }
    { "__CLASS" => "Polyglot_Ruby", "Name" => name, "Size" => size, "Active" => active,
      "Since" => "20260101120000.000000+000", "Tags" => ["as", tags] }
  end

  dbus_interface "org.cimbus1.Provider" do
    dbus_method :CreateInstanceEnumAsync, "in namespace:s, in class:s, in flags:i, in ctx:a{sv}, in sink:o, #{REPLY}" do |*|
      [0, 0, THINGS.keys.map { |name| thing(name) }]
    end

    dbus_method :GetObjectAsync, "in namespace:s, in path:s, in flags:i, in ctx:a{sv}, in sink:o, #{REPLY}" do |_, path, *|
      [0, 0, [thing(path.split('"')[1])]] # Polyglot_Ruby.Name="bolt"
    end

    dbus_method :ExecMethodAsync, "in namespace:s, in path:s, in method:s, in flags:i, in ctx:a{sv}, in parameters:a{sv}, in sink:o, " +
                                  REPLY do |_, path, _, _, _, parameters, _|
      name = path.split('"')[1]
      before = thing(name)["Size"]
      THINGS[name][0] = parameters["Size"]
      [0, 0, [{ "ReturnValue" => 0, "Before" => before }]]
    end
  end
end

bus = DBus.session_bus
bus.request_service("org.cimbus1.polyglot.Ruby").export(Provider.new("/thing")) # it exports under a name of its own only
register = lambda do
  registrar = bus.service("org.cimbus1").object("/org/cimbus1")["org.cimbus1.DecoupledRegistrar"]
  puts "registered #{registrar.Register(0, { "MOF" => MOF }, "", "", "", "PolyglotRuby", "/thing")}"
end
$stdout.sync = true
changes = DBus::MatchRule.new.from_s("type='signal',interface='org.freedesktop.DBus',member='NameOwnerChanged'")
bus.add_match(changes) { |signal| register.call if signal.params[0] == "org.cimbus1" && signal.params[2] != "" }
register.call if bus.service("org.cimbus1").exists?
main = DBus::Main.new
main << bus
main.run
