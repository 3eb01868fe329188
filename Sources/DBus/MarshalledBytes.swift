import CDBus
import Glibc

/// One block of heap memory with a message in it, shared by whoever reads it.
///
/// `@unchecked Sendable`: written by one ``BodyWriter`` before anyone else can see it, immutable after.
final class MarshalledBytes: @unchecked Sendable {
    var base: UnsafeMutableRawPointer?
    var count: Int
    private let isFromLibrary: Bool
    /// Memory for them could not be had: who reads them is told so.
    let isMissing: Bool

    init(isMissing: Bool = false) {
        base = nil
        count = 0
        isFromLibrary = false
        self.isMissing = isMissing
    }

    /// Takes over memory that libdbus allocated.
    init(adopting memory: UnsafeMutablePointer<CChar>?, count: Int) {
        base = UnsafeMutableRawPointer(memory)
        self.count = count
        isFromLibrary = true
        isMissing = false
    }

    /// Takes over memory of malloc's.
    init(owning memory: UnsafeMutableRawPointer, count: Int) {
        base = memory
        self.count = count
        isFromLibrary = false
        isMissing = false
    }

    init(copying bytes: UnsafeRawBufferPointer) {
        isFromLibrary = false
        guard let source = bytes.baseAddress, let memory = malloc(bytes.count) else {
            base = nil
            count = 0
            isMissing = !bytes.isEmpty
            return
        }
        isMissing = false
        memcpy(memory, source, bytes.count)
        base = memory
        count = bytes.count
    }

    deinit {
        if isFromLibrary { dbus_free(base) } else { free(base) }
    }
}
