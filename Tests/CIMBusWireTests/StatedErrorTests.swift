import CIM
import CIMBusWire
import DBus
import Testing

@Suite("Errors of other people's libraries (W6)")
struct StatedErrorTests {
    private func stated(_ name: String, _ text: String) -> StatedError { StatedError(DBusError(ErrorName(verified: name), text)) }

    @Test(
        "W6: the number of an error at the start of the text counts, whatever the name",
        arguments: [
            ("org.freedesktop.DBus.Error.Failed", "0x80041002 gone", 0x8004_1002, "gone"),
            ("org.freedesktop.DBus.Python.ValueError", "0x8004100f: bad", 0x8004_100F, "bad"),
            ("com.example.Mine", "0X80041003", 0x8004_1003, ""), ("a.B", "0x80070005, no", 0x8007_0005, "no"),
            ("org.cimbus1.Error.NotFound", "0x80041003 no", 0x8004_1003, "no"),
        ] as [(String, String, UInt32, String)])
    func numbers(name: String, text: String, status: UInt32, rest: String) {
        let error = stated(name, text)
        #expect(error.status?.rawValue == status)
        #expect(error.text == rest)
    }

    @Test(
        "W6: what is no error's number is text",
        arguments: ["0x00041002 fine", "0x800410021 long", "0x8004100 short", "80041002 bare", "x 0x80041002 inside", "0x8004_002 odd"])
    func noNumbers(text: String) {
        let error = stated("org.freedesktop.DBus.Error.Failed", text)
        #expect(error.status == nil)
        #expect(error.text == text)
    }

    @Test(
        "W6: a known name means what it says, whoever's it is",
        arguments: [
            ("org.freedesktop.DBus.Error.NotSupported", .notSupported), ("org.freedesktop.DBus.Error.AccessDenied", .accessDenied),
            ("org.freedesktop.DBus.Error.AuthFailed", .accessDenied), ("org.freedesktop.DBus.Error.InvalidArgs", .invalidParameter),
            ("org.freedesktop.DBus.Error.FileNotFound", .notFound), ("org.freedesktop.DBus.Error.FileExists", .alreadyExists),
            ("org.freedesktop.DBus.Error.NoMemory", .outOfMemory), ("org.freedesktop.DBus.Error.LimitsExceeded", .quotaViolation),
            ("org.freedesktop.DBus.Error.Timeout", .timedOut), ("org.freedesktop.DBus.Error.TimedOut", .timedOut),
            ("org.freedesktop.DBus.Error.InvalidSignature", .invalidParameter),
            ("org.freedesktop.DBus.Error.UnknownMethod", .providerNotCapable),
            ("org.freedesktop.DBus.Error.UnknownInterface", .providerNotCapable),
            ("org.freedesktop.DBus.Error.PropertyReadOnly", .readOnly), ("org.freedesktop.DBus.Error.UnknownProperty", .invalidProperty),
            ("org.cimbus1.Error.NOT_FOUND", .notFound), ("org.cimbus1.Error.notfound", .notFound),
            ("org.cimbus1.Error.WBEM_E_NOT_FOUND", .notFound), ("org.cimbus1.Error.Nonsense", .failed),
            ("System.Error.ENOENT", .notFound), ("System.Error.EPERM", .accessDenied),
            ("org.gtk.GDBus.UnmappedGError.Quark._g_2dio_2derror_2dquark.Code1", .notFound),
            ("org.freedesktop.DBus.Python.FileNotFoundError", .notFound), ("unknown.PermissionError", .accessDenied),
            ("org.freedesktop.DBus.Python.NotImplementedError", .providerNotCapable), ("java.nio.file.NoSuchFileException", .notFound),
            ("System.Error.ENOSPC", .outOfDiskSpace), ("System.Error.EDQUOT", .outOfDiskSpace),
            ("org.gtk.GDBus.UnmappedGError.Quark._g_2dio_2derror_2dquark.Code12", .outOfDiskSpace),
        ] as [(String, WBEMStatus)])
    func names(name: String, status: WBEMStatus) {
        #expect(stated(name, "words").status == status)
        #expect(CIMError(DBusError(ErrorName(verified: name), "words")).status == status)
    }

    @Test(
        "R15 W6: want of memory is OutOfMemory by every name that a library gives it, also behind a traceback without words",
        arguments: [
            "org.freedesktop.DBus.Error.NoMemory", "System.Error.ENOMEM", "org.cimbus1.Error.OutOfMemory",
            "org.cimbus1.Error.WBEM_E_OUT_OF_MEMORY", "org.freedesktop.DBus.Python.MemoryError", "not.known.Error.MemoryError",
            "org.freedesktop.DBus.Python.numpy.core._exceptions._ArrayMemoryError", "org.txdbus.PythonException.MemoryError",
            "java.lang.OutOfMemoryError", "System.OutOfMemoryException", "ruby.NoMemoryError",
        ])
    func noMemory(name: String) {
        #expect(stated(name, "words").status == .outOfMemory)
        let bare = stated(name, Self.traceback + "MemoryError\n")
        #expect(bare.status == .outOfMemory)
        #expect(bare.text.hasPrefix("MemoryError\nTraceback"))
        #expect(stated("org.freedesktop.DBus.Error.LimitsExceeded", "words").status == .quotaViolation)
    }

    @Test(
        "W6: a name that says nothing, and the transport's own, state nothing",
        arguments: ["Failed", "UnknownObject", "ServiceUnknown", "NoReply", "Disconnected", "NameHasNoOwner"])
    func silentNames(name: String) { #expect(stated("org.freedesktop.DBus.Error." + name, "words").status == nil) }

    private static let traceback = """
        Traceback (most recent call last):
          File "/usr/lib/python3/dist-packages/dbus/service.py", line 712, in _message_cb
            retval = candidate_method(self, *args, **keywords)
                     ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
          File "clocks.py", line 20, in GetObjectAsync

        """

    @Test("W6: the reason of a Python traceback comes first, and its lines stay")
    func traceback() {
        let error = stated("org.freedesktop.DBus.Python.ValueError", Self.traceback + "ValueError: no such clock\nnor any other\n")
        #expect(error.status == nil)
        #expect(error.text.hasPrefix("ValueError: no such clock\nnor any other\nTraceback (most recent call last):\n  File"))
        #expect(error.text.contains("\n    retval = candidate_method"))
        let chained =
            Self.traceback + "KeyError: 'x'\n\nDuring handling of the above exception, another exception occurred:\n\n" + Self.traceback
        #expect(stated("a.B", chained + "OSError: 2\n").text.hasPrefix("OSError: 2\nTraceback"))
    }

    @Test("W6: the number in the reason of a traceback counts")
    func numberInTraceback() {
        let error = stated("org.freedesktop.DBus.Python.RuntimeError", Self.traceback + "RuntimeError: 0x80041002 no such clock")
        #expect(error.status == .notFound)
        #expect(error.text.hasPrefix("no such clock\nTraceback"))
    }

    @Test("W6: what GLib was told by somebody else is read as what it was told")
    func glib() {
        let error = stated("org.gtk.GDBus.UnmappedGError.Quark._x.Code0", "GDBus.Error:org.cimbus1.Error.NotFound: 0x80041002 no clock")
        #expect(error.status == .notFound)
        #expect(error.text == "no clock")
        #expect(stated("a.B", "GDBus.Error:org.freedesktop.DBus.Error.AccessDenied: no").status == .accessDenied)
        #expect(stated("a.B", "GDBus.Error:").status == nil)
    }
}
