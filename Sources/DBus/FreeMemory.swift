import CDBus

/// What the C library keeps of the memory that was freed.
public enum FreeMemory {
    /// Gives it back to the system, as far as whole pages are free. Takes some milliseconds for each GiB that is kept: not on an ``EventLoop``.
    public static func giveBack() { cdbus_give_memory_back() }
}
