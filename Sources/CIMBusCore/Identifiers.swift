/// Microseconds of a monotonic clock that the caller of the core owns. The core never reads a clock.
public typealias Microseconds = Int64

extension Microseconds {
    /// The number of microseconds in `seconds`.
    public static func seconds(_ seconds: Int64) -> Microseconds { seconds * 1_000_000 }
}

/// What has a number of the broker's own, which nobody else chooses: a few operations spread such numbers well enough in a table, where the hash for
/// numbers of strangers takes ten times as many.
public protocol Numbered: Hashable {
    var number: UInt64 { get }
}

extension Numbered {
    @inlinable
    public func _rawHashValue(seed: Int) -> Int {
        var mixed = (number ^ UInt64(bitPattern: Int64(seed))) &* 0x9E37_79B9_7F4A_7C15
        mixed ^= mixed >> 32
        return Int(truncatingIfNeeded: mixed)
    }
}

/// A process on the far side of a connection, as the ledger knows it. Never reused: a restarted provider is another peer (Design 4).
public struct PeerID: Numbered, Sendable, Codable, Comparable {
    public let number: UInt64
    public init(_ number: UInt64) { self.number = number }
    public static func < (a: PeerID, b: PeerID) -> Bool { a.number < b.number }
}

/// One client request. Never reused while the broker runs.
public struct OperationID: Numbered, Sendable, Codable, Comparable {
    public let number: UInt64
    public init(_ number: UInt64) { self.number = number }
    public static func < (a: OperationID, b: OperationID) -> Bool { a.number < b.number }
}

/// One service sink: the broker's end of one provider call. Never reused while the broker runs.
public struct SinkID: Numbered, Sendable, Codable, Comparable {
    public let number: UInt64
    public init(_ number: UInt64) { self.number = number }
    public static func < (a: SinkID, b: SinkID) -> Bool { a.number < b.number }
}

/// A registration definition; it outlives the process that brings it to life.
public struct RegistrationID: Numbered, Sendable, Codable, Comparable {
    public let number: UInt64
    public init(_ number: UInt64) { self.number = number }
    public static func < (a: RegistrationID, b: RegistrationID) -> Bool { a.number < b.number }
}

/// A sink into which a provider of events raises them. Never reused while the broker runs.
public struct EventSourceID: Numbered, Sendable, Codable, Comparable {
    public let number: UInt64
    public init(_ number: UInt64) { self.number = number }
    public static func < (a: EventSourceID, b: EventSourceID) -> Bool { a.number < b.number }
}

/// Instances that the broker looks at again and again. Never reused while the broker runs.
public struct PollID: Numbered, Sendable, Codable, Comparable {
    public let number: UInt64
    public init(_ number: UInt64) { self.number = number }
    public static func < (a: PollID, b: PollID) -> Bool { a.number < b.number }
}

/// One look at the instances of a poll, and what it found. Never reused while the broker runs.
public struct LookID: Numbered, Sendable, Codable, Comparable {
    public let number: UInt64
    public init(_ number: UInt64) { self.number = number }
    public static func < (a: LookID, b: LookID) -> Bool { a.number < b.number }
}

/// A timer that raises events.
public struct TimerID: Numbered, Sendable, Codable, Comparable {
    public let number: UInt64
    public init(_ number: UInt64) { self.number = number }
    public static func < (a: TimerID, b: TimerID) -> Bool { a.number < b.number }
}

/// Something the broker keeps for the core: a batch of objects, or one object. The core orders them and never looks inside.
public struct PayloadID: Numbered, Sendable, Codable {
    public let number: UInt64
    public init(_ number: UInt64) { self.number = number }
}

/// A call that a peer made and the broker has not answered yet: an `Indicate` waiting for credit, or a `Next` waiting for objects.
public struct CallID: Numbered, Sendable, Codable {
    public let number: UInt64
    public init(_ number: UInt64) { self.number = number }
}
