import CIM
import CIMBusWire

extension MI {
    /// What the results of one operation are like (Semantics F.3). No flag is the default: results are acknowledged without the client, and
    /// come from subclasses, too.
    public struct OperationFlags: OptionSet, Hashable, Sendable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }

        /// A callback gets the next result only after the client has given the ``MI/Acknowledgement`` of the last. The flag has no effect
        /// on pulls: the next pull acknowledges. The operation fails with ClientTooSlow when a result waits for more than 30 s while more
        /// are to come (Design 3); a subscription loses events then, and goes on.
        public static let manualAcknowledgement = OperationFlags(rawValue: 0x1)

        /// An instance has the name of its class. Its values have the types of the class with and without this flag, so that this flag and
        /// ``noRTTI`` give the same.
        public static let basicRTTI = OperationFlags(rawValue: 0x2)

        /// As ``standardRTTI``.
        public static let fullRTTI = OperationFlags(rawValue: 0x4)

        /// As ``basicRTTI``.
        public static let noRTTI = OperationFlags(rawValue: 0x400)

        /// An instance says from which classes its class is derived: `__SUPERCLASS`, `__DYNASTY`, `__DERIVATION`.
        public static let standardRTTI = OperationFlags(rawValue: 0x800)

        /// Qualifiers come in the session's language, where the class has them in that language (WBEM_FLAG_USE_AMENDED_QUALIFIERS).
        public static let localizedQualifiers = OperationFlags(rawValue: 0x8)

        /// Accepted. Expensive properties come without the flag, too, since IWbemServices cannot leave them out.
        public static let expensiveProperties = OperationFlags(rawValue: 0x40)

        /// For instances: those of exactly the class that was asked for, without its subclasses. For classes: only the direct subclasses.
        public static let shallow = OperationFlags(rawValue: 0x80)

        /// Instances of subclasses come, too, but only with the properties of the class that was asked for. The flag contains the bit of
        /// ``shallow``.
        public static let deepBasePropertiesOnly = OperationFlags(rawValue: 0x180)

        /// The first result is empty. It comes before anything that the broker sends; of a subscription it comes when the broker has accepted it and its sources know of it.
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

    /// Compared as a whole, since the bits overlap.
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
