import CDBus
import Glibc

/// What waits to be written to a socket, in order.
struct Outbox: ~Copyable {
    enum Item {
        case bytes(MarshalledBytes)
        /// One reference to a message that libdbus writes, and its size.
        case library(OpaquePointer, Int)
    }

    /// How far writing came.
    enum Progress: Equatable {
        case all
        /// The socket takes no more for now.
        case some
        case failed(Int32)
    }

    /// What was written is at its start, until enough of it is.
    private var items: [Item] = []
    private var next = 0
    /// How much of the first item was written.
    private var written = 0
    /// What waits, in bytes.
    private(set) var byteCount = 0
    /// Nothing is written any more: the other end reads no more, which shows when everything that it said was read.
    private(set) var isClosed = false

    var isEmpty: Bool { next == items.count }

    var first: Item? { next < items.count ? items[next] : nil }

    mutating func append(_ item: Item) {
        switch item {
        case .bytes(let bytes): byteCount += bytes.count
        case .library(_, let size): byteCount += size
        }
        items.append(item)
    }

    mutating func removeFirst() {
        if case .library(let message, let size) = items[next] {
            byteCount -= size
            dbus_message_unref(message)
        }
        next += 1
        written = 0
        if next == items.count {
            items.removeAll(keepingCapacity: next <= 64)
            next = 0
        } else if next >= 1024 {
            items.removeFirst(next)
            next = 0
        }
    }

    /// Writes the bytes that are first; what was written of them is forgotten.
    mutating func write(to socket: Int32) -> Progress {
        guard case .bytes(let bytes)? = first, let base = bytes.base else { return .all }
        while written < bytes.count {
            let count = send(socket, base + written, bytes.count - written, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
            guard count < 0 else {
                written += count
                byteCount -= count
                continue
            }
            switch errno {
            case EINTR: continue
            case EAGAIN, EWOULDBLOCK: return .some
            case EPIPE, ECONNRESET:
                discard()
                return .some
            case let number:
                discard()
                return .failed(number)
            }
        }
        removeFirst()
        return .all
    }

    private mutating func discard() {
        isClosed = true
        while !isEmpty { removeFirst() }
        byteCount = 0
    }

    deinit {
        for item in items[next...] { if case .library(let message, _) = item { dbus_message_unref(message) } }
    }
}
