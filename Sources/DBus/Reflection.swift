// Reflection looks into an object from whatever thread asks, past every rule of who may touch what: `dump`, and a failed expectation of a test,
// which shows all that it was made of. What is touched by one thread alone shows nothing.

extension EventLoop: CustomReflectable {
    /// Nothing: the state is the loop's own.
    public nonisolated var customMirror: Mirror { Mirror(self, children: []) }
}

extension PrivateConnection: CustomReflectable {
    /// Nothing: the state is the loop's own.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension Link: CustomReflectable {
    var customMirror: Mirror { Mirror(self, children: []) }
}

extension Opening: CustomReflectable {
    var customMirror: Mirror { Mirror(self, children: []) }
}

extension PendingCall: CustomReflectable {
    var customMirror: Mirror { Mirror(self, children: []) }
}
