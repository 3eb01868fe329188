import DBus
import Glibc

/// Ends what is done for a peer that has left meanwhile.
struct LeavingWatch: Sendable {
    private let socket: MessageSocket
    private let threads: BlockingThreads
    /// Two ends of a pipe: what is written to the second ends the wait at the first.
    private let wake: (read: FileDescriptorBox, write: FileDescriptorBox)

    /// Nil: the process is out of descriptors.
    init?(_ socket: MessageSocket, _ threads: BlockingThreads) {
        var ends: [Int32] = [-1, -1]
        guard pipe(&ends) == 0 else { return nil }
        wake = (FileDescriptorBox(owning: ends[0]), FileDescriptorBox(owning: ends[1]))
        self.socket = socket
        self.threads = threads
    }

    /// Runs `body`, as a task that is cancelled when the peer leaves.
    func run(_ body: @escaping @Sendable () async -> Void) async {
        let work = Task { await body() }
        let watch = Task {
            if await threads.run({ [socket, wake] in socket.waitForLeaving(or: wake.read.rawValue) }) { work.cancel() }
        }
        await work.value
        var byte: UInt8 = 0
        write(wake.write.rawValue, &byte, 1)
        await watch.value
        // It is there, for the wait took nothing.
        read(wake.read.rawValue, &byte, 1)
    }
}
