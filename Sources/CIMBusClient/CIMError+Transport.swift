import CIM
import CIMBusWire
import DBus

extension CIMError {
    /// What a failed call means to a client. The loss of the bus itself is FatalTransportError. The contract's table says what every other
    /// failure is.
    init(transport error: DBusError) {
        if error.code == .disconnected {
            self.init(.fatalTransportError, "the connection to the bus ended: \(error.message)", cause: error)
        } else {
            self.init(error)
        }
    }

    /// A failure to read what the broker sent. Bytes that do not mean what the contract says are the broker's fault.
    init(undecodable error: any Error, what: String) {
        switch error {
        case let error as CIMError: self = error
        case let error as DBusError: self.init(transport: error)
        case let fault as ObjectFault: self.init(fault.status, "\(what): \(fault)", cause: fault)
        default: self.init(.transportFailure, "\(what) cannot be read: \(error)")
        }
    }
}

extension CIMError {
    /// The name of the provider at fault; nil when the failing side named none (Semantics B.3.1).
    public var providerName: String? { extendedStatus?["ProviderName"]?.stringValue }

    /// The process of the provider at fault; nil when the failing side named none.
    public var providerProcessID: UInt32? { extendedStatus?["ProviderProcessID"]?.uint64Value.flatMap { UInt32(exactly: $0) } }

    /// How many objects the operation had delivered when it failed.
    public var objectsDelivered: UInt64? { extendedStatus?["ObjectsDelivered"]?.uint64Value }
}
