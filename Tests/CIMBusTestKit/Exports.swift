// A test names the types of both libraries; it need not import where they come from.
@_exported import CIMBusClient
@_exported import CIMBusProvider
