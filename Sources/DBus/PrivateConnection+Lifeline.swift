import Glibc

/// The lifeline of a private connection: a second socket that carries nothing. It ends when the process at the other end does, before that process's
/// memory is given back, while the private connection's own socket ends after that (``Lifeline``).
extension PrivateConnection {
    /// The connection ends as soon as anything comes by `lifeline`, as its end does: after everything that was written to the connection before.
    public func end(with lifeline: FileDescriptorBox) {
        if isOver { return }
        let watch = loop.addWatch(lifeline.rawValue, events: Int16(POLLIN)) { [weak self] _ in self?.lifelineEnded() }
        self.lifeline = (lifeline, watch)
    }

    private func lifelineEnded() {
        guard let lifeline else { return }
        if let watch = lifeline.watch { loop.removeWatch(watch) }
        self.lifeline = nil
        drain()
        close(DBusError(code: .disconnected, "the process at the other end has ended"))
    }

    /// Holds the end of a lifeline for as long as the connection and this process live: whoever has the other end hears of this process's death at
    /// once.
    public func hold(_ lifeline: FileDescriptorBox) {
        if isOver { return }
        self.lifeline = (lifeline, nil)
        // Where there is no thread for it, it ends with the process's other descriptors.
        Lifeline.hold(lifeline, on: loop) { [weak self] in self?.lifeline = nil }
    }

    /// The connection has ended, and nothing more is to come of its lifeline.
    func forgetLifeline() {
        if let watch = lifeline?.watch { loop.removeWatch(watch) }
        lifeline = nil
    }
}
