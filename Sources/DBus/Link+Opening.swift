/// How a link comes to its socket, for the first time and again. Connecting may block, and nobody waits longer than ``ConnectionOptions/connectTimeout``.
extension Link {
    /// Connecting may block for ever: each connection has a thread of its own for it.
    private static let openers = BlockingThreads(name: "dbus-connect", most: .max)

    /// Opens the socket on one of ``openers``, and attaches the link to the loop.
    static func open(address: String, loop: EventLoop, options: ConnectionOptions) async throws(DBusError) -> Link {
        let link = Link(try await socket(at: address, loop, within: options.connectTimeout), loop: loop, options: options)
        await withUnsafeContinuation { attached in
            loop.execute {
                link.attach()
                attached.resume()
            }
        }
        return link
    }

    /// Opens the socket on one of ``openers``. Where that blocks, as at a server that is stopped and has a full queue, nobody waits longer than
    /// `limit`; what comes after that is closed.
    private static func socket(at address: String, _ loop: EventLoop, within limit: Duration) async throws(DBusError) -> Opening {
        let result: Result<Opening, DBusError> = await withUnsafeContinuation { continuation in
            loop.execute {
                let attempt = Attempt(continuation)
                let timer = loop.schedule(after: limit) {
                    attempt.end(.failure(DBusError(code: .timedOut, "no connection to \(address) within \(limit)")))
                }
                openers.execute {
                    let result: Result<Opening, DBusError>
                    do throws(DBusError) { result = .success(try Opening(address: address)) } catch { result = .failure(error) }
                    loop.execute {
                        loop.cancel(timer)
                        attempt.end(result)
                    }
                }
            }
        }
        return try result.get()
    }

    /// Who waits for a socket. Touched on the loop only.
    private final class Attempt: @unchecked Sendable {
        private var continuation: UnsafeContinuation<Result<Opening, DBusError>, Never>?

        init(_ continuation: UnsafeContinuation<Result<Opening, DBusError>, Never>) { self.continuation = continuation }

        /// The first result counts.
        func end(_ result: Result<Opening, DBusError>) {
            continuation?.resume(returning: result)
            continuation = nil
        }
    }

    /// Opens a socket again for a link that rests, and says Hello by it before anything else.
    func reopen(address: String) async throws(DBusError) -> Message {
        let hello = try Message.busCall("Hello")
        let opening = try await Self.socket(at: address, loop, within: options.connectTimeout)
        let result: Result<Message, DBusError> = await withUnsafeContinuation { continuation in
            loop.execute { [self] in takeUp(opening, hello) { continuation.resume(returning: $0) } }
        }
        return try result.get()
    }
}
