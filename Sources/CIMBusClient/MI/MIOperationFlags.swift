import CIM
import CIMBusWire

extension MI {
    /// How the results of one operation are to be (Semantics F.3). None is the default: acknowledged by itself, deep.
    public struct OperationFlags: OptionSet, Hashable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        /// Each result that a callback gets waits for its ``MI/Acknowledgement`` before the next comes. Without effect on pulls, which are
        /// acknowledged by the next one. What waits for more than 30 s while more is to come fails: ClientTooSlow (Design 3).
        public static let manualAcknowledgement = OperationFlags(rawValue: 0x1)

        /// Instances know their class by name. What an instance says always has its class's types, so that this and ``noRTTI`` give the same.
        public static let basicRTTI = OperationFlags(rawValue: 0x2)

        /// As ``standardRTTI``.
        public static let fullRTTI = OperationFlags(rawValue: 0x4)

        /// As ``basicRTTI``.
        public static let noRTTI = OperationFlags(rawValue: 0x400)

        /// Instances say what their class is derived from: `__SUPERCLASS`, `__DYNASTY`, `__DERIVATION`.
        public static let standardRTTI = OperationFlags(rawValue: 0x800)

        /// Qualifiers come in the session's language where there are such (WBEM_FLAG_USE_AMENDED_QUALIFIERS).
        public static let localizedQualifiers = OperationFlags(rawValue: 0x8)

        /// Accepted; here expensive properties come either way, as IWbemServices has no word for leaving them out.
        public static let expensiveProperties = OperationFlags(rawValue: 0x40)

        /// Exactly the class that was asked for, without its subclasses; of classes, the direct subclasses only.
        public static let shallow = OperationFlags(rawValue: 0x80)

        /// Instances of subclasses, too, but of the properties only those of the class that was asked for. Contains ``shallow``'s bit.
        public static let deepBasePropertiesOnly = OperationFlags(rawValue: 0x180)

        /// The first result is empty and says that the operation was sent.
        public static let reportOperationStarted = OperationFlags(rawValue: 0x200)
    }

    enum Polymorphism {
        case deep
        case shallow
        case deepBasePropertiesOnly
    }
}

extension MI.OperationFlags {
    private static let rtti: MI.OperationFlags = [.basicRTTI, .fullRTTI, .noRTTI, .standardRTTI]
    private static let polymorphismMask: MI.OperationFlags = .deepBasePropertiesOnly
    private static let known: MI.OperationFlags = [
        .manualAcknowledgement, rtti, .localizedQualifiers, .expensiveProperties, polymorphismMask, .reportOperationStarted,
    ]

    /// Throws InvalidParameter when there is more than one of a group, or a bit that means nothing.
    func check() throws(CIMError) {
        let unknown = subtracting(Self.known)
        guard unknown.isEmpty else {
            throw CIMError(.invalidParameter, "flags 0x\(String(unknown.rawValue, radix: 16)) are not MI_OPERATIONFLAGS")
        }
        guard intersection(Self.rtti).rawValue.nonzeroBitCount <= 1 else {
            throw CIMError(.invalidParameter, "more than one kind of run-time type information: give one")
        }
        guard rawValue & Self.polymorphismMask.rawValue != 0x100 else {
            throw CIMError(.invalidParameter, "flag 0x100 alone is no polymorphism: shallow is 0x80, deep with base properties only 0x180")
        }
    }

    /// By equality: the bits overlap.
    var polymorphism: MI.Polymorphism {
        switch intersection(Self.polymorphismMask) {
        case .shallow: .shallow
        case .deepBasePropertiesOnly: .deepBasePropertiesOnly
        default: .deep
        }
    }

    var wantsDerivation: Bool { !isDisjoint(with: [.standardRTTI, .fullRTTI]) }

    /// WMI's flags for reads.
    var read: CIMBusWire.OperationFlags { contains(.localizedQualifiers) ? .useAmendedQualifiers : [] }

    /// WMI's flags for enumerations.
    var enumeration: CIMBusWire.OperationFlags { polymorphism == .shallow ? read.union(.shallow) : read }
}
