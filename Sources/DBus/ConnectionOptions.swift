import Logging

/// What a connection allows. Sizes are in bytes.
public struct ConnectionOptions: Sendable {
    /// How long connecting, authenticating and `Hello` may take.
    public var connectTimeout: Duration = .seconds(25)
    /// Sending fails with `.queueFull` while more than this waits to be sent (one message may pass the mark).
    public var maximumQueuedBytes: Int = 64 << 20
    /// A larger incoming message ends the connection. The protocol's own limit is 128 MiB.
    public var maximumMessageBytes: Int = 128 << 20
    /// While received messages of more than this are alive in the process, nothing more is read.
    public var maximumReceivedBytes: Int = 256 << 20
    /// So many calls may be without a reply on the bus; further ones wait in the order in which they were made, each with its time running. A bus
    /// refuses a call beyond its own number (`LimitsExceeded`; dbus-daemon allows 128 by default). Where it does, that call waits, too, and the
    /// number is the bus's from then on. Nil: nothing waits, and a refusal is the call's failure.
    public var maximumUnansweredCalls: Int?
    /// Elements a signal stream may hold before it ends with `.queueFull`.
    public var maximumBufferedSignals: Int = 4096
    /// Hears of what has no caller to be told.
    public var logger = Logger(label: "dbus")

    public init() {}
}
