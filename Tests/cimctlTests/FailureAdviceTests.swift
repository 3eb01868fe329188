import CIM
import DBus
import Testing

@testable import cimctl

@Suite struct FailureAdviceTests {
    /// What is said where nothing better is known, of a failure without a provider.
    private static let general = FailureAdvice.text(for: CIMError(WBEMStatus(rawValue: 0x8004_FFFF), "x"), on: .system)

    private func advice(_ status: WBEMStatus, _ bus: BusAddress = .system, cause: DBusError? = nil) -> String {
        FailureAdvice.text(for: CIMError(status, "x", cause: cause), on: bus)
    }

    @Test("Every failure says what to do next, once; a number without a name says where to read more")
    func everyFailure() {
        for number in Array(0x8004_1001...0x8004_10FF) + [0x8004_2001, 0x8004_4001, 0x8007_0005, 0x8000_0000, 0xFFFF_FFFF] as [UInt32] {
            let text = FailureReport(CIMError(WBEMStatus(rawValue: number), "x"), on: .system).text
            let lines = text.split(separator: "\n")
            #expect(lines.count == 2 && lines.last?.hasPrefix("  next: ") == true && (lines.last?.count ?? 0) > 20, "\(text)")
        }
        #expect(Self.general.contains("journalctl -u cimbusd"))
        #expect(advice(WBEMStatus(rawValue: 0x8004_FFFF), .session).contains("the standard error of cimbusd"))
        let own = CIMInstance(className: "__ExtendedStatus", ["ProviderName": "Clocks"])
        let text = FailureAdvice.text(for: CIMError(.failed, "x", extendedStatus: own), on: .system)
        #expect(text.hasPrefix("see the log of the provider Clocks, "))
    }

    @Test(
        "What is said is about what failed",
        arguments: [
            (.invalidMethod, "shows the methods"), (.invalidMethodParameters, "shows the parameters of the method"),
            (.readOnly, "qualifier write"),
            (.valueOutOfRange, "give values that fit"), (.invalidObject, "give values that fit"),
            (.clientTooSlow, "read the output faster"),
            (.callCancelled, "run it again"), (.invalidParameter, "change the argument"), (.providerSuspended, "resume"),
            (.alreadyExists, "another key"), (.noKey, "keys"), (WBEMStatus(rawValue: 0x8004_4003), "mend the MOF"),
            (.fatalTransportError, "when the bus is there again"), (.shuttingDown, "systemctl start cimbusd"),
        ] as [(WBEMStatus, String)])
    func particular(status: WBEMStatus, words: String) {
        #expect(advice(status).contains(words), "\(advice(status))")
        #expect(advice(status) != Self.general)
    }

    @Test("Without a bus nobody is told to start a broker on it; the failure of a write is not the broker's")
    func causes() {
        for bus in [BusAddress.system, .session, .address("unix:path=/nowhere")] {
            #expect(advice(.transportFailure, bus).hasPrefix("start the broker: "))
            for code in [DBusError.Code.address, .authentication] {
                let text = advice(code == .address ? .transportFailure : .accessDenied, bus, cause: DBusError(code: code, "x"))
                #expect(!text.contains("cimbusd") && text.contains("bus"), "\(text)")
            }
        }
        let unwritten = FailureAdvice.text(for: CIMError(.failed, "x", cause: Output.Unwritable()), on: .system)
        #expect(unwritten == "see that there is room, and that this user may write there")
    }

    @Test("A MOF command says to mend the file for what is wrong in it only")
    func mof() throws {
        let commands: [any Program] = [
            try MOFCompile.parse(["a.mof"]), try MOFCheck.parse(["a.mof"]), try MOFFormat.parse(["a.mof"]),
        ]
        for command in commands {
            #expect(command.advice(after: .mofExpectedQualifierName)?.hasPrefix("mend the file") == true)
            for status in [WBEMStatus.callCancelled, .fatalTransportError, .timedOut, .shuttingDown, .failed] {
                #expect(command.advice(after: status) == nil, "\(command) \(status)")
            }
        }
        #expect(try MOFFormat.parse(["a.mof", "--check"]).advice(after: .failed)?.contains("--in-place") == true)
    }
}
