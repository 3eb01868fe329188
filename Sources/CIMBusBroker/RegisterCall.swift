import CIM
import CIMBusCore
import CIMBusWire
import CIMRepository
import DBus
import Glibc

/// The arguments of `Register`, checked as far as they say it themselves.
struct RegisterCall: Sendable {
    let namespace: CIMNamespaceName
    let name: String
    let provider: ObjectPath
    /// Whether it registers as a provider of events, which need not have an object.
    let isOfEvents: Bool
    /// A name or a number; empty: everybody.
    let user: String
    let locale: String
    /// Why the provider cannot serve, if it says so instead of registering.
    private(set) var failure: String?
    private(set) var mof: String?
    private(set) var silence: Microseconds?
    private(set) var ping: Microseconds?
    private var context: BodyReader

    private static let largest = 8 << 20

    init(_ call: MethodCall, isOfEvents: Bool = false) throws(CIMError) {
        self.isOfEvents = isOfEvents
        guard call.message.bodySize <= Self.largest else {
            throw CIMError(.quotaViolation, "Register: a call of \(call.message.bodySize) bytes; 8 MiB are the most")
        }
        do {
            var reader = call.reader
            guard try reader.readInt32() == 0 else { throw CIMError(.invalidParameter, "Register: flags must be 0") }
            context = reader
            try reader.skipArray(elementAlignment: 8)
            user = try reader.readString()
            locale = try reader.readString()
            let scope = try reader.readString()
            let name = try reader.readString()
            provider = try reader.readObjectPath()
            guard provider != Contract.null || isOfEvents else {
                throw CIMError(.invalidParameter, "Register: the provider is NULL (/); give the path of its org.cimbus1.Provider")
            }
            guard let namespace = scope.isEmpty ? .cimv2 : CIMNamespaceName(scope) else {
                throw CIMError(.invalidNamespace, "Register: \"\(scope.clipped(80))\" is not a namespace")
            }
            guard !name.isEmpty, name.utf8.count <= 120, name.utf8.allSatisfy({ $0 >= 0x20 }) else {
                throw CIMError(.invalidParameter, "Register: a provider's name has 1 to 120 printable bytes")
            }
            self.namespace = namespace
            self.name = name
        } catch let error as CIMError {
            throw error
        } catch {
            throw CIMError(.invalidParameter, "Register: \(error)")
        }
    }

    /// Reads the keys it knows, and passes over the others unread.
    mutating func readContext() throws(CIMError) {
        do {
            let end = try context.enterArray(elementAlignment: 8)
            while !context.isAtEnd(of: end) {
                try context.enterDictEntry()
                let key = try context.readString()
                switch key {
                case ContextKey.mof:
                    guard let text = try context.readVariant().stringValue else {
                        throw CIMError(.invalidContext, "Register: MOF must be a string")
                    }
                    mof = text
                case ContextKey.initializationFailure: failure = try context.readVariant().stringValue ?? ""
                case ContextKey.silenceSeconds: silence = try Self.seconds(try context.readVariant(), key)
                case ContextKey.pingSeconds: ping = try Self.seconds(try context.readVariant(), key)
                default:
                    let types = try context.readSignatureBytes()
                    try context.skip(types: types)
                }
            }
        } catch let error as CIMError {
            throw error
        } catch {
            throw CIMError(.invalidContext, "Register: \(error)")
        }
    }

    // MARK: - The definition

    /// What the definition says about who registers, and for whom (Semantics D.1, D.2, D.4).
    /// - Parameter uid: whose process registers.
    func check(_ definition: ProviderDefinition?, for user: UInt32?, by uid: UInt32?, _ rights: Rights) throws(CIMError) {
        if let fault = definition?.fault { throw CIMError(fault.status, "Register: \(fault.message)") }
        guard locale.isEmpty, definition?.isPerLocale != true else {
            throw CIMError(
                .notSupported, "Register: CIMBus has no registrations per locale; leave it empty, and PerLocaleInitialization FALSE")
        }
        guard let user else {
            if definition?.isPerUser != true { return }
            throw CIMError(
                .invalidParameter, "Register: provider \(name) is one for each user (PerUserInitialization); say for which one")
        }
        try checkIsPerUser(definition)
        guard let uid, uid == user || rights.isAdministrator(uid: uid) else {
            throw CIMError(.accessDenied, "Register: a provider for uid \(user) is registered by that user, root or the broker's user")
        }
    }

    func checkIsPerUser(_ definition: ProviderDefinition?) throws(CIMError) {
        guard definition?.isPerUser == true else {
            throw CIMError(
                .notSupported,
                "Register: provider \(name) is not one for each user; leave the user empty, or define it with PerUserInitialization")
        }
    }

    // MARK: - The user

    /// Whom it is for, if that can be said without asking the system; else nil. The inner nil is everybody.
    func userWithoutLookup() throws(CIMError) -> UInt32?? {
        if user.isEmpty { return .some(nil) }
        return UInt32(user).map { .some($0) }
    }

    /// As many questions to the system as may be under way at once: each may wait for the network.
    static let lookUps = BlockingThreads(name: "user-lookup", most: 4)

    /// Whom it is for. The system is asked on one of ``lookUps``.
    func lookUpUser() async throws(CIMError) -> UInt32? {
        if let known = try userWithoutLookup() { return known }
        let name = user
        let found = await Self.lookUps.run { SystemUsers.uid(ofUser: name) }
        guard let found else {
            throw CIMError(.invalidParameter, "Register: there is no user \"\(name.clipped(80))\"; give a name or a number")
        }
        return found
    }

    private static func seconds(_ value: CIMValue, _ key: String) throws(CIMError) -> Microseconds {
        guard let seconds = value.read(asScalar: .real64)?.doubleValue, seconds > 0, seconds <= 86_400 * 365 else {
            throw CIMError(.invalidContext, "Register: \(key) must be a positive number of seconds")
        }
        return Microseconds(seconds * 1e6)
    }
}
