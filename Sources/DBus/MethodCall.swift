import Logging
import Synchronization

/// A method call that arrived, and the one answer it is owed.
///
/// Answer with ``reply(signature:body:)``, ``reply(_:)`` or ``fail(_:)``, now or later, from any thread. The first answer counts; none is
/// sent to a caller who wants none. A call nobody answers is answered with `org.freedesktop.DBus.Error.NoReply` when its last reference goes.
public final class MethodCall: Sendable {
    public let message: Message
    /// The way it came, which is the way of its answer.
    private let carrier: any Carrier
    private let stay: UInt64
    private let isAnswered: Atomic<Bool>
    /// The arguments, where they are not the message's body as it came.
    private let arguments: BodyReader?

    init(_ message: Message, on link: Link) {
        self.message = message
        carrier = message.arrival ?? link
        stay = carrier.stay
        isAnswered = Atomic(message.isNoReplyExpected)
        arguments = nil
    }

    /// A call whose answer is owed no longer by `other`.
    private init(_ other: MethodCall, reading arguments: BodyReader) {
        message = other.message
        carrier = other.carrier
        stay = other.stay
        isAnswered = Atomic(other.isAnswered.exchange(true, ordering: .relaxed))
        self.arguments = arguments
    }

    /// The same call with other arguments; it takes over the answer.
    func reading(_ arguments: BodyReader) -> MethodCall { MethodCall(self, reading: arguments) }

    deinit {
        if isAnswered.load(ordering: .relaxed) { return }
        let error = DBusError(.noReply, "\(message.member ?? "the method") ended without an answer")
        if let reply = try? Message.error(replyTo: message, error) { Self.send(.message(reply), to: message, by: carrier, stay) }
    }

    public var path: ObjectPath { ObjectPath(verified: message.path ?? "/") }
    public var interface: String? { message.interface }
    public var member: String { message.member ?? "" }
    /// The unique name of the caller.
    public var sender: String? { message.sender }
    /// A cursor at the first argument. What it reads has the signature that the method is described with.
    public var reader: BodyReader { arguments ?? message.reader }
    /// Whether an answer would be sent. False after the first, and for callers who want none.
    public var needsReply: Bool { !isAnswered.load(ordering: .relaxed) }

    /// Answers with a body written in place. A body that cannot be encoded is answered with an error that says why.
    /// - Returns: false when the call had its answer already, or wants none.
    @discardableResult
    public func reply(signature: Signature = .empty, body: Message.BodyBuilder? = nil) -> Bool {
        answer { () throws(DBusError) in try written(body == nil ? .empty : signature, body: body ?? { _ in }) }
    }

    /// A reply that is written, and not sent yet.
    public struct WrittenReply: Sendable {
        fileprivate enum Form {
            case message(Message)
            /// Of a call that came by a private connection.
            case frame(WrittenFrame, PrivateConnection)
        }

        fileprivate let form: Form
    }

    /// Writes a reply, to be sent by ``reply(with:)-(WrittenReply)``, once. Throws `.malformed` when the body is not what `signature` says, `.tooLarge`
    /// over the protocol's limits, and what `body` throws.
    public func written(_ signature: Signature, body: @escaping Message.BodyBuilder) throws(DBusError) -> WrittenReply {
        if let own = message.arrival, let frame = try WrittenFrame(replyTo: message.serial, signature, body: body) {
            return WrittenReply(form: .frame(frame, own))
        }
        return WrittenReply(form: .message(try Message.reply(to: message, signature: signature, body: body)))
    }

    /// Answers with a reply that was written before.
    @discardableResult
    public func reply(with reply: WrittenReply) -> Bool {
        answer { () throws(DBusError) in reply }
    }

    /// Answers with these values.
    @discardableResult
    public func reply(_ values: [DBusValue]) -> Bool {
        answer { () throws(DBusError) in WrittenReply(form: .message(try Message.reply(to: message, values: values))) }
    }

    /// Answers with an error.
    @discardableResult
    public func fail(_ error: DBusError) -> Bool {
        answer { () throws(DBusError) in WrittenReply(form: .message(try Message.error(replyTo: message, error))) }
    }

    /// Answers with an error.
    @discardableResult
    public func fail(_ name: ErrorName, _ text: String, details: [DBusValue] = []) -> Bool {
        fail(DBusError(name, text, details: details))
    }

    /// Answers with a message made elsewhere, e.g. one that was ``Message/forwarded(to:path:interface:member:replySerial:flags:)``.
    @discardableResult
    public func reply(with message: Message) -> Bool {
        answer { () throws(DBusError) in WrittenReply(form: .message(message)) }
    }

    private func answer(_ make: () throws(DBusError) -> WrittenReply) -> Bool {
        if isAnswered.exchange(true, ordering: .relaxed) { return false }
        do throws(DBusError) {
            Self.send(try make().form, to: message, by: carrier, stay)
        } catch {
            carrier.options.logger.error("the reply to \(message) cannot be made: \(error.message)")
            // Want of memory is told as what it is; the error is smaller than the reply.
            let name = error.code == .outOfMemory ? ErrorName.noMemory : .failed
            if let reply = try? Message.error(replyTo: message, DBusError(name, "the reply cannot be made: \(error.message)")) {
                Self.send(.message(reply), to: message, by: carrier, stay)
            }
        }
        return true
    }

    private static func send(_ reply: WrittenReply.Form, to call: Message, by carrier: any Carrier, _ stay: UInt64) {
        carrier.loop.onLoop {
            // Whoever called before the bus was lost has been told so by the bus.
            guard carrier.stay == stay else { return }
            do throws(DBusError) {
                switch reply {
                case .message(let message): try carrier.send(message, isBounded: true)
                case .frame(let frame, let own): try own.send(frame)
                }
            } catch {
                // What is in the reply's way must not leave the caller waiting: a short error still gets out.
                guard error.code != .disconnected, let short = try? Message.error(replyTo: call, error) else { return }
                _ = try? carrier.send(short, isBounded: false)
            }
        }
    }
}
