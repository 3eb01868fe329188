// A provider names these types in its own code; it need not import where they come from.
@_exported import CIM

@_exported import struct CIMBusWire.OperationFlags
@_exported import enum DBus.BusAddress
@_exported import struct DBus.WellKnownName
