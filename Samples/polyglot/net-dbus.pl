#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# A provider with Net::DBus. Values have no types: the class says what a text is. A handler dies of its error.
package Provider;
use strict;
use warnings;
use Net::DBus::Exporter qw(org.cimbus1.Provider);
use base qw(Net::DBus::Object);

my $in = ["string", "string", "int32", ["dict", "string", ["variant"]], "objectpath"];
my $out = ["uint32", "uint32", ["array", ["dict", "string", ["variant"]]]];
dbus_method("CreateInstanceEnumAsync", $in, $out);
dbus_method("GetObjectAsync", $in, $out);
dbus_method("ExecMethodAsync", ["string", @$in[0 .. 3], @$in[3, 4]], $out);

my %things = (bolt => [1, 1, ["small", "metal"]], nut => [2, 0, []], washer => [3, 1, ["flat"]]);

sub thing {
    my ($name) = @_;
    my $thing = $things{$name}
        or die Net::DBus::Error->new(name => "org.cimbus1.Error.NotFound", message => "there is no thing $name");
    my ($size, $active, $tags) = @$thing;
    return {
        __CLASS => "Polyglot_Perl", Name => $name, Size => $size, Active => $active, Since => "20260101120000.000000+000", Tags => $tags,
    };
}

sub CreateInstanceEnumAsync { return (0, 0, [map { thing($_) } sort keys %things]); }

sub GetObjectAsync {
    my ($self, $namespace, $path) = @_;
    return (0, 0, [thing((split /"/, $path)[1])]);    # Polyglot_Perl.Name="bolt"
}

sub ExecMethodAsync {
    my ($self, $namespace, $path, $method, $flags, $ctx, $parameters) = @_;
    my $name = (split /"/, $path)[1];
    my $before = thing($name)->{Size};
    $things{$name}[0] = $parameters->{Size};
    return (0, 0, [{ReturnValue => 0, Before => $before}]);
}

package main;
use Net::DBus;
use Net::DBus::Reactor;

my $mof = '[dynamic, provider("PolyglotPerl")] class Polyglot_Perl {
    [key] string Name; uint32 Size; boolean Active; datetime Since; string Tags[];
    [implemented] uint32 Resize([in] uint32 Size, [out] uint32 Before);
};';
my $bus = Net::DBus->session;
my $provider = Provider->new($bus->export_service, "/thing");

sub owner_changed {
    my ($name, $old, $owner) = @_;
    return if $name ne "org.cimbus1" || !$owner;
    my $registrar = $bus->get_service($name)->get_object("/org/cimbus1", "org.cimbus1.DecoupledRegistrar");
    print "registered ", $registrar->Register(0, {MOF => $mof}, "", "", "", "PolyglotPerl", "/thing"), "\n";
}

$| = 1;
$bus->get_bus_object->connect_to_signal("NameOwnerChanged", \&owner_changed);
owner_changed("org.cimbus1", "", $bus->get_service_owner("org.cimbus1"));
Net::DBus::Reactor->main->run;
