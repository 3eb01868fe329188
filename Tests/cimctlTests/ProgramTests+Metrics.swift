import DBus
import Glibc
import Testing
import WireTestKit

/// `cimctl metrics` with gauges, read by parsers that are not ours.
extension ProgramTests {
    private static let tanksMOF = #"""
        class Site_Tank { [key] string Name; uint64 Level; real64 Share; boolean Open; string Note; string Kind; };
        instance of Site_Tank { Name = "a\"b\\c"; Note = "d\ne"; Level = 18446744073709551615; Share = 0.5; Open = true; };
        instance of Site_Tank { Name = "plain"; Level = 7; };
        """#

    /// Prints each sample of the text of a file, of which nothing may be amiss.
    private static let parser = """
        import sys
        from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
        for family in parse(open(sys.argv[1]).read()):
            for sample in family.samples:
                print(family.type, sample.name, *sorted(f"{k}={v!r}" for k, v in sample.labels.items()), float(sample.value))
        """

    private func samples(_ text: String) async throws -> [String] {
        try folder.write("metrics.prom", text)
        let path = folder.path("metrics.prom")
        let (output, end) = try await ChildProcess.output(
            "/bin/sh", ["-c", "exec /usr/bin/python3 -c \"$0\" \"$1\" 2>&1", Self.parser, path])
        #expect(end == .exited(0), "\(output)\n\(text)")
        // Prometheus' own, where it is installed.
        if access("/usr/bin/promtool", X_OK) == 0 {
            let checked = try await ChildProcess.output("/bin/sh", ["-c", "exec promtool check metrics < \"$0\" 2>&1", path])
            #expect(checked.end == .exited(0) && checked.text.isEmpty, "\(checked.text)")
        }
        return output.split(separator: "\n").map(String.init)
    }

    private func metrics(_ conf: String, on bus: PrivateBus, _ options: [String] = []) async throws -> Run {
        try folder.write("metrics.d/10-site.conf", conf)
        return try await run(["metrics"] + options, on: bus.address, environment: ["CIMBUS_METRICS": folder.path("metrics.d")])
    }

    private func tanks() async throws -> (bus: PrivateBus, broker: BrokerProcess) {
        let (bus, broker) = try await open()
        try folder.write("tanks.mof", Self.tanksMOF)
        let stored = try await run(["mof", "compile", folder.path("tanks.mof")], on: bus.address)
        #expect(stored.end == .exited(0), "\(stored.errors)")
        return (bus, broker)
    }

    @Test("metrics: numbers of any class are gauges, exact, with labels that break no line, beside what the broker counts")
    func gauges() async throws {
        let (bus, broker) = try await tanks()
        let run = try await metrics(
            "[tank]\nHelp=Of \"tanks\" \\ here.\nClass=Site_Tank\nValues=Level as level_liters, Share, Open\nLabels=Name, Note as words\n[none]\nClass=Site_Tank\nValues=Level\nWhere=Level = 5\n",
            on: bus)
        #expect(run.end == .exited(0) && run.errors.isEmpty, "\(run.errors)")
        #expect(
            run.output.contains("cim_tank_level_liters{name=\"a\\\"b\\\\c\",words=\"d\u{FFFD}e\"} 18446744073709551615\n"), "\(run.output)")
        let samples = try await samples(run.output)
        #expect(
            samples.contains("gauge cim_tank_share name='a\"b\\\\c' words='d\u{FFFD}e' 0.5")
                && samples.contains("gauge cim_tank_open name='a\"b\\\\c' words='d\u{FFFD}e' 1.0"), "\(samples)")
        #expect(samples.count { $0.hasPrefix("gauge cim_tank_share") } == 1, "\(samples)")
        #expect(
            samples.contains("gauge cimbus_query_complete name='none' 1.0")
                && samples.contains("gauge cimbus_query_complete name='tank' 1.0"))
        #expect(samples.contains { $0.hasPrefix("gauge cimbus_start_time_seconds") })
        withExtendedLifetime(broker) {}
    }

    @Test(
        "metrics: a misspelt property, a text for a number, a class that is not there: file and line; the gauge is marked, the others come")
    func faultyGauges() async throws {
        let (bus, broker) = try await tanks()
        let conf = folder.path("metrics.d/10-site.conf")
        let run = try await metrics(
            "[good]\nClass=Site_Tank\nValues=Level\n[levl]\nClass=Site_Tank\nValues=Levl\n[text]\nClass=Site_Tank\nValues=Note\n"
                + "[gone]\nClass=Site_Tnk\nValues=Level\n[where]\nClass=Site_Tank\nValues=Level\nWhere=Level >\n[word]\nClass=Site_Tank\nValue=Level\n",
            on: bus)
        #expect(run.end == .exited(1), "\(run)")
        for reason in [
            "\(conf):6: [levl]: class Site_Tank has no Levl; did you mean Level?", "\(conf):9: [text]: Note is string, and no number",
            "\(conf):11: [gone]: 0x80041002 NotFound: ", "\(conf):16: [where]: 0x80041017 InvalidQuery",
            "\(conf):19: nothing is called 'Value'; did you mean Values?",
        ] {
            #expect(run.errors.contains("cimctl: \(reason)"), "\(reason): \(run.errors)")
        }
        #expect(run.errors.split(separator: "\n").count == 5, "\(run.errors)")
        let samples = try await samples(run.output)
        #expect(
            samples.filter { $0.hasPrefix("gauge cimbus_query_complete") }.sorted() == [
                "gauge cimbus_query_complete name='gone' 0.0", "gauge cimbus_query_complete name='good' 1.0",
                "gauge cimbus_query_complete name='levl' 0.0", "gauge cimbus_query_complete name='text' 0.0",
                "gauge cimbus_query_complete name='where' 0.0", "gauge cimbus_query_complete name='word' 0.0",
            ])
        #expect(samples.contains("gauge cim_good_level name='plain' 7.0"), "\(samples)")
        withExtendedLifetime(broker) {}
    }

    @Test(
        "metrics: one deadline holds for all gauges: a provider that hangs costs its own, with what it had sent, and the others are whole")
    func hungGauge() async throws {
        let (bus, broker) = try await tanks()
        let faulty = try await FaultyProcess.start(on: bus, ["--script", "reply 0 1; indicate 2; never"])
        let file = folder.path("whole.prom")
        defer { unlink(file) }
        let start = ContinuousClock.now
        let run = try await metrics(
            "[faulty]\nClass=Faulty_Thing\nValues=Number\n[again]\nClass=Faulty_Thing\nValues=Number\n[tank]\nClass=Site_Tank\nValues=Level\n",
            on: bus,
            ["--timeout", "2", "--textfile", file])
        #expect(ContinuousClock.now - start < .seconds(20))
        #expect(run.end == .exited(1) && run.output.isEmpty, "\(run)")
        #expect(
            run.errors.contains("[faulty]: 0x80041069 TimedOut") && run.errors.contains("[again]: 0x80041069 TimedOut"), "\(run.errors)")
        let samples = try await samples(try folder.read("whole.prom"))
        #expect(samples.count { $0.hasPrefix("gauge cim_faulty_number") } == 2, "\(samples)")
        #expect(
            samples.contains("gauge cim_tank_level name='plain' 7.0") && samples.contains("gauge cimbus_query_complete name='tank' 1.0"))
        #expect(samples.contains("gauge cimbus_query_complete name='faulty' 0.0"), "\(samples)")
        withExtendedLifetime((broker, faulty)) {}
    }

    @Test("metrics: a gauge has Rows= instances at most, and one sample for the same labels; what is left out is said, and marked")
    func boundedGauge() async throws {
        let (bus, broker) = try await tanks()
        let run = try await metrics(
            "[few]\nClass=Site_Tank\nValues=Level\nRows=1\n[same]\nClass=Site_Tank\nValues=Level\nLabels=Kind\n", on: bus)
        #expect(run.end == .exited(1), "\(run)")
        #expect(run.errors.contains("10-site.conf:4: [few]: there are more than 1 instances"), "\(run.errors)")
        #expect(run.errors.contains("10-site.conf:8: [same]: several instances have the labels kind="), "\(run.errors)")
        let samples = try await samples(run.output)
        #expect(
            samples.count { $0.hasPrefix("gauge cim_few_level") } == 1 && samples.count { $0.hasPrefix("gauge cim_same_level") } == 1,
            "\(samples)")
        #expect(
            samples.contains("gauge cimbus_query_complete name='few' 0.0")
                && samples.contains("gauge cimbus_query_complete name='same' 0.0"))
        withExtendedLifetime(broker) {}
    }

    @Test("metrics: a broker that does not answer costs the deadline, and nothing is written over what was there")
    func gaugesOfASilentBroker() async throws {
        let bus = try await PrivateBus.start()
        let silent = try await bus.connect()
        await silent.setInbound { _ in true }
        _ = try await silent.requestName(WellKnownName("org.cimbus1"))
        try folder.write("old.prom", "old\n")
        let run = try await metrics(
            "[tank]\nClass=Site_Tank\nValues=Level\n", on: bus, ["--timeout", "0.2", "--textfile", folder.path("old.prom")])
        #expect(run.end == .exited(4) && run.errors.contains("TimedOut"), "\(run)")
        #expect(try folder.read("old.prom") == "old\n")
        withExtendedLifetime(silent) {}
    }
}
