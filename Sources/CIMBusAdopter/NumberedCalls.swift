import DBus
import Synchronization

/// Calls of one service on the connection of its signals, with the numbers of the replies: a signal with a lower number is older than the reply.
final class NumberedCalls: ServiceCalling {
    private let connection: Connection
    private let numbers = Mutex<[ObjectPath: UInt32]>([:])

    init(_ connection: Connection) { self.connection = connection }

    func call(_ call: ServiceCall) async throws(DBusError) -> Message {
        let reply = try await connection.call(try call.message, timeout: call.timeout)
        numbers.withLock { numbers in
            let number = reply.serial
            if let known = numbers[call.path], !number.isBefore(known) { return }
            numbers[call.path] = number
        }
        return reply
    }

    /// The number of the first reply of the object since the last time that this was asked.
    func takeNumber(of path: ObjectPath) -> UInt32? { numbers.withLock { $0.removeValue(forKey: path) } }
}

extension UInt32 {
    /// Of two numbers of one sender, which counts them up and begins anew behind the largest.
    func isBefore(_ other: UInt32) -> Bool { Int32(bitPattern: self &- other) < 0 }
}
