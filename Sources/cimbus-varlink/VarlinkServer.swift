import CIMJSON
import DBus
import Glibc
import Synchronization

/// Takes connections, and answers their calls one after the other.
final class VarlinkServer: Sendable {
    /// At one time.
    static let mostConnections = 32

    private let listener: Int32
    private let service: VarlinkService
    private let patience: Patience
    private let open = Mutex(0)
    /// Each connection blocks at most two, one to talk and one to see that the peer leaves, and the listener one.
    private let threads = BlockingThreads(name: "varlink", most: 2 * mostConnections + 1)

    init(listener: Int32, service: VarlinkService, patience: Patience) {
        self.listener = listener
        self.service = service
        self.patience = patience
    }

    /// Serves until the socket fails.
    func serve() async throws(SocketFailure) {
        while true {
            let (descriptor, code) = await threads.run { [listener] in
                let descriptor = accept(listener, nil, nil)
                return (descriptor, errno)
            }
            guard descriptor >= 0 else {
                if [EINTR, ECONNABORTED, EPROTO].contains(code) { continue }
                throw SocketFailure("accept", code: code)
            }
            let socket = MessageSocket(descriptor: descriptor, patience: patience)
            if let refusal = refusal(of: socket) {
                // It has room for a text as short as this one, or the peer goes without it.
                _ = refusal.withUnsafeBytes {
                    send(descriptor, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT) | Int32(MSG_NOSIGNAL))
                }
                close(descriptor)
                continue
            }
            Task {
                await talk(socket)
                close(descriptor)
                open.withLock { $0 -= 1 }
            }
        }
    }

    /// Nil: the connection counts from now on.
    private func refusal(of socket: MessageSocket) -> [UInt8]? {
        guard let peer = socket.peer, peer == geteuid() || peer == 0 else {
            return VarlinkReply.error(.permissionDenied).bytes
        }
        let hasPlace = open.withLock { open in
            guard open < Self.mostConnections else { return false }
            open += 1
            return true
        }
        return hasPlace ? nil : VarlinkReply.error(.busy).bytes
    }

    private func talk(_ socket: MessageSocket) async {
        guard let watch = LeavingWatch(socket, threads) else { return }
        var rest: [UInt8] = []
        while true {
            let before = rest
            switch await threads.run({ socket.receive(after: before) }) {
            case .end: return
            case .tooLong: return await end(socket, "a call has at most \(MessageSocket.mostBytes) bytes")
            case .tooSlow: return await end(socket, "the call did not come to its end in time")
            case .message(let bytes, let behind):
                rest = behind
                let call: VarlinkCall
                do throws(MalformedCall) {
                    call = try VarlinkCall(bytes)
                } catch {
                    return await end(socket, error.description)
                }
                let channel = ReplyChannel(isSilent: call.isOneway) { [threads] bytes in await threads.run { socket.send(bytes) } }
                await watch.run { [service] in await service.answer(call, channel) }
                if channel.isBroken { return }
            }
        }
    }

    private func end(_ socket: MessageSocket, _ reason: String) async {
        let bytes = VarlinkReply.error(.malformed(reason)).bytes
        _ = await threads.run { socket.send(bytes) }
    }
}

/// Where the answers to one call go.
final class ReplyChannel: Sendable {
    /// Nobody takes the answers any more.
    struct Broken: Error {}

    private let isSilent: Bool
    private let send: @Sendable ([UInt8]) async -> Bool
    private let broken = Atomic(false)

    init(isSilent: Bool, send: @escaping @Sendable ([UInt8]) async -> Bool) {
        self.isSilent = isSilent
        self.send = send
    }

    var isBroken: Bool { broken.load(ordering: .relaxed) }

    func reply(_ replies: [VarlinkReply]) async throws(Broken) {
        if isSilent || replies.isEmpty { return }
        let bytes = replies.flatMap(\.bytes)
        guard await send(bytes) else {
            broken.store(true, ordering: .relaxed)
            throw Broken()
        }
    }
}
