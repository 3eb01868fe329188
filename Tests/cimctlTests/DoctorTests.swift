import CIM
import DBus
import Testing

@testable import CIMBusClient
@testable import cimctl

@Suite struct DoctorTests {
    /// A machine where all is well.
    private var well: DoctorFacts {
        var facts = DoctorFacts(bus: .system, brokerUser: 999, ownUser: 1000)
        facts.isActivatable = true
        facts.figures = BrokerFigures(
            version: "1", namespaces: ["root"], openOperations: 0, sinkReferences: 0, registrations: 0, counters: [:])
        facts.unit = ["LoadState": "loaded", "ActiveState": "active", "Result": "success"]
        facts.policies = [DoctorFacts.policyPaths[0]]
        facts.serviceUser = 999
        facts.state = DoctorFacts.Place(owner: 999, mode: 0o700, freePercent: 50)
        facts.rights = ["Enable: yes, nobody says otherwise"]
        facts.operation = .success(.milliseconds(3))
        return facts
    }

    @Test("On a machine where all is well every check is good")
    func allWell() {
        #expect(well.findings.map(\.state).allSatisfy { $0 == .good }, "\(well.findings)")
        #expect(
            well.findings.map(\.check) == ["bus", "policy", "user", "unit", "broker", "repository", "rights", "operation", "providers"])
        var session = well
        session.bus = .session
        #expect(session.findings.map(\.check) == ["bus", "broker", "rights", "operation", "providers"])
    }

    struct Fault: Sendable {
        var check: String
        var command: String
        var breaks: @Sendable (inout DoctorFacts) -> Void

        init(_ check: String, _ command: String, _ breaks: @escaping @Sendable (inout DoctorFacts) -> Void) {
            (self.check, self.command, self.breaks) = (check, command, breaks)
        }
    }

    static let faults: [Fault] = [
        Fault("bus", "systemctl start dbus", { $0.busFailure = CIMError(.transportFailure, "x") }),
        Fault("policy", "apt install --reinstall cimbus && systemctl reload dbus", { $0.policies = [] }),
        Fault("user", "systemd-sysusers", { $0.serviceUser = nil }), Fault("user", "busctl status org.cimbus1", { $0.brokerUser = 1234 }),
        Fault(
            "unit", "systemctl reset-failed cimbusd && systemctl start cimbusd",
            { $0.unit = ["LoadState": "loaded", "ActiveState": "failed"] }),
        Fault("unit", "systemctl unmask cimbusd", { $0.unit = ["LoadState": "masked", "ActiveState": "inactive"] }),
        Fault(
            "unit", "apt install cimbus && systemctl daemon-reload", { $0.unit = ["LoadState": "not-found", "ActiveState": "inactive"] }),
        Fault(
            "unit", "systemctl start cimbusd",
            { facts in
                facts.unit = ["LoadState": "loaded", "ActiveState": "inactive"]
                facts.isActivatable = false
            }),
        Fault("broker", "systemctl restart cimbusd", { $0.brokerFailure = CIMError(.timedOut, "x") }),
        Fault(
            "broker", "systemctl start cimbusd",
            { facts in
                facts.brokerFailure = CIMError(.transportFailure, "x")
                facts.brokerUser = nil
            }),
        Fault("repository", "chown -R cimbus:cimbus /var/lib/cimbus", { $0.state?.owner = 0 }),
        Fault("repository", "chmod 0700 /var/lib/cimbus", { $0.state?.mode = 0o755 }),
        Fault("repository", "df -h /var/lib/cimbus", { $0.state?.freePercent = 3 }),
        Fault("rights", "cimctl rights check user:1000", { $0.rights = ["Enable: no, /etc/x:1", "Subscribe: yes, y"] }),
        Fault("operation", "journalctl -u cimbusd -n 50", { $0.operation = .failure(CIMError(.failed, "x")) }),
        Fault("operation", "cimctl top --count 1", { $0.operation = .success(.seconds(3)) }),
        Fault("aliases", "$EDITOR /a.conf", { $0.aliasFaults = [ConfigurationFault(file: "/a.conf", line: 3, reason: "x")] }),
        Fault("metrics", "$EDITOR /m.conf", { $0.gaugeFaults = [ConfigurationFault(file: "/m.conf", line: 3, reason: "x")] }),
    ]

    @Test("Each fault is found by its own check, with the command that mends it", arguments: faults)
    func eachFault(fault: Fault) {
        let (check, command) = (fault.check, fault.command)
        var facts = well
        fault.breaks(&facts)
        let found = facts.findings.filter { $0.state == .bad || $0.state == .doubtful }
        #expect(found.contains { $0.check == check && $0.command == command }, "\(facts.findings)")
        #expect(Set(found.map(\.check)) == [check], "\(found)")
        #expect(found.allSatisfy { $0.lines.contains("mend it: \(command)") })
    }

    @Test("A unit that does not run is good where the bus starts it; a provider that is ill is named")
    func more() {
        var facts = well
        facts.unit = ["LoadState": "loaded", "ActiveState": "inactive"]
        #expect(facts.findings.first { $0.check == "unit" }?.state == .good)
        facts.providers = [
            RegistrationSummary(
                name: "Lamps", namespace: "root/cimv2", owner: ":1.2", processID: 3, userID: 4, classes: [], state: "unresponsive",
                openOperations: 0,
                sinkReferences: 0, counters: [:], lastFailure: "hung", warnings: [])
        ]
        #expect(facts.findings.last?.lines.contains("Lamps is unresponsive: hung") == true)
    }
}
