// A provider names this type in its own code; it need not import where it comes from.
@_exported import struct CIMBusWire.OperationFlags
