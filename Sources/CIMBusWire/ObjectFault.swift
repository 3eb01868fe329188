import CIM
import DBus

/// What is wrong with an object on the wire, in words that name the property.
///
/// The fault is that of the peer that sent the object, a provider or a client. Where this side wrote the object, it is that of the code
/// that made its values. ``Kind/outOfMemory`` is the machine's.
public struct ObjectFault: Error, Hashable, Sendable, CustomStringConvertible {
    public enum Kind: Hashable, Sendable {
        /// It does not fit its class, or no class could have it: InvalidObject.
        case misfit
        /// It is another object than the one that was asked for: ProviderFailure.
        case wrongInstance
        /// It is larger than an object, a batch or a message may be: QuotaViolation for who sent it; for the client whose result it is see
        /// ``resultStatus``.
        case tooLarge
        /// It is nested deeper than a message may be: QuotaViolation.
        case tooDeep
        /// Whoever asked for it may not see it: AccessDenied.
        case denied
        /// This side had no memory to read or to write it: OutOfMemory (R15). It says nothing about the object.
        case outOfMemory
    }

    public var kind: Kind
    public var description: String

    /// - Parameter description: cut to what an error message can hold, and made one line: it names what a peer sent.
    public init(_ description: String, kind: Kind = .misfit) {
        self.kind = kind
        let line = description.oneLine
        self.description = line.utf8.count <= 1024 ? line : String(line.unicodeScalars.prefix(800)) + "…"
    }

    public var status: WBEMStatus {
        switch kind {
        case .misfit: .invalidObject
        case .wrongInstance: .providerFailure
        case .tooLarge, .tooDeep: .quotaViolation
        case .denied: .accessDenied
        case .outOfMemory: .outOfMemory
        }
    }

    /// The status of an operation whose result it is: one that is refused for its size is OutOfMemory (R15).
    public var resultStatus: WBEMStatus { kind == .tooLarge ? .outOfMemory : status }

    /// Whether it is only the size, or the moment, that was wrong: who sent it may send less, or send it again.
    public var changesNothing: Bool {
        switch kind {
        case .tooLarge, .tooDeep, .outOfMemory: true
        case .misfit, .wrongInstance, .denied: false
        }
    }

    /// What reading or writing an object on the wire threw.
    public init(_ error: any Error) {
        switch error {
        case let fault as ObjectFault: self = fault
        case let error as DBusEncodingError:
            let kind: Kind =
                switch error.code {
                case .arrayTooLong, .tooLarge: .tooLarge
                case .outOfMemory: .outOfMemory
                case .tooDeep: .tooDeep
                case .stringWithNUL, .typeMismatch, .unixFD, .misalignedBlock: .misfit
                }
            self.init("\(error)", kind: kind)
        case let error as DBusDecodingError: self.init("\(error)", kind: error.code == .outOfMemory ? .outOfMemory : .misfit)
        default: self.init("\(error)")
        }
    }
}
